/* SPDX-License-Identifier: MIT */
/*
 * bench/cases/cleanup.c: adding, stopping and running cleanups.
 */
#include <stdlib.h>

#include "bench/bench.h"

#define DRAIN_NS INT64_C(60000000000)

static void
never(void *arg)
{
    (void)arg;
    abort(); /* a stopped cleanup ran */
}

/* ---- add and stop: G014, Go's BenchmarkAddCleanupAndStop ------------------------ */

static bool
add_and_stop(void *object)
{
    return tri_cleanup_stop(tri_add_cleanup(object, never, NULL));
}

TRI_BENCH(add_stop, .name = "cleanup/add_stop")
{
    void *object = tri_alloc_noscan(16);
    bool exact = true;
    TRI_BENCH_LOOP(state)
    exact &= add_and_stop(object);
    tri_keepalive(object);
    if (!exact)
        tri_bench_fail(state, "a stop did not cancel");
}

static void
add_stop_passes(void *unused, int64_t passes)
{
    (void)unused;
    void *object = tri_alloc_noscan(16);
    bool exact = true;
    for (; passes > 0; passes--)
        exact &= add_and_stop(object);
    tri_keepalive(object);
    if (!exact)
        abort();
}

TRI_BENCH(add_stop_two, .name = "cleanup/add_stop/goroutines:2",
          .goroutines = 2)
{
    tri_bench_parallel(state, add_stop_passes, NULL);
}

/* ---- on the last object of a crowded span ---------------------------------------- */
/*
 * 490 cleanups on objects of one 8 KiB page, and the timed one on an object
 * behind them all.  The page is found by address among many fresh objects, as
 * the API does not tell spans; a program in Go does the same.
 */

#define CROWD      490
#define PAGE_BYTES 8192
#define PAGE_SLOTS (PAGE_BYTES / 16)
#define CANDIDATES (PAGE_SLOTS * 4)

struct holder {
    void *object;
};
TRI_TYPE(holder_type, struct holder, object);

/* Shell's sort: in place, so that every address stays on the stack or in a
 * register; qsort may keep one in malloc'ed memory alone. */
static void
sort_by_address(void **objects, int count)
{
    for (int gap = count / 2; gap > 0; gap /= 2) {
        for (int i = gap; i < count; i++) {
            void *moved = objects[i];
            int at = i;
            for (; at >= gap && (uintptr_t)objects[at - gap] > (uintptr_t)moved;
                 at -= gap)
                objects[at] = objects[at - gap];
            objects[at] = moved;
        }
    }
}

/* Index of the first of CROWD + 1 neighbours in one page, or -1. */
static int
find_crowd(void **objects, int count)
{
    for (int from = 0; from + CROWD < count; from++)
        if ((uintptr_t)objects[from] / PAGE_BYTES
            == (uintptr_t)objects[from + CROWD] / PAGE_BYTES)
            return from;
    return -1;
}

TRI_BENCH(add_stop_crowded, .name = "cleanup/add_stop_crowded")
{
    /* On the stack, sorted in place: roots all the while. */
    void *objects[CANDIDATES];
    struct tri_cleanup crowd[CROWD];
    for (int i = 0; i < CANDIDATES; i++)
        objects[i] = tri_alloc_noscan(16);
    sort_by_address(objects, CANDIDATES);
    int from = find_crowd(objects, CANDIDATES);
    if (from < 0) {
        tri_bench_fail(state, "no page full of fresh objects");
        return;
    }
    for (int i = 0; i < CROWD; i++)
        crowd[i] = tri_add_cleanup(objects[from + i], never, NULL);
    bool exact = true;
    TRI_BENCH_LOOP(state)
    exact &= add_and_stop(objects[from + CROWD]);
    for (int i = 0; i < CROWD; i++)
        exact &= tri_cleanup_stop(crowd[i]);
    tri_keepalive(objects);
    if (!exact)
        tri_bench_fail(state, "a stop did not cancel");
}

/* ---- one cleanup each on many objects --------------------------------------------- */

#define BATCH 65536

/* Alone: what the first cleanup of an object costs. */
TRI_BENCH(add_fresh, .name = "cleanup/add_fresh")
{
    struct holder *holders = tri_new_array(&holder_type, BATCH);
    struct tri_cleanup *cleanups = malloc(BATCH * sizeof(*cleanups));
    bool exact = true;
    TRI_BENCH_BATCHES(state, BATCH, batch)
    {
        for (int64_t i = 0; i < batch; i++)
            TRI_STORE(&holders[i].object, tri_alloc_noscan(16));
        tri_bench_resume(state);
        for (int64_t i = 0; i < batch; i++)
            cleanups[i] = tri_add_cleanup(holders[i].object, never, NULL);
        tri_bench_pause(state);
        for (int64_t i = 0; i < batch; i++)
            exact &= tri_cleanup_stop(cleanups[i]);
    }
    free(cleanups);
    tri_keepalive(holders);
    if (!exact)
        tri_bench_fail(state, "a stop did not cancel");
}

/* ---- from the drop to the last run -------------------------------------------------- */

static int64_t ran; /* atomic */

static void
count_run(void *arg)
{
    (void)arg;
    __atomic_fetch_add(&ran, 1, __ATOMIC_RELAXED);
}

/* In a frame of its own, so that no object's address stays behind in the
 * case's: the stack is scanned conservatively. */
static __attribute__((noinline)) void
add_many(int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        tri_add_cleanup(tri_alloc_noscan(16), count_run, NULL);
}

#define MANY 1000000

/* A pass: a million objects with a cleanup each are garbage; collect, and wait
 * until all have run.  Those that a stray word on a stack keeps alive for the
 * time being are few, and counted. */
TRI_BENCH(add_run, .name = "cleanup/run_1M", .unit = TRI_BENCH_MS,
          .gc_off = true)
{
    int64_t added = 0;
    __atomic_store_n(&ran, 0, __ATOMIC_RELAXED);
    TRI_BENCH_BATCHES(state, 1, batch)
    {
        add_many(MANY);
        added += MANY;
        tri_bench_resume(state);
        tri_gc();
        tri_cleanup_drain(DRAIN_NS);
        tri_bench_pause(state);
    }
    int64_t kept = added - __atomic_load_n(&ran, __ATOMIC_RELAXED);
    tri_bench_items(state, MANY);
    tri_bench_counter(state, "kept", (double)kept);
    if (kept < 0 || kept > added / 1000 + 16)
        tri_bench_fail(state, "many cleanups did not run");
}
