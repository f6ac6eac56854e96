/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/alloc_cost.c: what the hot operations of alloc/ cost, in
 * nanoseconds, best of several rounds; the figures of docs/design/heap.md.  Fails
 * when one costs more than twenty times what it did when it was written, which
 * is no noise but a loop that should not be there.
 * To see it fail: let tri_span_take_word start at word 0 each time, or take the
 * heap lock in every tri_heap_alloc_span and sleep in it.
 */
#include <stdio.h>

#include "alloc/mcache.h"
#include "tests/support/alloc.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)              \
    || !defined(__OPTIMIZE__)
#    define SLACK 200.0
#else
#    define SLACK 20.0
#endif

#define ROUNDS 9

/* One round of `ops` operations, untimed parts aside; returns ns. */
typedef int64_t (*round_fn)(int ops);

static void
measure(const char *what, int ops, round_fn run, double was_ns)
{
    int64_t best = INT64_MAX;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t ns = run(ops);
        if (ns < best)
            best = ns;
    }
    double each = (double)best / ops;
    printf("# %-52s %8.1f ns\n", what, each);
    EXPECT_F(each < was_ns * SLACK, "%s costs %.1f ns, it was %.1f", what, each,
             was_ns);
}

/* ---- spans ---------------------------------------------------------------- */

#define SPANS 4096
static struct tri_span *spans[SPANS];
static uint32_t kind_index;

static void
make_spans(uint32_t kind)
{
    static struct tri_page_cache cache;
    heap_begin();
    kind_index = kind;
    for (int i = 0; i < SPANS; i++)
        spans[i] = tri_heap_alloc_span(kind, 0, 0, &cache);
    tri_heap_flush_pages(&cache);
}

static void
drop_spans(void)
{
    for (int i = 0; i < SPANS; i++)
        span_drop(spans[i]);
}

/* Takes every word of every span, then gives half of the last one back. */
static int64_t
take_words(int ops)
{
    uint32_t zombies = 0;
    struct tri_slot_cache slots = { 0 };
    uint32_t taken = 0;
    int64_t start = test_now_ns();
    for (int i = 0; i < ops;)
        for (int s = 0; s < SPANS && i < ops; s++)
            while (tri_span_take_word(spans[s], &slots, &taken))
                i++;
    int64_t ns = test_now_ns() - start;
    for (int s = 0; s < SPANS; s++)
        (void)tri_span_swap_bits(spans[s], &zombies);
    return ns;
}

static int64_t
uncache(int ops)
{
    static struct tri_mcache cache;
    uint32_t taken = 0;
    int64_t start = test_now_ns();
    for (int i = 0; i < ops; i++) {
        struct tri_span *span = spans[i % SPANS];
        tri_mcache_install(&cache, span);
        (void)tri_span_take_word(span, &cache.slots.slot[kind_index], &taken);
        (void)tri_mcache_remove(&cache, kind_index);
    }
    return test_now_ns() - start;
}

static int64_t
swap_bits(int ops)
{
    uint32_t zombies = 0;
    uint64_t sum = 0;
    int64_t start = test_now_ns();
    for (int i = 0; i < ops; i++)
        sum += tri_span_swap_bits(spans[i % SPANS], &zombies);
    int64_t ns = test_now_ns() - start;
    EXPECT_EQ(sum, 0);
    return ns;
}

TEST(the_cost_of_moving_bits)
{
    make_spans(tri_kind_noscan(tri_size_class_of(64)));
    measure("take a word, 64 B slots", 2 * SPANS, take_words, 8);
    measure("install, take a word, remove, 64 B slots", SPANS, uncache, 30);
    measure("swap mark and alloc bits, 2 words", SPANS, swap_bits, 10);
    drop_spans();
    make_spans(tri_kind_noscan(tri_size_class_of(8)));
    measure("take a word, 8 B slots", 16 * SPANS, take_words, 8);
    measure("swap mark and alloc bits, 16 words", SPANS, swap_bits, 60);
    drop_spans();
    make_spans(tri_kind_noscan(tri_size_class_of(1024)));
    measure("swap mark and alloc bits, 1 word", SPANS, swap_bits, 8);
    drop_spans();
}

/* ---- the heap -------------------------------------------------------------- */

static uint32_t span_kind;
static size_t span_bytes;
static struct tri_page_cache *span_cache;
static int64_t freeing_ns;

static int64_t
make_and_free(int ops)
{
    int64_t start = test_now_ns();
    for (int i = 0; i < ops; i++)
        spans[i] = tri_heap_alloc_span(span_kind, span_bytes, 0, span_cache);
    int64_t made = test_now_ns();
    tri_enter();
    for (int i = 0; i < ops; i++)
        tri_heap_free_span(spans[i]);
    tri_leave();
    int64_t freed = test_now_ns() - made;
    if (freed < freeing_ns)
        freeing_ns = freed;
    if (span_cache != NULL)
        tri_heap_flush_pages(span_cache);
    return made - start;
}

static void
measure_heap(const char *what, size_t bytes, bool window, double made_ns,
             double freed_ns)
{
    static struct tri_page_cache cache;
    char text[80];
    span_bytes = bytes > TRI_SMALL_BYTES_MAX ? bytes : 0;
    span_kind = span_bytes != 0 ? TRI_KIND_LARGE_NOSCAN
                                : tri_kind_noscan(tri_size_class_of(bytes));
    span_cache = window ? &cache : NULL;
    freeing_ns = INT64_MAX;
    snprintf(text, sizeof(text), "make a span: %s", what);
    measure(text, SPANS, make_and_free, made_ns);
    printf("# free a span: %-37s %8.1f ns\n", what, (double)freeing_ns / SPANS);
    EXPECT((double)freeing_ns / SPANS < freed_ns * SLACK);
}

TEST(the_cost_of_spans)
{
    heap_begin();
    measure_heap("1 page, from a window", 64, true, 40, 60);
    measure_heap("1 page, 8 B slots, from a window", 8, true, 60, 60);
    measure_heap("1 page, from the tree", 64, false, 90, 60);
    measure_heap("8 pages, from the tree", 65536, false, 120, 80);
    measure_heap("128 pages, from the tree", 1 << 20, false, 400, 300);
}

static void
churn_spans(int number, void *arg)
{
    (void)number;
    (void)arg;
    struct tri_page_cache cache = { 0 };
    struct tri_span *live[64];
    for (int round = 0; round < 1000; round++) {
        for (int i = 0; i < 64; i++)
            live[i] = tri_heap_alloc_span(1 + (uint32_t)i % 34, 0, 0, &cache);
        tri_enter();
        for (int i = 0; i < 64; i++)
            tri_heap_free_span(live[i]);
        tri_leave();
    }
    tri_heap_flush_pages(&cache);
}

/* Both threads make and free 64000 spans: wall time per span. */
static int64_t
churn_on_two(int ops)
{
    (void)ops;
    int64_t start = test_now_ns();
    test_threads(2, churn_spans, NULL);
    return test_now_ns() - start;
}

static int64_t
churn_on_one(int ops)
{
    (void)ops;
    int64_t start = test_now_ns();
    churn_spans(0, NULL);
    return test_now_ns() - start;
}

TEST(the_cost_of_sharing_the_heap)
{
    heap_begin();
    measure("make and free 1 page, one thread", 64000, churn_on_one, 110);
    measure("make and free 1 page, two threads", 128000, churn_on_two, 150);
}

/* ---- sets ------------------------------------------------------------------ */

static struct tri_span_set set;

static int64_t
push_then_pop(int ops)
{
    int64_t start = test_now_ns();
    for (int i = 0; i < ops; i++)
        tri_span_set_push(&set, spans[i]);
    for (int i = 0; i < ops; i++)
        EXPECT(tri_span_set_pop(&set) != NULL);
    int64_t ns = test_now_ns() - start;
    tri_span_set_reset(&set);
    return ns;
}

static void
push_and_pop(int number, void *arg)
{
    (void)arg;
    for (int i = 0; i < 200000; i++) {
        tri_span_set_push(&set, spans[number]);
        (void)tri_span_set_pop(&set);
    }
}

static int64_t
two_threads(int ops)
{
    (void)ops;
    int64_t start = test_now_ns();
    test_threads(2, push_and_pop, NULL);
    int64_t ns = test_now_ns() - start;
    while (tri_span_set_pop(&set) != NULL)
        ;
    tri_span_set_reset(&set);
    return ns;
}

TEST(the_cost_of_sets)
{
    make_spans(1);
    measure("push and pop a span, one thread", SPANS, push_then_pop, 20);
    measure("push and pop a span, two threads", 400000, two_threads, 150);
    drop_spans();
}

TEST_MAIN
