/* SPDX-License-Identifier: MIT */
/* gc/cycle_report.h: what a cycle says of itself, and its loose ends. */
#ifndef TRI_GC_CYCLE_REPORT_H
#define TRI_GC_CYCLE_REPORT_H

#include <stdbool.h>
#include <stdint.h>

/* World stopped, at the start and the end of marking; and when CYCLE-3 sent
 * marking back to work. */
void tri_cycle_report_begin(void);
void tri_cycle_report_end(void);
void tri_cycle_report_restart(void);
uint64_t tri_cycle_restarts(void);

/* The heap event: live, goal, mapped. */
void tri_cycle_trace_heap(void);

/* World running again after finish_marking: wakes assists and the sweeper,
 * prints the gctrace line, sweeps eagerly if asked to. */
void tri_cycle_after_finish(void);

/* Goal and trigger anew, published. */
void tri_cycle_commit_pacer(bool sweep_done);

/* Nanoseconds of idle workers in this cycle; and every worker's account. */
int64_t tri_cycle_idle_worker_ns(void);
void tri_cycle_add_worker_ns(int mode, int64_t ns);
int64_t tri_cycle_worker_ns_total(int mode);

#endif /* TRI_GC_CYCLE_REPORT_H */
