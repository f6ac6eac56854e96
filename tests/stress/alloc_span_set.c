/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/alloc_span_set.c: sets of spans: in order alone, and nothing lost
 * or doubled with eight threads.
 * To see it fail: in alloc/span_set.c, claim a place with a load and a store
 * instead of the CAS; do not empty the place a pop took; retire a block one pop
 * early.
 */
#include "alloc/span_set.h"

#include <stdlib.h>

#include "base/persist.h"
#include "tests/support/test.h"

#define THREADS 8
#define SPANS   4096

static struct tri_span_set set;

/* What stands for spans: the set never looks inside. */
static struct tri_span *
make_spans(size_t count)
{
    struct tri_span *spans = aligned_alloc(64, count * sizeof(*spans));
    EXPECT(spans != NULL);
    memset((void *)spans, 0, count * sizeof(*spans));
    return spans;
}

TEST(spans_come_out_in_the_order_they_went_in)
{
    struct tri_span *spans = make_spans(SPANS);
    uint32_t in = 0;
    uint32_t out = 0;
    EXPECT(tri_span_set_empty(&set));
    EXPECT(tri_span_set_pop(&set) == NULL);
    for (int i = 0; i < 200000; i++) {
        EXPECT_EQ(tri_span_set_empty(&set), in == out);
        bool push = test_random_below(2) != 0;
        if (push && in - out < SPANS) {
            tri_span_set_push(&set, &spans[in++ % SPANS]);
        } else {
            struct tri_span *span = tri_span_set_pop(&set);
            EXPECT(span == (in == out ? NULL : &spans[out % SPANS]));
            out += span != NULL;
        }
    }
    while (out != in)
        EXPECT(tri_span_set_pop(&set) == &spans[out++ % SPANS]);
    tri_span_set_reset(&set);
    free(spans);
}

TEST(resets_at_every_fill_level_lose_no_memory)
{
    struct tri_span *spans = make_spans(3 * 512 + 2);
    size_t bytes = 0;
    for (int round = 0; round < 3; round++) {
        for (uint32_t n = 0; n < 3 * 512 + 2; n += 1 + n % 5) {
            for (uint32_t i = 0; i < n; i++)
                tri_span_set_push(&set, &spans[i]);
            for (uint32_t i = 0; i < n; i++)
                EXPECT(tri_span_set_pop(&set) == &spans[i]);
            EXPECT(tri_span_set_pop(&set) == NULL);
            tri_span_set_reset(&set);
        }
        if (round == 0)
            bytes = tri_persist_bytes();
        EXPECT_EQ(tri_persist_bytes(), bytes);
    }
    free(spans);
}

/* ---- threads -------------------------------------------------------------- */

static struct tri_span *all;
static TRI_ATOMIC(uint32_t) holder[SPANS]; /* 0: in the set; else thread + 1 */
static TRI_ATOMIC(int64_t) pops;

struct bag {
    struct tri_span *span[SPANS];
    uint32_t count;
};
static struct bag bags[THREADS];

static void
put(struct bag *bag, uint32_t me)
{
    struct tri_span *span = bag->span[--bag->count];
    EXPECT_EQ(tri_swap(&holder[span - all], 0), me);
    tri_span_set_push(&set, span);
}

static bool
get(struct bag *bag, uint32_t me)
{
    struct tri_span *span = tri_span_set_pop(&set);
    if (span == NULL)
        return false;
    EXPECT(span >= all && span < all + SPANS);
    EXPECT_EQ(tri_swap(&holder[span - all], me), 0); /* not doubled */
    bag->span[bag->count++] = span;
    return true;
}

static void
push_and_pop(int number, void *arg)
{
    (void)arg;
    struct bag *bag = &bags[number];
    uint32_t me = (uint32_t)number + 1;
    int64_t got = 0;
    for (int i = 0; i < 20000; i++) {
        uint64_t n = 1 + test_random_below(16);
        bool push = test_random_below(2) != 0;
        while (n-- > 0) {
            if (push && bag->count > 0)
                put(bag, me);
            else if (!push)
                got += get(bag, me);
        }
    }
    tri_add(&pops, got);
}

static void
one_round(void)
{
    test_threads(THREADS, push_and_pop, NULL);
    uint32_t held = 0;
    for (int t = 0; t < THREADS; t++)
        held += bags[t].count;
    /* The rest is in the set: each once. */
    while (get(&bags[0], 1))
        held++;
    EXPECT_EQ(held, SPANS);
    for (uint32_t i = 0; i < SPANS; i++)
        EXPECT(tri_load(&holder[i]) != 0); /* not lost */
    tri_span_set_reset(&set);
}

/* Deals the spans out again, evenly. */
static void
deal(void)
{
    for (int t = 0; t < THREADS; t++)
        bags[t].count = 0;
    for (uint32_t i = 0; i < SPANS; i++) {
        struct bag *bag = &bags[i % THREADS];
        bag->span[bag->count++] = &all[i];
        tri_store(&holder[i], i % THREADS + 1);
    }
}

TEST(eight_threads_lose_and_double_nothing)
{
    all = make_spans(SPANS);
    int64_t end = test_now_ns() + (int64_t)(test_seconds(3) * 1e9);
    size_t bytes = 0;
    int rounds = 0;
    do {
        deal();
        one_round();
        if (++rounds == 1)
            bytes = tri_persist_bytes();
        /* Blocks are reused: at most those in use at once, and a spine. */
        EXPECT(tri_persist_bytes() <= bytes + (1u << 20));
    } while (test_now_ns() < end);
    EXPECT(tri_load(&pops) > 0);
    free(all);
}

/* ---- rules ---------------------------------------------------------------- */

static void
reset_full(void *arg)
{
    tri_span_set_push(&set, arg);
    tri_span_set_reset(&set);
}

TEST(a_reset_of_a_set_that_is_not_empty_dies)
{
    struct tri_span *span = make_spans(1);
    EXPECT_DEATH(reset_full, span, "reset with spans in it (SET-2)");
    free(span);
}

TEST_MAIN
