/* SPDX-License-Identifier: MIT */
/*
 * tests/model/lock.cpp: base/lock.c itself under a model checker: three threads
 * and one lock.  They exclude one another, what is written under the lock is
 * seen under it, and nobody sleeps for ever.  tests/model.cmake builds it once
 * more with each of these faults, which Relacy has to find:
 *
 *   MODEL_WEAK_RELEASE  releasing does not publish
 *   MODEL_NO_WAKE       a sleeper is forgotten (deadlock)
 */
#include <cstdlib>

#include "tests/model/model.h"

#include "base/os.h"

#ifdef MODEL_NO_WAKE
#    define tri_futex_wake(word, count) ((void)0)
#endif
#undef TRI_CHECKED
#define SPIN_TURNS  1
#define TRI_CHECKED 0 /* held locks are kept per thread; these are fibres */
#include "base/lock.c"

#define THREADS 3

model_futex *model_futex_now;
thread_local tri_local tri_local_state;

void
tri_critical_honour(void)
{
}

void
tri_fatal_at(const char *, int, const char *, ...)
{
    RL_ASSERT(false);
    std::abort();
}

void
tri_check_usable(const char *)
{
}

struct lock_suite : rl::test_suite<lock_suite, THREADS> {
    struct tri_lock lock;
    model_futex futex;
    rl::var<int> count; /* plain: Relacy reports races on it */

    void before()
    {
        model_futex_now = &futex;
        tri_lock_init(&lock, TRI_RANK_TEST_LOW);
        count($) = 0;
    }

    void thread(unsigned)
    {
        for (int turn = 0; turn < 2; turn++) {
            ::tri_lock(&lock);
            count($) = count($) + 1;
            tri_unlock(&lock);
        }
    }

    void after()
    {
        RL_ASSERT(count($) == 2 * THREADS);
        RL_ASSERT(tri_load(&lock.word) == 0);
    }
};

int
main()
{
    return run_model<lock_suite>("lock", 50000);
}
