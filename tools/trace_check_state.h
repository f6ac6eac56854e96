/* SPDX-License-Identifier: MIT */
/*
 * tools/trace_check_state.h: what the parts of the checker share: the state of
 * one process in the trace, and how a problem is written down.
 */
#ifndef TRICOLOR_TRACE_CHECK_STATE_H
#define TRICOLOR_TRACE_CHECK_STATE_H

#include "tools/trace_check.h"
#include "tools/trace_table.h"

#define PAIR_KINDS_MAX 16

struct process {
    struct process *next;
    int32_t number;
    bool begun;  /* its runtime_begin was seen */
    bool ended;  /* its runtime_end */
    bool dumped; /* its statedump: a session began */

    /* id -> struct cleanup */
    struct trace_table cleanups;
    uint64_t added, stopped, queued, executed;
    uint64_t unknown_ids;
    bool totals_seen;
    uint64_t totals[4];

    uint64_t cycle; /* 0: none seen yet */
    bool cycle_open;
    uint32_t phase; /* enum tri_gc_phase */
    uint32_t phases_seen;
    uint64_t sweep;
    bool sweep_open;

    uint64_t stop;
    int stop_step; /* 0 none, 1 begun, 2 stopped */
    int64_t stop_begin_ns;

    /* (key) -> struct pair, for each kind of pair */
    struct trace_table pairs[PAIR_KINDS_MAX];
};

struct trace_check {
    const struct trace_read_result *read;
    struct process *processes;
    int64_t last_ns;
    struct trace_report report;
};

__attribute__((format(printf, 4, 5))) void trace_check_problem(
    struct trace_check *check, int rule, int64_t time_ns, const char *format,
    ...);
/* Were all events from `first` to `last` in the registry recorded? */
bool trace_check_recorded(const struct trace_check *check,
                          enum tri_trace_event first,
                          enum tri_trace_event last);
void trace_durations_add(struct trace_durations *durations, int64_t ns);

void trace_check_cleanup(struct trace_check *check, struct process *process,
                         const struct trace_event *event);
void trace_check_cleanups_end(struct trace_check *check,
                              struct process *process);

void trace_check_cycle(struct trace_check *check, struct process *process,
                       const struct trace_event *event);
void trace_check_stop(struct trace_check *check, struct process *process,
                      const struct trace_event *event);

void trace_check_pairs(struct trace_check *check, struct process *process,
                       const struct trace_event *event);
void trace_check_pairs_end(struct trace_check *check, struct process *process);

/* CHK-12, and CHK-13 or CHK-14 of each process. */
void trace_check_whole(struct trace_check *check);

#endif /* TRICOLOR_TRACE_CHECK_STATE_H */
