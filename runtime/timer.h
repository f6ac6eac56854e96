/* SPDX-License-Identifier: MIT */
/*
 * runtime/timer.h: goroutines that sleep, and waits that end at some time: one heap
 * for each P (timer.c), and who looks at them (timer_watch.c).
 *
 *   TIMER-1  A tri_timer fires under its heap's lock, and tri_timer_cancel takes
 *            that lock; so whoever has cancelled may drop it.  Otherwise it fires
 *            into a frame that is gone.
 *   TIMER-2  An entry changes heaps with the world stopped only; so a heap that is
 *            read and locked in one section is the right one.  Otherwise a timer is
 *            taken out of a heap that it is no longer in.
 *   TIMER-3  While a P is idle and a time is set, an M sleeps no longer than until
 *            then, or somebody runs who will see to it: who goes idle watches the
 *            earliest of all Ps' times; who runs something with an earlier one in
 *            his heap, or leaves his watch, or gives a P up otherwise, looks
 *            whether one is watched, and else starts an M that will.  Otherwise a
 *            timer waits, with a P idle, until somebody comes by.
 */
#ifndef TRI_RUNTIME_TIMER_H
#define TRI_RUNTIME_TIMER_H

#include "base/lock.h"

struct tri_g;
struct tri_m;
struct tri_p;
struct tri_timers;

/* The goroutine that sleeps, or, with bit 0 set, the tri_timer. */
struct tri_timer_entry {
    int64_t when_ns;
    uintptr_t who;
};

/* A P's heap.  Keys: [a] atomic; [l] under the lock, or with the world stopped. */
struct tri_timers {
    TRI_ATOMIC(int64_t) next_ns;  /* [a], written [l]; INT64_MAX: none */
    struct tri_lock lock;         /* of the rank TIMER */
    struct tri_timer_entry *heap; /* [l] */
    size_t count;                 /* [l] */
    size_t slots;                 /* [l] */
};

/* A time that may be called off; zeroed, but for `fire`. */
struct tri_timer {
    struct tri_timers *in; /* its heap, the last it was in: TIMER-2 */
    size_t place;          /* there, from 1; 0: not any more */
    /* Called once, under the heap's lock.  The goroutine that is to be made ready,
     * or NULL; may not touch the timer after its owner can go on. */
    struct tri_g *(*fire)(struct tri_timer *timer);
};

/* ---- timer.c ---------------------------------------------------------------- */

void tri_timers_init(struct tri_timers *timers);
/* g, parked, is made ready at when_ns. */
void tri_timer_add(struct tri_g *g, int64_t when_ns);
void tri_timer_set(struct tri_timer *timer, int64_t when_ns);
/* It has fired, or will not. */
void tri_timer_cancel(struct tri_timer *timer);
/* Whose time has come, `max` at most, oldest first; to be made ready. */
uint32_t tri_timers_take(struct tri_timers *timers, int64_t now_ns,
                         struct tri_g **due, uint32_t max);
/* A P ends, with the world stopped: its times become another's. */
void tri_timers_move(struct tri_timers *from, struct tri_timers *to);

/* ---- timer_watch.c: inside a critical section --------------------------------- */

/* The earliest of all Ps; INT64_MAX: none. */
int64_t tri_timers_next(void);
/* Some P's time has come. */
bool tri_timers_due(void);
/* Those of `of` that are due, into our queue; false: none. */
bool tri_timers_run(struct tri_p *of);
/* The same for all Ps. */
void tri_timers_run_all(void);
/* sysmon: the same for a P whose holder does not come by. */
void tri_timers_rescue(struct tri_p *of, int64_t now_ns);
/* m has given its P up: until when it is to sleep; 0: for ever. */
int64_t tri_timers_watch(struct tri_m *m);
/* It is awake. */
void tri_timers_unwatch(struct tri_m *m);
/* `next_ns` is earlier than anybody's sleep ends, and a P is idle. */
bool tri_timers_unwatched(int64_t next_ns);
/* m, about to run something on p: TIMER-3. */
void tri_timers_see_to(struct tri_m *m, struct tri_p *p);

#endif /* TRI_RUNTIME_TIMER_H */
