/* SPDX-License-Identifier: MIT */
/*
 * runtime/suspend.c: the thread's half of its state word (m.h): it answers who asks
 * it to stop, sleeps and goes on.  The other half is claim.c.  Design:
 * docs/design/stw.md.
 *
 * It also runs in the signal handler, on top of any code of the program: so raw
 * system calls only, nothing that touches errno, and no sanitizer instrumentation,
 * whose own locks the interrupted code may hold.
 */
#include <linux/futex.h>
#include <signal.h>

#include "base/check.h"
#include "base/option.h"
#include "base/os.h"
#include "base/syscall.h"
#include "runtime/sched.h"
#include "runtime/suspend.h"

/* A fault for tests/stress/rt_suspend.c, as in signal.c. */
#ifndef TRI_BREAK_HONOUR
#    define TRI_BREAK_HONOUR                                                   \
        0 /* a section's exit forgets the request (CRIT-3) */
#endif

/* Named in asm alone, which link-time optimisation does not read: without the
 * attributes it takes the variable for unused, or gives it another name. */
#if defined(__clang__)
#    define FOR_ASM __attribute__((used))
#else
#    define FOR_ASM __attribute__((used, externally_visible))
#endif

TRI_API __thread struct tri_local tri_local_state FOR_ASM
    __attribute__((tls_model("initial-exec"))) = { .cache = &tri_cache_none };
TRI_API struct tri_pcache tri_cache_none;
TRI_API const char TRI_CRIT_KIND = 1;

/* Not instrumented itself: its local would be poisoned in a caller that is not
 * instrumented, and so never unpoisoned. */
static inline __attribute__((always_inline, no_sanitize("address", "thread",
                                                        "undefined"))) void
futex_sleep(TRI_ATOMIC(uint32_t) *word, uint32_t expected, int64_t timeout_ns)
{
    struct timespec limit = { timeout_ns / 1000000000,
                              timeout_ns % 1000000000 };
    tri_syscall6(SYS_futex, (long)(uintptr_t)word, FUTEX_WAIT_PRIVATE,
                 (long)expected, timeout_ns < 0 ? 0 : (long)(uintptr_t)&limit,
                 0, 0);
}

static inline __attribute__((always_inline)) void
acknowledge(struct tri_m *m)
{
    struct tri_stop_wait *wait = m->waiter;
    /* Relaxed: read after the count has reached 0. */
    tri_store_relaxed(&wait->last_tid, tri_load_relaxed(&m->tid));
    tri_stop_count_down(wait);
}

/* Until the state is no longer STOPPED or ASLEEP; returns what it became. */
static inline __attribute__((always_inline)) uint32_t
stay_stopped(struct tri_m *m)
{
    uint64_t begin = tri_ticks();
    do {
        /* Acquire pairs with the release of who lets us go on. */
        uint32_t state = tri_load_acquire(&m->state);
        if (state != TRI_M_STOPPED)
            return state;
        tri_cpu_relax();
    } while (tri_ticks() - begin < TRI_SPIN_TICKS);
    uint32_t state = TRI_M_STOPPED;
    if (!tri_cas(&m->state, &state, TRI_M_ASLEEP))
        return state;
    while ((state = tri_load_acquire(&m->state)) == TRI_M_ASLEEP)
        futex_sleep(&m->state, TRI_M_ASLEEP, -1);
    return state;
}

TRI_NO_SANITIZE bool
tri_m_sleep(struct tri_m *m, int64_t timeout_ns)
{
    /* Acquire pairs with the release in tri_m_wake. */
    if (tri_load_acquire(&m->note) == 0)
        futex_sleep(&m->note, 0, timeout_ns);
    return tri_swap(&m->note, 0) != 0;
}

void
tri_m_wake(struct tri_m *m)
{
    /* The sleeper acquires it when it runs (tri_m_unblock, or its next
     * section). */
    tri_san_release(m);
    if (tri_swap(&m->note, 1) == 0)
        tri_futex_rouse(&m->note);
}

static inline __attribute__((always_inline)) void
enter_blocked(struct tri_m *m)
{
    for (;;) {
        uint32_t state = TRI_M_RUN;
        /* Release (M-3). */
        if (tri_cas(&m->state, &state, TRI_M_BLOCKED))
            return;
        if (state == TRI_M_REQ && tri_cas(&m->state, &state, TRI_M_BSTOP)) {
            acknowledge(m);
            return;
        }
    }
}

/* BLOCKED -> RUN, when no stop is on. */
static inline __attribute__((always_inline)) void
leave_blocked(struct tri_m *m)
{
    for (;;) {
        uint32_t state = TRI_M_BLOCKED;
        if (tri_cas(&m->state, &state, TRI_M_RUN))
            return;
        if (state == TRI_M_BSTOP && tri_cas(&m->state, &state, TRI_M_ASLEEP)) {
            while ((state = tri_load_acquire(&m->state)) == TRI_M_ASLEEP)
                futex_sleep(&m->state, TRI_M_ASLEEP, -1);
        }
        if (state == TRI_M_RUN || state == TRI_M_REQ)
            return;
    }
}

/* In the state RUN, so nobody else touches either. */
static inline __attribute__((always_inline)) void
point_cache(struct tri_m *m)
{
    /* Relaxed: ours. */
    struct tri_p *p = tri_load_relaxed(&m->p);
    /* Relaxed: written with us stopped. */
    bool slow = p == NULL || tri_load_relaxed(&p->diverted) != 0;
    /* Relaxed: our own. */
    tri_load_relaxed(&m->local)->cache = slow ? &tri_cache_none : p->cache;
}

static TRI_NO_SANITIZE void
come_back(struct tri_m *m, bool want_p)
{
    for (;;) {
        if (want_p)
            while (!tri_m_sleep(m, -1))
                ;
        leave_blocked(m);
        /* Acquire pairs with the release in tri_p_install: the wake-up may have
         * been a stale one.  A stop meanwhile may have taken it. */
        if (!want_p || tri_load_acquire(&m->p) != NULL)
            break;
        enter_blocked(m);
    }
    point_cache(m);
}

void
tri_m_block(struct tri_m *m)
{
    tri_san_release(m);
    enter_blocked(m);
}

void
tri_m_unblock(struct tri_m *m, bool want_p)
{
    /* Relaxed: our own. */
    TRI_DCHECK(tri_load_relaxed(&m->tid) != 0,
               "M-5: a thread runs that no signal can be sent to");
    TRI_DCHECK(tri_critical_depth() > 0,
               "SCHED-4: thread %d comes back outside of a section",
               tri_load_relaxed(&m->tid)); /* a message */
    tri_san_release(m);
    come_back(m, want_p);
    tri_san_acquire(m);
    if (TRI_UNLIKELY(tri_debug.gccheckmark != 0))
        tri_context_forget();
}

TRI_NO_SANITIZE void
tri_m_answer(struct tri_m *m)
{
    /* A second stop may be asked before we have left: answer it here, its
     * signal will find nothing. */
    do {
        uint32_t state = TRI_M_REQ;
        /* Succeeds once per request: one answer each.  Release: M-3. */
        if (!tri_cas(&m->state, &state, TRI_M_STOPPED))
            return;
        /* Relaxed: one writer. */
        tri_store_relaxed(&m->stop_count, tri_load_relaxed(&m->stop_count) + 1);
        acknowledge(m);
        state = stay_stopped(m);
        if (state == TRI_M_BLOCKED || state == TRI_M_BSTOP)
            come_back(m, true); /* our P was taken */
    } while (tri_load_relaxed(&m->state) == TRI_M_REQ);
}

/*
 * The request's bit goes first: if the handler sets it once more while we
 * clear it, the word that made it do so is REQ already, and we see that.
 */
void
tri_m_safe_point(struct tri_m *m)
{
    struct tri_local *local = tri_local_get();
#if TRI_CRIT_ASM
    *(volatile uint32_t *)&local->crit = local->crit & ~TRI_CRIT_ASKED;
#else
    *(volatile uint32_t *)&local->pending = 0;
#endif
    if (!tri_m_asked(m))
        return;
    m->uc = NULL;
    m->may_lose_p = 1;
    tri_san_release(m);
    tri_m_answer(m);
    tri_san_acquire(m);
    m->may_lose_p = 0;
    point_cache(m);
}

/*
 * The last section's exit with a stop asked inside (CRIT-3).  A plain call, so
 * the caller's live values are on the stack or in callee-saved registers, which
 * unwind_init spills into this frame.
 *
 * It answers in a section of its own (CRIT-4).  That one's request is dropped as
 * in tri_m_safe_point: the word says whether there is one.
 */
TRI_API TRI_NO_SANITIZE void
tri_critical_honour(void)
{
    struct tri_local *local = tri_local_get();
#if TRI_CRIT_ASM
    if ((*(volatile uint32_t *)&local->crit & ~TRI_CRIT_ASKED) != 0)
        return; /* only an inner section ended */
#endif
    struct tri_m *m = local->m;
    if (m != NULL)
        __builtin_unwind_init();
    do {
        *(volatile uint32_t *)&local->crit = 1;
#if !TRI_CRIT_ASM
        *(volatile uint32_t *)&local->pending = 0;
#endif
        if (m != NULL && tri_m_asked(m) && !TRI_BREAK_HONOUR) {
            m->uc = NULL;
            m->stopped_sp = tri_context_sp();
            tri_m_note_place(m);
            tri_m_answer(m);
        }
        *(volatile uint32_t *)&local->crit = 0;
    } while (m != NULL && tri_m_asked(m) && !TRI_BREAK_HONOUR);
    if (TRI_UNLIKELY(tri_debug.gccheckmark != 0))
        tri_context_forget();
}

#if TRI_TSAN
/* TSan cannot see the word (TRI_NO_SANITIZE); these make a stop and a start of
 * this thread visible to it. */
TRI_API void
tri_critical_tsan_enter(void)
{
    struct tri_m *m = tri_local_m();
    if (m != NULL)
        tri_san_acquire(m);
}

TRI_API void
tri_critical_tsan_leave(void)
{
    struct tri_m *m = tri_local_m();
    if (m != NULL)
        tri_san_release(m);
}
#endif
