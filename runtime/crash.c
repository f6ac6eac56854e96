/* SPDX-License-Identifier: MIT */
/*
 * runtime/crash.c: what the runtime says when it dies: which goroutine was
 * running, and that a fault just below a goroutine's stack is an overflow, with
 * the way to mend it; so is a signal whose frame found no room there, for which
 * the kernel sends SIGSEGV without an address.  Every other fault goes to whoever
 * handled it before us.
 *
 *   CRASH-1  What no instruction of this thread causes again is sent again; otherwise
 *            a process survives a kill(SIGSEGV), and the next fault, a true one, is
 *            told by nobody.
 */
#include <signal.h>
#include <sys/auxv.h>
#include <ucontext.h>

#include "base/check.h"
#include "base/format.h"
#include "base/os.h"
#include "base/syscall.h"
#include "runtime/crash.h"
#include "runtime/dump.h"
#include "runtime/sched.h"
#include "runtime/signal.h"

static struct sigaction before_segv, before_bus;

static void
say_where(void)
{
    struct tri_g *g = tri_local_g();
    if (g != NULL) {
        tri_print("  in goroutine %llu%s%s%s\n", (unsigned long long)g->id,
                  g->is_main ? ", main" : "",
                  g->name == NULL ? "" : ", the runtime's ",
                  g->name == NULL ? "" : g->name);
        tri_dump_origin(2, g);
    } else if (tri_local_m() != NULL)
        tri_print("  in the scheduler of thread %d\n",
                  tri_load_relaxed(&tri_local_m()->tid)); /* our own */
}

static bool
is_overflow(struct tri_g *g, const siginfo_t *info, const ucontext_t *uc)
{
    if (g == NULL || g->bound != NULL)
        return false;
    uintptr_t address = (uintptr_t)info->si_addr;
    uintptr_t above = TRI_OS_PAGE_BYTES;
    if (info->si_code == SI_KERNEL) {
        address = tri_signal_sp(uc);
        above += getauxval(AT_MINSIGSTKSZ); /* the largest frame */
    }
    return address < g->stack.lo + above
        && address >= g->stack.lo - TRI_STACK_GUARD_BYTES;
}

/* By somebody, with kill and the like, or by the kernel, which may have had no room
 * for a frame: the instruction that follows may be a good one. */
static bool
was_sent(const siginfo_t *info)
{
    return info->si_code <= 0 || info->si_code == SI_KERNEL;
}

/* Every signal is blocked here, so it comes when the handler returns. */
static void
send_again(int number)
{
    tri_syscall3(SYS_tgkill, tri_os_pid(), tri_os_tid(), number);
}

static void
on_fault(int number, siginfo_t *info, void *context)
{
    struct tri_g *g = tri_local_g();
    if (is_overflow(g, info, context)) {
        tri_enter(); /* nobody shall stop us on the way out */
        size_t bytes = g->stack.hi - g->stack.lo;
        tri_print("fatal error: stack overflow in goroutine %llu: its stack "
                  "is %zu KiB; ask for larger ones with TRI_STACK=%zuKiB or "
                  "tri_options.stack_bytes, or for this one alone with "
                  "tri_go_sized\n",
                  (unsigned long long)g->id, bytes / 1024, bytes / 1024 * 4);
    }
    struct sigaction *before = number == SIGBUS ? &before_bus : &before_segv;
    if ((before->sa_flags & SA_SIGINFO) != 0 && before->sa_sigaction != NULL) {
        before->sa_sigaction(number, info, context);
        return;
    }
    if (info->si_code <= 0 && before->sa_handler == SIG_IGN)
        return; /* as without us; a fault is not to be ignored */
    /* The instruction faults again under whatever was there before. */
    sigaction(number, before, NULL);
    if (was_sent(info))
        send_again(number); /* CRASH-1 */
}

void
tri_crash_init(void)
{
    tri_fatal_hook = say_where;
    struct sigaction action = { .sa_sigaction = on_fault,
                                .sa_flags = SA_SIGINFO | SA_ONSTACK };
    sigfillset(&action.sa_mask);
    sigaction(SIGSEGV, &action, &before_segv);
    sigaction(SIGBUS, &action, &before_bus);
    tri_dump_init();
}
