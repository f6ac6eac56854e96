/* SPDX-License-Identifier: MIT */
/*
 * runtime/idle.c: an M that found nothing gives its P up, and sleeps.
 *
 * With its P idle every source is looked at once more (SCHED-2).  It sleeps on its
 * note, in the list of the idle, until it is given a P, and the first of them only
 * until the next timer (TIMER-3); one sleeps in epoll_wait instead (poll.c).
 */
#include "base/check.h"
#include "base/os.h"
#include "runtime/sched.h"

bool
tri_m_go_idle(struct tri_m *m, uint64_t calls_before)
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
    if (!tri_sched_work_anywhere(calls_before) || !tri_m_take_idle_p(m))
        return false;
    m->spinning = 1;
    tri_add(&tri_sched.spinning, 1);
    return true;
}

void
tri_m_unlist_locked(struct tri_m *m)
{
    struct tri_m **at = &tri_sched.idle_m;
    while (*at != m)
        at = &(*at)->link;
    *at = m->link;
    m->link = NULL;
    m->listed = 0;
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
        tri_m_unlist_locked(m);
        struct tri_p *p = take ? tri_p_take_idle_locked() : NULL;
        if (p != NULL)
            tri_p_install(p, m);
    }
    tri_unlock(&tri_sched.lock);
}

void
tri_m_sleep_idle(struct tri_m *m)
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
