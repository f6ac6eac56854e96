/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_straggler.c: a thread that keeps a stop waiting is named, once: which,
 * where, for how long, and what to do; and the stop goes on when it lets it in.
 * To see it fail: let stop_all wait for ever at once, or leave
 * tri_straggler_given_up out of tri_m_stop_one; or let look_at ask for less, what is
 * blocked alone, or that no stop was answered (STRAG-3), or not look at the state; drop
 * the claim before tri_straggler_given_up (STRAG-2, in checked builds); or count looks, as for
 * who is deaf, at one that has put off the stop (STRAG-4), or none; print no place; or leave
 * deferred_pc out of the handler, or tri_stragglers_stopped out of await_answers.
 */
#include <tricolor/tricolor.h>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/os.h"
#include "base/syscall.h"
#include "runtime/sched.h"
#include "tests/support/test.h"

#define DEAF_NS INT64_C(2500000000)

static volatile int ready;
static bool block_in_marking;

/* ---- what a child says ----------------------------------------------------------- */

struct speech {
    void (*fn)(void);
    const char *words[6]; /* none: it is to be silent */
};

static volatile int told; /* something, or for a minute nothing */

static void *
await_words(void *end)
{
    enum {
        FAR_MS = 60000
    };
    struct pollfd entry = { .fd = *(int *)end, .events = POLLIN };
    (void)poll(&entry, 1, FAR_MS);
    SET(told, 1);
    return NULL;
}

/* Says "as was due", or what was said while fn ran. */
static void
listen_to(void *arg)
{
    const struct speech *speech = arg;
    int ends[2];
    char text[4096];
    size_t length = 0;
    pthread_t watcher;
    EXPECT_EQ(pipe(ends), 0);
    int out = dup(2);
    (void)dup2(ends[1], 2);
    (void)close(ends[1]);
    bool silent = speech->words[0] == NULL;
    if (!silent)
        EXPECT_EQ(pthread_create(&watcher, NULL, await_words, &ends[0]), 0);
    speech->fn();
    (void)dup2(out, 2);
    if (!silent)
        pthread_join(watcher, NULL);
    for (ssize_t got = 1; got > 0; length += (size_t)(got > 0 ? got : 0))
        got = read(ends[0], text + length, sizeof(text) - 1 - length);
    text[length] = '\0';
    bool due = !silent || length == 0;
    for (size_t i = 0; i < 6 && speech->words[i] != NULL; i++)
        due = due && strstr(text, speech->words[i]) != NULL;
    (void)dprintf(2, "%s", due ? "as was due" : text);
    abort(); /* a child of EXPECT_DEATH ends so */
}

/* ---- the signal is blocked --------------------------------------------------------- */

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
    while (GET(told) == 0)
        ;
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
    return 0;
}

static void
beside_it(void)
{
    struct tri_options options = { .procs = 2 };
    tri_main(collect_beside_it, NULL, &options);
}

TEST(a_thread_that_blocks_the_stop_signal_is_named)
{
    struct speech speech = {
        beside_it,
        { "(\"deaf\") blocks SIGURG", "It has not stopped for ",
          " ms, with goroutine ", "; it computes", "has stopped, after " }
    };
    EXPECT_DEATH(listen_to, &speech, "as was due");
}

TEST(also_if_it_is_but_one_stack_that_cannot_be_had)
{
    struct speech speech = { beside_it, { "(\"deaf\") blocks SIGURG" } };
    block_in_marking = true;
    EXPECT_DEATH(listen_to, &speech, "as was due");
    block_in_marking = false;
}

/* ---- out of reach ------------------------------------------------------------------ */

static __attribute__((noinline)) void
wait_for_child(void)
{
    pid_t child = vfork();
    if (child == 0) {
        while (GET(told) == 0)
            tri_os_sleep_ns(1000000);
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
    return 0;
}

static void
beside_vfork(void)
{
    struct tri_options options = { .procs = 2 };
    tri_main(collect_beside_vfork, NULL, &options);
}

TEST(a_thread_that_waits_in_vfork_is_named)
{
    if (TRI_ASAN || TRI_TSAN) {
        test_skip("the sanitizer makes it a fork");
        return;
    }
    struct speech speech = {
        beside_vfork,
        { "(\"vforks\") is in a system call that no signal interrupts",
          "; it is in system call ", "vfork", ", at " }
    };
    EXPECT_DEATH(listen_to, &speech, "as was due");
}

/* ---- it puts the stop off --------------------------------------------------------- */

static TRI_NOINLINE void
spin_until_told(void)
{
    SET(ready, 1);
    while (GET(told) == 0)
        ;
}

static void
compute_in_section(void *unused)
{
    (void)unused;
    tri_enter();
    spin_until_told();
    tri_leave();
}

static void
compute_without_calls(void *unused)
{
    (void)unused;
    spin_until_told();
}

static int
collect_beside(void *fn)
{
    tri_go((void (*)(void *))(uintptr_t)fn, NULL);
    while (GET(ready) == 0)
        tri_yield();
    tri_gc();
    return 0;
}

static void
beside_computing_section(void)
{
    struct tri_options options = { .procs = 2 };
    EXPECT_EQ(tri_main(collect_beside, (void *)(uintptr_t)compute_in_section,
                       &options),
              0);
}

static void
beside_no_calls(void)
{
    struct tri_options options = { .procs = 2 };
    EXPECT_EQ(setenv("TRI_DEBUG", "asyncstop=0", 1), 0);
    EXPECT_EQ(tri_main(collect_beside, (void *)(uintptr_t)compute_without_calls,
                       &options),
              0);
}

TEST(a_thread_that_computes_in_a_section_is_named)
{
    struct speech speech = {
        beside_computing_section,
        { "computes in a critical section", " ms, with goroutine ",
          TRI_TSAN ? "the stop found it at "
                   : "the stop found it at spin_until_told+0x" }
    };
    EXPECT_DEATH(listen_to, &speech, "as was due");
}

TEST(so_is_one_that_nothing_stops_because_of_an_option)
{
    struct speech speech = {
        beside_no_calls,
        { "asyncstop=0", TRI_TSAN ? "the stop found it at "
                                  : "the stop found it at spin_until_told+0x" }
    };
    EXPECT_DEATH(listen_to, &speech, "as was due");
}

/* ---- who is only slow is not accused ------------------------------------------- */

static void
hold_section(void *unused)
{
    (void)unused;
    tri_enter();
    SET(ready, 1);
    tri_os_sleep_ns(DEAF_NS); /* STRAG-4 */
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
static int wake[2];

static TRI_NOINLINE long
wait_in_kernel(void)
{
    static char byte;
    long got = tri_syscall3(SYS_read, wake[0], (long)(uintptr_t)&byte, 1);
    __asm__ volatile("" : "+r"(got));
    return got;
}

static void *
sleep_deaf(void *tid)
{
    set_blocked(SIG_BLOCK);
    SET(*(int *)tid, tri_os_tid());
    EXPECT_EQ(wait_in_kernel(), 1);
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
    EXPECT_EQ(pipe(wake), 0);
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
    EXPECT_EQ(write(wake[1], "", 1), 1);
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

TEST(a_thread_that_is_slow_for_another_reason_is_not_accused)
{
    struct speech section = { beside_section, { NULL } };
    EXPECT_DEATH(listen_to, &section, "as was due");
    struct speech spinners = { beside_spinners, { NULL } };
    EXPECT_DEATH(listen_to, &spinners, "as was due");
}

TEST(a_blocked_signal_alone_is_no_proof)
{
    char number[48];
    (void)snprintf(number, sizeof(number), "it is in system call %d ",
                   (int)SYS_read);
    struct speech unsure = { look_but_not_long_enough, { NULL } };
    EXPECT_DEATH(listen_to, &unsure, "as was due");
    struct speech sure = { look_until_it_is_certain,
                           { "blocks SIGURG", number,
                             ", at wait_in_kernel+0x" } };
    EXPECT_DEATH(listen_to, &sure, "as was due");
}

TEST_MAIN
