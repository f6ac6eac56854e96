/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_after_main.c: attached threads go on after main has returned, beside
 * a goroutine that computes, and no goroutine is switched to any more (SCHED-7).
 * To see it fail: let an M keep its P and sleep once `ending` is set (hangs), or
 * leave that look out of tri_sched_loop (a goroutine runs).
 */
#include <tricolor/tricolor.h>

#include <pthread.h>
#include <unistd.h>

#include "base/atomic.h"
#include "tests/support/test.h"

enum {
    MODES = 6
};

struct node {
    struct node *link;
};
TRI_TYPE(node_type, struct node, link);

static struct tri_waitgroup arrived;
static TRI_ATOMIC(uint32_t) over;
static TRI_ATOMIC(uint32_t) ran;
static TRI_ATOMIC(uint32_t) turns; /* of who yields, after main */

static void
run_after_main(void *unused)
{
    (void)unused;
    tri_store(&ran, 1);
}

static void
use_the_runtime(int mode)
{
    switch (mode) {
    case 0:
        for (int i = 0; i < 100000; i++)
            (void)tri_new(&node_type);
        break;
    case 1:
        tri_gc();
        break;
    case 2:
        tri_sleep(1000000);
        break;
    case 3:
        tri_go(run_after_main, NULL);
        for (int i = 0; i < 10; i++)
            tri_yield();
        break;
    default:
        break;
    }
}

static void *
outlive_main(void *number)
{
    int mode = (int)(uintptr_t)number;
    EXPECT_EQ(tri_thread_attach(), 0);
    tri_waitgroup_done(&arrived);
    tri_blocking_begin();
    while (tri_load(&over) == 0)
        usleep(1000);
    if (mode == MODES - 1)
        return NULL; /* inside the call: thread exit ends both */
    tri_blocking_end();
    use_the_runtime(mode);
    if (mode % 2 == 0)
        tri_thread_detach(); /* else thread exit does */
    return NULL;
}

static void
compute_for_ever(void *unused)
{
    (void)unused;
    for (;;)
        __asm__ volatile("");
}

static void
yield_for_ever(void *unused)
{
    (void)unused;
    for (;;) {
        tri_add(&turns, tri_load(&over));
        tri_yield();
    }
}

static int
start_threads(void *threads)
{
    pthread_t *thread = threads;
    tri_waitgroup_add(&arrived, MODES);
    for (uintptr_t i = 0; i < MODES; i++)
        EXPECT_EQ(pthread_create(&thread[i], NULL, outlive_main, (void *)i), 0);
    tri_waitgroup_wait(&arrived);
    tri_go(compute_for_ever, NULL);
    tri_go(yield_for_ever, NULL);
    for (int i = 0; i < 3; i++)
        tri_yield();
    return 7;
}

TEST(attached_threads_outlive_main)
{
    static pthread_t thread[MODES];
    struct tri_options options = { .procs = 1 };
    EXPECT_EQ(tri_main(start_threads, thread, &options), 7);
    tri_store(&over, 1);
    for (int i = 0; i < MODES; i++)
        EXPECT_EQ(pthread_join(thread[i], NULL), 0);
    EXPECT_EQ(tri_load(&ran), 0);
    /* Perhaps it was on its own thread, preempted in place; then it goes on until
     * its yield is a switch. */
    EXPECT(tri_load(&turns) < 1000);
}

TEST_MAIN
