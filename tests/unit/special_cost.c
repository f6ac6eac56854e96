/* SPDX-License-Identifier: MIT */
/*
 * special_cost: what a cleanup costs does not depend on how many others its
 * span carries, nor on where its object lies, nor on how many its object has
 * (X003: in Go the last of 490 costs 14 times the first).  Over the fake
 * collector; ratios are asserted, times are only printed.
 *
 * To see it fail: search the slot's list for its end in tri_special_link_locked,
 * or let tri_index_get walk the slots.
 */
#include <stdio.h>

#include "gc/special.h"
#include "tests/support/fake_collector.h"
#include "tests/support/test.h"

#define ROUNDS 41
#define EACH   500

static void
nothing(const void *data)
{
    (void)data;
}

/* ns of an add and a stop on this object: the best of many, since whatever else
 * the machine does only adds. */
static double
cost(void *object)
{
    double best = 1e9;
    for (int r = 0; r < ROUNDS; r++) {
        int64_t start = test_now_ns();
        for (int i = 0; i < EACH; i++) {
            struct tri_cleanup cleanup =
                tri_add_cleanup_data(object, nothing, NULL, 0);
            (void)tri_cleanup_stop(cleanup);
        }
        double each = (double)(test_now_ns() - start) / EACH;
        best = each < best ? each : best;
    }
    return best;
}

static struct tri_cleanup kept[100000];

TEST(x003_the_last_of_490_specials_in_a_span_costs_as_much_as_the_first)
{
    fake_begin();
    struct tri_span *span =
        fake_span(tri_kind_noscan(tri_size_class_of(16)), 0);
    void *first = (void *)tri_span_slot_address(span, 0);
    void *last = (void *)tri_span_slot_address(span, 489);
    double alone = cost(first);
    for (uint32_t i = 0; i < 490; i++)
        kept[i] = tri_add_cleanup_data((void *)tri_span_slot_address(span, i),
                                       nothing, NULL, 0);
    double at_first = cost(first);
    double at_last = cost(last);
    (void)printf("# add and stop: %.1f ns alone, %.1f at the first slot, %.1f "
                 "at the last of 490\n",
                 alone, at_first, at_last);
    EXPECT(at_last <= 2 * at_first && at_first <= 2 * at_last);
    EXPECT(at_last <= 3 * alone);
    for (int i = 0; i < 490; i++)
        EXPECT(tri_cleanup_stop(kept[i]));
}

static double
stop_oldest_first(void)
{
    int64_t start = test_now_ns();
    for (size_t i = 0; i < TRI_ARRAY_COUNT(kept); i++)
        EXPECT(tri_cleanup_stop(kept[i]));
    return (double)(test_now_ns() - start) / (double)TRI_ARRAY_COUNT(kept);
}

TEST(many_cleanups_on_one_object_cost_no_more_each)
{
    fake_begin();
    struct tri_span *span =
        fake_span(tri_kind_noscan(tri_size_class_of(64)), 0);
    void *object = (void *)span->base;
    double alone = cost(object);
    for (size_t i = 0; i < TRI_ARRAY_COUNT(kept); i++)
        kept[i] = tri_add_cleanup_data(object, nothing, NULL, 0);
    double crowded = cost(object);
    (void)printf("# add and stop: %.1f ns alone, %.1f beside %zu others\n",
                 alone, crowded, TRI_ARRAY_COUNT(kept));
    EXPECT(crowded <= 3 * alone);
    /* The best of some, as above. */
    double each = stop_oldest_first();
    for (int tries = 0; tries < 20 && each > 10 * alone; tries++) {
        for (size_t i = 0; i < TRI_ARRAY_COUNT(kept); i++)
            kept[i] = tri_add_cleanup_data(object, nothing, NULL, 0);
        each = stop_oldest_first();
    }
    (void)printf("# a stop of the oldest first: %.1f ns\n", each);
    EXPECT(each <= 10 * alone);
}

TEST_MAIN
