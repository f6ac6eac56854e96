/* SPDX-License-Identifier: MIT */
/*
 * tools/trace_check.h: proves that a trace keeps the runtime's word.  Pure: fed
 * one event after the other, from a recording or from a test.
 *
 * The rules, each with a stream in tests/unit/trace_check.c that breaks it:
 *   CHK-1   A cleanup's id is added once, and is not 0.
 *   CHK-2   It is stopped with `cancelled` 1 only while armed.
 *   CHK-3   It is queued only while armed.
 *   CHK-4   It is begun once, after it was queued; ended once, after it was
 *           begun, by the same goroutine.
 *   CHK-5   A stop with `cancelled` 0 is of an id that does not stay armed.
 *   CHK-6   The runtime's own totals equal those of the trace, and no cleanup
 *           comes after them.
 *   CHK-7   Cycles: numbered upwards one by one; begin, mark, mark termination,
 *           off, end, each once and with that number.
 *   CHK-8   A sweep belongs to the cycle just marked, and ends before the next
 *           begins.
 *   CHK-9   Stops of the world: begin, stopped, end; one at a time, numbered
 *           upwards.
 *   CHK-10  Every begin has its end, with the same key (the table in
 *           trace_check_pairs.c).
 *   CHK-11  Time does not run backwards.
 *   CHK-12  Nothing was lost.
 *   CHK-13  A run is there from its runtime_begin on.  In a trace that begins
 *           late, ids may be older than their first event.
 *   CHK-14  It is there up to its cleanup_totals and its runtime_end.  Without
 *           them a file of the trace could be missing and nobody would know.
 *
 * The last three are not the runtime's word but what a proof of it rests on: a
 * trace that lacks one breaks nothing, and proves nothing.  A rule is applied
 * where all events it speaks of were recorded.
 *
 * What is still open at the end of a trace is no fault: a process may end in
 * the middle of a collection.  It is counted.
 */
#ifndef TRICOLOR_TRACE_CHECK_H
#define TRICOLOR_TRACE_CHECK_H

#include "tools/trace_read.h"

#define TRACE_PROBLEMS_MAX 20
/* From this rule on: no proof, but no broken word either. */
#define TRACE_RULE_NO_PROOF 12

struct trace_problem {
    int rule; /* 7: CHK-7 */
    int64_t time_ns;
    char text[320];
};

/* A distribution of durations, exact to 1/8. */
#define TRACE_BUCKETS 512
struct trace_durations {
    uint64_t count;
    int64_t max_ns;
    int64_t sum_ns;
    uint64_t bucket[TRACE_BUCKETS];
};

struct trace_report {
    /* All; the first ones are kept, those that say why there is no proof in
     * front. */
    uint64_t problem_count;
    struct trace_problem problems[TRACE_PROBLEMS_MAX];

    uint64_t events, discarded, processes;
    bool cleanups_recorded; /* all their events */
    int64_t first_ns, last_ns;
    uint64_t added, stopped, queued, executed, armed, pending;
    uint64_t late_stops; /* cancelled 0 */
    uint64_t cycles, sweeps, stops, workers, assists;
    uint64_t open_at_end;
    struct trace_durations pause, stopping, add_to_queue, queue_to_begin, run;
};

struct trace_check;

/* What `read` says is looked at with each event and at the end: it may be filled
 * meanwhile, as trace_read does. */
struct trace_check *trace_check_new(const struct trace_read_result *read);
void trace_check_event(struct trace_check *check,
                       const struct trace_event *event);
/* The report lives as long as `check`; problem_count 0 means: proved. */
const struct trace_report *trace_check_finish(struct trace_check *check);
void trace_check_free(struct trace_check *check);

/* Smallest duration that `share` (0..1) of them do not exceed; 0: none. */
int64_t trace_durations_at(const struct trace_durations *durations,
                           double share);

#endif /* TRICOLOR_TRACE_CHECK_H */
