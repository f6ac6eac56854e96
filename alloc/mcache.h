/* SPDX-License-Identifier: MIT */
/*
 * alloc/mcache.h: one P's allocation cache: for each kind the span it allocates
 * from and the word of free slots in front of it (which inline code takes
 * from), the tiny block, its window of pages, and statistics.  Go: mcache.
 * Only the holder of the P touches it, inside a critical section, or a stopper
 * while that thread is stopped.
 *
 *   CACHE-1  slot[k].free is not 0 only if span[k] is set and its sweep_gen is
 *            sg+3; otherwise a slot of a span being swept is handed out.
 */
#ifndef TRI_ALLOC_MCACHE_H
#define TRI_ALLOC_MCACHE_H

#include "alloc/heap.h"

struct tri_mcache {
    struct tri_pcache slots; /* first: tri_local.cache points here */
    struct tri_span *span[TRI_KIND_MAX];  /* NULL: none */
    uint64_t span_set[TRI_KIND_MAX / 64]; /* bit k: span[k] is not NULL */
    struct tri_page_cache pages;
    uint32_t flush_gen; /* sweep generation for which it was last flushed */
    uint64_t
        small_count[TRI_CLASS_COUNT]; /* slots handed out by flushed spans */
    uint64_t large_count;
    uint64_t large_bytes;
};

/* Puts an owned span into the cache (span[k] was NULL).  Takes no word yet. */
void tri_mcache_install(struct tri_mcache *cache, struct tri_span *span);

/* Takes the span of `kind` out, uncached and exact; NULL if there is none.
 * The caller relists it. */
struct tri_span *tri_mcache_remove(struct tri_mcache *cache, uint32_t kind);

/* Kinds that have a span, one by one: for (k = next(c, 0); k < TRI_KIND_MAX;
 * k = next(c, k + 1)). */
uint32_t tri_mcache_next_kind(const struct tri_mcache *cache, uint32_t from);

/* The block of tiny objects has no more room. */
static inline void
tri_mcache_drop_tiny(struct tri_mcache *cache)
{
    cache->slots.tiny_block = 0;
    cache->slots.tiny_limit = 0;
}

#endif /* TRI_ALLOC_MCACHE_H */
