/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/alloc_heap.c: spans' birth and death.
 * To see it fail: in alloc/heap.c, leave the page kinds of a freed span
 * standing (SPACE-1), set need_zero to 0 (HEAP-1), skip `released` in account(), or
 * leave a window's bits standing in tell_fresh (HEAP-2).
 */
#include "alloc/heap.h"

#include "tests/support/alloc.h"

static void
expect_fresh(const struct tri_span *span, uint32_t kind_index)
{
    const struct tri_kind *kind = &tri_kinds[kind_index];
    EXPECT_EQ(span->kind, kind_index);
    EXPECT_EQ(span->slot_count, kind->slot_count);
    EXPECT_EQ(span->used_count, 0);
    EXPECT_EQ(span->free_word, 0);
    for (uint32_t i = 0; i < span->slot_count; i++)
        EXPECT(!tri_span_slot_allocated(span, i));
    for (uint32_t i = span->slot_count; i % 64 != 0; i++)
        EXPECT(tri_span_slot_allocated(span, i));
    for (uint32_t w = 0; w < tri_span_word_count(span); w++)
        EXPECT_EQ(span->mark_bits[w], 0);
    EXPECT(span->limit <= span->base + span->page_count * TRI_PAGE_BYTES);
}

TEST(a_span_of_every_kind_is_found_by_every_address_in_it_and_no_other)
{
    heap_begin();
    struct tri_page_cache cache = { 0 };
    for (uint32_t k = 1; k < TRI_KIND_LARGE_SCAN; k++) {
        struct tri_span *span = tri_heap_alloc_span(k, 0, 4, &cache);
        EXPECT(span != NULL);
        expect_fresh(span, k);
        EXPECT_EQ(tri_load(&span->sweep_gen), 4);
        uintptr_t end = span->base + span->page_count * TRI_PAGE_BYTES;
        for (uintptr_t a = span->base; a < end; a += 8)
            EXPECT(tri_span_of(a) == (a < span->limit ? span : NULL));
        EXPECT(tri_span_of(span->limit - 1) == span);
        EXPECT(tri_span_of(span->base - 1) != span);
        uintptr_t base = span->base;
        span_drop(span);
        EXPECT(tri_span_of(base) == NULL);
        EXPECT(tri_span_of(end - 1) == NULL);
    }
    tri_heap_flush_pages(&cache);
    heap_check();
}

TEST(words_that_are_no_heap_addresses_have_no_span)
{
    heap_begin();
    EXPECT(tri_span_of(0) == NULL);
    EXPECT(tri_span_of(UINTPTR_MAX) == NULL);
    EXPECT(tri_span_of((uintptr_t)&tri_space) == NULL);
    EXPECT(tri_span_of(tri_space.base - 1) == NULL);
    EXPECT(tri_span_of(tri_space.base + tri_space.bytes) == NULL);
    /* Reserved, never grown: the tables are readable there. */
    EXPECT(tri_span_of(tri_space.base + tri_space.bytes - 1) == NULL);
}

TEST(large_spans_end_where_their_object_ends)
{
    heap_begin();
    static const size_t sizes[] = { 32769,         65536,
                                    65537,         (4 << 20) - 8192,
                                    (4 << 20) + 1, (64 << 20) + 8 };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct tri_span *span =
            tri_heap_alloc_span(TRI_KIND_LARGE_SCAN, sizes[i], 8, NULL);
        EXPECT(span != NULL);
        expect_fresh(span, TRI_KIND_LARGE_SCAN);
        EXPECT_EQ(span->limit, span->base + sizes[i]);
        EXPECT_EQ(span->large_bytes, sizes[i]);
        EXPECT(tri_load(&span->large_type) == NULL);
        EXPECT(tri_span_of(span->base + sizes[i] - 1) == span);
        EXPECT(tri_span_of(span->base + sizes[i]) == NULL);
        EXPECT_EQ(tri_span_slot_index(span, span->limit - 1), 0);
        EXPECT_EQ(tri_load(&tri_heap_stats.large_bytes), (int64_t)sizes[i]);
        heap_check();
        span_drop(span);
        EXPECT_EQ(tri_load(&tri_heap_stats.large_bytes), 0);
    }
    heap_check();
}

static bool
all_zero(const struct tri_span *span)
{
    const uint64_t *words = (const uint64_t *)span->base;
    for (size_t i = 0; i < span->page_count * TRI_PAGE_BYTES / 8; i++)
        if (words[i] != 0)
            return false;
    return true;
}

static void
soil(const struct tri_span *span)
{
    memset((void *)span->base, 0xa5, span->page_count * TRI_PAGE_BYTES);
}

TEST(memory_that_may_be_dirty_says_so)
{
    heap_begin();
    struct tri_page_cache cache = { 0 };
    struct tri_span *live[64] = { 0 };
    uint32_t clean = 0;
    uint32_t dirty = 0;
    for (int round = 0; round < 20000; round++) {
        struct tri_span **at = &live[test_random_below(64)];
        if (*at != NULL) {
            span_drop(*at);
            *at = NULL;
            if (test_random_below(40) == 0)
                (void)tri_heap_scavenge(test_random_below(4 << 20));
            continue;
        }
        bool large = test_random_below(8) == 0;
        *at = large ? tri_heap_alloc_span(TRI_KIND_LARGE_NOSCAN,
                                          40000 + test_random_below(400000), 0,
                                          &cache)
                    : tri_heap_alloc_span(1 + (uint32_t)test_random_below(67),
                                          0, 0, &cache);
        EXPECT(*at != NULL);
        if ((*at)->need_zero) {
            dirty++;
        } else {
            EXPECT(all_zero(*at));
            clean++;
        }
        soil(*at);
    }
    EXPECT(clean > 100 && dirty > 100);
    for (int i = 0; i < 64; i++)
        if (live[i] != NULL)
            span_drop(live[i]);
    tri_heap_flush_pages(&cache);
    heap_check();
}

TEST(what_is_released_is_counted_and_reads_as_zero)
{
    heap_begin();
    while (tri_heap_scavenge(SIZE_MAX / 2) != 0)
        ;
    EXPECT_EQ(tri_heap_free_bytes(), 0);
    heap_check();
    struct tri_span *span =
        tri_heap_alloc_span(TRI_KIND_LARGE_NOSCAN, 8 << 20, 0, NULL);
    EXPECT(!span->need_zero && all_zero(span));
    soil(span);
    span_drop(span);
    EXPECT_EQ(tri_heap_free_bytes(), 8 << 20);
    heap_check();

    size_t part = tri_heap_scavenge(100000);
    EXPECT(part >= 100000 && part <= 100000 + (2u << 20));
    EXPECT_EQ(tri_heap_free_bytes(), (8 << 20) - (int64_t)part);
    heap_check();
    EXPECT_EQ(tri_heap_scavenge(SIZE_MAX / 2), (8u << 20) - part);
    EXPECT_EQ(tri_heap_scavenge(SIZE_MAX / 2), 0);
    heap_check();

    span = tri_heap_alloc_span(TRI_KIND_LARGE_NOSCAN, 8 << 20, 0, NULL);
    EXPECT(!span->need_zero && all_zero(span));
    span_drop(span);
}

TEST(what_is_fresh_is_told_once_and_counts_as_backed)
{
    heap_begin();
    struct tri_page_cache cache = { 0 };
    while (tri_heap_scavenge(SIZE_MAX / 2) != 0)
        ;
    struct tri_span *span[8];
    for (size_t i = 0; i < TRI_ARRAY_COUNT(span); i++) {
        int64_t released = tri_load(&tri_heap_stats.released_bytes);
        cache.fresh_bytes = 0;
        span[i] = tri_heap_alloc_span(1, 0, 4, &cache);
        EXPECT(span[i] != NULL);
        if (cache.fresh_bytes == 0) {
            EXPECT(i > 0 && span[i]->need_zero);
            continue;
        }
        EXPECT_EQ(cache.fresh, span[i]->base);
        EXPECT(cache.fresh_bytes <= 64 * TRI_PAGE_BYTES);
        EXPECT_EQ(released - tri_load(&tri_heap_stats.released_bytes),
                  cache.fresh_bytes);
    }
    EXPECT_EQ(cache.fresh_bytes, 0); /* of the same page fault */
    for (size_t i = 0; i < TRI_ARRAY_COUNT(span); i++)
        span_drop(span[i]);
    tri_heap_flush_pages(&cache);
    heap_check();
    EXPECT(tri_heap_free_bytes() > 0); /* it can be released again */
}

TEST(structs_are_reused_and_keep_what_must_survive)
{
    heap_begin();
    struct tri_span *span = tri_heap_alloc_span(5, 0, 10, NULL);
    uint32_t lives = span->generation;
    int mark = 0;
    tri_store(&span->specials, &mark);
    tri_lock(&span->specials_lock);
    tri_unlock(&span->specials_lock);
    tri_store(&span->sweep_gen, 77);
    span_drop(span);
    EXPECT_EQ(tri_load(&span->sweep_gen), 77);
    EXPECT_EQ(tri_load(&span->state), TRI_SPAN_DEAD);
    struct tri_span *again = tri_heap_alloc_span(9, 0, 12, NULL);
    EXPECT(again == span);
    EXPECT_EQ(again->generation, lives + 1);
    EXPECT_EQ(tri_load(&again->sweep_gen), 12);
    EXPECT(tri_load(&again->specials) == &mark);
    tri_store(&again->specials, NULL);
    span_drop(again);
}

TEST(pages_in_use_equal_a_direct_count)
{
    heap_begin();
    struct tri_page_cache cache = { 0 };
    struct tri_span *live[1024];
    for (int i = 0; i < 1024; i++) {
        live[i] =
            tri_heap_alloc_span(TRI_KIND_LARGE_NOSCAN, 64 << 10, 0, &cache);
        EXPECT(live[i] != NULL);
    }
    EXPECT_EQ(tri_load(&tri_heap_stats.in_use_pages), 1024 * 8);
    tri_heap_flush_pages(&cache);
    heap_check();
    for (int i = 0; i < 1024; i++)
        span_drop(live[i]);
    EXPECT_EQ(tri_load(&tri_heap_stats.in_use_pages), 0);
    heap_check();
}

static void
free_twice(void *arg)
{
    struct tri_span *span = arg;
    tri_enter();
    tri_heap_free_span(span);
    tri_heap_free_span(span);
}

static void
free_used(void *arg)
{
    struct tri_span *span = arg;
    struct tri_slot_cache slots = { 0 };
    uint32_t taken = 0;
    (void)tri_span_take_word(span, &slots, &taken);
    tri_enter();
    tri_heap_free_span(span);
}

static void
free_outside(void *arg)
{
    tri_heap_free_span(arg);
}

TEST(a_wrong_free_dies)
{
    heap_begin();
    struct tri_span *span = tri_heap_alloc_span(3, 0, 0, NULL);
    EXPECT_DEATH(free_twice, span, "is freed twice");
    EXPECT_DEATH(free_used, span, "slots in use, cached 0 (SPAN-4)");
    if (TRI_CHECKED)
        EXPECT_DEATH(free_outside, span, "outside a critical section");
    tri_enter();
    tri_heap_free_span(span);
    tri_leave();
}

TEST_MAIN
