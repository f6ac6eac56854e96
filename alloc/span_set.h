/* SPDX-License-Identifier: MIT */
/*
 * alloc/span_set.h: a concurrent bag of spans.  Push and pop from any thread,
 * inside a critical section.  Go: spanSet.  Blocks of 512 pointers under a
 * growing spine, all off-heap and type-stable.
 *
 *   SET-1  A span is in a swept set at most once; otherwise two caches own it.
 *          An unswept set may hold stale entries: a span swept out of turn is
 *          listed again elsewhere, or dies, while its old entry stays.  Who pops
 *          one tells by sweep_gen and drops it (gc/sweep.h, SWEEP-4).
 *   SET-2  Reset only while nobody pushes or pops and the set is empty; otherwise
 *          a span is lost, and never swept again.
 */
#ifndef TRI_ALLOC_SPAN_SET_H
#define TRI_ALLOC_SPAN_SET_H

#include "alloc/span.h"

/*
 * A set never used is all zero.  Keys: [a] atomic; [g] under grow_lock; the
 * arrays a spine had before it grew are never reused, so a late reader of one
 * still finds the blocks that were in it.
 */
struct tri_span_set {
    TRI_ATOMIC(uint64_t) index; /* [a] pops << 32 | pushes, since the reset */
    TRI_ATOMIC(void *) spine;   /* [a] array of blocks; written under [g] */
    TRI_ATOMIC(uint32_t) spine_length; /* [a] blocks in it; written under [g] */
    uint32_t spine_capacity;           /* [g] */
    TRI_ATOMIC(uint32_t) grow_lock;    /* [a] 1: somebody adds a block */
};

/* Dies (out of memory) when it cannot grow. */
void tri_span_set_push(struct tri_span_set *set, struct tri_span *span);
/* NULL when empty. */
struct tri_span *tri_span_set_pop(struct tri_span_set *set);
void tri_span_set_reset(struct tri_span_set *set);
bool tri_span_set_empty(struct tri_span_set *set);

#endif /* TRI_ALLOC_SPAN_SET_H */
