/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_timer.c: who sleeps wakes, not early, and soon, whoever holds the P
 * that he went to sleep on: a loop, a blocking call, nobody, or nobody ever again.
 * To see it fail:
 *   TIMER-2  leave tri_timers_move out of procs.c ("a_p_that_ends...", hangs), or let
 *            it leave `in` as it was (the same test: not in its heap);
 *   TIMER-3  let tri_timers_watch return 0 (hangs), or tri_poll_rest not call it
 *            ("beside_a_file...", hangs); take see_to_timers out of
 *            tri_sched_loop ("beside_a_loop..."), or tri_timers_unwatched out of
 *            tri_p_hand_off ("an_attached_thread...", hangs); let it be asked
 *            there only if the P goes idle, and leaves_p out of timer.c ("a_time_
 *            set_on_the_way_out...");
 *   and tri_timers_rescue out of sysmon.c ("a_loop_on_the_only_p...", if it goes on
 *   for less than sysmon's slice).
 */
#include <tricolor/tricolor.h>

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/sanitize.h"
#include "runtime/defer.h"
#include "tests/support/collect.h"
#include "tests/support/test.h"

#define MS INT64_C(1000000)

static struct tri_waitgroup group;
static TRI_ATOMIC(int64_t) wake_ns, woken_ns, looping_ns;

#define GIVE_UP_NS (30000 * MS)

/* Sleeps once; says when it is to wake and when it woke. */
static void
sleep_and_tell(void *ns)
{
    int64_t left = *(const int64_t *)ns;
    int64_t when = test_now_ns() + left;
    tri_store(&wake_ns, when);
    tri_sleep(left);
    int64_t now = test_now_ns();
    EXPECT_F(now >= when, "woke %" PRId64 " ns early", when - now);
    tri_store(&woken_ns, now);
    tri_waitgroup_done(&group);
}

/* A goroutine that sleeps by now; when it is to wake. */
static int64_t
put_to_sleep(int64_t ns)
{
    tri_store(&wake_ns, 0);
    tri_store(&woken_ns, 0);
    tri_waitgroup_add(&group, 1);
    tri_go(sleep_and_tell, &ns);
    while (tri_load(&wake_ns) == 0)
        tri_yield();
    for (int i = 0; i < 10; i++)
        tri_yield();
    return tri_load(&wake_ns);
}

static void
loop_until_woken(int64_t give_up_ns)
{
    while (tri_load(&woken_ns) == 0 && test_now_ns() < give_up_ns)
        ;
}

/* ---- storms ------------------------------------------------------------------- */

static void
sleep_often(void *arg)
{
    uint64_t state = (uintptr_t)arg;
    for (int i = 0; i < 20; i++) {
        state = state * UINT64_C(6364136223846793005) + 1;
        int64_t ns = (int64_t)(state >> 33) % (3 * MS);
        int64_t when = test_now_ns() + ns;
        tri_sleep(ns);
        EXPECT(test_now_ns() >= when);
    }
    tri_waitgroup_done(&group);
}

enum {
    MANY = TRI_TSAN ? 200 : 2000 /* the sanitizer makes fibres slowly */
};

static void
let_sleep(uintptr_t sleepers)
{
    tri_waitgroup_add(&group, (int64_t)sleepers);
    for (uintptr_t i = 1; i <= sleepers; i++)
        tri_go(sleep_often, (void *)i);
}

TEST(nobody_wakes_early_and_all_wake)
{
    for (int procs = 1; procs <= 4; procs *= 2) {
        tri_set_procs(procs);
        let_sleep(MANY);
        tri_waitgroup_wait(&group);
    }
    tri_set_procs(2);
}

/* Limits that are called off, of goroutines that read each other's bytes. */
static void
wait_and_read(void *arg)
{
    const int *ends = arg;
    for (int64_t i = 0, got = 0; got < 200; i++) {
        char byte;
        if (tri_fd_wait(ends[0], POLLIN, i % 3 * MS / 4) > 0) {
            EXPECT_EQ(tri_read(ends[0], &byte, 1), 1);
            got++;
        }
    }
    tri_waitgroup_done(&group);
}

static void
write_slowly(void *arg)
{
    const int *ends = arg;
    for (int i = 0; i < 200; i++) {
        tri_sleep(i % 7 * MS / 20);
        EXPECT_EQ(tri_write(ends[1], "x", 1), 1);
    }
    tri_waitgroup_done(&group);
}

TEST(a_p_that_ends_leaves_no_sleeper_behind)
{
    static int pipes[20][2];
    int64_t end = test_now_ns() + (int64_t)(test_seconds(1) * 1e9);
    do {
        let_sleep(MANY / 4);
        tri_waitgroup_add(&group, 40);
        for (int i = 0; i < 20; i++) {
            EXPECT_EQ(pipe(pipes[i]), 0);
            tri_go(wait_and_read, pipes[i]);
            tri_go(write_slowly, pipes[i]);
        }
        for (int i = 0; i < 60; i++) {
            tri_set_procs(1 + i * 7 % 5);
            tri_sleep(MS / 2);
        }
        tri_waitgroup_wait(&group);
        for (int i = 0; i < 20; i++) {
            EXPECT_EQ(tri_close(pipes[i][0]), 0);
            EXPECT_EQ(tri_close(pipes[i][1]), 0);
        }
    } while (test_now_ns() < end);
    tri_set_procs(2);
}

/* ---- whoever has the P --------------------------------------------------------- */

static void
sleep_and_loop(void *until)
{
    int64_t when = *(const int64_t *)until;
    tri_sleep(2 * MS);
    tri_store(&looping_ns, test_now_ns());
    loop_until_woken(when + GIVE_UP_NS);
    tri_waitgroup_done(&group);
}

/* How late; -1: one of the two was not where it should be in time. */
static int64_t
late_beside_a_loop(void)
{
    tri_store(&woken_ns, 0);
    tri_store(&looping_ns, INT64_MAX);
    tri_waitgroup_add(&group, 1);
    int64_t when = test_now_ns() + 4 * MS;
    tri_go(sleep_and_loop, &when);
    int64_t begin = test_now_ns();
    tri_sleep(when - begin);
    int64_t woke = test_now_ns();
    tri_store(&woken_ns, woke);
    tri_waitgroup_wait(&group);
    EXPECT_F(woke - when < GIVE_UP_NS, "it slept on beside a loop");
    return begin < when - 2 * MS && tri_load(&looping_ns) < when - MS
             ? woke - when
             : -1;
}

/* The M that watched runs a loop; the other, idle all the time, is to watch now.
 * How soon the machine lets a thread run is its own affair, but sysmon comes to the
 * rescue after a millisecond only: a quarter are to be woken before. */
TEST(beside_a_loop_a_sleeper_wakes_at_once)
{
    enum {
        ROUNDS = 40,
        SOON_NS = 900000
    };
    int soon = 0, rounds = 0;
    int64_t give_up = test_now_ns() + GIVE_UP_NS;
    tri_set_procs(2);
    while (soon < ROUNDS / 4 && test_now_ns() < give_up) {
        if (rounds == ROUNDS)
            soon = rounds = 0;
        int64_t late = late_beside_a_loop();
        rounds += late >= 0;
        soon += late >= 0 && late < SOON_NS;
    }
    printf("# %d of %d were woken soon\n", soon, rounds);
    EXPECT_F(soon >= ROUNDS / 4 || rounds < ROUNDS, "%d of %d", soon, rounds);
}

TEST(a_loop_on_the_only_p_is_interrupted_for_a_sleeper)
{
    bool looped = false;
    tri_set_procs(1);
    while (!looped) {
        int64_t when = put_to_sleep(3 * MS);
        looped = test_now_ns() < when - MS;
        loop_until_woken(when + GIVE_UP_NS);
        EXPECT(tri_load(&woken_ns) != 0);
        tri_waitgroup_wait(&group);
    }
    tri_set_procs(2);
}

TEST(a_blocking_call_with_the_only_p_holds_no_sleeper_up)
{
    tri_set_procs(1);
    int64_t give_up = put_to_sleep(3 * MS) + GIVE_UP_NS;
    tri_blocking_begin();
    while (tri_load(&woken_ns) == 0 && test_now_ns() < give_up)
        usleep(1000);
    tri_blocking_end();
    EXPECT_F(tri_load(&woken_ns) != 0, "it slept on beside a blocking call");
    tri_waitgroup_wait(&group);
    tri_set_procs(2);
}

static void
read_one(void *arg)
{
    char byte;
    EXPECT_EQ(tri_read(*(const int *)arg, &byte, 1), 1);
    tri_waitgroup_done(&group);
}

/* The only M of the only P is in epoll_wait. */
TEST(beside_a_file_that_is_waited_for_a_sleeper_wakes)
{
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    tri_set_procs(1);
    tri_waitgroup_add(&group, 1);
    tri_go(read_one, &ends[0]);
    for (int64_t ns = 8 * MS; ns >= MS / 10; ns /= 2)
        tri_sleep(ns);
    EXPECT_EQ(tri_write(ends[1], "x", 1), 1);
    tri_waitgroup_wait(&group);
    EXPECT_EQ(tri_close(ends[0]), 0);
    EXPECT_EQ(tri_close(ends[1]), 0);
    tri_set_procs(2);
}

static void *
sleep_attached(void *unused)
{
    (void)unused;
    EXPECT_EQ(tri_thread_attach(), 0);
    for (int i = 0; i < 100; i++) {
        int64_t when = test_now_ns() + MS / 4;
        tri_sleep(MS / 4);
        EXPECT(test_now_ns() >= when);
    }
    tri_thread_detach();
    return NULL;
}

TEST(an_attached_thread_sleeps_and_wakes)
{
    for (int procs = 1; procs <= 2; procs++) {
        pthread_t thread[3];
        tri_set_procs(procs);
        for (int i = 0; i < 3; i++)
            EXPECT_EQ(pthread_create(&thread[i], NULL, sleep_attached, NULL),
                      0);
        tri_blocking_begin(); /* nobody else is awake */
        for (int i = 0; i < 3; i++)
            EXPECT_EQ(pthread_join(thread[i], NULL), 0);
        tri_blocking_end();
    }
}

/* Runs on the P that the sleeper left. */
static void
loop_beside(void *unused)
{
    (void)unused;
    loop_until_woken(test_now_ns() + 10000 * MS);
    EXPECT_F(tri_load(&woken_ns) != 0, "slept on beside an idle P");
    tri_waitgroup_done(&group);
}

static void
sleep_as_a_deferring_p_goes_on(void)
{
    int64_t soon = test_now_ns() + MS;
    while ((tri_load(&tri_sched.idle_p_count) == 0
            || tri_load(&tri_sched.spinning) != 0)
           && test_now_ns() < soon)
        ; /* until nobody is awake who would look */
    tri_store(&woken_ns, 0);
    tri_waitgroup_add(&group, 1);
    tri_enter();
    tri_defer_begin(tri_current_p());
    tri_leave();
    tri_go(loop_beside, NULL);
    tri_sleep(MS);
    tri_store(&woken_ns, test_now_ns());
    tri_waitgroup_wait(&group);
}

static TRI_ATOMIC(int) rounds;

/* Two attached threads, one of which waits.  The other does a round if it has P 1;
 * on P 0 it wakes the first, which is given P 1 if that is idle, and waits. */
static void
take_turns(struct tri_chan *own, struct tri_chan *other)
{
    tri_chan_recv(own, NULL);
    while (tri_load(&rounds) > 0) {
        tri_enter();
        int index = tri_current_p()->index;
        tri_leave();
        if (index == 1) {
            sleep_as_a_deferring_p_goes_on();
            tri_sub(&rounds, 1);
            continue;
        }
        tri_chan_send(other, NULL);
        tri_chan_recv(own, NULL);
    }
    tri_chan_close(other);
}

static struct tri_chan *turn[2];
static struct tri_waitgroup attached;

static void *
take_turns_attached(void *number)
{
    size_t own = (uintptr_t)number;
    EXPECT_EQ(tri_thread_attach(), 0);
    take_turns(turn[own], turn[1 - own]);
    tri_waitgroup_done(&attached);
    tri_thread_detach();
    return NULL;
}

/* An attached thread puts a wake-up off and sleeps.  Its P goes to who was made
 * ready, and computes; the other, idle all the time, is to watch. */
TEST(a_time_set_on_the_way_out_is_watched)
{
    pthread_t thread[2];
    tri_set_procs(2);
    tri_store(&rounds, 20);
    tri_waitgroup_add(&attached, 2);
    for (int i = 0; i < 2; i++)
        TRI_STORE(&turn[i], tri_chan_make(0, 1));
    for (uintptr_t i = 0; i < 2; i++)
        EXPECT_EQ(
            pthread_create(&thread[i], NULL, take_turns_attached, (void *)i),
            0);
    tri_chan_send(turn[0], NULL);
    tri_waitgroup_wait(&attached); /* our P is idle, too */
    tri_blocking_begin();
    for (int i = 0; i < 2; i++)
        EXPECT_EQ(pthread_join(thread[i], NULL), 0);
    tri_blocking_end();
}

static void
sleep_for_ever(void *unused)
{
    (void)unused;
    tri_sleep(INT64_MAX);
    EXPECT(!"awake again");
}

/* The last: it sleeps still when the program ends.  Under asan sums are looked at. */
TEST(beside_one_that_sleeps_for_ever_others_wake)
{
    tri_go(sleep_for_ever, NULL);
    for (int procs = 1; procs <= 2; procs++) {
        tri_set_procs(procs);
        loop_until_woken(put_to_sleep(MS) + GIVE_UP_NS);
        tri_sleep(2 * MS);
        tri_waitgroup_wait(&group);
    }
}

RUNTIME_TEST_MAIN
