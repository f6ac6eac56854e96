/* SPDX-License-Identifier: MIT */
/*
 * runtime/poll_io.c: reading, writing, waiting, closing.
 *
 * A descriptor's mode belongs to its open file description, which other processes
 * may have too (a terminal); so O_NONBLOCK is never set.  What cannot wait (POLL-7)
 * is asked for call by call:
 *   - a socket, by MSG_DONTWAIT; tried first, unless the number is known for none;
 *   - what else can be waited for, a pipe, by RWF_NOWAIT;
 *   - what has no RWF_NOWAIT (pipes before Linux 6.4, terminals, some devices): waits
 *     until it is ready, then calls in a blocking section;
 *   - a regular file: reads what is cached, and the rest in a blocking section;
 *     writes there at once, since RWF_NOWAIT writes as much as finds room, and a
 *     record written to a log by one write(2) would be torn.
 * None of these is believed of a number: a wrong hint costs a system call.
 *
 * Ready and yet nothing to be had, again and again (a driver whose poll lies; many
 * readers of one pipe): after 16 times the goroutine sleeps 1 ms between tries.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/check.h"
#include "base/os.h"
#include "base/sanitize.h"
#include "base/syscall.h"
#include "runtime/poll.h"
#include "runtime/sched.h"

#define VAIN_TRIES  16u
#define PAUSE_NS    INT64_C(1000000)
#define SLICE_NS    INT64_C(20000000)
#define POLL_EVENTS 0xffffu /* epoll has flags above */

struct direction {
    long socket_call;
    long vector_call;
    long plain_call;
    uint32_t events;
};

static const struct direction reading = { SYS_recvfrom, SYS_preadv2, SYS_read,
                                          EPOLLIN };
static const struct direction writing = { SYS_sendto, SYS_pwritev2, SYS_write,
                                          EPOLLOUT };

/* ---- waiting ---------------------------------------------------------------- */

int
tri_ask(int fd, uint32_t events, int64_t timeout_ns)
{
    struct pollfd entry = { .fd = fd, .events = (short)events };
    struct timespec limit = { timeout_ns / 1000000000,
                              timeout_ns % 1000000000 };
    long count = fd < 0 ? -EBADF
                        : tri_syscall6(SYS_ppoll, (long)(uintptr_t)&entry, 1,
                                       (long)(uintptr_t)&limit, 0, 0, 0);
    if (count <= 0)
        return count == -EINTR ? 0 : (int)count;
    return (entry.revents & POLLNVAL) != 0 ? -EBADF : entry.revents;
}

/* Without epoll: a thread for each that waits.  It looks now and then whether the
 * number was closed. */
static int
wait_by_thread(int fd, uint32_t events, int64_t until_ns)
{
    uint32_t closings = tri_poll_closings(fd);
    for (;;) {
        int64_t left_ns = until_ns - tri_os_now_ns();
        left_ns = left_ns < 0 ? 0 : left_ns > SLICE_NS ? SLICE_NS : left_ns;
        tri_blocking_begin();
        int got = tri_ask(fd, events, left_ns);
        tri_blocking_end();
        if (got != 0)
            return got;
        if (tri_poll_closings(fd) != closings)
            return -EBADF;
        if (until_ns <= tri_os_now_ns())
            return 0;
    }
}

int
tri_await(int fd, uint32_t events, int64_t until_ns)
{
    int got;
    do {
        got = tri_poll_wait(fd, events, until_ns);
        switch (got) {
        case -EMFILE:
        case -ENFILE:
        case -ENOMEM:
        case -ENOSPC:
            return wait_by_thread(fd, events, until_ns);
        case -EAGAIN: /* the number was closed: is it open? */
            got = tri_ask(fd, events, 0);
            break;
        default:
            return got;
        }
    } while (got == 0);
    return got;
}

int
tri_await_ready(int fd, uint32_t events, int64_t until_ns)
{
    int got = tri_ask(fd, events, 0);
    return got != 0 ? got : tri_await(fd, events, until_ns);
}

/* The runtime's own epoll is not the program's. */
static bool
is_ours(int fd)
{
    return fd >= 0 && fd == tri_load(&tri_poll.fd);
}

TRI_API int
tri_fd_wait(int fd, int events, int64_t timeout_ns)
{
    tri_check_caller("tri_fd_wait");
    tri_schedpoint();
    if (is_ours(fd))
        return -EBADF;
    uint32_t wanted = (uint32_t)events & POLL_EVENTS;
    int got = tri_ask(fd, wanted, 0);
    if (got != 0 || timeout_ns == 0)
        return got;
    int64_t now = tri_os_now_ns();
    int64_t until = timeout_ns < 0 || timeout_ns > INT64_MAX - 1 - now
                      ? TRI_POLL_FOREVER
                      : now + timeout_ns;
    return tri_await(fd, wanted, until);
}

/* ---- moving bytes ----------------------------------------------------------- */

static long
call_and_wait(const struct direction *d, int fd, void *buffer, size_t bytes)
{
    tri_blocking_begin();
    long moved =
        tri_syscall3(d->plain_call, fd, (long)(uintptr_t)buffer, (long)bytes);
    tri_blocking_end();
    return moved;
}

static bool
has_position(int fd)
{
    return tri_syscall3(SYS_lseek, fd, 0, SEEK_CUR) >= 0;
}

/* No socket.  -EOPNOTSUPP: it cannot be asked not to wait. */
static long
try_vector(const struct direction *d, int fd, void *buffer, size_t bytes)
{
    if (d == &writing && has_position(fd))
        return -EOPNOTSUPP;
    struct iovec one = { buffer, bytes };
    long moved = tri_syscall6(d->vector_call, fd, (long)(uintptr_t)&one, 1, -1,
                              0, RWF_NOWAIT);
    /* -EINVAL is the file's own answer, as read(2) would have it, since Linux 4.13
     * has a flag that it knows and the file does not refused by -EOPNOTSUPP. */
    if (moved == -ENOSYS)
        return -EOPNOTSUPP;
    if (d == &writing || moved <= 0 || (size_t)moved == bytes
        || !has_position(fd))
        return moved;
    /* A file of which the beginning was cached. */
    long more =
        call_and_wait(d, fd, (char *)buffer + moved, bytes - (size_t)moved);
    return more > 0 ? moved + more : moved;
}

/* Of nothing, which no file is asked for that can be read or written at all. */
static bool
refuses(const struct direction *d, int fd)
{
    struct iovec none = { NULL, 0 };
    return tri_syscall6(d->vector_call, fd, (long)(uintptr_t)&none, 1, -1, 0, 0)
        == -EINVAL;
}

/* Before a call that cannot be asked not to wait.  -EINVAL: it would not wait, and
 * what it cannot do the file is never ready for (writing to an epoll). */
static int
await_for_call(const struct direction *d, int fd)
{
    int got = tri_ask(fd, d->events, 0);
    if (got == 0 && refuses(d, fd))
        return -EINVAL;
    return got != 0 ? got : tri_await(fd, d->events, TRI_POLL_FOREVER);
}

static long
try_now(const struct direction *d, int fd, void *buffer, size_t bytes)
{
    bool no_socket = tri_poll_no_socket(fd);
    if (!no_socket) {
        long moved = tri_syscall6(d->socket_call, fd, (long)(uintptr_t)buffer,
                                  (long)bytes, MSG_DONTWAIT, 0, 0);
        if (moved != -ENOTSOCK)
            return moved;
        tri_poll_note_socket(fd, false);
    }
    long moved = try_vector(d, fd, buffer, bytes);
    if (moved == -EOPNOTSUPP && no_socket)
        tri_poll_note_socket(fd, true); /* it may have become one */
    return moved;
}

/* Until something moved. */
static long
move(const struct direction *d, int fd, void *buffer, size_t bytes)
{
    for (uint32_t vain = 0;; vain++) {
        if (vain >= VAIN_TRIES)
            tri_host_sleep(PAUSE_NS);
        long moved = try_now(d, fd, buffer, bytes);
        int ready = 1;
        if (moved == -EOPNOTSUPP) {
            ready = await_for_call(d, fd);
            if (ready > 0)
                moved = call_and_wait(d, fd, buffer, bytes);
        } else if (moved == -EAGAIN) {
            ready = tri_await(fd, d->events, TRI_POLL_FOREVER);
            if (ready == -EPERM) /* a file of which nothing was cached */
                moved = call_and_wait(d, fd, buffer, bytes);
        }
        if (ready < 0 && ready != -EPERM)
            return ready;
        if (moved != -EAGAIN && moved != -EINTR)
            return moved;
    }
}

TRI_API ssize_t
tri_read(int fd, void *buffer, size_t bytes)
{
    tri_check_caller("tri_read");
    tri_schedpoint();
    /* Of nothing: recv would wait for something. */
    ssize_t moved = bytes == 0 ? tri_syscall3(SYS_read, fd, 0, 0)
                               : move(&reading, fd, buffer, bytes);
    /* As TSan has it for read(2): who reads comes after who wrote. */
    tri_san_acquire(&tri_poll);
    return moved;
}

TRI_API ssize_t
tri_write(int fd, const void *buffer, size_t bytes)
{
    tri_check_caller("tri_write");
    tri_schedpoint();
    tri_san_release(&tri_poll);
    const char *at = buffer;
    size_t done = 0;
    for (;;) {
        /* The one function for both takes no const. */
        long moved =
            move(&writing, fd, (void *)(uintptr_t)(at + done), bytes - done);
        if (moved < 0)
            return done > 0 ? (ssize_t)done : moved;
        done += (size_t)moved;
        if (moved == 0 || done >= bytes)
            return (ssize_t)done;
    }
}

TRI_API int
tri_close(int fd)
{
    tri_check_caller("tri_close");
    tri_schedpoint();
    if (fd < 0 || is_ours(fd))
        return -EBADF;
    tri_poll_closing(fd);
    tri_blocking_begin();
    int error = (int)tri_syscall3(SYS_close, fd, 0, 0);
    tri_blocking_end();
    tri_poll_closed(fd);
    /* Linux has closed it nevertheless. */
    return error == -EINTR ? 0 : error;
}
