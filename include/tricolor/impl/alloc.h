/* SPDX-License-Identifier: MIT */
/*
 * tricolor/impl/alloc.h: the inline half of allocation.  Not API.
 *
 * A small object is one word of free slots away: take the lowest set bit, clear
 * it, multiply.  The whole step lies in one critical section, so a phase of the
 * collector never changes inside it, and black allocation is settled in bulk
 * when a word is refilled (docs/design/malloc.md, ALLOC-1).
 */
#ifndef TRICOLOR_IMPL_ALLOC_H
#define TRICOLOR_IMPL_ALLOC_H

#ifndef TRICOLOR_TRICOLOR_H
#    error "include <tricolor/tricolor.h>"
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define TRI_TINY_BYTES       16   /* noscan below this: the tiny allocator */
#define TRI_INLINE_BYTES_MAX 1024 /* largest size the inline path serves */

/* (bytes + 7) / 8 -> noscan kind, for bytes <= TRI_INLINE_BYTES_MAX. */
extern TRI_API const uint8_t
    tri_noscan_kind_by_words[TRI_INLINE_BYTES_MAX / 8 + 1];

/*
 * Zeroes `bytes`, a multiple of 8, from an 8-byte boundary on.  Compilers turn
 * a memset of more than a few words, and a loop that looks like one, into
 * `rep stos`, whose start costs as much as 256 bytes do in vector stores
 * (docs/decisions/0006-zeroing-by-vector-stores.md).
 */
#define TRI_ZERO_BLOCK 64

TRI_FORCED void
tri_zero(void *start, size_t bytes)
{
    typedef long long pair
        __attribute__((vector_size(16), aligned(8), may_alias));
    const pair zero = { 0, 0 };
    if (bytes <= TRI_ZERO_BLOCK) {
        memset(start, 0, bytes);
        return;
    }
    pair *at = (pair *)start;
    /* The last block may overlap the one before: no rest to care for. */
    pair *last = (pair *)(void *)((char *)start + bytes - TRI_ZERO_BLOCK);
    for (; at < last; at += TRI_ZERO_BLOCK / sizeof(*at)) {
        __asm__("" : "+r"(at)); /* or it is a memset again */
        at[0] = zero;
        at[1] = zero;
        at[2] = zero;
        at[3] = zero;
    }
    last[0] = zero;
    last[1] = zero;
    last[2] = zero;
    last[3] = zero;
}

/* The lowest free slot, not zeroed.  In a section. */
TRI_FORCED void *
tri_slot_pop(struct tri_slot_cache *slots)
{
    uint64_t index = (uint64_t)__builtin_ctzll(slots->free);
    slots->free &= slots->free - 1;
    return (void *)(slots->base + index * slots->slot_bytes);
}

/* A zeroed slot of `kind`, of which the first `bytes` are to be used, or NULL
 * when the cache's word is empty (or there is no P: then it is empty too). */
TRI_FORCED void *
tri_slot_take(uint32_t kind, size_t bytes)
{
    tri_enter();
    struct tri_slot_cache *slots = &tri_local_cache()->slot[kind];
    if (TRI_UNLIKELY(slots->free == 0)) {
        tri_leave();
        return NULL;
    }
    void *object = tri_slot_pop(slots);
    tri_zero(object, bytes);
    tri_leave();
    return object;
}

/*
 * 0 < bytes < TRI_TINY_BYTES: a piece of the block in use, or the first of a
 * new block, of which the one with more room is kept.  Blocks are zeroed as a
 * whole when they are taken.  NULL when the cache's word is empty.
 */
TRI_FORCED void *
tri_tiny_take(size_t bytes)
{
    uint32_t size = (uint32_t)bytes;
    uint32_t align = size & -size; /* as objects of that size may need */
    void *object = NULL;
    tri_enter();
    struct tri_pcache *cache = tri_local_cache();
    uint32_t at = (cache->tiny_offset + align - 1) & -align;
    if (at + size <= cache->tiny_limit) {
        cache->tiny_offset = at + size;
        cache->tiny_count++;
        object = (void *)(cache->tiny_block + at);
    } else {
        struct tri_slot_cache *slots =
            &cache->slot[tri_noscan_kind_by_words[TRI_TINY_BYTES / 8]];
        if (TRI_LIKELY(slots->free != 0)) {
            object = tri_slot_pop(slots);
            tri_zero(object, TRI_TINY_BYTES);
            cache->tiny_count++;
            if (cache->tiny_limit == 0 || size < cache->tiny_offset) {
                cache->tiny_block = (uintptr_t)object;
                cache->tiny_offset = size;
                cache->tiny_limit = TRI_TINY_BYTES;
            }
        }
    }
    tri_leave();
    return object;
}

TRI_INLINE_API void *
tri_new(const struct tri_type *type)
{
    uint32_t kind = __atomic_load_n(&type->state->kind, __ATOMIC_ACQUIRE);
    if (TRI_LIKELY(kind != 0)) {
        void *object = tri_slot_take(kind, (type->bytes + 7) & ~(size_t)7);
        if (TRI_LIKELY(object != NULL))
            return object;
    }
    return tri_new_slow(type);
}

TRI_INLINE_API void *
tri_alloc_noscan(size_t bytes)
{
    if (TRI_LIKELY(bytes - TRI_TINY_BYTES
                   <= TRI_INLINE_BYTES_MAX - TRI_TINY_BYTES)) {
        uint32_t kind = tri_noscan_kind_by_words[(bytes + 7) / 8];
        void *object = tri_slot_take(kind, (bytes + 7) & ~(size_t)7);
        if (TRI_LIKELY(object != NULL))
            return object;
    } else if (bytes != 0 && bytes < TRI_TINY_BYTES) {
        void *object = tri_tiny_take(bytes);
        if (TRI_LIKELY(object != NULL))
            return object;
    }
    return tri_alloc_noscan_slow(bytes);
}

#ifdef __cplusplus
}
#endif

#endif /* TRICOLOR_IMPL_ALLOC_H */
