/* SPDX-License-Identifier: MIT */
/* tests/support/overflow.h: two ways to the end of a stack. */
#ifndef TRI_TESTS_SUPPORT_OVERFLOW_H
#define TRI_TESTS_SUPPORT_OVERFLOW_H

#include <signal.h>
#include <stddef.h>

#include "base/compiler.h"

static TRI_NOINLINE int
overflow_deeper(int n)
{
    volatile char frame[512];
    frame[0] = (char)n;
    return n > 100000000 ? 0 : overflow_deeper(n + 1) + frame[0];
}

static inline void
overflow(void *unused)
{
    (void)unused;
    overflow_deeper(0);
}

static void
overflow_raise_again(int number)
{
    raise(number);
}

/* The kernel finds no room for the next frame. */
static inline void
overflow_with_signals(void *unused)
{
    (void)unused;
    struct sigaction action = { .sa_handler = overflow_raise_again,
                                .sa_flags = SA_NODEFER };
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
}

#endif /* TRI_TESTS_SUPPORT_OVERFLOW_H */
