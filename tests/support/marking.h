/* SPDX-License-Identifier: MIT */
/*
 * tests/support/marking.h: a cycle that goes on marking as long as the test likes,
 * since its list of static data waits for the loader's lock.  For tests of the
 * layer runtime.
 */
#ifndef TRI_TESTS_SUPPORT_MARKING_H
#define TRI_TESTS_SUPPORT_MARKING_H

#include <pthread.h>
#include <stdbool.h>

/* Returns while the collector marks; the thread holds the lock until end_marking,
 * which returns when the cycle is over. */
pthread_t begin_marking(void);
void end_marking(pthread_t thread);
bool is_marking(void);

/* Waits until all is marked that can be found without static data, and so every
 * stack was scanned. */
void await_all_but_data(void);

#endif /* TRI_TESTS_SUPPORT_MARKING_H */
