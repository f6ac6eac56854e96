/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_poll_process.c: waiting for files beside everything else: busy Ps,
 * blocking calls, attached threads, forks, signals, deadlocks, idle time.
 * To see it fail:
 *   POLL-8  leave tri_poll_in_child out of in_child in fork.c;
 *   T-013   let tri_poll_watch not poll where no P is idle (a loop has the only P);
 *   T-014   leave `waiting` out of all_quiet in deadlock.c (the program dies).
 */
#include <tricolor/tricolor.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/os.h"
#include "runtime/poll.h"
#include "tests/support/collect.h"
#include "tests/support/runtime.h"
#include "tests/support/test.h"

#define MS INT64_C(1000000)

static struct tri_waitgroup group;
static TRI_ATOMIC(int) result;

static void
read_byte(void *arg)
{
    char byte;
    tri_store(&result, (int)tri_read(*(int *)arg, &byte, 1));
    tri_waitgroup_done(&group);
}

/* ---- one P ----------------------------------------------------------------------------- */

static TRI_ATOMIC(uint32_t) came;

static void
note_time(void *arg)
{
    char byte;
    EXPECT_EQ(tri_read(*(int *)arg, &byte, 1), 1);
    tri_store(&came, 1);
    tri_waitgroup_done(&group);
}

static void *
write_later(void *arg)
{
    nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
    EXPECT_EQ(write(*(int *)arg, "x", 1), 1);
    return NULL;
}

/* An M may be in epoll_wait still, on behalf of nobody: an event lets it go. */
static void
nobody_attends(int *pair)
{
    char byte;
    while (tri_load(&tri_poll.attended) != 0) {
        pthread_t thread;
        EXPECT_EQ(pthread_create(&thread, NULL, write_later, &pair[1]), 0);
        EXPECT_EQ(tri_read(pair[0], &byte, 1), 1);
        pthread_join(thread, NULL);
    }
}

/* Something arrives while the only P is kept busy, and nobody was idle since its
 * reader began to wait.  True: it was read meanwhile. */
static bool
with_one_p(void (*keep_busy)(int64_t give_up_ns))
{
    int pair[2];
    pthread_t thread;
    EXPECT_EQ(pipe(pair), 0);
    int procs = tri_set_procs(1);
    nobody_attends(pair);
    tri_store(&came, 0);
    tri_waitgroup_add(&group, 1);
    tri_go(note_time, &pair[0]);
    while (tri_load(&tri_poll.waiting) != 1)
        tri_yield();
    EXPECT_EQ(tri_load(&tri_poll.attended), 0);
    EXPECT_EQ(pthread_create(&thread, NULL, write_later, &pair[1]), 0);
    keep_busy(test_now_ns() + 20000 * MS);
    bool meanwhile = tri_load(&came) != 0;
    tri_waitgroup_wait(&group);
    pthread_join(thread, NULL);
    tri_set_procs(procs);
    close_both(pair);
    return meanwhile;
}

static void
loop(int64_t give_up_ns)
{
    while (tri_load(&came) == 0 && test_now_ns() < give_up_ns)
        ;
}

static void
block(int64_t give_up_ns)
{
    tri_blocking_begin();
    while (tri_load(&came) == 0 && test_now_ns() < give_up_ns)
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    tri_blocking_end();
}

TEST(files_are_polled_although_a_loop_has_the_only_p)
{
    EXPECT(with_one_p(loop));
}

TEST(files_are_polled_although_the_only_p_was_in_a_blocking_call)
{
    EXPECT(with_one_p(block));
}

/* ---- the process ---------------------------------------------------------------------- */

/* Only another process can wake main: no deadlock. */
TEST(who_waits_for_a_file_is_not_in_a_deadlock)
{
    int pair[2];
    char byte;
    EXPECT_EQ(pipe(pair), 0);
    pid_t child = fork();
    if (child == 0) {
        nanosleep(&(struct timespec){ .tv_nsec = 300000000 }, NULL);
        _exit(write(pair[1], "x", 1) != 1);
    }
    EXPECT_EQ(tri_read(pair[0], &byte, 1), 1);
    int status = -1;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    close_both(pair);
}

TEST(a_forked_child_has_no_part_in_the_parents_epoll)
{
    int fd = tri_load(&tri_poll.fd);
    EXPECT(fd >= 0);
    pid_t child = fork();
    if (child == 0)
        _exit(fcntl(fd, F_GETFD) != -1);
    int status = -1;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(tri_close(fd), -EBADF); /* nor has the program */
    EXPECT(fcntl(fd, F_GETFD) != -1);
}

static void
on_alarm(int number)
{
    (void)number;
}

TEST(signals_end_no_wait)
{
    int pair[2];
    struct sigaction action = { .sa_handler = on_alarm };
    struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, off = { 0 };
    EXPECT_EQ(pipe(pair), 0);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    tri_waitgroup_add(&group, 1);
    tri_go(read_byte, &pair[0]);
    tri_sleep(50 * MS);
    EXPECT_EQ(tri_fd_wait(pair[0], POLLIN, 50 * MS), 0);
    EXPECT_EQ(tri_write(pair[1], "x", 1), 1);
    tri_waitgroup_wait(&group);
    setitimer(ITIMER_REAL, &off, NULL);
    signal(SIGALRM, SIG_IGN); /* one may be on the way */
    EXPECT_EQ(tri_load(&result), 1);
    close_both(pair);
}

TEST(waiting_costs_no_processor_time)
{
    int pair[2];
    EXPECT_EQ(pipe(pair), 0);
    /* Once of many times: a second is longer on a busy machine. */
    int64_t used = INT64_MAX;
    for (int i = 0; i < 20 && used >= 100 * MS; i++) {
        int64_t before = tri_os_process_cpu_ns();
        EXPECT_EQ(tri_fd_wait(pair[0], POLLIN, 1000 * MS), 0);
        used = tri_os_process_cpu_ns() - before;
    }
    printf("# %lld us of processor time in a second\n", (long long)used / 1000);
    EXPECT_F(used < 100 * MS, "%lld us", (long long)used / 1000);
    close_both(pair);
}

static int attached_pair[2];

static void *
attached(void *arg)
{
    char byte;
    EXPECT_EQ(tri_thread_attach(), 0);
    for (int i = 0; i < 200; i++) {
        EXPECT_EQ(tri_read(attached_pair[1], &byte, 1), 1);
        EXPECT_EQ(tri_fd_wait(attached_pair[1], POLLIN, MS / 10), 0);
        EXPECT_EQ(tri_write(attached_pair[1], "y", 1), 1);
    }
    tri_thread_detach();
    return arg;
}

/* Last: once a thread was attached no deadlock is told any more. */
TEST(an_attached_thread_waits_in_place)
{
    char byte;
    pthread_t thread;
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, attached_pair), 0);
    EXPECT_EQ(pthread_create(&thread, NULL, attached, NULL), 0);
    for (int i = 0; i < 200; i++) {
        EXPECT_EQ(tri_write(attached_pair[0], "x", 1), 1);
        EXPECT_EQ(tri_read(attached_pair[0], &byte, 1), 1);
    }
    tri_blocking_begin();
    pthread_join(thread, NULL);
    tri_blocking_end();
    close_both(attached_pair);
}

RUNTIME_TEST_MAIN
