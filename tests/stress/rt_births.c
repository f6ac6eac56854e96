/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/rt_births.c: goroutines preempted in the middle of malloc and fork
 * hold libc's locks, which the birth of a thread needs, while blocking calls make
 * the scheduler want threads all the time.
 * To see it fail: let start_locked (runtime/wake.c) install the P in a newborn M
 * (BORN-3): the first test stands still; under TSan, let the handler (SIG-5 in
 * runtime/signal.c) not ask whether it came into the clock.
 */
#include <dlfcn.h>
#include <pthread.h>
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
start(void (*fn)(void *), uintptr_t count)
{
    tri_waitgroup_add(&group, (int64_t)count);
    for (uintptr_t i = 0; i < count; i++)
        tri_go(fn, (void *)i);
}

/* ---- one lock -------------------------------------------------------------------- */

/* It stands for libc's: a birth needs it. */
static pthread_mutex_t birth_lock = PTHREAD_MUTEX_INITIALIZER;
static volatile int births_waiting;

__attribute__((visibility("default"))) int
pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
               void *(*fn)(void *), void *arg)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    __atomic_fetch_add(&births_waiting, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_lock(&birth_lock);
    pthread_mutex_unlock(&birth_lock);
    __atomic_fetch_sub(&births_waiting, 1, __ATOMIC_SEQ_CST);
    return real(thread, attributes, fn, arg);
}

static volatile int held; /* 1: a birth waits for us; 2: none did */
static volatile int spun;

/* Not in a sanitizer, where nobody is stopped in place (SIG-5). */
static void
compute(void)
{
    for (int i = 0; i < 10000; i++)
        __asm__ volatile("" : : : "memory");
}

static void
spin(void *unused)
{
    (void)unused;
    while (GET(spun) == 0)
        compute();
    tri_waitgroup_done(&group);
}

/* Computes with the lock in its hands, and so is preempted in place. */
static void
hold_the_lock(void *unused)
{
    (void)unused;
    int64_t give_up = test_now_ns() + INT64_C(50000000);
    pthread_mutex_lock(&birth_lock);
    while (GET(births_waiting) == 0 && test_now_ns() < give_up)
        compute();
    int met = GET(births_waiting) != 0;
    pthread_mutex_unlock(&birth_lock);
    SET(held, met ? 1 : 2);
    tri_waitgroup_done(&group);
}

/* All compute on the one P: each that is preempted keeps its thread, so with some more in
 * each round there is a time when no idle one is left. */
TEST(a_birth_waits_for_who_waits_for_the_p)
{
    int procs = tri_set_procs(1);
    do {
        SET(held, 0);
        start(spin, 3);
        start(hold_the_lock, 1);
        while (GET(held) == 0)
            compute();
    } while (GET(held) == 2);
    SET(spun, 1);
    tri_set_procs(procs);
    tri_waitgroup_wait(&group);
}

/* ---- all of them ------------------------------------------------------------------ */

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
