/* SPDX-License-Identifier: MIT */
/*
 * gc/gc.h: what the runtime above calls in the collector.
 *
 * The scheduler gives a mark worker a P by asking tri_gc_worker_wanted at each
 * scheduling decision and running tri_gc_worker_run on the M's system stack; so
 * a worker is no goroutine, never parks, and needs no stack scan.
 */
#ifndef TRI_GC_GC_H
#define TRI_GC_GC_H

#include <tricolor/tricolor.h>

#include "gc/host.h"

enum tri_gc_phase {
    TRI_GC_OFF,
    TRI_GC_MARK,
    TRI_GC_MARK_TERM
};

/* How a mark worker runs (M-023). */
enum tri_worker_mode {
    TRI_WORKER_NONE,
    TRI_WORKER_DEDICATED,  /* a whole P, until marking ends */
    TRI_WORKER_FRACTIONAL, /* its share of a P, then back to mutators */
    TRI_WORKER_IDLE        /* only while the P has nothing else */
};

/* Heap space, kinds, collector state.  Before any P.  0 or -errno. */
TRI_NODISCARD int tri_gc_init(void);
/* Starts the background sweeper and the rest that needs goroutines. */
void tri_gc_start_background(void);

/* One P's collector state; `index` is the P's number.  NULL: no memory. */
struct tri_gc_p *tri_gc_p_new(int index);
/* The P's inline allocation cache, for tri_local.cache. */
struct tri_pcache *tri_gc_p_cache(struct tri_gc_p *p);
/* World stopped, phase OFF: everything P holds goes back (T-003, R-29): spans,
 * pages, queued cleanups, records, statistics.  It may come alive again. */
void tri_gc_p_retire(struct tri_gc_p *p);
/* World stopped: a retired P counts again (tri_host_proc_count) from now on;
 * otherwise it would owe a flush that no sweeper token was taken for (SWEEP-2). */
void tri_gc_p_revive(struct tri_gc_p *p);

/*
 * Should this P run a mark worker now?  Asked by its holder in the scheduler,
 * inside a critical section; `idle`: it has nothing else to do.  A mode other
 * than NONE is a claim: the caller must call tri_gc_worker_run with it.
 */
enum tri_worker_mode tri_gc_worker_wanted(struct tri_gc_p *p, bool idle);
/* Marks until done, or the share is used up, or tri_host_should_yield().  On
 * the system stack, inside a critical section.  May be followed by
 * tri_gc_worker_after, outside of one, which completes the mark phase if this
 * worker found that there is nothing left. */
void tri_gc_worker_run(struct tri_gc_p *p, enum tri_worker_mode mode);
void tri_gc_worker_after(void);

/* An acquired P: flushes its cache if a cycle turned meanwhile (S-019).  By its
 * new holder, inside a critical section, before it may allocate. */
void tri_gc_p_acquired(struct tri_gc_p *p);

/* Cleanups wait to be run and no runner is on its way: the scheduler calls this
 * at each decision (cheap: two loads of one line) and it readies runners. */
void tri_gc_poll_cleanups(void);

/* sysmon calls it every 10 ms or so: the state dump that a tracing session asks
 * for, scavenging, periodic collection. */
void tri_gc_tick(int64_t now_ns);

/* The write barrier's shade half alone, for a heap pointer that the runtime
 * moves to a place the collector may already have passed (a goroutine's
 * argument, another stack).  Inside a critical section; anything not in the
 * heap is ignored. */
void tri_gc_shade(const void *pointer);
/* The same for every aligned word of a range, before it is overwritten or
 * copied.  No-op unless marking. */
void tri_gc_shade_range(const void *start, size_t bytes);

/* Between the two, on one thread and outside of sections, the phase is off, and no
 * cycle starts (CYCLE-5).  Short. */
void tri_gc_rest_begin(void);
void tri_gc_rest_end(void);

/* How many cycles have begun; wraps.  In a critical section it changes no more. */
uint32_t tri_gc_cycle(void);

/* While marking: takes every word of the range for a root, now. */
void tri_gc_scan_now(uintptr_t lo, uintptr_t hi);

/* World stopped, the process is about to end: the heap and the cleanups, counted
 * by the collector, as the trace's last word on them. */
void tri_gc_trace_end(void);

/* Is the collector marking, or ending it?  Only then are stacks scanned.  Stable
 * inside a critical section. */
static inline bool
tri_gc_active(void)
{
    /* Relaxed: PHASE-1, and stopping the world orders it. */
    return tri_load_relaxed(tri_atomic_cast(uint32_t, &tri_barrier_on)) != 0;
}

/* The current phase; stable inside a critical section. */
enum tri_gc_phase tri_gc_phase(void);

void tri_gc_collect(void);           /* tri_gc */
int tri_gc_set_percent(int percent); /* tri_set_gc_percent */
int64_t tri_gc_set_memory_limit(int64_t bytes);

#endif /* TRI_GC_GC_H */
