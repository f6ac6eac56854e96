/* SPDX-License-Identifier: MIT */
/*
 * runtime/queue.c: the queues of runnable goroutines: who is put where, and who takes
 * whom.
 *
 * Each P has one of its own (runq.h), and before that a place for the one that was made
 * ready last (runnext), which runs next, in the slice of who made it ready (SCHED-8).
 * The global one, under the scheduler's lock, has what finds no room there, what is
 * made ready without a P, and those who yield to others in it.  Who has nothing takes
 * half of another's queue, and in the end what that P is about to run.
 *
 * The global one is a list of chains, of as many as one P takes at a time or fewer: who
 * takes one touches its first goroutine under the lock, and the others, whose lines are
 * another CPU's, when he has left.
 *
 *   GLOBAL-1  Who was taken from the global queue counts in queue_count until he
 *             stands in a local one; otherwise a P goes idle between the two, and
 *             nobody wakes it.
 */
#include "runtime/queue.h"

#include "base/check.h"
#include "base/option.h"
#include "base/os.h"
#include "runtime/defer.h"

#define STEAL_ROUNDS 4
/* A hand-over's length; Go waits 3 us here. */
#define RUNNEXT_GRACE_NS 2000

/* ---- the global one ------------------------------------------------------- */

/* Between leaving the lock and GLOBAL-1's end the count is higher than what is here, and
 * an M with nothing to do looks again and again instead of going idle: for less than a
 * microsecond, or, if the system puts the taker's thread aside there, until that goes
 * on.  For as long nobody can steal what he took, and who yields is put in here. */
static void
append_locked(struct tri_g *first, uint32_t count)
{
    first->next_chain = NULL;
    first->chain_count = count;
    if (tri_sched.queue_tail == NULL)
        tri_sched.queue_head = first;
    else
        tri_sched.queue_tail->next_chain = first;
    tri_sched.queue_tail = first;
}

void
tri_sched_put_global_locked(struct tri_g *g)
{
    g->link = NULL;
    append_locked(g, 1);
    tri_add(&tri_sched.queue_count, 1);
}

void
tri_sched_put_global(struct tri_g *g)
{
    tri_lock(&tri_sched.lock);
    tri_sched_put_global_locked(g);
    tri_unlock(&tri_sched.lock);
}

/* The first `count` of the first chain, which has more, for a chain of their own. */
static struct tri_g *
split_first_locked(uint32_t count)
{
    struct tri_g *first = tri_sched.queue_head;
    struct tri_g *last = first;
    for (uint32_t i = 1; i < count; i++)
        last = last->link;
    struct tri_g *rest = last->link;
    last->link = NULL;
    rest->next_chain = first->next_chain;
    rest->chain_count = first->chain_count - count;
    tri_sched.queue_head = rest;
    if (tri_sched.queue_tail == first)
        tri_sched.queue_tail = rest;
    first->chain_count = count;
    return first;
}

/* At most `share` goroutines, as a list of chains. */
static struct tri_g *
take_chains_locked(uint32_t share)
{
    struct tri_g *chains = NULL;
    struct tri_g **end = &chains;
    while (share > 0 && tri_sched.queue_head != NULL) {
        struct tri_g *first = tri_sched.queue_head;
        if (first->chain_count > share) {
            first = split_first_locked(share);
        } else {
            tri_sched.queue_head = first->next_chain;
            if (first->next_chain == NULL)
                tri_sched.queue_tail = NULL;
        }
        share -= first->chain_count;
        first->next_chain = NULL;
        *end = first;
        end = &first->next_chain;
    }
    return chains;
}

/* The first one is to run; the others into p's queue.  GLOBAL-1. */
static void
settle_chains(struct tri_p *p, struct tri_g *chains)
{
    uint32_t count = 0;
    struct tri_g *next_chain;
    for (struct tri_g *chain = chains; chain != NULL; chain = next_chain) {
        struct tri_g *next;
        next_chain = chain->next_chain;
        for (struct tri_g *g = chain; g != NULL; g = next) {
            next = g->link;
            tri_g_fetch_stack(g);
            count++;
            if (g != chains && !tri_runq_put(&p->runq, g))
                tri_sched_put_global(g);
        }
    }
    tri_sub(&tri_sched.queue_count, count);
}

struct tri_g *
tri_sched_take_global(struct tri_p *p, uint32_t max)
{
    uint32_t count = tri_load(&tri_sched.queue_count);
    if (count == 0)
        return NULL;
    uint32_t share = count / (uint32_t)tri_sched_p_count() + 1;
    if (share > max)
        share = max;
    tri_lock(&tri_sched.lock);
    struct tri_g *chains = take_chains_locked(share);
    tri_unlock(&tri_sched.lock);
    if (chains != NULL)
        settle_chains(p, chains);
    return chains;
}

/* ---- putting -------------------------------------------------------------- */

/* The local queue is full: half of it and g go to the global one. */
static void
overflow(struct tri_p *p, struct tri_g *g)
{
    struct tri_g *chain[TRI_RUNQ_SLOTS / 2 / TRI_GLOBAL_BATCH + 1];
    uint32_t length[TRI_ARRAY_COUNT(chain)];
    struct tri_g *last = NULL;
    uint32_t count = 0;
    for (bool more = true; more; count++) {
        struct tri_g *next =
            count < TRI_RUNQ_SLOTS / 2 ? tri_runq_take(&p->runq) : NULL;
        more = next != NULL;
        if (next == NULL)
            next = g;
        next->link = NULL;
        if (count % TRI_GLOBAL_BATCH == 0) {
            chain[count / TRI_GLOBAL_BATCH] = next;
            length[count / TRI_GLOBAL_BATCH] = 0;
        } else {
            last->link = next;
        }
        length[count / TRI_GLOBAL_BATCH]++;
        last = next;
    }
    tri_lock(&tri_sched.lock);
    for (uint32_t i = 0; i < (count + TRI_GLOBAL_BATCH - 1) / TRI_GLOBAL_BATCH;
         i++)
        append_locked(chain[i], length[i]);
    tri_add(&tri_sched.queue_count, count);
    tri_unlock(&tri_sched.lock);
}

/* True: it is the only one that waits here. */
static bool
put_local(struct tri_p *p, struct tri_g *g, bool next)
{
    bool placed;
    bool only = false;
    if (tri_debug.schedfuzz != 0)
        next = next && tri_p_random(p) % 2 == 0;
    if (next) {
        /* The one that was next goes to the queue's end.  Both are followed by
         * the look for an idle P, and so sequentially consistent (SCHED-2): the
         * swap for the one that is next now; the put for the other, the only one
         * of the two that is there for others while p defers. */
        g = tri_swap(&p->runnext, g);
        placed = g == NULL || tri_runq_put_seen(&p->runq, g);
        only = g == NULL && tri_runq_empty(&p->runq);
    } else {
        placed = tri_runq_put_seen(&p->runq, g);
    }
    if (!placed)
        overflow(p, g);
    return only;
}

void
tri_sched_put_last(struct tri_p *p, struct tri_g *g)
{
    (void)put_local(p, g, false);
}

void
tri_sched_put(struct tri_g *g, bool next)
{
    struct tri_p *p = tri_current_p();
    bool only = false;
    if (p == NULL)
        tri_sched_put_global(g);
    else
        only = put_local(p, g, next);
    if (!only || !tri_defer_wake(p))
        tri_sched_wake();
}

void
tri_sched_put_list(struct tri_g *first)
{
    struct tri_p *p = tri_current_p();
    struct tri_g *next;
    for (struct tri_g *g = first; g != NULL; g = next) {
        next = g->link;
        if (p == NULL)
            tri_sched_put_global(g);
        else
            (void)put_local(p, g, g == first);
        if (p == NULL || g != first)
            tri_sched_wake();
    }
}

/* ---- taking --------------------------------------------------------------- */

/* It is the queues' turn, before runnext's: p's own first, as with the rest of a
 * decision. */
static TRI_NOINLINE struct tri_g *
take_queued(struct tri_p *p)
{
    p->runnext_streak = 0;
    struct tri_g *g = tri_runq_take(&p->runq);
    if (g == NULL)
        g = tri_sched_take_global(p, TRI_GLOBAL_BATCH);
    /* Relaxed: a look. */
    p->runnext_passed = g != NULL && tri_load_relaxed(&p->runnext) != NULL;
    return g;
}

/* The slice would do, as in Go, which has no limit of turns; but who waits behind two
 * that only pass a token would wait 20 ms each time, and waits a microsecond.
 *
 * The count is of its own, as in TRI_GLOBAL_EVERY. */
struct tri_g *
tri_sched_take_local(struct tri_p *p)
{
    struct tri_g *g = NULL;
    if (TRI_UNLIKELY(p->runnext_streak >= TRI_RUNNEXT_LIMIT))
        g = take_queued(p);
    /* Relaxed: a look; the swap decides against thieves. */
    if (g == NULL && tri_load_relaxed(&p->runnext) != NULL) {
        g = tri_swap(&p->runnext, NULL);
        if (g != NULL) {
            p->runnext_streak++;
            p->runnext_passed = 0;
            tri_p_inherit_slice(p);
            tri_defer_learn(p, tri_runq_empty(&p->runq));
            return g;
        }
    }
    tri_defer_learn(p, false);
    p->runnext_streak = 0;
    tri_p_begin_slice(p);
    return g != NULL ? g : tri_runq_take(&p->runq);
}

/* ---- stealing ------------------------------------------------------------- */

/* What victim is about to run next, if it does not get round to it: whoever made
 * that ready often parks the next moment. */
static struct tri_g *
steal_runnext(struct tri_p *victim)
{
    struct tri_g *g = tri_load_relaxed(&victim->runnext); /* relaxed: a look */
    if (g == NULL)
        return NULL;
    if (tri_load(&victim->status) == TRI_P_RUNNING) {
        uint32_t decisions = tri_p_decisions(victim);
        int64_t end = tri_os_now_ns() + RUNNEXT_GRACE_NS;
        while (tri_os_now_ns() < end)
            tri_cpu_relax();
        if (tri_p_decisions(victim) != decisions)
            return NULL;
    }
    /* Not another one, which is as new. */
    return tri_cas(&victim->runnext, &g, NULL) ? g : NULL;
}

static struct tri_g *
steal_from(struct tri_p *p, struct tri_p *victim, bool runnext_too)
{
    void *got[TRI_RUNQ_SLOTS / 2];
    uint32_t count = tri_runq_steal(&victim->runq, got, TRI_RUNQ_SLOTS / 2);
    if (count == 0)
        return runnext_too ? steal_runnext(victim) : NULL;
    /* Others look at them when we stop spinning (SCHED-3). */
    for (uint32_t i = 0; i + 1 < count; i++)
        if (!tri_runq_put(&p->runq, got[i]))
            overflow(p, got[i]);
    return got[count - 1];
}

struct tri_g *
tri_sched_steal(struct tri_p *p)
{
    uint32_t count = (uint32_t)tri_sched_p_count();
    for (int round = 0; round < STEAL_ROUNDS; round++) {
        uint32_t at = tri_p_random(p) % count;
        for (uint32_t i = 0; i < count; i++, at = (at + 1) % count) {
            struct tri_p *victim = tri_sched.p[at];
            if (victim == p)
                continue;
            bool last = round == STEAL_ROUNDS - 1;
            if (last && tri_p_has_timers(victim) && tri_timers_run(victim))
                return tri_sched_take_local(p);
            struct tri_g *g = steal_from(p, victim, last);
            if (g != NULL)
                return g;
        }
    }
    return NULL;
}
