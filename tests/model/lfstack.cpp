/* SPDX-License-Identifier: MIT */
/*
 * tests/model/lfstack.cpp: base/lfstack.h under a model checker.  Three threads
 * pop and push two nodes; a node is in one hand at a time, and what its last
 * holder wrote is seen by the next.  tests/model.cmake builds it once more with
 * each of these faults, which Relacy has to find:
 *
 *   MODEL_WEAK_RELEASE  the push does not publish the node's contents
 *   MODEL_WEAK_ACQUIRE  the pop does not receive them
 *   MODEL_NO_COUNT      pushes are not counted: ABA
 */
#include "tests/model/model.h"

#include "base/lfstack.h"

#define NODES   3
#define THREADS 3

struct item {
    alignas(64) tri_lfnode node;
    rl::var<int> holder; /* plain: Relacy reports races on it */
};

/* Relacy makes a new suite for every schedule, wherever it likes; nodes have
 * to be 64-byte aligned. */
struct aligned_items {
    alignas(64) char room[sizeof(item) * NODES + 64];
    item *at(int i)
    {
        uintptr_t start = ((uintptr_t)room + 63) & ~(uintptr_t)63;
        return (item *)start + i;
    }
};

struct lfstack_suite : rl::test_suite<lfstack_suite, THREADS> {
    tri_lfstack stack;
    aligned_items items;

    void before()
    {
        tri_store_relaxed(&stack.head, 0);
        for (int i = 0; i < NODES; i++) {
            item *it = new (items.at(i)) item();
            it->node.pushes = 0;
            it->holder($) = -1;
            tri_lfstack_push(&stack, &it->node);
        }
    }

    item *take(unsigned thread)
    {
        item *it = (item *)tri_lfstack_pop(&stack);
        if (it != nullptr) {
            RL_ASSERT(it->holder($) == -1);
            it->holder($) = (int)thread;
        }
        return it;
    }

    void give(item *it, unsigned thread)
    {
        RL_ASSERT(it->holder($) == (int)thread);
        it->holder($) = -1;
#ifdef MODEL_NO_COUNT
        it->node.pushes = 0;
#endif
        tri_lfstack_push(&stack, &it->node);
    }

    void thread(unsigned thread)
    {
        for (int turn = 0; turn < 2; turn++) {
            item *first = take(thread);
            item *second = thread == 0 ? take(thread) : nullptr;
            if (first != nullptr)
                give(first, thread);
            if (second != nullptr)
                give(second, thread);
        }
    }

    void after()
    {
        for (int i = 0; i < NODES; i++)
            RL_ASSERT(tri_lfstack_pop(&stack) != nullptr);
        RL_ASSERT(tri_lfstack_pop(&stack) == nullptr);
        for (int i = 0; i < NODES; i++)
            items.at(i)->~item();
    }
};

int
main()
{
    return run_model<lfstack_suite>("lfstack", 60000);
}
