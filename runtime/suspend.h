/* SPDX-License-Identifier: MIT */
/*
 * runtime/suspend.h: what the two halves of a stop (suspend.c, claim.c) have in
 * common: how long they spin, and who tells the stopper.  Always inlined: the
 * thread's half is not instrumented, and must not call what is.
 *
 * Spinning is bounded by time, not by count: an iteration costs 1 to 60 ns
 * depending on the machine, and the stopper may share our core.
 */
#ifndef TRI_RUNTIME_SUSPEND_H
#define TRI_RUNTIME_SUSPEND_H

#include <linux/futex.h>

#include "base/syscall.h"
#include "runtime/m.h"

#if defined(__x86_64__)
#    define TRI_SPIN_TICKS 40000u /* 10 to 20 us */
#else
#    define TRI_SPIN_TICKS 400u
#endif

static inline __attribute__((always_inline)) uint64_t
tri_ticks(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    uint64_t now;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(now));
    return now;
#endif
}

static inline __attribute__((always_inline)) void
tri_futex_rouse(TRI_ATOMIC(uint32_t) *word)
{
    tri_syscall3(SYS_futex, (long)(uintptr_t)word, FUTEX_WAKE_PRIVATE, 1);
}

/* One answer less is owed.  The stopper is woken only if he sleeps. */
static inline __attribute__((always_inline)) void
tri_stop_count_down(struct tri_stop_wait *wait)
{
    /* Pairs with the load in tri_stop_wait_all: all this thread did before is
     * visible to the stopper. */
    if (tri_sub(&wait->remaining, 1) == (TRI_STOP_SLEEPER | 1))
        tri_futex_rouse(&wait->remaining);
}

#endif /* TRI_RUNTIME_SUSPEND_H */
