/* SPDX-License-Identifier: MIT */
/*
 * runtime/timer.c: goroutines that sleep, in one heap of four children per
 * node, by time.  Every scheduling decision looks at the first time (one load,
 * and the clock only if there is a timer); sysmon sleeps no longer than that,
 * so a timer fires although every P is busy or idle.
 *
 * A wait that may end before its time is a tri_timer, in its owner's hands, and
 * knows its place in the heap, so that it can be taken out again.
 *
 *   TIMER-1  A tri_timer fires under the heap's lock, and tri_timer_cancel takes
 *            that lock; so whoever has cancelled may drop it.  Otherwise it fires
 *            into a frame that is gone.
 *
 * Not yet otherwise: one heap per P scales better with many short sleeps, but needs
 * stealing of timers.  timer/storm_100k shows what that would gain.
 */
#include "base/check.h"
#include "base/os.h"
#include "runtime/sched.h"

#define ARITY       4u
#define FIRST_SLOTS 4096u

struct timer {
    int64_t when_ns;
    uint64_t order;          /* equal times: first come */
    struct tri_g *g;         /* is made ready; or, if NULL: */
    struct tri_timer *owner; /* is told */
};

/* All under the lock. */
static struct {
    struct tri_lock lock;
    struct timer *heap;
    size_t count;
    size_t slots;
    uint64_t order;
} timers = { .lock = TRI_LOCK_INIT(TIMER) };

void
tri_timer_init(void)
{
    timers.heap = tri_os_map(FIRST_SLOTS * sizeof(*timers.heap));
    TRI_CHECK(timers.heap != NULL, "no memory for timers");
    timers.slots = FIRST_SLOTS;
}

static bool
before(const struct timer *a, const struct timer *b)
{
    return a->when_ns != b->when_ns ? a->when_ns < b->when_ns
                                    : a->order < b->order;
}

static void
grow(void)
{
    size_t slots = 2 * timers.slots;
    struct timer *heap = tri_os_map(slots * sizeof(*heap));
    TRI_CHECK(heap != NULL, "no memory for %zu timers", slots);
    memcpy(heap, timers.heap, timers.count * sizeof(*heap));
    tri_os_unmap(timers.heap, timers.slots * sizeof(*heap));
    timers.heap = heap;
    timers.slots = slots;
}

static void
put(size_t at, struct timer entry)
{
    timers.heap[at] = entry;
    if (entry.owner != NULL)
        entry.owner->place = at + 1;
}

static void
sift_up(size_t at)
{
    struct timer moving = timers.heap[at];
    while (at > 0) {
        size_t parent = (at - 1) / ARITY;
        if (!before(&moving, &timers.heap[parent]))
            break;
        put(at, timers.heap[parent]);
        at = parent;
    }
    put(at, moving);
}

static void
sift_down(size_t at)
{
    struct timer moving = timers.heap[at];
    for (;;) {
        size_t first = at * ARITY + 1;
        if (first >= timers.count)
            break;
        size_t best = first;
        for (size_t i = first + 1; i < first + ARITY && i < timers.count; i++)
            if (before(&timers.heap[i], &timers.heap[best]))
                best = i;
        if (!before(&timers.heap[best], &moving))
            break;
        put(at, timers.heap[best]);
        at = best;
    }
    put(at, moving);
}

static int64_t
publish_next(void)
{
    int64_t next = timers.count == 0 ? INT64_MAX : timers.heap[0].when_ns;
    /* Sequentially consistent: a P that goes idle looks at it (SCHED-2). */
    tri_store(&tri_sched.next_timer_ns, next);
    return next;
}

static void
add(struct timer entry)
{
    tri_lock(&timers.lock);
    if (timers.count == timers.slots)
        grow();
    entry.order = timers.order++;
    timers.heap[timers.count++] = entry;
    sift_up(timers.count - 1);
    bool first = publish_next() == entry.when_ns;
    tri_unlock(&timers.lock);
    if (first)
        tri_sysmon_poke_before(entry.when_ns);
}

void
tri_timer_add(struct tri_g *g, int64_t when_ns)
{
    add((struct timer){ .when_ns = when_ns, .g = g });
}

void
tri_timer_set(struct tri_timer *timer, int64_t when_ns)
{
    add((struct timer){ .when_ns = when_ns, .owner = timer });
}

/* Under the lock. */
static struct timer
take_out(size_t at)
{
    struct timer taken = timers.heap[at];
    struct timer last = timers.heap[--timers.count];
    if (taken.owner != NULL)
        taken.owner->place = 0;
    if (at < timers.count) {
        put(at, last);
        sift_up(at);
        sift_down(at);
    }
    return taken;
}

void
tri_timer_cancel(struct tri_timer *timer)
{
    tri_lock(&timers.lock);
    if (timer->place != 0) {
        take_out(timer->place - 1);
        publish_next();
    }
    tri_unlock(&timers.lock);
}

int64_t
tri_timer_run(int64_t now_ns)
{
    tri_enter();
    tri_lock(&timers.lock);
    while (timers.count > 0 && timers.heap[0].when_ns <= now_ns) {
        struct timer due = take_out(0);
        if (due.owner != NULL)
            due.owner->fire(due.owner);
        else
            tri_ready(due.g);
    }
    int64_t next = publish_next();
    tri_unlock(&timers.lock);
    tri_leave();
    return next;
}

/* ---- sleeping ------------------------------------------------------------- */

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
