/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/alloc_span.c: slots and their bits, against a shadow model.
 * To see it fail: in alloc/span.c, drop the tail in tri_span_swap_bits, do not
 * move free_word back in tri_span_uncache, or forget used_count in either.
 */
#include "alloc/span.h"

#include "alloc/mcache.h"
#include "tests/support/alloc.h"

static const struct tri_kind *
kind_of(const struct tri_span *span)
{
    return &tri_kinds[span->kind];
}

TEST(the_slot_of_every_offset_is_exact_in_every_kind)
{
    heap_begin();
    for (uint32_t k = 1; k < TRI_KIND_LARGE_SCAN; k++) {
        const struct tri_kind *kind = &tri_kinds[k];
        uint32_t bytes = (uint32_t)(kind->span_pages * TRI_PAGE_BYTES);
        EXPECT(kind->slot_count * kind->slot_bytes <= bytes);
        EXPECT((kind->slot_count + 1) * kind->slot_bytes > bytes);
        EXPECT((kind->slot_count + 63) / 64 * 8 <= (uint32_t)kind->span_pages
                                                       << kind->mark_shift);
        struct tri_span span = { .base = tri_space.base,
                                 .slot_bytes = kind->slot_bytes,
                                 .div_magic = kind->div_magic };
        for (uint32_t offset = 0; offset < bytes; offset++)
            EXPECT_EQ(tri_span_slot_index(&span, span.base + offset),
                      offset / kind->slot_bytes);
    }
}

TEST(kinds_share_no_mark_words_within_a_page)
{
    heap_begin();
    for (uint32_t k = 1; k < TRI_KIND_LAYOUT_FIRST; k++) {
        const struct tri_kind *kind = &tri_kinds[k];
        uint32_t i = kind->mark_shift - TRI_MARK_SHIFT_MIN;
        EXPECT(kind->exists && kind->index == k);
        EXPECT(kind->mark_table == tri_space.mark_tables[i]);
        EXPECT(kind->alloc_table == tri_space.alloc_tables[i]);
        EXPECT(kind->mark_table != kind->alloc_table);
    }
    EXPECT(!tri_kinds[0].exists);
}

TEST(layouts_get_a_kind_each_until_there_are_no_more)
{
    heap_begin();
    EXPECT_EQ(tri_kind_for_layout(6, 0), tri_kind_noscan(6));
    uint32_t first = tri_kind_for_layout(6, 0x3);
    EXPECT_EQ(first, TRI_KIND_LAYOUT_FIRST);
    EXPECT_EQ(tri_kind_for_layout(6, 0x3), first);
    EXPECT_EQ(tri_kind_for_layout(5, 0x3), first + 1);
    EXPECT_EQ(tri_kind_for_layout(26, UINT64_MAX), first + 2);
    EXPECT_EQ(tri_kinds[first].scan, TRI_SCAN_MASK);
    EXPECT_EQ(tri_kinds[first].pointer_mask, 0x3);
    EXPECT_EQ(tri_kinds[first].slot_bytes, 64);
    for (uint32_t k = first + 3; k < TRI_KIND_MAX; k++)
        EXPECT_EQ(tri_kind_for_layout(10, k), k);
    EXPECT_EQ(tri_kind_for_layout(10, 0x7fff), 0);
    EXPECT_EQ(tri_kind_for_layout(10, 250), 250);
}

static void
make_bad_layout(void *arg)
{
    (void)tri_kind_for_layout(5, *(uint64_t *)arg); /* 48 bytes: 6 words */
}

TEST(a_layout_wider_than_its_class_dies)
{
    heap_begin();
    uint64_t mask = 0x40;
    EXPECT_DEATH(make_bad_layout, &mask, "does not fit class 5");
}

/* What a span must look like. */
struct model {
    bool out[1024];    /* handed out, and not swept away since */
    bool marked[1024]; /* marked since the last sweep */
    uint32_t out_count;
};

static void
hand_out(struct tri_span *span, struct tri_slot_cache *slots,
         struct model *model)
{
    uint32_t index = (uint32_t)__builtin_ctzll(slots->free);
    uintptr_t address = slots->base + index * slots->slot_bytes;
    slots->free &= slots->free - 1;
    EXPECT(address >= span->base);
    EXPECT(address + slots->slot_bytes <= span->limit);
    uint32_t slot = tri_span_slot_index(span, address);
    EXPECT_EQ(tri_span_slot_address(span, slot), address);
    EXPECT(slot < span->slot_count);
    EXPECT(!model->out[slot]); /* never twice */
    model->out[slot] = true;
    model->out_count++;
    EXPECT(tri_span_slot_allocated(span, slot));
}

static void
check_uncached(const struct tri_span *span, const struct model *model)
{
    EXPECT_EQ(span->used_count, model->out_count);
    for (uint32_t i = 0; i < span->slot_count; i++)
        EXPECT_EQ(tri_span_slot_allocated(span, i), model->out[i]);
    for (uint32_t i = span->slot_count; i % 64 != 0; i++)
        EXPECT(tri_span_slot_allocated(span, i)); /* tails are no slots */
}

static void
mark_some(struct tri_span *span, struct model *model)
{
    uint64_t keep = test_random_below(101);
    for (uint32_t i = 0; i < span->slot_count; i++) {
        if (!model->out[i] || test_random_below(100) >= keep)
            continue;
        model->marked[i] = true;
        span->mark_bits[i / 64] |= UINT64_C(1) << (i % 64);
    }
}

static void
sweep(struct tri_span *span, struct model *model)
{
    uint32_t zombies = 1;
    uint32_t used = tri_span_swap_bits(span, &zombies);
    EXPECT_EQ(zombies, 0);
    memcpy(model->out, model->marked, sizeof(model->out));
    memset(model->marked, 0, sizeof(model->marked));
    model->out_count = 0;
    for (uint32_t i = 0; i < span->slot_count; i++)
        model->out_count += model->out[i];
    EXPECT_EQ(used, model->out_count);
    for (uint32_t w = 0; w < tri_span_word_count(span); w++)
        EXPECT_EQ(span->mark_bits[w], 0);
    EXPECT_EQ(span->free_word, 0);
}

/* The next word into the cache; false: the span is full, and so is the model. */
static bool
next_word(struct tri_span *span, struct tri_slot_cache *slots,
          const struct model *model)
{
    uint32_t before = span->used_count;
    uint32_t taken = 0;
    if (!tri_span_take_word(span, slots, &taken)) {
        EXPECT_EQ(model->out_count, span->slot_count);
        return false;
    }
    EXPECT_EQ(taken, __builtin_popcountll(slots->free));
    EXPECT_EQ(span->used_count, before + taken);
    return true;
}

/* Allocates from a cached span until `left` slots were handed out or it is
 * full. */
static void
allocate(struct tri_mcache *cache, struct tri_span *span, struct model *model,
         uint64_t left)
{
    struct tri_slot_cache *slots = &cache->slots.slot[span->kind];
    for (; left > 0; left--) {
        if (slots->free == 0 && !next_word(span, slots, model))
            return;
        hand_out(span, slots, model);
    }
}

static void
live_a_life(struct tri_mcache *cache, struct tri_span *span)
{
    struct model model = { 0 };
    for (int round = 0; round < 30; round++) {
        uint32_t stays = 1 + (uint32_t)test_random_below(4);
        while (stays-- > 0) {
            uint32_t before = span->used_count;
            tri_mcache_install(cache, span);
            EXPECT_EQ(span->used_before_cache, before);
            EXPECT_EQ(tri_mcache_next_kind(cache, 0), span->kind);
            allocate(cache, span, &model,
                     test_random_below(span->slot_count + 2));
            EXPECT(tri_mcache_remove(cache, span->kind) == span);
            EXPECT(tri_mcache_remove(cache, span->kind) == NULL);
            EXPECT_EQ(tri_mcache_next_kind(cache, 0), TRI_KIND_MAX);
            EXPECT_EQ(cache->slots.slot[span->kind].free, 0);
            check_uncached(span, &model);
        }
        mark_some(span, &model);
        sweep(span, &model);
        check_uncached(span, &model);
    }
}

TEST(slots_are_handed_out_once_and_come_back_when_swept)
{
    heap_begin();
    static struct tri_mcache cache;
    for (uint32_t k = 1; k < TRI_KIND_LARGE_SCAN; k++) {
        struct tri_span *span = tri_heap_alloc_span(k, 0, 0, &cache.pages);
        EXPECT(span != NULL && kind_of(span)->index == k);
        live_a_life(&cache, span);
        span_drop(span);
    }
    tri_heap_flush_pages(&cache.pages);
    heap_check();
}

TEST(a_marked_slot_that_is_free_is_counted_as_a_zombie)
{
    heap_begin();
    struct tri_span *span = tri_heap_alloc_span(15, 0, 0, NULL); /* 39 slots */
    struct tri_slot_cache slots = { 0 };
    uint32_t taken = 0;
    uint32_t zombies = 0;
    EXPECT(tri_span_take_word(span, &slots, &taken));
    EXPECT_EQ(taken, 39);
    slots.free &= ~UINT64_C(0x7); /* three handed out */
    tri_span_uncache(span, &slots);
    EXPECT_EQ(span->used_count, 3);
    span->mark_bits[0] = 0x1 | 0x10 | UINT64_C(1) << 40; /* free, no slot */
    (void)tri_span_swap_bits(span, &zombies);
    EXPECT_EQ(zombies, 2);
    span_drop(span);
}

TEST(the_cache_lists_its_kinds_in_order)
{
    heap_begin();
    static struct tri_mcache cache;
    static const uint32_t kinds[] = { 1, 63, 64, 127, 134 };
    for (int i = 4; i >= 0; i--)
        tri_mcache_install(&cache,
                           tri_heap_alloc_span(kinds[i], 0, 0, &cache.pages));
    uint32_t at = 0;
    for (uint32_t k = tri_mcache_next_kind(&cache, 0); k < TRI_KIND_MAX;
         k = tri_mcache_next_kind(&cache, k + 1))
        EXPECT_EQ(k, kinds[at++]);
    EXPECT_EQ(at, 5);
    for (int i = 0; i < 5; i++)
        span_drop(tri_mcache_remove(&cache, kinds[i]));
    tri_heap_flush_pages(&cache.pages);
}

TEST_MAIN
