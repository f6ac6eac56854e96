/* SPDX-License-Identifier: MIT */
/* gc/scavenger.c: how much free memory goes back, and at what pace. */
#include "gc/scavenger.h"

#include "alloc/heap.h"
#include "base/check.h"
#include "base/option.h"
#include "base/os.h"
#include "gc/phase.h"

/* One processor's time is divided by this. */
#define PACE       100
#define PACE_LIMIT 10 /* above the memory limit */

/* Time is saved up to this, so that a long pause between ticks makes no burst. */
#define CREDIT_NS_MAX 1000000

/* Released at a time: a system call of about 0.1 ms. */
#define PIECE_BYTES ((int64_t)1 << 20)

/* [a] written with the world stopped. */
static TRI_ATOMIC(int64_t) keep_bytes = INT64_MAX;
static int64_t last_goal_bytes; /* world stopped */

/* sysmon's own. */
static int64_t last_tick_ns;
static int64_t credit_ns;

int64_t
tri_scavenger_keep(int64_t in_use_bytes, int64_t goal_bytes, int64_t last_goal)
{
    if (last_goal <= 0 || last_goal == INT64_MAX || goal_bytes == INT64_MAX)
        return INT64_MAX;
    double keep =
        (double)in_use_bytes * (double)goal_bytes * 1.1 / (double)last_goal;
    return keep >= 9.2e18 ? INT64_MAX : (int64_t)keep;
}

int64_t
tri_scavenger_keep_limited(int64_t keep, int64_t limit_bytes)
{
    if (limit_bytes == INT64_MAX)
        return keep;
    int64_t most = limit_bytes / 100 * 95;
    return keep < most ? keep : most;
}

void
tri_scavenger_cycle_ended(int64_t goal_bytes)
{
    /* Relaxed: a figure. */
    int64_t in_use = tri_load_relaxed(&tri_heap_stats.in_use_pages)
                  << TRI_PAGE_SHIFT;
    /* Relaxed: sysmon may see it a tick later. */
    tri_store_relaxed(&keep_bytes,
                      tri_scavenger_keep(in_use, goal_bytes, last_goal_bytes));
    last_goal_bytes = goal_bytes;
}

int64_t
tri_scavenger_tick(int64_t now_ns)
{
    TRI_DCHECK(tri_critical_depth() == 0,
               "SCAVENGE-1: memory is released inside a critical section");
    /* Relaxed, all: figures. */
    int64_t limit = tri_load_relaxed(&tri_collector.memory_limit);
    int64_t keep =
        tri_scavenger_keep_limited(tri_load_relaxed(&keep_bytes), limit);
    int64_t unused = tri_heap_free_bytes();
    int64_t backed =
        unused
        + (tri_load_relaxed(&tri_heap_stats.in_use_pages) << TRI_PAGE_SHIFT);
    int64_t elapsed = last_tick_ns == 0 ? 0 : now_ns - last_tick_ns;
    last_tick_ns = now_ns;
    credit_ns += elapsed / (backed > limit ? PACE_LIMIT : PACE);
    if (credit_ns > CREDIT_NS_MAX)
        credit_ns = CREDIT_NS_MAX;

    int64_t excess = backed - keep;
    if (excess > unused)
        excess = unused;
    int64_t done = 0;
    while (excess - done > 0 && credit_ns > 0 && tri_debug.scavenge != 0) {
        int64_t left = excess - done;
        /* The thread's own time: waiting for a processor is no work. */
        int64_t start_ns = tri_os_thread_cpu_ns();
        int64_t bytes = (int64_t)tri_heap_scavenge(
            (size_t)(left < PIECE_BYTES ? left : PIECE_BYTES));
        credit_ns -= tri_os_thread_cpu_ns() - start_ns;
        if (bytes == 0)
            break; /* the rest is in Ps' windows */
        done += bytes;
    }
    return done;
}
