/* SPDX-License-Identifier: MIT */
/* tests/support/fake_host.h: the collector without a scheduler. */
#ifndef TRI_TESTS_SUPPORT_FAKE_HOST_H
#define TRI_TESTS_SUPPORT_FAKE_HOST_H

#include "base/atomic.h"

/* Starts the collector; the calling thread is its first mutator, with its stack
 * scanned up to `stack_top` (a frame address of main). */
void fake_host_start(void *stack_top);

/* What the collector had populated so far. */
extern TRI_ATOMIC(uint64_t) fake_host_populated_bytes;

/* Where a goroutine would give others a chance: workers, runners, sweeper. */
void fake_host_yield(void);

#endif /* TRI_TESTS_SUPPORT_FAKE_HOST_H */
