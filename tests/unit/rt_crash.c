/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_crash.c: what the runtime says before it dies, and what it
 * says to who calls it wrongly.
 * To see it fail: install no SIGSEGV handler (tri_crash_init), do not send again
 * what was sent (send_again: CRASH-1), let tri_deadlock_check never be certain, take
 * every thread "...-ust" for the tracer's (is_tracers_name), leave one of the two
 * errors out of control() in poll_file.c ("closing_the_runtimes_epoll..."), or the
 * look at the cache out of tri_rwmutex_rlock in tricolor.h
 * ("a_call_from_an_unknown_thread...").
 */
#include <tricolor/tricolor.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/sanitize.h"
#include "tests/support/test.h"

/* Runs fn(arg) as main goroutine; a fault that is passed on ends in abort. */
static void
on_fault(int number)
{
    (void)number;
    abort();
}

struct call {
    int (*fn)(void *);
};

static void
in_runtime(void *arg)
{
    struct call *call = arg;
    struct tri_options options = { .procs = 2 };
    tri_main(call->fn, NULL, &options);
}

/* ---- overflow --------------------------------------------------------------- */

static __attribute__((noinline)) int
deeper(int n)
{
    volatile char frame[512];
    frame[0] = (char)n;
    return n > 100000000 ? 0 : deeper(n + 1) + frame[0];
}

static void
overflow(void *arg)
{
    (void)arg;
    deeper(0);
}

static void
raise_again(int number)
{
    raise(number);
}

/* The kernel finds no room for the next frame. */
static void
overflow_with_signals(void *arg)
{
    (void)arg;
    struct sigaction action = { .sa_handler = raise_again,
                                .sa_flags = SA_NODEFER };
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
}

static void
go_and_wait(void (*fn)(void *))
{
    struct tri_waitgroup never = { 0 };
    tri_waitgroup_add(&never, 1);
    tri_go(fn, NULL);
    tri_waitgroup_wait(&never);
}

static int
start_overflow(void *unused)
{
    (void)unused;
    go_and_wait(overflow);
    return 0;
}

static int
start_overflow_with_signals(void *unused)
{
    (void)unused;
    go_and_wait(overflow_with_signals);
    return 0;
}

static void
overflow_in_child(void *arg)
{
    /* Whoever handled the fault before us gets it after us. */
    struct sigaction action = { .sa_handler = on_fault,
                                .sa_flags = SA_ONSTACK };
    sigaction(SIGSEGV, &action, NULL);
    in_runtime(arg);
}

TEST(an_overflow_names_the_goroutine_and_the_cure)
{
    if (TRI_ASAN || TRI_TSAN) {
        test_skip("the sanitizer takes the fault");
        return;
    }
    struct call call = { start_overflow };
    EXPECT_DEATH(overflow_in_child, &call, "stack overflow in goroutine");
    EXPECT_DEATH(overflow_in_child, &call, "TRI_STACK=256KiB");
    struct call by_signals = { start_overflow_with_signals };
    EXPECT_DEATH(overflow_in_child, &by_signals, "stack overflow in goroutine");
}

/* ---- signals that somebody sent ---------------------------------------------- */

static int sent;
static volatile int handled;

static int
send_and_live_on(void *unused)
{
    (void)unused;
    kill(getpid(), sent);
    while (handled == 0)
        tri_sleep(1000 * 1000);
    abort(); /* a child of EXPECT_DEATH ends so */
}

static void
note_signal(int number)
{
    handled = number;
}

static void
send_to_handler(void *arg)
{
    signal(sent, note_signal);
    in_runtime(arg);
}

static int
send_to_itself(void *unused)
{
    (void)unused;
    for (int i = 0; i < 3; i++)
        raise(sent);
    abort(); /* a child of EXPECT_DEATH ends so */
}

static void
send_to_nobody(void *arg)
{
    signal(sent, SIG_IGN);
    in_runtime(arg);
}

static void
send_and_be_killed(void)
{
    alarm(30);
    in_runtime(&(struct call){ send_and_live_on });
}

TEST(a_fault_that_somebody_sent_goes_to_whoever_was_there)
{
    static const int faults[] = { SIGSEGV, SIGBUS };
    if (TRI_ASAN || TRI_TSAN) {
        test_skip("the sanitizer takes the fault");
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        sent = faults[i];
        test_killed_in_child(send_and_be_killed, sent);
        struct call call = { send_and_live_on };
        EXPECT_DEATH(send_to_handler, &call, "");
        call.fn = send_to_itself;
        EXPECT_DEATH(send_to_nobody, &call, "");
    }
}

/* ---- deadlock --------------------------------------------------------------- */

static int
wait_for_nobody(void *unused)
{
    (void)unused;
    struct tri_chan *chan = tri_chan_make(1, 0);
    tri_chan_recv(chan, NULL);
    return 0;
}

static int
select_nothing(void *unused)
{
    (void)unused;
    struct tri_select_case none[] = { { .chan = NULL } };
    return (int)tri_select(none, 1);
}

static int
select_no_case(void *unused)
{
    (void)unused;
    return (int)tri_select(NULL, 0);
}

TEST(a_deadlock_is_told_with_what_everybody_waits_for)
{
    if (TRI_TSAN) {
        test_skip("the sanitizer has a thread of its own");
        return;
    }
    struct call call = { wait_for_nobody };
    EXPECT_DEATH(in_runtime, &call, "all goroutines are asleep");
    EXPECT_DEATH(in_runtime, &call, "[channel receive], main");
    call.fn = select_nothing;
    EXPECT_DEATH(in_runtime, &call, "[select without channels], main");
    call.fn = select_no_case; /* Go: select {} */
    EXPECT_DEATH(in_runtime, &call, "[select without channels], main");
}

/* Of the program's, though its name ends like one of the tracer's. */
static void *
wake_later(void *chan)
{
    pthread_setname_np(pthread_self(), "my-ust");
    usleep(300000);
    EXPECT_EQ(tri_thread_attach(), 0);
    tri_chan_send(chan, "x");
    tri_thread_detach();
    return NULL;
}

static int
wait_for_a_thread(void *unused)
{
    (void)unused;
    static struct tri_chan *chan;
    pthread_t thread;
    char letter = 0;
    TRI_STORE(&chan, tri_chan_make(1, 0));
    EXPECT_EQ(pthread_create(&thread, NULL, wake_later, chan), 0);
    tri_chan_recv(chan, &letter);
    (void)dprintf(2, "woken by %c", letter);
    abort(); /* a child of EXPECT_DEATH ends so */
}

TEST(a_thread_that_may_wake_somebody_is_no_deadlock)
{
    struct call call = { wait_for_a_thread };
    EXPECT_DEATH(in_runtime, &call, "woken by x");
}

/* ---- misuse ----------------------------------------------------------------- */

static void
call_from_outside(void *arg)
{
    (void)arg;
    tri_yield();
}

static void
read_from_outside(void *arg)
{
    static struct tri_rwmutex mutex;
    (void)arg;
    tri_rwmutex_rlock(&mutex);
}

TEST(a_call_from_an_unknown_thread_panics_with_the_cure)
{
    EXPECT_DEATH(call_from_outside, NULL, "tri_thread_attach first");
    EXPECT_DEATH(read_from_outside, NULL, "tri_rwmutex_rlock");
}

static int
call_while_blocking(void *unused)
{
    (void)unused;
    tri_blocking_begin();
    tri_gc();
    return 0;
}

static int
end_without_begin(void *unused)
{
    (void)unused;
    tri_blocking_end();
    return 0;
}

static int
unlock_twice(void *unused)
{
    (void)unused;
    struct tri_mutex mutex = { 0 };
    tri_mutex_lock(&mutex);
    tri_mutex_unlock(&mutex);
    tri_mutex_unlock(&mutex);
    return 0;
}

static int
ask_for_minus_one(void *unused)
{
    (void)unused;
    struct tri_sem sem = TRI_SEM_INIT(1);
    tri_sem_acquire(&sem, (uint64_t)-1);
    return 0;
}

static int
done_too_often(void *unused)
{
    (void)unused;
    struct tri_waitgroup group = { 0 };
    tri_waitgroup_done(&group);
    return 0;
}

static int
close_twice(void *unused)
{
    (void)unused;
    struct tri_chan *chan = tri_chan_make(1, 1);
    tri_chan_close(chan);
    tri_chan_close(chan);
    return 0;
}

static int
send_closed(void *unused)
{
    (void)unused;
    struct tri_chan *chan = tri_chan_make(1, 1);
    tri_chan_close(chan);
    tri_chan_send(chan, "x");
    return 0;
}

static int
make_huge(void *unused)
{
    (void)unused;
    tri_chan_make(8, SIZE_MAX / 2);
    return 0;
}

static int
go_nowhere(void *unused)
{
    (void)unused;
    tri_go(NULL, NULL);
    return 0;
}

static int
detach_a_goroutine(void *unused)
{
    (void)unused;
    tri_thread_detach();
    return 0;
}

static int
start_again(void *unused)
{
    (void)unused;
    return tri_main(go_nowhere, NULL, NULL);
}

TEST(misuse_panics_with_one_sentence)
{
    static const struct {
        int (*fn)(void *);
        const char *words;
    } misuse[] = {
        { call_while_blocking, "move the call behind tri_blocking_end" },
        { end_without_begin, "call them in pairs" },
        { unlock_twice, "is not locked; unlock once for each lock" },
        { done_too_often, "falls below 0" },
        { ask_for_minus_one, "is the number negative?" },
        { close_twice, "tri_chan_close: the channel at" },
        { send_closed, "tri_chan_send: the channel at" },
        { make_huge, "make the channel smaller" },
        { go_nowhere, "tri_go: the function is NULL" },
        { detach_a_goroutine, "this thread is not attached" },
        { start_again, "it starts once per process" },
    };
    for (size_t i = 0; i < sizeof(misuse) / sizeof(*misuse); i++) {
        struct call call = { misuse[i].fn };
        EXPECT_DEATH(in_runtime, &call, misuse[i].words);
    }
}

static void
bad_options(void *arg)
{
    (void)arg;
    struct tri_options options = { .debug = "gcstres=1" };
    if (tri_main(go_nowhere, NULL, &options) == 2
        && tri_init(&options) == -EINVAL && tri_thread_attach() == -ENXIO)
        abort(); /* a child of EXPECT_DEATH ends so */
}

/* As a daemon does that thinks it owns them all.  `first`: what is waited for is
 * opened before, or gets the number of the runtime's epoll. */
static int
close_all_and_wait(bool first)
{
    int ends[2];
    if (first && pipe(ends) != 0)
        return 1;
    tri_fd_wait(first ? ends[0] : 0, POLLPRI, 1000);
    for (int fd = 3; fd < 100; fd++)
        if (!first || (fd != ends[0] && fd != ends[1]))
            close(fd);
    if (!first && pipe(ends) != 0)
        return 1;
    for (int fd = 3; fd < 20 && !first; fd++)
        if (fd != ends[0] && fd != ends[1])
            dup2(ends[1], fd);
    return tri_fd_wait(ends[0], POLLIN, 1000);
}

static int
close_all_but_a_pipe(void *unused)
{
    (void)unused;
    return close_all_and_wait(true);
}

static int
close_all_before_a_pipe(void *unused)
{
    int ends[2];
    (void)unused;
    if (pipe(ends) != 0)
        return 1;
    tri_fd_wait(ends[0], POLLIN, 1000); /* epoll is there */
    return close_all_and_wait(false);
}

TEST(closing_the_runtimes_epoll_is_told)
{
    struct call call = { close_all_but_a_pipe };
    EXPECT_DEATH(in_runtime, &call, "is no longer the runtime's epoll");
    call.fn = close_all_before_a_pipe;
    EXPECT_DEATH(in_runtime, &call, "is no longer the runtime's epoll");
}

TEST(a_bad_option_is_told_and_nothing_starts)
{
    EXPECT_DEATH(bad_options, NULL, "gcstress");
}

/* ---- a panic handler that jumps away ------------------------------------------- */

static jmp_buf away;

static void
jump(const char *message)
{
    EXPECT(strstr(message, "is not locked") != NULL);
    longjmp(away, 1);
}

static int
survive(void *unused)
{
    (void)unused;
    struct tri_mutex mutex = { 0 };
    EXPECT(tri_set_panic_handler(jump) == NULL);
    for (volatile int i = 0; i < 100; i++) {
        if (setjmp(away) == 0) {
            tri_mutex_unlock(&mutex);
            EXPECT(!"came back from a panic");
        }
        tri_yield();
        tri_gc();
    }
    EXPECT(tri_set_panic_handler(NULL) == jump);
    abort(); /* a child of EXPECT_DEATH ends so */
}

TEST(a_panic_handler_may_jump_and_the_runtime_goes_on)
{
    struct call call = { survive };
    EXPECT_DEATH(in_runtime, &call, "");
}

TEST_MAIN
