/* SPDX-License-Identifier: MIT */
/*
 * runtime/stack_scan.c: the words of a stopped goroutine's stack, wherever its
 * stack pointer is: on the goroutine's own stack, on an alternate signal stack
 * with a handler of the program on it, or on a stack that the program made
 * (makecontext and the like) and the runtime knows nothing of.
 *
 *   SCAN-1  With the stack pointer elsewhere both stacks are scanned: the one it
 *           is on, from there up, and all of the goroutine's own, since only the
 *           code that switched knows where that ended; otherwise what the
 *           interrupted frames alone refer to is freed under them.
 *   SCAN-2  Where the alternate stack lies is what the kernel wrote into the very
 *           frame; otherwise a thread that called sigaltstack after it attached
 *           is taken to be lost.  With SS_AUTODISARM the kernel has forgotten it
 *           in there: then it is a stack like any that the program made.
 *   SCAN-3  A stack the program made ends where its mapping ends, and is read by
 *           tri_os_read, FOREIGN_BYTES_MAX at most; otherwise a neighbour that
 *           is unmapped meanwhile kills the scanner, or a stack on malloc's heap
 *           costs a scan of all of that.
 *
 * Only the stack that a thread is on counts: other stacks of the program's are no
 * roots while nobody runs on them (tricolor.h).
 */
#include "base/check.h"
#include "base/mapping.h"
#include "runtime/images.h"
#include "runtime/sched.h"

#define FOREIGN_BYTES_MAX ((uintptr_t)8 << 20)

static uintptr_t
aligned(uintptr_t sp)
{
    return sp & ~(uintptr_t)7;
}

static void
scan_program_stack(uintptr_t sp, tri_scan_fn scan, void *arg)
{
    struct tri_mapping mapping;
    uintptr_t end = sp + FOREIGN_BYTES_MAX;
    if (tri_mapping_find(sp, &mapping) && mapping.end < end)
        end = mapping.end;
    /* Without a mapping it ends where reading fails. */
    (void)tri_scan_copies(aligned(sp), end, scan, arg);
}

/* A main thread's stack is mapped only as far down as it ever reached. */
static uintptr_t
mapped_from(const struct tri_g *g)
{
    struct tri_mapping mapping;
    if (g->bound != NULL && tri_mapping_find(g->stack.hi - 8, &mapping)
        && mapping.start > g->stack.lo)
        return mapping.start;
    return g->stack.lo;
}

uintptr_t
tri_stack_scan(struct tri_g *g, uintptr_t sp, const ucontext_t *uc,
               tri_scan_fn scan, void *arg)
{
    if (TRI_LIKELY(sp >= g->stack.lo && sp <= g->stack.hi)) {
        scan(aligned(sp), g->stack.hi, arg);
        return sp;
    }
    uintptr_t alt = uc == NULL ? 0 : (uintptr_t)uc->uc_stack.ss_sp;
    size_t alt_bytes = uc == NULL ? 0 : uc->uc_stack.ss_size;
    if (sp - alt < alt_bytes)
        scan(aligned(sp), alt + alt_bytes, arg); /* SCAN-2 */
    else
        scan_program_stack(sp, scan, arg);
    uintptr_t lo = mapped_from(g);
    scan(lo, g->stack.hi, arg);
    return g->stack.lo; /* nothing of it is dead for certain */
}
