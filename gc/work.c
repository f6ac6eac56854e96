/* SPDX-License-Identifier: MIT */
/* gc/work.c: moving grey work between Ps, in blocks over lock-free stacks. */
#include "gc/work.h"

#include <string.h>

#include "base/check.h"
#include "base/persist.h"

struct block {
    struct tri_lfnode node;
    uint64_t count;
    uintptr_t edges[TRI_WORK_BLOCK];
};
_Static_assert(sizeof(struct block) == 2048, "a block is 2 KiB");

/* Blocks are type-stable and never unmapped (LFS-1). */
static struct tri_lfstack full_blocks;
static struct tri_lfstack empty_blocks;

static struct block *
take_empty(void)
{
    struct tri_lfnode *node = tri_lfstack_pop(&empty_blocks);
    if (node != NULL)
        return (struct block *)node;
    struct block *block = tri_persist_alloc(sizeof(*block), 64);
    TRI_CHECK(block != NULL,
              "out of memory for mark work: the machine has none left");
    return block;
}

void
tri_work_share(struct tri_work_p *work, bool all)
{
    uint32_t give = all ? work->count : work->count / 2;
    uint32_t given = 0;
    while (given < give) {
        uint32_t n = give - given;
        n = n > TRI_WORK_BLOCK ? TRI_WORK_BLOCK : n;
        struct block *block = take_empty();
        memcpy(block->edges, &work->stack[given], n * sizeof(uintptr_t));
        block->count = n;
        tri_lfstack_push(&full_blocks, &block->node);
        given += n;
    }
    memmove(work->stack, &work->stack[given],
            (work->count - given) * sizeof(uintptr_t));
    work->count -= given;
}

bool
tri_work_refill(struct tri_work_p *work)
{
    struct tri_lfnode *node = tri_lfstack_pop(&full_blocks);
    if (node == NULL)
        return false;
    struct block *block = (struct block *)node;
    uint32_t n = (uint32_t)block->count;
    TRI_DCHECK(work->count + n <= TRI_WORK_STACK, "WORK-1: refill overflows");
    memcpy(&work->stack[work->count], block->edges, n * sizeof(uintptr_t));
    work->count += n;
    tri_lfstack_push(&empty_blocks, node);
    return true;
}

bool
tri_work_available(void)
{
    return !tri_lfstack_empty(&full_blocks);
}
