/* SPDX-License-Identifier: MIT */
/*
 * tests/support/collect.h: what tests of death need, over the public API.
 *
 * Stacks are scanned conservatively, so an object is surely dead only if the
 * stack that knew it is gone: make objects in `apart`, on a goroutine of their
 * own, and keep no pointer.
 */
#ifndef TRI_TESTS_SUPPORT_COLLECT_H
#define TRI_TESTS_SUPPORT_COLLECT_H

#include <tricolor/tricolor.h>

#include "tests/support/test.h"

#define TEN_SECONDS INT64_C(10000000000)

/* fn(arg) on a goroutine of its own; returns when it ended. */
void apart(void (*fn)(void *arg), void *arg);

/* A full cycle, and every callback it made due has returned. */
void collect(void);

/*
 * Goroutines that run `work`, so many, beside one that collects without a pause,
 * for so long; all apart.  `work` comes back soon after storm_is_over.
 */
void storm(void (*work)(void), int workers, double seconds);
bool storm_is_over(void);

/* One metric as an integer. */
int64_t metric(const char *name);

/* added == stopped + queued + armed, queued == executed + pending, and nothing
 * is pending. */
void expect_balance(void);

/* Misuse: expects fn(arg) to panic with a sentence that contains `words`. */
#define EXPECT_PANIC(fn, arg, words)                                           \
    expect_panic(__FILE__, __LINE__, fn, arg, words)
void expect_panic(const char *file, int line, void (*fn)(void *), void *arg,
                  const char *words);

/* main of a test of the runtime. */
int runtime_test_main(int argc, char **argv, const struct tri_options *opt);
#define RUNTIME_TEST_MAIN                                                      \
    int main(int argc, char **argv)                                            \
    {                                                                          \
        return runtime_test_main(argc, argv, NULL);                            \
    }

#endif /* TRI_TESTS_SUPPORT_COLLECT_H */
