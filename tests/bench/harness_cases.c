/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/harness_cases.c: cases that judge the harness (harness.py runs
 * them): loops make as many passes as they should, the clock runs where it
 * should, what fails is told.
 */
#include <stdlib.h>

#include "bench/bench.h"

static void
wait_ns(int64_t ns)
{
    int64_t until = tri_bench_now_ns() + ns;
    while (tri_bench_now_ns() < until)
        ;
}

TRI_BENCH(loop, .name = "good/loop")
{
    int64_t passes = 0;
    TRI_BENCH_LOOP(state)
    passes++;
    if (passes != state->iterations)
        tri_bench_fail(state, "a loop of another length");
}

static const int64_t sizes[] = { 1, 7, 1000 };

TRI_BENCH(batches, .name = "good/batches", .args = sizes, .arg_count = 3)
{
    int64_t passes = 0;
    TRI_BENCH_BATCHES(state, state->arg, batch)
    {
        if (batch < 1 || batch > state->arg)
            tri_bench_fail(state, "a batch of a wrong size");
        tri_bench_resume(state);
        passes += batch;
        tri_bench_pause(state);
    }
    if (passes != state->iterations)
        tri_bench_fail(state, "batches do not add up");
}

static int64_t shared_passes;

static void
count_passes(void *shared, int64_t passes)
{
    __atomic_fetch_add((int64_t *)shared, passes, __ATOMIC_RELAXED);
}

TRI_BENCH(parallel, .name = "good/parallel", .goroutines = 3)
{
    shared_passes = 0;
    tri_bench_parallel(state, count_passes, &shared_passes);
    if (shared_passes != state->iterations)
        tri_bench_fail(state, "shares do not add up");
}

TRI_BENCH(settings, .name = "good/settings", .procs = 1, .gc_off = true)
{
    if (tri_set_procs(0) != 1 || tri_set_gc_percent(-1) != -1)
        tri_bench_fail(state, "the settings asked for are not in force");
    TRI_BENCH_LOOP(state)
    tri_yield();
}

/* Runs after good/settings, whose settings must be gone. */
TRI_BENCH(restored, .name = "good/settings_restored")
{
    int percent = tri_set_gc_percent(-1);
    tri_set_gc_percent(percent);
    if (percent == -1)
        tri_bench_fail(state, "the collector is still off");
    TRI_BENCH_LOOP(state)
    tri_yield();
}

/* harness.py reads the times of these: 2 ms a pass each, not 7. */
#define MEASURED_NS INT64_C(2000000)
#define PREPARED_NS INT64_C(5000000)

TRI_BENCH(timed_loop, .name = "timed/loop")
{
    wait_ns(PREPARED_NS);
    TRI_BENCH_LOOP(state)
    wait_ns(MEASURED_NS);
    wait_ns(PREPARED_NS);
}

TRI_BENCH(timed_batches, .name = "timed/batches")
{
    TRI_BENCH_BATCHES(state, 1, batch)
    {
        wait_ns(PREPARED_NS);
        tri_bench_resume(state);
        wait_ns(MEASURED_NS);
        tri_bench_pause(state);
    }
}

TRI_BENCH(timed_by_case, .name = "timed/by_case", .manual_time = true)
{
    tri_bench_begin(state);
    wait_ns(PREPARED_NS);
    tri_bench_set_seconds(state, 1e-9 * (double)MEASURED_NS
                                     * (double)state->iterations);
    tri_bench_end(state);
}

TRI_BENCH(fails_before, .name = "fails/before")
{
    tri_bench_fail(state, "failed before the loop");
}

TRI_BENCH(fails_after, .name = "fails/after")
{
    TRI_BENCH_LOOP(state);
    tri_bench_fail(state, "failed after the loop");
    tri_bench_fail(state, "and again, which nobody hears");
}

TRI_BENCH(fails_metric, .name = "fails/metric")
{
    TRI_BENCH_LOOP(state);
    tri_bench_metric(state, "/no/such:metric");
}
