/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_retired_p.c: Ps that are destroyed and made again with
 * collections between owe no flush of a cache they do not have (SWEEP-2, S-019).
 *
 * To see it fail: leave out tri_gc_p_revive in runtime/procs.c ("P 1 is
 * destroyed twice"), or the new flush_gen in it ("a sweeper token was returned
 * twice", or "missed a flush").
 */
#include <tricolor/tricolor.h>

#include "tests/support/test.h"

TEST(a_p_made_again_and_never_held_can_be_destroyed)
{
    for (int cycles = 0; cycles < 4; cycles++) {
        tri_set_procs(4);
        tri_set_procs(1);
        for (int i = 0; i < cycles; i++)
            tri_gc();
        tri_set_procs(4);
        tri_set_procs(1);
        tri_gc();
    }
}

struct spinner {
    struct tri_waitgroup done;
    bool stop; /* atomic */
};

static void
allocate_until_stopped(void *arg)
{
    struct spinner *spinner = arg;
    while (!__atomic_load_n(&spinner->stop, __ATOMIC_RELAXED)) {
        for (int i = 0; i < 100; i++)
            tri_keepalive(tri_alloc_noscan(16 + (size_t)i));
        tri_yield();
    }
    tri_waitgroup_done(&spinner->done);
}

TEST(ps_come_and_go_under_allocation)
{
    enum {
        SPINNERS = 4,
        ROUNDS = 50
    };
    struct spinner spinner = { .stop = false };
    tri_waitgroup_add(&spinner.done, SPINNERS);
    for (int i = 0; i < SPINNERS; i++)
        tri_go(allocate_until_stopped, &spinner);
    for (int round = 0; round < ROUNDS; round++) {
        tri_set_procs(1 + (int)test_random_below(6));
        for (uint64_t gc = test_random_below(3); gc > 0; gc--)
            tri_gc();
    }
    __atomic_store_n(&spinner.stop, true, __ATOMIC_RELAXED);
    tri_waitgroup_wait(&spinner.done);
    double cycles;
    EXPECT_EQ(tri_metric_read("/gc/cycles/total:gc-cycles", &cycles), 0);
    EXPECT_F(cycles > 20, "%.0f cycles", cycles);
}

int
main(int argc, char **argv)
{
    test_begin(argc, argv);
    return tri_main(test_run_all, NULL, NULL);
}
