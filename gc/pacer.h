/* SPDX-License-Identifier: MIT */
/*
 * gc/pacer.h: when a cycle starts and how fast it must go: pure arithmetic over
 * plain structs: no locks, no globals, no clock.  Go: gcControllerState; the
 * statements P-001 ... P-010 (docs/reference/go-map.md).
 *
 *   goal     the heap size at which the cycle should be over
 *   trigger  the size at which it starts, earlier by what mutators are expected
 *            to allocate while background workers (25 % of the Ps) mark
 */
#ifndef TRI_GC_PACER_H
#define TRI_GC_PACER_H

#include <stdbool.h>
#include <stdint.h>

#define TRI_HEAP_MINIMUM_BYTES   ((int64_t)4 << 20) /* at 100 percent */
#define TRI_BACKGROUND_SHARE     0.25
#define TRI_SWEEP_HEADROOM_BYTES ((int64_t)1 << 20)
#define TRI_TRIGGER_RUNWAY_BYTES ((int64_t)64 << 10)
#define TRI_CONS_MARK_HISTORY    4

struct tri_pacer {
    /* Settings. */
    int gc_percent;       /* -1: off */
    int64_t memory_limit; /* INT64_MAX: none */
    int procs;

    /* Of the last finished cycle. */
    int64_t marked_bytes;
    int64_t stack_bytes;
    int64_t globals_bytes;
    int64_t scan_bytes; /* heap bytes scanned */
    double cons_mark[TRI_CONS_MARK_HISTORY];
    double cons_mark_used;
    int64_t overhead_bytes; /* mapped memory that is not heap (P-002) */
    int64_t mapped_bytes;

    /* Results of tri_pacer_commit. */
    int64_t goal_bytes; /* INT64_MAX: never */
    int64_t trigger_bytes;

    /* Results of tri_pacer_start. */
    int64_t triggered_bytes;
    int dedicated_workers;
    double fractional_share; /* of each P; 0: none */
    int idle_workers_max;
};

/* What a cycle did, for tri_pacer_end. */
struct tri_pacer_cycle {
    int64_t duration_ns;     /* of marking */
    int64_t assist_ns;       /* summed over Ps */
    int64_t idle_ns;         /* idle workers' */
    int64_t heap_live_bytes; /* at the end, before resetting to marked */
    int64_t marked_bytes;
    int64_t scan_bytes;
    int64_t stack_bytes;
    int64_t globals_bytes;
};

void tri_pacer_init(struct tri_pacer *pacer, int gc_percent,
                    int64_t memory_limit, int procs);

/* Recomputes goal and trigger from the settings and the last cycle; live and
 * whether sweeping is unfinished raise the trigger's floor (P-003). */
void tri_pacer_commit(struct tri_pacer *pacer, int64_t heap_live_bytes,
                      bool sweep_done);

/* A cycle starts at this heap size: the kinds and shares of workers. */
void tri_pacer_start(struct tri_pacer *pacer, int64_t heap_live_bytes,
                     bool time_triggered);

/* Bytes of scan work an allocated byte owes, given what is done (P-009). */
double tri_pacer_assist_ratio(const struct tri_pacer *pacer,
                              int64_t heap_live_bytes, int64_t work_done);

/* The cycle ended: remembers it and updates cons/mark (P-006). */
void tri_pacer_end(struct tri_pacer *pacer,
                   const struct tri_pacer_cycle *cycle);

/* Pages to sweep per allocated byte until the next trigger (S-020). */
double tri_pacer_sweep_ratio(int64_t unswept_pages, int64_t trigger_bytes,
                             int64_t heap_live_bytes);

#endif /* TRI_GC_PACER_H */
