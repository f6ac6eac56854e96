/* SPDX-License-Identifier: MIT */
/*
 * tests/model/runq.cpp: runtime/runq.h under a model checker: an owner that puts
 * and takes, two thieves.  Every item comes out once, and who takes it sees what
 * was written before it was put.  tests/model.cmake builds it once more with each
 * of these faults, which Relacy has to find:
 *
 *   MODEL_WEAK_RELEASE   neither tail nor head publishes anything
 *   MODEL_WEAK_ACQUIRE   what they publish is not received
 *   MODEL_NO_CLAIM       an item is claimed by a load and a store (RUNQ-2)
 *   MODEL_WEAK_SEEN      what is put before a look for an idle P is put like any
 *                        other, and so may be seen after that look (SCHED-2)
 */
#include "tests/model/model.h"

#ifdef MODEL_NO_CLAIM
#    undef tri_cas_acq_rel
#    define tri_cas_acq_rel(p, e, v)                                           \
        (tri_load_acquire(p) == *(e) && (tri_store_release(p, v), true))
#endif
#include "runtime/runq.h"
#ifdef MODEL_WEAK_SEEN
#    define tri_runq_put_seen tri_runq_put
#endif

#define ITEMS   4
#define THIEVES 2

struct runq_suite : rl::test_suite<runq_suite, 1 + THIEVES> {
    tri_runq queue;
    rl::var<int> times[ITEMS]; /* plain: Relacy reports races on them */

    void before()
    {
        tri_store_relaxed(&queue.head, 0);
        tri_store_relaxed(&queue.tail, 0);
        for (int i = 0; i < ITEMS; i++)
            times[i]($) = -1;
    }

    void count(void *item)
    {
        int i = (int)(uintptr_t)item - 1;
        RL_ASSERT(i >= 0 && i < ITEMS && times[i]($) == 0);
        times[i]($) = 1;
    }

    void own()
    {
        for (int i = 0; i < ITEMS; i++) {
            times[i]($) = 0;
            RL_ASSERT(tri_runq_put(&queue, (void *)(uintptr_t)(i + 1)));
            void *item = i % 2 == 0 ? nullptr : tri_runq_take(&queue);
            if (item != nullptr)
                count(item);
        }
    }

    void steal()
    {
        void *out[ITEMS];
        for (int turn = 0; turn < 2; turn++) {
            uint32_t n = tri_runq_steal(&queue, out, ITEMS);
            for (uint32_t i = 0; i < n; i++)
                count(out[i]);
        }
    }

    void thread(unsigned thread)
    {
        if (thread == 0)
            own();
        else
            steal();
    }

    void after()
    {
        void *item;
        while ((item = tri_runq_take(&queue)) != nullptr)
            count(item);
        for (int i = 0; i < ITEMS; i++)
            RL_ASSERT(times[i]($) == 1);
    }
};

/* One puts work and looks for an idle P, the other makes his P idle and looks for
 * work: at least one of them sees the other. */
struct seen_suite : rl::test_suite<seen_suite, 2> {
    tri_runq queue;
    TRI_ATOMIC(uint32_t) idle;
    bool saw_idle, saw_work;

    void before()
    {
        tri_store_relaxed(&queue.head, 0);
        tri_store_relaxed(&queue.tail, 0);
        tri_store_relaxed(&idle, 0);
        saw_idle = saw_work = false;
    }

    void thread(unsigned thread)
    {
        if (thread == 0) {
            RL_ASSERT(tri_runq_put_seen(&queue, &queue));
            saw_idle = tri_load(&idle) != 0;
        } else {
            tri_store(&idle, 1);
            saw_work = tri_runq_count(&queue) != 0;
        }
    }

    void after()
    {
        RL_ASSERT(saw_idle || saw_work);
    }
};

int
main()
{
#if defined(MODEL_WEAK_SEEN)
    return run_model<seen_suite>("runq", 20000);
#elif defined(MODEL_BROKEN)
    return run_model<runq_suite>("runq", 20000);
#else
    return run_model<seen_suite>("runq, seen", 20000)
        | run_model<runq_suite>("runq", 20000);
#endif
}
