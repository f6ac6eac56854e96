/* SPDX-License-Identifier: MIT */
/*
 * runtime/timer_watch.c: who looks at the Ps' times.  Go: checkTimers, the delay of
 * netpoll in findRunnable, wakeNetPoller.
 *
 *   - A P's holder, at each decision: one load, and the clock if there is a time.
 *   - A thief, the last time round, as he takes runnext (T-010).
 *   - The first M to go idle sleeps until the earliest time of all, on its note or
 *     in epoll_wait: it watches.  `watched_ns` says until when somebody does; who
 *     goes idle and sees an earlier time takes its place, and the one before wakes
 *     for nothing.
 *   - sysmon takes what is due from a P whose holder has not come by for long.
 *
 * So a lone sleeper costs one wake-up, of the thread that runs him.  sysmon could
 * watch instead, and did: that is two, and it ran storms beside the Ps.
 *
 * TIMER-3 hangs on one order, on both sides sequentially consistent: a time is set,
 * then "is a P idle, and who watches" is read; a P is idle, the watch is told, then
 * times are read.
 */
#include "runtime/timer.h"

#include "base/os.h"
#include "gc/gc.h"
#include "runtime/sched.h"
#include "trace/trace.h"

#define BATCH  64u
#define ENOUGH 16u

int64_t
tri_timers_next(void)
{
    int64_t next = INT64_MAX;
    int32_t count = tri_sched_p_count();
    for (int32_t i = 0; i < count; i++) {
        int64_t one = tri_load(&tri_sched.p[i]->timers.next_ns);
        next = one < next ? one : next;
    }
    return next;
}

bool
tri_timers_due(void)
{
    int64_t next = tri_timers_next();
    return next != INT64_MAX && next <= tri_os_now_ns();
}

/* ---- making ready --------------------------------------------------------------- */

/* Whether somebody else may be needed for what was just queued on p, which had
 * nothing to do before: a single goroutine we run next ourselves, and its wake-up
 * need not wake a thread.  Unless p's holder decides otherwise. */
static bool
is_alone(struct tri_p *p, bool had_work, uint32_t count)
{
    return count <= 1 && !had_work && !tri_gc_active()
        && tri_load(&tri_sched.want_count) == 0
        && (p->global_streak + 1 < TRI_GLOBAL_EVERY /* nor at the next one */
            || tri_load(&tri_sched.queue_count) == 0);
}

/* In batches, as the queue gets short: they would stand behind those anyhow, lie as
 * well in the heap, where they can be stolen too, and while some are taken the
 * structs of others come from memory.  Every so often whatever the queue is like,
 * or one that stays long would starve who sleeps. */
bool
tri_timers_run(struct tri_p *of)
{
    struct tri_g *due[BATCH];
    struct tri_p *p = tri_current_p();
    uint32_t queued = tri_runq_count(&p->runq);
    if (queued > ENOUGH && p->global_streak < TRI_GLOBAL_EVERY)
        return false;
    int64_t now = tri_os_now_ns();
    if (tri_load(&of->timers.next_ns) > now)
        return false;
    uint32_t count = tri_timers_take(&of->timers, now, due, BATCH);
    bool had_work = queued != 0 || tri_load(&p->runnext) != NULL;
    for (uint32_t i = 0; i < count; i++) {
        struct tri_g *g = due[i];
        tri_g_fetch_stack(g);
        if (g->bound != NULL) {
            tri_ready(g);
            continue;
        }
        tri_g_make_runnable(g);
        tri_trace_goroutine_ready(g->id, tri_host_proc_number(),
                                  tri_host_goid());
        tri_sched_put_last(p, g);
    }
    if (count > 0 && !is_alone(p, had_work, count))
        tri_sched_wake();
    return count > 0;
}

void
tri_timers_run_all(void)
{
    int32_t count = tri_sched_p_count();
    for (int32_t i = 0; i < count; i++)
        if (tri_load(&tri_sched.p[i]->timers.next_ns) != INT64_MAX)
            tri_timers_run(tri_sched.p[i]);
}

void
tri_timers_rescue(struct tri_p *of, int64_t now_ns)
{
    struct tri_g *due[BATCH];
    if (tri_load(&of->timers.next_ns) > now_ns)
        return;
    uint32_t count = tri_timers_take(&of->timers, now_ns, due, BATCH);
    for (uint32_t i = 0; i < count; i++)
        tri_ready(due[i]);
}

/* ---- watching --------------------------------------------------------------------- */

bool
tri_timers_unwatched(int64_t next_ns)
{
    /* Sequentially consistent, both: TIMER-3. */
    return next_ns != INT64_MAX && tri_load(&tri_sched.idle_p_count) != 0
        && next_ns < tri_load(&tri_sched.watched_ns);
}

int64_t
tri_timers_watch(struct tri_m *m)
{
    for (;;) {
        int64_t next = tri_timers_next();
        if (!tri_timers_unwatched(next))
            return m->watches_ns;
        int64_t watched = tri_load(&tri_sched.watched_ns);
        if (next < watched && tri_cas(&tri_sched.watched_ns, &watched, next))
            m->watches_ns = next;
        /* And again: an earlier one may have been set before we told. */
    }
}

void
tri_timers_unwatch(struct tri_m *m)
{
    if (m->watches_ns == 0)
        return;
    /* Another's, if it is the same time: then somebody sleeps too few, and the next
     * to go idle watches once more. */
    int64_t watched = m->watches_ns;
    tri_cas(&tri_sched.watched_ns, &watched, INT64_MAX);
    m->watches_ns = 0;
    m->left_watch = 1;
}

void
tri_timers_see_to(struct tri_m *m, struct tri_p *p)
{
    bool all = m->left_watch != 0;
    m->left_watch = 0;
    if (tri_timers_unwatched(all ? tri_timers_next()
                                 : tri_load(&p->timers.next_ns)))
        tri_sched_wake();
}
