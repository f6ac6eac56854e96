/* SPDX-License-Identifier: MIT */
/*
 * runtime/p.c: who holds which P, which are idle, and who wants one.
 *
 * Two lists under the scheduler's lock: Ps that nobody holds, and threads that sleep
 * until they are given one, first come, first served.  Who hands a P over looks at the
 * second in turns with the queues (wake.c, and the decision in sched.c).
 *
 * Relaxed: an M's `p` and the `m` of that are written by its own thread, or by who
 * took the P away from it while it was stopped or under the scheduler's lock, and so
 * are no news to them; whoever else looks takes it for a hint until he has stopped
 * the M.
 *
 * Not otherwise: a queue of threads that want a P beside that of goroutines,
 * and not one queue with both, since a goroutine on its own thread (in a
 * blocking call, or preempted in place) can be run by that thread alone.
 */
#include "base/check.h"
#include "base/option.h"
#include "base/persist.h"
#include "base/sanitize.h"
#include "gc/gc.h"
#include "runtime/bind.h"
#include "runtime/sched.h"
#include "trace/trace.h"

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

/* ---- who holds it --------------------------------------------------------- */

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

bool
tri_p_take_in_call(struct tri_p *p)
{
    uint32_t status = TRI_P_SYSCALL;
    if (!tri_cas(&p->status, &status, TRI_P_IDLE))
        return false;
    tri_p_left(p);
    return true;
}

void
tri_p_tell_start(struct tri_m *m, struct tri_p *p)
{
    if (tri_p_is_told(m, p))
        return;
    tri_bind_thread(m, p);
    /* Relaxed: our own. */
    uint32_t thread = (uint32_t)tri_load_relaxed(&m->tid);
    if (p->seen_thread == thread)
        return;
    p->seen_thread = thread;
    tri_trace_proc_start(p->index, thread);
}

void
tri_p_arrived(struct tri_p *p)
{
    tri_p_tell_start(tri_local_m(), p);
    tri_gc_p_acquired(p->gc);
}

/* ---- nobody does ---------------------------------------------------------- */

void
tri_p_put_idle_locked(struct tri_p *p)
{
    p->link = tri_sched.idle_p;
    tri_sched.idle_p = p;
    /* Sequentially consistent: SCHED-2. */
    tri_add(&tri_sched.idle_p_count, 1);
}

static struct tri_p *
unlink_idle_locked(struct tri_p **at)
{
    struct tri_p *p = *at;
    *at = p->link;
    tri_sub(&tri_sched.idle_p_count, 1);
    return p;
}

struct tri_p *
tri_p_take_idle_locked(void)
{
    if (tri_sched.idle_p == NULL)
        return NULL;
    return unlink_idle_locked(&tri_sched.idle_p);
}

bool
tri_p_take_this_idle_locked(struct tri_p *p)
{
    struct tri_p **at = &tri_sched.idle_p;
    while (*at != NULL && *at != p)
        at = &(*at)->link;
    if (*at == NULL)
        return false;
    (void)unlink_idle_locked(at);
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

/* ---- those who want one --------------------------------------------------- */

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

bool
tri_m_give_to_wanting(struct tri_m *m)
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
