/* SPDX-License-Identifier: MIT */
/*
 * runtime/poll_file.c: one entry for each descriptor: who waits for it, and what
 * epoll was told.  Go: pollDesc (T-015, T-016).
 *
 * Go registers a descriptor once, edge-triggered, when it is opened, and knows
 * when it is closed, since nobody else may.  Here anybody may close(2) a number
 * and get it back for another file, of which epoll then knows nothing.  So every
 * wait tells epoll anew: one call (0.2 us), EPOLL_CTL_MOD, for one event, by level.
 * It fails with ENOENT exactly if the number has become another file's (POLL-3),
 * and it asks for what is true now, so that no edge can be missed, and whatever an
 * earlier arming has brought may be dropped.
 *
 * A waiter prepares on its own stack before it parks: ARMING.  Its event may come
 * before it has parked; then it does not (Go: pdWait, pdReady).
 *
 *     ARMING --parked--> PARKED --event, time, close--> READY, EXPIRED, CLOSED
 *        +--------------event, time, close------------>
 *
 * Of several waiters for one event the first is woken, and the rest armed again:
 * a thousand that wait to accept are not all woken by one connection.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>

#include "base/check.h"
#include "base/os.h"
#include "base/syscall.h"
#include "runtime/poll.h"
#include "runtime/poll_table.h"
#include "runtime/sched.h"
#include "trace/trace.h"

#define AT_ANY_RATE (uint32_t)(EPOLLERR | EPOLLHUP)

enum waiter_state {
    ARMING,
    PARKED,
    READY,
    EXPIRED,
    CLOSED,
    AGAIN
};

/* On the waiter's stack.  [l] the file's lock. */
struct tri_poll_waiter {
    struct tri_g *g;              /* constant */
    TRI_ATOMIC(uint32_t) state;   /* enum waiter_state: POLL-1 */
    uint32_t events;              /* constant */
    uint32_t got;                 /* [l] */
    bool linked;                  /* [l] */
    struct tri_poll_waiter *next; /* [l] */
    struct tri_timer timer;
};

uint32_t
tri_poll_closings(int fd)
{
    struct tri_poll_file *file = tri_poll_find_or_make(fd);
    if (file == NULL)
        return 0;
    tri_lock(&file->lock);
    uint32_t closings = file->closings;
    tri_unlock(&file->lock);
    return closings;
}

/* ---- waking ----------------------------------------------------------------- */

/* POLL-1.  The state that it had: PARKED, the caller makes it ready; ARMING, it
 * is not going to park; others, somebody was quicker. */
static uint32_t
claim(struct tri_poll_waiter *waiter, enum waiter_state how)
{
    uint32_t state = tri_load(&waiter->state);
    while (state <= PARKED)
        if (tri_cas(&waiter->state, &state, how))
            break;
    return state;
}

/* Who was unlinked, into the list at *end or, if end is NULL, a queue.  False: it
 * has left already. */
static bool
wake(struct tri_poll_waiter *waiter, enum waiter_state how, struct tri_g ***end)
{
    struct tri_g *g = waiter->g;
    uint32_t before = claim(waiter, how); /* POLL-2: not touched after this */
    if (before != PARKED)
        return before == ARMING;
    if (end == NULL || g->bound != NULL) {
        tri_ready(g);
        return true;
    }
    tri_g_make_runnable(g);
    tri_trace_goroutine_ready(g->id, tri_host_proc_number(), tri_host_goid());
    g->link = NULL;
    **end = g;
    *end = &g->link;
    return true;
}

static void
wake_all(struct tri_poll_waiter **list, enum waiter_state how)
{
    struct tri_poll_waiter *waiter;
    while ((waiter = *list) != NULL) {
        *list = waiter->next;
        waiter->linked = false;
        wake(waiter, how, NULL);
    }
}

/* ---- telling epoll ---------------------------------------------------------- */

static int
control(int operation, int fd, struct tri_poll_file *file, uint32_t events)
{
    file->arming++; /* POLL-4: deliver compares */
    struct epoll_event event = { .events = events | EPOLLONESHOT,
                                 .data.u64 = (uint64_t)file->arming << 32
                                           | (uint32_t)fd };
    int epoll = tri_load_acquire(&tri_poll.fd);
    long error = tri_syscall6(SYS_epoll_ctl, epoll, operation, fd,
                              (long)(uintptr_t)&event, 0, 0);
    /* One of the two is not open, or ours is no epoll. */
    if (error == -EINVAL
        || (error == -EBADF && tri_syscall3(SYS_fcntl, epoll, F_GETFD, 0) < 0))
        tri_poll_lost(epoll, error);
    return (int)error;
}

static uint32_t
wanted(const struct tri_poll_file *file)
{
    uint32_t events = 0;
    for (struct tri_poll_waiter *w = file->waiters; w != NULL; w = w->next)
        events |= w->events;
    return events;
}

/* The number is not what it was: POLL-3. */
static void
changed_locked(struct tri_poll_file *file)
{
    file->known = false;
    file->turn++;
    file->turn_taken = false;
    wake_all(&file->waiters, CLOSED);
    wake_all(&file->turn_waiters, CLOSED);
}

/* `events`, and what others wait for.  0 or -errno. */
static int
arm_locked(struct tri_poll_file *file, int fd, uint32_t events)
{
    if (file->known
        && control(EPOLL_CTL_MOD, fd, file, events | wanted(file)) == 0)
        return 0;
    if (file->known)
        changed_locked(file);
    int error = control(EPOLL_CTL_ADD, fd, file, events);
    if (error == -EEXIST) /* a file that a dup kept has its number back */
        error = control(EPOLL_CTL_MOD, fd, file, events);
    file->known = error == 0;
    return error;
}

struct tri_g **
tri_poll_deliver(const struct epoll_event *event, struct tri_g **end)
{
    uint32_t left = event->events;
    int fd = (int)(uint32_t)event->data.u64;
    struct tri_poll_file *file = tri_poll_find(fd);
    if (file == NULL)
        return end;
    tri_lock(&file->lock);
    if (file->arming == (uint32_t)(event->data.u64 >> 32)) {
        struct tri_poll_waiter **at = &file->waiters;
        for (struct tri_poll_waiter *w; (w = *at) != NULL;) {
            uint32_t got = left & (w->events | AT_ANY_RATE);
            if (got == 0) {
                at = &w->next;
                continue;
            }
            *at = w->next;
            w->linked = false;
            w->got = got;
            if (wake(w, READY, &end))
                left &= ~got | AT_ANY_RATE;
        }
        if (file->waiters != NULL
            && control(EPOLL_CTL_MOD, fd, file, wanted(file)) != 0)
            changed_locked(file);
    }
    tri_unlock(&file->lock);
    return end;
}

/* ---- waiting ---------------------------------------------------------------- */

static struct tri_g *
expire(struct tri_timer *timer)
{
    struct tri_poll_waiter *waiter =
        (void *)((char *)timer - offsetof(struct tri_poll_waiter, timer));
    struct tri_g *g = waiter->g;
    return claim(waiter, EXPIRED) == PARKED ? g : NULL;
}

static bool
commit_wait(struct tri_g *g, void *arg)
{
    struct tri_poll_waiter *waiter = arg;
    uint32_t state = ARMING;
    (void)g;
    return tri_cas(&waiter->state, &state, PARKED);
}

static void
append(struct tri_poll_waiter **at, struct tri_poll_waiter *waiter)
{
    while (*at != NULL)
        at = &(*at)->next;
    *at = waiter;
    waiter->linked = true;
}

static void
unlink_locked(struct tri_poll_file *file, struct tri_poll_waiter *waiter)
{
    struct tri_poll_waiter **at = &file->waiters;
    if (!waiter->linked)
        return;
    while (*at != waiter)
        at = &(*at)->next;
    *at = waiter->next;
}

/* Armed: parks; how it ended. */
static uint32_t
park(struct tri_poll_file *file, struct tri_poll_waiter *self, int64_t until_ns)
{
    if (until_ns != TRI_POLL_FOREVER)
        tri_timer_set(&self->timer, until_ns);
    tri_park(commit_wait, self, "a file");
    if (until_ns != TRI_POLL_FOREVER)
        tri_timer_cancel(&self->timer);
    uint32_t state = tri_load(&self->state);
    if (state == EXPIRED) {
        /* All others unlinked us before they woke us. */
        tri_lock(&file->lock);
        unlink_locked(file, self);
        tri_unlock(&file->lock);
    }
    return state;
}

int
tri_poll_wait(int fd, uint32_t events, int64_t until_ns)
{
    struct tri_poll_file *file = tri_poll_find_or_make(fd);
    int error = file == NULL ? -ENOMEM : tri_poll_open();
    if (error < 0)
        return error;
    struct tri_poll_waiter self = { .g = tri_local_g(),
                                    .events = events,
                                    .timer.fire = expire };
    /* Sequentially consistent, and before arming: POLL-5. */
    tri_add(&tri_poll.waiting, 1);
    tri_lock(&file->lock);
    error = arm_locked(file, fd, events);
    if (error == 0)
        append(&file->waiters, &self);
    tri_unlock(&file->lock);
    uint32_t how = error == 0 ? park(file, &self, until_ns) : CLOSED;
    tri_sub(&tri_poll.waiting, 1);
    if (error < 0)
        return error;
    return how == READY   ? (int)self.got
         : how == EXPIRED ? 0
         : how == CLOSED  ? -EBADF
                          : -EAGAIN;
}

/* ---- turns ------------------------------------------------------------------ */

/* epoll is told of the file, so that it tells when the number is another's; if it
 * cannot be had, that is not seen. */
int
tri_poll_take_turn(int fd, uint32_t *turn)
{
    struct tri_poll_file *file = tri_poll_find_or_make(fd);
    if (file == NULL)
        return 0; /* no memory: without turns */
    struct tri_poll_waiter self = { .g = tri_local_g() };
    bool epoll = tri_poll_open() >= 0;
    tri_lock(&file->lock);
    if (epoll && (file->turn_taken || !file->known))
        (void)arm_locked(file, fd, 0);
    bool wait = file->turn_taken;
    file->turn_taken = true;
    *turn = file->turn;
    if (wait)
        append(&file->turn_waiters, &self);
    tri_unlock(&file->lock);
    return !wait || park(file, &self, TRI_POLL_FOREVER) == READY ? 0 : -EBADF;
}

void
tri_poll_leave_turn(int fd, uint32_t turn)
{
    struct tri_poll_file *file = tri_poll_find(fd);
    if (file == NULL)
        return;
    tri_lock(&file->lock);
    if (file->turn == turn) { /* POLL-9 */
        struct tri_poll_waiter *next = file->turn_waiters;
        file->turn_taken = next != NULL;
        if (next != NULL) {
            file->turn_waiters = next->next;
            wake(next, READY, NULL);
        }
    }
    tri_unlock(&file->lock);
}

/* ---- closing ---------------------------------------------------------------- */

void
tri_poll_closing(int fd)
{
    struct tri_poll_file *file = tri_poll_find(fd);
    if (file == NULL)
        return;
    tri_lock(&file->lock);
    if (file->known)
        control(EPOLL_CTL_DEL, fd, file, 0); /* a dup would keep it there */
    file->closings++;
    changed_locked(file);
    /* Relaxed: a hint. */
    tri_store_relaxed(&file->no_socket, 0);
    tri_unlock(&file->lock);
}

/* Who came between the two waits for a file that is closed, or for the next one
 * of that number already: it finds out by trying again. */
void
tri_poll_closed(int fd)
{
    struct tri_poll_file *file = tri_poll_find(fd);
    if (file == NULL)
        return;
    tri_lock(&file->lock);
    wake_all(&file->waiters, AGAIN);
    tri_unlock(&file->lock);
}
