/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_poll.c: reading and writing pipes and sockets, waiting, time limits.
 * To see it fail:
 *   POLL-1  let claim() in poll_file.c answer PARKED whatever it found;
 *   POLL-2  take tri_timer_cancel out of park(), or the unlinking;
 *   TIMER-1 let tri_timer_cancel return, without the lock, where `place` is 0 (under
 *           tsan);
 *   POLL-4  let control() in poll_file.c count `arming` only with EPOLL_CTL_ADD;
 *   POLL-5  leave tri_poll_rest out of find_work in sched.c (what comes from outside
 *           is not waited for);
 *   POLL-6  leave tri_m_block out of tri_poll_rest (the collection waits);
 */
#include <tricolor/tricolor.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"
#include "runtime/poll.h"
#include "tests/support/collect.h"
#include "tests/support/runtime.h"
#include "tests/support/test.h"

static struct tri_waitgroup group;

/* ---- pipes and sockets -------------------------------------------------------- */

struct letter {
    int from;
    int to;
    long rounds;
};

static void
return_letters(void *arg)
{
    struct letter *letter = arg;
    long number;
    while (tri_read(letter->from, &number, sizeof(number)) == sizeof(number)) {
        EXPECT_EQ(number, letter->rounds++);
        EXPECT_EQ(tri_write(letter->to, &number, sizeof(number)),
                  sizeof(number));
    }
    tri_waitgroup_done(&group);
}

static void
correspond(int out, int in, struct letter *other)
{
    tri_waitgroup_add(&group, 1);
    tri_go(return_letters, other);
    for (long i = 0; i < 2000; i++) {
        long answer = -1;
        EXPECT_EQ(tri_write(out, &i, sizeof(i)), sizeof(i));
        EXPECT_EQ(tri_read(in, &answer, sizeof(answer)), sizeof(answer));
        EXPECT_EQ(answer, i);
    }
    shutdown(out, SHUT_WR);
    EXPECT_EQ(tri_close(out), 0);
    tri_waitgroup_wait(&group);
    EXPECT_EQ(other->rounds, 2000);
}

TEST(two_goroutines_talk_over_pipes)
{
    int there[2], back[2];
    EXPECT_EQ(pipe(there), 0);
    EXPECT_EQ(pipe(back), 0);
    correspond(there[1], back[0], &(struct letter){ there[0], back[1], 0 });
    EXPECT_EQ(tri_close(there[0]), 0);
    close_both(back);
}

TEST(two_goroutines_talk_over_sockets_in_either_mode)
{
    static const int modes[] = { 0, SOCK_NONBLOCK };
    for (int i = 0; i < 2; i++) {
        int pair[2];
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | modes[i], 0, pair), 0);
        int mode = fcntl(pair[0], F_GETFL);
        int copy = fcntl(pair[0], F_DUPFD, 0);
        correspond(pair[0], copy, &(struct letter){ pair[1], pair[1], 0 });
        EXPECT_EQ(fcntl(copy, F_GETFL), mode);
        close_both((int[]){ pair[1], copy });
    }
}

enum {
    MUCH = 1 << 20
};

static void
read_much(void *arg)
{
    unsigned char *buffer = tri_alloc_noscan(5000);
    uint32_t sum = 0;
    ssize_t got, total = 0;
    while ((got = tri_read(*(int *)arg, buffer, 5000)) > 0) {
        for (ssize_t i = 0; i < got; i++)
            sum += buffer[i];
        total += got;
    }
    EXPECT_EQ(got, 0);
    EXPECT_EQ(total, MUCH);
    EXPECT_EQ(sum, (uint32_t)MUCH * 7);
    tri_waitgroup_done(&group);
}

TEST(a_write_is_of_all_although_a_pipe_holds_less)
{
    int pair[2];
    EXPECT_EQ(pipe(pair), 0);
    char *much = tri_alloc_noscan(MUCH);
    memset(much, 7, MUCH);
    tri_waitgroup_add(&group, 1);
    tri_go(read_much, &pair[0]);
    EXPECT_EQ(tri_write(pair[1], much, MUCH), MUCH);
    EXPECT_EQ(tri_close(pair[1]), 0);
    tri_waitgroup_wait(&group);
    EXPECT_EQ(tri_close(pair[0]), 0);
}

/* ---- errors --------------------------------------------------------------------- */

TEST(errors_are_those_of_the_system)
{
    char byte = 0;
    int pair[2];
    EXPECT_EQ(tri_read(-1, &byte, 1), -EBADF);
    EXPECT_EQ(tri_read(100000000, &byte, 1), -EBADF);
    EXPECT_EQ(tri_write(-1, &byte, 1), -EBADF);
    EXPECT_EQ(tri_close(-1), -EBADF);
    EXPECT_EQ(tri_fd_wait(-1, POLLIN, -1), -EBADF);
    EXPECT_EQ(tri_fd_wait(19999, POLLIN, 0), -EBADF);
    int folder = open("/", O_RDONLY);
    EXPECT_EQ(tri_read(folder, &byte, 1), -EISDIR);
    EXPECT_EQ(tri_accept(folder, NULL, NULL), -ENOTSOCK);
    EXPECT_EQ(tri_close(folder), 0);
    EXPECT_EQ(pipe(pair), 0);
    EXPECT_EQ(tri_read(pair[0], &byte, 0), 0);
    EXPECT_EQ(tri_write(pair[1], NULL, 1), -EFAULT);
    EXPECT_EQ(tri_write(pair[0], &byte, 1), -EBADF);
    close_both(pair);
    int alone = socket(AF_INET, SOCK_STREAM, 0);
    errno = 1234;
    EXPECT_EQ(tri_read(alone, &byte, 1), -ENOTCONN);
    EXPECT_EQ(tri_accept(alone, NULL, NULL), -EINVAL);
    EXPECT_EQ(errno, 1234);
    EXPECT_EQ(tri_close(alone), 0);
}

/* ---- time ------------------------------------------------------------------------- */

TEST(a_wait_ends_in_time)
{
    int pair[2];
    EXPECT_EQ(pipe(pair), 0);
    EXPECT_EQ(tri_fd_wait(pair[0], POLLIN, 0), 0);
    EXPECT_EQ(tri_fd_wait(pair[1], POLLOUT, 0), POLLOUT);
    int64_t begin = test_now_ns();
    EXPECT_EQ(tri_fd_wait(pair[0], POLLIN, 30000000), 0);
    EXPECT(test_now_ns() - begin >= 30000000);
    EXPECT_EQ(tri_write(pair[1], "x", 1), 1);
    EXPECT_EQ(tri_fd_wait(pair[0], POLLIN, INT64_MAX), POLLIN);
    EXPECT_EQ(tri_close(pair[1]), 0);
    EXPECT_EQ(tri_fd_wait(pair[0], POLLIN, -1), POLLIN | POLLHUP);
    EXPECT_EQ(tri_close(pair[0]), 0);
}

enum {
    RACES = 3000
};

static void
write_some(void *arg)
{
    for (int i = 0; i < RACES; i++) {
        tri_sleep((int64_t)test_random_below(150000));
        EXPECT_EQ(tri_write(*(int *)arg, "x", 1), 1);
    }
    tri_waitgroup_done(&group);
}

/* Many wait for one pipe, each a little while: events, limits and other waiters'
 * limits come at the same moment. */
static TRI_ATOMIC(long) bytes_left;

static void
wait_a_little(void *arg)
{
    char byte;
    int fd = *(int *)arg;
    test_random_seed_thread(tri_goid());
    while (tri_load(&bytes_left) > 0) {
        int64_t limit = (int64_t)test_random_below(200000);
        int64_t begin = test_now_ns();
        int got = tri_fd_wait(fd, POLLIN, limit);
        EXPECT(got == POLLIN || (got == 0 && test_now_ns() - begin >= limit));
        if (got == POLLIN && read(fd, &byte, 1) == 1)
            tri_sub(&bytes_left, 1);
    }
    tri_waitgroup_done(&group);
}

TEST(limits_and_events_at_once_wake_each_waiter_once)
{
    int pair[2];
    EXPECT_EQ(pipe2(pair, O_NONBLOCK), 0);
    tri_store(&bytes_left, RACES);
    tri_waitgroup_add(&group, 6);
    for (int i = 0; i < 5; i++)
        tri_go(wait_a_little, &pair[0]);
    tri_go(write_some, &pair[1]);
    tri_waitgroup_wait(&group);
    close_both(pair);
}

static void
answer_after_a_while(void *arg)
{
    char byte;
    int fd = *(int *)arg;
    while (tri_read(fd, &byte, 1) == 1) {
        EXPECT_EQ(tri_fd_wait(fd, POLLIN, 50000), 0);
        EXPECT_EQ(tri_write(fd, &byte, 1), 1);
    }
    tri_waitgroup_done(&group);
}

/* Each letter comes when a limit has passed and the number is armed still; its
 * event may be on the way while the letter is read. */
TEST(what_was_read_already_is_not_told_again)
{
    char byte;
    int pair[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    tri_waitgroup_add(&group, 1);
    tri_go(answer_after_a_while, &pair[1]);
    for (int i = 0; i < 3000; i++) {
        EXPECT_EQ(tri_write(pair[0], "x", 1), 1);
        EXPECT_EQ(tri_read(pair[0], &byte, 1), 1);
    }
    EXPECT_EQ(tri_close(pair[0]), 0);
    tri_waitgroup_wait(&group);
    EXPECT_EQ(tri_close(pair[1]), 0);
}

/* ---- from outside ------------------------------------------------------------------- */

enum {
    LETTERS = 40
};
static TRI_ATOMIC(int64_t) sent_ns[LETTERS];

/* Not a thread of the runtime.  Each letter when an M is in epoll_wait, or about
 * to be: POLL-5, and not sysmon's look from time to time, brings it. */
static void *
post(void *arg)
{
    int64_t give_up = test_now_ns() + INT64_C(60000000000);
    for (int i = 0; i < LETTERS; i++) {
        while (tri_load(&tri_poll.attended) == 0) {
            EXPECT_F(test_now_ns() < give_up, "nobody is in epoll_wait");
            nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
        }
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        tri_store(&sent_ns[i], test_now_ns());
        EXPECT_EQ(write(*(int *)arg, "x", 1), 1);
    }
    return NULL;
}

/* All Ps are idle: the M in epoll_wait is who wakes. */
TEST(what_comes_from_outside_is_waited_for)
{
    int pair[2];
    int64_t late[LETTERS];
    pthread_t thread;
    char byte;
    EXPECT_EQ(pipe(pair), 0);
    EXPECT_EQ(pthread_create(&thread, NULL, post, &pair[1]), 0);
    for (int i = 0; i < LETTERS; i++) {
        EXPECT_EQ(tri_read(pair[0], &byte, 1), 1);
        late[i] = test_now_ns() - tri_load(&sent_ns[i]);
    }
    pthread_join(thread, NULL);
    printf("# late by %lld us in the middle\n",
           (long long)test_sort(late, LETTERS) / 1000);
    close_both(pair);
}

static void
collect_often(void *arg)
{
    for (int i = 0; i < 20; i++)
        tri_gc();
    (void)arg;
    tri_waitgroup_done(&group);
}

TEST(the_collector_waits_for_nobody_who_waits)
{
    int pair[2];
    EXPECT_EQ(pipe(pair), 0);
    tri_waitgroup_add(&group, 1);
    tri_go(collect_often, NULL);
    EXPECT_EQ(tri_fd_wait(pair[0], POLLIN, 50000000), 0);
    tri_waitgroup_wait(&group);
    close_both(pair);
}

RUNTIME_TEST_MAIN
