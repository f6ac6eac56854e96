/* SPDX-License-Identifier: MIT */
/*
 * runtime/timer.c: a P's times, in a heap of four children per node.  Who sleeps, and
 * who waits with a time limit, is put into the heap of the P he leaves, and comes
 * back to the queue of who takes him out; nobody but thieves and cancellers of
 * another P's timers ever waits for a heap's lock.
 *
 * An entry is a time and a pointer, so that four children are one cache line, and
 * sifting touches no goroutine.  Of those with the same time any comes first.
 *
 * A wait that may end before its time is a tri_timer, in its owner's hands, which
 * knows its place, so that it can be taken out again.  At once: it lies on its
 * owner's stack, and is gone when he returns.  (Go leaves those that were called off
 * in the heap until they come up; theirs are the collector's.)
 */
#include "runtime/timer.h"

#include "base/check.h"
#include "base/os.h"
#include "runtime/sched.h"
#include "trace/trace.h"

#define ARITY       4u
#define FIRST       3u /* the root's slot: children begin at a multiple of four */
#define SLOTS_FIRST 256u
#define IS_TIMER    ((uintptr_t)1)

void
tri_timers_init(struct tri_timers *timers)
{
    tri_lock_init(&timers->lock, TRI_RANK_TIMER);
    tri_store(&timers->next_ns, INT64_MAX);
}

/* ---- the heap: under its lock ------------------------------------------------- */

static void
grow(struct tri_timers *timers)
{
    size_t slots = timers->slots == 0 ? SLOTS_FIRST : 2 * timers->slots;
    struct tri_timer_entry *heap = tri_os_grow(
        timers->heap, timers->slots * sizeof(*heap), slots * sizeof(*heap));
    TRI_CHECK(heap != NULL, "no memory for %zu timers", slots);
    timers->heap = heap;
    timers->slots = slots;
}

/* `at` counts from 0, the root; the slot is FIRST further. */
static inline struct tri_timer_entry *
slot(const struct tri_timers *timers, size_t at)
{
    return &timers->heap[FIRST + at];
}

static inline void
put(struct tri_timers *timers, size_t at, struct tri_timer_entry entry)
{
    *slot(timers, at) = entry;
    if ((entry.who & IS_TIMER) != 0) {
        struct tri_timer *timer = (void *)(entry.who & ~IS_TIMER);
        timer->place = at + 1;
    }
}

static void
sift_up(struct tri_timers *timers, size_t at, struct tri_timer_entry moving)
{
    while (at > 0) {
        size_t parent = (at - 1) / ARITY;
        if (moving.when_ns >= slot(timers, parent)->when_ns)
            break;
        put(timers, at, *slot(timers, parent));
        at = parent;
    }
    put(timers, at, moving);
}

static void
sift_down(struct tri_timers *timers, size_t at, struct tri_timer_entry moving)
{
    for (;;) {
        size_t first = at * ARITY + 1;
        if (first >= timers->count)
            break;
        size_t best = first;
        for (size_t i = first + 1; i < first + ARITY && i < timers->count; i++)
            if (slot(timers, i)->when_ns < slot(timers, best)->when_ns)
                best = i;
        if (slot(timers, best)->when_ns >= moving.when_ns)
            break;
        put(timers, at, *slot(timers, best));
        at = best;
    }
    put(timers, at, moving);
}

static void
publish_next(struct tri_timers *timers)
{
    int64_t next = timers->count == 0 ? INT64_MAX : slot(timers, 0)->when_ns;
    /* Sequentially consistent: TIMER-3.  Relaxed read: our lock's. */
    if (tri_load_relaxed(&timers->next_ns) != next)
        tri_store(&timers->next_ns, next);
}

static void
insert(struct tri_timers *timers, struct tri_timer_entry entry)
{
    if (timers->count + FIRST >= timers->slots)
        grow(timers);
    sift_up(timers, timers->count++, entry);
}

/* What stood at `at` is out. */
static void
fill(struct tri_timers *timers, size_t at)
{
    struct tri_timer_entry last = *slot(timers, --timers->count);
    if (at == timers->count)
        return;
    if (at > 0 && last.when_ns < slot(timers, (at - 1) / ARITY)->when_ns)
        sift_up(timers, at, last);
    else
        sift_down(timers, at, last);
}

/* ---- setting, calling off ------------------------------------------------------- */

/* The heap of the P we are on, or that we are leaving, since whoever gets it sees to
 * its times (TIMER-3).  Without either any will do.  In a section. */
static struct tri_timers *
ours(void)
{
    struct tri_m *m = tri_local_m();
    struct tri_p *p = tri_current_p();
    if (p == NULL && m != NULL)
        p = m->leaves_p;
    return p != NULL ? &p->timers : &tri_sched.p[0]->timers;
}

static void
add(struct tri_timers *timers, struct tri_timer_entry entry)
{
    tri_lock(&timers->lock);
    insert(timers, entry);
    publish_next(timers);
    tri_unlock(&timers->lock);
}

void
tri_timer_add(struct tri_g *g, int64_t when_ns)
{
    tri_enter();
    add(ours(), (struct tri_timer_entry){ when_ns, (uintptr_t)g });
    tri_leave();
}

void
tri_timer_set(struct tri_timer *timer, int64_t when_ns)
{
    tri_enter();
    timer->in = ours();
    add(timer->in,
        (struct tri_timer_entry){ when_ns, (uintptr_t)timer | IS_TIMER });
    tri_leave();
}

void
tri_timer_cancel(struct tri_timer *timer)
{
    tri_enter();
    struct tri_timers *timers = timer->in; /* TIMER-2 */
    tri_lock(&timers->lock);
    if (timer->place != 0) { /* else it has fired */
        TRI_DCHECK(slot(timers, timer->place - 1)->who
                       == ((uintptr_t)timer | IS_TIMER),
                   "TIMER-2: a timer is not in its heap");
        fill(timers, timer->place - 1);
        timer->place = 0;
        publish_next(timers);
    }
    tri_unlock(&timers->lock);
    tri_leave();
}

/* ---- their time has come ---------------------------------------------------------- */

/* Who is to be made ready, or NULL. */
static struct tri_g *
take_root(struct tri_timers *timers)
{
    uintptr_t who = slot(timers, 0)->who;
    fill(timers, 0);
    if ((who & IS_TIMER) == 0)
        return (struct tri_g *)who;
    struct tri_timer *timer = (void *)(who & ~IS_TIMER);
    timer->place = 0;
    return timer->fire(timer);
}

uint32_t
tri_timers_take(struct tri_timers *timers, int64_t now_ns, struct tri_g **due,
                uint32_t max)
{
    uint32_t count = 0;
    tri_lock(&timers->lock);
    for (uint32_t i = 0;
         i < max && timers->count > 0 && slot(timers, 0)->when_ns <= now_ns;
         i++) {
        struct tri_g *g = take_root(timers);
        if (g == NULL)
            continue;
        /* Cold since it went to sleep. */
        tri_g_fetch(g);
        due[count++] = g;
    }
    publish_next(timers);
    tri_unlock(&timers->lock);
    return count;
}

void
tri_timers_move(struct tri_timers *from, struct tri_timers *to)
{
    TRI_DCHECK(tri_world_stopped(), "TIMER-2: timers move while others run");
    while (from->count > 0) {
        struct tri_timer_entry entry = *slot(from, --from->count);
        if ((entry.who & IS_TIMER) != 0)
            ((struct tri_timer *)(entry.who & ~IS_TIMER))->in = to;
        insert(to, entry);
    }
    publish_next(from);
    publish_next(to);
}

/* ---- sleeping --------------------------------------------------------------------- */

static bool
commit_sleep(struct tri_g *g, void *arg)
{
    tri_timer_add(g, *(int64_t *)arg);
    return true;
}

void
tri_host_sleep(int64_t ns)
{
    if (ns <= 0) {
        tri_yield();
        return;
    }
    int64_t now = tri_os_now_ns();
    int64_t when = ns > INT64_MAX - 1 - now ? INT64_MAX - 1 : now + ns;
    tri_park(commit_sleep, &when, "sleep");
}

TRI_API void
tri_sleep(int64_t ns)
{
    tri_check_caller("tri_sleep");
    tri_host_sleep(ns);
}
