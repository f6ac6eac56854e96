/* SPDX-License-Identifier: MIT */
/*
 * base/fixpool.h: off-heap objects of one size.  Fresh ones are zero.  Go:
 * fixalloc.  The pool has its own lock.
 *
 *   FIX-1  Memory once handed out for a T stays a T for ever, and a freed object
 *          keeps its contents but for the first word; otherwise a reader with a
 *          stale pointer reads something else.
 */
#ifndef TRI_BASE_FIXPOOL_H
#define TRI_BASE_FIXPOOL_H

#include "base/lock.h"

struct tri_fixpool {
    struct tri_lock lock;
    size_t object_bytes;
    void *free;  /* [lock] singly linked through the first word */
    char *chunk; /* [lock] */
    size_t chunk_left;
    size_t live_count;
    size_t total_bytes;
};

/* object_bytes >= 8.  The first word of a freed object is overwritten. */
#define TRI_FIXPOOL_INIT(bytes)                                                \
    {                                                                          \
        .lock = TRI_LOCK_INIT(FIXPOOL), .object_bytes = (bytes)                \
    }

TRI_NODISCARD void *tri_fixpool_alloc(struct tri_fixpool *pool);
void tri_fixpool_free(struct tri_fixpool *pool, void *object);

#endif /* TRI_BASE_FIXPOOL_H */
