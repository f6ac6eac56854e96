/* SPDX-License-Identifier: MIT */
/*
 * tools/trace_check_whole.c: is all there that a proof rests on (CHK-12 to
 * CHK-14)?
 *
 * A run is framed by its first event and its last two; what lies between them is
 * compared with the runtime's own counts.  Without the frame a trace may be one
 * of a late session, of a crash, or one of which a file went missing: which, it
 * does not say, so each sentence names what it can be and what to do.
 */
#include "tools/trace_check_state.h"

#define AGAIN "copy the whole trace again, or record again"

/* CHK-12 */
static void
check_losses(struct trace_check *check)
{
    const struct trace_read_result *read = check->read;
    if (check->report.events == 0)
        trace_check_problem(check, 12, 0,
                            "the trace has no events: nothing can be proved");
    if (read->discarded > 0)
        trace_check_problem(check, 12, check->last_ns,
                            "%llu events were lost: nothing can be proved; "
                            "record again with larger buffers (--buffer) or "
                            "fewer events (--events)",
                            (unsigned long long)read->discarded);
    if (read->lost_packets > 0)
        trace_check_problem(check, 12, check->last_ns,
                            "packets of events are missing (%llu): nothing can "
                            "be proved; " AGAIN
                            ", not as a snapshot and without a limit to the "
                            "files' size",
                            (unsigned long long)read->lost_packets);
}

/* CHK-13: why there is no begin. */
static void
explain_late(struct trace_check *check, const struct process *process)
{
    if (!check->read->recorded[TRI_TRACE_EV_runtime_begin])
        trace_check_problem(
            check, 13, check->report.first_ns,
            "its session did not record runtime_begin: nothing can be proved; "
            "record with a set (--events core), or name runtime_begin, "
            "runtime_end and cleanup_totals too");
    else if (process->dumped || process->unknown_ids > 0)
        trace_check_problem(
            check, 13, check->report.first_ns,
            "the recording of process %d began while it ran (%llu events are of "
            "cleanups added before): nothing can be proved; record it from its "
            "start, with tricolor trace record -- PROG",
            process->number, (unsigned long long)process->unknown_ids);
    else
        trace_check_problem(
            check, 13, check->report.first_ns,
            "process %d has no runtime_begin: its recording began late, or a "
            "file of the trace is missing: nothing can be proved; " AGAIN,
            process->number);
}

/* CHK-14: why there is no end. */
static void
explain_cut(struct trace_check *check, const struct process *process)
{
    const bool *recorded = check->read->recorded;
    if (!recorded[TRI_TRACE_EV_runtime_end]
        || !recorded[TRI_TRACE_EV_cleanup_totals])
        trace_check_problem(
            check, 14, check->last_ns,
            "its session did not record %s: nothing can be proved; record with "
            "a set (--events core), or name runtime_begin, runtime_end and "
            "cleanup_totals too",
            recorded[TRI_TRACE_EV_runtime_end] ? "cleanup_totals"
                                               : "runtime_end");
    else if (process->ended || process->totals_seen)
        trace_check_problem(
            check, 14, check->last_ns,
            "process %d has its %s but not its %s: a file of the trace is "
            "missing: nothing can be proved; " AGAIN,
            process->number, process->ended ? "runtime_end" : "cleanup_totals",
            process->ended ? "cleanup_totals" : "runtime_end");
    else
        trace_check_problem(
            check, 14, check->last_ns,
            "process %d has no runtime_end: it crashed, was killed or still ran "
            "when the recording ended, or a file of the trace is missing: "
            "nothing can be proved; record a run that ends, or copy the whole "
            "trace again",
            process->number);
}

void
trace_check_whole(struct trace_check *check)
{
    for (const struct process *p = check->processes; p != NULL; p = p->next) {
        if (!p->begun)
            explain_late(check, p);
        else if (!p->ended || !p->totals_seen)
            explain_cut(check, p);
    }
    check_losses(check);
}
