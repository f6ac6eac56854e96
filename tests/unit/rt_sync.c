/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_sync.c: mutex, wait group, sleep, yield.
 * To see it fail: let unlock_slow drop the WAITERS bit (MUTEX-1: the first test
 * hangs), or tri_waitgroup_add look for waiters whenever the count is 0 (WG-1:
 * "a_wait_group_may_go...", mostly); let sysmon's look() skip TRI_P_RUNNING ("one
 * loop kept the other out"), tri_host_sleep return at once where it yields, or
 * sift_up in runtime/timer.c never swap.
 */
#include <tricolor/tricolor.h>

#include <errno.h>
#include <stdlib.h>

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

static struct tri_waitgroup brief;
static int asked;
static int answered;

enum {
    BRIEF_ROUNDS = 50000
};

static void
await_round(const int *what, int round)
{
    for (int i = 1; __atomic_load_n(what, __ATOMIC_SEQ_CST) != round; i++)
        if (i % 1000 == 0)
            tri_yield();
}

static void
finish_each_round(void *unused)
{
    (void)unused;
    for (int round = 1; round <= BRIEF_ROUNDS; round++) {
        await_round(&asked, round);
        tri_waitgroup_done(&brief);
        __atomic_store_n(&answered, round, __ATOMIC_SEQ_CST);
    }
    tri_waitgroup_done(&group);
}

/* It may lie on the stack of who waits for it: nobody looks at it afterwards. */
TEST(a_wait_group_may_go_as_soon_as_it_was_waited_for)
{
    tri_waitgroup_add(&group, 1);
    tri_go(finish_each_round, NULL);
    for (int round = 1; round <= BRIEF_ROUNDS; round++) {
        memset(&brief, 0, sizeof(brief));
        tri_waitgroup_add(&brief, 1);
        __atomic_store_n(&asked, round, __ATOMIC_SEQ_CST);
        uint64_t wait = test_random_below(100);
        for (volatile uint64_t spin = 0; spin < wait; spin++)
            ;
        tri_waitgroup_wait(&brief);
        memset(&brief, 0xa5, sizeof(brief));
        await_round(&answered, round);
        for (size_t i = 0; i < sizeof(brief); i++)
            EXPECT_EQ(((unsigned char *)&brief)[i], 0xa5);
    }
    tri_waitgroup_wait(&group);
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

/* A machine that is 50 ms late wakes two at once, in any order: so it may try
 * again.  A queue that is out of order is so each time. */
TEST(sleepers_wake_in_the_order_of_their_times)
{
    enum {
        TRIES = 5
    };
    static const int order[] = { 5, 2, 8, 1, 9, 0, 4, 7, 3, 6 };
    bool ordered = false;
    for (int try = 0; try < TRIES && !ordered; try++) {
        woken_count = 0;
        tri_waitgroup_add(&group, 10);
        for (int i = 0; i < 10; i++)
            tri_go(sleep_some, (void *)(intptr_t)order[i]);
        tri_waitgroup_wait(&group);
        ordered = true;
        for (int i = 0; i < 10; i++)
            ordered = ordered && woken[i] == i;
    }
    EXPECT_F(ordered, "%d times out of order", TRIES);
}

static volatile int leave;
static volatile int looping;

/* Never comes to the scheduler by itself.  Ends on its own where nobody takes
 * its P, so that the test fails and does not hang. */
static void
loop(void *arg)
{
    int64_t give_up = test_now_ns() + INT64_C(20000000000);
    (void)arg;
    __atomic_fetch_add(&looping, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&leave, __ATOMIC_SEQ_CST) == 0)
        if (test_now_ns() > give_up) {
            __atomic_fetch_sub(&looping, 1, __ATOMIC_SEQ_CST);
            break;
        }
    tri_waitgroup_done(&group);
}

static int
compare_ns(const void *a, const void *b)
{
    int64_t first = *(const int64_t *)a, second = *(const int64_t *)b;
    return (first > second) - (first < second);
}

/* A sleeper's turn comes after at most 10 ms of each loop.  The bounds are far
 * above: the machine may have much else to do, and the sanitizers are slow. */
TEST(sleep_is_not_late_while_loops_have_the_processor)
{
    enum {
        SLEEPS = 15
    };
    int64_t late[SLEEPS];
    int procs = tri_set_procs(1);
    leave = 0;
    looping = 0;
    tri_waitgroup_add(&group, 2);
    tri_go(loop, NULL);
    tri_go(loop, NULL);
    int64_t give_up = test_now_ns() + INT64_C(10000000000);
    while (__atomic_load_n(&looping, __ATOMIC_SEQ_CST) < 2) {
        EXPECT_F(test_now_ns() < give_up, "one loop kept the other out");
        tri_sleep(1000 * 1000);
    }
    for (int i = 0; i < SLEEPS; i++) {
        int64_t begin = test_now_ns();
        tri_sleep(2 * 1000 * 1000);
        late[i] = test_now_ns() - begin - 2 * 1000 * 1000;
    }
    EXPECT_EQ(__atomic_load_n(&looping, __ATOMIC_SEQ_CST), 2); /* to the end */
    __atomic_store_n(&leave, 1, __ATOMIC_SEQ_CST);
    tri_waitgroup_wait(&group);
    tri_set_procs(procs);
    qsort(late, SLEEPS, sizeof(late[0]), compare_ns);
    EXPECT_F(late[0] >= 0, "woke %lld ns early", (long long)-late[0]);
    EXPECT_F(late[SLEEPS / 2] < INT64_C(500000000)
                 && late[SLEEPS - 1] < INT64_C(5000000000),
             "woke %lld ns late, at worst %lld", (long long)late[SLEEPS / 2],
             (long long)late[SLEEPS - 1]);
}

static void
raise_flag(void *flag)
{
    __atomic_store_n((int *)flag, 1, __ATOMIC_SEQ_CST);
}

/* It lets another run, on the one P there is, and comes back at once: a length
 * taken for unsigned would be centuries. */
TEST(a_sleep_of_nothing_or_less_only_yields)
{
    static const int64_t lengths[] = { 0, -1, INT64_MIN };
    int procs = tri_set_procs(1);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        static int flag;
        flag = 0;
        tri_go(raise_flag, &flag);
        /* Every now and then the one that yielded is chosen again. */
        int tries = 0;
        while (__atomic_load_n(&flag, __ATOMIC_SEQ_CST) == 0 && tries < 20) {
            tri_sleep(lengths[i]);
            tries++;
        }
        EXPECT_F(__atomic_load_n(&flag, __ATOMIC_SEQ_CST) == 1,
                 "sleeping %lld ns %d times let nobody run",
                 (long long)lengths[i], tries);
        tri_yield();
    }
    tri_set_procs(procs);
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
