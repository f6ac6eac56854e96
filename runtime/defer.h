/* SPDX-License-Identifier: MIT */
/*
 * runtime/defer.h: wake-ups put off.  Whoever makes another goroutine ready looks
 * for an idle P to run it (SCHED-2).  Where two goroutines take turns, as over an
 * unbuffered channel, that is in vain every time: the first parks right after, its
 * own P runs the second, and the thread that was woken finds nothing, or worse,
 * takes the second to another core.  So a P that ran what it made ready itself,
 * many times in a row, begins to defer: it wakes nobody for a goroutine that is
 * the only one in its queues.
 *
 *   SCHED-5  While a P defers, sysmon looks every half millisecond; if the P has
 *            decided nothing since the last look, it ends the deferring, and wakes
 *            somebody if work waits there; otherwise a goroutine waits beside an
 *            idle P for as long as the one that made it ready computes.  So the
 *            deferring outlives a change of holders: who is given the P may
 *            compute as well.
 *   SCHED-6  `deferring` counts the Ps that defer: added to before the look whether
 *            sysmon sleeps long, and looked at by sysmon after it said so (both
 *            sequentially consistent); otherwise it sleeps long beside one.
 *
 * A mistake doubles the length of the next proof, up to a limit, and a good while
 * without one halves it: a program whose hand-overs are meant to run in parallel
 * defers seldom, and a machine that is busy with something else, so that a P seems to
 * compute, does not end it for ever.
 *
 * Not otherwise: a timer for each wake-up (a clock and a queue for each hand-over);
 * to let the woken thread spin in case (a core burnt by two goroutines that need
 * one).  Go wakes at once, always.
 */
#ifndef TRI_RUNTIME_DEFER_H
#define TRI_RUNTIME_DEFER_H

#include "runtime/sched.h"

#define TRI_DEFER_LOOK_NS   INT64_C(500000)
#define TRI_DEFER_SHIFT_MAX 5

/* p, ours, begins to defer.  Its streak is as long as asked for. */
void tri_defer_begin(struct tri_p *p);
/* sysmon looks at p; `moved`: it runs, and decided something since the last look.
 * True: somebody was woken. */
bool tri_defer_look(struct tri_p *p, bool moved);
/* p, which has nothing to run or is about to be looked after. */
void tri_defer_end(struct tri_p *p);

/* p's holder makes a call that may last: what waits here, waits no longer. */
static inline void
tri_defer_call(struct tri_p *p)
{
    /* Relaxed: ours, or just ended by sysmon. */
    if (TRI_LIKELY(tri_load_relaxed(&p->defers) == 0))
        return;
    tri_defer_end(p);
    tri_sched_wake();
}

/* How long a streak has to be. */
static inline uint32_t
tri_defer_proof(struct tri_p *p)
{
    enum {
        PROOF = 32
    };
    if (tri_debug.schedfuzz != 0)
        return 1;
    /* Relaxed: sysmon's, and a hint. */
    return (uint32_t)PROOF << tri_load_relaxed(&p->defer_shift);
}

/* p's holder put one goroutine into runnext, the only one there: to wake nobody? */
static inline bool
tri_defer_wake(struct tri_p *p)
{
    /* Sequentially consistent, after it was put there: pairs with sysmon, who
     * ends the deferring and looks for work afterwards. */
    if (tri_load(&p->defers) != 0)
        return true;
    /* Proof of something only while somebody could have taken it. */
    p->readied = tri_load(&tri_sched.idle_p_count) != 0
              || tri_load(&tri_sched.spinning) != 0;
    return false;
}

/* A decision of p: it found the one it made ready, or did not. */
static inline void
tri_defer_learn(struct tri_p *p, bool found)
{
    if (TRI_LIKELY(p->readied == 0))
        return;
    p->readied = 0;
    p->solo_streak = found ? p->solo_streak + 1 : p->solo_streak / 2;
    if (p->solo_streak >= tri_defer_proof(p))
        tri_defer_begin(p);
}

#endif /* TRI_RUNTIME_DEFER_H */
