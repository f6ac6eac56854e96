/* SPDX-License-Identifier: MIT */
/*
 * runtime/park.c: waiting and being made ready.
 *
 *   PARK-1  What lets others find the waiter (a queue's lock released, a timer
 *           set) happens in `commit`, which runs when its state is WAITING
 *           already; otherwise a wake-up comes before the sleep and is lost.
 *   PARK-2  Who made it findable may not touch the waiter's stack afterwards;
 *           otherwise he reads a frame that is gone: it may run on another
 *           thread before commit returns.
 *
 * Relaxed: the calling thread's own m->p and m->g.
 *
 * An attached thread's goroutine waits in place: its thread sleeps, its P goes
 * to others, and being made ready means being given a P.
 */
#include "base/check.h"
#include "base/option.h"
#include "gc/gc.h"
#include "runtime/sched.h"
#include "trace/trace.h"

/* Of the thread we are on: a compiler may keep &errno over a switch (TLS-1). */
static inline int
errno_get(void)
{
    return *(volatile int *)tri_local_get()->errno_at;
}

static inline void
errno_set(int value)
{
    *(volatile int *)tri_local_get()->errno_at = value;
}

void
tri_g_make_runnable(struct tri_g *g)
{
    uint32_t state = tri_load(&g->state);
    if (TRI_LIKELY(state == TRI_G_WAITING && !tri_gc_active())) {
        /* G-4.  Release pairs with the acquire of who runs it. */
        tri_store_release(&g->state, TRI_G_RUNNABLE);
        return;
    }
    do {
        TRI_CHECK((state & ~TRI_G_SCAN) == TRI_G_WAITING,
                  "goroutine %llu made ready in state 0x%x",
                  (unsigned long long)g->id, state);
    } while (
        !tri_cas(&g->state, &state, TRI_G_RUNNABLE | (state & TRI_G_SCAN)));
}

void
tri_ready(struct tri_g *g)
{
    TRI_DCHECK(tri_critical_depth() > 0, "ready outside a critical section");
    TRI_DCHECK(!tri_lock_holds_rank(TRI_RANK_CHAN),
               "CHAN-5: made ready under a channel's lock");
    tri_g_make_runnable(g);
    tri_trace_goroutine_ready(g->id, tri_host_proc_number(), tri_host_goid());
    if (g->bound != NULL)
        tri_m_want_p(g->bound);
    else
        tri_sched_put(g, true);
}

/* The thread of a bound goroutine sleeps itself. */
static void
park_bound(struct tri_m *m, struct tri_g *g,
           bool (*commit)(struct tri_g *g, void *arg), void *arg)
{
    /* Before commit: whoever makes us ready gives us another one. */
    struct tri_p *p = tri_p_uninstall(m);
    /* Release pairs with the CAS of who makes us ready, or reads the state to
     * scan us; so do those below. */
    tri_store_release(&g->state, TRI_G_WAITING);
    m->leaves_p = p;
    bool waits = commit == NULL || commit(g, arg);
    m->leaves_p = NULL;
    if (!waits) {
        tri_store_release(&g->state, TRI_G_RUNNING);
        tri_p_install(p, m);
        tri_p_point_cache(p);
        return;
    }
    tri_p_hand_off(p);
    p = tri_m_sleep_for_p(m);
    tri_store_release(&g->state, TRI_G_RUNNING);
    tri_p_arrived(p);
}

void
tri_park(bool (*commit)(struct tri_g *g, void *arg), void *arg,
         const char *reason)
{
    int saved = errno_get();
    tri_enter();
    struct tri_m *m = tri_local_m();
    struct tri_g *g = tri_load_relaxed(&m->g);
    g->wait_reason = reason;
    if (g->bound != NULL)
        park_bound(m, g, commit, arg);
    else
        tri_sched_switch(TRI_G_WAITING, commit, arg);
    tri_leave();
    errno_set(saved);
}

static bool
commit_unlock(struct tri_g *g, void *lock)
{
    (void)g;
    tri_unlock(lock);
    return true;
}

void
tri_park_unlock(struct tri_lock *lock, const char *reason)
{
    tri_park(commit_unlock, lock, reason);
}

/*
 * Nobody who could run instead: then a yield is a look at the queues and no
 * switch.  The scheduler is let in all the same when sysmon asks for it, and every
 * 61st time, since it does more than run goroutines.
 *
 * Relaxed, all of them, as no wake-up hangs on it.  What is in our own queue we put
 * there ourselves, and thieves only take from it; what others make visible they see
 * to themselves (SCHED-2), by an idle P or, with none idle, by ours at the next
 * decision, which comes after 61 yields at the latest, or a slice (sysmon).  So who is
 * missed just now is seen by a later yield.
 */
static bool
alone(struct tri_p *p)
{
    if (tri_load_relaxed(&p->runnext) != NULL || !tri_runq_empty(&p->runq)
        || tri_load_relaxed(&tri_sched.queue_count) != 0
        || tri_load_relaxed(&tri_sched.want_count) != 0
        || tri_load_relaxed(&p->timers.next_ns) != INT64_MAX
        || tri_load_relaxed(&p->preempt) != 0 || tri_gc_active()
        || tri_debug.schedfuzz != 0)
        return false;
    tri_p_begin_slice(p);
    return ++p->global_streak < TRI_GLOBAL_EVERY;
}

/* A bound goroutine gives its P up only if somebody waits for one. */
static void
yield_bound(struct tri_m *m)
{
    struct tri_p *p = tri_load_relaxed(&m->p);
    if (tri_load(&tri_sched.want_count) == 0
        && tri_load(&tri_sched.queue_count) == 0
        && tri_load(&p->runnext) == NULL && tri_runq_count(&p->runq) == 0)
        return;
    tri_p_uninstall(m);
    tri_lock(&tri_sched.lock);
    tri_m_want_p_locked(m);
    tri_unlock(&tri_sched.lock);
    tri_p_start(p);
    tri_p_arrived(tri_m_sleep_for_p(m));
}

TRI_API void
tri_yield(void)
{
    tri_check_caller("tri_yield");
    int saved = errno_get();
    tri_enter();
    struct tri_m *m = tri_local_m();
    struct tri_g *g = tri_load_relaxed(&m->g);
    if (g->bound != NULL)
        yield_bound(m);
    else if (!alone(tri_load_relaxed(&m->p)))
        tri_sched_switch(TRI_G_RUNNABLE, NULL, NULL);
    tri_leave();
    errno_set(saved);
}

void
tri_schedpoint_fuzz(void)
{
    tri_enter();
    struct tri_p *p = tri_current_p();
    bool now = p != NULL && tri_p_random(p) % 8 == 0;
    tri_leave();
    if (now)
        tri_yield();
}
