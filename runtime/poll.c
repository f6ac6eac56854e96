/* SPDX-License-Identifier: MIT */
/*
 * runtime/poll.c: who asks epoll, and when.  Go: netpoll, and its places in
 * findRunnable, handoffp and sysmon (T-011 ... T-013).
 *
 *   - An M that finds its queues empty asks without waiting, before it steals,
 *     unless somebody waits in epoll already.
 *   - The first M to go idle while goroutines wait for files sleeps in epoll_wait,
 *     one at a time; all others on their notes.  It is in no list: who has work
 *     for an idle P rouses another M, also for an earlier timer than it watches.  So
 *     nothing need break it off, and there is no descriptor to wake it by (Go's).
 *   - sysmon asks if nobody did for 10 ms; if there is an idle P to spare, or the
 *     collector's idle workers use them, it acts after 200 us.
 *
 * Nothing is lost (POLL-5).  A waiter is counted first and armed then; epoll holds
 * its event until somebody asks.  So what has to hold is that somebody will.  Its
 * own M, when it has parked it, looks for work, and either finds some and comes by
 * again, or gives its P up and then sees the count: it takes the place in
 * epoll_wait, or another M has it.  That other M, when it leaves, gives the place
 * back before it looks for a P; with one it comes by as any scheduler does; without
 * one every P has a holder, who comes by, or is in a blocking call, from which
 * sysmon takes it, and tri_p_hand_off then sees the count.
 *
 * Not otherwise: a thread for polling alone has to wake another for every event,
 * two switches of threads where there is none now (decisions/0010).
 */
#include "runtime/poll.h"

#include <errno.h>
#include <sys/epoll.h>

#include "base/check.h"
#include "base/os.h"
#include "base/syscall.h"
#include "gc/gc.h"
#include "runtime/sched.h"

#define EVENTS   128
#define BUSY_NS  INT64_C(10000000)
#define IDLE_NS  INT64_C(200000)
#define NS_PER_S 1000000000
#define MS_MAX   60000

struct tri_poll tri_poll = { .fd = -1 };

static struct tri_lock birth = TRI_LOCK_INIT(POLL);

int
tri_poll_open(void)
{
    /* Acquire pairs with the release below. */
    int fd = tri_load_acquire(&tri_poll.fd);
    if (fd >= 0)
        return fd;
    tri_lock(&birth);
    /* Relaxed: written under the lock. */
    fd = tri_load_relaxed(&tri_poll.fd);
    if (fd < 0) {
        fd = (int)tri_syscall3(SYS_epoll_create1, EPOLL_CLOEXEC, 0, 0);
        if (fd >= 0)
            tri_store_release(&tri_poll.fd, fd);
    }
    tri_unlock(&birth);
    return fd;
}

void
tri_poll_lost(int fd, long error)
{
    tri_fatal("descriptor %d is no longer the runtime's epoll (error %ld): the "
              "program closed a number that it did not open; close only your "
              "own, and do it before the runtime starts if it is to be all",
              fd, -error);
}

/* How many events; a signal of the program's may end it early. */
static long
ask_kernel(int fd, struct epoll_event *events, int64_t timeout_ns)
{
    struct timespec limit = { timeout_ns / NS_PER_S, timeout_ns % NS_PER_S };
    if (timeout_ns > 0) {
        long count = tri_syscall6(SYS_epoll_pwait2, fd, (long)(uintptr_t)events,
                                  EVENTS, (long)(uintptr_t)&limit, 0, 0);
        if (count != -ENOSYS)
            return count;
    }
    /* Linux before 5.11; no longer than an int of milliseconds. */
    int64_t ms = timeout_ns < 0 ? -1 : (timeout_ns + 999999) / 1000000;
    return tri_syscall6(SYS_epoll_pwait, fd, (long)(uintptr_t)events, EVENTS,
                        ms > MS_MAX ? MS_MAX : ms, 0, 0);
}

/* timeout_ns < 0: for ever. */
static long
ask(struct epoll_event *events, int64_t timeout_ns)
{
    int fd = tri_load_acquire(&tri_poll.fd);
    if (fd < 0)
        return 0;
    long count = ask_kernel(fd, events, timeout_ns);
    if (count == -EINTR)
        return 0;
    if (count < 0)
        tri_poll_lost(fd, count);
    return count;
}

static struct tri_g *
take(const struct epoll_event *events, long count)
{
    struct tri_g *first = NULL;
    struct tri_g **end = &first;
    for (long i = 0; i < count; i++)
        end = tri_poll_deliver(&events[i], end);
    /* Relaxed: a hint. */
    tri_store_relaxed(&tri_poll.last_ns, tri_os_now_ns());
    return first;
}

bool
tri_poll_now(void)
{
    struct epoll_event events[EVENTS];
    uint32_t none = 0;
    if (!tri_cas(&tri_poll.looking, &none, 1))
        return false;
    struct tri_g *ready = take(events, ask(events, 0));
    tri_store(&tri_poll.looking, 0);
    tri_sched_put_list(ready);
    return ready != NULL;
}

bool
tri_poll_rest(struct tri_m *m)
{
    struct epoll_event events[EVENTS];
    uint32_t nobody = 0;
    if (tri_load(&tri_poll.waiting) == 0
        || !tri_cas(&tri_poll.attended, &nobody, 1))
        return false;
    /* Relaxed: our own. */
    TRI_DCHECK(tri_load_relaxed(&m->p) == NULL && m->listed == 0,
               "POLL-6: thread %d waits for files and may be given work",
               tri_load_relaxed(&m->tid));
    int64_t until = tri_timers_watch(m);
    int64_t left;
    m->may_lose_p = 1;
    tri_m_block(m);
    long count;
    do {
        left = until == 0 ? -1 : until - tri_os_now_ns();
        count = ask(events, until != 0 && left < 0 ? 0 : left);
    } while (count == 0 && (until == 0 || left > 0));
    tri_m_unblock(m, false);
    tri_timers_unwatch(m);
    m->may_lose_p = 0;
    tri_store(&tri_poll.attended, 0);
    struct tri_g *ready = take(events, count);
    if (tri_m_take_idle_p(m) && count == 0)
        tri_timers_run_all(); /* it watched, and its time has come */
    tri_sched_put_list(ready);
    /* We may have something else to do first (SCHED-2). */
    if (ready != NULL)
        tri_sched_wake();
    return true;
}

void
tri_poll_watch(int64_t now_ns)
{
    if (!tri_poll_unattended())
        return;
    bool spare = tri_load(&tri_sched.idle_p_count) != 0;
    int64_t patience_ns =
        spare || tri_gc_phase() == TRI_GC_MARK ? IDLE_NS : BUSY_NS;
    /* Relaxed: a hint. */
    if (now_ns - tri_load_relaxed(&tri_poll.last_ns) < patience_ns)
        return;
    if (spare)
        tri_sched_wake();
    else
        tri_poll_now();
}

/* POLL-8.  Nothing is registered from here, and the parent's is untouched. */
void
tri_poll_in_child(void)
{
    int fd = tri_load(&tri_poll.fd);
    tri_store(&tri_poll.fd, -1);
    if (fd >= 0)
        tri_syscall3(SYS_close, fd, 0, 0);
}
