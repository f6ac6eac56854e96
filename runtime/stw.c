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
 */
#include "base/check.h"
#include "base/os.h"
#include "gc/gc.h"
#include "runtime/sched.h"
#include "trace/trace.h"

#define SPIN_NS INT64_C(20000) /* as suspend.c's */

/* Keys: [w] who holds the world; [a] atomic. */
static struct {
    TRI_ATOMIC(uint32_t) word;    /* [a] 0 free, 1 held, 2 held, waited for */
    TRI_ATOMIC(uint32_t) stopped; /* [a] */
    struct tri_stop_wait wait;    /* [w] */
    uint64_t number;              /* [w] */
    int64_t begin_ns;             /* [w] */
    enum tri_stop_reason reason;  /* [w] */
} world;

struct tri_histogram tri_pauses_stopping;
struct tri_histogram tri_pauses_total;

/* Only what the collector's own work needs counts as its pause. */
static bool
is_pause_of_gc(void)
{
    return world.reason == TRI_STOP_MARK_START
        || world.reason == TRI_STOP_MARK_TERM
        || world.reason == TRI_STOP_WHOLE_CYCLE;
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

/* Asks every thread that is not asked yet; false: somebody else holds the
 * claim of one (M-2: he gives it up as soon as he is asked himself). */
static bool
ask_all(struct tri_m *self)
{
    bool all = true;
    for (uint32_t i = 0; i < tri_m_count(); i++) {
        struct tri_m *m = tri_m_at(i);
        if (m == self || m->world_holds != 0)
            continue;
        if (tri_m_claim(m)) {
            m->world_holds = 1;
            tri_m_request(m, &world.wait);
        } else {
            all = false;
        }
    }
    return all;
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

/* Under TSan a thread may have to be asked more than once (SIG-5). */
static void
await_answers(struct tri_m *self, uint32_t counted)
{
    TRI_DCHECK(all_asked(self, counted),
               "STW-3: waiting for threads before all are asked");
    const int64_t look_ns = TRI_TSAN ? INT64_C(200000) : TRI_STRAGGLER_NS;
    while (!tri_stop_wait_all(&world.wait, look_ns)) {
        for (uint32_t i = 0; i < tri_m_count(); i++)
            if (tri_m_at(i)->world_holds != 0)
                tri_m_nudge(tri_m_at(i));
        tri_stragglers_look();
    }
}

static void
stop_all(struct tri_m *self)
{
    uint32_t counted;
    do {
        counted = tri_m_count();
        /* One more than asked, so that nobody sees 0 while we still ask. */
        tri_store(&world.wait.remaining, 1);
        int64_t begin_ns = tri_os_now_ns();
        while (!ask_all(self))
            if (tri_os_now_ns() - begin_ns < SPIN_NS)
                tri_cpu_relax();
            else
                tri_os_yield(); /* the other may need our core */
        tri_sub(&world.wait.remaining, 1);
        await_answers(self, counted);
        /* Who was not stopped yet may have made another. */
    } while (tri_m_count() != counted);
    for (uint32_t i = 0; i < counted; i++)
        tri_san_acquire(tri_m_at(i));
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
    if (is_pause_of_gc())
        tri_histogram_add(&tri_pauses_stopping, took);
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
    if (is_pause_of_gc())
        tri_histogram_add(&tri_pauses_total, total);
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

/* Takes this very P off the list of idle ones.  Not just found there: fn takes
 * locks that come before the scheduler's (LOCK-2). */
static bool
take_idle(struct tri_p *p)
{
    tri_lock(&tri_sched.lock);
    struct tri_p **at = &tri_sched.idle_p;
    while (*at != NULL && *at != p)
        at = &(*at)->link;
    bool found = *at != NULL;
    if (found) {
        *at = p->link;
        tri_sub(&tri_sched.idle_p_count, 1);
    }
    tri_unlock(&tri_sched.lock);
    return found;
}

/* Visits p if it can be had now.  In a critical section. */
static bool
visit(struct tri_p *p, void (*fn)(struct tri_gc_p *p, void *arg), void *arg)
{
    struct tri_m *self = tri_local_m();
    struct tri_m *m = tri_load(&p->m);
    uint32_t status = TRI_P_SYSCALL;
    bool done = false;
    if (m == self && tri_load(&p->status) == TRI_P_RUNNING) {
        fn(p->gc, arg);
        return true;
    }
    if (tri_cas(&p->status, &status, TRI_P_IDLE)) {
        /* In a blocking call: taken from it, like sysmon does. */
        tri_p_left(p);
        fn(p->gc, arg);
        tri_p_hand_off(p);
        return true;
    }
    if (status == TRI_P_IDLE) {
        if (!take_idle(p))
            return false;
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
        if (left > 0)
            tri_os_yield();
    }
    tri_sub_relaxed(&self->no_preempt, 1); /* as above */
    unlock_world();
}
