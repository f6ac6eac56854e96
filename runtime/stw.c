/* SPDX-License-Identifier: MIT */
/*
 * runtime/stw.c: stopping everybody, and visiting every P one at a time.
 * Design: docs/design/stw.md.
 *
 *   STW-1  One stopper at a time: the world word.  Who waits for it waits in
 *          place, and so can be stopped; otherwise two wait for each other.
 *   STW-2  `stopping` is set, under the scheduler's lock, before the threads
 *          are counted; a thread that attaches registers under that lock and
 *          not while it is set; otherwise one runs in a stopped world.
 *   STW-3  Every thread is asked before the first is waited for; otherwise
 *          the waits add up.
 *   STW-4  Threads keep their Ps while they are stopped; otherwise starting the
 *          world costs a search for a P for each of them.
 *   STW-5  Who waits for another thread sleeps, and does not yield; otherwise the
 *          system takes his CPU for a whole slice (4 ms), when another can use it.
 *          Argued, no test: it shows in the longest pauses alone (pause/1GiB_10k).
 */
#include "base/check.h"
#include "base/os.h"
#include "gc/gc.h"
#include "runtime/sched.h"
#include "trace/trace.h"

/* Between the rounds of the ragged barrier: so long it spins, then it sleeps. */
#define SPIN_NS INT64_C(20000)
#define REST_NS INT64_C(50000)

/* Keys: [w] who holds the world; [a] atomic. */
static struct {
    TRI_ATOMIC(uint32_t) word;    /* [a] 0 free, 1 held, 2 held, waited for */
    TRI_ATOMIC(uint32_t) stopped; /* [a] */
    struct tri_stop_wait wait;    /* [w] */
    uint64_t number;              /* [w] */
    int64_t begin_ns;             /* [w] */
    enum tri_stop_reason reason;  /* [w] */
} world;

struct tri_pauses tri_pauses_gc;
struct tri_pauses tri_pauses_other;

/* Only what the collector's own work needs counts as its pause (T-009). */
static struct tri_pauses *
pauses(void)
{
    switch (world.reason) {
    case TRI_STOP_MARK_START:
    case TRI_STOP_MARK_TERM:
    case TRI_STOP_WHOLE_CYCLE:
        return &tri_pauses_gc;
    default:
        return &tri_pauses_other;
    }
}

static void
lock_world(void)
{
    uint32_t free = 0;
    /* Acquire pairs with the release in unlock_world. */
    if (tri_cas_acquire(&world.word, &free, 1))
        return;
    while (tri_swap(&world.word, 2) != 0)
        tri_wait_in_place(&world.word, 2, -1);
}

static void
unlock_world(void)
{
    if (tri_swap(&world.word, 0) == 2)
        tri_futex_wake(&world.word, 1);
}

bool
tri_world_stopped(void)
{
    return tri_load(&world.stopped) != 0;
}

bool
tri_host_world_stopped(void)
{
    return tri_world_stopped();
}

/* Asks every thread that is not asked yet. */
static void
ask_all(struct tri_m *self)
{
    for (uint32_t i = 0; i < tri_m_count(); i++) {
        struct tri_m *m = tri_m_at(i);
        if (m == self || m->world_holds != 0)
            continue;
        m->world_holds = 1;
        tri_m_request(m, &world.wait);
    }
}

/* Is there no thread that this stop has not asked? */
static bool
all_asked(struct tri_m *self, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (tri_m_at(i) != self && tri_m_at(i)->world_holds == 0)
            return false;
    return true;
}

/* Under TSan a thread may have to be asked more than once (SIG-5).  True: somebody was
 * looked at, so slow he was. */
static bool
await_answers(struct tri_m *self, uint32_t counted)
{
    TRI_DCHECK(all_asked(self, counted),
               "STW-3: waiting for threads before all are asked");
    const int64_t look_ns = TRI_TSAN ? INT64_C(200000) : TRI_STRAGGLER_NS;
    bool looked = false;
    while (!tri_stop_wait_all(&world.wait, look_ns)) {
        looked = true;
        for (uint32_t i = 0; i < tri_m_count(); i++)
            if (tri_m_at(i)->world_holds != 0)
                tri_m_nudge(tri_m_at(i));
        tri_stragglers_look(world.begin_ns);
    }
    return looked;
}

static void
stop_all(struct tri_m *self)
{
    uint32_t counted;
    bool looked = false;
    do {
        counted = tri_m_count();
        /* One more than asked, so that nobody sees 0 while we still ask. */
        tri_store(&world.wait.remaining, 1);
        ask_all(self);
        tri_sub(&world.wait.remaining, 1);
        looked |= await_answers(self, counted);
        /* Who was not stopped yet may have made another. */
    } while (tri_m_count() != counted);
    for (uint32_t i = 0; i < counted; i++)
        tri_san_acquire(tri_m_at(i));
    if (looked)
        tri_stragglers_stopped();
}

void
tri_host_stop_world(enum tri_stop_reason reason)
{
    struct tri_m *self = tri_local_m();
    TRI_CHECK(tri_critical_depth() == 0,
              "STW-1: stopping the world inside a critical section");
    lock_world();
    /* Relaxed: sysmon looks while we are stopped. */
    tri_add_relaxed(&self->no_preempt, 1);
    world.begin_ns = tri_os_now_ns();
    world.number++;
    world.reason = reason;
    tri_trace_stw_begin(world.number, (uint32_t)reason);
    tri_enter();
    tri_lock(&tri_sched.lock);
    tri_store(&tri_sched.stopping, 1);
    tri_unlock(&tri_sched.lock);
    tri_store(&world.wait.last_tid, 0);
    stop_all(self);
    tri_store(&world.stopped, 1);
    int64_t took = tri_os_now_ns() - world.begin_ns;
    tri_histogram_add(&pauses()->stopping, took);
    tri_trace_stw_stopped(world.number, (uint64_t)took,
                          tri_load(&world.wait.last_tid));
}

void
tri_host_start_world(void)
{
    struct tri_m *self = tri_local_m();
    TRI_CHECK(tri_world_stopped(), "starting a world that is not stopped");
    TRI_DCHECK(all_asked(self, tri_m_count()),
               "BORN-4, STW-2: a thread came that this stop does not hold");
    int64_t total = tri_os_now_ns() - world.begin_ns;
    tri_histogram_add(&pauses()->total, total);
    tri_store(&world.stopped, 0);
    tri_lock(&tri_sched.lock);
    tri_store(&tri_sched.stopping, 0);
    tri_unlock(&tri_sched.lock);
    tri_futex_wake(&tri_sched.stopping, INT32_MAX);
    for (uint32_t i = 0; i < tri_m_count(); i++) {
        struct tri_m *m = tri_m_at(i);
        if (m->world_holds == 0)
            continue;
        m->world_holds = 0;
        if (m->loses_p != 0) {
            m->loses_p = 0;
            tri_m_release_without_p(m);
        } else {
            tri_m_release(m);
        }
    }
    tri_trace_stw_end(world.number, (uint64_t)total);
    tri_leave();
    tri_sub_relaxed(&self->no_preempt, 1); /* as above */
    unlock_world();
}

/* ---- the ragged barrier --------------------------------------------------- */

/* Off the list, and not just found there: fn takes locks that come before the
 * scheduler's (LOCK-2). */
static bool
take_idle(struct tri_p *p)
{
    tri_lock(&tri_sched.lock);
    bool found = tri_p_take_this_idle_locked(p);
    tri_unlock(&tri_sched.lock);
    return found;
}

/* Visits p if it can be had now.  In a critical section. */
static bool
visit(struct tri_p *p, void (*fn)(struct tri_gc_p *p, void *arg), void *arg)
{
    struct tri_m *self = tri_local_m();
    struct tri_m *m = tri_load(&p->m);
    bool done = false;
    if (m == self && tri_load(&p->status) == TRI_P_RUNNING) {
        fn(p->gc, arg);
        return true;
    }
    if (tri_p_take_in_call(p)
        || (tri_load(&p->status) == TRI_P_IDLE && take_idle(p))) {
        fn(p->gc, arg);
        tri_p_hand_off(p);
        return true;
    }
    if (m == NULL || !tri_m_stop_one(m))
        return false;
    if (tri_load(&p->m) == m && tri_load(&m->p) == p) {
        fn(p->gc, arg);
        done = true;
    }
    tri_m_release(m);
    return done;
}

void
tri_host_each_p(void (*fn)(struct tri_gc_p *p, void *arg), void *arg)
{
    struct tri_m *self = tri_local_m();
    lock_world();
    /* Relaxed: sysmon looks while we are stopped. */
    tri_add_relaxed(&self->no_preempt, 1);
    int64_t begin_ns = tri_os_now_ns();
    int32_t count = tri_load(&tri_sched.p_count);
    for (int32_t i = 0; i < count; i++)
        tri_store(&tri_sched.p[i]->ragged, 1);
    for (int32_t left = count; left > 0;) {
        for (int32_t i = 0; i < count; i++) {
            struct tri_p *p = tri_sched.p[i];
            if (tri_load(&p->ragged) == 0)
                continue;
            tri_enter();
            bool done = visit(p, fn, arg);
            tri_leave();
            if (done) {
                tri_store(&p->ragged, 0);
                left--;
            }
        }
        if (left > 0 && tri_os_now_ns() - begin_ns < SPIN_NS)
            tri_cpu_relax();
        else if (left > 0)
            tri_os_sleep_ns(REST_NS); /* STW-5 */
    }
    tri_sub_relaxed(&self->no_preempt, 1); /* as above */
    unlock_world();
}
