/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_crash.c: what the runtime says before it dies, and what it
 * says to who calls it wrongly.
 * To see it fail: install no SIGSEGV handler (tri_crash_init), do not send again
 * what was sent (send_again: CRASH-1), let tri_deadlock_check never be certain, take
 * every thread "...-ust" for the tracer's (is_tracers_name), leave one of the two
 * errors out of control() in poll_file.c ("closing_the_runtimes_epoll..."), or the
 * look at the cache out of tri_rwmutex_rlock in tricolor.h
 * ("a_call_from_an_unknown_thread..."), the personality out of tri_context_boot
 * (LEAVE-1), or the key of the runtime's own threads out of m.c (LEAVE-2),
 * or the fatal hook out of tri_context_unwound (LEAVE-3).
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
#include <unwind.h>

#include "base/sanitize.h"
#include "tests/support/overflow.h"
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

/* Also where the allocation is to pay first. */
static int
allocate_while_blocking(void *unused)
{
    (void)unused;
    tri_blocking_begin();
    tri_alloc_noscan(100);
    return 0;
}

static void
allocate_under_stress(void *arg)
{
    setenv("TRI_DEBUG", "gcstress=1", 1);
    alarm(60);
    in_runtime(arg);
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
        { allocate_while_blocking, "allocation on a thread that is not" },
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
    struct call call = { allocate_while_blocking };
    EXPECT_DEATH(allocate_under_stress, &call, "allocation on a thread that");
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

/* ---- leaving by the wrong door ---------------------------------------------------- */

/* The main goroutine sees to it that nobody is waited for in vain. */
static __attribute__((noinline)) int
run_beside_collections(void (*fn)(void *))
{
    alarm(60);
    tri_go(fn, NULL);
    for (int i = 0; i < 1000000; i++) {
        tri_gc();
        tri_sleep(1000000);
    }
    return 0;
}

static void
end_the_thread(void *unused)
{
    (void)unused;
    pthread_exit(NULL);
}

static int
go_and_end_the_thread(void *unused)
{
    (void)unused;
    return run_beside_collections(end_the_thread);
}

static void
end_the_thread_in_a_call(void *unused)
{
    (void)unused;
    tri_blocking_begin();
    pthread_exit(NULL);
}

static int
go_and_end_the_thread_in_a_call(void *unused)
{
    (void)unused;
    return run_beside_collections(end_the_thread_in_a_call);
}

static void *
cancel(void *thread)
{
    pthread_cancel(*(pthread_t *)thread);
    return NULL;
}

static void
be_cancelled(void *unused)
{
    (void)unused;
    pthread_t self = pthread_self(), other;
    EXPECT_EQ(pthread_create(&other, NULL, cancel, &self), 0);
    for (;;)
        pthread_testcancel();
}

static int
go_and_be_cancelled(void *unused)
{
    (void)unused;
    return run_beside_collections(be_cancelled);
}

#if defined(__x86_64__)
/* It has no tables for unwinders. */
void end_without_tables(void *unused);
__asm__(".text\n"
        ".globl end_without_tables\n"
        "end_without_tables:\n"
        "    pushq %rbp\n"
        "    movq %rsp, %rbp\n"
        "    xorl %edi, %edi\n"
        "    callq pthread_exit@PLT\n");

static int
go_and_end_without_tables(void *unused)
{
    (void)unused;
    return run_beside_collections(end_without_tables);
}
#endif

TEST(a_goroutine_does_not_end_its_thread)
{
    static int (*const ways[])(void *) = {
        go_and_end_the_thread,
        go_and_end_the_thread_in_a_call,
        go_and_be_cancelled,
#if defined(__x86_64__)
        go_and_end_without_tables,
#endif
    };
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        struct call call = { ways[i] };
        EXPECT_DEATH(in_runtime, &call, "end the goroutine with tri_exit");
        EXPECT_DEATH(in_runtime, &call, " at run_beside_collections");
    }
}

static jmp_buf not_left;

static void
stay(const char *message)
{
    EXPECT(strstr(message, "tri_exit") != NULL);
    longjmp(not_left, 1);
}

static int
stay_and_go_on(void *unused)
{
    (void)unused;
    EXPECT(tri_set_panic_handler(stay) == NULL);
    for (volatile int i = 0; i < 20; i++) {
        if (setjmp(not_left) == 0)
            pthread_exit(NULL);
        tri_gc();
        tri_yield();
    }
    (void)dprintf(2, "stayed");
    abort(); /* a child of EXPECT_DEATH ends so */
}

/* What C++ does to throw, and to say std::terminate. */
static int
throw_to_nobody(void *unused)
{
    (void)unused;
    static struct _Unwind_Exception exception;
    _Unwind_Reason_Code code = _Unwind_RaiseException(&exception);
    (void)dprintf(2, "came back: %d", code == _URC_END_OF_STACK);
    tri_gc();
    abort();
}

TEST(who_unwinds_a_goroutine_to_its_base_may_stay)
{
    struct call call = { stay_and_go_on };
    EXPECT_DEATH(in_runtime, &call, "stayed");
    call.fn = throw_to_nobody;
    EXPECT_DEATH(in_runtime, &call, "nobody catches an exception\n  in gorou");
    EXPECT_DEATH(in_runtime, &call, "came back: 1");
}

TEST_MAIN
