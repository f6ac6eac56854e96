/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/gc_scavenger.c: how much memory goes back to the system, and how
 * fast: the arithmetic, and the collector over the fake host.
 * To see it fail: let tri_scavenger_keep leave out the goals' ratio; let a tick
 * release without looking at its credit; leave the call out of gc/cycle.c.
 */
#include <stdio.h>

#include "gc/scavenger.h"

#include "alloc/heap.h"
#include "base/option.h"
#include "gc/gc.h"
#include "gc/phase.h"
#include "tests/support/fake_host.h"
#include "tests/support/test.h"

#define MIB (INT64_C(1) << 20)

TEST(memory_is_kept_in_proportion_to_the_goal_and_a_tenth_more)
{
    EXPECT_EQ(tri_scavenger_keep(100 * MIB, 200 * MIB, 200 * MIB), 110 * MIB);
    EXPECT_EQ(tri_scavenger_keep(100 * MIB, 100 * MIB, 200 * MIB), 55 * MIB);
    EXPECT_EQ(tri_scavenger_keep(100 * MIB, 400 * MIB, 200 * MIB), 220 * MIB);
    /* Nothing is known, or the collector is off: all is kept. */
    EXPECT_EQ(tri_scavenger_keep(100 * MIB, 400 * MIB, 0), INT64_MAX);
    EXPECT_EQ(tri_scavenger_keep(100 * MIB, INT64_MAX, 4 * MIB), INT64_MAX);
    EXPECT_EQ(tri_scavenger_keep(100 * MIB, 4 * MIB, INT64_MAX), INT64_MAX);
    /* No overflow. */
    EXPECT_EQ(tri_scavenger_keep(INT64_MAX / 2, INT64_MAX - 1, 1), INT64_MAX);
}

TEST(a_memory_limit_bounds_what_is_kept)
{
    EXPECT_EQ(tri_scavenger_keep_limited(100 * MIB, INT64_MAX), 100 * MIB);
    EXPECT_EQ(tri_scavenger_keep_limited(100 * MIB, 1000 * MIB), 100 * MIB);
    EXPECT_EQ(tri_scavenger_keep_limited(100 * MIB, 100 * MIB), 95 * MIB);
    EXPECT_EQ(tri_scavenger_keep_limited(INT64_MAX, 200 * MIB), 190 * MIB);
}

static void *volatile block;

static __attribute__((noinline)) void
hold(size_t bytes)
{
    block = tri_alloc_noscan(bytes);
    memset(block, 1, bytes);
}

static int64_t
backed(void)
{
    return tri_heap_free_bytes()
         + (tri_load(&tri_heap_stats.in_use_pages) << TRI_PAGE_SHIFT);
}

/* A large object, then nothing: free memory that nobody will need soon. */
static void
leave_free(size_t bytes)
{
    hold(bytes);
    tri_gc_collect();
    block = NULL;
    tri_gc_collect(); /* the goal falls */
    tri_gc_collect();
}

static int64_t now_ns = 1000000000;

static int64_t
tick(int64_t elapsed_ns)
{
    now_ns += elapsed_ns;
    return tri_scavenger_tick(now_ns);
}

/* Ticks until nothing is left to give.  One that gives nothing may be paying
 * for a dear piece before it: a hundred in a row mean the end. */
static void
give_all_back(void)
{
    for (int idle = 0; idle < 100; idle++)
        if (tick(10000000) > 0)
            idle = 0;
}

TEST(what_the_heap_no_longer_needs_goes_back_bit_by_bit)
{
    (void)tick(0);
    leave_free(128 * MIB);
    EXPECT(backed() >= 128 * MIB);
    EXPECT_EQ(tick(0), 0);        /* no time, no work */
    int64_t first = tick(100000); /* 1 us of credit: one piece */
    EXPECT(first > 0 && first <= 3 * MIB);
    give_all_back();
    EXPECT(backed() < 32 * MIB);
    EXPECT_EQ(tick(1000000000), 0); /* what is kept is kept */
}

TEST(a_long_sleep_makes_no_burst)
{
    leave_free(384 * MIB);
    int64_t start = test_now_ns();
    int64_t done = tick(INT64_C(3600) * 1000000000);
    int64_t spent = test_now_ns() - start;
    printf("# %.1f ms\n", (double)spent / 1e6);
    /* 1 ms of credit, and the piece that overdraws it: that is not all. */
    EXPECT_F(done > 0 && done < 384 * MIB, "%lld MiB in a tick",
             (long long)(done / MIB));
    give_all_back();
}

TEST(nothing_goes_back_where_that_is_switched_off)
{
    tri_debug.scavenge = 0;
    leave_free(128 * MIB);
    EXPECT_EQ(tick(1000000000), 0);
    EXPECT(backed() >= 128 * MIB);
    tri_debug.scavenge = 1;
    give_all_back();
    EXPECT(backed() < 32 * MIB);
}

int
main(int argc, char **argv)
{
    fake_host_start(__builtin_frame_address(0));
    return test_main(argc, argv);
}
