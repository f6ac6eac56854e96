/* SPDX-License-Identifier: MIT */
/*
 * tests/support/child.h: a runtime in a child process: it starts once in each, and some
 * die.
 */
#ifndef TRI_TESTS_SUPPORT_CHILD_H
#define TRI_TESTS_SUPPORT_CHILD_H

#include <tricolor/tricolor.h>

#include "tests/support/test.h"

static int (*child_main)(void *unused);
static const struct tri_options *child_options;

static inline void
run_child_main(void)
{
    EXPECT_EQ(tri_main(child_main, NULL, child_options), 0);
}

/* fn as the main goroutine of a child, where its EXPECTs count and it returns 0. */
static inline void
expect_well(int (*fn)(void *unused), const struct tri_options *options)
{
    child_main = fn;
    child_options = options;
    test_in_child(run_child_main);
}

#endif /* TRI_TESTS_SUPPORT_CHILD_H */
