/* SPDX-License-Identifier: MIT */
/*
 * bench/adapter.cpp: the cases of bench.h as google-benchmark's benchmarks, and
 * main.  The only C++ here, and the only file that knows google-benchmark.
 *
 * google-benchmark runs on the program's first thread, attached to the runtime,
 * and waits there for the goroutine a case runs on; the goroutine starts and
 * stops its clock through struct tri_bench_clock.
 */
#include "bench/bench.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <benchmark/benchmark.h>

namespace
{

uint64_t seed = 1;
bool any_failed;

benchmark::State &
of(void *self)
{
    return *static_cast<benchmark::State *>(self);
}

/* KeepRunningBatch of all passes at once: its first call starts the clock, its
 * second stops it, and the passes between are the case's own loop. */
const tri_bench_clock clock_of_state = {
    [](void *self) { of(self).KeepRunningBatch(of(self).max_iterations); },
    [](void *self) { of(self).KeepRunningBatch(of(self).max_iterations); },
    [](void *self) { of(self).PauseTiming(); },
    [](void *self) { of(self).ResumeTiming(); },
    [](void *self, double seconds) { of(self).SetIterationTime(seconds); },
    [](void *self, const char *name, double value, bool rate) {
        of(self).counters[name] =
            benchmark::Counter(value, rate ? benchmark::Counter::kIsRate
                                           : benchmark::Counter::kDefaults);
    },
    [](void *self, const char *text) { of(self).SetLabel(text); },
    [](void *self, const char *why) {
        any_failed = true;
        of(self).SkipWithError(why);
    },
};

void
run(benchmark::State &gb_state, const tri_bench *bench)
{
    tri_bench_state state = {};
    state.iterations = gb_state.max_iterations;
    state.arg = bench->arg_count != 0 ? gb_state.range(0) : 0;
    state.goroutines = bench->goroutines != 0 ? bench->goroutines : 1;
    state.seed = seed;
    state.bench = bench;
    state.clock = &clock_of_state;
    state.self = &gb_state;
    tri_bench_run(&state);
}

benchmark::TimeUnit
unit_of(const tri_bench *bench)
{
    switch (bench->unit) {
    case TRI_BENCH_US:
        return benchmark::kMicrosecond;
    case TRI_BENCH_MS:
        return benchmark::kMillisecond;
    case TRI_BENCH_NS:
        break;
    }
    return benchmark::kNanosecond;
}

void
register_all()
{
    for (const tri_bench *bench = tri_bench_first(); bench != nullptr;
         bench = bench->next) {
        auto *made = benchmark::RegisterBenchmark(bench->name, run, bench);
        made->MeasureProcessCPUTime()->Unit(unit_of(bench)); /* BENCH-3 */
        if (bench->manual_time)
            made->UseManualTime();
        else
            made->UseRealTime();
        for (size_t i = 0; i < bench->arg_count; i++)
            made->Arg(bench->args[i]);
        if (bench->once)
            made->Iterations(1);
    }
}

/* Takes "--seed N" or "--seed=N" out of the arguments. */
bool
take_seed(int *argc, char **argv)
{
    int kept = 1;
    for (int i = 1; i < *argc; i++) {
        const char *text = nullptr;
        if (std::strncmp(argv[i], "--seed=", 7) == 0)
            text = argv[i] + 7;
        else if (std::strcmp(argv[i], "--seed") == 0 && i + 1 < *argc)
            text = argv[++i];
        if (text == nullptr) {
            argv[kept++] = argv[i];
            continue;
        }
        char *end = nullptr;
        seed = std::strtoull(text, &end, 0);
        if (end == text || *end != '\0') {
            std::fprintf(stderr,
                         "tricolor-bench: --seed takes a number, not \"%s\"\n",
                         text);
            return false;
        }
    }
    argv[kept] = nullptr;
    *argc = kept;
    return true;
}

void
add_context(const char *name, const char *value)
{
    benchmark::AddCustomContext(name, value);
}

} // namespace

int
main(int argc, char **argv)
{
    if (!take_seed(&argc, argv))
        return 2;
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv))
        return 2;
    if (tri_init(nullptr) != 0)
        return 2;
    tri_bench_context(seed, add_context);
    register_all();
    if (benchmark::RunSpecifiedBenchmarks() == 0)
        return 1;
    benchmark::Shutdown();
    if (const char *why = tri_bench_check_books()) {
        std::fprintf(stderr, "tricolor-bench: %s\n", why);
        return 1;
    }
    return any_failed ? 1 : 0;
}
