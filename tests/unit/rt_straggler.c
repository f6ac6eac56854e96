/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_straggler.c: a thread that blocks the stop signal is named, once,
 * and the stop goes on when it lets it in.
 * To see it fail: let stop_all wait for ever at once, or leave
 * tri_straggler_given_up out of tri_m_stop_one; or let look_at ask for less, what is
 * blocked alone, or that no stop was answered (STRAG-3), or not look at the state; drop
 * the claim before tri_straggler_given_up (STRAG-2, in checked builds).
 */
#include <tricolor/tricolor.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/os.h"
#include "runtime/sched.h"
#include "tests/support/test.h"

#define DEAF_NS INT64_C(2500000000)

static volatile int ready;
static bool block_in_marking;

static void
compute(int64_t ns)
{
    int64_t end = test_now_ns() + ns;
    while (test_now_ns() < end)
        ;
}

static void
set_blocked(int how)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGURG);
    EXPECT_EQ(pthread_sigmask(how, &set, NULL), 0);
}

static void *
deaf_thread(void *unused)
{
    (void)unused;
    pthread_setname_np(pthread_self(), "deaf");
    EXPECT_EQ(tri_thread_attach(), 0);
    if (!block_in_marking)
        set_blocked(SIG_BLOCK);
    SET(ready, 1);
    if (block_in_marking) {
        while (GET(*(volatile uint32_t *)&tri_barrier_on) == 0)
            ;
        set_blocked(SIG_BLOCK);
    }
    compute(DEAF_NS);
    set_blocked(SIG_UNBLOCK);
    SET(ready, 2);
    tri_thread_detach();
    return NULL;
}

static int
collect_beside_it(void *unused)
{
    (void)unused;
    pthread_t thread;
    EXPECT_EQ(pthread_create(&thread, NULL, deaf_thread, NULL), 0);
    while (GET(ready) == 0)
        tri_yield();
    while (GET(ready) != 2)
        tri_gc(); /* comes back, once the thread can be stopped */
    tri_blocking_begin();
    pthread_join(thread, NULL);
    tri_blocking_end();
    abort(); /* a child of EXPECT_DEATH ends so */
}

static void
in_runtime(void *arg)
{
    block_in_marking = arg != NULL;
    struct tri_options options = { .procs = 2 };
    tri_main(collect_beside_it, NULL, &options);
}

TEST(a_thread_that_blocks_the_stop_signal_is_named)
{
    EXPECT_DEATH(in_runtime, NULL, "(\"deaf\") blocks SIGURG");
}

TEST(also_if_it_is_but_one_stack_that_cannot_be_had)
{
    EXPECT_DEATH(in_runtime, &block_in_marking, "(\"deaf\") blocks SIGURG");
}

/* ---- out of reach ------------------------------------------------------------------ */

static __attribute__((noinline)) void
wait_for_child(void)
{
    pid_t child = vfork();
    if (child == 0) {
        tri_os_sleep_ns(DEAF_NS);
        _exit(0);
    }
    EXPECT(waitpid(child, NULL, 0) == child);
}

static void *
vforking_thread(void *unused)
{
    (void)unused;
    pthread_setname_np(pthread_self(), "vforks");
    EXPECT_EQ(tri_thread_attach(), 0);
    SET(ready, 1);
    wait_for_child();
    SET(ready, 2);
    tri_thread_detach();
    return NULL;
}

static int
collect_beside_vfork(void *unused)
{
    (void)unused;
    pthread_t thread;
    EXPECT_EQ(pthread_create(&thread, NULL, vforking_thread, NULL), 0);
    while (GET(ready) == 0)
        tri_yield();
    tri_sleep(50000000);
    while (GET(ready) != 2)
        tri_gc();
    tri_blocking_begin();
    pthread_join(thread, NULL);
    tri_blocking_end();
    abort(); /* a child of EXPECT_DEATH ends so */
}

static void
beside_vfork(void *unused)
{
    (void)unused;
    struct tri_options options = { .procs = 2 };
    tri_main(collect_beside_vfork, NULL, &options);
}

TEST(a_thread_that_waits_in_vfork_is_named)
{
    if (TRI_ASAN || TRI_TSAN) {
        test_skip("the sanitizer makes it a fork");
        return;
    }
    EXPECT_DEATH(beside_vfork, NULL,
                 "(\"vforks\") is in a system call that no signal interrupts");
}

/* ---- who is only slow is not accused ------------------------------------------- */

static void
hold_section(void *unused)
{
    (void)unused;
    tri_enter();
    SET(ready, 1);
    compute(DEAF_NS);
    tri_leave();
    SET(ready, 2);
}

static int
collect_beside_section(void *unused)
{
    (void)unused;
    SET(ready, 0);
    tri_go(hold_section, NULL);
    while (GET(ready) == 0)
        tri_yield();
    tri_gc();
    return 0;
}

static void
spin_until_left(void *unused)
{
    (void)unused;
    while (GET(ready) != 2)
        ;
}

/* More threads than processors, each of them stopped all the time. */
static int
collect_beside_spinners(void *unused)
{
    (void)unused;
    SET(ready, 1);
    for (int i = 0; i < 6; i++)
        tri_go(spin_until_left, NULL);
    int64_t end = test_now_ns() + DEAF_NS;
    while (test_now_ns() < end)
        tri_gc();
    SET(ready, 2);
    return 0;
}

static void
beside_section(void)
{
    struct tri_options options = { .procs = 2 };
    EXPECT_EQ(tri_main(collect_beside_section, NULL, &options), 0);
}

static void
beside_spinners(void)
{
    struct tri_options options = { .procs = 2 };
    EXPECT_EQ(tri_main(collect_beside_spinners, NULL, &options), 0);
}

/* A thread with the signal blocked, looked at for longer than it takes to tell:
 * without a signal pending (as in the stop handler), and then with one, but
 * answering. */
static void *
sleep_deaf(void *tid)
{
    set_blocked(SIG_BLOCK);
    SET(*(int *)tid, tri_os_tid());
    while (GET(ready) != 2)
        tri_os_sleep_ns(1000000);
    return NULL;
}

static void
look_long(struct tri_m *m, uint64_t answers)
{
    int64_t end = test_now_ns() + 4 * TRI_STRAGGLER_NS;
    while (test_now_ns() < end) {
        tri_enter();
        tri_straggler_given_up(m);
        tri_leave();
        tri_store(&m->stop_count, tri_load(&m->stop_count) + answers);
        tri_os_sleep_ns(1000000);
    }
}

static struct tri_m fake;

static void
look_at_deaf(bool may_be_told)
{
    volatile int tid = 0;
    pthread_t thread;
    SET(ready, 0);
    EXPECT_EQ(
        pthread_create(&thread, NULL, sleep_deaf, (void *)(uintptr_t)&tid), 0);
    while (GET(tid) == 0)
        ;
    tri_store(&fake.tid, tid);
    tri_store(&fake.claim, TRI_CLAIM_HELD); /* STRAG-2 */
    look_long(&fake, 0);
    EXPECT_EQ(tri_os_signal_thread(tid, SIGURG), 0);
    look_long(&fake, 1);
    if (may_be_told)
        look_long(&fake, 0);
    tri_store(&fake.claim, TRI_CLAIM_FREE);
    SET(ready, 2);
    pthread_join(thread, NULL);
}

static void
look_but_not_long_enough(void)
{
    look_at_deaf(false);
}

static void
look_until_it_is_certain(void)
{
    look_at_deaf(true);
}

struct quiet {
    void (*fn)(void);
};

/* Says "silence", or what was said while fn ran. */
static void
listen_to(void *arg)
{
    struct quiet *quiet = arg;
    int ends[2];
    char text[256];
    EXPECT_EQ(pipe(ends), 0);
    int out = dup(2);
    (void)dup2(ends[1], 2);
    (void)close(ends[1]);
    quiet->fn();
    (void)dup2(out, 2);
    ssize_t told = read(ends[0], text, sizeof(text));
    (void)dprintf(2, told == 0 ? "silence" : "%.*s", (int)told, text);
    abort(); /* a child of EXPECT_DEATH ends so */
}

TEST(a_thread_that_is_slow_for_another_reason_is_not_accused)
{
    struct quiet section = { beside_section };
    EXPECT_DEATH(listen_to, &section, "silence");
    struct quiet spinners = { beside_spinners };
    EXPECT_DEATH(listen_to, &spinners, "silence");
}

TEST(a_blocked_signal_alone_is_no_proof)
{
    struct quiet unsure = { look_but_not_long_enough };
    EXPECT_DEATH(listen_to, &unsure, "silence");
    struct quiet sure = { look_until_it_is_certain };
    EXPECT_DEATH(listen_to, &sure, "blocks SIGURG");
}

TEST_MAIN
