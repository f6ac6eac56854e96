/* SPDX-License-Identifier: MIT */
/* alloc/mcache.c: which span a P allocates from, kind by kind. */
#include "alloc/mcache.h"

#include "base/check.h"

_Static_assert(offsetof(struct tri_mcache, slots) == 0,
               "tri_local.cache points at the cache");

void
tri_mcache_install(struct tri_mcache *cache, struct tri_span *span)
{
    uint32_t kind = span->kind;
    TRI_DCHECK(cache->span[kind] == NULL, "cache: kind %u has a span already",
               kind);
    TRI_DCHECK(!span->cached, "cache: span 0x%zx is cached elsewhere (SPAN-4)",
               (size_t)span->base);
    span->cached = 1;
    span->used_before_cache = span->used_count;
    cache->span[kind] = span;
    cache->span_set[kind / 64] |= UINT64_C(1) << (kind % 64);
    cache->slots.slot[kind] =
        (struct tri_slot_cache){ .base = span->base,
                                 .slot_bytes = span->slot_bytes };
}

struct tri_span *
tri_mcache_remove(struct tri_mcache *cache, uint32_t kind)
{
    struct tri_span *span = cache->span[kind];
    if (span == NULL) {
        TRI_DCHECK(cache->slots.slot[kind].free == 0,
                   "cache: slots of kind %u without a span (CACHE-1)", kind);
        return NULL;
    }
    tri_span_uncache(span, &cache->slots.slot[kind]);
    span->cached = 0;
    cache->span[kind] = NULL;
    cache->span_set[kind / 64] &= ~(UINT64_C(1) << (kind % 64));
    return span;
}

uint32_t
tri_mcache_next_kind(const struct tri_mcache *cache, uint32_t from)
{
    if (from >= TRI_KIND_MAX)
        return TRI_KIND_MAX;
    uint64_t word = cache->span_set[from / 64] & UINT64_MAX << (from % 64);
    for (uint32_t w = from / 64;;) {
        if (word != 0)
            return w * 64 + (uint32_t)__builtin_ctzll(word);
        if (++w == TRI_KIND_MAX / 64)
            return TRI_KIND_MAX;
        word = cache->span_set[w];
    }
}
