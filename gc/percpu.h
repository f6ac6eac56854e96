/* SPDX-License-Identifier: MIT */
/*
 * gc/percpu.h: the collector's part of a P.  Only the holder of the P touches
 * it, inside a critical section, or a stopper while that holder is stopped.
 * Counters have one writer and are read relaxed by anyone.
 */
#ifndef TRI_GC_PERCPU_H
#define TRI_GC_PERCPU_H

#include "alloc/mcache.h"
#include "gc/host.h"
#include "gc/special_p.h"
#include "gc/work.h"

#define TRI_BARRIER_BUFFER 512

struct tri_gc_p {
    struct tri_mcache mcache; /* first: tri_local.cache points at its slots */
    int index;
    bool retired;           /* handed everything back, and does not count */
    struct tri_gc_p *older; /* the one made before it: counters outlive a P */
    struct tri_special_p special;
    int64_t assist_credit;    /* bytes; below 0: debt (gc/assist.h) */
    uint64_t allocated_bytes; /* charged at refill, ever */
    uint64_t allocated_objects;
    int64_t fractional_ns; /* spent as a fractional worker, this cycle */
    uint32_t barrier_count;
    uintptr_t barrier_buffer[TRI_BARRIER_BUFFER];
    struct tri_work_p work; /* grey edges */
} TRI_CACHE_ALIGNED;

/* All there ever were, retired ones too: p, p->older, ... */
struct tri_gc_p *tri_gc_p_first(void);

#endif /* TRI_GC_PERCPU_H */
