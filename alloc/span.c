/* SPDX-License-Identifier: MIT */
/* alloc/span.c: looking a span up, and moving its bits. */
#include "alloc/span.h"

#include "alloc/bits.h"
#include "base/check.h"

_Static_assert(offsetof(struct tri_span, used_before_cache) == 64,
               "what a sweep touches is one cache line");

/* The bits of the last word that stand for no slot. */
static inline uint64_t
tail_bits(const struct tri_span *span)
{
    uint32_t used = span->slot_count % 64;
    return used == 0 ? 0 : UINT64_MAX << used;
}

static inline TRI_ATOMIC(uint64_t) *
alloc_word(const struct tri_span *span, uint32_t w)
{
    return tri_atomic_cast(uint64_t, &span->alloc_bits[w]);
}

static inline TRI_ATOMIC(uint64_t) *
mark_word(const struct tri_span *span, uint32_t w)
{
    return tri_atomic_cast(uint64_t, &span->mark_bits[w]);
}

struct tri_span *
tri_span_of(uintptr_t address)
{
    if (!tri_space_contains(address))
        return NULL;
    size_t page = tri_space_page(address);
    /* Acquire pairs with the release in publish() of alloc/heap.c: with the
     * kind comes the page's entry in page_span, and the span's fields. */
    if (tri_load_acquire(&tri_space.page_kind[page]) == 0)
        return NULL;
    /* Relaxed: ordered by the load above; type-stable in any case. */
    struct tri_span *span = tri_load_relaxed(&tri_space.page_span[page]);
    /* Acquire pairs with the release in publish() too: SPAN-1. */
    if (tri_load_acquire(&span->state) != TRI_SPAN_IN_USE)
        return NULL;
    return address - span->base < span->limit - span->base ? span : NULL;
}

/* Alloc bits are read by others (tri_span_slot_allocated) while the owner
 * writes them: relaxed, because those readers can do with either value. */

bool
tri_span_take_word(struct tri_span *span, struct tri_slot_cache *slots,
                   uint32_t *taken)
{
    uint32_t words = tri_span_word_count(span);
    for (uint32_t w = span->free_word; w < words; w++) {
        uint64_t free = ~span->alloc_bits[w];
        if (free == 0)
            continue;
        uint32_t count = tri_bits_count(free);
        tri_store_relaxed(alloc_word(span, w), UINT64_MAX);
        span->free_word = w + 1;
        span->used_count += count;
        slots->free = free;
        slots->base = tri_span_slot_address(span, w * 64);
        slots->slot_bytes = span->slot_bytes;
        *taken = count;
        return true;
    }
    span->free_word = words;
    *taken = 0;
    return false;
}

void
tri_span_uncache(struct tri_span *span, struct tri_slot_cache *slots)
{
    uint64_t free = slots->free;
    slots->free = 0;
    if (free == 0)
        return;
    uint32_t w = span->free_word - 1;
    TRI_DCHECK(slots->base == tri_span_slot_address(span, w * 64),
               "span 0x%zx: the cache's slots are not those of word %u",
               (size_t)span->base, w);
    TRI_DCHECK((free & ~span->alloc_bits[w]) == 0,
               "span 0x%zx: slots 0x%llx of word %u are free already (SPAN-4)",
               (size_t)span->base, (unsigned long long)free, w);
    tri_store_relaxed(alloc_word(span, w), span->alloc_bits[w] & ~free);
    span->free_word = w; /* there is room in it again */
    span->used_count -= tri_bits_count(free);
}

uint32_t
tri_span_swap_bits(struct tri_span *span, uint32_t *zombies)
{
    uint32_t last = tri_span_word_count(span) - 1;
    uint32_t used = 0;
    uint32_t bad_count = 0;
    for (uint32_t w = 0; w <= last; w++) {
        /* Relaxed: marking ended before the sweep generation turned. */
        uint64_t marks = tri_load_relaxed(mark_word(span, w));
        uint64_t allocated = span->alloc_bits[w];
        uint64_t tail = w == last ? tail_bits(span) : 0;
        uint64_t bad = marks & (~allocated | tail);
        if (TRI_UNLIKELY(bad != 0))
            bad_count += tri_bits_count(bad);
        used += tri_bits_count(marks);
        tri_store_relaxed(alloc_word(span, w), marks | tail);
        tri_store_relaxed(mark_word(span, w), 0);
    }
    span->free_word = 0;
    span->used_count = used;
    *zombies = bad_count;
    return used;
}
