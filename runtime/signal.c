/* SPDX-License-Identifier: MIT */
/*
 * runtime/signal.c: the stop signal, alternate stacks, and which registers of
 * a stopped thread are roots.
 *
 *   SIG-1  The handler runs with all signals blocked, on the alternate stack;
 *          otherwise a handler of the program runs in a stopped world, or the
 *          frame (3 KiB with AVX-512) overflows a small goroutine stack.
 *   SIG-2  It is installed by the raw system call with our own restorer;
 *          otherwise the sanitizers' wrappers put it off until the next libc
 *          call.
 *   SIG-3  Threads are born with all signals blocked and unblock them once
 *          their tri_local and alternate stack are in place; otherwise one
 *          comes to a thread that has neither.
 *   SIG-4  Vector registers are roots: otherwise what a memcpy in flight holds
 *          there, and nowhere else, is freed.
 *   SIG-5  No thread is stopped inside ThreadSanitizer's own code, whose locks
 *          the stopper needs for each of his atomics: the handler goes away and
 *          the stopper asks again.  Otherwise he waits for a lock whose holder
 *          waits for him.  Nor in what it calls with a lock held: the clock, which
 *          its allocator reads; and fork, over which it holds them all.
 *   SIG-6  The verifier (gccheckmark) gets the registers that calls preserve,
 *          and no others; otherwise it takes for a lost object what a call into
 *          the runtime worked on and leaves there, such as a span's first
 *          address, which is an object's address too and no reference.
 *   SIG-7  TSan is told of the stop and of the start.  Otherwise what the
 *          thread did since its last section is unordered with who frees the
 *          objects that it looked at.  To see it fail: let the handler sleep
 *          for 20 ms once it has answered, without these two; cleanup_pool
 *          under tsan.
 */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <ucontext.h>
#if defined(__x86_64__)
#    include <cpuid.h>
#endif

#include "base/check.h"
#include "base/option.h"
#include "base/os.h"
#include "base/syscall.h"
#include "runtime/sched.h"
#include "runtime/sequence.h"
#include "runtime/signal.h"

/* Faults for tests/stress/rt_suspend.c and tests/unit/rt_scan.c: a build with one
 * of these set to 1 must fail there (rt_broken_* in tests/runtime.cmake). */
#ifndef TRI_BREAK_ERRNO
#    define TRI_BREAK_ERRNO 0 /* the handler changes errno */
#endif
#ifndef TRI_BREAK_MASK
#    define TRI_BREAK_MASK 0 /* and lets other handlers in (SIG-1) */
#endif
#ifndef TRI_BREAK_ALTERNATE
#    define TRI_BREAK_ALTERNATE 0 /* and runs where the thread stands (SIG-1) */
#endif
#ifndef TRI_BREAK_RESTART
#    define TRI_BREAK_RESTART 0 /* and ends system calls */
#endif
#ifndef TRI_BREAK_VECTORS
#    define TRI_BREAK_VECTORS                                                  \
        0 /* registers beyond xmm15 are not seen (SIG-4) */
#endif

#define STOP_SIGNAL     SIGURG
#define ALT_STACK_BYTES ((size_t)64 << 10)

void tri_signal_return(void);

#if TRI_TSAN
void __tsan_func_exit(void);

/* [c] Where its code is, empty if it is linked into the program, where nobody can
 * tell; the kernel's clock, and libc's way to it and to fork. */
static struct range {
    uintptr_t lo, hi;
} sanitizer, clock_of_kernel, clock_of_libc, fork_of_libc;

/* The part of an object that `inside` lies in. */
static struct range
part_around(const struct dl_phdr_info *info, uintptr_t inside)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t lo = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        uintptr_t hi = lo + info->dlpi_phdr[i].p_memsz;
        if (info->dlpi_phdr[i].p_type == PT_LOAD && inside >= lo && inside < hi)
            return (struct range){ lo, hi };
    }
    return (struct range){ 0, 0 };
}

static int
find_code(struct dl_phdr_info *info, size_t bytes, void *unused)
{
    (void)bytes, (void)unused;
    struct range found = part_around(info, getauxval(AT_SYSINFO_EHDR));
    if (found.hi != 0)
        clock_of_kernel = found;
    found = part_around(info, (uintptr_t)&__tsan_func_exit);
    if (found.hi != 0 && info->dlpi_name[0] != 0)
        sanitizer = found;
    return 0;
}

/* libc's own, not the sanitizer's of that name. */
static struct range
function_of(void *libc, const char *name)
{
    Dl_info info;
    void *found = NULL;
    void *at = dlsym(libc, name);
    if (at == NULL || dladdr1(at, &info, &found, RTLD_DL_SYMENT) == 0
        || found == NULL)
        return (struct range){ 0, 0 };
    const ElfW(Sym) *symbol = found;
    return (struct range){ (uintptr_t)at, (uintptr_t)at + symbol->st_size };
}

static void
find_sanitizer(void)
{
    dl_iterate_phdr(find_code, NULL);
    void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
    if (libc == NULL)
        return;
    clock_of_libc = function_of(libc, "clock_gettime");
    fork_of_libc = function_of(libc, "fork");
}

static TRI_NO_SANITIZE bool
is_in(const struct range *range, uintptr_t pc)
{
    return pc >= range->lo && pc < range->hi;
}

static TRI_NO_SANITIZE bool
in_sanitizer(const ucontext_t *uc)
{
    uintptr_t pc = tri_signal_pc(uc);
    return is_in(&sanitizer, pc) || is_in(&clock_of_kernel, pc)
        || is_in(&clock_of_libc, pc) || is_in(&fork_of_libc, pc)
        || tri_fork_is_ours();
}
#else
static void
find_sanitizer(void)
{
}

static inline bool
in_sanitizer(const ucontext_t *uc)
{
    (void)uc;
    return false;
}
#endif

static TRI_NO_SANITIZE void
on_stop_signal(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info;
    struct tri_local *local = tri_local_get();
    struct tri_m *m = local->m;
    if (m == NULL)
        return; /* leaving, or never attached */
    if (!tri_m_asked(m)) {
        m->stray_count++;
        return;
    }
    bool inside = (*(volatile uint32_t *)&local->crit & ~TRI_CRIT_ASKED) != 0;
    if (inside || !tri_sched.async_stop) {
        /* The section's exit honours it; without asynchronous stops, the exit
         * of the next one. */
        tri_m_note_request(local);
        m->defer_count += inside;
        /* Relaxed: ordered by the next.  Release pairs with the acquire in
         * has_deferred (straggler.c). */
        tri_store_relaxed(&m->deferred_stops, tri_load_relaxed(&m->stop_count));
        tri_store_release(&m->deferred_pc, tri_signal_pc(context));
        return;
    }
    if (in_sanitizer(context)) /* SIG-5 */
        return;
    tri_rewind(m, local->g, context); /* SEQ-4: before it answers */
    if (TRI_BREAK_ERRNO)
        *local->errno_at = EINTR;
    m->uc = context;
    tri_san_release(m); /* SIG-7 */
    tri_m_answer(m);
    tri_san_acquire(m);
    m->uc = NULL;
}

/* The kernel's struct, which is not libc's. */
struct kernel_sigaction {
    void (*handler)(int number, siginfo_t *info, void *context);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

#if TRI_TSAN || !defined(SA_RESTORER)
#    define KERNEL_SA_RESTORER 0x04000000ul
#else
#    define KERNEL_SA_RESTORER ((unsigned long)SA_RESTORER)
#endif

#if defined(__x86_64__)
/* Where the kernel's signal frame keeps xsave component i; 19 is APX, whose
 * registers are general ones. */
static struct {
    uint32_t offset;
    uint32_t bytes;
} component[20];

static void
find_components(void)
{
    for (uint32_t i = 2; i < TRI_ARRAY_COUNT(component); i++) {
        uint32_t eax, ebx, ecx, edx;
        if (!__get_cpuid_count(0xd, i, &eax, &ebx, &ecx, &edx))
            return;
        component[i].bytes = eax;
        component[i].offset = ebx;
    }
}
#else
static void
find_components(void)
{
}
#endif

TRI_NO_SANITIZE long
tri_signal_set(int number,
               void (*handler)(int number, siginfo_t *info, void *context),
               unsigned long flags, uint64_t mask)
{
    struct kernel_sigaction action = {
        .handler = handler,
        .flags = flags | KERNEL_SA_RESTORER,
        .restorer = tri_signal_return,
        .mask = mask,
    };
    return tri_syscall6(SYS_rt_sigaction, number, (long)(uintptr_t)&action, 0,
                        sizeof(action.mask), 0, 0);
}

void
tri_signal_install(int number,
                   void (*handler)(int number, siginfo_t *info, void *context))
{
    long error =
        tri_signal_set(number, handler,
                       SA_SIGINFO | (TRI_BREAK_RESTART ? 0ul : SA_RESTART)
                           | (TRI_BREAK_ALTERNATE ? 0ul : SA_ONSTACK),
                       TRI_BREAK_MASK ? 0 : ~UINT64_C(0));
    TRI_CHECK(error == 0, "rt_sigaction failed: %ld", error);
}

void
tri_signal_init(void)
{
    find_components();
    find_sanitizer();
    tri_signal_install(STOP_SIGNAL, on_stop_signal);
}

void
tri_signal_send(struct tri_m *m)
{
    int tid = tri_load_relaxed(&m->tid); /* M-5: the caller saw RUN */
    int error = tri_os_signal_thread(tid, STOP_SIGNAL);
    /* It may have answered on its way out, and be gone (ATT-3). */
    TRI_CHECK(error == 0 || error == -ESRCH, "no signal to thread %d: %d", tid,
              error);
}

void
tri_signal_thread_start(struct tri_m *m)
{
    stack_t old;
    m->alt_own = NULL;
    /* The program's (or a sanitizer's) own stays. */
    if (sigaltstack(NULL, &old) != 0 || (old.ss_flags & SS_DISABLE) != 0) {
        m->alt_own = tri_os_map(ALT_STACK_BYTES);
        TRI_CHECK(m->alt_own != NULL, "no memory for a signal stack");
        stack_t own = { .ss_sp = m->alt_own, .ss_size = ALT_STACK_BYTES };
        int error = sigaltstack(&own, NULL);
        TRI_CHECK(error == 0, "sigaltstack failed");
    }
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, STOP_SIGNAL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* With all signals blocked: none may run on a stack that is being freed. */
void
tri_signal_thread_end(struct tri_m *m)
{
    TRI_DCHECK(tri_local_m() == NULL,
               "ATT-3: thread %d gives its signal stack up while signals are "
               "for it",
               tri_load_relaxed(&m->tid)); /* a message */
    if (m->alt_own == NULL)
        return;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    stack_t now;
    /* The program may have set another one since. */
    if (sigaltstack(NULL, &now) == 0 && now.ss_sp == m->alt_own) {
        stack_t off = { .ss_flags = SS_DISABLE };
        sigaltstack(&off, NULL);
    }
    tri_os_unmap(m->alt_own, ALT_STACK_BYTES);
    m->alt_own = NULL;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* ---- roots of a stopped thread -------------------------------------------- */

/* The verifier comes after marking, with the world stopped. */
static bool
verifying(void)
{
    return tri_debug.gccheckmark != 0 && tri_debug.gcstoptheworld == 0
        && tri_world_stopped();
}

#if defined(__x86_64__)
static void
scan_context(ucontext_t *uc, tri_scan_fn scan, void *arg)
{
    enum {
        LEGACY_XMM = 160,
        LEGACY_END = 416,
        SOFTWARE = 464,
        HEADER = 512
    };
    const uint32_t magic = 0x46505853;
    uintptr_t gregs = (uintptr_t)&uc->uc_mcontext.gregs[0];
    if (verifying()) { /* SIG-6 */
        scan(gregs + 8 * REG_R12, gregs + 8 * (REG_R15 + 1), arg);
        scan(gregs + 8 * REG_RBP, gregs + 8 * (REG_RBX + 1), arg);
        return;
    }
    scan(gregs, gregs + sizeof(uc->uc_mcontext.gregs), arg);
    uintptr_t fp = (uintptr_t)uc->uc_mcontext.fpregs;
    if (fp == 0)
        return;
    scan(fp + LEGACY_XMM, fp + LEGACY_END, arg);
    if (TRI_BREAK_VECTORS || *(const uint32_t *)(fp + SOFTWARE) != magic)
        return;
    uint32_t bytes = *(const uint32_t *)(fp + SOFTWARE + 16);
    uint64_t present = *(const uint64_t *)(fp + HEADER);
    for (uint32_t i = 2; i < TRI_ARRAY_COUNT(component); i++) {
        uint32_t lo = component[i].offset;
        uint32_t hi = lo + component[i].bytes;
        /* A component in its initial state holds stale bytes: skip it. */
        if ((present >> i & 1) != 0 && lo >= HEADER + 64 && hi <= bytes)
            scan(fp + lo, fp + hi, arg);
    }
}
#else
static void
scan_context(ucontext_t *uc, tri_scan_fn scan, void *arg)
{
    uintptr_t regs = (uintptr_t)&uc->uc_mcontext.regs[0];
    if (verifying()) { /* SIG-6: x19 to x29 */
        scan(regs + 8 * 19, regs + 8 * 30, arg);
        return;
    }
    scan(regs, regs + sizeof(uc->uc_mcontext.regs), arg);
    uintptr_t rest = (uintptr_t)&uc->uc_mcontext.__reserved[0];
    scan(rest, rest + sizeof(uc->uc_mcontext.__reserved), arg);
}
#endif

uintptr_t
tri_signal_scan(struct tri_m *m, struct tri_g *g, tri_scan_fn scan, void *arg)
{
    enum {
        RED_ZONE = 128
    };
    if (m->uc != NULL) {
        TRI_DCHECK(!tri_sequences_hide(tri_signal_pc(m->uc)),
                   "SEQ-4: thread %d is stopped inside a sequence",
                   tri_load_relaxed(&m->tid)); /* a message */
        scan_context(m->uc, scan, arg);
        return tri_stack_scan(g, tri_signal_sp(m->uc) - RED_ZONE, m->uc, scan,
                              arg);
    }
    uintptr_t regs = (uintptr_t)&m->regs;
    scan(regs, regs + sizeof(m->regs), arg);
    return tri_stack_scan(g, m->stopped_sp, NULL, scan, arg);
}
