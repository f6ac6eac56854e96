/* SPDX-License-Identifier: MIT */
/*
 * base/lfstack.h: a lock-free stack of type-stable nodes.  The head packs the
 * node's address (64-byte aligned, 48 bits) with a push counter, against ABA.
 *
 *   LFS-1  Nodes are never unmapped while the stack lives; otherwise a pop
 *          that lost its race reads freed memory.
 */
#ifndef TRI_BASE_LFSTACK_H
#define TRI_BASE_LFSTACK_H

#include <stddef.h>

#include "base/atomic.h"
#include "base/check.h"

struct tri_lfnode {
    TRI_ATOMIC(uint64_t) next; /* packed, as the head */
    uint64_t pushes;           /* owner of the node only */
};

struct tri_lfstack {
    TRI_ATOMIC(uint64_t) head;
};

#define TRI_LFS_COUNT_SHIFT 42 /* 48 - 6 address bits */

static inline uint64_t
tri_lfstack_pack(struct tri_lfnode *node, uint64_t count)
{
    return (uint64_t)(uintptr_t)node >> 6 | count << TRI_LFS_COUNT_SHIFT;
}

static inline struct tri_lfnode *
tri_lfstack_node(uint64_t packed)
{
    uint64_t mask = (UINT64_C(1) << TRI_LFS_COUNT_SHIFT) - 1;
    return (struct tri_lfnode *)(uintptr_t)((packed & mask) << 6);
}

static inline void
tri_lfstack_push(struct tri_lfstack *stack, struct tri_lfnode *node)
{
    uint64_t packed = tri_lfstack_pack(node, ++node->pushes);
    /* Relaxed: only a guess, the CAS decides. */
    uint64_t old = tri_load_relaxed(&stack->head);
    do {
        /* Relaxed: published by the release below. */
        tri_store_relaxed(&node->next, old);
        /* Release pairs with the acquire in tri_lfstack_pop. */
    } while (!tri_cas_release(&stack->head, &old, packed));
}

/* NULL when empty. */
static inline struct tri_lfnode *
tri_lfstack_pop(struct tri_lfstack *stack)
{
    /* Acquire pairs with the release in tri_lfstack_push. */
    uint64_t old = tri_load_acquire(&stack->head);
    for (;;) {
        struct tri_lfnode *node = tri_lfstack_node(old);
        if (node == NULL)
            return NULL;
        /* Relaxed, may be stale: then the head's counter has moved (LFS-1). */
        uint64_t next = tri_load_relaxed(&node->next);
        if (tri_cas_acquire(&stack->head, &old, next)) {
            TRI_DCHECK(old == tri_lfstack_pack(node, node->pushes),
                       "LFS-1: the node at %p is something else by now",
                       (void *)node);
            return node;
        }
    }
}

static inline bool
tri_lfstack_empty(struct tri_lfstack *stack)
{
    /* Acquire: an emptiness test may precede a termination decision. */
    return tri_lfstack_node(tri_load_acquire(&stack->head)) == NULL;
}

#endif /* TRI_BASE_LFSTACK_H */
