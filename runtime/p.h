/* SPDX-License-Identifier: MIT */
/*
 * runtime/p.h: a processor: the right to run goroutines, and what comes with
 * it: a queue, an allocation cache, the collector's buffers.
 *
 *   P-1  A P has at most one holder (`m`); it changes hands inside critical
 *        sections: by the holder itself, from idle under the scheduler's lock,
 *        from SYSCALL by a CAS on `status`, or from a thread stopped in place
 *        by its stopper.  Otherwise two threads allocate from one cache.
 *   P-2  Who gives a P to a sleeping M installs it there completely before he
 *        wakes it, so that a P is never "on its way"; otherwise the thread
 *        runs without one.
 *   P-3  `m->p` is written last when a P is given: after a stale wake-up (one for
 *        a P that was taken away again) a thread may find its P, and leave it in
 *        a blocking call, before it is woken.  Otherwise the giver's RUNNING
 *        overwrites its SYSCALL, and nobody ever gets that P back.
 */
#ifndef TRI_RUNTIME_P_H
#define TRI_RUNTIME_P_H

#include "base/atomic.h"
#include "base/compiler.h"
#include "runtime/runq.h"
#include "runtime/timer.h"

#define TRI_PROCS_MAX 1024

enum tri_p_status {
    TRI_P_IDLE,    /* in the idle list, or about to be */
    TRI_P_RUNNING, /* held by m */
    TRI_P_SYSCALL, /* m is in a blocking call; a CAS to IDLE takes it away */
    TRI_P_DEAD     /* index >= number of Ps */
};

struct tri_g;
struct tri_m;
struct tri_gc_p;

#define TRI_P_FREE_GS 64u

/* Keys: [c] constant; [h] the holder inside a critical section, or a stopper;
 * [a] atomic; [l] the scheduler's lock; [s] sysmon only. */
struct tri_p {
    int index;                        /* [c] */
    TRI_ATOMIC(uint32_t) status;      /* [a] enum tri_p_status */
    TRI_ATOMIC(struct tri_m *) m;     /* [a] P-1 */
    struct tri_gc_p *gc;              /* [c] */
    struct tri_pcache *cache;         /* [c] */
    TRI_ATOMIC(uint32_t) diverted;    /* [a] next allocation: slow path */
    TRI_ATOMIC(uint32_t) ragged;      /* [a] the barrier has yet to visit it */
    TRI_ATOMIC(uint32_t) slices;      /* [a][h] begun: SCHED-8 */
    TRI_ATOMIC(uint32_t) heirs;       /* [a][h] decisions without a new one */
    TRI_ATOMIC(uint32_t) calls;       /* [a][h] blocking calls begun */
    TRI_ATOMIC(uint32_t) preempt;     /* [a] its slice is over */
    TRI_ATOMIC(uint32_t) defers;      /* [a] puts wake-ups off (SCHED-5) */
    TRI_ATOMIC(uint32_t) defer_shift; /* [a][s] so many times a mistake */
    TRI_ATOMIC(struct tri_g *) runnext; /* [a] runs before the queue */
    struct tri_runq runq;               /* [a] */
    struct tri_timers timers; /* its own keys; of who went to sleep here */
    struct tri_p *link;       /* [l] idle list */
    TRI_ATOMIC(int64_t) live; /* [a][h] born here less ended here; may be < 0 */
    uint64_t next_goid;       /* [h] its stock of numbers */
    uint64_t end_goid;        /* [h] the first that is not in it */
    struct tri_g *free_gs;    /* [h] dead ones, with their stacks */
    uint32_t free_g_count;    /* [h] */
    uint32_t queue_turn;      /* [h] queues go before who wants a P */
    uint32_t runnext_streak;  /* [h] runnext before the queue so many times */
    uint32_t runnext_passed;  /* [h] the queues went before it (SCHED-8) */
    uint32_t global_streak;   /* [h] decisions since the global queue's */
    uint32_t readied;         /* [h] one, in runnext, with nothing else to do */
    uint32_t solo_streak;     /* [h] so many of those it ran itself */
    uint32_t worker_idle;     /* [h] runs an idle mark worker */
    uint32_t seen_thread;     /* [h] told by proc_start; 0: none yet */
    uint64_t random;          /* [h] xorshift state */
    uint32_t defer_looks;     /* [s] since the last mistake */
    uint32_t seen_decisions;  /* [s] */
    uint32_t seen_slices;     /* [s] */
    uint32_t seen_calls;      /* [s] */
    int64_t decision_ns;      /* [s] when the decisions changed last */
    int64_t slice_ns;         /* [s] when the slices did */
    int64_t call_ns;          /* [s] when the calls did */
    uint32_t spared;          /* [s] let go on so often: SPARE-1 */
    int64_t cpu_ns;           /* [s] its holder's CPU time, as last read */
    int64_t cpu_seen_ns;      /* [s] when that was first read */
} TRI_CACHE_ALIGNED;

/* A decision: what runs next has a slice of its own, or goes on with the one that is
 * on (SCHED-8).  By the holder, or who gives it to one: one writer at a time, so no
 * read-modify-write.  Relaxed: clocks, and sysmon wants a rough idea. */
static inline void
tri_p_begin_slice(struct tri_p *p)
{
    tri_store_relaxed(&p->slices, tri_load_relaxed(&p->slices) + 1);
}

static inline void
tri_p_inherit_slice(struct tri_p *p)
{
    tri_store_relaxed(&p->heirs, tri_load_relaxed(&p->heirs) + 1);
}

/* How many of both, for anybody.  Each grows alone, so the sum tells whether there
 * was one since. */
static inline uint32_t
tri_p_decisions(struct tri_p *p)
{
    return tri_load_relaxed(&p->slices) + tri_load_relaxed(&p->heirs);
}

/* One of the program's goroutines was born (1) or ended (-1) here.  Relaxed, and no
 * read-modify-write: one writer at a time; who wants the sum to be exact has seen
 * every P go idle. */
static inline void
tri_p_count_live(struct tri_p *p, int64_t change)
{
    tri_store_relaxed(&p->live, tri_load_relaxed(&p->live) + change);
}

/* Its holder has something to run. */
static inline bool
tri_p_has_work(struct tri_p *p)
{
    return tri_load(&p->runnext) != NULL || tri_runq_count(&p->runq) != 0;
}

/* Relaxed: a look.  A holder's own times he sets himself, and what a thief misses is
 * somebody's who watches (TIMER-3). */
static inline bool
tri_p_has_timers(struct tri_p *p)
{
    return tri_load_relaxed(&p->timers.next_ns) != INT64_MAX;
}

/* xorshift64*: order of stealing, fuzz.  By the holder. */
static inline uint32_t
tri_p_random(struct tri_p *p)
{
    uint64_t x = p->random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    p->random = x;
    return (uint32_t)((x * UINT64_C(0x2545f4914f6cdd1d)) >> 32);
}

#endif /* TRI_RUNTIME_P_H */
