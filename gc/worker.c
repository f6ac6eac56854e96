/* SPDX-License-Identifier: MIT */
/*
 * gc/worker.c: background mark workers (M-023), as the scheduler sees them.
 *
 *   dedicated    a P of its own until marking ends (or its P is wanted for a
 *                stop); procs / 4 of them, rounded
 *   fractional   where a quarter of the Ps is no whole number: each P gives a
 *                share of its time, measured against the cycle's age
 *   idle         Ps without work of their own
 *
 * The scheduler runs them at its decisions.  A goroutine that allocates without
 * ever coming to one gives its P's share on the way (tri_worker_in_place), so a
 * cycle is under way at once and not when the goroutine's time is up.
 *
 *   WORKER-1  A claim (a mode other than NONE) is followed by exactly one run;
 *             otherwise a dedicated slot is lost until the cycle ends.
 *   WORKER-2  With neither dedicated nor fractional workers there is always
 *             room for an idle one (P-008, #44163); otherwise nobody marks
 *             where all Ps are idle.
 */
#include "gc/worker.h"
#include "base/check.h"
#include "base/os.h"
#include "gc/assist.h"
#include "gc/cycle.h"
#include "gc/cycle_report.h"
#include "gc/gc.h"
#include "gc/mark.h"
#include "gc/percpu.h"
#include "gc/phase.h"
#include "trace/trace.h"

#define FRACTION_SLACK 1.2
#define SLICE_BYTES    ((uint64_t)2 << 20) /* idle, fractional: then look up */

static TRI_ATOMIC(int32_t) dedicated_running;
static TRI_ATOMIC(int32_t) idle_running;

static bool
claim(TRI_ATOMIC(int32_t) *running, int32_t limit)
{
    int32_t now = tri_load_relaxed(running); /* the CAS decides */
    while (now < limit)
        if (tri_cas(running, &now, now + 1))
            return true;
    return false;
}

bool
tri_worker_all_idle(void)
{
    return tri_load(&dedicated_running) == 0 && tri_load(&idle_running) == 0;
}

/* Has this P given less than its share of the cycle so far? */
static bool
owes_fraction(const struct tri_gc_p *p)
{
    double share = tri_collector.pacer.fractional_share;
    if (share <= 0)
        return false;
    int64_t age = tri_os_now_ns() - tri_collector.mark_start_ns;
    return age <= 0
        || (double)p->fractional_ns / (double)age < share * FRACTION_SLACK;
}

enum tri_worker_mode
tri_gc_worker_wanted(struct tri_gc_p *p, bool idle)
{
    if (TRI_LIKELY(!tri_gc_marking()))
        return TRI_WORKER_NONE;
    if (!tri_cycle_work_available() && p->work.count == 0)
        return TRI_WORKER_NONE;
    if (claim(&dedicated_running, tri_collector.pacer.dedicated_workers))
        return TRI_WORKER_DEDICATED;
    if (owes_fraction(p))
        return TRI_WORKER_FRACTIONAL;
    if (idle && claim(&idle_running, tri_collector.pacer.idle_workers_max))
        return TRI_WORKER_IDLE;
    return TRI_WORKER_NONE;
}

static bool
go_on(const struct tri_gc_p *p, enum tri_worker_mode mode)
{
    if (tri_mark_should_yield())
        return false;
    if (mode == TRI_WORKER_FRACTIONAL && !owes_fraction(p))
        return false;
    return mode == TRI_WORKER_DEDICATED || tri_cycle_work_available()
        || p->work.count != 0;
}

static uint64_t
run(struct tri_gc_p *p, enum tri_worker_mode mode)
{
    uint64_t budget = mode == TRI_WORKER_DEDICATED ? UINT64_MAX : SLICE_BYTES;
    uint64_t total = 0;
    int64_t begin = tri_os_now_ns();
    int64_t before = p->fractional_ns;
    for (;;) {
        uint64_t done = tri_cycle_drain(p, budget);
        total += done;
        if (mode != TRI_WORKER_DEDICATED && done != 0)
            tri_assist_add_credit(done);
        if (mode == TRI_WORKER_FRACTIONAL)
            p->fractional_ns = before + tri_os_now_ns() - begin;
        if (done == 0 || mode == TRI_WORKER_DEDICATED || !go_on(p, mode))
            break;
    }
    if (mode == TRI_WORKER_DEDICATED && total != 0)
        tri_assist_add_credit(total);
    return total;
}

void
tri_gc_worker_run(struct tri_gc_p *p, enum tri_worker_mode mode)
{
    uint64_t cycle = tri_load_relaxed(&tri_collector.cycle); /* PHASE-1 */
    int64_t begin = tri_os_now_ns();
    tri_trace_worker_begin(cycle, p->index, mode);
    uint64_t work = run(p, mode);
    tri_trace_worker_end(cycle, p->index, mode, work);
    tri_cycle_add_worker_ns((int)mode, tri_os_now_ns() - begin);
    if (mode == TRI_WORKER_DEDICATED)
        tri_sub(&dedicated_running, 1);
    else if (mode == TRI_WORKER_IDLE)
        tri_sub(&idle_running, 1);
}

void
tri_gc_worker_after(void)
{
    tri_cycle_try_finish();
}

static void
drain(void *p)
{
    tri_cycle_drain(p, UINT64_MAX);
}

/* Without a claim, and told as dedicated: so its time and its work show. */
void
tri_worker_help(struct tri_gc_p *p)
{
    uint64_t cycle = tri_load_relaxed(&tri_collector.cycle); /* PHASE-1 */
    int64_t begin = tri_os_now_ns();
    uint64_t before = p->work.scanned_bytes;
    tri_trace_worker_begin(cycle, p->index, TRI_WORKER_DEDICATED);
    tri_host_on_system_stack(drain, p);
    tri_trace_worker_end(cycle, p->index, TRI_WORKER_DEDICATED,
                         p->work.scanned_bytes - before);
    tri_cycle_add_worker_ns(TRI_WORKER_DEDICATED, tri_os_now_ns() - begin);
}

static void
run_fraction(void *p)
{
    tri_gc_worker_run(p, TRI_WORKER_FRACTIONAL);
}

void
tri_worker_in_place(void)
{
    tri_enter();
    struct tri_gc_p *p = tri_host_current_p();
    bool due = p != NULL && tri_gc_marking() && owes_fraction(p)
            && (tri_cycle_work_available() || p->work.count != 0);
    if (due)
        tri_host_on_system_stack(run_fraction, p);
    tri_leave();
    if (due)
        tri_gc_worker_after();
}
