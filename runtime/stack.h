/* SPDX-License-Identifier: MIT */
/*
 * runtime/stack.h: goroutine stacks: pooled, never moved, guarded below.
 * Design: docs/design/stack.md.
 *
 *   STACK-1  A guard lies under every stack as long as guards are to be had;
 *            otherwise an overflow silently corrupts its neighbour.  (Without markers
 *            that is what happens to the stacks after the budget's last.)
 *   STACK-2  Tops are coloured (spread over cache sets); otherwise 64 KiB
 *            aligned tops share a few sets, and switching slows threefold.
 *   STACK-3  Memory is given back only of a stack on which no flow runs, from
 *            another stack; otherwise live frames turn to zeros.  So, of one that is
 *            parked, what lies below its stack pointer, while SCAN keeps it parked.
 */
#ifndef TRI_RUNTIME_STACK_H
#define TRI_RUNTIME_STACK_H

#include <stdbool.h>

#include "base/compiler.h"

#define TRI_STACK_GUARD_BYTES ((size_t)16 << 10)
#define TRI_STACK_BYTES_MIN   ((size_t)32 << 10)
#define TRI_STACK_BYTES_MAX   ((size_t)1 << 30)
/* As far up is a stack read that the program made itself (SCAN-3). */
#define TRI_FOREIGN_STACK_BYTES ((uintptr_t)8 << 20)

struct tri_g;

struct tri_stack {
    uintptr_t lo;  /* lowest usable address; the guard lies below it */
    uintptr_t top; /* where the first frame begins, 16-byte aligned */
    uintptr_t hi;  /* one past the mapping */
};

/* How stacks are guarded here. */
enum tri_stack_guard {
    TRI_GUARD_MARKERS,  /* MADV_GUARD_INSTALL: costs no VMA */
    TRI_GUARD_MPROTECT, /* up to a budget of VMAs, then none */
    TRI_GUARD_NONE      /* for those that are made now: earlier ones stay */
};

/* For tests, before the init: the best kind to use, and how many by mprotect. */
extern enum tri_stack_guard tri_stack_guard_best;
extern int tri_stack_guard_budget;

/* stack_bytes: of every stack, guard included.  0 or -errno. */
TRI_NODISCARD int tri_stack_init(size_t stack_bytes);
enum tri_stack_guard tri_stack_guard_kind(void);

/* In a critical section.  False: no memory.  A stack is never returned: it
 * stays with its goroutine struct, which is reused. */
TRI_NODISCARD bool tri_stack_alloc(struct tri_stack *stack);

/* A mapping of its own: for sizes that few goroutines ask for. */
TRI_NODISCARD bool tri_stack_alloc_big(struct tri_stack *stack, size_t bytes);

/* Gives all but the top page back to the system.  In no hurry: a system call
 * (0.8 us with nothing there to give).  STACK-3. */
void tri_stack_give_back(const struct tri_stack *stack);

/* The same with all below sp, which is kept. */
void tri_stack_give_back_below(const struct tri_stack *stack, uintptr_t sp);

/* Of each stack in the pool, guard included. */
size_t tri_stack_bytes(void);
/* Of each, at least that much lies below its top. */
size_t tri_stack_usable(void);

#endif /* TRI_RUNTIME_STACK_H */
