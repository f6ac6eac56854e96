/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_sync.c: mutex, wait group, sleep, yield.
 * To see it fail: let unlock_slow drop the WAITERS bit (MUTEX-1: the first test
 * hangs), or wake outside the bucket's lock (WG-1, under tsan).
 */
#include <tricolor/tricolor.h>

#include <errno.h>

#include "tests/support/test.h"

static struct tri_waitgroup group;
static struct tri_mutex mutex;
static long counter;

enum {
    WORKERS = 20,
    ROUNDS = 2000
};

static void
count_up(void *arg)
{
    for (int i = 0; i < ROUNDS; i++) {
        tri_mutex_lock(&mutex);
        long before = counter;
        if (i % 50 == 0)
            tri_yield();
        counter = before + 1;
        tri_mutex_unlock(&mutex);
    }
    (void)arg;
    tri_waitgroup_done(&group);
}

TEST(a_mutex_lets_one_in_at_a_time)
{
    counter = 0;
    tri_waitgroup_add(&group, WORKERS);
    for (int i = 0; i < WORKERS; i++)
        tri_go(count_up, NULL);
    tri_waitgroup_wait(&group);
    EXPECT_EQ(counter, (long)WORKERS * ROUNDS);
    EXPECT(tri_mutex_trylock(&mutex));
    EXPECT(!tri_mutex_trylock(&mutex));
    tri_mutex_unlock(&mutex);
}

static void
hog(void *arg)
{
    int64_t end = test_now_ns() + 300 * 1000 * 1000;
    (void)arg;
    while (test_now_ns() < end) {
        tri_mutex_lock(&mutex);
        int64_t until = test_now_ns() + 200 * 1000;
        while (test_now_ns() < until)
            ;
        tri_mutex_unlock(&mutex);
    }
    tri_waitgroup_done(&group);
}

TEST(a_waiter_is_not_starved)
{
    tri_waitgroup_add(&group, 2);
    tri_go(hog, NULL);
    tri_go(hog, NULL);
    int rounds = 0;
    for (; rounds < 10; rounds++) {
        tri_mutex_lock(&mutex);
        tri_mutex_unlock(&mutex);
        tri_yield();
    }
    tri_waitgroup_wait(&group);
    EXPECT_EQ(rounds, 10);
}

static void
finish(void *arg)
{
    for (uintptr_t i = (uintptr_t)arg % 7; i > 0; i--)
        tri_yield();
    __atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED);
    tri_waitgroup_done(&group);
}

static void
wait_too(void *arg)
{
    struct tri_waitgroup *outer = arg;
    tri_waitgroup_wait(&group);
    EXPECT_EQ(__atomic_load_n(&counter, __ATOMIC_RELAXED) % 100, 0);
    tri_waitgroup_done(outer);
}

TEST(a_wait_group_wakes_all_who_wait)
{
    counter = 0;
    for (int round = 0; round < 100; round++) {
        struct tri_waitgroup outer = { 0 };
        tri_waitgroup_add(&group, 100);
        tri_waitgroup_add(&outer, 3);
        for (int i = 0; i < 3; i++)
            tri_go(wait_too, &outer);
        for (uintptr_t i = 0; i < 100; i++)
            tri_go(finish, (void *)i);
        tri_waitgroup_wait(&group);
        tri_waitgroup_wait(&outer);
        EXPECT_EQ(counter, (round + 1) * 100);
    }
}

/* ---- time ------------------------------------------------------------------- */

static int woken[10];
static int woken_count;

static void
sleep_some(void *arg)
{
    int number = (int)(intptr_t)arg;
    int64_t ns = (int64_t)number * 50 * 1000 * 1000;
    int64_t begin = test_now_ns();
    tri_sleep(ns);
    EXPECT_F(test_now_ns() - begin >= ns, "slept %lld of %lld ns",
             (long long)(test_now_ns() - begin), (long long)ns);
    tri_mutex_lock(&mutex);
    woken[woken_count++] = number;
    tri_mutex_unlock(&mutex);
    tri_waitgroup_done(&group);
}

TEST(sleepers_wake_in_the_order_of_their_times)
{
    static const int order[] = { 5, 2, 8, 1, 9, 0, 4, 7, 3, 6 };
    woken_count = 0;
    tri_waitgroup_add(&group, 10);
    for (int i = 0; i < 10; i++)
        tri_go(sleep_some, (void *)(intptr_t)order[i]);
    tri_waitgroup_wait(&group);
    for (int i = 0; i < 10; i++)
        EXPECT_EQ(woken[i], i);
}

TEST(sleep_is_not_late_while_a_loop_has_the_processor)
{
    int64_t late_max = 0;
    for (int i = 0; i < 20; i++) {
        int64_t begin = test_now_ns();
        tri_sleep(2 * 1000 * 1000);
        int64_t late = test_now_ns() - begin - 2 * 1000 * 1000;
        late_max = late > late_max ? late : late_max;
    }
    EXPECT_F(late_max < INT64_C(2000000000), "woke %lld ns late",
             (long long)late_max);
}

TEST(a_negative_sleep_only_yields)
{
    tri_sleep(-1);
    tri_sleep(0);
}

/* ---- errno ------------------------------------------------------------------ */

static void __attribute__((noinline)) set_errno(int value)
{
    errno = value;
}

static int __attribute__((noinline)) get_errno(void)
{
    return errno;
}

static void
keep_errno(void *arg)
{
    int mine = (int)(intptr_t)arg;
    for (int i = 0; i < 200; i++) {
        set_errno(mine);
        tri_yield();
        EXPECT_EQ(get_errno(), mine);
        if (i % 20 == 0)
            tri_sleep(1000);
        EXPECT_EQ(get_errno(), mine);
    }
    tri_waitgroup_done(&group);
}

TEST(errno_belongs_to_the_goroutine)
{
    tri_waitgroup_add(&group, 20);
    for (intptr_t i = 1; i <= 20; i++)
        tri_go(keep_errno, (void *)i);
    tri_waitgroup_wait(&group);
}

int
main(int argc, char **argv)
{
    test_begin(argc, argv);
    return tri_main(test_run_all, NULL, NULL);
}
