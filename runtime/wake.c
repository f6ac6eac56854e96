/* SPDX-License-Identifier: MIT */
/*
 * runtime/wake.c: threads for idle Ps: who is woken, or born, when work becomes visible
 * or a P is handed over.
 *
 * One M at a time looks for work on behalf of all who make some (`spinning`), and is
 * started by whoever makes it while none does; an idle one if there is any, else a
 * newborn one, which nobody waits for (BORN-3).
 */
#include "base/check.h"
#include "base/os.h"
#include "gc/gc.h"
#include "runtime/poll.h"
#include "runtime/sched.h"

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
        tri_m_unlist_locked(m);
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

struct tri_m *
tri_sched_serve_one_locked(void)
{
    struct tri_m *m = NULL;
    if (tri_sched.idle_p != NULL && (m = tri_m_take_wanting_locked()) != NULL)
        tri_p_install(tri_p_take_idle_locked(), m);
    return m;
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
    struct tri_m *m = tri_sched_serve_one_locked();
    tri_unlock(&tri_sched.lock);
    if (m != NULL)
        tri_m_wake(m);
    return m != NULL;
}

void
tri_p_start(struct tri_p *p)
{
    tri_lock(&tri_sched.lock);
    struct tri_m *m = start_locked(p, false);
    tri_unlock(&tri_sched.lock);
    rouse(m);
}

/* ---- for work ------------------------------------------------------------- */

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

void
tri_host_wake_workers(void)
{
    tri_enter();
    tri_add(&tri_sched.worker_calls, 1);
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

/* ---- handing a P over ----------------------------------------------------- */

/* For others than p: not the one for which it woke nobody (SCHED-5). */
static bool
p_has_work_for_others(struct tri_p *p)
{
    return tri_runq_count(&p->runq) != 0
        || (tri_load(&p->runnext) != NULL && tri_load(&p->defers) == 0);
}

bool
tri_sched_work_anywhere(uint64_t calls_before)
{
    if (tri_load(&tri_sched.queue_count) != 0
        || tri_load(&tri_sched.worker_calls) != calls_before
        || tri_timers_due())
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
    bool work = tri_p_has_work(p) || tri_timers_due()
             || tri_gc_phase() == TRI_GC_MARK || tri_poll_unattended();
    bool idle = false;
    uint64_t calls = tri_load(&tri_sched.worker_calls);
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
        || (idle && (tri_sched_work_anywhere(calls) || tri_poll_unattended())))
        tri_sched_wake();
}
