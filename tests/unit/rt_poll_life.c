/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_poll_life.c: descriptors that are closed, used again, not to be had,
 * or many.
 * To see it fail:
 *   POLL-3  let arm_locked in poll_file.c return what EPOLL_CTL_MOD did (a number
 *           used again: "no such file"), or leave out changed_locked (the first
 *           waiter is never told);
 *   POLL-4  leave the comparison of armings out of tri_poll_deliver (an event of the
 *           old file wakes who waits for the new one);
 *   POLL-9  leave the turn as it is in changed_locked, or its waiters, or do not look at its
 *           number in tri_poll_leave_turn (the tests with
 *           "turn" in their names hang).
 */
#include <tricolor/tricolor.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/atomic.h"
#include "runtime/poll.h"
#include "tests/support/collect.h"
#include "tests/support/poll.h"
#include "tests/support/runtime.h"
#include "tests/support/test.h"

#define MS INT64_C(1000000)

static struct tri_waitgroup group;
static TRI_ATOMIC(int) result;

static void
await_waiters(uint32_t count)
{
    while (tri_load(&tri_poll.waiting) != count)
        tri_sleep(MS / 10);
}

static void
read_byte(void *arg)
{
    char byte;
    tri_store(&result, (int)tri_read(*(int *)arg, &byte, 1));
    tri_waitgroup_done(&group);
}

/* ---- no descriptor for epoll: the first test, or there is one ------------------- */

TEST(without_an_epoll_descriptor_threads_wait)
{
    int pair[2];
    struct rlimit limit, low;
    EXPECT_EQ(tri_load(&tri_poll.fd), -1);
    EXPECT_EQ(pipe(pair), 0);
    getrlimit(RLIMIT_NOFILE, &limit);
    low = limit;
    low.rlim_cur = (rlim_t)pair[1] + 1;
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
    EXPECT_EQ(tri_fd_wait(pair[0], POLLIN, 30 * MS), 0);
    tri_waitgroup_add(&group, 1);
    tri_go(read_byte, &pair[0]);
    tri_sleep(10 * MS);
    EXPECT_EQ(tri_write(pair[1], "x", 1), 1);
    tri_waitgroup_wait(&group);
    EXPECT_EQ(tri_load(&result), 1);
    tri_waitgroup_add(&group, 1);
    tri_go(read_byte, &pair[0]);
    tri_sleep(10 * MS);
    EXPECT_EQ(tri_load(&tri_poll.fd), -1);
    close_both(pair);
    tri_waitgroup_wait(&group);
    EXPECT_EQ(tri_load(&result), -EBADF);
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* ---- closing ---------------------------------------------------------------------- */

static void
write_until_closed(void *arg)
{
    char block[4096] = { 0 };
    ssize_t done;
    do {
        done = tri_write(*(int *)arg, block, sizeof(block));
    } while (done == sizeof(block));
    EXPECT_EQ(done, -EBADF);
    tri_waitgroup_done(&group);
}

static void
accept_one(void *arg)
{
    EXPECT_EQ(tri_accept(*(int *)arg, NULL, NULL), -EBADF);
    tri_waitgroup_done(&group);
}

static void
wait_long(void *arg)
{
    EXPECT_EQ(tri_fd_wait(*(int *)arg, POLLPRI, 3600000 * MS), -EBADF);
    tri_waitgroup_done(&group);
}

TEST(closing_wakes_all_who_wait)
{
    int pair[2];
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(listen(listener, 1), 0);
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    tri_waitgroup_add(&group, 4);
    tri_go(read_byte, &pair[0]);
    tri_go(write_until_closed, &pair[0]);
    tri_go(wait_long, &pair[0]);
    tri_go(accept_one, &listener);
    await_waiters(4);
    EXPECT_EQ(tri_close(listener), 0);
    EXPECT_EQ(tri_close(pair[0]), 0);
    tri_waitgroup_wait(&group);
    EXPECT_EQ(tri_load(&result), -EBADF);
    EXPECT_EQ(tri_close(pair[0]), -EBADF);
    EXPECT_EQ(tri_close(pair[1]), 0);
}

/* close(2), and the number again for another pipe; `keep`: a dup of the old one
 * keeps it in epoll's books. */
static void
use_number_again(bool keep)
{
    int old[2], fresh[2];
    EXPECT_EQ(pipe(old), 0);
    EXPECT_EQ(pipe(fresh), 0);
    int copy = keep ? fcntl(old[0], F_DUPFD, 0) : -1;
    tri_store(&result, 1234);
    tri_waitgroup_add(&group, 1);
    tri_go(read_byte, &old[0]);
    await_waiter(old[0]);
    EXPECT_EQ(dup2(fresh[0], old[0]), old[0]);
    /* The first wait for the new file finds out. */
    EXPECT_EQ(tri_fd_wait(old[0], POLLIN, 5 * MS), 0);
    tri_waitgroup_wait(&group);
    EXPECT_EQ(tri_load(&result), -EBADF);
    if (keep) {
        EXPECT_EQ(tri_write(old[1], "x", 1), 1);
        EXPECT_EQ(tri_fd_wait(old[0], POLLIN, 20 * MS), 0);
        EXPECT_EQ(tri_close(copy), 0);
    }
    tri_waitgroup_add(&group, 1);
    tri_go(read_byte, &old[0]);
    await_waiter(old[0]);
    EXPECT_EQ(tri_write(fresh[1], "y", 1), 1);
    tri_waitgroup_wait(&group);
    EXPECT_EQ(tri_load(&result), 1);
    close_both(old);
    close_both(fresh);
}

TEST(a_number_used_again_does_not_deliver_to_who_waited_before)
{
    use_number_again(false);
    use_number_again(true);
}

/* The same, the old file becoming ready while it is not known yet. */
TEST(an_event_of_the_old_file_does_not_count)
{
    int old[2], fresh[2];
    EXPECT_EQ(pipe(old), 0);
    EXPECT_EQ(pipe(fresh), 0);
    int copy = fcntl(old[0], F_DUPFD, 0);
    tri_store(&result, 1234);
    tri_waitgroup_add(&group, 1);
    tri_go(read_byte, &old[0]);
    await_waiter(old[0]);
    EXPECT_EQ(dup2(fresh[0], old[0]), old[0]);
    tri_waitgroup_add(&group, 1);
    int waits = old[0];
    tri_go(wait_long, &waits);
    int64_t give_up = test_now_ns() + 30000 * MS;
    while (tri_load(&result) == 1234 && test_now_ns() < give_up)
        tri_sleep(MS / 10);
    EXPECT_EQ(tri_load(&result), -EBADF);
    await_waiter(waits);
    EXPECT_EQ(tri_write(old[1], "x", 1), 1);
    tri_sleep(20 * MS);
    EXPECT_EQ(tri_load(&tri_poll.waiting), 1);
    EXPECT_EQ(tri_close(waits), 0);
    tri_waitgroup_wait(&group);
    close_both(fresh);
    close_both((int[]){ old[1], copy });
}

/* ---- the turn to accept ---------------------------------------------------------- */

static int
listen_locally(struct sockaddr_in *address)
{
    socklen_t bytes = sizeof(*address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(listen(listener, 5), 0);
    EXPECT_EQ(getsockname(listener, (struct sockaddr *)address, &bytes), 0);
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return listener;
}

static int
call_up(const struct sockaddr_in *address)
{
    int client = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(
        tri_connect(client, (const struct sockaddr *)address, sizeof(*address)),
        0);
    return client;
}

static void
accept_in_turn(void *arg)
{
    tri_store(&result, tri_accept(*(int *)arg, NULL, NULL));
    tri_waitgroup_done(&group);
}

/* The test has the turn, as a thread has that sleeps in accept(2) since another
 * process was quicker. */
static void
accept_behind(int *listener)
{
    tri_store(&result, 1234);
    tri_waitgroup_add(&group, 1);
    tri_go(accept_in_turn, listener);
    tri_sleep(5 * MS);
    EXPECT_EQ(tri_load(&result), 1234);
}

TEST(who_waits_for_the_turn_to_accept_is_woken_by_a_close)
{
    struct sockaddr_in address;
    uint32_t turn;
    int listener = listen_locally(&address);
    int client = call_up(&address);
    EXPECT_EQ(tri_poll_take_turn(listener, &turn), 0);
    accept_behind(&listener);
    EXPECT_EQ(tri_close(listener), 0);
    tri_waitgroup_wait(&group);
    EXPECT_EQ(tri_load(&result), -EBADF);
    EXPECT_EQ(tri_close(client), 0);
}

/* `behind_us`: by close(2). */
static void
accept_on_number_used_again(bool behind_us)
{
    struct sockaddr_in address;
    uint32_t turn;
    int old = listen_locally(&address);
    int number = old;
    EXPECT_EQ(tri_poll_take_turn(old, &turn), 0);
    if (!behind_us)
        EXPECT_EQ(tri_close(old), 0);
    int fresh = listen_locally(&address);
    if (fresh != number)
        EXPECT_EQ(dup2(fresh, number), number);
    int client = call_up(&address);
    tri_waitgroup_add(&group, 1);
    tri_go(accept_in_turn, &number);
    tri_waitgroup_wait(&group);
    EXPECT_F(tri_load(&result) >= 0, "%d", tri_load(&result));
    close_both((int[]){ client, tri_load(&result) });
    /* Who comes back late leaves a turn that is not his any more. */
    uint32_t ours;
    EXPECT_EQ(tri_poll_take_turn(number, &ours), 0);
    tri_poll_leave_turn(number, turn);
    client = call_up(&address);
    accept_behind(&number);
    tri_poll_leave_turn(number, ours);
    tri_waitgroup_wait(&group);
    close_both((int[]){ client, tri_load(&result) });
    EXPECT_EQ(tri_close(number), 0);
    if (fresh != number)
        EXPECT_EQ(tri_close(fresh), 0);
}

TEST(a_number_used_again_does_not_share_the_turn)
{
    accept_on_number_used_again(false);
    accept_on_number_used_again(true);
}

TEST(the_turn_goes_to_who_waits_for_it)
{
    struct sockaddr_in address;
    uint32_t turn;
    int listener = listen_locally(&address);
    int client = call_up(&address);
    EXPECT_EQ(tri_poll_take_turn(listener, &turn), 0);
    accept_behind(&listener);
    tri_poll_leave_turn(listener, turn);
    tri_waitgroup_wait(&group);
    EXPECT_F(tri_load(&result) >= 0, "%d", tri_load(&result));
    close_both((int[]){ client, tri_load(&result) });
    EXPECT_EQ(tri_close(listener), 0);
}

/* ---- threads ------------------------------------------------------------------------ */

enum {
    MANY = 1000
};
static int pipes[MANY][2];

static int
thread_count(void)
{
    int count = -2; /* . and .. */
    DIR *tasks = opendir("/proc/self/task");
    EXPECT(tasks != NULL);
    while (readdir(tasks) != NULL)
        count++;
    closedir(tasks);
    return count;
}

TEST(a_thousand_wait_without_threads_of_their_own)
{
    for (int i = 0; i < MANY; i++)
        EXPECT_EQ(pipe(pipes[i]), 0);
    tri_waitgroup_add(&group, MANY);
    for (int i = 0; i < MANY; i++)
        tri_go(read_byte, &pipes[i][0]);
    await_waiters(MANY);
    int threads = thread_count();
    printf("# %d threads\n", threads);
    /* On a busy machine some are made for Ps that were taken from others. */
    EXPECT_F(threads < MANY / 4, "%d threads", threads);
    for (int i = 0; i < MANY; i++)
        EXPECT_EQ(tri_write(pipes[i][1], "x", 1), 1);
    tri_waitgroup_wait(&group);
    for (int i = 0; i < MANY; i++)
        close_both(pipes[i]);
}

int
main(int argc, char **argv)
{
    struct tri_options options = { .procs = 2 };
    return runtime_test_main(argc, argv, &options);
}
