/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_sync.c: mutex, wait group, sleep, yield.
 * To see it fail: let unlock_slow drop the WAITERS bit (MUTEX-1: the first test
 * hangs), or tri_waitgroup_add look for waiters whenever the count is 0 (WG-1:
 * "a_wait_group_may_go...", mostly), or panic without take_back (WG-2); hand nobody
 * the mutex ("a_waiter_is_not_starved", after a minute); let sysmon's look() skip
 * TRI_P_RUNNING ("one loop kept the other out"), tri_host_sleep return at once where
 * it yields, or sift_up in runtime/timer.c never swap; let tri_waiters_ready read `next`
 * after tri_ready (BUCKET-2: a deadlock), or take two buckets (BUCKET-1: LOCK-2 dies, in
 * checked builds).
 */
#include <tricolor/tricolor.h>

#include <errno.h>

#include "base/sanitize.h"
#include "tests/support/runtime.h"
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

static int fed;    /* how often who waits beside the hog got the mutex */
static int wanted; /* how often it shall */

enum {
    FAR_SECONDS = 60 /* then nobody believes that it comes still */
};

static void
hog(void *arg)
{
    int64_t end = test_now_ns() + FAR_SECONDS * INT64_C(1000000000);
    (void)arg;
    while (__atomic_load_n(&fed, __ATOMIC_RELAXED) < wanted
           && test_now_ns() < end) {
        tri_mutex_lock(&mutex);
        int64_t until = test_now_ns() + 200 * 1000;
        while (test_now_ns() < until)
            ;
        tri_mutex_unlock(&mutex);
    }
    tri_waitgroup_done(&group);
}

/* On one P: whoever is woken to compete runs when the hog has the mutex again. */
TEST(a_waiter_is_not_starved)
{
    int procs = tri_set_procs(1);
    int64_t end = test_now_ns() + FAR_SECONDS * INT64_C(1000000000);
    fed = 0;
    wanted = 20;
    tri_waitgroup_add(&group, 1);
    tri_go(hog, NULL);
    while (fed < wanted && test_now_ns() < end) {
        tri_mutex_lock(&mutex);
        __atomic_add_fetch(&fed, 1, __ATOMIC_RELAXED);
        tri_mutex_unlock(&mutex);
        tri_yield();
    }
    EXPECT_F(fed == wanted, "got the mutex %d times of %d in %d s", fed, wanted,
             FAR_SECONDS);
    tri_waitgroup_wait(&group);
    tri_set_procs(procs);
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
    BRIEF_ROUNDS = TRI_TSAN ? 5000 : 50000 /* each waits for the other's turn */
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

/* As they are between the last done and the waking (WG-2), and below 0. */
TEST(a_wait_group_that_is_misused_counts_as_before)
{
    static struct tri_waitgroup misused;
    misused.count = 3;
    EXPECT_REFUSAL(tri_waitgroup_add(&misused, 1), "are just being woken");
    EXPECT_EQ(misused.count, 0);
    tri_waitgroup_add(&misused, 1);
    EXPECT_REFUSAL(tri_waitgroup_add(&misused, -2), "falls below 0");
    tri_waitgroup_done(&misused);
    EXPECT_EQ(misused.count, 0);
}

/* ---- time ------------------------------------------------------------------- */

static int woken[10];
static int woken_count;
static int64_t apart_ns; /* from one sleeper's time to the next one's */

static void
sleep_some(void *arg)
{
    int number = (int)(intptr_t)arg;
    int64_t ns = number * apart_ns;
    int64_t begin = test_now_ns();
    tri_sleep(ns);
    EXPECT_F(test_now_ns() - begin >= ns, "slept %lld of %lld ns",
             (long long)(test_now_ns() - begin), (long long)ns);
    tri_mutex_lock(&mutex);
    woken[woken_count++] = number;
    tri_mutex_unlock(&mutex);
    tri_waitgroup_done(&group);
}

/* A machine that is as late as the times are apart wakes two at once, in any order:
 * so it may try again, with twice as much.  A queue that is out of order is so each
 * time. */
TEST(sleepers_wake_in_the_order_of_their_times)
{
    enum {
        TRIES = 7 /* the last with 1.6 s between two */
    };
    static const int order[] = { 5, 2, 8, 1, 9, 0, 4, 7, 3, 6 };
    bool ordered = false;
    for (int try = 0; try < TRIES && !ordered; try++) {
        woken_count = 0;
        apart_ns = INT64_C(25000000) << try;
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
    int64_t give_up = test_now_ns() + FAR_SECONDS * INT64_C(1000000000);
    (void)arg;
    __atomic_fetch_add(&looping, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&leave, __ATOMIC_SEQ_CST) == 0)
        if (test_now_ns() > give_up) {
            __atomic_fetch_sub(&looping, 1, __ATOMIC_SEQ_CST);
            break;
        }
    tri_waitgroup_done(&group);
}

/* A sleeper's turn comes after at most 10 ms of each loop; how late that is depends
 * on what else the machine does, so it has to come before they give up. */
TEST(a_sleeper_has_its_turn_while_loops_have_the_processor)
{
    enum {
        SLEEPS = 15
    };
    int procs = tri_set_procs(1);
    leave = 0;
    looping = 0;
    tri_waitgroup_add(&group, 2);
    tri_go(loop, NULL);
    tri_go(loop, NULL);
    int64_t give_up = test_now_ns() + FAR_SECONDS * INT64_C(1000000000);
    while (__atomic_load_n(&looping, __ATOMIC_SEQ_CST) < 2) {
        EXPECT_F(test_now_ns() < give_up, "one loop kept the other out");
        tri_sleep(1000 * 1000);
    }
    for (int i = 0; i < SLEEPS; i++) {
        int64_t begin = test_now_ns();
        tri_sleep(2 * 1000 * 1000);
        int64_t slept = test_now_ns() - begin;
        EXPECT_F(slept >= 2 * 1000 * 1000, "woke after %lld ns",
                 (long long)slept);
    }
    EXPECT_EQ(__atomic_load_n(&looping, __ATOMIC_SEQ_CST), 2); /* to the end */
    __atomic_store_n(&leave, 1, __ATOMIC_SEQ_CST);
    tri_waitgroup_wait(&group);
    tri_set_procs(procs);
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
