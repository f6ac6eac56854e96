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
 * Relaxed: an M's `p` and `g` and the `m` of those two are written by its own
 * thread, or by who took the P away from it while it was stopped or under the
 * scheduler's lock, and so are no news to them; whoever else looks takes it for a
 * hint until he has stopped the M.  `preempt` and `ending` are hints.
 *
 * Not otherwise: a queue of threads that want a P beside that of goroutines,
 * and not one queue with both, since a goroutine on its own thread (in a
 * blocking call, or preempted in place) can be run by that thread alone.
 */
#include "runtime/sched.h"
#include "base/check.h"
#include "base/option.h"
#include "base/os.h"
#include "base/persist.h"
#include "base/sanitize.h"
#include "gc/gc.h"
#include "runtime/bind.h"
#include "runtime/defer.h"
#include "runtime/poll.h"
#include "trace/trace.h"

#define RUNNEXT_LIMIT 16u /* decisions before the queue goes before runnext */
#define STEAL_ROUNDS  4
/* A hand-over's length; Go waits 3 us here. */
#define RUNNEXT_GRACE_NS 2000
#define BATCH            32u

struct tri_sched tri_sched = { .lock = TRI_LOCK_INIT(SCHED),
                               .watched_ns = INT64_MAX };

/* Counts tri_host_wake_workers: the idle re-check of the collector's work. */
static TRI_ATOMIC(uint64_t) worker_calls;

/* ---- who holds which P ---------------------------------------------------- */

struct tri_p *
tri_p_new(int index)
{
    struct tri_p *p = tri_persist_alloc(sizeof(*p), 64);
    if (p == NULL)
        return NULL;
    p->index = index;
    p->gc = tri_gc_p_new(index);
    if (p->gc == NULL)
        return NULL;
    p->cache = tri_gc_p_cache(p->gc);
    tri_store(&p->status, TRI_P_IDLE);
    tri_timers_init(&p->timers);
    p->random = (uint64_t)(index + 1) * UINT64_C(0x9e3779b97f4a7c15)
              + (uint64_t)tri_debug.schedfuzz;
    return p;
}

void
tri_p_install(struct tri_p *p, struct tri_m *m)
{
    TRI_DCHECK(tri_load(&p->m) == NULL, "P-1: P %d has a holder", p->index);
    TRI_DCHECK(tri_load(&m->p) == NULL, "P-1: thread %d has a P",
               tri_load_relaxed(&m->tid)); /* a message */
    /* Relaxed, all three: published by m->p below. */
    tri_store_relaxed(&p->m, m);
    tri_store_relaxed(&p->status, TRI_P_RUNNING);
    tri_p_begin_slice(p);
    /* A thread stopped in place gets it where TSan does not look. */
    tri_san_release(m);
    /* Last (P-3).  Release pairs with the acquire in tri_m_sleep_idle. */
    tri_store_release(&m->p, p);
}

struct tri_p *
tri_p_uninstall(struct tri_m *m)
{
    struct tri_p *p = tri_load_relaxed(&m->p);
    if (p == NULL)
        return NULL;
    if (m == tri_local_m())
        tri_local_get()->cache = &tri_cache_none;
    tri_store_relaxed(&m->p, NULL);
    tri_p_left(p);
    /* Release pairs with the looks at it without the lock (visit in stw.c,
     * sysmon.c): whoever finds it idle finds no holder. */
    tri_store_release(&p->status, TRI_P_IDLE);
    return p;
}

void
tri_p_left(struct tri_p *p)
{
    tri_store_relaxed(&p->m, NULL);
    if (p->seen_thread != 0)
        tri_trace_proc_stop(p->index, p->seen_thread);
    p->seen_thread = 0;
}

void
tri_p_put_idle_locked(struct tri_p *p)
{
    p->link = tri_sched.idle_p;
    tri_sched.idle_p = p;
    /* Sequentially consistent: SCHED-2. */
    tri_add(&tri_sched.idle_p_count, 1);
}

struct tri_p *
tri_p_take_idle_locked(void)
{
    struct tri_p *p = tri_sched.idle_p;
    if (p == NULL)
        return NULL;
    tri_sched.idle_p = p->link;
    tri_sub(&tri_sched.idle_p_count, 1);
    return p;
}

/* Told by the thread itself, and so at its next decision if it was given p while
 * it stood in the signal handler. */
static void
tell_start(struct tri_m *m, struct tri_p *p)
{
    /* Relaxed: our own. */
    uint32_t thread = (uint32_t)tri_load_relaxed(&m->tid);
    if (p->seen_thread == thread) {
        /* Relaxed: a look. */
        if (TRI_UNLIKELY(m->places != tri_load_relaxed(&tri_sched.places)))
            tri_bind_thread(m, p);
        return;
    }
    p->seen_thread = thread;
    tri_bind_thread(m, p);
    tri_trace_proc_start(p->index, thread);
}

void
tri_p_arrived(struct tri_p *p)
{
    tell_start(tri_local_m(), p);
    tri_gc_p_acquired(p->gc);
}

/* ---- those who want a P --------------------------------------------------- */

struct tri_m *
tri_m_take_wanting_locked(void)
{
    struct tri_m *m = tri_sched.want_head;
    if (m == NULL)
        return NULL;
    tri_sched.want_head = m->link;
    if (m->link == NULL)
        tri_sched.want_tail = NULL;
    m->link = NULL;
    tri_sub(&tri_sched.want_count, 1);
    return m;
}

void
tri_m_want_p_locked(struct tri_m *m)
{
    m->link = NULL;
    if (tri_sched.want_tail == NULL)
        tri_sched.want_head = m;
    else
        tri_sched.want_tail->link = m;
    tri_sched.want_tail = m;
    tri_add(&tri_sched.want_count, 1);
}

void
tri_m_want_p(struct tri_m *m)
{
    tri_lock(&tri_sched.lock);
    struct tri_p *p = tri_p_take_idle_locked();
    if (p != NULL)
        tri_p_install(p, m);
    else
        tri_m_want_p_locked(m);
    tri_unlock(&tri_sched.lock);
    if (p != NULL)
        tri_m_wake(m);
}

/* Gives this M's P to a thread that wants one.  False: nobody does. */
static bool
give_to_wanting(struct tri_m *m)
{
    tri_lock(&tri_sched.lock);
    struct tri_m *wanting = tri_m_take_wanting_locked();
    if (wanting != NULL)
        tri_p_install(tri_p_uninstall(m), wanting);
    tri_unlock(&tri_sched.lock);
    if (wanting != NULL)
        tri_m_wake(wanting);
    return wanting != NULL;
}

/* ---- starting Ms ---------------------------------------------------------- */

/*
 * An idle M gets p, and the caller rouses it.  Without one, a thread is asked for
 * and p stays idle until it is born or somebody wants it (BORN-3); NULL: enough
 * are on their way.  `spinning`: the caller counted the M so; a newborn does not
 * count, since nobody may rely on its coming soon.
 */
static struct tri_m *
start_locked(struct tri_p *p, bool spinning)
{
    struct tri_m *m = tri_sched.idle_m;
    if (m != NULL) {
        tri_sched.idle_m = m->link;
        m->listed = 0;
        m->link = NULL;
        m->spinning = spinning;
        tri_p_install(p, m);
        return m;
    }
    tri_p_put_idle_locked(p);
    if (spinning)
        tri_sub(&tri_sched.spinning, 1);
    if (tri_load(&tri_sched.births) >= tri_load(&tri_sched.idle_p_count))
        return NULL;
    m = tri_m_new();
    TRI_CHECK(m != NULL, "more than %d threads", TRI_M_MAX);
    tri_add(&tri_sched.births, 1);
    tri_store(&tri_sched.birth_ns, tri_os_now_ns());
    return m;
}

/* NULL: nothing to do. */
static void
rouse(struct tri_m *m)
{
    if (m == NULL)
        return;
    if (m->newborn == 0) {
        tri_m_wake(m);
        return;
    }
    tri_m_start_thread(m);
    tri_sysmon_poke(); /* it looks after the idle P */
}

void
tri_sched_born(struct tri_m *m)
{
    m->may_lose_p = 0;
    tri_lock(&tri_sched.lock);
    tri_sub(&tri_sched.births, 1);
    tri_store(&tri_sched.birth_ns, tri_os_now_ns());
    struct tri_p *p = tri_p_take_idle_locked();
    if (p != NULL)
        tri_p_install(p, m);
    tri_unlock(&tri_sched.lock);
    if (p != NULL) {
        tri_p_point_cache(p);
        tri_p_arrived(p);
    }
}

bool
tri_sched_serve_wanting(int64_t now_ns)
{
    if (tri_load(&tri_sched.want_count) == 0
        || tri_load(&tri_sched.idle_p_count) == 0
        || (tri_load(&tri_sched.births) != 0
            && now_ns - tri_load(&tri_sched.birth_ns) < TRI_BIRTH_PATIENCE_NS))
        return false;
    tri_lock(&tri_sched.lock);
    struct tri_m *m = NULL;
    if (tri_sched.idle_p != NULL && (m = tri_m_take_wanting_locked()) != NULL)
        tri_p_install(tri_p_take_idle_locked(), m);
    tri_unlock(&tri_sched.lock);
    if (m != NULL)
        tri_m_wake(m);
    return m != NULL;
}

void
tri_sched_wake(void)
{
    /* Sequentially consistent loads: SCHED-2. */
    if (tri_load(&tri_sched.idle_p_count) == 0)
        return;
    uint32_t none = 0;
    if (tri_load(&tri_sched.spinning) != 0
        || !tri_cas(&tri_sched.spinning, &none, 1))
        return;
    struct tri_m *m = NULL;
    tri_lock(&tri_sched.lock);
    struct tri_p *p = tri_p_take_idle_locked();
    if (p != NULL)
        m = start_locked(p, true);
    else
        tri_sub(&tri_sched.spinning, 1);
    tri_unlock(&tri_sched.lock);
    rouse(m);
}

static bool
p_has_work(struct tri_p *p)
{
    return tri_load(&p->runnext) != NULL || tri_runq_count(&p->runq) != 0;
}

/* For others than p: not the one for which it woke nobody (SCHED-5). */
static bool
p_has_work_for_others(struct tri_p *p)
{
    return tri_runq_count(&p->runq) != 0
        || (tri_load(&p->runnext) != NULL && tri_load(&p->defers) == 0);
}

/* Anything a P could do, after one went idle. */
static bool
work_anywhere(uint64_t calls_before)
{
    if (tri_load(&tri_sched.queue_count) != 0
        || tri_load(&worker_calls) != calls_before || tri_timers_due())
        return true;
    for (int32_t i = 0; i < tri_sched_p_count(); i++)
        if (p_has_work_for_others(tri_sched.p[i]))
            return true;
    return false;
}

void
tri_p_hand_off(struct tri_p *p)
{
    /* POLL-5: nobody else may come by to poll. */
    bool work = p_has_work(p) || tri_timers_due()
             || tri_gc_phase() == TRI_GC_MARK || tri_poll_unattended();
    bool idle = false;
    uint64_t calls = tri_load(&worker_calls);
    struct tri_m *m = NULL;
    struct tri_m *wanting = NULL;
    tri_lock(&tri_sched.lock);
    work = work || tri_load(&tri_sched.queue_count) != 0;
    /* In turns, as in find_work, which ends the queues' turn. */
    if (!work || p->queue_turn == 0)
        wanting = tri_m_take_wanting_locked();
    uint32_t none = 0;
    if (wanting != NULL) {
        p->queue_turn = 1;
        tri_p_install(p, wanting);
    } else if (work)
        m = start_locked(p, false);
    else if (tri_load(&tri_sched.idle_p_count) == 0
             && tri_cas(&tri_sched.spinning, &none, 1))
        m = start_locked(p, true);
    else
        idle = true;
    if (idle)
        tri_p_put_idle_locked(p);
    tri_unlock(&tri_sched.lock);
    if (wanting != NULL)
        tri_m_wake(wanting);
    rouse(m);
    /* SCHED-2: who made work visible since we looked saw no idle P; and who spun
     * then may have found other work, or looked too early.  TIMER-3, whoever has
     * p now: he sees to its own times only, if he is a scheduler, and what its last
     * holder set may be elsewhere. */
    if (tri_timers_unwatched(tri_timers_next())
        || (idle && (work_anywhere(calls) || tri_poll_unattended())))
        tri_sched_wake();
}

void
tri_p_start(struct tri_p *p)
{
    tri_lock(&tri_sched.lock);
    struct tri_m *m = start_locked(p, false);
    tri_unlock(&tri_sched.lock);
    rouse(m);
}

void
tri_host_wake_workers(void)
{
    tri_enter();
    tri_add(&worker_calls, 1);
    /* Sequentially consistent loads: SCHED-2. */
    while (tri_load(&tri_sched.idle_p_count) != 0) {
        tri_lock(&tri_sched.lock);
        struct tri_p *p = tri_p_take_idle_locked();
        struct tri_m *m = p == NULL ? NULL : start_locked(p, false);
        tri_unlock(&tri_sched.lock);
        if (m == NULL)
            break;
        rouse(m);
    }
    tri_leave();
}

/* ---- queues --------------------------------------------------------------- */

static void
append_locked(struct tri_g *first, struct tri_g *last, uint32_t count)
{
    last->link = NULL;
    if (tri_sched.queue_tail == NULL)
        tri_sched.queue_head = first;
    else
        tri_sched.queue_tail->link = first;
    tri_sched.queue_tail = last;
    tri_add(&tri_sched.queue_count, count);
}

void
tri_sched_put_global_locked(struct tri_g *g)
{
    append_locked(g, g, 1);
}

void
tri_sched_put_global(struct tri_g *g)
{
    tri_lock(&tri_sched.lock);
    append_locked(g, g, 1);
    tri_unlock(&tri_sched.lock);
}

/* The local queue is full: half of it and g go to the global one. */
static void
overflow(struct tri_p *p, struct tri_g *g)
{
    struct tri_g *first = g;
    struct tri_g *last = g;
    uint32_t count = 1;
    while (count <= TRI_RUNQ_SLOTS / 2) {
        struct tri_g *next = tri_runq_take(&p->runq);
        if (next == NULL)
            break;
        next->link = first;
        first = next;
        count++;
    }
    tri_lock(&tri_sched.lock);
    append_locked(first, last, count);
    tri_unlock(&tri_sched.lock);
}

/* True: it is the only one that waits here. */
static bool
put_local(struct tri_p *p, struct tri_g *g, bool next)
{
    bool placed;
    bool only = false;
    if (tri_debug.schedfuzz != 0)
        next = next && tri_p_random(p) % 2 == 0;
    if (next) {
        /* The one that was next goes to the queue's end.  Both are followed by
         * the look for an idle P, and so sequentially consistent (SCHED-2): the
         * swap for the one that is next now; the put for the other, the only one
         * of the two that is there for others while p defers. */
        g = tri_swap(&p->runnext, g);
        placed = g == NULL || tri_runq_put_seen(&p->runq, g);
        only = g == NULL && tri_runq_empty(&p->runq);
    } else {
        placed = tri_runq_put_seen(&p->runq, g);
    }
    if (!placed)
        overflow(p, g);
    return only;
}

void
tri_sched_put_last(struct tri_p *p, struct tri_g *g)
{
    (void)put_local(p, g, false);
}

void
tri_sched_put(struct tri_g *g, bool next)
{
    struct tri_p *p = tri_current_p();
    bool only = false;
    if (p == NULL)
        tri_sched_put_global(g);
    else
        only = put_local(p, g, next);
    if (!only || !tri_defer_wake(p))
        tri_sched_wake();
}

void
tri_sched_put_list(struct tri_g *first)
{
    struct tri_p *p = tri_current_p();
    struct tri_g *next;
    for (struct tri_g *g = first; g != NULL; g = next) {
        next = g->link;
        if (p == NULL)
            tri_sched_put_global(g);
        else
            (void)put_local(p, g, g == first);
        if (p == NULL || g != first)
            tri_sched_wake();
    }
}

/*
 * One that yields: behind all that this P could run instead.  That is its own
 * queue, which costs no lock (Go takes the global one always), unless somebody
 * waits in the global queue.  Under schedfuzz always the global one: there it
 * changes threads.
 */
static void
put_behind(struct tri_p *p, struct tri_g *g)
{
    if (tri_load(&tri_sched.queue_count) != 0 || tri_debug.schedfuzz != 0
        || !tri_runq_put_seen(&p->runq, g))
        tri_sched_put_global(g);
    tri_sched_wake();
}

/* From the global queue: one to run, and a fair share for the local queue. */
static struct tri_g *
take_global(struct tri_p *p, uint32_t max)
{
    if (tri_load(&tri_sched.queue_count) == 0)
        return NULL;
    tri_lock(&tri_sched.lock);
    uint32_t count = tri_load(&tri_sched.queue_count);
    uint32_t share = count / (uint32_t)tri_sched_p_count() + 1;
    if (share > count)
        share = count;
    if (share > max)
        share = max;
    struct tri_g *first = share == 0 ? NULL : tri_sched.queue_head;
    for (uint32_t i = 0; i < share; i++) {
        struct tri_g *g = tri_sched.queue_head;
        tri_sched.queue_head = g->link;
        tri_g_fetch_stack(g);
        if (g->link == NULL)
            tri_sched.queue_tail = NULL;
        tri_sub(&tri_sched.queue_count, 1);
        if (i > 0 && !tri_runq_put(&p->runq, g)) {
            g->link = NULL;
            append_locked(g, g, 1);
        }
    }
    tri_unlock(&tri_sched.lock);
    return first;
}

/* It is the queues' turn, before runnext's: p's own first, as with the rest of a
 * decision. */
static TRI_NOINLINE struct tri_g *
take_queued(struct tri_p *p)
{
    p->runnext_streak = 0;
    struct tri_g *g = tri_runq_take(&p->runq);
    return g != NULL ? g : take_global(p, BATCH);
}

/* The slice would do, as in Go, which has no limit of turns: but who waits behind two
 * that take turns then waits for 10 ms each time, and not for a few microseconds. */
static struct tri_g *
take_local(struct tri_p *p)
{
    struct tri_g *g = NULL;
    if (TRI_UNLIKELY(p->runnext_streak >= RUNNEXT_LIMIT))
        g = take_queued(p);
    /* Relaxed: a look; the swap decides against thieves. */
    if (g == NULL && tri_load_relaxed(&p->runnext) != NULL) {
        g = tri_swap(&p->runnext, NULL);
        if (g != NULL) {
            p->runnext_streak++;
            tri_p_inherit_slice(p);
            tri_defer_learn(p, tri_runq_empty(&p->runq));
            return g;
        }
    }
    tri_defer_learn(p, false);
    p->runnext_streak = 0;
    tri_p_begin_slice(p);
    return g != NULL ? g : tri_runq_take(&p->runq);
}

/* What victim is about to run next, if it does not get round to it: whoever made
 * that ready often parks the next moment. */
static struct tri_g *
steal_runnext(struct tri_p *victim)
{
    struct tri_g *g = tri_load_relaxed(&victim->runnext); /* relaxed: a look */
    if (g == NULL)
        return NULL;
    if (tri_load(&victim->status) == TRI_P_RUNNING) {
        uint32_t decisions = tri_p_decisions(victim);
        int64_t end = tri_os_now_ns() + RUNNEXT_GRACE_NS;
        while (tri_os_now_ns() < end)
            tri_cpu_relax();
        if (tri_p_decisions(victim) != decisions)
            return NULL;
    }
    /* Not another one, which is as new. */
    return tri_cas(&victim->runnext, &g, NULL) ? g : NULL;
}

static struct tri_g *
steal_from(struct tri_p *p, struct tri_p *victim, bool runnext_too)
{
    void *got[TRI_RUNQ_SLOTS / 2];
    uint32_t count = tri_runq_steal(&victim->runq, got, TRI_RUNQ_SLOTS / 2);
    if (count == 0)
        return runnext_too ? steal_runnext(victim) : NULL;
    /* Others look at them when we stop spinning (SCHED-3). */
    for (uint32_t i = 0; i + 1 < count; i++)
        if (!tri_runq_put(&p->runq, got[i]))
            overflow(p, got[i]);
    return got[count - 1];
}

/* Relaxed: a look. */
static bool
has_timers(struct tri_p *p)
{
    return tri_load_relaxed(&p->timers.next_ns) != INT64_MAX;
}

/* Looks at all others in random order, a few times; the last time it takes
 * even what an owner is about to run next, and goroutines whose time has come. */
static struct tri_g *
steal(struct tri_p *p)
{
    uint32_t count = (uint32_t)tri_sched_p_count();
    for (int round = 0; round < STEAL_ROUNDS; round++) {
        uint32_t at = tri_p_random(p) % count;
        for (uint32_t i = 0; i < count; i++, at = (at + 1) % count) {
            struct tri_p *victim = tri_sched.p[at];
            if (victim == p)
                continue;
            bool last = round == STEAL_ROUNDS - 1;
            if (last && has_timers(victim) && tri_timers_run(victim))
                return take_local(p);
            struct tri_g *g = steal_from(p, victim, last);
            if (g != NULL)
                return g;
        }
    }
    return NULL;
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
    if (TRI_UNLIKELY(m->left_watch != 0 || has_timers(p)))
        tri_timers_see_to(m, p);
}

/* Blocked, until woken or until then (0: for ever); true: woken. */
static bool
sleep_until(struct tri_m *m, int64_t until_ns)
{
    for (;;) {
        int64_t left = until_ns == 0 ? -1 : until_ns - tri_os_now_ns();
        if (until_ns != 0 && left <= 0)
            return false;
        if (tri_m_sleep(m, left))
            return true;
    }
}

/*
 * m is awake without a P: by a wake-up that is stale (who gave us a P that we found
 * before we slept wakes us later), or since its time has come, and then it takes an
 * idle P.  It leaves the list: who is listed is given a P, and a spinner's duties, as
 * one that sleeps.
 */
static void
leave_list(struct tri_m *m, bool take)
{
    tri_lock(&tri_sched.lock);
    if (m->listed != 0) {
        struct tri_m **at = &tri_sched.idle_m;
        while (*at != m)
            at = &(*at)->link;
        *at = m->link;
        m->link = NULL;
        m->listed = 0;
        struct tri_p *p = take ? tri_p_take_idle_locked() : NULL;
        if (p != NULL)
            tri_p_install(p, m);
    }
    tri_unlock(&tri_sched.lock);
}

static void
sleep_idle(struct tri_m *m)
{
    tri_lock(&tri_sched.lock);
    TRI_DCHECK(tri_load_relaxed(&m->p) == NULL && m->listed == 0,
               "P-1: thread %d goes idle with a P, or twice",
               tri_load_relaxed(&m->tid)); /* a message */
    m->listed = 1;
    m->link = tri_sched.idle_m;
    tri_sched.idle_m = m;
    tri_unlock(&tri_sched.lock);
    int64_t until = tri_timers_watch(m);
    m->may_lose_p = 1;
    tri_m_block(m);
    bool woken = sleep_until(m, until);
    tri_m_unblock(m, false);
    m->may_lose_p = 0;
    tri_timers_unwatch(m);
    /* Acquire pairs with the release in tri_p_install; tri_set_procs may have taken
     * it away again by now. */
    struct tri_p *p = tri_load_acquire(&m->p);
    if (p == NULL) {
        leave_list(m, !woken);
        p = tri_load_acquire(&m->p); /* as above */
        if (p == NULL)
            return;
        tri_p_point_cache(p);
    }
    tri_p_arrived(p);
    /* Not as a thief, who has to wake another when he finds something (SCHED-3). */
    if (!woken)
        tri_timers_run_all();
}

static bool
run_worker(struct tri_m *m, struct tri_p *p, bool idle)
{
    if (TRI_LIKELY(!tri_gc_active()))
        return false;
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

bool
tri_m_take_idle_p(struct tri_m *m)
{
    tri_lock(&tri_sched.lock);
    struct tri_p *p = tri_p_take_idle_locked();
    if (p != NULL)
        tri_p_install(p, m);
    tri_unlock(&tri_sched.lock);
    if (p == NULL)
        return false;
    tri_p_arrived(p);
    tri_p_point_cache(p);
    return true;
}

/* Nothing found: gives the P up; true: something turned up, look again. */
static bool
go_idle(struct tri_m *m, uint64_t calls_before)
{
    tri_lock(&tri_sched.lock);
    if (tri_load(&tri_sched.queue_count) != 0
        || tri_load(&tri_sched.want_count) != 0) {
        tri_unlock(&tri_sched.lock);
        return true;
    }
    tri_p_put_idle_locked(tri_p_uninstall(m));
    tri_unlock(&tri_sched.lock);
    if (m->spinning != 0) {
        m->spinning = 0;
        tri_sub(&tri_sched.spinning, 1);
    }
    /* SCHED-2: whoever made work visible before our P was idle, and saw us
     * spin, relied on us. */
    if (!work_anywhere(calls_before) || !tri_m_take_idle_p(m))
        return false;
    m->spinning = 1;
    tri_add(&tri_sched.spinning, 1);
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
        p->runnext_streak = RUNNEXT_LIMIT; /* SCHED-8 */
    }
    tell_start(m, p);
    uint64_t calls = tri_load(&worker_calls);
    /* First: what timers queue here without a wake-up is not given away with p. */
    bool wanted = tri_load(&tri_sched.want_count) != 0;
    if (has_timers(p))
        tri_timers_run(p);
    tri_gc_poll_cleanups();
    if (wanted && p->queue_turn == 0) {
        p->queue_turn = 1;
        if (give_to_wanting(m))
            return NULL;
    }
    if (run_worker(m, p, false))
        return NULL;
    struct tri_g *g = NULL;
    if (p->global_streak >= TRI_GLOBAL_EVERY) {
        p->global_streak = 0;
        tri_p_begin_slice(p);
        g = take_global(p, 1);
    }
    if (g == NULL)
        g = take_local(p);
    if (g == NULL)
        g = take_global(p, BATCH);
    if (g == NULL && tri_poll_unattended() && tri_poll_now())
        g = take_local(p);
    if (g != NULL) {
        p->queue_turn = 0;
        return g;
    }
    if (wanted && give_to_wanting(m))
        return NULL;
    uint32_t busy =
        (uint32_t)tri_sched_p_count() - tri_load(&tri_sched.idle_p_count);
    if (m->spinning != 0 || 2 * tri_load(&tri_sched.spinning) < busy) {
        if (m->spinning == 0) {
            m->spinning = 1;
            tri_add(&tri_sched.spinning, 1);
        }
        g = steal(p);
        if (g != NULL)
            return g;
    }
    if (run_worker(m, p, true))
        return NULL;
    if (!go_idle(m, calls) && !tri_poll_rest(m))
        sleep_idle(m);
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
        put_behind(p, g);
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
            sleep_idle(m);
            continue;
        }
        struct tri_g *g = find_work(m, p);
        /* SCHED-7: g stays runnable, in no queue. */
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
        && (p_has_work(p) || tri_load(&tri_sched.queue_count) != 0
            || tri_load(&tri_sched.want_count) != 0))
        return true;
    /* Others wait: sysmon says so after a slice, or marking would never get
     * on among threads that want a P.  Relaxed: a hint. */
    return tri_load_relaxed(&p->preempt) != 0;
}

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
