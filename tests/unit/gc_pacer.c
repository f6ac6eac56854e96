/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/gc_pacer.c: the pacer as arithmetic, driven by synthetic cycles.
 *
 * The model of one cycle: mutators allocate `alloc_rate` bytes per CPU
 * nanosecond, markers scan `scan_rate`; from the trigger on a quarter of the
 * CPUs marks in the background, and assists take what the goal asks for.
 * To see it fail: in gc/pacer.c, let trigger_for leave no runway (P-004), or
 * update_cons_mark forget its result (P-006): the steady heap then costs 41 % of
 * the CPUs; let tri_pacer_start ask for no idle worker (P-008,
 * WORKER-2).
 */
#include "gc/pacer.h"

#include <math.h>

#include "tests/support/test.h"

#define MIB ((int64_t)1 << 20)

TEST(worker_counts_follow_p_007)
{
    static const struct {
        int procs;
        int dedicated;
        double share;
    } rows[] = {
        { 1, 0, 0.25 }, { 2, 0, 0.25 },    { 3, 0, 0.25 }, { 4, 1, 0 },
        { 5, 1, 0 },    { 6, 1, 0.5 / 6 }, { 7, 2, 0 },    { 8, 2, 0 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tri_pacer pacer;
        tri_pacer_init(&pacer, 100, INT64_MAX, rows[i].procs);
        tri_pacer_start(&pacer, 4 * MIB, false);
        EXPECT_F(pacer.dedicated_workers == rows[i].dedicated
                     && fabs(pacer.fractional_share - rows[i].share) < 1e-9,
                 "%d procs: %d dedicated, share %g", rows[i].procs,
                 pacer.dedicated_workers, pacer.fractional_share);
        EXPECT_EQ(pacer.idle_workers_max, rows[i].procs - rows[i].dedicated);
    }
}

TEST(a_timed_cycle_without_dedicated_workers_keeps_one_idle_worker)
{
    struct tri_pacer pacer;
    tri_pacer_init(&pacer, 100, INT64_MAX, 1);
    tri_pacer_start(&pacer, MIB, true);
    EXPECT_EQ(pacer.idle_workers_max, 1); /* P-008 */
    tri_pacer_init(&pacer, 100, INT64_MAX, 8);
    tri_pacer_start(&pacer, MIB, true);
    EXPECT_EQ(pacer.idle_workers_max, 0);
}

TEST(the_first_goal_is_the_heap_minimum)
{
    struct tri_pacer pacer;
    tri_pacer_init(&pacer, 100, INT64_MAX, 2);
    EXPECT_EQ(pacer.goal_bytes, 4 * MIB);
    tri_pacer_init(&pacer, 50, INT64_MAX, 2);
    EXPECT_EQ(pacer.goal_bytes, 2 * MIB);
    tri_pacer_init(&pacer, -1, INT64_MAX, 2);
    EXPECT_EQ(pacer.goal_bytes, INT64_MAX);
    EXPECT_EQ(pacer.trigger_bytes, INT64_MAX);
}

TEST(the_goal_counts_stacks_and_globals)
{
    struct tri_pacer pacer;
    tri_pacer_init(&pacer, 100, INT64_MAX, 2);
    struct tri_pacer_cycle cycle = { .marked_bytes = 64 * MIB,
                                     .stack_bytes = 8 * MIB,
                                     .globals_bytes = 2 * MIB };
    tri_pacer_end(&pacer, &cycle);
    tri_pacer_commit(&pacer, 64 * MIB, true);
    EXPECT_EQ(pacer.goal_bytes, (64 + 64 + 8 + 2) * MIB);
}

TEST(the_trigger_lies_between_its_bounds)
{
    for (int n = 0; n < 20000; n++) {
        struct tri_pacer pacer;
        tri_pacer_init(&pacer, (int)test_random_below(800), INT64_MAX, 4);
        struct tri_pacer_cycle cycle = {
            .marked_bytes = (int64_t)test_random_below(1 << 30),
            .scan_bytes = (int64_t)test_random_below(1 << 30),
        };
        tri_pacer_end(&pacer, &cycle);
        pacer.cons_mark_used = (double)test_random_below(1000) / 100;
        bool swept = test_random_below(2) != 0;
        int64_t live = cycle.marked_bytes + (int64_t)test_random_below(MIB);
        tri_pacer_commit(&pacer, live, swept);
        EXPECT(pacer.trigger_bytes <= pacer.goal_bytes);
        if (pacer.goal_bytes <= cycle.marked_bytes)
            continue;
        EXPECT(pacer.trigger_bytes >= cycle.marked_bytes);
        int64_t way = (pacer.goal_bytes - cycle.marked_bytes) / 64 * 45;
        EXPECT(pacer.trigger_bytes >= cycle.marked_bytes + way);
        if (!swept)
            EXPECT(pacer.goal_bytes >= live + TRI_SWEEP_HEADROOM_BYTES);
    }
}

TEST(a_memory_limit_bounds_the_goal_but_not_below_what_is_live)
{
    struct tri_pacer pacer;
    tri_pacer_init(&pacer, -1, 512 * MIB, 2);
    struct tri_pacer_cycle cycle = { .marked_bytes = 100 * MIB };
    tri_pacer_end(&pacer, &cycle);
    pacer.overhead_bytes = 12 * MIB;
    tri_pacer_commit(&pacer, 100 * MIB, true);
    EXPECT(pacer.goal_bytes < 500 * MIB && pacer.goal_bytes > 480 * MIB);
    cycle.marked_bytes = 600 * MIB;
    tri_pacer_end(&pacer, &cycle);
    tri_pacer_commit(&pacer, 600 * MIB, true);
    EXPECT_EQ(pacer.goal_bytes, 600 * MIB); /* continuous collection */
}

TEST(the_assist_ratio_is_positive_and_grows_as_room_shrinks)
{
    struct tri_pacer pacer;
    tri_pacer_init(&pacer, 100, INT64_MAX, 4);
    struct tri_pacer_cycle cycle = { .marked_bytes = 64 * MIB,
                                     .scan_bytes = 64 * MIB };
    tri_pacer_end(&pacer, &cycle);
    tri_pacer_commit(&pacer, 64 * MIB, true);
    tri_pacer_start(&pacer, 100 * MIB, false);
    double before = 0;
    for (int64_t live = 100 * MIB; live < 140 * MIB; live += MIB) {
        double ratio = tri_pacer_assist_ratio(&pacer, live, 0);
        EXPECT(ratio > 0 && isfinite(ratio));
        if (live <= 128 * MIB)
            EXPECT_F(ratio >= before, "at %lld MiB: %g < %g",
                     (long long)(live / MIB), ratio, before);
        before = ratio;
    }
}

TEST(the_sweep_ratio_pays_for_all_pages_before_the_trigger)
{
    EXPECT_EQ(tri_pacer_sweep_ratio(1000, INT64_MAX, 0) * 1e6, 0);
    double ratio = tri_pacer_sweep_ratio(1000, 11 * MIB, 0);
    EXPECT(fabs(ratio * (double)(10 * MIB) - 1000) < 1);
    /* D-020, D-021: no room, or a basis above the trigger, stays finite. */
    EXPECT(isfinite(tri_pacer_sweep_ratio(1000, MIB, 8 * MIB)));
}

/* ---- the simulator: G078's steady heap ------------------------------------------ */

struct model {
    double alloc_rate; /* bytes per ns of mutator CPU */
    double scan_rate;  /* bytes per ns of marker CPU */
    int64_t live_bytes;
};

struct outcome {
    double peak_to_goal;
    double utilization;
};

/* One cycle in small steps of allocation; assists by the pacer's own ratio. */
static struct outcome
simulate(struct tri_pacer *pacer, const struct model *model)
{
    double heap = (double)pacer->trigger_bytes;
    tri_pacer_start(pacer, (int64_t)heap, false);
    double goal = (double)pacer->goal_bytes;
    double work = (double)model->live_bytes;
    double done = 0;
    double elapsed = 0;
    double assisted = 0;
    const double step = 1e4; /* ns */
    while (done < work) {
        double ratio =
            tri_pacer_assist_ratio(pacer, (int64_t)heap, (int64_t)done);
        double cpus = pacer->procs * (1 - TRI_BACKGROUND_SHARE);
        /* Assist time a and mutator time m: a * scan = m * alloc * ratio. */
        double owed = model->alloc_rate * ratio / model->scan_rate;
        /* The background's own credit pays first. */
        double credit = pacer->procs * TRI_BACKGROUND_SHARE * model->scan_rate;
        double need = cpus * model->alloc_rate * ratio - credit;
        double a = need > 0 ? cpus * owed / (1 + owed) : 0;
        a = a > cpus * 0.9 ? cpus * 0.9 : a;
        heap += (cpus - a) * model->alloc_rate * step;
        done +=
            (pacer->procs * TRI_BACKGROUND_SHARE + a) * model->scan_rate * step;
        assisted += a * step;
        elapsed += step;
    }
    struct tri_pacer_cycle cycle = {
        .duration_ns = (int64_t)elapsed,
        .assist_ns = (int64_t)assisted,
        .heap_live_bytes = (int64_t)heap,
        .marked_bytes = model->live_bytes,
        .scan_bytes = (int64_t)done,
    };
    tri_pacer_end(pacer, &cycle);
    tri_pacer_commit(pacer, model->live_bytes, true);
    return (struct outcome){
        .peak_to_goal = heap / goal,
        .utilization =
            TRI_BACKGROUND_SHARE + assisted / (elapsed * pacer->procs),
    };
}

TEST(a_steady_heap_settles_at_its_goal_with_a_quarter_of_the_cpus)
{
    struct tri_pacer pacer;
    tri_pacer_init(&pacer, 100, INT64_MAX, 8);
    struct model model = { 0.033, 1.024, 64 * MIB };
    struct outcome outcome = { 0, 0 };
    for (int c = 0; c < 50; c++) {
        outcome = simulate(&pacer, &model);
        if (c >= 25)
            EXPECT_F(outcome.peak_to_goal > 0.90 && outcome.peak_to_goal < 1.05
                         && outcome.utilization < 0.30,
                     "cycle %d: peak/goal %.3f, utilization %.3f", c,
                     outcome.peak_to_goal, outcome.utilization);
    }
}

TEST(a_step_in_the_allocation_rate_settles_again)
{
    struct tri_pacer pacer;
    tri_pacer_init(&pacer, 100, INT64_MAX, 8);
    struct model model = { 0.033, 1.024, 64 * MIB };
    for (int c = 0; c < 100; c++) {
        if (c == 50)
            model.alloc_rate *= 3;
        struct outcome outcome = simulate(&pacer, &model);
        if (c >= 75)
            EXPECT_F(outcome.peak_to_goal > 0.90 && outcome.peak_to_goal < 1.05,
                     "cycle %d: peak/goal %.3f", c, outcome.peak_to_goal);
    }
}

TEST_MAIN
