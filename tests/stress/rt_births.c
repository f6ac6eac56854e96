/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/rt_births.c: goroutines preempted in the middle of malloc and fork
 * hold libc's locks, which the birth of a thread needs, while blocking calls make
 * the scheduler want threads all the time.
 * To see it fail: let start_locked (runtime/wake.c) install the P in a newborn M
 * (BORN-3): the program stands still; under TSan, too, where the handler (SIG-5 in
 * runtime/signal.c) does not ask whether it came into the clock.
 */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tricolor/tricolor.h>

#include "base/sanitize.h"
#include "tests/support/test.h"

enum {
    HOGS = 40,
    SLEEPERS = 100,
    FORKERS = 2
};

static struct tri_waitgroup group;
static volatile int over;

#define IS_OVER (__atomic_load_n(&over, __ATOMIC_ACQUIRE) != 0)

static void
allocate(void *number)
{
    test_random_seed_thread((uint64_t)(uintptr_t)number);
    while (!IS_OVER) {
        void *block[64];
        for (int i = 0; i < 64; i++)
            block[i] = malloc(1500 + test_random_below(60000));
        for (int i = 0; i < 64; i++)
            free(block[i]);
    }
    tri_waitgroup_done(&group);
}

static void
sleep_and_allocate(void *number)
{
    test_random_seed_thread((uint64_t)(uintptr_t)number);
    while (!IS_OVER) {
        tri_blocking_begin();
        usleep(100 + (useconds_t)test_random_below(20000));
        tri_blocking_end();
        free(malloc(3000));
    }
    tri_waitgroup_done(&group);
}

static void
fork_and_wait(void *unused)
{
    (void)unused;
    while (!IS_OVER) {
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        tri_blocking_begin();
        int status = 0;
        EXPECT_EQ(waitpid(child, &status, 0), child);
        tri_blocking_end();
        EXPECT_EQ(status, 0);
    }
    tri_waitgroup_done(&group);
}

static void
start(void (*fn)(void *), uintptr_t count)
{
    tri_waitgroup_add(&group, (int64_t)count);
    for (uintptr_t i = 0; i < count; i++)
        tri_go(fn, (void *)i);
}

TEST(threads_are_born_while_goroutines_hold_locks_of_libc)
{
    start(allocate, HOGS);
    start(sleep_and_allocate, SLEEPERS);
    start(fork_and_wait, FORKERS);
    int64_t end =
        test_now_ns() + (int64_t)(test_seconds(TRI_TSAN ? 1 : 4) * 1e9);
    while (test_now_ns() < end) {
        tri_gc();
        tri_sleep(1000 * 1000);
    }
    __atomic_store_n(&over, 1, __ATOMIC_RELEASE);
    tri_waitgroup_wait(&group);
}

int
main(int argc, char **argv)
{
    test_begin(argc, argv);
    struct tri_options options = { .procs = 2 };
    return tri_main(test_run_all, NULL, &options);
}
