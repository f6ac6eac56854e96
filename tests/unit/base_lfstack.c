/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/base_lfstack.c: the tagged lock-free stack under more threads than
 * cores.  Each node is in one hand or in the stack, never in two.
 * To see it fail: do not count pushes (tri_lfstack_pack with 0): ABA then hands
 * a node to two threads within a second.
 */
#include "base/lfstack.h"

#include <stdlib.h>

#include "tests/support/test.h"

#define THREADS 8
#define NODES   16 /* few, so that they are recycled hot */

struct owned {
    _Alignas(64) struct tri_lfnode node;
    TRI_ATOMIC(int) owner; /* thread number + 1; 0: in the stack */
    uint64_t visits;       /* by the owner: plain, so tsan checks the order */
};

struct shared {
    struct tri_lfstack stack;
    struct owned nodes[NODES];
    double seconds;
};

static void
hold_and_return(int number, void *arg)
{
    struct shared *shared = arg;
    int64_t end_ns = test_now_ns() + (int64_t)(shared->seconds * 1e9);
    struct tri_lfnode *held[3];
    for (int turn = 0; turn % 1024 != 0 || test_now_ns() < end_ns; turn++) {
        int count = 0;
        int want = 1 + (int)test_random_below(3);
        while (count < want) {
            struct tri_lfnode *node = tri_lfstack_pop(&shared->stack);
            if (node == NULL)
                break;
            struct owned *owned = (struct owned *)(void *)node;
            /* Relaxed: a marker of who holds it, checked, not relied upon. */
            EXPECT(tri_swap(&owned->owner, number + 1) == 0);
            owned->visits++;
            held[count++] = node;
        }
        while (count > 0) {
            struct owned *owned = (struct owned *)(void *)held[--count];
            EXPECT(tri_swap(&owned->owner, 0) == number + 1);
            tri_lfstack_push(&shared->stack, &owned->node);
        }
    }
}

TEST(no_node_is_lost_or_doubled)
{
    static struct shared shared;
    shared.seconds = test_seconds(1.0);
    for (int i = 0; i < NODES; i++)
        tri_lfstack_push(&shared.stack, &shared.nodes[i].node);
    test_threads(THREADS, hold_and_return, &shared);

    uint64_t seen = 0;
    int count = 0;
    struct tri_lfnode *node;
    while ((node = tri_lfstack_pop(&shared.stack)) != NULL) {
        struct owned *owned = (struct owned *)(void *)node;
        uint64_t bit = UINT64_C(1) << (owned - shared.nodes);
        EXPECT((seen & bit) == 0);
        seen |= bit;
        count++;
    }
    EXPECT_EQ(count, NODES);
    EXPECT(tri_lfstack_empty(&shared.stack));
}

TEST(last_in_first_out_and_empty_is_null)
{
    static struct tri_lfstack stack;
    static struct owned nodes[3];
    EXPECT(tri_lfstack_empty(&stack));
    EXPECT(tri_lfstack_pop(&stack) == NULL);
    for (int i = 0; i < 3; i++)
        tri_lfstack_push(&stack, &nodes[i].node);
    EXPECT(!tri_lfstack_empty(&stack));
    for (int i = 2; i >= 0; i--)
        EXPECT(tri_lfstack_pop(&stack) == &nodes[i].node);
    EXPECT(tri_lfstack_pop(&stack) == NULL);
}

TEST(a_push_changes_the_head_even_for_the_same_node)
{
    static struct tri_lfstack stack;
    static struct owned node;
    tri_lfstack_push(&stack, &node.node);
    uint64_t first = tri_load(&stack.head);
    EXPECT(tri_lfstack_pop(&stack) == &node.node);
    tri_lfstack_push(&stack, &node.node);
    EXPECT(tri_load(&stack.head) != first);
    EXPECT(tri_lfstack_pop(&stack) == &node.node);
}

TEST(addresses_up_to_48_bits_survive_packing)
{
    uintptr_t address = UINT64_C(0x7fffffffffc0);
    for (uint64_t count = 1; count < (UINT64_C(1) << 23); count = count * 3 + 1)
        EXPECT((uintptr_t)tri_lfstack_node(tri_lfstack_pack(
                   (struct tri_lfnode *)(void *)address, count))
               == address);
}

TEST_MAIN
