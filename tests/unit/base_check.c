/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/base_check.c: how the runtime dies.
 * To see it fail: take the write out of tri_fatal_at, or let a panic whose
 * handler returns go on.
 */
#include "base/check.h"

#include <setjmp.h>

#include "base/format.h"
#include "tests/support/test.h"

static void
break_invariant(void *arg)
{
    int *number = arg;
    TRI_CHECK(*number == 1, "SPAN-2: number is %d", *number);
}

TEST(a_broken_invariant_says_where_and_what)
{
    int number = 1;
    break_invariant(&number);
    number = 42;
    EXPECT_DEATH(break_invariant, &number, "tests/unit/base_check.c:");
    EXPECT_DEATH(break_invariant, &number, "SPAN-2: number is 42\n");
    EXPECT_DEATH(break_invariant, &number, "  #0 0x");
    EXPECT_DEATH(break_invariant, &number, "/base_check)");
}

/* A frame pointer into nowhere, as an overflow leaves it. */
static void
smash_and_die(void *arg)
{
    uintptr_t *frame = __builtin_frame_address(0);
    frame[0] = 0x7f0000001000;
    (void)arg;
    tri_fatal("died on a smashed stack");
}

TEST(a_smashed_stack_ends_the_backtrace_not_the_report)
{
    EXPECT_DEATH(smash_and_die, NULL, "died on a smashed stack");
}

static void
break_checked(void *arg)
{
    (void)arg;
    TRI_DCHECK(arg != NULL, "a costly check");
    tri_fatal("went on");
}

TEST(costly_checks_die_in_checked_builds_only)
{
    EXPECT_DEATH(break_checked, NULL,
                 TRI_CHECKED ? "a costly check" : "went on");
}

static void
say_more(void)
{
    tri_print("the hook was here\n");
}

static void
die_with_hook(void *arg)
{
    (void)arg;
    tri_fatal_hook = say_more;
    tri_fatal("first");
}

static void
die_in_hook(void)
{
    tri_fatal("second");
}

static void
die_twice(void *arg)
{
    (void)arg;
    tri_fatal_hook = die_in_hook;
    tri_fatal("first");
}

TEST(the_hook_adds_what_only_the_runtime_knows)
{
    EXPECT_DEATH(die_with_hook, NULL, "the hook was here");
    EXPECT_DEATH(die_twice, NULL, "fatal: ");
}

static void
misuse(void *arg)
{
    (void)arg;
    tri_panic("tri_foo: %s is NULL", "ptr");
}

static jmp_buf escape;
static char caught[100];

static void
catch_and_leave(const char *message)
{
    (void)tri_format(caught, sizeof(caught), "%s", message);
    longjmp(escape, 1);
}

static void
catch_and_return(const char *message)
{
    tri_print("handler: %s\n", message);
}

static void
misuse_with_weak_handler(void *arg)
{
    (void)tri_panic_handler_swap(catch_and_return);
    misuse(arg);
}

TEST(misuse_panics_with_one_sentence)
{
    EXPECT_DEATH(misuse, NULL, "tricolor: panic: tri_foo: ptr is NULL\n");
    EXPECT_DEATH(misuse_with_weak_handler, NULL, "handler: tri_foo: ptr");
    EXPECT_DEATH(misuse_with_weak_handler, NULL, "tricolor: panic: tri_foo");
}

TEST(a_panic_handler_may_leave_by_longjmp)
{
    EXPECT(tri_panic_handler_swap(catch_and_leave) == NULL);
    if (setjmp(escape) == 0) {
        misuse(NULL);
        test_fail(__FILE__, __LINE__, "tri_panic returned");
    }
    EXPECT_STR(caught, "tri_foo: ptr is NULL");
    EXPECT_EQ(tri_critical_depth(), 0);
    EXPECT(tri_panic_handler_swap(NULL) == catch_and_leave);
}

TEST_MAIN
