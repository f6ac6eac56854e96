/* SPDX-License-Identifier: MIT */
/*
 * tools/trace_check_cleanup.c: cleanups, id by id (CHK-1 to CHK-6).
 *
 *        add          queue          begin         end
 *   none ---> ARMED ---------> QUEUED ----> RUNNING ---> DONE
 *               |
 *               +--- stop, cancelled 1 ---> STOPPED
 */
#include "tools/trace_check_state.h"
#include "trace/event_info.h"

enum cleanup_step {
    NONE,
    ARMED,
    QUEUED,
    RUNNING,
    DONE,
    STOPPED
};

static const char *const step_names[] = { "never added",    "armed",
                                          "queued already", "running already",
                                          "done already",   "stopped already" };

struct cleanup {
    uint8_t step;      /* enum cleanup_step */
    uint8_t late_stop; /* a stop with cancelled 0 was seen */
    int64_t since_ns;  /* when this step began */
    uint64_t goroutine;
};

static void
begin_step(struct cleanup *cleanup, enum cleanup_step step, int64_t now_ns)
{
    cleanup->step = (uint8_t)step;
    cleanup->since_ns = now_ns;
}

static void
add(struct trace_check *check, struct process *process,
    const struct trace_event *event)
{
    bool is_new;
    uint64_t id = event->field[0];
    struct cleanup *cleanup = trace_table_at(&process->cleanups, id, &is_new);
    if (id == 0)
        trace_check_problem(check, 1, event->time_ns, "a cleanup has id 0");
    if (!is_new && cleanup->step != NONE)
        trace_check_problem(check, 1, event->time_ns,
                            "cleanup %llu is added, but is %s",
                            (unsigned long long)id, step_names[cleanup->step]);
    begin_step(cleanup, ARMED, event->time_ns);
    process->added++;
}

/* False, with the problem noted, unless the id is at step `wanted`. */
static bool
expect_step(struct trace_check *check, struct process *process,
            const struct cleanup *cleanup, const struct trace_event *event,
            enum cleanup_step wanted, int rule, const char *what)
{
    if (cleanup->step == (uint8_t)wanted)
        return true;
    if (cleanup->step == NONE && !process->begun) {
        process->unknown_ids++; /* CHK-13, told once at the end */
        return true;
    }
    /* What leads to a step must be recorded, or it is always missing. */
    if (!trace_check_recorded(check, TRI_TRACE_EV_cleanup_add,
                              TRI_TRACE_EV_cleanup_end))
        return true;
    trace_check_problem(
        check, rule, event->time_ns, "cleanup %llu is %s, but is %s",
        (unsigned long long)event->field[0], what, step_names[cleanup->step]);
    return false;
}

static void
stop(struct trace_check *check, struct process *process,
     struct cleanup *cleanup, const struct trace_event *event)
{
    if (event->field[2] == 0) {
        cleanup->late_stop = 1;
        check->report.late_stops++;
        if (cleanup->step == NONE)
            expect_step(check, process, cleanup, event, ARMED, 5, "stopped");
        return;
    }
    process->stopped++;
    if (expect_step(check, process, cleanup, event, ARMED, 2, "stopped"))
        begin_step(cleanup, STOPPED, event->time_ns);
}

static void
run(struct trace_check *check, struct process *process, struct cleanup *cleanup,
    const struct trace_event *event)
{
    uint64_t goroutine = event->field[2];
    int64_t took_ns = event->time_ns - cleanup->since_ns;
    if (event->event == TRI_TRACE_EV_cleanup_begin) {
        if (!expect_step(check, process, cleanup, event, QUEUED, 4, "begun"))
            return;
        if (cleanup->step == QUEUED)
            trace_durations_add(&check->report.queue_to_begin, took_ns);
        begin_step(cleanup, RUNNING, event->time_ns);
        cleanup->goroutine = goroutine;
        return;
    }
    process->executed++;
    if (!expect_step(check, process, cleanup, event, RUNNING, 4, "ended"))
        return;
    if (cleanup->step == RUNNING) {
        trace_durations_add(&check->report.run, took_ns);
        if (cleanup->goroutine != goroutine)
            trace_check_problem(
                check, 4, event->time_ns,
                "cleanup %llu was begun by goroutine %llu and ended by %llu",
                (unsigned long long)event->field[0],
                (unsigned long long)cleanup->goroutine,
                (unsigned long long)goroutine);
    }
    begin_step(cleanup, DONE, event->time_ns);
}

void
trace_check_cleanup(struct trace_check *check, struct process *process,
                    const struct trace_event *event)
{
    process->cleanups.value_bytes = sizeof(struct cleanup);
    if (event->event == TRI_TRACE_EV_cleanup_totals) {
        process->totals_seen = true;
        for (uint32_t i = 0; i < 4; i++)
            process->totals[i] = event->field[i];
        return;
    }
    if (process->totals_seen)
        trace_check_problem(check, 6, event->time_ns,
                            "the event %s of cleanup %llu comes after the "
                            "runtime's totals",
                            tri_trace_event_info[event->event].name,
                            (unsigned long long)event->field[0]);
    if (event->event == TRI_TRACE_EV_cleanup_add) {
        add(check, process, event);
        return;
    }
    bool is_new;
    struct cleanup *cleanup =
        trace_table_at(&process->cleanups, event->field[0], &is_new);
    switch (event->event) {
    case TRI_TRACE_EV_cleanup_stop:
        stop(check, process, cleanup, event);
        break;
    case TRI_TRACE_EV_cleanup_queue:
        process->queued++;
        if (!expect_step(check, process, cleanup, event, ARMED, 3, "queued"))
            break;
        if (cleanup->step == ARMED)
            trace_durations_add(&check->report.add_to_queue,
                                event->time_ns - cleanup->since_ns);
        begin_step(cleanup, QUEUED, event->time_ns);
        break;
    default:
        run(check, process, cleanup, event);
        break;
    }
}

struct tally {
    struct trace_check *check;
    uint64_t at[STOPPED + 1];
};

static void
count_one(uint64_t id, void *value, void *arg)
{
    const struct cleanup *cleanup = value;
    struct tally *tally = arg;
    tally->at[cleanup->step]++;
    if (cleanup->late_stop != 0 && cleanup->step == ARMED
        && trace_check_recorded(tally->check, TRI_TRACE_EV_cleanup_add,
                                TRI_TRACE_EV_cleanup_end))
        trace_check_problem(tally->check, 5, cleanup->since_ns,
                            "a stop of cleanup %llu was refused, but it was "
                            "neither stopped nor queued",
                            (unsigned long long)id);
}

/* CHK-6, where the trace has the process from its begin on. */
static void
compare_totals(struct trace_check *check, const struct process *process)
{
    const struct {
        const char *name;
        enum tri_trace_event event;
        uint64_t traced;
    } counts[] = {
        { "added", TRI_TRACE_EV_cleanup_add, process->added },
        { "stopped", TRI_TRACE_EV_cleanup_stop, process->stopped },
        { "queued", TRI_TRACE_EV_cleanup_queue, process->queued },
        { "executed", TRI_TRACE_EV_cleanup_end, process->executed },
    };
    if (!process->begun || !process->totals_seen)
        return;
    for (uint32_t i = 0; i < TRI_ARRAY_COUNT(counts); i++) {
        if (counts[i].traced == process->totals[i]
            || !trace_check_recorded(check, counts[i].event, counts[i].event))
            continue;
        trace_check_problem(check, 6, check->last_ns,
                            "the runtime counts %llu cleanups %s, the trace "
                            "has %llu: a file of it is missing, or the "
                            "runtime's accounting is wrong",
                            (unsigned long long)process->totals[i],
                            counts[i].name,
                            (unsigned long long)counts[i].traced);
    }
}

void
trace_check_cleanups_end(struct trace_check *check, struct process *process)
{
    struct trace_report *report = &check->report;
    struct tally tally = { .check = check };
    trace_table_each(&process->cleanups, count_one, &tally);
    report->added += process->added;
    report->stopped += process->stopped;
    report->queued += process->queued;
    report->executed += process->executed;
    report->armed += tally.at[ARMED];
    report->pending += tally.at[QUEUED] + tally.at[RUNNING];
    compare_totals(check, process);
}
