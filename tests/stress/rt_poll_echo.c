/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/rt_poll_echo.c: a server that echoes and hundreds of clients, over
 * TCP, buffers on the heap, while the collector runs, the number of Ps changes, and
 * descriptors are closed and come back at once.
 * To see it fail: see unit/rt_poll.c; TRI_DEBUG=schedfuzz and gcstress are on.
 */
#include <tricolor/tricolor.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/atomic.h"
#include "tests/support/collect.h"
#include "tests/support/test.h"

enum {
    CLIENTS = 200,
    LETTERS = 8,
    LETTER_MAX = 20000
};

static struct tri_waitgroup servants;
static struct tri_waitgroup clients;
static struct sockaddr_in address;
static int listener;
static TRI_ATOMIC(long) echoed;

static void
serve_one(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char *buffer = tri_alloc_noscan(3000);
    ssize_t got;
    while ((got = tri_read(fd, buffer, 3000)) > 0) {
        EXPECT_EQ(tri_write(fd, buffer, (size_t)got), got);
        tri_add(&echoed, got);
    }
    EXPECT_EQ(got, 0);
    EXPECT_EQ(tri_close(fd), 0);
    tri_waitgroup_done(&servants);
}

/* Several wait for one listener. */
static void
serve(void *arg)
{
    int fd;
    (void)arg;
    while ((fd = tri_accept(listener, NULL, NULL)) >= 0) {
        tri_waitgroup_add(&servants, 1);
        tri_go(serve_one, (void *)(intptr_t)fd);
    }
    EXPECT_EQ(fd, -EBADF);
    tri_waitgroup_done(&servants);
}

struct writing {
    int fd;
    char *letter;
    size_t bytes;
    struct tri_waitgroup done;
};
TRI_TYPE(writing_type, struct writing, letter, done.waiters);

static void
write_letter(void *arg)
{
    struct writing *writing = arg;
    EXPECT_EQ(tri_write(writing->fd, writing->letter, writing->bytes),
              writing->bytes);
    tri_waitgroup_done(&writing->done);
}

/* Reads the echo while it is still writing: one reader and one writer wait for the
 * same descriptor. */
static void
exchange(int fd)
{
    struct writing *writing = tri_new(&writing_type);
    size_t bytes = 1 + test_random_below(LETTER_MAX);
    char *back = tri_alloc_noscan(bytes);
    writing->fd = fd;
    writing->bytes = bytes;
    TRI_STORE(&writing->letter, (char *)tri_alloc_noscan(bytes));
    for (size_t i = 0; i < bytes; i++)
        writing->letter[i] = (char)test_random();
    tri_waitgroup_add(&writing->done, 1);
    tri_go(write_letter, writing);
    for (size_t done = 0; done < bytes;) {
        if (test_random_below(4) == 0)
            EXPECT(tri_fd_wait(fd, POLLIN, (int64_t)test_random_below(1000000))
                   >= 0);
        ssize_t got = tri_read(fd, back + done, bytes - done);
        EXPECT_F(got > 0, "read: %zd", got);
        done += (size_t)got;
    }
    tri_waitgroup_wait(&writing->done);
    EXPECT_EQ(memcmp(writing->letter, back, bytes), 0);
}

static void
be_client(void *arg)
{
    uintptr_t number = (uintptr_t)arg;
    int mode = number % 2 == 0 ? SOCK_NONBLOCK : 0;
    test_random_seed_thread(number);
    int fd = socket(AF_INET, SOCK_STREAM | mode, 0);
    int one = 1;
    EXPECT(fd >= 0);
    EXPECT_EQ(tri_connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    for (int i = 0; i < LETTERS; i++)
        exchange(fd);
    if (number % 3 == 0) /* behind our back */
        close(fd);
    else
        EXPECT_EQ(tri_close(fd), 0);
    tri_waitgroup_done(&clients);
}

static TRI_ATOMIC(uint32_t) over;

static void
change_procs(void *arg)
{
    int before = tri_set_procs(0);
    (void)arg;
    while (tri_load(&over) == 0) {
        tri_set_procs(1 + (int)test_random_below(4));
        tri_sleep(3000000);
    }
    tri_set_procs(before);
    tri_waitgroup_done(&servants);
}

TEST(hundreds_of_connections_echo)
{
    socklen_t bytes = sizeof(address);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    EXPECT_EQ(listen(listener, CLIENTS), 0);
    getsockname(listener, (struct sockaddr *)&address, &bytes);
    tri_waitgroup_add(&servants, 3);
    for (int i = 0; i < 3; i++)
        tri_go(serve, NULL);
    tri_waitgroup_add(&servants, 1);
    tri_go(change_procs, NULL);
    for (uintptr_t round = 0; round < 3; round++) {
        tri_waitgroup_add(&clients, CLIENTS);
        for (uintptr_t i = 0; i < CLIENTS; i++)
            tri_go(be_client, (void *)(round * CLIENTS + i));
        tri_waitgroup_wait(&clients);
    }
    tri_store(&over, 1);
    EXPECT_EQ(tri_close(listener), 0);
    tri_waitgroup_wait(&servants);
    printf("# %ld bytes echoed\n", tri_load(&echoed));
}

TEST(a_connection_refused_is_told)
{
    for (int mode = 0; mode < 2; mode++) {
        int fd =
            socket(AF_INET, SOCK_STREAM | (mode == 0 ? 0 : SOCK_NONBLOCK), 0);
        EXPECT_EQ(tri_connect(fd, (struct sockaddr *)&address, sizeof(address)),
                  -ECONNREFUSED);
        EXPECT_EQ(tri_close(fd), 0);
    }
}

RUNTIME_TEST_MAIN
