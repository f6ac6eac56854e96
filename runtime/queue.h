/* SPDX-License-Identifier: MIT */
/*
 * runtime/queue.h: what a decision takes from the queues of runnable goroutines
 * (queue.c), and where one goes that yields.
 */
#ifndef TRI_RUNTIME_QUEUE_H
#define TRI_RUNTIME_QUEUE_H

#include "runtime/sched.h"

/* So many times runnext goes before the queues, if its slice is not over earlier. */
#define TRI_RUNNEXT_LIMIT 16u
/* So many are taken from the global queue at once. */
#define TRI_GLOBAL_BATCH 32u

/* runnext, or the first of p's queue; NULL: none.  By p's holder. */
struct tri_g *tri_sched_take_local(struct tri_p *p);
/* From the global queue: one to run, and a fair share, `max` in all, for p's. */
struct tri_g *tri_sched_take_global(struct tri_p *p, uint32_t max);
/* Looks at all others in turn, from a random one on, a few times; the last time it takes even what
 * an owner is about to run next, and goroutines whose time has come. */
struct tri_g *tri_sched_steal(struct tri_p *p);

/* A slice is over: the next to be taken comes from the queues (SCHED-8); but not twice
 * with nobody from runnext in between, who would wait for as long as slices end. */
static inline void
tri_sched_queues_first(struct tri_p *p)
{
    if (p->runnext_passed == 0)
        p->runnext_streak = TRI_RUNNEXT_LIMIT;
}

/*
 * One that yields: behind all that this P could run instead.  That is its own
 * queue, which costs no lock (Go takes the global one always), unless somebody
 * waits in the global queue.  Under schedfuzz always the global one: there it
 * changes threads.
 */
static inline void
tri_sched_put_behind(struct tri_p *p, struct tri_g *g)
{
    if (tri_load(&tri_sched.queue_count) != 0 || tri_debug.schedfuzz != 0
        || !tri_runq_put_seen(&p->runq, g))
        tri_sched_put_global(g);
    tri_sched_wake();
}

#endif /* TRI_RUNTIME_QUEUE_H */
