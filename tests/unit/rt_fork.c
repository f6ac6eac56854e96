/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_fork.c: the child of a fork from a running runtime: each call dies
 * with a sentence instead of waiting for threads that are not there, and leaving
 * works in every way.
 * To see it fail: leave tri_fork_init out of the runtime's start (FORK-1), the
 * check out of lock_slow (FORK-2), tri_fork_leave out of main_goroutine
 * (FORK-3), tri_fork_hold_off out of tri_m_adopt (FORK-4), or
 * tri_malloc_check_caller out of tri_cycle_before_alloc (gc.c; "a_child_pays...",
 * mostly).
 */
#include <tricolor/tricolor.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/sched.h"
#include "tests/support/child.h"
#include "tests/support/fork.h"
#include "tests/support/test.h"

#define HANGS_SECONDS 20

struct node {
    struct node *next;
};
TRI_TYPE(node_type, struct node, next);

static struct tri_chan *chan;
static struct tri_mutex mutex;
static struct tri_waitgroup group;
static struct node *object;
static struct tri_cleanup cleanup;
static uintptr_t range[8];

/* ---- calls ------------------------------------------------------------------ */

static void
nothing(void *arg)
{
    (void)arg;
}

static int
no_main(void *arg)
{
    (void)arg;
    return 0;
}

static void
call_go(void)
{
    tri_go(nothing, NULL);
}

static void
call_new(void)
{
    for (int i = 0; i < 3; i++)
        object = tri_new(&node_type);
}

static void
call_alloc_noscan(void)
{
    (void)*(volatile char *)tri_alloc_noscan(100);
}

static void
call_alloc_large(void)
{
    (void)*(volatile char *)tri_alloc_noscan(100000);
}

static void
call_chan_send(void)
{
    tri_chan_send(chan, "x");
}

static void
call_mutex_lock(void)
{
    tri_mutex_lock(&mutex);
}

static void
call_waitgroup_wait(void)
{
    tri_waitgroup_wait(&group);
}

static void
call_sleep(void)
{
    tri_sleep(1);
}

static void
call_drain(void)
{
    (void)tri_cleanup_drain(-1);
}

static void
call_add_cleanup(void)
{
    (void)tri_add_cleanup(object, nothing, NULL);
}

static void
call_cleanup_stop(void)
{
    (void)tri_cleanup_stop(cleanup);
}

static void
call_weak_make(void)
{
    (void)tri_weak_make(object);
}

static void
call_attach(void)
{
    (void)tri_thread_attach();
}

static void
call_init(void)
{
    (void)tri_init(NULL);
}

static void
call_main(void)
{
    (void)tri_main(no_main, NULL, NULL);
}

static void
call_set_procs(void)
{
    (void)tri_set_procs(1);
}

static void
call_root_add(void)
{
    (void)tri_root_add(range, sizeof(range));
}

static void
call_read(void)
{
    char byte;
    (void)tri_read(0, &byte, 1);
}

static void
call_write(void)
{
    (void)tri_write(1, "", 0);
}

static void
call_fd_wait(void)
{
    (void)tri_fd_wait(0, 1, 0);
}

static void
call_accept(void)
{
    (void)tri_accept(0, NULL, NULL);
}

static void
call_close(void)
{
    (void)tri_close(0);
}

static const struct {
    void (*call)(void);
    const char *name;
} calls[] = {
    { call_go, "tri_go: " },
    { tri_gc, "tri_gc: " },
    { tri_yield, "tri_yield: " },
    { tri_exit, "tri_exit: " },
    { call_new, "" },
    { call_alloc_noscan, "" },
    { call_alloc_large, "" },
    { call_chan_send, "tri_chan_send: " },
    { call_mutex_lock, "tri_mutex_lock: " },
    { call_waitgroup_wait, "tri_waitgroup_wait: " },
    { call_sleep, "tri_sleep: " },
    { call_read, "tri_read: " },
    { call_write, "tri_write: " },
    { call_fd_wait, "tri_fd_wait: " },
    { call_accept, "tri_accept: " },
    { call_close, "tri_close: " },
    { call_drain, "tri_cleanup_drain: " },
    { call_add_cleanup, "tri_add_cleanup: " },
    { call_cleanup_stop, "tri_cleanup_stop: " },
    { call_weak_make, "tri_weak_make: " },
    { call_attach, "tri_thread_attach: " },
    { tri_thread_detach, "tri_thread_detach: " },
    { call_init, "tri_init: " },
    { call_main, "tri_main: " },
    { tri_blocking_begin, "tri_blocking_begin: " },
    { tri_blocking_end, "tri_blocking_end: " },
    { call_set_procs, "tri_set_procs: " },
    { call_root_add, "tri_root_add: " },
};

static void
call_in_child(void *arg)
{
    alarm(HANGS_SECONDS);
    calls[*(size_t *)arg].call();
}

/* Others hold locks of the runtime and collect, in the moment of a fork too. */
static volatile int leave;

static void
keep_busy(void *unused)
{
    (void)unused;
    while (__atomic_load_n(&leave, __ATOMIC_SEQ_CST) == 0) {
        for (int i = 0; i < 1000; i++)
            (void)tri_new(&node_type);
        tri_yield();
    }
    tri_waitgroup_done(&group);
}

static int
fork_and_call(void *unused)
{
    (void)unused;
    chan = tri_chan_make(1, 0);
    object = tri_new(&node_type);
    cleanup = tri_add_cleanup(object, nothing, NULL);
    tri_waitgroup_add(&group, 2);
    tri_go(keep_busy, NULL);
    tri_go(keep_busy, NULL);
    for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
        char words[256];
        (void)snprintf(
            words, sizeof(words),
            "panic: %sthis process was forked from a running runtime",
            calls[i].name);
        EXPECT_DEATH(call_in_child, &i, words);
    }
    __atomic_store_n(&leave, 1, __ATOMIC_SEQ_CST);
    tri_waitgroup_wait(&group);
    tri_gc(); /* the parent did not notice */
    return 0;
}

static const struct tri_options three_procs = { .procs = 3 };

TEST(each_call_dies_with_a_sentence_in_the_child)
{
    expect_well(fork_and_call, &three_procs);
}

enum {
    FORKS = 60,
    KEPT = 5000
};
static void *kept[KEPT];

static void
allocate_in_child(void *unused)
{
    (void)unused;
    alarm(HANGS_SECONDS);
    call_alloc_large();
}

/* A child that owes sweeping, of spans with specials: it is told before it pays. */
static int
fork_and_owe(void *unused)
{
    (void)unused;
    for (int i = 0; i < KEPT; i++) {
        kept[i] = tri_new(&node_type);
        (void)tri_add_cleanup(kept[i], nothing, NULL);
    }
    tri_waitgroup_add(&group, 2);
    tri_go(keep_busy, NULL);
    tri_go(keep_busy, NULL);
    for (int i = 0; i < FORKS; i++)
        EXPECT_DEATH(allocate_in_child, NULL, "panic: this process was forked");
    __atomic_store_n(&leave, 1, __ATOMIC_SEQ_CST);
    tri_waitgroup_wait(&group);
    return 0;
}

TEST(a_child_pays_no_debt_of_its_parents)
{
    expect_well(fork_and_owe, &three_procs);
}

/* As if another thread had held it in the moment of the fork. */
static void
take_a_held_lock(void *unused)
{
    (void)unused;
    alarm(HANGS_SECONDS);
    tri_store(&tri_sched.lock.word, 1u);
    tri_lock(&tri_sched.lock);
}

static int
fork_under_a_lock(void *unused)
{
    (void)unused;
    EXPECT_DEATH(take_a_held_lock, NULL, "forked from a running runtime");
    return 0;
}

TEST(a_lock_that_was_held_is_not_waited_for)
{
    expect_well(fork_under_a_lock, &three_procs);
}

/* ---- leaving ------------------------------------------------------------------ */

static int
status_of(pid_t child)
{
    int status = 0;
    EXPECT(waitpid(child, &status, 0) == child);
    EXPECT_F(WIFEXITED(status), "the child ended with status %#x",
             (unsigned)status);
    return WEXITSTATUS(status);
}

static pid_t
fork_child(void)
{
    (void)fflush(NULL);
    pid_t child = fork();
    EXPECT(child >= 0);
    if (child == 0)
        alarm(HANGS_SECONDS);
    return child;
}

static void
exit_in_goroutine(void *unused)
{
    (void)unused;
    pid_t child = fork_child();
    if (child == 0)
        exit(4);
    EXPECT_EQ(status_of(child), 4);
    tri_waitgroup_done(&group);
}

static int
leave_in_every_way(void *unused)
{
    (void)unused;
    pid_t child = fork_child();
    if (child == 0)
        _exit(1);
    EXPECT_EQ(status_of(child), 1);
    child = fork_child();
    if (child == 0)
        exit(2);
    EXPECT_EQ(status_of(child), 2);
    child = fork_child();
    if (child == 0)
        (void)execlp("sh", "sh", "-c", "exit 3", (char *)NULL);
    EXPECT_EQ(status_of(child), 3);
    tri_waitgroup_add(&group, 1);
    tri_go(exit_in_goroutine, NULL);
    tri_waitgroup_wait(&group);
    child = fork_child();
    if (child == 0)
        return 5;
    EXPECT_EQ(status_of(child), 5);
    tri_gc();
    return 0;
}

TEST(a_child_leaves_by_exit_by_exec_and_by_returning_from_main)
{
    expect_well(leave_in_every_way, &three_procs);
}

static void
fork_attached(void)
{
    EXPECT_EQ(tri_init(NULL), 0);
    pid_t child = fork_child();
    if (child == 0)
        exit(6);
    EXPECT_EQ(status_of(child), 6);
    tri_gc();
    tri_thread_detach();
    child = fork_child(); /* unknown to the runtime here too */
    if (child == 0)
        exit(7);
    EXPECT_EQ(status_of(child), 7);
}

TEST(a_child_of_an_attached_thread_leaves_as_any_process)
{
    test_in_child(fork_attached);
}

/* ---- births ------------------------------------------------------------------- */

/* In the way of liburcu's: says when a thread is in there, and stays until a while
 * after somebody is about to fork. */
static volatile int slow_births, inside, forking;

void urcu_bp_register_thread(void);
__attribute__((visibility("default"))) void
urcu_bp_register_thread(void)
{
    void (*real)(void);
    *(void **)&real = dlsym(RTLD_NEXT, "urcu_bp_register_thread");
    EXPECT(real != NULL);
    __atomic_fetch_add(&inside, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&slow_births, __ATOMIC_SEQ_CST) != 0) {
        while (__atomic_load_n(&forking, __ATOMIC_SEQ_CST) == 0)
            usleep(100);
        usleep(30000);
    }
    real();
    __atomic_fetch_sub(&inside, 1, __ATOMIC_SEQ_CST);
}

static void *
come_and_go(void *unused)
{
    (void)unused;
    EXPECT_EQ(tri_thread_attach(), 0);
    tri_thread_detach();
    return NULL;
}

static void
fork_at_a_birth(void)
{
    EXPECT_EQ(tri_init(NULL), 0);
    tri_thread_detach();
    __atomic_store_n(&slow_births, 1, __ATOMIC_SEQ_CST);
    pthread_t thread;
    EXPECT_EQ(pthread_create(&thread, NULL, come_and_go, NULL), 0);
    while (__atomic_load_n(&inside, __ATOMIC_SEQ_CST) == 0)
        usleep(100);
    __atomic_store_n(&forking, 1, __ATOMIC_SEQ_CST);
    pid_t child = fork_child();
    if (child == 0)
        exit(__atomic_load_n(&inside, __ATOMIC_SEQ_CST) == 0 ? 8 : 9);
    EXPECT_EQ(status_of(child), 8);
    EXPECT_EQ(pthread_join(thread, NULL), 0);
}

TEST(no_fork_while_a_thread_registers_with_liburcu)
{
    test_in_child(fork_at_a_birth);
}

TEST_MAIN
