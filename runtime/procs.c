/* SPDX-License-Identifier: MIT */
/*
 * runtime/procs.c: changing the number of Ps, with the world stopped.
 *
 *   PROC-1  Only while the collector rests; otherwise a mark worker's P vanishes
 *           under it (T-003).
 *   PROC-2  A P that ends leaves nothing behind: its goroutines go to the
 *           global queue, its dead ones to the global list, its timers to P 0,
 *           what the collector keeps on it to tri_gc_p_retire, its thread to
 *           those who want a P;
 *           otherwise they wait for one that does not come back.
 *   PROC-3  A P is whole before the count covers it, and who walks the Ps reads
 *           the count first, with acquire; otherwise a walk outside a section,
 *           stopped in place between two of them, meets one half made.
 */
#include "base/check.h"
#include "base/os.h"
#include "gc/gc.h"
#include "runtime/defer.h"
#include "runtime/sched.h"
#include "trace/trace.h"

static void
remove_from_idle_locked(struct tri_p *p)
{
    bool found = tri_p_take_this_idle_locked(p);
    TRI_CHECK(found, "P-1: P %d is idle, but not in the list", p->index);
}

/* Takes p from its holder.  One with a goroutine needs another P; a scheduler
 * goes idle when it finds that it has none. */
static void
take_from_holder_locked(struct tri_p *p)
{
    struct tri_m *m = tri_load(&p->m);
    tri_p_uninstall(m);
    if (m != tri_local_m() && m->may_lose_p == 0) {
        tri_m_want_p_locked(m);
        m->loses_p = 1;
    }
}

static bool
holds_nothing(struct tri_p *p)
{
    return tri_load(&p->m) == NULL && tri_load(&p->runnext) == NULL
        && tri_runq_empty(&p->runq) && p->free_gs == NULL
        && tri_load(&p->timers.next_ns) == INT64_MAX && tri_load(&p->live) == 0;
}

static void
retire_locked(struct tri_p *p)
{
    TRI_CHECK(tri_world_stopped() && tri_gc_phase() == TRI_GC_OFF,
              "PROC-1: P %d ends while the collector works", p->index);
    switch (tri_load(&p->status)) {
    case TRI_P_IDLE:
        remove_from_idle_locked(p);
        break;
    case TRI_P_RUNNING:
        take_from_holder_locked(p);
        break;
    default:
        break; /* SYSCALL: its thread will find it gone */
    }
    tri_p_left(p);
    tri_defer_end(p); /* sysmon looks at it no more */
    tri_store(&p->status, TRI_P_DEAD);
    struct tri_g *g = tri_swap(&p->runnext, NULL);
    for (; g != NULL || (g = tri_runq_take(&p->runq)) != NULL; g = NULL)
        tri_sched_put_global_locked(g);
    tri_g_flush_free(p);
    tri_add(&tri_sched.live_count, tri_load(&p->live));
    tri_store(&p->live, 0);
    tri_gc_p_retire(p->gc);
    TRI_DCHECK(holds_nothing(p),
               "PROC-2: P %d ends with something in its hands", p->index);
}

/* The caller's own P ends: it gets an idle one, or P 0 from its holder. */
static void
move_caller_locked(struct tri_m *self, int procs)
{
    struct tri_p *own = tri_load(&self->p);
    if (own == NULL || own->index < procs)
        return;
    struct tri_p *other = tri_sched.p[0];
    for (int i = 0; i < procs; i++)
        if (tri_load(&tri_sched.p[i]->status) == TRI_P_IDLE)
            other = tri_sched.p[i];
    if (tri_load(&other->status) == TRI_P_IDLE)
        remove_from_idle_locked(other);
    else if (tri_load(&other->status) == TRI_P_RUNNING)
        take_from_holder_locked(other);
    tri_p_left(other);
    /* Not idle: retire takes from the list what is idle. */
    tri_store(&self->p, NULL);
    tri_p_left(own);
    tri_store(&own->status, TRI_P_SYSCALL);
    tri_p_install(other, self);
}

static void
grow_locked(int from, int to)
{
    for (int i = from; i < to; i++) {
        if (tri_sched.p[i] == NULL)
            tri_sched.p[i] = tri_p_new(i);
        else
            tri_gc_p_revive(tri_sched.p[i]->gc);
        TRI_CHECK(tri_sched.p[i] != NULL, "no memory for %d Ps", to);
        tri_store(&tri_sched.p[i]->status, TRI_P_IDLE);
        tri_p_put_idle_locked(tri_sched.p[i]);
    }
}

static void
serve_wanting_locked(void)
{
    struct tri_m *m;
    while ((m = tri_sched_serve_one_locked()) != NULL)
        tri_m_wake(m);
}

/* PROC-1. */
static void
stop_at_rest(void)
{
    tri_gc_rest_begin();
    tri_host_stop_world(TRI_STOP_PROCS);
    TRI_CHECK(tri_gc_phase() == TRI_GC_OFF,
              "PROC-1: the collector works where it is to rest");
}

static void
start_again(void)
{
    tri_host_start_world();
    tri_gc_rest_end();
}

int
tri_world_set_procs(int procs)
{
    static TRI_ATOMIC(uint32_t) always = 1;
    return tri_world_set_procs_if(procs, &always);
}

int
tri_world_set_procs_if(int procs, TRI_ATOMIC(uint32_t) *still)
{
    int before = tri_load(&tri_sched.p_count);
    if (procs < 1 || procs == before)
        return before;
    if (procs > TRI_PROCS_MAX)
        procs = TRI_PROCS_MAX;
    stop_at_rest();
    before = tri_load(&tri_sched.p_count);
    if (tri_load(still) == 0) {
        start_again();
        return before;
    }
    struct tri_m *self = tri_local_m();
    /* Before the scheduler's lock, which comes after those of timers; nobody holds
     * one, since the world is stopped. */
    for (int i = procs; i < before; i++)
        tri_timers_move(&tri_sched.p[i]->timers, &tri_sched.p[0]->timers);
    tri_lock(&tri_sched.lock);
    if (procs > before) {
        grow_locked(before, procs);
    } else {
        move_caller_locked(self, procs);
        for (int i = procs; i < before; i++)
            retire_locked(tri_sched.p[i]);
    }
    tri_store(&tri_sched.p_count, procs);
    serve_wanting_locked();
    tri_unlock(&tri_sched.lock);
    struct tri_p *p = tri_load(&self->p);
    tri_p_point_cache(p);
    tri_p_arrived(p);
    tri_trace_procs_changed((uint32_t)before, (uint32_t)procs);
    start_again();
    tri_enter();
    tri_sched_wake();
    tri_leave();
    return before;
}
