/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_dump.c: what a dump of all goroutines says, on request, at SIGQUIT
 * and before a death; and goroutines with stacks of their own size.
 * To see it fail: let place_of (dump_group.c) take a goroutine in a blocking call
 * for a parked one, call tri_dump_poll in the handler of SIGQUIT (DUMP-2), write
 * while the world is stopped (DUMP-3: it hangs), let sysmon write all of it at once,
 * or wait for a reader for ever (DUMP-4: it hangs, or dies of SIGALRM), read frames in
 * place (DUMP-1: "a_wrong_frame..." dies), or leave free_sized out of tri_g_free
 * (memory grows).
 */
#include <tricolor/tricolor.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/sanitize.h"
#include "tests/support/child.h"
#include "tests/support/test.h"

static const struct tri_options two_procs = { .procs = 2 };

static struct tri_chan *never;
static struct tri_waitgroup group;
static volatile int leave;
static char text[1 << 16];

/* The dump's text, by way of a file. */
static void
dump_to_text(void)
{
    FILE *file = tmpfile();
    EXPECT(file != NULL);
    EXPECT_EQ(tri_dump_goroutines(fileno(file)), 0);
    EXPECT(fseek(file, 0, SEEK_SET) == 0);
    size_t bytes = fread(text, 1, sizeof(text) - 1, file);
    text[bytes] = 0;
    EXPECT(fclose(file) == 0);
}

#define GIVE_UP_NS INT64_C(30000000000)

/* Until each stands where it will, on a machine that is in no hurry: all `words`
 * are in the dump, in which everyone has started. */
static void
dump_until(const char *const *words, size_t count)
{
    int64_t give_up = test_now_ns() + GIVE_UP_NS;
    size_t found;
    do {
        tri_sleep(10000000);
        dump_to_text();
        found = 0;
        while (found < count && strstr(text, words[found]) != NULL)
            found++;
    } while ((found < count || strstr(text, "not started") != NULL)
             && test_now_ns() < give_up);
}

static void
expect_in_text(const char *words)
{
    EXPECT_F(strstr(text, words) != NULL, "\"%s\" is not in the dump:\n%s",
             words, text);
}

static __attribute__((noinline)) void
wait_in_the_depth(void *unused)
{
    (void)unused;
    tri_chan_recv(never, NULL);
    tri_waitgroup_done(&group);
}

static __attribute__((noinline)) void
spin_at_a_place(void *unused)
{
    (void)unused;
    while (__atomic_load_n(&leave, __ATOMIC_ACQUIRE) == 0)
        ;
    tri_waitgroup_done(&group);
}

static __attribute__((noinline)) void
stay_in_a_call(void *unused)
{
    (void)unused;
    tri_blocking_begin();
    while (__atomic_load_n(&leave, __ATOMIC_ACQUIRE) == 0)
        usleep(1000);
    tri_blocking_end();
    tri_waitgroup_done(&group);
}

static __attribute__((noinline)) void
make_them(int parked)
{
    tri_waitgroup_add(&group, parked + 2);
    for (int i = 0; i < parked; i++)
        tri_go(wait_in_the_depth, NULL);
    tri_go(spin_at_a_place, NULL);
    tri_go(stay_in_a_call, NULL);
}

static int
look_at_dump(void *unused)
{
    (void)unused;
    never = tri_chan_make(1, 0);
    make_them(1000);
    static const char *const standing[] = { "1000 of them",
                                            "[in a blocking call]",
                                            "stay_in_a_call", "[running]:" };
    dump_until(standing, 4);
    expect_in_text("[channel receive]");
    expect_in_text("1000 of them");
    expect_in_text("wait_in_the_depth");
    expect_in_text("[running]:");
    if (!TRI_TSAN) /* its atomics are calls, and their stubs have no frame */
        expect_in_text("spin_at_a_place");
    expect_in_text("[in a blocking call]");
    expect_in_text("stay_in_a_call");
    expect_in_text(" at make_them");
    expect_in_text("[running], main");
    expect_in_text("look_at_dump");
    __atomic_store_n(&leave, 1, __ATOMIC_RELEASE);
    tri_chan_close(never);
    tri_waitgroup_wait(&group);
    return 0;
}

/* Each in a process of its own: the runtime starts once. */
static void
in_runtime(void *fn)
{
    int (*main_fn)(void *);
    *(void **)&main_fn = fn;
    (void)tri_main(main_fn, NULL, &two_procs);
}

static void
expect_death(int (*fn)(void *), const char *words)
{
    void *arg;
    *(int (**)(void *)) & arg = fn;
    EXPECT_DEATH(in_runtime, arg, words);
}

TEST(a_dump_says_where_each_stands_and_where_it_was_made)
{
    expect_well(look_at_dump, &two_procs);
}

/* ---- frame pointers that lead nowhere --------------------------------------------- */

#if defined(__x86_64__) && !TRI_ASAN && !TRI_TSAN

static __attribute__((noinline)) void
wait_off_frame(void)
{
    tri_chan_recv(never, NULL);
    __asm__ volatile(""); /* no tail call */
}

/* As code may that uses the register for something else. */
static __attribute__((noinline)) void
call_with_frame(void (*fn)(void), void *frame)
{
    __asm__ volatile("movq %[fn], %%rax\n\t"
                     "movq %[frame], %%rcx\n\t"
                     "movq %%rsp, %%rbx\n\t"
                     "subq $256, %%rsp\n\t" /* past our red zone */
                     "andq $-16, %%rsp\n\t"
                     "pushq %%rbp\n\t"
                     "pushq %%rbp\n\t"
                     "movq %%rcx, %%rbp\n\t"
                     "call *%%rax\n\t"
                     "popq %%rbp\n\t"
                     "popq %%rbp\n\t"
                     "movq %%rbx, %%rsp"
                     :
                     : [fn] "m"(fn), [frame] "m"(frame)
                     : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9",
                       "r10", "r11", "r12", "r13", "r14", "r15", "cc", "memory",
                       "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
                       "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
                       "xmm13", "xmm14", "xmm15");
}

/* The frame pointer leads to a page of this very stack that cannot be read. */
static void
wait_with_a_wild_frame(void *unused)
{
    enum {
        PAGE = 4096
    };
    (void)unused;
    char room[3 * PAGE];
    char *page = room + PAGE - (uintptr_t)room % PAGE;
    EXPECT_EQ(mprotect(page, PAGE, PROT_NONE), 0);
    call_with_frame(wait_off_frame, page);
    EXPECT_EQ(mprotect(page, PAGE, PROT_READ | PROT_WRITE), 0);
    tri_waitgroup_done(&group);
}

static int
follow_a_wild_frame(void *unused)
{
    (void)unused;
    never = tri_chan_make(1, 0);
    tri_waitgroup_add(&group, 1);
    tri_go_sized(wait_with_a_wild_frame, NULL, 1 << 20);
    static const char *const standing[] = { "[channel receive]" };
    dump_until(standing, 1);
    expect_in_text("wait_off_frame");
    expect_in_text("no frame pointer to follow from here");
    tri_chan_close(never);
    tri_waitgroup_wait(&group);
    return 0;
}

TEST(a_wrong_frame_pointer_ends_a_list_and_nothing_else)
{
    expect_well(follow_a_wild_frame, &two_procs);
}

#endif

/* ---- into a pipe of our own ----------------------------------------------------- */

enum {
    PIPE_BYTES = 4096
};

static int ends[2];
static volatile size_t drained;

static void
drain(void *unused)
{
    char bytes[512];
    ssize_t got;
    (void)unused;
    while ((got = tri_read(ends[0], bytes, sizeof(bytes))) > 0)
        __atomic_fetch_add(&drained, (size_t)got, __ATOMIC_SEQ_CST);
    tri_waitgroup_done(&group);
}

static int
dump_into_pipe(void *unused)
{
    (void)unused;
    EXPECT_EQ(pipe(ends), 0);
    EXPECT(fcntl(ends[1], F_SETPIPE_SZ, 4096) > 0);
    tri_waitgroup_add(&group, 1);
    tri_go(drain, NULL);
    int dumps = 0;
    for (; __atomic_load_n(&drained, __ATOMIC_SEQ_CST) < 20000; dumps++)
        EXPECT_EQ(tri_dump_goroutines(ends[1]), 0);
    EXPECT_EQ(tri_dump_goroutines(-1), -EBADF);
    EXPECT_EQ(close(ends[1]), 0);
    tri_waitgroup_wait(&group);
    return 0;
}

TEST(a_dump_may_go_into_a_pipe_that_a_goroutine_reads)
{
    expect_well(dump_into_pipe, &two_procs);
}

/* ---- SIGQUIT ---------------------------------------------------------------- */

static int
quit(void *unused)
{
    (void)unused;
    never = tri_chan_make(1, 0);
    make_them(3);
    static const char *const standing[] = { "[channel receive]" };
    dump_until(standing, 1);
    __atomic_store_n(&leave, 1, __ATOMIC_RELEASE);
    kill(getpid(), SIGQUIT);
    tri_sleep(INT64_MAX);
    return 0;
}

static bool full_pipe;

/* Its reader is there, and does not read. */
static void
fill_standard_error(void)
{
    static const char bytes[PIPE_BYTES];
    EXPECT_EQ(pipe(ends), 0);
    EXPECT(fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES) == PIPE_BYTES);
    EXPECT_EQ(write(ends[1], bytes, sizeof(bytes)), sizeof(bytes));
    EXPECT_EQ(dup2(ends[1], 2), 2);
    alarm(60);
}

static void
run_quit(void)
{
    if (full_pipe)
        fill_standard_error();
    tri_main(quit, NULL, NULL);
}

/* SIGQUIT is not what EXPECT_DEATH waits for. */
static void
quit_in_child(void *nobody_reads)
{
    full_pipe = nobody_reads != NULL;
    test_killed_in_child(run_quit, SIGQUIT);
    (void)dprintf(2, "it died of SIGQUIT");
    abort();
}

TEST(sigquit_dumps_and_dies)
{
    EXPECT_DEATH(quit_in_child, NULL, "SIGQUIT: ");
    EXPECT_DEATH(quit_in_child, NULL, "wait_in_the_depth");
}

/* Until there are so many dumps, each with its main goroutine, in what stands for
 * standard error. */
static void
expect_dumps(int fd, int count)
{
    int64_t give_up = test_now_ns() + GIVE_UP_NS;
    for (int found = -1; found != count;) {
        ssize_t bytes = pread(fd, text, sizeof(text) - 1, 0);
        text[bytes > 0 ? bytes : 0] = 0;
        found = 0;
        for (const char *at = text; (at = strstr(at, "SIGQUIT: ")) != NULL;) {
            at = strstr(at, ", main:");
            if (at == NULL)
                break;
            found++;
        }
        EXPECT_F(found <= count && test_now_ns() < give_up,
                 "%d dumps, not %d:\n%s", found, count, text);
        tri_sleep(1000000);
    }
}

static int
quit_and_go_on(void *unused)
{
    (void)unused;
    FILE *file = tmpfile();
    EXPECT(file != NULL);
    int before = dup(2);
    EXPECT_EQ(dup2(fileno(file), 2), 2);
    for (int i = 0; i < 3; i++) {
        kill(getpid(), SIGQUIT);
        expect_dumps(fileno(file), 2 * i + 1);
        /* Where its thread has what a stopper needs. */
        tri_enter();
        pthread_kill(pthread_self(), SIGQUIT);
        tri_leave();
        expect_dumps(fileno(file), 2 * i + 2);
    }
    EXPECT_EQ(dup2(before, 2), 2);
    EXPECT_EQ(close(before), 0);
    EXPECT(fclose(file) == 0);
    return 0;
}

TEST(sigquit_may_dump_and_go_on)
{
    struct tri_options options = { .procs = 2, .debug = "sigquit=go" };
    expect_well(quit_and_go_on, &options);
}

/* ---- deaths ------------------------------------------------------------------ */

static __attribute__((noinline)) void
close_nothing(void *unused)
{
    (void)unused;
    tri_chan_close(NULL);
    __asm__ volatile(""); /* no tail call */
}

static __attribute__((noinline)) int
start_one_that_panics(void *unused)
{
    (void)unused;
    tri_go(close_nothing, NULL);
    tri_sleep(INT64_MAX);
    return 0;
}

TEST(a_panic_says_who_where_and_whence)
{
    expect_death(start_one_that_panics, "close_nothing+0x");
    expect_death(start_one_that_panics, "  in goroutine ");
    expect_death(start_one_that_panics, " at start_one_that");
}

/* ---- stacks of their own size -------------------------------------------------- */

static __attribute__((noinline)) int
descend(int n)
{
    volatile char frame[1024];
    frame[0] = (char)n;
    return n == 0 ? 0 : descend(n - 1) + frame[0] - (char)n + 1;
}

static void
go_deep(void *depth)
{
    EXPECT_EQ(descend(*(int *)depth), *(int *)depth);
    tri_waitgroup_done(&group);
}

static int
use_large_stacks(void *unused)
{
    (void)unused;
    static int depth = TRI_ASAN || TRI_TSAN ? 2000 : 20000;
    struct rusage before, after;
    for (int i = 0; i < 300; i++) {
        tri_waitgroup_add(&group, 1);
        tri_go_sized(go_deep, &depth, (size_t)(64 << 20) + (size_t)i);
        tri_waitgroup_wait(&group);
        if (i == 10)
            EXPECT(getrusage(RUSAGE_SELF, &before) == 0);
    }
    EXPECT(getrusage(RUSAGE_SELF, &after) == 0);
    long grew = after.ru_maxrss - before.ru_maxrss;
    EXPECT_F(TRI_ASAN || TRI_TSAN || grew < 40000,
             "300 times 20 MiB of stack, "
             "one after the other, left %ld KiB",
             grew);
    /* No more than the pool's: one of those. */
    tri_waitgroup_add(&group, 1);
    depth = 10;
    tri_go_sized(go_deep, &depth, 1);
    tri_waitgroup_wait(&group);
    return 0;
}

TEST(a_goroutine_may_have_a_larger_stack)
{
    expect_well(use_large_stacks, &two_procs);
}

static int
ask_for_too_much(void *unused)
{
    (void)unused;
    tri_go_sized(go_deep, NULL, (size_t)2 << 30);
    return 0;
}

TEST(a_stack_has_a_largest_size)
{
    expect_death(ask_for_too_much, "tri_go_sized: a stack of 2147483648 bytes");
}

/* ---- SIGQUIT, and nobody reads -------------------------------------------------- */

enum {
    DEPTHS = 100 /* a dump of many times what the pipe holds */
};

static __attribute__((noinline)) void
wait_below(intptr_t depth)
{
    if (depth == 0)
        tri_chan_recv(never, NULL);
    else
        wait_below(depth - 1);
    __asm__ volatile(""); /* no tail call */
}

static void
wait_at_depth(void *depth)
{
    wait_below((intptr_t)depth % 20);
    tri_waitgroup_done(&group);
}

static void
wait_for_the_pipe(size_t bytes)
{
    int there = 0;
    while ((size_t)there < bytes) {
        tri_sleep(1000000);
        EXPECT_EQ(ioctl(ends[0], FIONREAD, &there), 0);
    }
}

/* One P: we come back only if sysmon takes it from who spins. */
static void
be_preempted(void)
{
    __atomic_store_n(&leave, 0, __ATOMIC_RELEASE);
    tri_waitgroup_add(&group, 1);
    tri_go(spin_at_a_place, NULL);
    tri_yield();
    __atomic_store_n(&leave, 1, __ATOMIC_RELEASE);
    tri_waitgroup_wait(&group);
}

static int
quit_into_a_full_pipe(void *unused)
{
    (void)unused;
    char bytes[512];
    never = tri_chan_make(1, 0);
    alarm(60);
    EXPECT_EQ(pipe(ends), 0);
    EXPECT(fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES) == PIPE_BYTES);
    for (intptr_t i = 0; i < DEPTHS; i++)
        tri_go(wait_at_depth, (void *)i);
    for (int i = 0; i < 3; i++)
        tri_yield();
    EXPECT_EQ(dup2(ends[1], 2), 2);
    kill(getpid(), SIGQUIT);
    wait_for_the_pipe(1);
    for (int i = 0; i < 5; i++)
        be_preempted();
    for (size_t got = 0; got < (size_t)2 * PIPE_BYTES;) {
        ssize_t more = tri_read(ends[0], bytes, sizeof(bytes));
        EXPECT(more > 0);
        got += (size_t)more;
    }
    return 0;
}

TEST(sysmon_does_not_wait_for_who_reads_a_dump)
{
    struct tri_options options = { .procs = 1, .debug = "sigquit=go" };
    expect_well(quit_into_a_full_pipe, &options);
}

TEST(who_dies_by_sigquit_does_not_wait_for_a_reader_for_ever)
{
    EXPECT_DEATH(quit_in_child, &group, "it died of SIGQUIT");
}

TEST_MAIN
