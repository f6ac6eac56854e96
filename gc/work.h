/* SPDX-License-Identifier: MIT */
/*
 * gc/work.h: grey work: edges still to be followed.
 *
 * An edge is a raw pointer, not yet classified; marking happens when it leaves
 * the prefetch ring (gc/mark.c).  Each P has a private LIFO.  Its lower half (the
 * oldest, widest work) moves to a global lock-free stack, in blocks, when it is
 * full, and whenever there is nothing global: so whoever comes finds some, and
 * nobody need ask.
 *
 *   WORK-1  Every edge is in exactly one place: a P's stack, a block on the full
 *           list, or the hands of a worker that counts as active; otherwise
 *           mark termination misses it.
 *   WORK-2  A worker is counted active from before it looks for work until its
 *           ring is empty and its P's stack is not its business any more;
 *           otherwise the end of marking is tried beside it.
 */
#ifndef TRI_GC_WORK_H
#define TRI_GC_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/lfstack.h"

#define TRI_WORK_STACK 4096 /* edges in a P's private stack */
#define TRI_WORK_BLOCK 253  /* edges in a shared block of 2 KiB */

/* An edge with this bit is not a pointer to follow but a part of a large
 * object to scan, which is marked already. */
#define TRI_WORK_OBLET ((uintptr_t)1 << 63)

struct tri_work_p {
    uint32_t count;
    uint64_t marked_bytes; /* newly marked here, this cycle */
    uint64_t marked_objects;
    uint64_t scanned_bytes; /* scan work done here, this cycle */
    uintptr_t stack[TRI_WORK_STACK];
};

/* Adds one edge; may move the lower half of the stack to the global list. */
static inline void tri_work_push(struct tri_work_p *work, uintptr_t edge);

/* Fills an empty private stack from the global list; false: nothing there. */
bool tri_work_refill(struct tri_work_p *work);
/* Moves the lower half (all: everything) to the global list. */
void tri_work_share(struct tri_work_p *work, bool all);
/* Is there global work?  A hint while markers run; exact when none does. */
bool tri_work_available(void);

static inline void
tri_work_push(struct tri_work_p *work, uintptr_t edge)
{
    if (__builtin_expect(work->count == TRI_WORK_STACK, 0))
        tri_work_share(work, false);
    work->stack[work->count++] = edge;
}

#endif /* TRI_GC_WORK_H */
