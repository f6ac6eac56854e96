/* SPDX-License-Identifier: MIT */
/* runtime/signal.h: handlers of the runtime's own (signal.c). */
#ifndef TRI_RUNTIME_SIGNAL_H
#define TRI_RUNTIME_SIGNAL_H

#include <signal.h>
#include <stdint.h>
#include <ucontext.h>

/* A handler that runs at once, on the alternate stack, all signals blocked (SIG-1,
 * SIG-2).  It is not instrumented and calls nothing that is. */
void tri_signal_install(int number, void (*handler)(int number, siginfo_t *info,
                                                    void *context));

/* The system call itself; libc's function would be the sanitizers'.  0 or -errno. */
long tri_signal_set(int number,
                    void (*handler)(int number, siginfo_t *info, void *context),
                    unsigned long flags, uint64_t mask);

/* The next instruction of the interrupted code. */
static inline __attribute__((always_inline)) uintptr_t
tri_signal_pc(const ucontext_t *uc)
{
#if defined(__x86_64__)
    return (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
#else
    return (uintptr_t)uc->uc_mcontext.pc;
#endif
}

/* Where the stack of the interrupted code ends. */
static inline __attribute__((always_inline)) uintptr_t
tri_signal_sp(const ucontext_t *uc)
{
#if defined(__x86_64__)
    return (uintptr_t)uc->uc_mcontext.gregs[REG_RSP];
#else
    return (uintptr_t)uc->uc_mcontext.sp;
#endif
}

#endif /* TRI_RUNTIME_SIGNAL_H */
