/* SPDX-License-Identifier: MIT */
/*
 * runtime/sched.h: the scheduler's shared state and what its files call in
 * each other.  Design: docs/design/scheduler.md.
 *
 *   SCHED-1  At most as many Ms run managed code as there are Ps; otherwise two
 *            allocate from one cache (P-1), or one has none.
 *   SCHED-2  Who makes work visible looks for an idle P afterwards, and who
 *            makes a P idle looks for work afterwards (both sequentially
 *            consistent); otherwise work waits with a P idle.
 *   SCHED-3  A spinning M that found work wakes another one if it was the last
 *            to spin; otherwise a burst of work is picked up by one M alone.
 *   SCHED-4  The scheduler runs inside one critical section with safe points;
 *            it is never stopped in place, but where it leaves the section with
 *            nothing in its hands, after a mark worker; otherwise it is stopped
 *            with the scheduler's lock, or a goroutine that is nowhere, in its
 *            hands.
 *   SCHED-5, SCHED-6  wake-ups put off: defer.h
 *   SCHED-7  After main has returned no goroutine is switched to, but Ps go round as
 *            before: to attached threads and others that want one, to mark workers,
 *            to who sees to timers; otherwise an attached thread that comes back
 *            from a blocking call waits for ever, as does who joins it.
 *   SCHED-8  Who runs because the one before made it ready (runnext) goes on with
 *            that one's time slice; and after a slice the queues go before runnext.
 *            Otherwise two that make each other ready keep the P for as many slices
 *            as runnext may go first.
 */
#ifndef TRI_RUNTIME_SCHED_H
#define TRI_RUNTIME_SCHED_H

#include <tricolor/tricolor.h>

#include "base/check.h"
#include "base/histogram.h"
#include "base/lock.h"
#include "base/option.h"
#include "gc/host.h"
#include "runtime/g.h"
#include "runtime/m.h"
#include "runtime/p.h"

/* So many decisions, and the global queue goes first (T-010).  By a count of its
 * own, which is set back then: yields that are no switch count as well, and a number
 * that moves by more than one may never meet a multiple. */
#define TRI_GLOBAL_EVERY 61u
/* So long is a P kept for a thread that is being born (BORN-3). */
#define TRI_BIRTH_PATIENCE_NS INT64_C(1000000)

/*
 * Keys: [c] constant after tri_sched_init; [l] `lock`; [a] atomic; [w] written
 * with the world stopped.
 *
 *   SCHED-9  What is written at each wake-up, block or birth shares no cache line
 *            with what decisions only read, and each group below begins a line.
 *            Otherwise where the linker puts it decides: a mutex storm took two to
 *            fourteen times as long when it lay 32 bytes further.
 */
struct tri_sched {
    /* Read by all, written seldom. */
    TRI_CACHE_ALIGNED struct tri_p *p[TRI_PROCS_MAX]; /* [w] */
    TRI_ATOMIC(int32_t) p_count;                      /* [w] */
    TRI_ATOMIC(uint32_t) stopping; /* [a] the world stops or is stopped */
    TRI_ATOMIC(uint32_t) foreign;  /* [a] a thread was ever attached */
    TRI_ATOMIC(uint32_t) ending;   /* [a] main returned: SCHED-7 */
    TRI_ATOMIC(uint32_t) places;   /* [a] grows when TRI_BIND's CPUs change */
    TRI_ATOMIC(uint32_t) started;  /* [a] */
    uint64_t birth_mask;           /* [c] signals a new thread blocks */
    bool async_stop;               /* [c] */
    bool is_main;                  /* [c] tri_main, not tri_init */

    /* Written by who has the lock. */
    TRI_CACHE_ALIGNED struct tri_lock lock;
    struct tri_g *queue_head; /* [l] global run queue: chains */
    struct tri_g *queue_tail; /* [l] the last one */
    struct tri_p *idle_p;     /* [l] */
    struct tri_m *idle_m;     /* [l] */
    /* Threads that sleep until they are given a P: back from a blocking call,
     * preempted in place, attached threads made ready.  First come. */
    struct tri_m *want_head; /* [l] */
    struct tri_m *want_tail; /* [l] */

    /* Looked at in every decision, without the lock. */
    TRI_CACHE_ALIGNED TRI_ATOMIC(uint32_t)
        queue_count;                   /* [a] goroutines; grows under [l] */
    TRI_ATOMIC(uint32_t) want_count;   /* [a], written under [l] */
    TRI_ATOMIC(uint32_t) idle_p_count; /* [a], written under [l] */
    TRI_ATOMIC(uint32_t) births;       /* [a] Ms whose thread is to come */
    TRI_ATOMIC(int64_t) birth_ns;      /* [a] when that changed last */
    TRI_ATOMIC(uint64_t) worker_calls; /* [a] of tri_host_wake_workers */

    /* Written by who looks for work, or puts it off. */
    TRI_CACHE_ALIGNED TRI_ATOMIC(uint32_t)
        spinning;                      /* [a] Ms that look for work */
    TRI_ATOMIC(uint32_t) deferring;    /* [a] Ps that do (defer.h) */
    TRI_ATOMIC(int64_t) watched_ns;    /* [a] TIMER-3; INT64_MAX: by nobody */
    TRI_ATOMIC(uint32_t) monitor_word; /* [a] 1: sysmon is to look now */
    TRI_ATOMIC(uint32_t) monitor_deep; /* [a] 1: sysmon sleeps long */

    /* Counted. */
    TRI_CACHE_ALIGNED TRI_ATOMIC(uint64_t) next_goid; /* [a] for a P's stock */
    TRI_ATOMIC(int64_t)
    live_count; /* [a] as a P's: born without one (main), and of retired ones */
    TRI_ATOMIC(uint64_t) switches; /* [a] of in-place preemptions */
};

extern struct tri_sched tri_sched;

/* How many Ps there are; 0 .. count - 1 exist.  Acquire pairs with the store in
 * tri_world_set_procs_if, which comes after the new Ps: who asks outside a
 * section may have been stopped in place, with no acquire of its own (PROC-3). */
static inline int32_t
tri_sched_p_count(void)
{
    return tri_load_acquire(&tri_sched.p_count);
}

/* The program's goroutines: a sum of counts that are read one after the other.  Exact
 * when no P runs anything; else off by those born or ended meanwhile. */
int64_t tri_sched_live_count(void);

/* The calling thread's, inside a critical section. */
static inline struct tri_p *
tri_current_p(void)
{
    struct tri_m *m = tri_local_m();
    /* Relaxed: ours. */
    return m == NULL ? NULL : tri_load_relaxed(&m->p);
}

/* The calling thread, which holds p, allocates from p's cache from now on. */
static inline void
tri_p_point_cache(struct tri_p *p)
{
    tri_local_get()->cache =
        tri_load(&p->diverted) != 0 ? &tri_cache_none : p->cache;
}

/* ---- p.c: who holds which P ---- */

struct tri_p *tri_p_new(int index);
/* Gives an unheld P to m, which sleeps or is stopped (P-2). */
void tri_p_install(struct tri_p *p, struct tri_m *m);
/* The calling thread's P, or another's of which the caller took it away. */
struct tri_p *tri_p_uninstall(struct tri_m *m);
/* p has no holder any more, whoever took it: P-1. */
void tri_p_left(struct tri_p *p);
/* Takes p from a thread in a blocking call; false: none has it there. */
bool tri_p_take_in_call(struct tri_p *p);
/* That m holds p now, or where it is to be bound: by the thread itself, and so at its
 * next decision if it was given p while it stood in the signal handler. */
void tri_p_tell_start(struct tri_m *m, struct tri_p *p);
/* There is nothing to tell.  Relaxed: our own, and a look. */
static inline bool
tri_p_is_told(struct tri_m *m, struct tri_p *p)
{
    return p->seen_thread == (uint32_t)tri_load_relaxed(&m->tid)
        && m->places == tri_load_relaxed(&tri_sched.places);
}
/* After a P came: what its new holder owes the collector. */
void tri_p_arrived(struct tri_p *p);
void tri_p_put_idle_locked(struct tri_p *p);
/* Takes a P from idle; NULL: none.  Under the lock. */
struct tri_p *tri_p_take_idle_locked(void);
/* The same for this one; false: it is not there. */
bool tri_p_take_this_idle_locked(struct tri_p *p);
/* The calling thread, a scheduler without a P, takes an idle one if it can. */
bool tri_m_take_idle_p(struct tri_m *m);
struct tri_m *tri_m_take_wanting_locked(void);
/* The first of them gets an idle P, and the caller wakes it; NULL: none of the one
 * or of the other. */
struct tri_m *tri_sched_serve_one_locked(void);
/* Puts m at the end of those who want a P.  Under the lock. */
void tri_m_want_p_locked(struct tri_m *m);
/* m, sleeping or about to, is to be given a P as soon as there is one. */
void tri_m_want_p(struct tri_m *m);
/* Gives this M's P to a thread that wants one.  False: nobody does. */
bool tri_m_give_to_wanting(struct tri_m *m);

/* ---- wake.c, idle.c: threads for Ps ---- */

/* A new thread, running, in a section: takes an idle P, if there is one. */
void tri_sched_born(struct tri_m *m);
/* sysmon: an idle P goes to a thread that wants one, if no thread that is being
 * born takes it soon (BORN-3). */
bool tri_sched_serve_wanting(int64_t now_ns);
/* Work became visible: sees to it that somebody comes (SCHED-2). */
void tri_sched_wake(void);
/* An unheld P goes to whoever needs it. */
void tri_p_hand_off(struct tri_p *p);
/* An unheld P goes to a scheduler, whatever it will find. */
void tri_p_start(struct tri_p *p);
/* Anything a P could do, after one went idle; `calls`: worker_calls before. */
bool tri_sched_work_anywhere(uint64_t calls_before);
/* Nothing found: gives the P up; true: something turned up, look again. */
bool tri_m_go_idle(struct tri_m *m, uint64_t calls_before);
/* Out of the list of those that sleep so.  Under the lock. */
void tri_m_unlist_locked(struct tri_m *m);
/* Without a P: until it is given one, or for no reason. */
void tri_m_sleep_idle(struct tri_m *m);

/* ---- sched.c, queue.c: goroutines for threads ---- */

void tri_sched_init(int procs);
/* The loop of a scheduling M; returns never. */
TRI_NORETURN void tri_sched_loop(struct tri_m *m);
/* Into a queue of the current P, or the global one. */
void tri_sched_put(struct tri_g *g, bool next);
void tri_sched_put_global(struct tri_g *g);
void tri_sched_put_global_locked(struct tri_g *g);
/* At the end of p's queue, the caller's; he wakes somebody. */
void tri_sched_put_last(struct tri_p *p, struct tri_g *g);
/* Runnable ones, by `link`.  The caller runs the first itself, if it has a P. */
void tri_sched_put_list(struct tri_g *first);

/* ---- m.c: threads ---- */

void tri_m_init(void);
/* A struct for a thread that will come; NULL: none left.  Blocked. */
struct tri_m *tri_m_new(void);
void tri_m_free(struct tri_m *m);
/* The same for one that no thread has become. */
void tri_m_unborn(struct tri_m *m);
/* Where the calling thread's stack lies, as m has it then.  -ENOMEM, -EAGAIN. */
TRI_NODISCARD int tri_m_find_stack(struct tri_m *m);
/* The calling thread becomes m, which knows its stack: TLS, signals. */
void tri_m_adopt(struct tri_m *m);
/* Asks the spawner for a thread that runs m's scheduler. */
void tri_m_start_thread(struct tri_m *m);
/* 0 or -errno: starts the spawner and sysmon. */
TRI_NODISCARD int tri_m_start_helpers(void);

/*
 * Off the goroutine's stack, into this M's scheduler, which gives it the state
 * `to` and then calls commit.  In one critical section, with nothing in it that
 * knows the thread (TLS-2).  Inlined: context.h says why.
 */
static inline __attribute__((always_inline)) void
tri_sched_switch(enum tri_g_state to, bool (*commit)(struct tri_g *, void *),
                 void *arg)
{
    struct tri_m *m = tri_local_m();
    struct tri_g *g = tri_load_relaxed(&m->g); /* relaxed: ours */
    TRI_DCHECK(g != NULL && g->bound == NULL, "no goroutine to switch off");
    g->commit = commit;
    g->commit_arg = arg;
    m->off_to = to;
    tri_san_leave(&g->san, &m->san, to == TRI_G_DEAD);
    tri_context_leave(&g->sp, m->sched_sp);
    tri_san_arrive(&g->san);
    if (TRI_UNLIKELY(tri_debug.gccheckmark != 0))
        tri_context_forget();
}

/* ---- park.c, spawn.c ---- */

/* Waits until tri_ready; commit may run on another stack.  NULL: nothing is to
 * be done.  Switches. */
void tri_park(bool (*commit)(struct tri_g *g, void *arg), void *arg,
              const char *reason);
/* The same for who stands in a queue under `lock`, which it gives up (PARK-1). */
void tri_park_unlock(struct tri_lock *lock, const char *reason);
/* A waiting goroutine may run.  Inside a critical section. */
void tri_ready(struct tri_g *g);
/* WAITING -> RUNNABLE alone, a scanner's bit carried along. */
void tri_g_make_runnable(struct tri_g *g);
/* name NULL: the program's own.  stack_bytes 0: a stack of the pool.  pc: where
 * it was asked for, or NULL. */
struct tri_g *tri_spawn(void (*fn)(void *), void *arg, const char *name,
                        size_t stack_bytes, const void *pc);
/* An attached thread's goroutine. */
struct tri_g *tri_spawn_bound(struct tri_m *m);
void tri_g_free(struct tri_p *p, struct tri_g *g);
void tri_g_flush_free(struct tri_p *p);
void tri_g_init(void);
/* Gives the stacks of up to `max` dead goroutines back; how many it did. */
size_t tri_g_trim(size_t max);
TRI_NORETURN void tri_g_exit(void);
/* schedfuzz: perhaps yields. */
void tri_schedpoint_fuzz(void);
static inline void
tri_schedpoint(void)
{
    if (TRI_UNLIKELY(tri_debug.schedfuzz != 0))
        tri_schedpoint_fuzz();
}

/* ---- blocking.c ---- */

/* Waits in place: hands the P off, sleeps, comes back with a P. */
void tri_wait_in_place(TRI_ATOMIC(uint32_t) *word, uint32_t expected,
                       int64_t timeout_ns);
/* Sleeps, without P and blocked, until given one; then runs. */
void tri_m_await_p(struct tri_m *m);
/* The same for a thread that stands in the list of those already, or is given a
 * P when it is made ready.  The caller says that it arrived. */
struct tri_p *tri_m_sleep_for_p(struct tri_m *m);

/* ---- sysmon.c, stw.c, roots.c ---- */

void tri_sysmon_loop(struct tri_m *m);
void tri_sysmon_poke(void);
bool tri_world_stopped(void);
int tri_world_set_procs(int procs);
/* The same if `still` is not 0 once the world has stopped. */
int tri_world_set_procs_if(int procs, TRI_ATOMIC(uint32_t) *still);
/* Pauses: until all stood, and from the asking to the start; the collector's, and
 * those for other reasons (the number of Ps, settings, dumps).  Go: T-009. */
struct tri_pauses {
    struct tri_histogram stopping;
    struct tri_histogram total;
};
extern struct tri_pauses tri_pauses_gc;
extern struct tri_pauses tri_pauses_other;
void tri_roots_init(void);
int tri_roots_add(void *start, size_t bytes);
int tri_roots_remove(void *start);

/* ---- thread.c, init.c, fork.c ---- */

void tri_fork_init(void);
/* Between the two no process is forked (FORK-4).  By a thread that cannot be
 * stopped yet; short. */
void tri_fork_hold_off(void);
void tri_fork_let(void);
/* TSan builds: is this thread in the middle of one (SIG-5)? */
bool tri_fork_is_ours(void);
/* In the child of a fork: ends the process. */
void tri_fork_leave(int result);

/* The calling thread's end is told to thread.c.  0, -EAGAIN, -ENOMEM. */
int tri_thread_set_exit_key(struct tri_m *m);
/* A thread of the runtime's own ends: panics (leave.c). */
TRI_NORETURN void tri_thread_ends_ours(void);
/* The thread's own end of tri_thread_attach, without its checks. */
TRI_NODISCARD int tri_thread_adopt(void);
/* Figures under their names (tri_metric_read). */
void tri_sched_metrics_init(void);

/* Panics unless the caller may use the API: `call` names it. */
TRI_NORETURN void tri_bad_caller(const char *call);
static inline void
tri_check_caller(const char *call)
{
    struct tri_m *m = tri_local_m();
    if (TRI_UNLIKELY(m == NULL || tri_local_g() == NULL
                     || m->blocking_depth != 0))
        tri_bad_caller(call);
}

#endif /* TRI_RUNTIME_SCHED_H */
