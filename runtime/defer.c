/* SPDX-License-Identifier: MIT */
/*
 * runtime/defer.c: a P begins and ends to put wake-ups off (defer.h).
 */
#include "runtime/defer.h"

void
tri_defer_begin(struct tri_p *p)
{
    p->solo_streak = 0;
    if (tri_swap(&p->defers, 1) != 0)
        return;
    tri_add(&tri_sched.deferring, 1);
    tri_sysmon_poke(); /* SCHED-6 */
}

void
tri_defer_end(struct tri_p *p)
{
    /* Relaxed: a look; the swap decides who counts it off. */
    if (tri_load_relaxed(&p->defers) != 0 && tri_swap(&p->defers, 0) != 0)
        tri_sub(&tri_sched.deferring, 1);
}

/* Relaxed: we are the one writer. */
static void
mistake(struct tri_p *p)
{
    uint32_t shift = tri_load_relaxed(&p->defer_shift);
    if (shift < TRI_DEFER_SHIFT_MAX)
        tri_store_relaxed(&p->defer_shift, shift + 1);
    p->defer_looks = 0;
}

static void
no_mistake(struct tri_p *p)
{
    enum {
        GOOD_WHILE = 128
    };
    uint32_t shift = tri_load_relaxed(&p->defer_shift); /* relaxed: as above */
    if (shift == 0 || ++p->defer_looks < GOOD_WHILE)
        return;
    tri_store_relaxed(&p->defer_shift, shift - 1);
    p->defer_looks = 0;
}

bool
tri_defer_look(struct tri_p *p, bool moved)
{
    if (tri_load(&p->defers) == 0)
        return false;
    if (moved) {
        no_mistake(p);
        return false;
    }
    tri_defer_end(p);
    if (!tri_p_has_work(p))
        return false; /* it computes or is idle, and nobody waits */
    mistake(p);
    tri_sched_wake();
    return true;
}
