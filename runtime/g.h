/* SPDX-License-Identifier: MIT */
/*
 * runtime/g.h: a goroutine.
 *
 * States, and who changes them:
 *
 *   DEAD ---spawn---> RUNNABLE ---execute---> RUNNING ---exit---> DEAD
 *                        ^                       |
 *                        +--ready-- WAITING <-park-+   (yield: RUNNABLE)
 *
 * SCAN is a bit beside the state: somebody reads this stack.  It is set only
 * on RUNNABLE and WAITING; execute waits until it is gone, everything else
 * carries it along.
 *
 *   G-1  `sp` is written before the state leaves RUNNING (release), and a
 *        scanner sets SCAN (acquire) before it reads `sp`; otherwise the
 *        words between are lost.
 *   G-2  RUNNING is entered only from RUNNABLE without SCAN, by a CAS while there
 *        may be scanners (G-4); otherwise a stack changes under its scanner.
 *   G-3  G structs are type-stable and stay in the table for ever; a dead one
 *        is reused under a new id; otherwise a scanner, which has its index,
 *        reads something else.
 *   G-4  SCAN is set and taken away within one phase of marking, and the phase is
 *        constant in a critical section (PHASE-1): with the collector off, who
 *        owns the next step of a goroutine just writes its state; otherwise that
 *        write takes a scanner's bit away.
 *   G-5  A stack gets its first frame from the M that runs it first, which so
 *        touches the page; until then `arg` is the one root (`sp` is NULL).
 *        Otherwise whoever makes many pays for all their page faults, or what an
 *        argument alone refers to is lost.
 */
#ifndef TRI_RUNTIME_G_H
#define TRI_RUNTIME_G_H

#include "base/atomic.h"
#include "base/sanitize.h"
#include "runtime/stack.h"

enum tri_g_state {
    TRI_G_DEAD,
    TRI_G_RUNNABLE,
    TRI_G_RUNNING,
    TRI_G_WAITING
};
#define TRI_G_SCAN UINT32_C(0x100)

struct tri_m;

/* Keys: [c] constant after birth; [o] its own flow or, while it does not run,
 * the M that switched it off; [a] atomic; [l] under the scheduler's lock or in
 * a queue, by the queue's owner. */
struct tri_g {
    TRI_ATOMIC(uint32_t) state; /* [a] enum tri_g_state | TRI_G_SCAN */
    uint32_t is_main;           /* [c] its end is the program's */
    uint32_t system;            /* [c] not the program's: no deadlock */
    uint32_t sized;             /* [c] log2 of a larger stack; 0: the pool's */
    uint64_t id;                /* [c] */
    void *sp; /* [o] saved stack pointer, G-1; NULL: it never ran */
    TRI_ATOMIC(struct tri_m *) m; /* [a] the M that runs it */
    struct tri_m *bound;          /* [c] attached thread's own; or NULL */
    struct tri_g *link;       /* [l] next in a queue, or in its chain there */
    struct tri_g *next_chain; /* [l] of a chain's first, in the global queue */
    uint32_t chain_count;     /* [l] the same */
    struct tri_stack stack;   /* [c] of bound ones: the thread's */
    struct tri_san san;       /* [o] */
    uint32_t idle_scans;      /* [o] since it ran; a scanner, under SCAN */

    /* What the scheduler is to do once it is off this stack. */
    bool (*commit)(struct tri_g *g, void *arg); /* [o] */
    void *commit_arg;                           /* [o] */
    const char *wait_reason;                    /* [o] why it waits */
    uint64_t spawner;                           /* [c] id */
    const void *spawn_pc; /* [c] where tri_go was called; NULL: nowhere */
    const char *name;     /* [c] system goroutines; or NULL */
    void (*fn)(void *);   /* [c] */
    void *arg;            /* [c] a root until it runs */
};

/* One that runs soon, and has lain still for long: what a switch to it reads comes
 * meanwhile.  Its struct first, its stack when that is there. */
static inline void
tri_g_fetch(const struct tri_g *g)
{
    __builtin_prefetch(g, 1);
    __builtin_prefetch(&g->commit, 1);
}

static inline void
tri_g_fetch_stack(const struct tri_g *g)
{
    __builtin_prefetch(g->sp, 1);
    __builtin_prefetch((const char *)g->sp + 64, 1);
}

/* The table of all goroutines ever born: index 0 .. count - 1. */
size_t tri_g_count(void);
struct tri_g *tri_g_at(size_t i);
/* The first frame of one that never ran (G-5).  By the M that runs it. */
void tri_g_begin(struct tri_g *g);
/* A new entry; NULL: no memory.  In a critical section. */
struct tri_g *tri_g_new(void);

#endif /* TRI_RUNTIME_G_H */
