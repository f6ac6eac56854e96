/* SPDX-License-Identifier: MIT */
/*
 * alloc/span_set.h: a concurrent bag of spans.  Push and pop from any thread,
 * inside a critical section.  Go: spanSet.  Blocks of 512 pointers under a
 * growing spine, all off-heap and type-stable.
 *
 *   SET-1  A span is in at most one set; checked builds assert it.
 *   SET-2  Reset only while nobody pushes or pops and the set is empty.
 */
#ifndef TRI_ALLOC_SPAN_SET_H
#define TRI_ALLOC_SPAN_SET_H

#include "alloc/span.h"

struct tri_span_set {
    TRI_ATOMIC(uint64_t) index; /* head (pops) << 32 | tail (pushes) */
    TRI_ATOMIC(void *) spine;
    TRI_ATOMIC(uint32_t) spine_length;
    uint32_t spine_capacity; /* [lock] */
    TRI_ATOMIC(uint32_t) grow_lock;
};

/* Dies (out of memory) when it cannot grow. */
void tri_span_set_push(struct tri_span_set *set, struct tri_span *span);
/* NULL when empty. */
struct tri_span *tri_span_set_pop(struct tri_span_set *set);
void tri_span_set_reset(struct tri_span_set *set);
bool tri_span_set_empty(struct tri_span_set *set);

#endif /* TRI_ALLOC_SPAN_SET_H */
