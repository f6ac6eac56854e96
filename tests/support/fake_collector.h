/* SPDX-License-Identifier: MIT */
/*
 * tests/support/fake_collector.h: what gc/special*.c, cleanup*.c, finalizer.c
 * and weak.c need of the rest, over plain threads: a P for each thread, a sweep
 * generation that the test turns, a phase that the test sets, runners that are
 * threads.  So the heart is tested without a scheduler and without a marker.
 */
#ifndef TRI_TESTS_SUPPORT_FAKE_COLLECTOR_H
#define TRI_TESTS_SUPPORT_FAKE_COLLECTOR_H

#include "alloc/heap.h"
#include "gc/gc.h"
#include "gc/percpu.h"

/* Heap, records; once.  Gives the calling thread a P. */
void fake_begin(void);
/* A P for this thread, until it ends or fake_thread_end. */
void fake_thread_begin(void);
void fake_thread_end(void);

void fake_set_phase(enum tri_gc_phase phase);
/* Words shaded since the phase was set last; the first few of them. */
extern TRI_ATOMIC(uint32_t) fake_shaded_count;
extern TRI_ATOMIC(uintptr_t) fake_shaded[64];

/* Threads in tri_host_wait now. */
extern TRI_ATOMIC(uint32_t) fake_waiting;

/* The next cycle: every span in use now needs sweeping.  Nobody sweeps. */
void fake_turn(void);
extern uint64_t fake_cycle;

/* A span all of whose slots are allocated, all of them marked or none. */
struct tri_span *fake_span(uint32_t kind, size_t large_bytes);
void fake_mark(struct tri_span *span, uint32_t slot);

/* Sweeps the span if this thread is the first to want it: true.  Frees it if
 * nothing in it is left. */
bool fake_sweep(struct tri_span *span);

/* Runs body(number) on so many threads, each with a P; what they queued is
 * published when it returns. */
void fake_threads(int count, void (*body)(int number, void *arg), void *arg);

#endif /* TRI_TESTS_SUPPORT_FAKE_COLLECTOR_H */
