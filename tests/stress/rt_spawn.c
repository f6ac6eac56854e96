/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/rt_spawn.c: processes made under constant collections, from
 * goroutines and attached threads, in each of the four ways: posix_spawn, vfork
 * and exec, fork and exec, and a fork whose child goes on with what it has.
 * rt_fork has what the child may not do.
 *
 * To see it fail: let in_child (runtime/fork.c) take the scheduler's lock (a child
 * waits for ever), or leave out the signal mask of newborn threads (restore_signals
 * in m.c), or its last signal.
 */
#include <tricolor/tricolor.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/atomic.h"
#include "tests/support/collect.h"
#include "tests/support/fork.h"

#define MS INT64_C(1000000)

extern char **environ;

struct node {
    struct node *next;
    uint64_t number;
};
TRI_TYPE(node_type, struct node, next);

static char shell[] = "/bin/sh";
static char dash_c[] = "-c";

static void
expect_status(pid_t child, int wanted)
{
    int status = 0;
    pid_t got;
    EXPECT_F(child > 0, "no child (errno %d)", errno);
    tri_blocking_begin();
    do {
        got = waitpid(child, &status, 0);
    } while (got < 0 && errno == EINTR);
    tri_blocking_end();
    EXPECT_EQ(got, child);
    EXPECT_F(WIFEXITED(status) && WEXITSTATUS(status) == wanted,
             "the child ended with status %#x, not %d", (unsigned)status,
             wanted);
}

/* ---- four ways ------------------------------------------------------------------ */

static void
by_posix_spawn(void)
{
    char script[] = "exit 3";
    char *argv[] = { shell, dash_c, script, NULL };
    pid_t child = -1;
    tri_blocking_begin();
    int error = posix_spawn(&child, shell, NULL, NULL, argv, environ);
    tri_blocking_end();
    EXPECT_EQ(error, 0);
    expect_status(child, 3);
}

static __attribute__((noinline)) void
by_vfork(void)
{
    char script[] = "exit 4";
    char *argv[] = { shell, dash_c, script, NULL };
    tri_blocking_begin();
    pid_t child = vfork();
    if (child == 0) {
        execve(shell, argv, environ);
        _exit(99);
    }
    tri_blocking_end();
    expect_status(child, 4);
}

/* ThreadSanitizer forks with its locks in its hands, so there nobody may be stopped
 * in the middle of it (SIG-5 sees only its own code). */
static void
before_fork(void)
{
    if (TRI_TSAN)
        tri_blocking_begin();
}

static void
after_fork(void)
{
    if (TRI_TSAN)
        tri_blocking_end();
}

static void
by_fork(void)
{
    char script[] = "exit 5";
    char *argv[] = { shell, dash_c, script, NULL };
    before_fork();
    pid_t child = fork();
    if (child == 0) {
        execve(shell, argv, environ);
        _exit(99);
    }
    after_fork();
    expect_status(child, 5);
}

/* The child has the parent's heap as it was, whatever the collector was doing. */
static void
by_fork_going_on(void)
{
    enum {
        LENGTH = 200
    };
    struct node *list = NULL;
    for (uint64_t i = 0; i < LENGTH; i++) {
        struct node *node = tri_new(&node_type);
        node->number = i;
        TRI_STORE(&node->next, list);
        list = node;
    }
    before_fork();
    pid_t child = fork();
    if (child == 0) {
        uint64_t want = LENGTH;
        for (; list != NULL && list->number == want - 1; list = list->next)
            want--;
        _exit(want == 0 ? 6 : 7);
    }
    after_fork();
    expect_status(child, 6);
    EXPECT_EQ(list->number, LENGTH - 1);
}

static void (*const ways[])(void) = { by_posix_spawn, by_vfork, by_fork,
                                      by_fork_going_on };

static TRI_ATOMIC(uint32_t) made, next_way;

static void
make_one(void)
{
    ways[tri_add(&next_way, 1) % 4]();
    tri_add(&made, 1);
}

static void
make_processes(void)
{
    while (!storm_is_over())
        make_one();
}

static volatile int leave;

static void *
make_attached(void *unused)
{
    EXPECT_EQ(tri_thread_attach(), 0);
    while (__atomic_load_n(&leave, __ATOMIC_SEQ_CST) == 0)
        make_one();
    tri_thread_detach();
    return unused;
}

static void
compute_and_allocate(void)
{
    struct node *node = NULL;
    while (!storm_is_over()) {
        for (int i = 0; i < 500; i++) {
            struct node *next = tri_new(&node_type);
            TRI_STORE(&next->next, i % 100 == 0 ? NULL : node);
            node = next;
        }
        for (volatile int i = 0; i < 20000; i++)
            ;
        free(malloc(1000));
    }
}

static void
work(void)
{
    static TRI_ATOMIC(uint32_t) number;
    if (tri_add(&number, 1) % 2 == 0)
        make_processes();
    else
        compute_and_allocate();
}

TEST(processes_are_made_while_the_heap_is_collected)
{
    pthread_t thread[2];
    leave = 0;
    for (int i = 0; i < 2; i++)
        EXPECT_EQ(pthread_create(&thread[i], NULL, make_attached, NULL), 0);
    int64_t give_up = test_now_ns() + INT64_C(60000000000);
    do {
        storm(work, 6, test_seconds(3));
    } while (tri_load(&made) < 16 && test_now_ns() < give_up);
    __atomic_store_n(&leave, 1, __ATOMIC_SEQ_CST);
    tri_blocking_begin();
    for (int i = 0; i < 2; i++)
        EXPECT_EQ(pthread_join(thread[i], NULL), 0);
    tri_blocking_end();
    printf("# %u processes\n", tri_load(&made));
    EXPECT_F(tri_load(&made) >= 16, "only %u processes", tri_load(&made));
}

/* ---- a child that is slow to call exec --------------------------------------------- */

/* The child's, in the parent's memory, and ours: what has happened. */
static volatile int in_child, collecting, collected, child_over, parent_over;

enum {
    SLOW_MS = 200,
    PATIENCE_MS = 20000
};

/* In the parent's memory, the parent's thread waiting in the kernel.  `until`: what
 * the child waits for before it goes on for `more_ms`. */
static __attribute__((noinline)) pid_t
vfork_slowly(const volatile int *until, int more_ms)
{
    pid_t child = vfork();
    if (child == 0) {
        SET(in_child, 1);
        for (int i = 0; i < PATIENCE_MS && GET(*until) == 0; i++)
            usleep(1000);
        usleep((useconds_t)more_ms * 1000);
        SET(child_over, 1);
        _exit(8);
    }
    return child;
}

/* In a blocking call, until there was a collection. */
static void
be_slow_beside(void *unused)
{
    (void)unused;
    tri_blocking_begin();
    pid_t child = vfork_slowly(&collected, 0);
    tri_blocking_end();
    SET(parent_over, 1);
    expect_status(child, 8);
}

/* Not in one, and until a collection has begun some time ago. */
static void
be_slow_before(void *unused)
{
    (void)unused;
    pid_t child = vfork_slowly(&collecting, SLOW_MS);
    SET(parent_over, 1);
    expect_status(child, 8);
}

/* True: the child was there still when the collection was over. */
static bool
collect_during(void (*be_slow)(void *))
{
    in_child = collecting = collected = child_over = parent_over = 0;
    tri_go(be_slow, NULL);
    while (GET(in_child) == 0)
        tri_yield();
    SET(collecting, 1);
    tri_gc();
    bool there = GET(child_over) == 0;
    SET(collected, 1);
    while (GET(parent_over) == 0)
        tri_sleep(10 * MS);
    return there;
}

TEST(a_stop_waits_for_a_vfork_unless_it_is_in_a_blocking_call)
{
    if (TRI_ASAN || TRI_TSAN) {
        test_skip("the sanitizer makes it a fork");
        return;
    }
    EXPECT_F(collect_during(be_slow_beside),
             "a collection waited for a child that waited for it");
    EXPECT_F(!collect_during(be_slow_before),
             "a collection did not wait: tricolor.h is not true");
}

/* ---- what a child inherits ------------------------------------------------------------- */

static uint64_t
field_of_status(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    EXPECT_F(at != NULL, "no %s in \"%s\"", name, text);
    return strtoull(at + strlen(name), NULL, 16);
}

/* The runtime blocks signals round births, and SIGURG is its own. */
TEST(a_program_that_is_started_has_blocked_what_this_one_has_and_ignores_none)
{
    char script[] = "exec cat /proc/self/status";
    char *argv[] = { shell, dash_c, script, NULL };
    int ends[2];
    static char text[8192];
    posix_spawn_file_actions_t actions;
    pid_t child;
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_EQ(posix_spawn_file_actions_init(&actions), 0);
    EXPECT_EQ(posix_spawn_file_actions_adddup2(&actions, ends[1], 1), 0);
    tri_blocking_begin();
    int error = posix_spawn(&child, shell, &actions, NULL, argv, environ);
    close(ends[1]);
    size_t length = 0;
    ssize_t got;
    while ((got = read(ends[0], text + length, sizeof(text) - 1 - length)) > 0)
        length += (size_t)got;
    tri_blocking_end();
    close(ends[0]);
    EXPECT_EQ(error, 0);
    EXPECT_EQ(posix_spawn_file_actions_destroy(&actions), 0);
    expect_status(child, 0);
    EXPECT_EQ(field_of_status(text, "SigBlk:\t"), UINT64_C(1)
                                                      << (SIGRTMAX - 1));
    EXPECT_EQ(field_of_status(text, "SigPnd:\t"), 0);
    EXPECT_EQ(field_of_status(text, "SigIgn:\t") >> (SIGURG - 1) & 1, 0);
}

int
main(int argc, char **argv)
{
    sigset_t last;
    sigemptyset(&last);
    sigaddset(&last, SIGRTMAX);
    pthread_sigmask(SIG_SETMASK, &last, NULL);
    struct tri_options options = { .procs = 3 };
    return runtime_test_main(argc, argv, &options);
}
