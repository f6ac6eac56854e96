/* SPDX-License-Identifier: MIT */
/* base/fixpool.c: a free list in front of chunks of persistent memory. */
#include "base/fixpool.h"

#include "base/check.h"
#include "base/persist.h"

#define CHUNK_BYTES       (16u << 10)
#define CHUNK_OBJECTS_MIN 16u
#define CHUNK_ALIGN       64u /* objects of 64 n bytes lie on cache lines */

/* Makes the pool's chunk hold one object at least.  Lock held. */
static bool
refill_locked(struct tri_fixpool *pool, size_t object_bytes)
{
    if (pool->chunk_left >= object_bytes)
        return true;
    size_t bytes = object_bytes * CHUNK_OBJECTS_MIN;
    if (bytes < CHUNK_BYTES)
        bytes = CHUNK_BYTES;
    char *chunk = tri_persist_alloc(bytes, CHUNK_ALIGN);
    if (chunk == NULL)
        return false;
    pool->chunk = chunk;
    pool->chunk_left = bytes;
    pool->total_bytes += bytes;
    return true;
}

void *
tri_fixpool_alloc(struct tri_fixpool *pool)
{
    TRI_DCHECK(pool->object_bytes >= sizeof(void *),
               "pool objects of %zu bytes", pool->object_bytes);
    size_t object_bytes = (pool->object_bytes + 7) & ~(size_t)7;
    void *object = NULL;
    tri_lock(&pool->lock);
    if (pool->free != NULL) {
        object = pool->free;
        pool->free = *(void **)object;
        TRI_DCHECK((uintptr_t)pool->free % 8 == 0,
                   "FIX-1: the object at %p was written after it was freed",
                   object);
    } else if (refill_locked(pool, object_bytes)) {
        object = pool->chunk;
        pool->chunk += object_bytes;
        pool->chunk_left -= object_bytes;
    }
    if (object != NULL)
        pool->live_count++;
    tri_unlock(&pool->lock);
    return object;
}

void
tri_fixpool_free(struct tri_fixpool *pool, void *object)
{
    tri_lock(&pool->lock);
    TRI_DCHECK(pool->live_count > 0, "more objects freed than handed out");
    TRI_DCHECK(pool->free != object, "FIX-1: the object at %p is freed twice",
               object);
    *(void **)object = pool->free;
    pool->free = object;
    pool->live_count--;
    tri_unlock(&pool->lock);
}
