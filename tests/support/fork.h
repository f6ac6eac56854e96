/* SPDX-License-Identifier: MIT */
/*
 * tests/support/fork.h: for tests whose children exit with the sanitizer in them.
 * Once in a program.
 */
#ifndef TRI_TESTS_SUPPORT_FORK_H
#define TRI_TESTS_SUPPORT_FORK_H

#include "base/sanitize.h"

#if TRI_ASAN
/* The sanitizer's search for leaks at exit waits for the parent's threads. */
const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *
__asan_default_options(void)
{
    return "detect_leaks=0";
}
#endif

#endif /* TRI_TESTS_SUPPORT_FORK_H */
