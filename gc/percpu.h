/* SPDX-License-Identifier: MIT */
/*
 * gc/percpu.h: the collector's part of a P.  Only the holder of the P touches
 * it, inside a critical section, or a stopper while that holder is stopped.
 */
#ifndef TRI_GC_PERCPU_H
#define TRI_GC_PERCPU_H

#include "alloc/mcache.h"
#include "gc/special_p.h"
#include "gc/work.h"

#define TRI_BARRIER_BUFFER 512

struct tri_gc_p {
    struct tri_mcache mcache; /* first: see tri_gc_p_cache */
    int index;
    struct tri_special_p special;
    struct tri_work_p work;   /* grey objects */
    uint32_t barrier_count;
    uintptr_t barrier_buffer[TRI_BARRIER_BUFFER];
    /* gc/assist.c, gc/cycle.c add theirs here */
} TRI_CACHE_ALIGNED;

#endif /* TRI_GC_PERCPU_H */
