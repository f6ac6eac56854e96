/* SPDX-License-Identifier: MIT */
/*
 * bench/bench.h: benchmarks written in C, measured by google-benchmark.
 *
 *     TRI_BENCH(yield, .name = "goroutine/yield", .procs = 1)
 *     {
 *         TRI_BENCH_LOOP(state)
 *             tri_yield();
 *     }
 *
 * A case runs on a goroutine of its own while google-benchmark's thread waits,
 * so what it measures is what programs see.  The loop's counter lives in a
 * register and the clock is read twice, before the first and after the last
 * pass: nothing else of the harness lies inside.  Cases see the public API
 * only; bench/adapter.cpp is the one file that knows google-benchmark.
 *
 *   BENCH-1  What a pass computes is kept (tri_keepalive); otherwise the
 *            compiler may drop the work and time an empty loop.  Argued, no
 *            test: whether it would is the compiler's affair.
 *   BENCH-2  A case leaves nothing behind: no armed cleanup, no goroutine, no
 *            heap in a global; otherwise the next case pays for it.  Argued, no
 *            test: what it leaves is its own kind of thing.
 *   BENCH-3  Process CPU time and wall time are taken, never thread time;
 *            otherwise a goroutine that ends on another thread than it began on
 *            has two halves of two clocks.  Argued, no test: one place reads
 *            them (bench.c).
 *   BENCH-4  What a case assumes it checks (tri_bench_fail); otherwise it
 *            measures something else and nobody sees.
 */
#ifndef TRI_BENCH_BENCH_H
#define TRI_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tricolor/tricolor.h>

#ifdef __cplusplus
extern "C" {
#endif

enum tri_bench_unit {
    TRI_BENCH_NS,
    TRI_BENCH_US,
    TRI_BENCH_MS,
};

struct tri_bench_state;

/* A case: what TRI_BENCH fills in.  All but run and name may be left out. */
struct tri_bench {
    void (*run)(struct tri_bench_state *state);
    const char *name;    /* "area/what[/size]" */
    const int64_t *args; /* one run for each; state->arg has it */
    size_t arg_count;
    size_t live_bytes;        /* pointer-free heap kept alive beside */
    int procs;                /* runs with that many Ps; 0: as configured */
    int goroutines;           /* of tri_bench_parallel; 0: one */
    enum tri_bench_unit unit; /* of the time printed */
    bool gc_off;              /* no collection but those of the case */
    bool manual_time;         /* the case gives the time itself */
    bool once;                /* a pass is long: no search for a count */
    struct tri_bench *next;
};

/* What the adapter does for a running case; see adapter.cpp. */
struct tri_bench_clock {
    void (*begin)(void *self);
    void (*end)(void *self);
    void (*pause)(void *self);
    void (*resume)(void *self);
    void (*set_seconds)(void *self, double seconds);
    void (*counter)(void *self, const char *name, double value, bool rate);
    void (*label)(void *self, const char *text);
    void (*fail)(void *self, const char *why);
};

/* One run of a case. */
struct tri_bench_state {
    int64_t iterations; /* passes to make */
    int64_t arg;
    int goroutines;
    uint64_t seed; /* --seed: for whatever a case draws at random */
    const struct tri_bench *bench;
    const struct tri_bench_clock *clock;
    void *self; /* the adapter's */
    bool failed;
};

#define TRI_BENCH(id, ...)                                                     \
    static void id(struct tri_bench_state *state);                             \
    static struct tri_bench id##_bench = { .run = id, __VA_ARGS__ };           \
    __attribute__((constructor)) static void id##_register(void)               \
    {                                                                          \
        tri_bench_register(&id##_bench);                                       \
    }                                                                          \
    static void id(struct tri_bench_state *state)

/* The timed loop: state->iterations passes. */
#define TRI_BENCH_LOOP(state)                                                  \
    for (int64_t left_ = tri_bench_begin(state);                               \
         left_ != 0 || tri_bench_end(state); left_--)

/*
 * The same in batches of at most `max` passes, for cases that must prepare
 * each of them.  The body gets the size in `batch`, starts with the clock
 * stopped, and puts what is measured between tri_bench_resume and
 * tri_bench_pause.
 */
#define TRI_BENCH_BATCHES(state, max, batch)                                   \
    for (int64_t batch, left_ = tri_bench_begin_paused(state);                 \
         (batch = left_ < (max) ? left_ : (max)) > 0                           \
         || tri_bench_end_paused(state);                                       \
         left_ -= batch)

void tri_bench_register(struct tri_bench *bench);
/* All of them, sorted by name: the first, then ->next. */
struct tri_bench *tri_bench_first(void);

/* Runs the case on a goroutine and waits for it; from an attached thread. */
void tri_bench_run(struct tri_bench_state *state);

/* Start and stop the clock; begin returns the iterations, end false. */
int64_t tri_bench_begin(struct tri_bench_state *state);
bool tri_bench_end(struct tri_bench_state *state);
int64_t tri_bench_begin_paused(struct tri_bench_state *state);
bool tri_bench_end_paused(struct tri_bench_state *state);
void tri_bench_pause(struct tri_bench_state *state);
void tri_bench_resume(struct tri_bench_state *state);

/*
 * Instead of a loop: state->iterations passes in all, shared out to
 * state->goroutines goroutines that are let go together.  body(shared, passes)
 * loops itself.  The time is from the start of all to the end of the last.
 */
void tri_bench_parallel(struct tri_bench_state *state,
                        void (*body)(void *shared, int64_t passes),
                        void *shared);

/* With .manual_time: how long all the passes took. */
void tri_bench_set_seconds(struct tri_bench_state *state, double seconds);
/* How much work a pass did; printed as items or bytes a second. */
void tri_bench_items(struct tri_bench_state *state, double per_pass);
void tri_bench_bytes(struct tri_bench_state *state, double per_pass);
void tri_bench_counter(struct tri_bench_state *state, const char *name,
                       double value);
void tri_bench_label(struct tri_bench_state *state, const char *text);
/* Ends the benchmark as failed; the case returns soon after.  May be called
 * before, in, and after the loop, and instead of it. */
void tri_bench_fail(struct tri_bench_state *state, const char *why);

/* `full`, or a hundredth of it with TRI_BENCH_QUICK in the environment: for cases
 * that take a minute, so that a test can run them. */
int64_t tri_bench_scaled(int64_t full);
/* Monotonic. */
int64_t tri_bench_now_ns(void);
/* A metric that must exist; NaN (and a failed case) otherwise. */
double tri_bench_metric(struct tri_bench_state *state, const char *name);
/* NULL, or what is wrong with the cleanups' books, in one sentence.  To be
 * called when nothing else runs. */
const char *tri_bench_check_books(void);

/* What every result carries: calls add(name, value) for seed, configuration,
 * machine and versions.  The runtime is up (context.c). */
void tri_bench_context(uint64_t seed,
                       void (*add)(const char *name, const char *value));

#ifdef __cplusplus
}
#endif

#endif /* TRI_BENCH_BENCH_H */
