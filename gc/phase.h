/* SPDX-License-Identifier: MIT */
/*
 * gc/phase.h: the collector's global state: phase, counters, the heap's size.
 *
 *   PHASE-1  The phase changes only with the world stopped, so it is constant
 *            inside a critical section; otherwise a barrier or an allocation
 *            straddles two phases.
 */
#ifndef TRI_GC_PHASE_H
#define TRI_GC_PHASE_H

#include "base/lock.h"
#include "gc/gc.h"
#include "gc/pacer.h"

enum tri_cycle_reason {
    TRI_CYCLE_HEAP,   /* the heap reached the trigger */
    TRI_CYCLE_TIME,   /* two minutes without one */
    TRI_CYCLE_FORCED, /* tri_gc */
    TRI_CYCLE_STRESS  /* TRI_DEBUG=gcstress */
};

/* Keys: [w] written only with the world stopped; [a] atomic. */
struct tri_gc_state {
    TRI_ATOMIC(uint32_t) phase;        /* [w] enum tri_gc_phase */
    int64_t start_ns;                  /* [c] the runtime's */
    TRI_ATOMIC(uint32_t) cycle;        /* [w] cycles started, wraps; a futex */
    TRI_ATOMIC(uint32_t) marked_cycle; /* [w] cycles whose marking is over */
    TRI_ATOMIC(uint64_t) cycles_total; /* [a] completed */
    TRI_ATOMIC(uint64_t) cycles_forced;
    TRI_ATOMIC(int64_t) trigger_bytes; /* [a] copies of the pacer's, for */
    TRI_ATOMIC(int64_t) goal_bytes;    /*     readers without its lock   */
    TRI_ATOMIC(int64_t) marked_bytes;  /* [a] live after the last cycle */
    /* More copies of the pacer's, for metrics. */
    TRI_ATOMIC(int64_t) gc_percent;
    TRI_ATOMIC(int64_t) memory_limit;
    TRI_ATOMIC(int64_t) scan_bytes;
    TRI_ATOMIC(int64_t) stack_bytes;
    TRI_ATOMIC(int64_t) globals_bytes;
    TRI_ATOMIC(int64_t) last_end_ns;
    TRI_ATOMIC(int64_t) freed_bytes_total;
    int64_t mark_start_ns;        /* [w] */
    enum tri_cycle_reason reason; /* [w] */
    struct tri_pacer pacer;       /* [w]; settings under the cycle lock */

    /* Written by whoever allocates, so not beside the phase. */
    TRI_CACHE_ALIGNED TRI_ATOMIC(int64_t)
        heap_live_bytes;             /* [a] over-estimate (D-033) */
    TRI_ATOMIC(int64_t) black_bytes; /* [a] allocated black, this cycle */
};

extern struct tri_gc_state tri_collector;

static inline bool
tri_gc_marking(void)
{
    /* Relaxed: PHASE-1, and stopping the world orders it. */
    return tri_load_relaxed(&tri_collector.phase) == TRI_GC_MARK;
}

/* One change of the heap's size, and its event when it moved much. */
void tri_gc_heap_grew(int64_t bytes);

#endif /* TRI_GC_PHASE_H */
