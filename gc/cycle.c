/* SPDX-License-Identifier: MIT */
/* gc/cycle.c: starting, draining and finishing a cycle; see cycle.h. */
#include "gc/cycle.h"

#include "base/check.h"
#include "base/option.h"
#include "base/os.h"
#include "gc/assist.h"
#include "gc/barrier.h"
#include "gc/cycle_report.h"
#include "gc/malloc.h"
#include "gc/mark.h"
#include "gc/percpu.h"
#include "gc/root.h"
#include "gc/scavenger.h"
#include "gc/special.h"
#include "gc/sweep.h"
#include "gc/verify.h"
#include "gc/worker.h"
#include "trace/trace.h"

#define HEAP_EVENT_BYTES ((int64_t)256 << 10)

struct tri_gc_state tri_collector;
uint32_t tri_barrier_on;

/* Threads draining (CYCLE-1), and what they scanned. */
static TRI_ATOMIC(uint32_t) active;
static TRI_ATOMIC(uint64_t) scanned_bytes;
/* Who may start a cycle (CYCLE-5). */
static struct {
    TRI_ATOMIC(uint32_t) taken; /* by a starter, or one who keeps it at rest */
    TRI_ATOMIC(uint32_t)
    resters; /* who have asked for rest, and are not done */
    TRI_ATOMIC(uint32_t)
    refused; /* reason of a start that was put off, plus 1 */
    TRI_ATOMIC(uint32_t) rested; /* rest was the last to have the turn */
} turn;
static TRI_ATOMIC(uint32_t) finishing; /* one finisher at a time */

enum tri_gc_phase
tri_gc_phase(void)
{
    return (enum tri_gc_phase)tri_load_relaxed(
        &tri_collector.phase); /* PHASE-1 */
}

void
tri_gc_heap_grew(int64_t bytes)
{
    int64_t before = tri_add_relaxed(&tri_collector.heap_live_bytes, bytes);
    TRI_DCHECK(before + bytes >= 0, "LIVE-1: the heap has %lld bytes",
               (long long)(before + bytes));
    if ((before + bytes) / HEAP_EVENT_BYTES != before / HEAP_EVENT_BYTES)
        tri_cycle_trace_heap();
}

uint64_t
tri_cycle_scanned_bytes(void)
{
    return tri_load_relaxed(&scanned_bytes); /* a figure */
}

static void
set_phase(enum tri_gc_phase phase)
{
    TRI_CHECK(tri_host_world_stopped(), "PHASE-1: the phase changes only with "
                                        "the world stopped");
    tri_store(&tri_collector.phase, phase);
    tri_store(tri_atomic_cast(uint32_t, &tri_barrier_on), phase != TRI_GC_OFF);
    tri_trace_phase(tri_load(&tri_collector.cycle), phase);
}

uint32_t
tri_gc_cycle(void)
{
    return tri_load(&tri_collector.cycle);
}

/* ---- draining ---------------------------------------------------------------------- */

bool
tri_cycle_work_available(void)
{
    tri_enter(); /* the numbers of root jobs change in a stop */
    bool some = tri_work_available() || tri_root_available();
    tri_leave();
    return some;
}

uint64_t
tri_cycle_drain(struct tri_gc_p *p, uint64_t budget)
{
    tri_add(&active, 1);
    uint64_t done = 0;
    uint64_t start = p->work.scanned_bytes;
    while (done < budget && !tri_mark_should_yield()) {
        TRI_DCHECK(tri_load(&active) != 0, "CYCLE-1: who marks is not counted");
        /* What the barrier recorded here is work too. */
        tri_barrier_flush(p);
        tri_mark_drain(p, budget - done);
        done = p->work.scanned_bytes - start;
        if (p->work.count == 0 && !tri_root_do_one(&p->work)
            && !tri_work_available())
            break;
    }
    tri_add_relaxed(&scanned_bytes, done);
    tri_sub(&active, 1);
    return done;
}

/* ---- the start ------------------------------------------------------------------------ */

static bool
wanted(enum tri_cycle_reason reason)
{
    if (tri_gc_phase() != TRI_GC_OFF || tri_debug.sbrk)
        return false;
    return reason != TRI_CYCLE_HEAP
        || tri_load(&tri_collector.heap_live_bytes)
               >= tri_load(&tri_collector.trigger_bytes);
}

static void
reset_p(struct tri_gc_p *p)
{
    TRI_CHECK(p->work.count == 0 && p->barrier_count == 0,
              "CYCLE-3: P %d starts a cycle with %u grey edges of the last",
              p->index, p->work.count);
    tri_malloc_blacken_cache(p);
    tri_assist_begin(p);
    p->work.marked_bytes = 0;
    p->work.marked_objects = 0;
    p->work.scanned_bytes = 0;
    p->fractional_ns = 0;
    /* What blackening found is everybody's. */
    if (p->work.count != 0)
        tri_work_share(&p->work, true);
}

/* Step 1 to 2, world stopped.  `whole`: marking waits for a second pause. */
static void
begin_marking(enum tri_cycle_reason reason, bool whole)
{
    int64_t live = tri_load(&tri_collector.heap_live_bytes);
    tri_collector.reason = reason;
    tri_add(&tri_collector.cycle, 1);
    tri_collector.pacer.procs = tri_host_proc_count();
    tri_pacer_start(&tri_collector.pacer, live, reason == TRI_CYCLE_TIME);
    tri_store(&tri_collector.goal_bytes, tri_collector.pacer.goal_bytes);
    tri_trace_cycle_begin(tri_load(&tri_collector.cycle), reason,
                          (uint64_t)live,
                          (uint64_t)tri_collector.pacer.goal_bytes);
    tri_cycle_trace_heap();
    tri_store(&tri_collector.black_bytes, 0);
    tri_store(&scanned_bytes, 0);
    set_phase(TRI_GC_MARK);
    for (int i = 0; i < tri_host_proc_count(); i++)
        reset_p(tri_host_proc(i));
    tri_root_begin();
    if (!whole)
        tri_root_prepare();
    tri_collector.mark_start_ns = tri_os_now_ns();
    tri_assist_revise();
    tri_cycle_report_begin();
    tri_cycle_trace_heap();
}

static void finish_marking(void);
static bool flush_p(struct tri_gc_p *p);

static void
mark_stopped_on_system_stack(void *unused)
{
    (void)unused;
    struct tri_gc_p *p = tri_host_current_p();
    while (tri_cycle_work_available() || p->work.count != 0)
        tri_cycle_drain(p, UINT64_MAX);
}

/* gcstoptheworld: all marking in one pause, the second: the world had to run
 * for the list of static data, with the barrier on and no job to mark (JOBS-1). */
static void
mark_stopped(void)
{
    tri_host_stop_world(TRI_STOP_WHOLE_CYCLE);
    tri_root_prepare();
    tri_root_add_data();
    for (int i = 0; i < tri_host_proc_count(); i++)
        (void)flush_p(tri_host_proc(i));
    tri_host_on_system_stack(mark_stopped_on_system_stack, NULL);
    finish_marking();
    tri_host_start_world();
    tri_cycle_after_finish();
}

/* ---- turns: starting, and resting -------------------------------------------------- */

static bool
take_turn(void)
{
    uint32_t none = 0;
    return tri_cas(&turn.taken, &none, 1);
}

/* Sequentially consistent, with the rester's count before his look. */
static void
give_turn(void)
{
    tri_store(&turn.taken, 0);
    if (tri_load(&turn.resters) != 0)
        tri_futex_wake(&turn.taken, 1);
}

/* The turn is the caller's, who keeps it or not. */
static void
start_in_turn(enum tri_cycle_reason reason, bool keep)
{
    tri_sweep_finish();
    bool whole = tri_debug.gcstoptheworld != 0;
    tri_host_stop_world(TRI_STOP_MARK_START);
    bool go = wanted(reason);
    if (go) {
        tri_sweep_finish_stw();
        begin_marking(reason, whole);
        tri_store(&turn.rested, 0);
    }
    if (!keep)
        give_turn();
    tri_host_start_world();
    if (!go)
        return;
    if (!whole)
        tri_host_wake_workers();
    tri_root_list_data();
    if (whole) {
        mark_stopped();
    } else {
        tri_root_add_data();
        tri_host_wake_workers();
        /* Who found nothing to do before now went away. */
        tri_cycle_try_finish();
    }
}

void
tri_cycle_start(enum tri_cycle_reason reason)
{
    if (!wanted(reason))
        return;
    if (tri_load(&turn.resters) != 0) {
        if (tri_load(&turn.refused) == 0)
            tri_store(&turn.refused, (uint32_t)reason + 1);
    } else if (take_turn()) {
        start_in_turn(reason, false);
    }
}

void
tri_gc_rest_begin(void)
{
    tri_add(&turn.resters, 1);
    while (!take_turn())
        tri_host_wait(&turn.taken, 1, -1);
    uint32_t refused = tri_swap(&turn.refused, 0);
    enum tri_cycle_reason reason = (enum tri_cycle_reason)(refused - 1);
    if (refused != 0 && tri_load(&turn.rested) != 0 && wanted(reason))
        start_in_turn(reason, true);
    tri_cycle_wait_marked(tri_load(&tri_collector.cycle));
}

void
tri_gc_rest_end(void)
{
    tri_store(&turn.rested, 1);
    tri_sub(&turn.resters, 1);
    give_turn();
}

/* ---- the end --------------------------------------------------------------------------- */

/* Everything P has recorded or keeps to itself becomes global work. */
static bool
flush_p(struct tri_gc_p *p)
{
    tri_barrier_flush(p);
    bool some = p->work.count != 0;
    if (some)
        tri_work_share(&p->work, true);
    return some;
}

static void
flush_ragged(struct tri_gc_p *p, void *arg)
{
    bool *some = arg;
    *some |= flush_p(p);
}

static bool
finish_possible(void)
{
    return tri_gc_marking() && tri_load(&active) == 0 && tri_root_listed()
        && !tri_cycle_work_available();
}

/* CYCLE-3.  World stopped. */
static bool
really_nothing_left(void)
{
    bool some = false;
    for (int i = 0; i < tri_host_proc_count(); i++)
        some |= flush_p(tri_host_proc(i));
    return !some && finish_possible();
}

/* Work came up while finishing: do it here and now, and tell others. */
static void
mark_more(void)
{
    tri_host_wake_workers();
    tri_enter();
    if (tri_gc_marking() && tri_host_current_p() != NULL)
        tri_worker_help(tri_host_current_p());
    tri_leave();
}

void
tri_cycle_help(void)
{
    if (tri_gc_marking() && tri_cycle_work_available())
        mark_more();
    tri_cycle_try_finish();
}

static bool
try_finish_once(void)
{
    bool some = false;
    TRI_DCHECK(tri_weak_is_blocked(), "CYCLE-4: weak pointers are given out "
                                      "while marking is about to end");
    tri_host_each_p(flush_ragged, &some);
    if (some)
        return false;
    tri_host_stop_world(TRI_STOP_MARK_TERM);
    bool done = really_nothing_left();
    if (done)
        finish_marking();
    else
        tri_cycle_report_restart();
    tri_host_start_world();
    if (done)
        tri_cycle_after_finish();
    return done;
}

void
tri_cycle_try_finish(void)
{
    /* Once more after letting go: a marker that left while we held the flag
     * found it taken and went away. */
    while (finish_possible()) {
        uint32_t none = 0;
        if (!tri_cas(&finishing, &none, 1))
            return;
        tri_weak_block(); /* CYCLE-4 */
        while (finish_possible() && !try_finish_once())
            mark_more();
        tri_weak_unblock();
        tri_store(&finishing, 0);
    }
}

/* The figures of the cycle into the pacer; the next goal and trigger. */
static void
settle_pacer(void)
{
    struct tri_pacer_cycle cycle = {
        .duration_ns = tri_os_now_ns() - tri_collector.mark_start_ns,
        .assist_ns = tri_assist_ns(),
        .idle_ns = tri_cycle_idle_worker_ns(),
        .heap_live_bytes = tri_load(&tri_collector.heap_live_bytes),
        .scan_bytes = (int64_t)tri_cycle_scanned_bytes(),
        .stack_bytes = tri_root_stack_bytes(),
        .globals_bytes = tri_root_data_bytes(),
    };
    int64_t marked = tri_load(&tri_collector.black_bytes);
    for (int i = 0; i < tri_host_proc_count(); i++)
        marked += (int64_t)tri_host_proc(i)->work.marked_bytes;
    cycle.marked_bytes = marked;
    tri_pacer_end(&tri_collector.pacer, &cycle);
    tri_store(&tri_collector.marked_bytes, marked);
    tri_store(&tri_collector.heap_live_bytes, marked);
    tri_cycle_commit_pacer(false);
    tri_trace_pacer(tri_load(&tri_collector.cycle),
                    (uint64_t)tri_collector.pacer.trigger_bytes,
                    (uint64_t)tri_collector.pacer.goal_bytes,
                    (uint64_t)(tri_collector.pacer.cons_mark_used * 1000.0));
}

/* Steps 3 and 4.  World stopped, nothing grey anywhere. */
static void
finish_marking(void)
{
    set_phase(TRI_GC_MARK_TERM);
    for (int i = 0; i < tri_host_proc_count(); i++)
        TRI_CHECK(tri_host_proc(i)->work.count == 0,
                  "CYCLE-3: grey work at mark termination");
    TRI_DCHECK(tri_worker_all_idle(), "WORKER-1: a worker was claimed and not "
                                      "given back");
    if (tri_debug.gccheckmark)
        tri_verify_marks();
    settle_pacer();
    tri_scavenger_cycle_ended(tri_collector.pacer.goal_bytes);
    set_phase(TRI_GC_OFF);
    uint64_t cycle = tri_load(&tri_collector.cycle);
    tri_sweep_begin(cycle);
    tri_host_divert_caches();
    tri_store(&tri_collector.last_end_ns, tri_os_now_ns());
    tri_add(&tri_collector.marked_cycle, 1);
    tri_add(&tri_collector.cycles_total, 1);
    if (tri_collector.reason == TRI_CYCLE_FORCED)
        tri_add(&tri_collector.cycles_forced, 1);
    tri_trace_cycle_end(cycle, (uint64_t)tri_load(&tri_collector.marked_bytes),
                        (uint64_t)tri_load(&tri_collector.goal_bytes));
    tri_cycle_trace_heap();
    tri_cycle_report_end();
    enum {
        LAZY,
        EAGER,
        STW
    };
    if (tri_debug.gcstoptheworld == 2 || tri_debug.sweep == STW)
        tri_sweep_finish_stw();
}
