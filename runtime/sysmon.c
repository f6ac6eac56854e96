/* SPDX-License-Identifier: MIT */
/*
 * runtime/sysmon.c: the one thread that needs no P and watches the others.
 *
 *   - takes the P of a blocking call that lasts: after one look (20 us at
 *     least) if there is work for it, after 10 ms otherwise; and of one that does
 *     not last, where the thread had the P for 10 ms: who makes short calls only
 *     is else met in a new one at each look, and others wait for ever;
 *   - takes the P of a thread that hogs it for 10 ms while others could use
 *     it: stops the thread in place and gives the P away; the goroutine goes
 *     on, on its thread, once it is given a P again;
 *   - does so after 2 to 3 ms where the thread sleeps in a call that it did not
 *     announce and others wait (SYSMON-1);
 *   - lets who is in libc's or malloc's code go on a little longer (SPARE-1);
 *   - tells a P that decides often, but has had a slice, that its queues are next
 *     (SCHED-8);
 *   - makes ready whose time has come on a P whose holder does not come by, and
 *     polls files that nobody polls;
 *   - calls the collector's tick; finds deadlocks; trims free stacks.
 *
 *   SYSMON-1  Who sleeps with a P, in a system call that he did not announce, loses it
 *             when others wait for it: the first after a slice; then sysmon looks each
 *             millisecond for a while, and the next loses it 2 to 3 ms after his
 *             decision.  Otherwise a contended lock of libc's becomes a convoy: its
 *             holder, stopped in place, waits for a P behind all who sleep for the
 *             lock, each with a P for a whole slice; with a hundred threads in malloc
 *             that takes minutes.
 *
 * That he sleeps is told by two things: his CPU time stands still, and the stop finds him
 * in a system call.  Who is not waits for one of the system's processors, and goes on.
 * The state that /proc tells would do, but wants a descriptor, out of the program's own
 * table, a thousand times a second.
 *
 * Relaxed: `calls`, `slices` and `heirs` are clocks, of which we only see whether they
 * moved; what belongs to a thread that we stopped came with its answer.
 *
 * It looks every 20 us while it hands on the Ps of calls, or spares somebody; a
 * preemption in place, once a slice, is no reason to look soon (as in Go).  It backs off
 * to 10 ms, or 50 ms while all Ps are idle, or less while something is left for it: a
 * sleeper's successor, stacks to trim, a P that puts wake-ups off, a birth.  It is an M
 * like others: it stops with the world, and blocks to sleep.
 */
#include <sys/prctl.h>

#include "base/check.h"
#include "base/format.h"
#include "base/option.h"
#include "base/os.h"
#include "gc/gc.h"
#include "runtime/deadlock.h"
#include "runtime/defer.h"
#include "runtime/dump.h"
#include "runtime/poll.h"
#include "runtime/sched.h"
#include "runtime/signal.h"
#include "runtime/spare.h"
#include "runtime/task.h"
#include "runtime/topology.h"
#include "trace/trace.h"

#define LOOK_NS      INT64_C(20000)
#define LOOK_NS_MAX  INT64_C(10000000)
#define SLICE_NS     INT64_C(10000000)
#define TICK_NS      INT64_C(10000000)
#define IDLE_NS_MAX  INT64_C(50000000)
#define QUIET_LOOKS  50
#define RESCUE_NS    INT64_C(1000000)
#define ASLEEP_NS    INT64_C(1000000) /* so long, and for so many looks then */
#define ASLEEP_LOOKS 20
#define SPARE_MAX    64u /* times from one decision to the next */
#define SPARE_NS     INT64_C(1000000000) /* after a sleeper */
#define TRIM_AT_ONCE 64u
#define TRIM_NS      INT64_C(2000000) /* to the next batch, while all is idle */

/* After a sleeper the next may follow: so many looks come soon. */
static int asleep_looks;
static int64_t spares_until_ns; /* SPARE-1 */

/* Not counting runnext, which goes on with the slice. */
static bool
others_wait(struct tri_p *p)
{
    return tri_load(&tri_sched.want_count) != 0
        || tri_load(&tri_sched.queue_count) != 0
        || tri_runq_count(&p->runq) != 0;
}

/* Work for a P that is not its own: all queues, and the collector. */
static bool
work_for_more(struct tri_p *p)
{
    if (others_wait(p) || tri_load(&p->runnext) != NULL
        || tri_gc_phase() == TRI_GC_MARK)
        return true;
    int32_t count = tri_sched_p_count();
    for (int32_t i = 0; i < count; i++)
        if (tri_runq_count(&tri_sched.p[i]->runq) != 0)
            return tri_load(&tri_sched.idle_p_count) == 0;
    return false;
}

/* When p was last seen to have decided, and to have begun a slice. */
static void
keep_time(struct tri_p *p, int64_t now_ns)
{
    uint32_t decisions = tri_p_decisions(p);
    uint32_t slices = tri_load_relaxed(&p->slices);
    if (decisions != p->seen_decisions) {
        p->seen_decisions = decisions;
        p->decision_ns = now_ns;
        p->spared = 0;
    }
    if (slices != p->seen_slices) {
        p->seen_slices = slices;
        p->slice_ns = now_ns;
    }
}

/* One runs there for a slice and decides nothing (T-006). */
static bool
is_hogged(struct tri_p *p, int64_t now_ns)
{
    return now_ns - p->decision_ns >= SLICE_NS && work_for_more(p);
}

/* SYSMON-1: for a while. */
static bool
computes_nothing(struct tri_p *p, int64_t now_ns)
{
    struct tri_m *m = tri_load(&p->m);
    if (m == NULL || now_ns - p->decision_ns < ASLEEP_NS || !others_wait(p))
        return false;
    /* Relaxed: a hint; who it was, or is. */
    int64_t cpu_ns = tri_task_cpu_ns(tri_load_relaxed(&m->tid));
    if (cpu_ns != p->cpu_ns) {
        p->cpu_ns = cpu_ns;
        p->cpu_seen_ns = now_ns;
    }
    return now_ns - p->cpu_seen_ns >= ASLEEP_NS;
}

/* One, or some that make each other ready, have had a slice; who comes by next is to
 * know. */
static bool
end_slice(struct tri_p *p, int64_t now_ns)
{
    if (now_ns - p->slice_ns < SLICE_NS || !others_wait(p))
        return false;
    tri_store(&p->preempt, 1);
    return true;
}

static bool
hand_off_in_call(struct tri_p *p)
{
    if (!tri_p_take_in_call(p))
        return false;
    tri_p_hand_off(p);
    return true;
}

/* A blocking call that lasts, or the last of many.  Go: retake (T-005). */
static bool
retake(struct tri_p *p, int64_t now_ns)
{
    struct tri_m *m = tri_load(&p->m);
    uint32_t calls = tri_load_relaxed(&p->calls);
    keep_time(p, now_ns);
    bool over = end_slice(p, now_ns);
    if (calls != p->seen_calls) {
        p->seen_calls = calls;
        p->call_ns = now_ns;
        return (over || is_hogged(p, now_ns)) && hand_off_in_call(p);
    }
    /* As one that computes.  Relaxed: a hint. */
    if (m != NULL && tri_load_relaxed(&m->populates) != 0
        && now_ns - p->call_ns < SLICE_NS)
        return false;
    /* Its timers: whoever it is handed to sees to them. */
    if (!work_for_more(p) && now_ns - p->call_ns < SLICE_NS
        && tri_load(&p->timers.next_ns) >= tri_load(&tri_sched.watched_ns))
        return false;
    return hand_off_in_call(p);
}

/* m is stopped in place and holds p: the P goes to others. */
static void
detach(struct tri_m *m)
{
    struct tri_p *p = tri_p_uninstall(m);
    tri_add_relaxed(&tri_sched.switches, 1); /* a statistic */
    tri_lock(&tri_sched.lock);
    tri_m_want_p_locked(m);
    tri_unlock(&tri_sched.lock);
    tri_m_release_without_p(m);
    tri_p_start(p);
}

/* SPARE-1.  m is stopped. */
static bool
spare(struct tri_p *p, struct tri_m *m, int64_t now_ns)
{
    return m->uc != NULL && now_ns < spares_until_ns
        && now_ns - p->decision_ns < 2 * SLICE_NS
        && tri_spare_is_there(tri_signal_pc(m->uc)) && p->spared++ < SPARE_MAX;
}

/* m, which has p, is stopped there; `idle`: it computed nothing for a while.  True: it
 * is to be looked at again soon.  Who is met in a call after a slice may have slept in
 * it, and so may the next. */
static bool
take_or_let_go(struct tri_p *p, struct tri_m *m, bool idle, int64_t now_ns)
{
    bool in_call = m->uc != NULL && tri_signal_in_call(m->uc);
    bool hogs = is_hogged(p, now_ns);
    bool asleep = idle && in_call;
    bool spared = hogs && !asleep && spare(p, m, now_ns);
    if (in_call)
        asleep_looks = ASLEEP_LOOKS;
    if (asleep)
        spares_until_ns = now_ns + SPARE_NS;
    if (asleep || (hogs && !spared))
        detach(m);
    else
        tri_m_release(m);
    return spared && !in_call;
}

static bool
preempt(struct tri_p *p, int64_t now_ns)
{
    keep_time(p, now_ns);
    int64_t undecided = now_ns - p->decision_ns;
    if (tri_defer_look(p, undecided == 0))
        return true;
    if (undecided >= RESCUE_NS)
        tri_timers_rescue(p, now_ns);
    (void)end_slice(p, now_ns);
    bool idle = computes_nothing(p, now_ns);
    if (!idle && !is_hogged(p, now_ns))
        return false;
    /* A mark worker or a scheduler sees this; a goroutine does not. */
    tri_store(&p->preempt, 1);
    struct tri_m *m = tri_load(&p->m);
    if (m == NULL || tri_load(&m->g) == NULL || !tri_sched.async_stop
        || !tri_m_stop_one(m))
        return false;
    /* Stopped: what it was doing may have changed since we looked. */
    if (tri_load(&m->p) == p && tri_load(&m->g) != NULL
        && tri_load_relaxed(&m->no_preempt) == 0
        && tri_p_decisions(p) == p->seen_decisions)
        return take_or_let_go(p, m, idle, now_ns);
    /* It may have stopped by going into a call; let go first, it is out of that
     * one, and so each time (world_live.pml). */
    bool taken = tri_p_take_in_call(p);
    tri_m_release(m);
    if (taken)
        tri_p_hand_off(p);
    return taken;
}

static bool
look(int64_t now_ns)
{
    bool did = tri_sched_serve_wanting(now_ns);
    int32_t count = tri_sched_p_count();
    for (int32_t i = 0; i < count; i++) {
        struct tri_p *p = tri_sched.p[i];
        switch (tri_load(&p->status)) {
        case TRI_P_SYSCALL:
            did |= retake(p, now_ns);
            break;
        case TRI_P_RUNNING:
            did |= preempt(p, now_ns);
            break;
        default:
            did |= tri_defer_look(p, false);
            break;
        }
    }
    return did;
}

void
tri_sysmon_poke(void)
{
    /* Sequentially consistent: pairs with rest() below. */
    if (tri_load(&tri_sched.monitor_deep) != 0
        && tri_swap(&tri_sched.monitor_word, 1) == 0)
        tri_futex_wake(&tri_sched.monitor_word, 1);
}

/* Nobody has a P, and nobody waits for one. */
static bool
all_idle(void)
{
    return tri_load(&tri_sched.idle_p_count) == (uint32_t)tri_sched_p_count()
        && tri_load(&tri_sched.want_count) == 0;
}

/* Blocked, so that no pause waits for us. */
static void
rest(struct tri_m *m, int64_t ns)
{
    bool deep = ns > LOOK_NS_MAX / 10;
    tri_store(&tri_sched.monitor_deep, deep);
    bool idle = all_idle();
    if (deep && !idle && ns > LOOK_NS_MAX)
        ns = LOOK_NS_MAX;
    if (asleep_looks > 0) { /* SYSMON-1 */
        asleep_looks--;
        ns = ns < ASLEEP_NS ? ns : ASLEEP_NS;
    }
    if (ns > TRI_DEFER_LOOK_NS && tri_load(&tri_sched.deferring) != 0)
        ns = TRI_DEFER_LOOK_NS; /* SCHED-6 */
    /* Sequentially consistent, after monitor_deep: who asks for a birth counts it
     * before the poke. */
    if (ns > TRI_BIRTH_PATIENCE_NS && tri_load(&tri_sched.births) != 0)
        ns = TRI_BIRTH_PATIENCE_NS; /* BORN-3 */
    /* For those whose P nobody looks after. */
    int64_t next = idle ? INT64_MAX : tri_timers_next();
    int64_t left = next - tri_os_now_ns();
    if (left < ns) {
        left += RESCUE_NS;
        left = left < LOOK_NS ? LOOK_NS : left;
        ns = left < ns ? left : ns;
    }
    tri_m_block(m);
    if (ns > 0)
        tri_futex_wait(&tri_sched.monitor_word, 0, ns);
    tri_store(&tri_sched.monitor_deep, 0);
    tri_store(&tri_sched.monitor_word, 0);
    tri_m_unblock(m, false);
}

void
tri_sysmon_loop(struct tri_m *m)
{
    prctl(PR_SET_TIMERSLACK, 1000ul, 0ul, 0ul, 0ul);
    int64_t look_ns = LOOK_NS;
    int64_t last_tick_ns = 0;
    int quiet = 0;
    bool trims = false;
    tri_enter();
    for (;;) {
        tri_m_safe_point(m);
        int64_t now = tri_os_now_ns();
        bool did = look(now);
        tri_poll_watch(now);
        quiet = did ? 0 : quiet + 1;
        if (did)
            look_ns = LOOK_NS;
        else if (quiet > QUIET_LOOKS && look_ns < LOOK_NS_MAX)
            look_ns *= 2;
        if (now - last_tick_ns >= TICK_NS) {
            last_tick_ns = now;
            tri_leave();
            tri_gc_tick(now);
            tri_dump_poll();
            tri_follow_look(now);
            tri_enter();
            trims = true;
            tri_deadlock_check(now);
        }
        bool idle = all_idle();
        /* While others run, one batch a tick: they may want them again. */
        if (trims)
            trims = tri_g_trim(TRIM_AT_ONCE) >= TRIM_AT_ONCE && idle;
        rest(m, !idle ? look_ns : trims ? TRIM_NS : IDLE_NS_MAX);
    }
}
