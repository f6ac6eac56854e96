/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/alloc_heap_threads.c: eight threads make and free spans while
 * another gives pages back to the system.  Every span is its owner's alone,
 * clean memory is zero, and in the end everything is accounted for.
 * To see it fail: in alloc/scavenge.c, do not take the run before releasing it
 * (SCAV-1); in alloc/page_alloc.c, leave the bits of a window clear; in
 * alloc/heap.c, take the fast path's struct from a list shared by all.
 */
#include "tests/support/alloc.h"

#define THREADS 8
#define LIVE    96

struct owner {
    struct tri_page_cache cache;
    struct tri_span *live[LIVE];
};
static struct owner owners[THREADS];
static int64_t end_ns;
static TRI_ATOMIC(int64_t) made;
static TRI_ATOMIC(int64_t) clean;

/* First and last word of a page. */
#define PAGE_WORDS (TRI_PAGE_BYTES / 8)

static void
mark_pages(const struct tri_span *span, uint64_t value)
{
    uint64_t *words = (uint64_t *)span->base;
    for (size_t p = 0; p < span->page_count; p++) {
        words[p * PAGE_WORDS] = value;
        words[p * PAGE_WORDS + PAGE_WORDS - 1] = ~value;
    }
}

static void
expect_pages(const struct tri_span *span, uint64_t first, uint64_t last)
{
    const uint64_t *words = (const uint64_t *)span->base;
    for (size_t p = 0; p < span->page_count; p++) {
        EXPECT(words[p * PAGE_WORDS] == first);
        EXPECT(words[p * PAGE_WORDS + PAGE_WORDS - 1] == last);
    }
}

static struct tri_span *
make(struct owner *owner)
{
    uint64_t dice = test_random_below(100);
    struct tri_page_cache *cache = dice < 90 ? &owner->cache : NULL;
    if (dice % 10 == 0)
        return tri_heap_alloc_span(TRI_KIND_LARGE_NOSCAN,
                                   40000 + test_random_below(6 << 20), 2,
                                   cache);
    return tri_heap_alloc_span(
        1 + (uint32_t)test_random_below(TRI_KIND_LARGE_SCAN - 1), 0, 2, cache);
}

static void
check_mine(const struct tri_span *span, uint64_t value)
{
    uintptr_t inside = span->base + test_random_below(span->limit - span->base);
    EXPECT(tri_span_of(inside) == span);
    expect_pages(span, value, ~value);
}

static void
churn(struct owner *owner, uint64_t value)
{
    struct tri_span **at = &owner->live[test_random_below(LIVE)];
    if (*at != NULL) {
        check_mine(*at, value);
        span_drop(*at);
        *at = NULL;
        return;
    }
    *at = make(owner);
    EXPECT(*at != NULL);
    tri_add_relaxed(&made, 1);
    if (!(*at)->need_zero) {
        expect_pages(*at, 0, 0);
        tri_add_relaxed(&clean, 1);
    }
    mark_pages(*at, value);
    if (test_random_below(500) == 0)
        tri_heap_flush_pages(&owner->cache);
}

static void
run_thread(int number, void *arg)
{
    (void)arg;
    if (number == THREADS) {
        while (test_now_ns() < end_ns)
            (void)tri_heap_scavenge(test_random_below(8 << 20));
        return;
    }
    struct owner *owner = &owners[number];
    uint64_t value = UINT64_C(0x1111111111111111) * (uint64_t)(number + 1);
    /* On a busy machine the time may be over before much was done. */
    for (int round = 0; round < 20 || test_now_ns() < end_ns; round++)
        for (int i = 0; i < 64; i++)
            churn(owner, value);
    for (int i = 0; i < LIVE; i++)
        if (owner->live[i] != NULL) {
            check_mine(owner->live[i], value);
            if (i % 2 == 0) {
                span_drop(owner->live[i]);
                owner->live[i] = NULL;
            }
        }
    tri_heap_flush_pages(&owner->cache);
}

TEST(spans_have_one_owner_each_and_every_page_is_accounted_for)
{
    heap_begin();
    end_ns = test_now_ns() + (int64_t)(test_seconds(3) * 1e9);
    test_threads(THREADS + 1, run_thread, NULL);
    heap_check(); /* half of the spans are still there */
    EXPECT(tri_load(&tri_heap_stats.span_count) > 0);
    for (int t = 0; t < THREADS; t++)
        for (int i = 0; i < LIVE; i++)
            if (owners[t].live[i] != NULL)
                span_drop(owners[t].live[i]);
    heap_check();
    EXPECT_EQ(tri_load(&tri_heap_stats.span_count), 0);
    EXPECT(tri_load(&made) > 1000 && tri_load(&clean) > 0);
    while (tri_heap_scavenge(SIZE_MAX / 2) != 0)
        ;
    EXPECT_EQ(tri_heap_free_bytes(), 0);
}

TEST_MAIN
