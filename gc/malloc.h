/* SPDX-License-Identifier: MIT */
/*
 * gc/malloc.h: the slow half of allocation, and its statistics.
 *
 *   ALLOC-1  While marking, every slot a cache can hand out is black before it
 *            is handed out: bulk at refill, and for all caches at mark start.
 *   ALLOC-2  A slot's memory is zero, and its header written, before the
 *            critical section in which it was taken ends.
 *   ALLOC-3  Assist debt is paid before a cache is refilled, never inside a
 *            section; a cycle starts only after one; otherwise
 *            the world is to stop for who is in a section, and waits for him.
 */
#ifndef TRI_GC_MALLOC_H
#define TRI_GC_MALLOC_H

#include "gc/type.h"

struct tri_gc_p;

/* `count` elements of `info`; conservative memory is info
 * &tri_type_conservative.  Zeroed.  Never NULL. */
void *tri_malloc_typed(const struct tri_type_info *info, size_t count);

/* Panics where the caller has no P; what allocation pays needs one as well. */
void tri_malloc_check_caller(void);

/* World stopped, at mark start: ALLOC-1 for what P has cached; drops the tiny
 * block. */
void tri_malloc_blacken_cache(struct tri_gc_p *p);

/* The shared byte of zero-size objects. */
extern uint64_t tri_zero_base;

/* Cumulative, for metrics. */
struct tri_malloc_stats {
    uint64_t objects;
    uint64_t bytes;
    uint64_t tiny_objects;
};
void tri_malloc_stats_read(struct tri_malloc_stats *stats);

#endif /* TRI_GC_MALLOC_H */
