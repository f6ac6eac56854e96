/* SPDX-License-Identifier: MIT */
/*
 * runtime/claim.c: the stopper's half of a thread's state word (m.h): who may ask a
 * thread to stop (its claim), asking, waiting for the answer, letting it go on; and
 * all of that for one thread.  The thread's half is suspend.c, everybody at once
 * stw.c.  Design: docs/design/stw.md.
 */
#include "base/check.h"
#include "base/os.h"
#include "runtime/sched.h"
#include "runtime/suspend.h"

/* A fault for tests/stress/rt_suspend.c, as in signal.c. */
#ifndef TRI_BREAK_BLOCKED
#    define TRI_BREAK_BLOCKED 0 /* blocked threads get the signal, too */
#endif

static bool
claim(struct tri_m *m)
{
    uint32_t free = TRI_CLAIM_FREE;
    /* Acquire pairs with the release in unclaim. */
    return tri_cas_acquire(&m->claim, &free, TRI_CLAIM_HELD);
}

/* The claim's holder asks m to stop, on behalf of `wait`, which counts on its answer
 * already.  False: it is blocked, and stopped by that. */
static bool
ask(struct tri_m *m, struct tri_stop_wait *wait)
{
    m->waiter = wait;
    for (;;) {
        uint32_t state = TRI_M_BLOCKED;
        if (tri_cas(&m->state, &state, TRI_M_BSTOP)) {
            tri_stop_count_down(wait);
            tri_san_acquire(m);
            if (TRI_BREAK_BLOCKED && tri_load_relaxed(&m->tid) != 0)
                tri_signal_send(m);
            return false;
        }
        if (state == TRI_M_RUN && tri_cas(&m->state, &state, TRI_M_REQ)) {
            tri_san_acquire(m); /* its tid, at least */
            tri_signal_send(m);
            return true;
        }
        TRI_CHECK(state == TRI_M_RUN || state == TRI_M_BLOCKED,
                  "M-1: thread %d is in state %u without a claim",
                  tri_load_relaxed(&m->tid), state); /* a message */
    }
}

static void
unclaim(struct tri_m *m)
{
    uint32_t claimed = TRI_CLAIM_HELD;
    /* Release pairs with the acquire in claim; acquire with the release of
     * TRI_CLAIM_INHERITED: the heir. */
    if (tri_cas(&m->claim, &claimed, TRI_CLAIM_FREE))
        return;
    TRI_DCHECK(claimed == TRI_CLAIM_INHERITED, "M-1: thread %d's claim is %u",
               tri_load_relaxed(&m->tid), claimed); /* a message */
    /* Release pairs with the acquire in tri_m_inherited: the heir is the holder. */
    tri_store_release(&m->claim, TRI_CLAIM_HELD);
    (void)ask(m, m->heir);
}

bool
tri_m_inherited(struct tri_m *m)
{
    return tri_load_acquire(&m->claim) == TRI_CLAIM_HELD;
}

void
tri_m_request(struct tri_m *m, struct tri_stop_wait *wait)
{
    tri_add(&wait->remaining, 1);
    for (;;) {
        if (claim(m)) {
            (void)ask(m, wait);
            return;
        }
        m->heir = wait;
        uint32_t claimed = TRI_CLAIM_HELD;
        if (tri_cas(&m->claim, &claimed, TRI_CLAIM_INHERITED))
            return;
    }
}

bool
tri_stop_wait_all(struct tri_stop_wait *wait, int64_t timeout_ns)
{
    uint64_t begin = tri_ticks();
    do {
        if ((tri_load(&wait->remaining) & ~TRI_STOP_SLEEPER) == 0)
            return true;
        tri_cpu_relax();
    } while (tri_ticks() - begin < TRI_SPIN_TICKS);
    uint32_t left = tri_load(&wait->remaining);
    while ((left & ~TRI_STOP_SLEEPER) != 0) {
        if ((left & TRI_STOP_SLEEPER) == 0
            && !tri_cas(&wait->remaining, &left, left | TRI_STOP_SLEEPER))
            continue;
        tri_futex_wait(&wait->remaining, left | TRI_STOP_SLEEPER, timeout_ns);
        left = tri_load(&wait->remaining);
        if (timeout_ns >= 0)
            break;
    }
    return (left & ~TRI_STOP_SLEEPER) == 0;
}

void
tri_m_nudge(struct tri_m *m)
{
    if (TRI_TSAN && tri_m_asked(m))
        tri_signal_send(m);
}

void
tri_m_release(struct tri_m *m)
{
    tri_san_release(m);
    uint32_t state = TRI_M_BSTOP;
    if (!tri_cas(&m->state, &state, TRI_M_BLOCKED)
        && tri_swap(&m->state, TRI_M_RUN) == TRI_M_ASLEEP)
        tri_futex_wake(&m->state, 1);
    unclaim(m);
}

void
tri_m_release_without_p(struct tri_m *m)
{
    tri_san_release(m);
    uint32_t state = TRI_M_BSTOP;
    if (!tri_cas(&m->state, &state, TRI_M_BLOCKED)
        && tri_swap(&m->state, TRI_M_BLOCKED) == TRI_M_ASLEEP)
        tri_futex_wake(&m->state, 1);
    unclaim(m);
}

bool
tri_m_stop_one(struct tri_m *m)
{
    /* Under TSan most signals may find the thread in the sanitizer (SIG-5). */
    enum {
        PATIENCE = TRI_TSAN ? 1000 : 40,
        SLICE_NS = TRI_TSAN ? 20000 : 50000
    };
    struct tri_m *self = tri_local_m();
    TRI_DCHECK(tri_critical_depth() > 0, "M-2: a claim outside a section");
    if (m == self || !claim(m))
        return false;
    struct tri_stop_wait *wait = &self->wait;
    tri_store(&wait->remaining, 1);
    if (!ask(m, wait))
        return true;
    for (int i = 0;; i++) {
        if (tri_stop_wait_all(wait, SLICE_NS))
            break;
        tri_m_nudge(m);
        if (!tri_m_asked(self) && i < PATIENCE)
            continue;
        uint32_t state = TRI_M_REQ;
        if (tri_cas(&m->state, &state, TRI_M_RUN)) {
            tri_straggler_given_up(m);
            unclaim(m);
            return false;
        }
        /* It answered just now; its decrement may still be on the way. */
        tri_stop_wait_all(wait, -1);
        break;
    }
    tri_san_acquire(m);
    return true;
}
