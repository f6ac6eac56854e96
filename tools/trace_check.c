/* SPDX-License-Identifier: MIT */
/* tools/trace_check.c: hands each event to the rules that concern it. */
#include "tools/trace_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/trace_check_state.h"

static void *
new_zeroed(size_t bytes)
{
    void *object = calloc(1, bytes);
    if (object == NULL) {
        fputs("tricolor trace: out of memory\n", stderr);
        exit(3);
    }
    return object;
}

struct trace_check *
trace_check_new(const struct trace_read_result *read)
{
    struct trace_check *check = new_zeroed(sizeof(*check));
    check->read = read;
    return check;
}

bool
trace_check_recorded(const struct trace_check *check,
                     enum tri_trace_event first, enum tri_trace_event last)
{
    for (size_t i = first; i <= (size_t)last; i++)
        if (!check->read->recorded[i])
            return false;
    return true;
}

/* Where the next problem goes; NULL: nowhere. */
static struct trace_problem *
place_of_problem(struct trace_report *report, int rule)
{
    uint64_t index = report->problem_count++;
    if (rule < TRACE_RULE_NO_PROOF)
        return index < TRACE_PROBLEMS_MAX ? &report->problems[index] : NULL;
    /* What is missing explains the rest, so it may not be crowded out. */
    memmove(&report->problems[1], &report->problems[0],
            sizeof(report->problems) - sizeof(report->problems[0]));
    return &report->problems[0];
}

void
trace_check_problem(struct trace_check *check, int rule, int64_t time_ns,
                    const char *format, ...)
{
    struct trace_problem *problem = place_of_problem(&check->report, rule);
    if (problem == NULL)
        return;
    problem->rule = rule;
    problem->time_ns = time_ns;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem->text, sizeof(problem->text), format, arguments);
    va_end(arguments);
}

/* ---- durations: buckets of 8 to each power of two ---- */

static uint32_t
bucket_of(uint64_t ns)
{
    if (ns < 8)
        return (uint32_t)ns;
    uint32_t log2 = 63 - (uint32_t)__builtin_clzll(ns);
    return (log2 - 2) * 8 + (uint32_t)(ns >> (log2 - 3) & 7);
}

/* The largest duration that falls into the bucket. */
static int64_t
bucket_end(uint32_t bucket)
{
    if (bucket < 8)
        return bucket;
    uint32_t log2 = bucket / 8 + 2;
    uint64_t low = (UINT64_C(8) + bucket % 8) << (log2 - 3);
    return (int64_t)(low + (UINT64_C(1) << (log2 - 3)) - 1);
}

void
trace_durations_add(struct trace_durations *durations, int64_t ns)
{
    if (ns < 0)
        ns = 0;
    durations->count++;
    durations->sum_ns += ns;
    if (ns > durations->max_ns)
        durations->max_ns = ns;
    durations->bucket[bucket_of((uint64_t)ns)]++;
}

int64_t
trace_durations_at(const struct trace_durations *durations, double share)
{
    double wanted = share * (double)durations->count;
    uint64_t below = 0;
    for (uint32_t i = 0; i < TRACE_BUCKETS; i++) {
        below += durations->bucket[i];
        if (below > 0 && (double)below >= wanted) {
            int64_t end = bucket_end(i);
            return end < durations->max_ns ? end : durations->max_ns;
        }
    }
    return 0;
}

/* ---- events ---- */

static struct process *
process_of(struct trace_check *check, int32_t number)
{
    for (struct process *p = check->processes; p != NULL; p = p->next)
        if (p->number == number)
            return p;
    struct process *process = new_zeroed(sizeof(*process));
    process->number = number;
    process->next = check->processes;
    check->processes = process;
    check->report.processes++;
    return process;
}

void
trace_check_event(struct trace_check *check, const struct trace_event *event)
{
    struct process *process = process_of(check, event->process);
    if (check->report.events == 0)
        check->report.first_ns = event->time_ns;
    else if (event->time_ns < check->last_ns)
        trace_check_problem(check, 11, event->time_ns,
                            "an event is %lld ns before the one in front of it",
                            (long long)(check->last_ns - event->time_ns));
    check->last_ns = event->time_ns;
    check->report.last_ns = event->time_ns;
    check->report.events++;

    switch (event->event) {
    case TRI_TRACE_EV_runtime_begin:
        process->begun = true;
        break;
    case TRI_TRACE_EV_runtime_end:
        process->ended = true;
        break;
    case TRI_TRACE_EV_statedump:
        process->dumped = true;
        break;
    case TRI_TRACE_EV_cleanup_add:
    case TRI_TRACE_EV_cleanup_stop:
    case TRI_TRACE_EV_cleanup_queue:
    case TRI_TRACE_EV_cleanup_begin:
    case TRI_TRACE_EV_cleanup_end:
    case TRI_TRACE_EV_cleanup_totals:
        trace_check_cleanup(check, process, event);
        break;
    case TRI_TRACE_EV_cycle_begin:
    case TRI_TRACE_EV_cycle_end:
    case TRI_TRACE_EV_phase:
    case TRI_TRACE_EV_sweep_begin:
    case TRI_TRACE_EV_sweep_end:
        trace_check_cycle(check, process, event);
        break;
    case TRI_TRACE_EV_stw_begin:
    case TRI_TRACE_EV_stw_stopped:
    case TRI_TRACE_EV_stw_end:
        if (trace_check_recorded(check, TRI_TRACE_EV_stw_begin,
                                 TRI_TRACE_EV_stw_end))
            trace_check_stop(check, process, event);
        break;
    default:
        trace_check_pairs(check, process, event);
        break;
    }
}

const struct trace_report *
trace_check_finish(struct trace_check *check)
{
    struct trace_report *report = &check->report;
    for (struct process *p = check->processes; p != NULL; p = p->next) {
        trace_check_cleanups_end(check, p);
        trace_check_pairs_end(check, p);
        report->open_at_end += (uint64_t)p->cycle_open + (uint64_t)p->sweep_open
                             + (uint64_t)(p->stop_step != 0);
    }
    report->discarded = check->read->discarded;
    report->cleanups_recorded = trace_check_recorded(
        check, TRI_TRACE_EV_cleanup_add, TRI_TRACE_EV_cleanup_totals);
    trace_check_whole(check);
    return report;
}

void
trace_check_free(struct trace_check *check)
{
    for (struct process *p = check->processes; p != NULL;) {
        struct process *next = p->next;
        trace_table_free(&p->cleanups);
        for (size_t i = 0; i < PAIR_KINDS_MAX; i++)
            trace_table_free(&p->pairs[i]);
        free(p);
        p = next;
    }
    free(check);
}
