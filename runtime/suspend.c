/* SPDX-License-Identifier: MIT */
/*
 * runtime/suspend.c: one thread's state word (m.h): how it is asked to stop,
 * answers, sleeps and goes on.  Design: docs/design/stw.md.
 *
 * The thread's half also runs in the signal handler, on top of any code of the
 * program: so raw system calls only, nothing that touches errno, and no
 * sanitizer instrumentation, whose own locks the interrupted code may hold.
 *
 * Spinning is bounded by time, not by count: an iteration costs 1 to 60 ns
 * depending on the machine, and the stopper may share our core.
 */
#include <linux/futex.h>
#include <signal.h>

#include "base/check.h"
#include "base/option.h"
#include "base/os.h"
#include "base/syscall.h"
#include "runtime/sched.h"

/* Faults for tests/stress/rt_suspend.c, as in signal.c. */
#ifndef TRI_BREAK_HONOUR
#    define TRI_BREAK_HONOUR                                                   \
        0 /* a section's exit forgets the request (CRIT-3) */
#endif
#ifndef TRI_BREAK_BLOCKED
#    define TRI_BREAK_BLOCKED 0 /* blocked threads get the signal, too */
#endif

#if defined(__x86_64__)
#    define SPIN_TICKS 40000u /* 10 to 20 us */
#else
#    define SPIN_TICKS 400u
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

static inline __attribute__((always_inline)) uint64_t
ticks(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    uint64_t now;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(now));
    return now;
#endif
}

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
futex_rouse(TRI_ATOMIC(uint32_t) *word)
{
    tri_syscall3(SYS_futex, (long)(uintptr_t)word, FUTEX_WAKE_PRIVATE, 1);
}

/* ---- the thread's side ---------------------------------------------------- */

/* One answer less is owed.  The stopper is woken only if he sleeps. */
static inline __attribute__((always_inline)) void
count_down(struct tri_stop_wait *wait)
{
    /* Pairs with the load in tri_stop_wait_all: all this thread did before is
     * visible to the stopper. */
    if (tri_sub(&wait->remaining, 1) == (TRI_STOP_SLEEPER | 1))
        futex_rouse(&wait->remaining);
}

static inline __attribute__((always_inline)) void
acknowledge(struct tri_m *m)
{
    struct tri_stop_wait *wait = m->waiter;
    /* Relaxed: read after the count has reached 0. */
    tri_store_relaxed(&wait->last_tid, tri_load_relaxed(&m->tid));
    count_down(wait);
}

/* Until the state is no longer STOPPED or ASLEEP; returns what it became. */
static inline __attribute__((always_inline)) uint32_t
stay_stopped(struct tri_m *m)
{
    uint64_t begin = ticks();
    do {
        /* Acquire pairs with the release of who lets us go on. */
        uint32_t state = tri_load_acquire(&m->state);
        if (state != TRI_M_STOPPED)
            return state;
        tri_cpu_relax();
    } while (ticks() - begin < SPIN_TICKS);
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
        futex_rouse(&m->note);
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

/* ---- the stopper's side --------------------------------------------------- */

/* The words of `claim`. */
enum {
    FREE,
    CLAIMED,
    INHERITED /* and goes to the world's stopper, who counts on an answer (M-6) */
};

static bool
claim(struct tri_m *m)
{
    uint32_t free = FREE;
    /* Acquire pairs with the release in unclaim. */
    return tri_cas_acquire(&m->claim, &free, CLAIMED);
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
            count_down(wait);
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
    uint32_t claimed = CLAIMED;
    /* Release pairs with the acquire in claim; acquire with the release of
     * INHERITED: the heir. */
    if (tri_cas(&m->claim, &claimed, FREE))
        return;
    TRI_DCHECK(claimed == INHERITED, "M-1: thread %d's claim is %u",
               tri_load_relaxed(&m->tid), claimed); /* a message */
    /* Release pairs with the acquire in tri_m_inherited: the heir is the holder. */
    tri_store_release(&m->claim, CLAIMED);
    (void)ask(m, m->heir);
}

bool
tri_m_inherited(struct tri_m *m)
{
    return tri_load_acquire(&m->claim) == CLAIMED;
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
        uint32_t claimed = CLAIMED;
        if (tri_cas(&m->claim, &claimed, INHERITED))
            return;
    }
}

bool
tri_stop_wait_all(struct tri_stop_wait *wait, int64_t timeout_ns)
{
    uint64_t begin = ticks();
    do {
        if ((tri_load(&wait->remaining) & ~TRI_STOP_SLEEPER) == 0)
            return true;
        tri_cpu_relax();
    } while (ticks() - begin < SPIN_TICKS);
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
