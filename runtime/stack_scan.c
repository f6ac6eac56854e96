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
 *   SCAN-3  A stack the program made ends where tri_os_read fails, after
 *           TRI_FOREIGN_STACK_BYTES at most; otherwise a neighbour that is unmapped
 *           meanwhile kills the scanner, or a stack on malloc's heap costs a scan
 *           of all of that.  The end of a mapping is no end: mlock, mprotect and
 *           madvise cut one in two.
 *
 *   SCAN-4  How far a main thread's stack may grow is asked when it is looked for
 *           below its former end; otherwise what lies deeper than the limit was when
 *           the thread attached, which setrlimit raises, is taken for a stack that the
 *           program made, and lost 8 MiB above the stack pointer.
 *
 * Only the stack that a thread is on, or that a goroutine parked on, counts: other
 * stacks of the program's are no roots (tricolor.h).
 */
#include <sys/resource.h>

#include "base/check.h"
#include "base/os.h"
#include "base/syscall.h"
#include "runtime/images.h"
#include "runtime/sched.h"

static uintptr_t
aligned(uintptr_t sp)
{
    return sp & ~(uintptr_t)7;
}

static void
scan_program_stack(uintptr_t sp, tri_scan_fn scan, void *arg)
{
    (void)tri_scan_copies(aligned(sp), sp + TRI_FOREIGN_STACK_BYTES, scan, arg);
}

/* SCAN-4.  Not by libc: its state may be in the middle of a change. */
static uintptr_t
may_reach_down_to(const struct tri_g *g)
{
    struct rlimit limit;
    /* Relaxed: its own since it attached, which the bound goroutine came after. */
    if (tri_load_relaxed(&g->bound->tid) != tri_os_pid()
        || tri_syscall6(SYS_prlimit64, 0, RLIMIT_STACK, 0,
                        (long)(uintptr_t)&limit, 0, 0)
               != 0)
        return g->stack.lo;
    uintptr_t lo = limit.rlim_cur < g->stack.hi
                     ? g->stack.hi - (uintptr_t)limit.rlim_cur
                     : TRI_OS_PAGE_BYTES;
    return lo < g->stack.lo ? lo : g->stack.lo;
}

/* A main thread's stack is mapped only as far down as it ever reached, in one
 * piece or, where some of it was locked or protected, in several. */
static uintptr_t
mapped_from(const struct tri_g *g)
{
    uintptr_t word;
    uintptr_t at = g->stack.hi & ~(uintptr_t)(TRI_OS_PAGE_BYTES - 1);
    if (g->bound == NULL)
        return g->stack.lo;
    uintptr_t lo = may_reach_down_to(g);
    while (at > lo && tri_os_read(&word, at - TRI_OS_PAGE_BYTES, sizeof(word)))
        at -= TRI_OS_PAGE_BYTES;
    return at > lo ? at : lo;
}

/* SCAN-1, SCAN-2, SCAN-3: where sp is, if that is not g's own stack. */
static void
scan_elsewhere(uintptr_t sp, const ucontext_t *uc, tri_scan_fn scan, void *arg)
{
    uintptr_t alt = uc == NULL ? 0 : (uintptr_t)uc->uc_stack.ss_sp;
    size_t alt_bytes = uc == NULL ? 0 : uc->uc_stack.ss_size;
    if (sp - alt < alt_bytes)
        scan(aligned(sp), alt + alt_bytes, arg);
    else
        scan_program_stack(sp, scan, arg);
}

uintptr_t
tri_stack_scan(struct tri_g *g, uintptr_t sp, const ucontext_t *uc,
               tri_scan_fn scan, void *arg)
{
    if (TRI_LIKELY(sp >= g->stack.lo && sp <= g->stack.hi)) {
        /* Above the top lies nothing but colour (STACK-2). */
        scan(aligned(sp), g->stack.top, arg);
        return sp;
    }
    uintptr_t lo = mapped_from(g);
    if (sp < lo || sp > g->stack.hi)
        scan_elsewhere(sp, uc, scan, arg);
    scan(lo, g->stack.hi, arg);
    return g->stack.lo; /* nothing of it is dead for certain */
}
