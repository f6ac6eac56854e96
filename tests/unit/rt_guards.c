/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_guards.c: guards under stacks on kernels without markers (STACK-1): by
 * mprotect, until the budget of mappings is spent; and what holds then.
 * To see it fail: let guard_mprotect protect nothing, or not count down; take no heed
 * of tri_stack_guard_best; leave the guard out of tri_stack_alloc_big.
 */
#include <tricolor/tricolor.h>

#include <signal.h>
#include <stdlib.h>

#include "base/sanitize.h"
#include "runtime/sched.h"
#include "runtime/stack.h"
#include "tests/support/overflow.h"
#include "tests/support/test.h"

enum {
    BUDGET = 60,
    CROWD = 300
};

static struct tri_chan *gate;
static struct tri_waitgroup there, never;

static void
on_fault(int number)
{
    (void)number;
    abort();
}

static void
overflow_later(void *unused)
{
    tri_waitgroup_done(&there);
    tri_chan_recv(gate, NULL);
    overflow(unused);
}

static void
wait_at_gate(void *unused)
{
    (void)unused;
    tri_waitgroup_done(&there);
    tri_chan_recv(gate, NULL);
}

/* More stacks than there may be guards, all of them in use. */
static void
gather_crowd(void)
{
    EXPECT_EQ(tri_stack_guard_kind(), TRI_GUARD_MPROTECT);
    tri_waitgroup_add(&there, CROWD);
    for (int i = 0; i < CROWD; i++)
        tri_go(wait_at_gate, NULL);
    tri_waitgroup_wait(&there);
    EXPECT_EQ(tri_stack_guard_kind(), TRI_GUARD_NONE);
}

/* ---- what the child does ------------------------------------------------------- */

static void
wait_for_the_end(void)
{
    tri_waitgroup_add(&never, 1);
    tri_waitgroup_wait(&never);
}

static int
overflows(void *fn)
{
    EXPECT_EQ(tri_stack_guard_kind(), TRI_GUARD_MPROTECT);
    tri_go((void (*)(void *))(uintptr_t)fn, NULL);
    wait_for_the_end();
    return 0;
}

static int
an_early_one_overflows(void *unused)
{
    (void)unused;
    TRI_STORE(&gate, tri_chan_make(0, 0));
    tri_waitgroup_add(&there, 1);
    tri_go(overflow_later, NULL);
    tri_waitgroup_wait(&there);
    gather_crowd();
    tri_chan_close(gate);
    wait_for_the_end();
    return 0;
}

static int
a_sized_one_overflows(void *unused)
{
    (void)unused;
    TRI_STORE(&gate, tri_chan_make(0, 0));
    gather_crowd();
    tri_go_sized(overflow, NULL, (size_t)1 << 20);
    wait_for_the_end();
    return 0;
}

static int
a_crowd_comes_and_goes(void *unused)
{
    (void)unused;
    TRI_STORE(&gate, tri_chan_make(0, 0));
    gather_crowd();
    tri_gc();
    tri_chan_close(gate);
    return 0;
}

struct child {
    int (*main)(void *arg);
    void (*fn)(void *arg);
};

static void
run(void *arg)
{
    const struct child *child = arg;
    struct tri_options options = { .procs = 2 };
    struct sigaction action = { .sa_handler = on_fault,
                                .sa_flags = SA_ONSTACK };
    tri_stack_guard_best = TRI_GUARD_MPROTECT;
    tri_stack_guard_budget = BUDGET;
    sigaction(SIGSEGV, &action, NULL); /* gets the fault after us */
    EXPECT_EQ(tri_main(child->main, (void *)(uintptr_t)child->fn, &options), 0);
}

static void
run_crowd(void)
{
    struct child child = { a_crowd_comes_and_goes, NULL };
    run(&child);
}

/* ---- the tests ------------------------------------------------------------------- */

static void
expect_overflow(int (*main)(void *), void (*fn)(void *))
{
    if (TRI_ASAN || TRI_TSAN) {
        test_skip("the sanitizer takes the fault");
        return;
    }
    struct child child = { main, fn };
    EXPECT_DEATH(run, &child, "stack overflow in goroutine");
}

TEST(an_overflow_is_told_without_markers)
{
    expect_overflow(overflows, overflow);
    expect_overflow(overflows, overflow_with_signals);
}

TEST(also_when_guards_ran_out_for_others)
{
    expect_overflow(an_early_one_overflows, NULL);
}

TEST(and_of_stacks_that_were_asked_for)
{
    expect_overflow(a_sized_one_overflows, NULL);
}

TEST(stacks_without_a_guard_are_stacks)
{
    test_in_child(run_crowd);
}

TEST_MAIN
