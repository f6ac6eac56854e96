/* SPDX-License-Identifier: MIT */
/*
 * tools/report_trace.c: a trace condensed to what the page draws: the heap over
 * time, each collection, each pause, the mark workers, the cleanups.
 *
 * One pass in the order of time, bounded memory: of the heap's points every
 * stride-th is kept, of pauses the longest, of workers the first.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/report.h"
#include "tools/report_cleanups.h"
#include "tools/trace_read.h"
#include "trace/event_info.h"

#define HEAP_POINTS_MAX 4000u
#define PAUSES_MAX      4000u
#define WORKERS_MAX     8000u
#define CYCLES_MAX      4000u
#define PROCS_MAX       1024
#define ERROR_BYTES     512

struct heap_point {
    int64_t time_ns;
    uint64_t live, goal;
};

struct cycle {
    uint64_t number, reason, live, goal, marked, next_goal, freed;
    int64_t begin_ns, end_ns, sweep_begin_ns, sweep_end_ns; /* 0: not seen */
};

struct pause {
    int64_t begin_ns;
    uint64_t stop, reason, stopping_ns, total_ns;
    int64_t straggler;
};

struct worker {
    int64_t begin_ns, end_ns;
    int64_t proc;
    uint64_t mode, bytes;
};

struct condensed {
    int64_t origin_ns;
    int64_t first_ns, last_ns;
    struct heap_point heap[HEAP_POINTS_MAX];
    size_t heap_count;
    uint64_t heap_stride, heap_seen;
    struct cycle cycles[CYCLES_MAX];
    size_t cycle_count;
    uint64_t cycles_left_out;
    struct pause pauses[PAUSES_MAX];
    size_t pause_count;
    uint64_t pause_total;
    struct pause open_pause;
    struct durations stopping, paused;
    struct worker workers[WORKERS_MAX];
    size_t worker_count;
    struct worker open_workers[PROCS_MAX]; /* by proc; begin_ns 0: none */
    uint64_t assists, assist_bytes;
    struct cleanup_lives *cleanups;
};

static int64_t
relative(struct condensed *all, const struct trace_event *event)
{
    if (all->origin_ns == 0)
        all->origin_ns = event->time_ns;
    int64_t time_ns = event->time_ns - all->origin_ns;
    if (all->first_ns == INT64_MIN)
        all->first_ns = time_ns;
    all->last_ns = time_ns;
    return time_ns;
}

/* ---- heap --------------------------------------------------------------- */

static void
add_heap(struct condensed *all, int64_t time_ns, uint64_t live, uint64_t goal,
         bool always)
{
    if (all->heap_seen++ % all->heap_stride != 0 && !always)
        return;
    if (all->heap_count == HEAP_POINTS_MAX) {
        all->heap_count /= 2;
        all->heap_stride *= 2;
        for (size_t i = 0; i < all->heap_count; i++)
            all->heap[i] = all->heap[2 * i];
    }
    all->heap[all->heap_count++] =
        (struct heap_point){ .time_ns = time_ns, .live = live, .goal = goal };
}

/* ---- cycles --------------------------------------------------------------- */

/* The cycle with this number, made if there is room. */
static struct cycle *
cycle_of(struct condensed *all, uint64_t number)
{
    for (size_t i = all->cycle_count; i-- > 0;)
        if (all->cycles[i].number == number)
            return &all->cycles[i];
    if (all->cycle_count == CYCLES_MAX) {
        all->cycles_left_out++;
        return NULL;
    }
    struct cycle *cycle = &all->cycles[all->cycle_count++];
    cycle->number = number;
    return cycle;
}

static void
take_cycle(struct condensed *all, const struct trace_event *event,
           int64_t time_ns)
{
    const uint64_t *field = event->field;
    struct cycle *cycle = cycle_of(all, field[0]);
    if (cycle == NULL)
        return;
    switch (event->event) {
    case TRI_TRACE_EV_cycle_begin:
        cycle->begin_ns = time_ns;
        cycle->reason = field[1];
        cycle->live = field[2];
        cycle->goal = field[3];
        add_heap(all, time_ns, field[2], field[3], true);
        break;
    case TRI_TRACE_EV_cycle_end:
        cycle->end_ns = time_ns;
        cycle->marked = field[1];
        cycle->next_goal = field[2];
        break;
    case TRI_TRACE_EV_sweep_begin:
        cycle->sweep_begin_ns = time_ns;
        break;
    default:
        cycle->sweep_end_ns = time_ns;
        cycle->freed = field[2];
        break;
    }
}

/* ---- pauses ----------------------------------------------------------------- */

/* Keeps it, in place of the shortest one when there are too many. */
static void
keep_pause(struct condensed *all, const struct pause *pause)
{
    all->pause_total++;
    durations_add(&all->stopping, (int64_t)pause->stopping_ns);
    durations_add(&all->paused, (int64_t)pause->total_ns);
    if (all->pause_count < PAUSES_MAX) {
        all->pauses[all->pause_count++] = *pause;
        return;
    }
    size_t shortest = 0;
    for (size_t i = 1; i < PAUSES_MAX; i++)
        if (all->pauses[i].total_ns < all->pauses[shortest].total_ns)
            shortest = i;
    if (all->pauses[shortest].total_ns < pause->total_ns)
        all->pauses[shortest] = *pause;
}

static void
take_pause(struct condensed *all, const struct trace_event *event,
           int64_t time_ns)
{
    const uint64_t *field = event->field;
    struct pause *open = &all->open_pause;
    if (event->event == TRI_TRACE_EV_stw_begin) {
        *open = (struct pause){ .begin_ns = time_ns,
                                .stop = field[0],
                                .reason = field[1] };
        return;
    }
    if (open->stop != field[0])
        return; /* its beginning is not in the trace */
    if (event->event == TRI_TRACE_EV_stw_stopped) {
        open->stopping_ns = field[1];
        open->straggler = (int64_t)field[2];
    } else {
        open->total_ns = field[1];
        keep_pause(all, open);
    }
}

/* ---- workers ------------------------------------------------------------------ */

static void
take_worker(struct condensed *all, const struct trace_event *event,
            int64_t time_ns)
{
    const uint64_t *field = event->field;
    if (field[1] >= PROCS_MAX)
        return;
    struct worker *open = &all->open_workers[field[1]];
    if (event->event == TRI_TRACE_EV_worker_begin) {
        *open = (struct worker){ .begin_ns = time_ns,
                                 .proc = (int64_t)field[1],
                                 .mode = field[2] };
    } else if (open->mode != 0) {
        open->end_ns = time_ns;
        open->bytes = field[3];
        if (all->worker_count < WORKERS_MAX)
            all->workers[all->worker_count++] = *open;
        open->mode = 0;
    }
}

/* ---- the pass ------------------------------------------------------------------- */

static void
take_cleanup(struct condensed *all, const struct trace_event *event,
             int64_t time_ns)
{
    enum cleanup_step step = CLEANUP_ADD;
    switch (event->event) {
    case TRI_TRACE_EV_cleanup_stop:
        if (event->field[2] == 0)
            return; /* it came too late: nothing happened */
        step = CLEANUP_STOP;
        break;
    case TRI_TRACE_EV_cleanup_queue:
        step = CLEANUP_QUEUE;
        break;
    case TRI_TRACE_EV_cleanup_begin:
        step = CLEANUP_BEGIN;
        break;
    case TRI_TRACE_EV_cleanup_end:
        step = CLEANUP_END;
        break;
    default:
        break;
    }
    cleanup_lives_step(all->cleanups, step, event->field[0], time_ns);
}

static bool
take_event(const struct trace_event *event, void *arg)
{
    struct condensed *all = arg;
    int64_t time_ns = relative(all, event);
    switch (event->event) {
    case TRI_TRACE_EV_heap:
        add_heap(all, time_ns, event->field[0], event->field[1], false);
        break;
    case TRI_TRACE_EV_cycle_begin:
    case TRI_TRACE_EV_cycle_end:
    case TRI_TRACE_EV_sweep_begin:
    case TRI_TRACE_EV_sweep_end:
        take_cycle(all, event, time_ns);
        break;
    case TRI_TRACE_EV_stw_begin:
    case TRI_TRACE_EV_stw_stopped:
    case TRI_TRACE_EV_stw_end:
        take_pause(all, event, time_ns);
        break;
    case TRI_TRACE_EV_worker_begin:
    case TRI_TRACE_EV_worker_end:
        take_worker(all, event, time_ns);
        break;
    case TRI_TRACE_EV_assist_end:
        all->assists++;
        all->assist_bytes += event->field[3];
        break;
    case TRI_TRACE_EV_cleanup_add:
    case TRI_TRACE_EV_cleanup_stop:
    case TRI_TRACE_EV_cleanup_queue:
    case TRI_TRACE_EV_cleanup_begin:
    case TRI_TRACE_EV_cleanup_end:
        take_cleanup(all, event, time_ns);
        break;
    default:
        break;
    }
    return true;
}

/* ---- as JSON ---------------------------------------------------------------------- */

static json_t *
heap_json(const struct condensed *all)
{
    json_t *times = json_array();
    json_t *live = json_array();
    json_t *goal = json_array();
    for (size_t i = 0; i < all->heap_count; i++) {
        const struct heap_point *point = &all->heap[i];
        json_array_append_new(times, json_integer(point->time_ns));
        json_array_append_new(live, json_integer((json_int_t)point->live));
        json_array_append_new(goal, json_integer((json_int_t)point->goal));
    }
    return json_pack("{s:o, s:o, s:o}", "t", times, "live", live, "goal", goal);
}

static json_t *
time_json(int64_t time_ns)
{
    return time_ns != 0 ? json_integer(time_ns) : json_null();
}

/* The name of a coded value, or its number. */
static json_t *
value_json(const char *kind, uint64_t value)
{
    const char *name = tri_trace_value_name(kind, value);
    return name != NULL ? json_string(name)
                        : json_sprintf("%llu", (unsigned long long)value);
}

static json_t *
cycles_json(const struct condensed *all)
{
    json_t *list = json_array();
    for (size_t i = 0; i < all->cycle_count; i++) {
        const struct cycle *cycle = &all->cycles[i];
        json_array_append_new(
            list,
            json_pack("{s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, "
                      "s:o}",
                      "n", (json_int_t)cycle->number, "reason",
                      value_json("cycle_reason", cycle->reason), "live",
                      (json_int_t)cycle->live, "goal", (json_int_t)cycle->goal,
                      "marked", (json_int_t)cycle->marked, "next_goal",
                      (json_int_t)cycle->next_goal, "freed",
                      (json_int_t)cycle->freed, "begin",
                      time_json(cycle->begin_ns), "end",
                      time_json(cycle->end_ns), "sweep_begin",
                      time_json(cycle->sweep_begin_ns), "sweep_end",
                      time_json(cycle->sweep_end_ns)));
    }
    return list;
}

static int
by_time(const void *a, const void *b)
{
    int64_t x = ((const struct pause *)a)->begin_ns;
    int64_t y = ((const struct pause *)b)->begin_ns;
    return (x > y) - (x < y);
}

static json_t *
pauses_json(struct condensed *all)
{
    json_t *list = json_array();
    qsort(all->pauses, all->pause_count, sizeof(all->pauses[0]), by_time);
    for (size_t i = 0; i < all->pause_count; i++) {
        const struct pause *pause = &all->pauses[i];
        json_array_append_new(
            list, json_pack("[I, I, I, o, I]", (json_int_t)pause->begin_ns,
                            (json_int_t)pause->stopping_ns,
                            (json_int_t)pause->total_ns,
                            value_json("stop_reason", pause->reason),
                            (json_int_t)pause->straggler));
    }
    return json_pack("{s:I, s:o, s:o, s:o}", "count",
                     (json_int_t)all->pause_total, "list", list, "stopping_ns",
                     durations_json(&all->stopping), "total_ns",
                     durations_json(&all->paused));
}

static json_t *
workers_json(const struct condensed *all)
{
    json_t *list = json_array();
    for (size_t i = 0; i < all->worker_count; i++) {
        const struct worker *worker = &all->workers[i];
        json_array_append_new(
            list,
            json_pack("[I, I, I, I, I]", (json_int_t)worker->proc,
                      (json_int_t)worker->begin_ns, (json_int_t)worker->end_ns,
                      (json_int_t)worker->mode, (json_int_t)worker->bytes));
    }
    return list;
}

static json_t *
all_json(struct condensed *all, const struct trace_read_result *read)
{
    return json_pack(
        "{s:I, s:I, s:b, s:I, s:I, s:o, s:o, s:o, s:o, s:{s:I, s:I}, s:o}",
        "events", (json_int_t)read->events, "discarded",
        (json_int_t)read->discarded, "truncated", (int)read->truncated, "first",
        (json_int_t)all->first_ns, "last", (json_int_t)all->last_ns, "heap",
        heap_json(all), "cycles", cycles_json(all), "pauses", pauses_json(all),
        "workers", workers_json(all), "assists", "count",
        (json_int_t)all->assists, "bytes", (json_int_t)all->assist_bytes,
        "cleanups", cleanup_lives_json(all->cleanups));
}

static void
note(json_t *notes, const char *sentence)
{
    json_array_append_new(notes, json_string(sentence));
}

json_t *
report_trace_json(const char *path, int64_t origin_ns, json_t *notes)
{
    struct condensed *all = calloc(1, sizeof(*all));
    if (all == NULL)
        abort();
    all->origin_ns = origin_ns;
    all->first_ns = INT64_MIN;
    all->heap_stride = 1;
    all->cleanups = cleanup_lives_new();
    char error[ERROR_BYTES] = "";
    struct trace_read_result read = { 0 };
    int failed = trace_read(path, take_event, all, &read, error, sizeof(error));
    json_t *json = NULL;
    if (failed != 0 || read.truncated)
        note(notes, error);
    if (read.events > 0)
        json = all_json(all, &read);
    else if (failed == 0)
        note(notes, "The trace holds no event of the runtime.");
    if (read.discarded > 0)
        note(notes, "Events were lost while recording: what the trace shows "
                    "is incomplete.");
    if (all->cycles_left_out > 0)
        note(notes, "Only the first 4000 collections are drawn.");
    if (all->worker_count == WORKERS_MAX)
        note(notes, "Only the first 8000 mark-worker intervals are drawn.");
    cleanup_lives_free(all->cleanups);
    free(all);
    return json;
}
