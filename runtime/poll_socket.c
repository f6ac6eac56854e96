/* SPDX-License-Identifier: MIT */
/*
 * runtime/poll_socket.c: accept and connect.  Go: internal/poll, fd_unix.go, and
 * net, fd_unix.go.
 *
 * Neither can be asked not to wait for one call alone.  A socket in non-blocking
 * mode is tried first, then waited for.  One in blocking mode: tri_accept waits
 * until it is ready and then calls in a blocking section, since another process may
 * take the connection first; tri_connect calls there at once.
 *
 * Of this process's goroutines each looks again and accepts in its turn: one that
 * lost a race would sleep in accept(2), where closing the listener does not wake it.
 * It still does if another process was quicker; those who wait for its turn are woken.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/syscall.h"
#include "runtime/poll.h"
#include "runtime/sched.h"

/* 0 or -errno. */
static int
socket_option(int fd, int option, int *value)
{
    socklen_t bytes = sizeof(*value);
    return (int)tri_syscall6(SYS_getsockopt, fd, SOL_SOCKET, option,
                             (long)(uintptr_t)value, (long)(uintptr_t)&bytes,
                             0);
}

/* Whether accept(2) would wait: the socket listens and is in blocking mode.  What
 * does not listen it refuses at once. */
static int
accept_waits(int fd)
{
    int listens = 0;
    int status = socket_option(fd, SO_ACCEPTCONN, &listens);
    if (status < 0)
        return status;
    long flags = tri_syscall3(SYS_fcntl, fd, F_GETFL, 0);
    if (flags < 0)
        return (int)flags;
    return listens != 0 && (flags & O_NONBLOCK) == 0;
}

static int
accept_in_section(int fd, struct sockaddr *address, socklen_t *bytes)
{
    tri_blocking_begin();
    long got = tri_syscall6(SYS_accept4, fd, (long)(uintptr_t)address,
                            (long)(uintptr_t)bytes, SOCK_CLOEXEC, 0, 0);
    tri_blocking_end();
    return (int)got;
}

/* In blocking mode; it was ready. */
static int
accept_in_turn(int fd, struct sockaddr *address, socklen_t *bytes)
{
    uint32_t turn;
    int got = tri_poll_take_turn(fd, &turn);
    if (got < 0)
        return got;
    got = tri_ask(fd, EPOLLIN, 0);
    if (got > 0)
        got = accept_in_section(fd, address, bytes);
    else if (got == 0)
        got = -EAGAIN;
    tri_poll_leave_turn(fd, turn);
    return got;
}

TRI_API int
tri_accept(int fd, struct sockaddr *address, socklen_t *bytes)
{
    tri_check_caller("tri_accept");
    tri_schedpoint();
    int waits = accept_waits(fd);
    if (waits < 0)
        return waits;
    for (bool wait = waits > 0;; wait = true) {
        int got = wait ? tri_await_ready(fd, EPOLLIN, TRI_POLL_FOREVER) : 0;
        if (got < 0)
            return got;
        got = waits > 0 ? accept_in_turn(fd, address, bytes)
                        : accept_in_section(fd, address, bytes);
        if (got >= 0)
            tri_poll_note_socket(got, true);
        if (got != -EAGAIN && got != -EINTR && got != -ECONNABORTED)
            return got;
    }
}

/* Begun, and goes on by itself.  It is over when the socket can be written to, or
 * has an error; and then it may still be a wake-up too many. */
static int
await_connection(int fd)
{
    for (;;) {
        int ready = tri_await(fd, EPOLLOUT, TRI_POLL_FOREVER);
        if (ready < 0)
            return ready;
        int error = 0;
        long status = socket_option(fd, SO_ERROR, &error);
        if (status < 0)
            return (int)status;
        if (error != 0)
            return -error;
        struct sockaddr_storage peer;
        socklen_t bytes = sizeof(peer);
        status = tri_syscall3(SYS_getpeername, fd, (long)(uintptr_t)&peer,
                              (long)(uintptr_t)&bytes);
        /* Hung up without an error: somebody else took it. */
        if (status != -ENOTCONN || ((uint32_t)ready & EPOLLHUP) != 0)
            return (int)status;
    }
}

TRI_API int
tri_connect(int fd, const struct sockaddr *address, socklen_t bytes)
{
    tri_check_caller("tri_connect");
    tri_schedpoint();
    long status;
    bool again = false;
    do {
        tri_blocking_begin();
        status = tri_syscall3(SYS_connect, fd, (long)(uintptr_t)address,
                              (long)bytes);
        tri_blocking_end();
        if (again && status == -EISCONN)
            return 0;
        again = true;
        /* After a signal TCP goes on (EALREADY tells), others begin anew. */
    } while (status == -EINTR);
    if (status != -EINPROGRESS && status != -EALREADY)
        return (int)status;
    return await_connection(fd);
}
