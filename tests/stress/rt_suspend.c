/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/rt_suspend.c: what a stop leaves alone in the program it stops:
 * errno, its own signal handlers, its system calls, a stack that is nearly full.
 * The table in docs/design/traps.md says which trap each test stands for.
 *
 * To see it fail: rt_broken_* (tests/runtime.cmake) are this program over a
 * runtime with one fault each, TRI_BREAK_* in runtime/signal.c, suspend.c and
 * claim.c: SIG-1 is
 * their faults mask and alternate.  For the last test, install the handler by
 * sigaction(3) (SIG-2).
 */
#include <tricolor/tricolor.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"
#include "gc/host.h"
#include "runtime/sched.h"
#include "tests/support/test.h"

static volatile int
    ready; /* 1: it is where it wants to be; 2: stopped so once */
static volatile int leave;
static volatile int tid;

/* Stops the world again and again; `look` in each stop.  For `seconds`, and until
 * there were enough stops and the test has `enough` of what it is about: on a busy
 * machine a single stop may take as long as a goroutine's turn. */
static void
stop_for(double seconds, void (*look)(void), bool (*enough)(void))
{
    enum {
        STOPS = 20
    };
    int stops = 0;
    int64_t end = test_now_ns() + (int64_t)(seconds * 1e9);
    int64_t give_up = end + INT64_C(60000000000);
    while (test_now_ns() < end || stops < STOPS
           || (enough != NULL && !enough())) {
        EXPECT_F(test_now_ns() < give_up,
                 "%d stops, and not what they were for", stops);
        tri_host_stop_world(TRI_STOP_TEST);
        if (look != NULL)
            look();
        tri_host_start_world();
        stops++;
        if (stops % 4 == 0)
            tri_sleep(50 * 1000);
    }
}

/* fn on an attached thread, while the world is stopped again and again. */
static void
stop_beside(void *(*fn)(void *), void (*look)(void), bool (*enough)(void))
{
    pthread_t thread;
    SET(ready, 0);
    SET(leave, 0);
    EXPECT_EQ(pthread_create(&thread, NULL, fn, NULL), 0);
    while (GET(ready) == 0)
        tri_yield();
    stop_for(test_seconds(0.5), look, enough);
    SET(leave, 1);
    tri_blocking_begin();
    pthread_join(thread, NULL);
    tri_blocking_end();
}

static void
come_in(void)
{
    EXPECT_EQ(tri_thread_attach(), 0);
    SET(tid, (int)gettid());
    SET(ready, 1);
}

/* ---- errno --------------------------------------------------------------------- */

static void *
watch_errno(void *unused)
{
    come_in();
    while (GET(leave) == 0) {
        volatile int *mine = &errno;
        *mine = 4321;
        for (volatile int i = 0; i < 3000; i++)
            ;
        EXPECT_EQ(*mine, 4321);
    }
    tri_thread_detach();
    return unused;
}

TEST(a_stop_does_not_touch_errno)
{
    stop_beside(watch_errno, NULL, NULL);
}

/* ---- the program's own handlers --------------------------------------------------- */

enum {
    MAX_HANDLERS = 6 /* at once: far fewer than a thread's stack holds */
};

/* Handlers that began, and that ended; turns of all of them. */
static volatile uint64_t handled, ended, handler_turns;
static uint64_t sent; /* the pest's */

/* Counted atomically: one may begin in the middle of another. */
static TRI_NO_SANITIZE void
on_usr1(int number)
{
    (void)number;
    __atomic_add_fetch(&handled, 1, __ATOMIC_SEQ_CST);
    for (int i = 0; i < 20000; i++)
        handler_turns++;
    __atomic_add_fetch(&ended, 1, __ATOMIC_SEQ_CST);
}

static void *
spin(void *unused)
{
    come_in();
    while (GET(leave) == 0)
        ;
    tri_thread_detach();
    return unused;
}

static TRI_NO_SANITIZE void
no_handler_moves(void)
{
    uint64_t calls = handled;
    uint64_t turns = handler_turns;
    int64_t end = test_now_ns() + 50000;
    while (test_now_ns() < end)
        ;
    EXPECT_F(handled == calls, "a handler began in a stopped world");
    EXPECT_F(handler_turns == turns, "a handler went on in a stopped world");
}

static bool
enough_handled(void)
{
    return GET(handled) > 20;
}

/*
 * The next one waits until the last has begun, and until there is room: the world is
 * stopped for most of the time, so handlers that block nothing come faster than they
 * end; and a thread that finds a stop and a signal waiting each time it goes on takes
 * a frame more each time, and not one step.  Its stack ends after some 2400.
 */
static bool
may_send(void)
{
    return GET(ready) != 0 && GET(handled) >= sent
        && sent - GET(ended) < MAX_HANDLERS;
}

/* Nobody the runtime knows. */
static void *
pester(void *unused)
{
    while (GET(leave) == 0) {
        if (may_send() && tgkill(getpid(), tid, SIGUSR1) == 0)
            sent++;
        nanosleep(&(struct timespec){ .tv_nsec = 20000 }, NULL);
    }
    return unused;
}

static void
stop_with_pest(int flags)
{
    struct sigaction action = { .sa_handler = on_usr1, .sa_flags = flags };
    EXPECT_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    pthread_t pest;
    SET(ready, 0);
    SET(leave, 0);
    sent = handled = ended = 0;
    EXPECT_EQ(pthread_create(&pest, NULL, pester, NULL), 0);
    stop_beside(spin, no_handler_moves, enough_handled);
    tri_blocking_begin();
    pthread_join(pest, NULL);
    tri_blocking_end();
}

TEST(handlers_of_the_program_stand_still_with_the_thread)
{
    if (TRI_TSAN) {
        test_skip("the sanitizer runs handlers at the next call of libc's");
        return;
    }
    stop_with_pest(SA_RESTART);
    stop_with_pest(SA_RESTART | SA_ONSTACK);
    stop_with_pest(SA_RESTART | SA_NODEFER);
}

/* ---- system calls ------------------------------------------------------------------ */

static int ends[2];
static volatile int interrupted, calls;

static void *
feed(void *unused)
{
    while (GET(leave) == 0) {
        EXPECT_EQ(write(ends[1], "x", 1), 1);
        nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
    }
    EXPECT_EQ(write(ends[1], "xx", 2), 2);
    return unused;
}

static void *
read_plainly(void *unused)
{
    char byte;
    come_in();
    while (GET(leave) == 0) {
        if (read(ends[0], &byte, 1) < 0)
            SET(interrupted, GET(interrupted) + 1);
        SET(calls, GET(calls) + 1);
    }
    tri_thread_detach();
    return unused;
}

static bool
enough_calls(void)
{
    return GET(calls) >= 12;
}

TEST(read_without_blocking_begin_is_stopped_and_goes_on)
{
    pthread_t feeder;
    interrupted = calls = 0;
    EXPECT_EQ(pipe(ends), 0);
    SET(leave, 0);
    EXPECT_EQ(pthread_create(&feeder, NULL, feed, NULL), 0);
    stop_beside(read_plainly, NULL, enough_calls);
    tri_blocking_begin();
    pthread_join(feeder, NULL);
    tri_blocking_end();
    EXPECT_F(interrupted == 0, "%d reads ended with EINTR", interrupted);
    close(ends[0]);
    close(ends[1]);
}

static void
sleep_and_count(void)
{
    struct timespec time = { .tv_nsec = 40000000 };
    if (nanosleep(&time, NULL) != 0) {
        EXPECT_EQ(errno, EINTR);
        SET(interrupted, GET(interrupted) + 1);
    }
    SET(calls, GET(calls) + 1);
}

static void *
sleep_plainly(void *unused)
{
    come_in();
    while (GET(leave) == 0)
        sleep_and_count();
    tri_thread_detach();
    return unused;
}

static bool
one_ended_early(void)
{
    return GET(interrupted) > 0;
}

/* The kernel restarts it after no handler (signal(7)): tricolor.h says so, and is
 * not true if none ever ends early. */
TEST(nanosleep_without_blocking_begin_may_end_early)
{
    interrupted = calls = 0;
    stop_beside(sleep_plainly, NULL, one_ended_early);
}

static void *
sleep_blocked(void *unused)
{
    come_in();
    while (GET(leave) == 0) {
        tri_blocking_begin();
        sleep_and_count();
        tri_blocking_end();
    }
    tri_thread_detach();
    return unused;
}

TEST(a_blocked_thread_gets_no_signal)
{
    interrupted = calls = 0;
    stop_beside(sleep_blocked, NULL, enough_calls);
    /* One may be on its way when it blocks. */
    EXPECT_F(interrupted <= calls / 4, "%d of %d sleeps ended early",
             interrupted, calls);
}

/* ---- back to back ------------------------------------------------------------------- */

static volatile uint64_t turns;

static void *
use_sections(void *unused)
{
    come_in();
    while (GET(leave) == 0) {
        tri_enter();
        turns++;
        tri_leave();
    }
    tri_thread_detach();
    return unused;
}

static TRI_NO_SANITIZE void
no_turn(void)
{
    uint64_t before = turns;
    int64_t end = test_now_ns() + 5000;
    while (test_now_ns() < end)
        ;
    EXPECT_F(turns == before, "a section began in a stopped world");
}

static void
stop_back_to_back(void *(*fn)(void *))
{
    pthread_t thread;
    SET(ready, 0);
    SET(leave, 0);
    EXPECT_EQ(pthread_create(&thread, NULL, fn, NULL), 0);
    while (GET(ready) == 0)
        tri_yield();
    int64_t end = test_now_ns() + (int64_t)(test_seconds(0.5) * 1e9);
    while (test_now_ns() < end) {
        for (int i = 0; i < 100; i++) {
            tri_host_stop_world(TRI_STOP_TEST);
            no_turn();
            tri_host_start_world();
        }
        tri_sleep(100000);
    }
    SET(leave, 1);
    tri_blocking_begin();
    pthread_join(thread, NULL);
    tri_blocking_end();
}

/* A request may come before the thread has left the handler, and its signal then
 * finds it answered. */
TEST(stops_without_time_between_them_are_each_answered)
{
    stop_back_to_back(use_sections);
    stop_back_to_back(spin);
}

/* ---- little stack -------------------------------------------------------------------- */

enum {
    LEFT_BYTES = 1500 /* less than a signal's frame with vector registers */
};

static struct tri_waitgroup group;

static __attribute__((noinline)) uint64_t
descend(uintptr_t lo)
{
    volatile uint64_t frame[8];
    frame[0] = lo;
    if ((uintptr_t)frame > lo + LEFT_BYTES)
        return descend(lo) + frame[0];
    SET(ready, 1);
    while (GET(leave) == 0)
        ;
    return frame[0];
}

static void
fill_stack(void *unused)
{
    (void)unused;
    /* The guard is what lies below. */
    (void)descend(tri_local_g()->stack.lo);
    tri_waitgroup_done(&group);
}

TEST(a_goroutine_at_the_end_of_its_stack_is_stopped)
{
    if (TRI_ASAN || TRI_TSAN) {
        test_skip("the sanitizer's frames are larger");
        return;
    }
    SET(ready, 0);
    SET(leave, 0);
    tri_waitgroup_add(&group, 1);
    tri_go(fill_stack, NULL);
    while (GET(ready) == 0)
        tri_yield();
    stop_for(test_seconds(0.5) / 2, NULL, NULL);
    SET(leave, 1);
    tri_waitgroup_wait(&group);
}

/* ---- the handler itself ---------------------------------------------------------- */

void tri_signal_return(void);

/* Installed through libc, or a sanitizer's wrapper of that, it would return by
 * theirs. */
TEST(nobody_stands_between_the_kernel_and_the_handler)
{
    struct {
        void (*handler)(int number);
        unsigned long flags;
        void (*restorer)(void);
        uint64_t mask;
    } action = { .handler = NULL };
    EXPECT_EQ(syscall(SYS_rt_sigaction, SIGURG, NULL, &action, 8), 0);
    EXPECT(action.handler != NULL && action.restorer == tri_signal_return);
    EXPECT_EQ(action.mask | UINT64_C(1) << (SIGKILL - 1)
                  | UINT64_C(1) << (SIGSTOP - 1),
              ~UINT64_C(0));
}

int
main(int argc, char **argv)
{
    test_begin(argc, argv);
    struct tri_options options = { .procs = 3 };
    return tri_main(test_run_all, NULL, &options);
}
