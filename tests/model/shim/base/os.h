/* SPDX-License-Identifier: MIT */
/*
 * tests/model/shim/base/os.h: futex and time for model tests.  The futex is one
 * mutex and one condition per suite: compare and sleep are one step, as in the
 * kernel.  It synchronises more than a futex does, so orders are the business
 * of other tests; lost wake-ups, which end as deadlocks, are the business here.
 */
#ifndef TRI_BASE_OS_H
#define TRI_BASE_OS_H

#include "base/atomic.h"

struct model_futex {
    rl::mutex mutex;
    rl::condition_variable sleepers;
};

/* The suite that runs sets it. */
extern model_futex *model_futex_now;

static inline void
tri_futex_wait(rl::atomic<uint32_t> *word, uint32_t expected, int64_t)
{
    model_futex_now->mutex.lock($);
    if ((*word)($).load(rl::mo_relaxed) == expected)
        model_futex_now->sleepers.wait(model_futex_now->mutex, $);
    model_futex_now->mutex.unlock($);
}

static inline void
tri_futex_wake(rl::atomic<uint32_t> *, int count)
{
    model_futex_now->mutex.lock($);
    if (count == 1)
        model_futex_now->sleepers.notify_one($);
    else
        model_futex_now->sleepers.notify_all($);
    model_futex_now->mutex.unlock($);
}

/* Time flies: a wait that is bounded by time ends after one turn. */
static inline int64_t
tri_os_now_ns(void)
{
    static int64_t now;
    return now += 1000000;
}

#endif /* TRI_BASE_OS_H */
