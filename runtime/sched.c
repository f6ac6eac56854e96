/* SPDX-License-Identifier: MIT */
/*
 * runtime/sched.c: the loop of an M: find a goroutine, run it, find the next.
 * Design: docs/design/scheduler.md.
 *
 * Where work is looked for, in this order (T-010):
 *   1. timers of its P that are due, cleanups that wait for a runner
 *   2. in turns with 4 and 5: a thread that wants a P gets ours
 *   3. a mark worker the collector wants here
 *   4. every 61st time the global queue, so that it never starves
 *   5. runnext, the local queue, the global queue; runnext last after a slice,
 *      or when it went first for long (SCHED-8)
 *   6. files that are ready, if goroutines wait for some (poll.h)
 *   7. a thread that wants a P
 *   8. others' queues, and timers, if not too many steal already (spinning)
 *   9. a mark worker with nothing better to do
 * Then the P goes idle, every source is looked at once more (SCHED-2), and the
 * M sleeps; one of them in epoll_wait, one until the next timer (TIMER-3).
 *
 * Relaxed: an M's `p` and `g` and the `m` of those two are its own thread's business
 * (p.c).  `preempt` is a hint: who misses it meets it at his next decision.
 */
#include "base/check.h"
#include "base/option.h"
#include "base/os.h"
#include "base/sanitize.h"
#include "gc/gc.h"
#include "runtime/defer.h"
#include "runtime/poll.h"
#include "runtime/queue.h"
#include "trace/trace.h"

struct tri_sched tri_sched = { .lock = TRI_LOCK_INIT(SCHED),
                               .watched_ns = INT64_MAX };

#define GROUP_IS_ONE_LINE(first, next)                                         \
    _Static_assert(offsetof(struct tri_sched, next)                            \
                           - offsetof(struct tri_sched, first)                 \
                       == sizeof(struct line),                                 \
                   "SCHED-9: a group is no line any more")
struct line {
    TRI_CACHE_ALIGNED char byte;
};
GROUP_IS_ONE_LINE(lock, queue_count);
GROUP_IS_ONE_LINE(queue_count, spinning);
GROUP_IS_ONE_LINE(spinning, next_goid);

void
tri_sched_init(int procs)
{
    tri_store(&tri_sched.next_goid, 1);
    tri_lock(&tri_sched.lock);
    for (int i = procs - 1; i >= 0; i--) {
        tri_sched.p[i] = tri_p_new(i);
        TRI_CHECK(tri_sched.p[i] != NULL, "no memory for %d Ps", procs);
        tri_p_put_idle_locked(tri_sched.p[i]);
    }
    tri_store(&tri_sched.p_count, procs);
    tri_unlock(&tri_sched.lock);
}

int64_t
tri_sched_live_count(void)
{
    tri_enter(); /* a thread of ours sees no P retired in between */
    int64_t count = tri_load(&tri_sched.live_count);
    int32_t ps = tri_sched_p_count(); /* PROC-3 */
    for (int32_t i = 0; i < ps; i++)
        count += tri_load(&tri_sched.p[i]->live);
    tri_leave();
    return count < 0 ? 0 : count;
}

/* ---- the decision --------------------------------------------------------- */

static void
stop_spinning(struct tri_m *m)
{
    if (m->spinning == 0)
        return;
    m->spinning = 0;
    if (tri_sub(&tri_sched.spinning, 1) == 1)
        tri_sched_wake(); /* SCHED-3 */
}

/* TIMER-3, before something is run that may last. */
static inline void
see_to_timers(struct tri_m *m, struct tri_p *p)
{
    if (TRI_UNLIKELY(m->left_watch != 0 || tri_p_has_timers(p)))
        tri_timers_see_to(m, p);
}

/* Marking is on. */
static bool
run_worker(struct tri_m *m, struct tri_p *p, bool idle)
{
    enum tri_worker_mode mode = tri_gc_worker_wanted(p->gc, idle);
    if (mode == TRI_WORKER_NONE)
        return false;
    stop_spinning(m);
    see_to_timers(m, p);
    p->queue_turn = 0; /* it yields to those who want a P: they are next */
    p->worker_idle = mode == TRI_WORKER_IDLE;
    tri_p_begin_slice(p);
    tri_gc_worker_run(p->gc, mode);
    tri_p_begin_slice(p); /* whoever is next inherits none from it */
    p->worker_idle = 0;
    tri_leave();
    tri_gc_worker_after();
    tri_enter();
    return true;
}

/* The next goroutine; NULL: look again, perhaps without a P by now. */
static struct tri_g *
find_work(struct tri_m *m, struct tri_p *p)
{
    p->global_streak++;
    /* Looked at first: it is sysmon's line as well. */
    if (TRI_UNLIKELY(tri_load_relaxed(&p->preempt) != 0)) {
        tri_store_relaxed(&p->preempt, 0);
        tri_sched_queues_first(p);
    }
    if (TRI_UNLIKELY(!tri_p_is_told(m, p)))
        tri_p_tell_start(m, p);
    uint64_t calls = tri_load(&tri_sched.worker_calls);
    /* First: what timers queue here without a wake-up is not given away with p. */
    bool wanted = tri_load(&tri_sched.want_count) != 0;
    if (tri_p_has_timers(p))
        tri_timers_run(p);
    tri_gc_poll_cleanups();
    if (wanted && p->queue_turn == 0) {
        p->queue_turn = 1;
        if (tri_m_give_to_wanting(m))
            return NULL;
    }
    if (TRI_UNLIKELY(tri_gc_active()) && run_worker(m, p, false))
        return NULL;
    struct tri_g *g = NULL;
    if (p->global_streak >= TRI_GLOBAL_EVERY) {
        p->global_streak = 0;
        g = tri_sched_take_global(p, 1);
        if (g != NULL)
            tri_p_begin_slice(p);
    }
    if (g == NULL)
        g = tri_sched_take_local(p);
    if (g == NULL)
        g = tri_sched_take_global(p, TRI_GLOBAL_BATCH);
    if (g == NULL && tri_poll_unattended() && tri_poll_now())
        g = tri_sched_take_local(p);
    if (g != NULL) {
        p->queue_turn = 0;
        return g;
    }
    if (wanted && tri_m_give_to_wanting(m))
        return NULL;
    uint32_t busy =
        (uint32_t)tri_sched_p_count() - tri_load(&tri_sched.idle_p_count);
    if (m->spinning != 0 || 2 * tri_load(&tri_sched.spinning) < busy) {
        if (m->spinning == 0) {
            m->spinning = 1;
            tri_add(&tri_sched.spinning, 1);
        }
        g = tri_sched_steal(p);
        if (g != NULL)
            return g;
    }
    if (TRI_UNLIKELY(tri_gc_active()) && run_worker(m, p, true))
        return NULL;
    if (!tri_m_go_idle(m, calls) && !tri_poll_rest(m))
        tri_m_sleep_idle(m);
    return NULL;
}

/* ---- running -------------------------------------------------------------- */

/* G-2. */
static void
make_running(struct tri_g *g)
{
    for (;;) {
        /* Acquire pairs with the release of who made it runnable, and of a
         * scanner that takes its bit away. */
        uint32_t state = tri_load_acquire(&g->state);
        TRI_CHECK((state & ~TRI_G_SCAN) == TRI_G_RUNNABLE,
                  "G-2: goroutine %llu to be run is in state 0x%x",
                  (unsigned long long)g->id, state);
        if (TRI_LIKELY(!tri_gc_active())) {
            /* Relaxed: G-4; that it runs is published by what it does. */
            tri_store_relaxed(&g->state, TRI_G_RUNNING);
            return;
        }
        state = TRI_G_RUNNABLE;
        if (tri_cas_acq_rel(&g->state, &state, TRI_G_RUNNING))
            return;
        tri_cpu_relax();
    }
}

static void
switch_to(struct tri_m *m, struct tri_g *g)
{
    make_running(g);
    if (TRI_UNLIKELY(g->sp == NULL))
        tri_g_begin(g);
    struct tri_local *local = tri_local_get();
    g->idle_scans = 0;
    tri_store_relaxed(&m->g, g);
    tri_store_relaxed(&g->m, m);
    local->g = g;
    tri_trace_goroutine_run_begin(g->id, tri_load_relaxed(&m->p)->index);
    tri_san_leave(&m->san, &g->san, 0);
    tri_context_enter(&m->sched_sp, g->sp);
    tri_san_arrive(&m->san);
    local->g = NULL;
    tri_store_relaxed(&g->m, NULL);
    tri_store_relaxed(&m->g, NULL);
}

/* g has switched off, wanting to be in state m->off_to.  Returns a goroutine to
 * run at once, or NULL. */
static struct tri_g *
settle(struct tri_m *m, struct tri_g *g)
{
    static const uint8_t traced[] = { TRI_TRACE_G_DEAD, TRI_TRACE_G_RUNNABLE,
                                      TRI_TRACE_G_RUNNABLE,
                                      TRI_TRACE_G_WAITING };
    struct tri_p *p = tri_load_relaxed(&m->p);
    tri_trace_goroutine_run_end(g->id, p->index, traced[m->off_to]);
    /* Release: G-1. */
    tri_store_release(&g->state, m->off_to);
    if (m->off_to == TRI_G_DEAD) {
        tri_trace_goroutine_end(g->id, p->index);
        tri_g_free(p, g);
    } else if (m->off_to == TRI_G_RUNNABLE) {
        tri_sched_put_behind(p, g);
    } else if (g->commit != NULL && !g->commit(g, g->commit_arg)) {
        tri_g_make_runnable(g);
        return g;
    }
    return NULL;
}

TRI_NORETURN void
tri_sched_loop(struct tri_m *m)
{
    tri_context_default_modes();
    for (;;) {
        if (TRI_UNLIKELY(tri_m_asked(m)))
            tri_m_safe_point(m);
        struct tri_p *p = tri_load_relaxed(&m->p);
        if (p == NULL) {
            stop_spinning(m);
            tri_m_sleep_idle(m);
            continue;
        }
        struct tri_g *g = find_work(m, p);
        /* SCHED-7: g stays runnable, in no queue.  Relaxed: who was made ready by
         * somebody that knew of main's end came out of the queue (acquire) with
         * that knowledge; anybody else may as well have been switched to before. */
        if (g == NULL || TRI_UNLIKELY(tri_load_relaxed(&tri_sched.ending) != 0))
            continue;
        stop_spinning(m);
        see_to_timers(m, p);
        do {
            switch_to(m, g);
            g = settle(m, g);
        } while (g != NULL);
    }
}

bool
tri_host_should_yield(void)
{
    struct tri_m *m = tri_local_m();
    struct tri_p *p = tri_load_relaxed(&m->p);
    if (tri_m_asked(m))
        return true;
    if (p == NULL)
        return false;
    if (p->worker_idle != 0
        && (tri_p_has_work(p) || tri_load(&tri_sched.queue_count) != 0
            || tri_load(&tri_sched.want_count) != 0))
        return true;
    /* Others wait: sysmon says so after a slice, or marking would never get
     * on among threads that want a P.  Relaxed: a hint. */
    return tri_load_relaxed(&p->preempt) != 0;
}
