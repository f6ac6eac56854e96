/* SPDX-License-Identifier: MIT */
/*
 * tests/support/scan.h: goroutines that hold values which no other code knows, and
 * whether a scan of their stacks finds them.  For tests of the layer runtime.
 */
#ifndef TRI_TESTS_SUPPORT_SCAN_H
#define TRI_TESTS_SUPPORT_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    VALUES = 16
};

/* Value i is secret + i.  Derived at run time, so that no constant lies in memory. */
extern volatile uint64_t secret;
/* What the last scan found; and whoever holds them says who he is, that he is there
 * (1), and that he is done (2), and ends when he is told. */
extern bool found[VALUES];
extern volatile uint64_t their_id;
extern volatile int ready;
extern volatile int leave;

/* Stacks are scanned while the collector is active, and with it the states of
 * goroutines change otherwise (G-4). */
void pretend_active(bool active);
/* The place in the table of the goroutine with this id. */
size_t index_of(uint64_t id);
/* What a scanner of stacks calls: notes the values it sees. */
void look(uintptr_t lo, uintptr_t hi, void *arg);
/* Scans the goroutine with this id until it can be had. */
void scan_goroutine(uint64_t id);
/* fn on a goroutine; returns when it is there.  Ends it. */
void start(void (*fn)(void *));
void stop(void);

#endif /* TRI_TESTS_SUPPORT_SCAN_H */
