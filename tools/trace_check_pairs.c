/* SPDX-License-Identifier: MIT */
/* tools/trace_check_pairs.c: every begin has its end (CHK-10). */
#include "tools/trace_check_state.h"

#define NO_FIELD 255

/*
 * A pair is open under a key, a field of both events; under each key at most
 * one.  `same_*`: a field that must be equal in both, NO_FIELD: none.
 */
static const struct pair_kind {
    enum tri_trace_event begin, end;
    uint8_t begin_key, end_key;
    uint8_t same_in_begin, same_in_end;
    const char *what;
} kinds[] = {
    { TRI_TRACE_EV_worker_begin, TRI_TRACE_EV_worker_end, 1, 1, 0, 0,
      "worker on P" },
    { TRI_TRACE_EV_worker_begin, TRI_TRACE_EV_worker_end, 1, 1, 2, 2,
      "worker on P" },
    { TRI_TRACE_EV_assist_begin, TRI_TRACE_EV_assist_end, 2, 2, NO_FIELD,
      NO_FIELD, "assist of goroutine" },
    { TRI_TRACE_EV_goroutine_create, TRI_TRACE_EV_goroutine_end, 0, 0, NO_FIELD,
      NO_FIELD, "goroutine" },
    { TRI_TRACE_EV_goroutine_run_begin, TRI_TRACE_EV_goroutine_run_end, 0, 0,
      NO_FIELD, NO_FIELD, "run of goroutine" },
    { TRI_TRACE_EV_proc_start, TRI_TRACE_EV_proc_stop, 0, 0, 1, 1, "P" },
    { TRI_TRACE_EV_thread_begin, TRI_TRACE_EV_thread_end, 0, 0, NO_FIELD,
      NO_FIELD, "thread" },
    { TRI_TRACE_EV_blocking_begin, TRI_TRACE_EV_blocking_end, 0, 0, NO_FIELD,
      NO_FIELD, "blocking call of goroutine" },
};
_Static_assert(sizeof(kinds) / sizeof(kinds[0]) <= PAIR_KINDS_MAX,
               "a process has a table for each kind of pair");

struct pair {
    uint64_t same;
    bool open;
    bool seen; /* begun or ended before */
};

static void
begin(struct trace_check *check, const struct trace_event *event,
      const struct pair_kind *kind, struct pair *pair)
{
    if (pair->open)
        trace_check_problem(check, 10, event->time_ns,
                            "%s %lld begins twice without an end", kind->what,
                            (long long)event->field[kind->begin_key]);
    pair->open = true;
    if (kind->same_in_begin != NO_FIELD)
        pair->same = event->field[kind->same_in_begin];
}

static void
end(struct trace_check *check, const struct process *process,
    const struct trace_event *event, const struct pair_kind *kind,
    struct pair *pair)
{
    long long key = (long long)event->field[kind->end_key];
    if (!pair->open) {
        /* The trace may have begun after the begin; and a P is born stopped,
         * which is its first event. */
        bool may = kind->begin == TRI_TRACE_EV_proc_start || !process->begun;
        if (pair->seen || !may)
            trace_check_problem(check, 10, event->time_ns,
                                "%s %lld ends without a begin", kind->what,
                                key);
    } else if (kind->same_in_end != NO_FIELD
               && pair->same != event->field[kind->same_in_end]) {
        trace_check_problem(check, 10, event->time_ns,
                            "%s %lld begins with %lld and ends with %lld",
                            kind->what, key, (long long)pair->same,
                            (long long)event->field[kind->same_in_end]);
    }
    pair->open = false;
}

void
trace_check_pairs(struct trace_check *check, struct process *process,
                  const struct trace_event *event)
{
    for (size_t i = 0; i < TRI_ARRAY_COUNT(kinds); i++) {
        const struct pair_kind *kind = &kinds[i];
        bool begins = event->event == kind->begin;
        if (!begins && event->event != kind->end)
            continue;
        if (!check->read->recorded[kind->begin]
            || !check->read->recorded[kind->end])
            continue;
        bool is_new;
        process->pairs[i].value_bytes = sizeof(struct pair);
        uint64_t key = event->field[begins ? kind->begin_key : kind->end_key];
        struct pair *pair = trace_table_at(&process->pairs[i], key, &is_new);
        if (begins)
            begin(check, event, kind, pair);
        else
            end(check, process, event, kind, pair);
        pair->seen = true;
    }
    if (event->event == TRI_TRACE_EV_worker_begin)
        check->report.workers++;
    else if (event->event == TRI_TRACE_EV_assist_begin)
        check->report.assists++;
}

static void
count_open(uint64_t key, void *value, void *arg)
{
    (void)key;
    const struct pair *pair = value;
    uint64_t *open = arg;
    *open += pair->open;
}

void
trace_check_pairs_end(struct trace_check *check, struct process *process)
{
    /* Kind 1 repeats kind 0, for its second field. */
    for (size_t i = 0; i < TRI_ARRAY_COUNT(kinds); i++)
        if (i != 1)
            trace_table_each(&process->pairs[i], count_open,
                             &check->report.open_at_end);
}
