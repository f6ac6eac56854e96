/* SPDX-License-Identifier: MIT */
/*
 * bench/bench.c: the harness behind bench.h: the list of cases, the goroutine
 * a case runs on, and its surroundings (Ps, collector, heap beside).
 *
 *   google-benchmark's thread            goroutine
 *     tri_bench_run
 *       Ps, GC percent, heap beside
 *       collect, drain                          BENCH-2: a clean start
 *       tri_go  ---------------------------->   case: setup
 *       waits (its P is free)                   begin ... loop ... end
 *       <-------------------------------- done  case: clear up
 *       restore
 */
#include "bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DRAIN_NS INT64_C(10000000000)

/* ---- the list ------------------------------------------------------------- */

static struct tri_bench *first;

void
tri_bench_register(struct tri_bench *bench)
{
    struct tri_bench **at = &first;
    while (*at != NULL && strcmp((*at)->name, bench->name) < 0)
        at = &(*at)->next;
    bench->next = *at;
    *at = bench;
}

struct tri_bench *
tri_bench_first(void)
{
    return first;
}

/* ---- surroundings ---------------------------------------------------------- */

/* A root: heap that lives beside the case.  Kept from run to run, since a case
 * is run several times until its count of iterations is found. */
static void *live;
static size_t live_bytes;

#define BLOCK_BYTES   ((size_t)1 << 20)
#define OS_PAGE_BYTES 4096
#define BLOCKS_MAX    256

/* Touches as much more memory as the heap will grow by until the collection
 * that is due: the first touch of a page costs the system microseconds, which
 * would drown what a case measures. */
static __attribute__((noinline)) void
touch(size_t bytes)
{
    void *blocks[BLOCKS_MAX];
    int percent = tri_set_gc_percent(-1);
    for (size_t i = 0; i < bytes / BLOCK_BYTES && i < BLOCKS_MAX; i++) {
        blocks[i] = tri_alloc_noscan(BLOCK_BYTES);
        for (size_t at = 0; at < BLOCK_BYTES; at += OS_PAGE_BYTES)
            ((volatile char *)blocks[i])[at] = 1;
    }
    tri_keepalive(blocks);
    tri_set_gc_percent(percent);
}

static void
keep_live(size_t bytes)
{
    if (bytes == live_bytes)
        return;
    TRI_STORE(&live, (void *)NULL);
    live_bytes = bytes;
    if (bytes == 0)
        return;
    TRI_STORE(&live, tri_alloc_noscan(bytes));
    touch(bytes);
}

struct settings {
    int procs;
    int gc_percent;
};

static struct settings
prepare(const struct tri_bench *bench)
{
    struct settings before = { 0 };
    if (bench->procs != 0)
        before.procs = tri_set_procs(bench->procs);
    keep_live(bench->live_bytes);
    tri_gc();
    tri_cleanup_drain(DRAIN_NS);
    if (bench->gc_off)
        before.gc_percent = tri_set_gc_percent(-1);
    return before;
}

static void
restore(const struct tri_bench *bench, struct settings before)
{
    if (bench->gc_off)
        tri_set_gc_percent(before.gc_percent);
    if (bench->procs != 0)
        tri_set_procs(before.procs);
}

/* ---- running --------------------------------------------------------------- */

struct job {
    struct tri_bench_state *state;
    struct tri_waitgroup done;
};

static void
run_case(void *arg)
{
    struct job *job = arg;
    job->state->bench->run(job->state);
    tri_waitgroup_done(&job->done);
}

void
tri_bench_run(struct tri_bench_state *state)
{
    /* On this thread's stack, which is a root while it waits. */
    struct job job = { .state = state };
    struct settings before = prepare(state->bench);
    tri_waitgroup_add(&job.done, 1);
    tri_go(run_case, &job);
    tri_waitgroup_wait(&job.done);
    restore(state->bench, before);
}

int64_t
tri_bench_begin(struct tri_bench_state *state)
{
    state->clock->begin(state->self);
    return state->iterations;
}

bool
tri_bench_end(struct tri_bench_state *state)
{
    state->clock->end(state->self);
    return false;
}

int64_t
tri_bench_begin_paused(struct tri_bench_state *state)
{
    state->clock->begin(state->self);
    state->clock->pause(state->self);
    return state->iterations;
}

bool
tri_bench_end_paused(struct tri_bench_state *state)
{
    state->clock->resume(state->self);
    state->clock->end(state->self);
    return false;
}

void
tri_bench_pause(struct tri_bench_state *state)
{
    state->clock->pause(state->self);
}

void
tri_bench_resume(struct tri_bench_state *state)
{
    state->clock->resume(state->self);
}

/* ---- several goroutines ------------------------------------------------------ */

struct crew {
    void (*body)(void *shared, int64_t passes);
    void *shared;
    struct tri_waitgroup ready, done;
    bool go; /* atomic */
};

struct hand {
    struct crew *crew;
    int64_t passes;
};

static void
run_hand(void *arg)
{
    struct hand *hand = arg;
    struct crew *crew = hand->crew;
    int64_t passes = hand->passes;
    tri_waitgroup_done(&crew->ready);
    /* Yielding, so that one P is enough for all to get here. */
    while (!__atomic_load_n(&crew->go, __ATOMIC_ACQUIRE))
        tri_yield();
    crew->body(crew->shared, passes);
    tri_waitgroup_done(&crew->done);
}

#define CREW_MAX 1024

void
tri_bench_parallel(struct tri_bench_state *state,
                   void (*body)(void *shared, int64_t passes), void *shared)
{
    struct crew crew = { .body = body, .shared = shared };
    static struct hand hands[CREW_MAX]; /* one case at a time */
    int count = state->goroutines;
    if (count > CREW_MAX) {
        tri_bench_fail(state, "more goroutines than the harness has room for");
        return;
    }
    tri_waitgroup_add(&crew.ready, count);
    tri_waitgroup_add(&crew.done, count);
    for (int i = 0; i < count; i++) {
        int64_t passes =
            state->iterations / count + (i < state->iterations % count ? 1 : 0);
        hands[i] = (struct hand){ .crew = &crew, .passes = passes };
        tri_go(run_hand, &hands[i]);
    }
    tri_waitgroup_wait(&crew.ready);
    tri_bench_begin(state);
    __atomic_store_n(&crew.go, true, __ATOMIC_RELEASE);
    tri_waitgroup_wait(&crew.done);
    tri_bench_end(state);
}

/* ---- what a case reports ------------------------------------------------------ */

void
tri_bench_set_seconds(struct tri_bench_state *state, double seconds)
{
    state->clock->set_seconds(state->self, seconds);
}

void
tri_bench_items(struct tri_bench_state *state, double per_pass)
{
    state->clock->counter(state->self, "items_per_second",
                          per_pass * (double)state->iterations, true);
}

void
tri_bench_bytes(struct tri_bench_state *state, double per_pass)
{
    state->clock->counter(state->self, "bytes_per_second",
                          per_pass * (double)state->iterations, true);
}

void
tri_bench_counter(struct tri_bench_state *state, const char *name, double value)
{
    state->clock->counter(state->self, name, value, false);
}

void
tri_bench_label(struct tri_bench_state *state, const char *text)
{
    state->clock->label(state->self, text);
}

void
tri_bench_fail(struct tri_bench_state *state, const char *why)
{
    if (!state->failed)
        state->clock->fail(state->self, why);
    state->failed = true;
}

int64_t
tri_bench_scaled(int64_t full)
{
    return getenv("TRI_BENCH_QUICK") == NULL ? full : full / 100;
}

int64_t
tri_bench_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- metrics -------------------------------------------------------------------- */

double
tri_bench_metric(struct tri_bench_state *state, const char *name)
{
    double value;
    if (tri_metric_read(name, &value) == 0)
        return value;
    tri_bench_fail(state, "a metric that the case needs is missing");
    return (double)NAN;
}

#define CLEANUPS(name) "/gc/cleanups/" name ":cleanups"

const char *
tri_bench_check_books(void)
{
    static char why[256];
    static const char *const names[] = {
        CLEANUPS("added"), CLEANUPS("stopped"),  CLEANUPS("queued"),
        CLEANUPS("armed"), CLEANUPS("executed"), CLEANUPS("pending"),
    };
    double n[6];
    for (size_t i = 0; i < 6; i++) {
        if (tri_metric_read(names[i], &n[i]) != 0) {
            snprintf(why, sizeof(why), "there is no metric %s", names[i]);
            return why;
        }
    }
    bool balanced = n[0] == n[1] + n[2] + n[3] && n[2] == n[4] + n[5];
    if (balanced)
        return NULL;
    snprintf(why, sizeof(why),
             "cleanups do not add up: added %.0f, stopped %.0f, queued %.0f, "
             "armed %.0f; executed %.0f, pending %.0f",
             n[0], n[1], n[2], n[3], n[4], n[5]);
    return why;
}
