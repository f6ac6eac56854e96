/* SPDX-License-Identifier: MIT */
/* tools/trace_check_cycle.c: cycles, sweeps, stops (CHK-7 to CHK-9). */
#include "gc/gc.h"
#include "tools/trace_check_state.h"

static const char *const phase_names[] = { "off", "mark", "mark termination" };

static void
cycle_begin(struct trace_check *check, struct process *process,
            const struct trace_event *event)
{
    uint64_t cycle = event->field[0];
    if (process->cycle_open)
        trace_check_problem(
            check, 7, event->time_ns, "cycle %llu begins inside cycle %llu",
            (unsigned long long)cycle, (unsigned long long)process->cycle);
    if (process->cycle != 0 && cycle != process->cycle + 1)
        trace_check_problem(
            check, 7, event->time_ns, "cycle %llu comes after cycle %llu",
            (unsigned long long)cycle, (unsigned long long)process->cycle);
    if (process->sweep_open)
        trace_check_problem(check, 8, event->time_ns,
                            "cycle %llu begins while cycle %llu is swept",
                            (unsigned long long)cycle,
                            (unsigned long long)process->sweep);
    process->cycle = cycle;
    process->cycle_open = true;
    process->phases_seen = 0;
    process->phase = TRI_GC_OFF;
    check->report.cycles++;
}

static void
phase(struct trace_check *check, struct process *process,
      const struct trace_event *event)
{
    uint32_t next = (uint32_t)event->field[1];
    if (!process->cycle_open) {
        if (process->cycle != 0 || process->begun)
            trace_check_problem(check, 7, event->time_ns,
                                "a phase changes outside of any cycle");
        return;
    }
    if (event->field[0] != process->cycle || next > TRI_GC_MARK_TERM
        || next != (process->phase + 1) % 3)
        trace_check_problem(
            check, 7, event->time_ns,
            "cycle %llu goes from phase %s to phase %s (of cycle %llu)",
            (unsigned long long)process->cycle, phase_names[process->phase],
            next <= TRI_GC_MARK_TERM ? phase_names[next] : "unknown",
            (unsigned long long)event->field[0]);
    process->phase = next % 3;
    process->phases_seen++;
}

static void
cycle_end(struct trace_check *check, struct process *process,
          const struct trace_event *event)
{
    if (!process->cycle_open) {
        if (process->cycle != 0 || process->begun)
            trace_check_problem(check, 7, event->time_ns,
                                "cycle %llu ends, but was not begun",
                                (unsigned long long)event->field[0]);
        process->cycle = event->field[0];
        return;
    }
    if (event->field[0] != process->cycle)
        trace_check_problem(check, 7, event->time_ns,
                            "cycle %llu ends as cycle %llu",
                            (unsigned long long)process->cycle,
                            (unsigned long long)event->field[0]);
    /* 0: phases are not recorded. */
    if (process->phases_seen != 0 && process->phases_seen != 3)
        trace_check_problem(check, 7, event->time_ns,
                            "cycle %llu had %u changes of phase, not 3",
                            (unsigned long long)process->cycle,
                            process->phases_seen);
    process->cycle_open = false;
}

static void
sweep(struct trace_check *check, struct process *process,
      const struct trace_event *event)
{
    uint64_t cycle = event->field[0];
    bool begins = event->event == TRI_TRACE_EV_sweep_begin;
    if (begins) {
        if (process->sweep_open
            || (process->cycle != 0 && cycle != process->cycle))
            trace_check_problem(
                check, 8, event->time_ns,
                "the sweep of cycle %llu begins in cycle %llu%s",
                (unsigned long long)cycle, (unsigned long long)process->cycle,
                process->sweep_open ? ", and another is not done" : "");
        check->report.sweeps++;
    } else if (process->sweep_open ? cycle != process->sweep
                                   : process->begun || process->sweep != 0) {
        trace_check_problem(check, 8, event->time_ns,
                            "the sweep of cycle %llu ends, but was not begun",
                            (unsigned long long)cycle);
    }
    process->sweep = cycle;
    process->sweep_open = begins;
}

void
trace_check_cycle(struct trace_check *check, struct process *process,
                  const struct trace_event *event)
{
    bool sweeps = event->event == TRI_TRACE_EV_sweep_begin
               || event->event == TRI_TRACE_EV_sweep_end;
    /* Both ends of what it belongs to must be recorded. */
    if (!trace_check_recorded(
            check, sweeps ? TRI_TRACE_EV_sweep_begin : TRI_TRACE_EV_cycle_begin,
            sweeps ? TRI_TRACE_EV_sweep_end : TRI_TRACE_EV_cycle_end))
        return;
    switch (event->event) {
    case TRI_TRACE_EV_cycle_begin:
        cycle_begin(check, process, event);
        break;
    case TRI_TRACE_EV_phase:
        phase(check, process, event);
        break;
    case TRI_TRACE_EV_cycle_end:
        cycle_end(check, process, event);
        break;
    default:
        sweep(check, process, event);
        break;
    }
}

void
trace_check_stop(struct trace_check *check, struct process *process,
                 const struct trace_event *event)
{
    uint64_t stop = event->field[0];
    int step = event->event == TRI_TRACE_EV_stw_begin   ? 1
             : event->event == TRI_TRACE_EV_stw_stopped ? 2
                                                        : 3;
    bool in_order = step == 1
                      ? process->stop_step == 0 && stop > process->stop
                      : process->stop_step == step - 1 && stop == process->stop;
    /* A trace may begin in the middle of a stop. */
    bool first = process->stop == 0 && !process->begun;
    if (!in_order && !first)
        trace_check_problem(check, 9, event->time_ns,
                            "stop %llu: step %d of 3 comes after "
                            "step %d of stop %llu",
                            (unsigned long long)stop, step, process->stop_step,
                            (unsigned long long)process->stop);
    if (step == 1) {
        process->stop_begin_ns = event->time_ns;
        check->report.stops++;
    } else if (step == 2) {
        trace_durations_add(&check->report.stopping, (int64_t)event->field[1]);
    } else if (in_order) {
        trace_durations_add(&check->report.pause,
                            event->time_ns - process->stop_begin_ns);
    }
    process->stop = stop;
    process->stop_step = step % 3;
}
