/* SPDX-License-Identifier: MIT */
/*
 * runtime/poll.h: goroutines that wait for a file: a pipe, a socket, whatever
 * epoll knows.  Design: docs/design/poller.md.
 *
 *   POLL-1  A waiter leaves once: event, time limit and close compete for its
 *           state by a CAS, and who moves it out of PARKED makes it ready;
 *           otherwise it is made ready twice, or never.
 *   POLL-2  Others touch a waiter only under its file's lock or the timers', and
 *           not after that CAS; it is out of list and heap before its frame ends;
 *           otherwise they write to a frame that is gone.
 *   POLL-3  Every wait arms its number anew, for one event.  If epoll does not
 *           know the number any more, another file has it: who waited for the
 *           first is told that it is closed; otherwise a number that was closed
 *           behind our back and used again never gets an event.
 *   POLL-4  An event counts only if it carries the number of the last arming;
 *           otherwise what happened to an old file, kept by a dup, wakes who waits
 *           for the new one, and what somebody has read already is told again.
 *   POLL-5  A waiter is counted before it is armed, and whoever gives up a P looks
 *           at the count afterwards (SCHED-2): an M that goes idle takes the one
 *           place in epoll_wait, tri_p_hand_off starts an M that will; otherwise
 *           nobody polls while goroutines wait.
 *   POLL-6  The M in epoll_wait has no P and is BLOCKED; otherwise a pause waits
 *           for it, or work for its P.
 *   POLL-7  With a P only calls are made that cannot wait; all others lie in a
 *           blocking section, also after epoll said "ready": somebody else may
 *           have been quicker; otherwise a P sleeps in a system call.
 *   POLL-8  The child of a fork closes its epoll descriptor: the description behind
 *           it is the parent's; otherwise a child that lives long keeps that, with
 *           all that is registered there.
 *   POLL-9  A turn is one file's: when its number is closed, or found to be another
 *           file's, who waits for the turn is told and the next one is free; otherwise
 *           they wait for a thread that sleeps in a file which is gone.
 */
#ifndef TRI_RUNTIME_POLL_H
#define TRI_RUNTIME_POLL_H

#include "base/atomic.h"
#include "base/compiler.h"

struct tri_g;
struct tri_m;
struct epoll_event;

/* All atomic. */
struct tri_poll {
    TRI_ATOMIC(uint32_t) waiting;  /* goroutines that wait for a file */
    TRI_ATOMIC(uint32_t) attended; /* an M is in epoll_wait, or about to be */
    TRI_ATOMIC(uint32_t) looking;  /* somebody polls without waiting */
    TRI_ATOMIC(int64_t) last_ns;   /* when somebody polled last: a hint */
    TRI_ATOMIC(int) fd;            /* of epoll; -1: none yet */
};

extern struct tri_poll tri_poll;

/* Sequentially consistent: POLL-5. */
static inline bool
tri_poll_unattended(void)
{
    return tri_load(&tri_poll.waiting) != 0
        && tri_load(&tri_poll.attended) == 0;
}

/* ---- poll.c: who polls; inside a critical section --------------------------- */

/* Makes ready whose file is.  True: there are some in our queue. */
bool tri_poll_now(void);
/* A scheduler without a P waits for files instead of sleeping.  False: nobody
 * waits for any, or another M does that.  True: look for work again. */
bool tri_poll_rest(struct tri_m *m);
/* sysmon: polls, or sends somebody, if nobody has for long. */
void tri_poll_watch(int64_t now_ns);
void tri_poll_in_child(void);
/* The epoll descriptor, made if need be; -errno. */
int tri_poll_open(void);

/* ---- poll_file.c: who waits for what ---------------------------------------- */

#define TRI_POLL_FOREVER INT64_MAX

/*
 * Parks until fd has one of the events (EPOLLIN...).  Those it has, with EPOLLERR
 * and EPOLLHUP; 0: the time is over; -EBADF: closed; -EAGAIN: look again; -EPERM:
 * epoll does not take such files; another -errno: epoll cannot be had now.
 */
int tri_poll_wait(int fd, uint32_t events, int64_t until_ns);
/* Those whom an event wakes go to *end, linked; returns the new end. */
struct tri_g **tri_poll_deliver(const struct epoll_event *event,
                                struct tri_g **end);
/* Before fd is closed, and after it was: wakes who waits. */
void tri_poll_closing(int fd);
void tri_poll_closed(int fd);
/* How often tri_close has closed the number. */
uint32_t tri_poll_closings(int fd);
/* For goroutines that must not all believe one event (POLL-9): waits for the turn and
 * gives it a number, by which it is left again.  -EBADF: closed meanwhile. */
int tri_poll_take_turn(int fd, uint32_t *turn);
void tri_poll_leave_turn(int fd, uint32_t turn);
/* The program has closed epoll's descriptor.  Dies. */
TRI_NORETURN void tri_poll_lost(int fd, long error);
/* A hint, which may be wrong: fd is no socket. */
bool tri_poll_no_socket(int fd);
void tri_poll_note_socket(int fd, bool is_socket);

/* ---- poll_io.c --------------------------------------------------------------- */

/* poll(2) of one descriptor.  -EBADF; 0: not in time, or a signal came. */
int tri_ask(int fd, uint32_t events, int64_t timeout_ns);
/* tri_poll_wait; by a thread of its own where epoll is not to be had. */
int tri_await(int fd, uint32_t events, int64_t until_ns);
/* The same, asking poll(2) first. */
int tri_await_ready(int fd, uint32_t events, int64_t until_ns);

#endif /* TRI_RUNTIME_POLL_H */
