/* SPDX-License-Identifier: MIT */
/*
 * gc/assist.c: mark assists; the idea and the rules are in assist.h.
 *
 * Relaxed: figures, each right by itself.  One that is a little old makes
 * somebody mark a little more or less.  Where sleeping depends on one, it is read
 * sequentially consistent (ASSIST-1).
 */
#include "gc/assist.h"

#include <string.h>

#include "base/os.h"
#include "gc/cycle.h"
#include "gc/percpu.h"
#include "gc/phase.h"
#include "trace/trace.h"

#define ASSIST_WORK_MIN ((uint64_t)64 << 10) /* over-assist, to do it rarely */
#define WAIT_NS         2000000

static TRI_ATOMIC(int64_t) background_credit; /* scan bytes; may be negative */
static TRI_ATOMIC(uint64_t) ratio_bits;       /* double: scan bytes per byte */
static TRI_ATOMIC(uint32_t) waiters;
static TRI_ATOMIC(uint32_t) epoch;   /* futex: credit came, or marking ended */
static TRI_ATOMIC(int64_t) spent_ns; /* this cycle */
static TRI_ATOMIC(int64_t) spent_ns_total; /* ever */

static double
ratio(void)
{
    uint64_t bits = tri_load_relaxed(&ratio_bits); /* a figure */
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

void
tri_assist_revise(void)
{
    double value = tri_pacer_assist_ratio(
        &tri_collector.pacer, tri_load_relaxed(&tri_collector.heap_live_bytes),
        (int64_t)tri_cycle_scanned_bytes());
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    tri_store_relaxed(&ratio_bits, bits);
}

void
tri_assist_begin(struct tri_gc_p *p)
{
    p->assist_credit = 0;
    tri_store(&background_credit, 0);
    tri_store(&spent_ns, 0);
}

static void
wake_all(void)
{
    /* Sequentially consistent, as in wait_for_credit (ASSIST-1). */
    if (tri_load(&waiters) != 0) {
        tri_add(&epoch, 1);
        tri_futex_wake(&epoch, INT32_MAX);
    }
}

void
tri_assist_end(void)
{
    wake_all();
}

void
tri_assist_add_credit(uint64_t scanned_bytes)
{
    tri_add(&background_credit, (int64_t)scanned_bytes);
    wake_all();
}

int64_t
tri_assist_ns(void)
{
    return tri_load_relaxed(&spent_ns);
}

int64_t
tri_assist_ns_total(void)
{
    return tri_load_relaxed(&spent_ns_total);
}

/* Takes up to `want` scan bytes of background credit; racy on purpose: it may
 * go negative for a moment, which only means a little less is given next. */
static uint64_t
take_credit(uint64_t want)
{
    int64_t there = tri_load_relaxed(&background_credit);
    if (there <= 0)
        return 0;
    uint64_t got = (uint64_t)there < want ? (uint64_t)there : want;
    tri_sub_relaxed(&background_credit, (int64_t)got);
    return got;
}

static void
wait_for_credit(void)
{
    tri_add(&waiters, 1);
    uint32_t seen = tri_load(&epoch);
    if (tri_gc_marking() && tri_load(&background_credit) <= 0
        && !tri_cycle_work_available())
        tri_host_wait(&epoch, seen, WAIT_NS);
    tri_sub(&waiters, 1);
}

struct assist {
    struct tri_gc_p *p;
    uint64_t budget;
    uint64_t done;
};

static void
assist_on_system_stack(void *arg)
{
    struct assist *assist = arg;
    assist->done = tri_cycle_drain(assist->p, assist->budget);
}

/* One round of marking.  Returns false if there was nothing to mark. */
static bool
mark_a_while(void)
{
    tri_enter();
    struct tri_gc_p *p = tri_host_current_p();
    if (!tri_gc_marking() || p == NULL || p->assist_credit >= 0) {
        tri_leave();
        return true;
    }
    double per_byte = ratio();
    uint64_t owed = (uint64_t)((double)-p->assist_credit * per_byte) + 1;
    uint64_t want = owed < ASSIST_WORK_MIN ? ASSIST_WORK_MIN : owed;
    uint64_t got = take_credit(owed);
    if (got < owed && (tri_cycle_work_available() || p->work.count != 0)) {
        int64_t start = tri_os_now_ns();
        uint64_t cycle = tri_load_relaxed(&tri_collector.cycle);
        tri_trace_assist_begin(cycle, p->index, tri_host_goid());
        struct assist assist = { p, want - got, 0 };
        tri_host_on_system_stack(assist_on_system_stack, &assist);
        got += assist.done;
        tri_trace_assist_end(cycle, p->index, tri_host_goid(), assist.done);
        int64_t took = tri_os_now_ns() - start;
        tri_add_relaxed(&spent_ns, took);
        tri_add_relaxed(&spent_ns_total, took);
    }
    p->assist_credit += (int64_t)((double)got / per_byte) + 1;
    bool paid = p->assist_credit >= 0;
    tri_leave();
    return paid || got != 0;
}

void
tri_assist_pay(void)
{
    TRI_DCHECK(tri_critical_depth() == 0,
               "ALLOC-3: a debt is paid in a section");
    for (int rounds = 0; tri_gc_marking() && rounds < 64; rounds++) {
        tri_enter();
        struct tri_gc_p *p = tri_host_current_p();
        bool debt = p != NULL && p->assist_credit < 0;
        if (debt)
            tri_assist_revise(); /* in here: the pacer changes in a stop */
        tri_leave();
        if (!debt)
            return;
        bool progress = mark_a_while();
        tri_cycle_try_finish();
        if (!progress)
            wait_for_credit();
    }
}
