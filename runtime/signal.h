/* SPDX-License-Identifier: MIT */
/* runtime/signal.h: handlers of the runtime's own (signal.c). */
#ifndef TRI_RUNTIME_SIGNAL_H
#define TRI_RUNTIME_SIGNAL_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#include "base/os.h"

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

/* Was it in a system call, which is begun again or ends with EINTR?  Code is readable,
 * but perhaps not the page before. */
static inline bool
tri_signal_in_call(const ucontext_t *uc)
{
#if defined(__x86_64__)
    static const uint8_t call[] = { 0x0f, 0x05 }; /* syscall */
#else
    static const uint8_t call[] = { 0x01, 0x00, 0x00, 0xd4 }; /* svc #0 */
#endif
    uintptr_t pc = tri_signal_pc(uc);
    return memcmp((const void *)pc, call, sizeof(call)) == 0
        || (pc % TRI_OS_PAGE_BYTES >= sizeof(call)
            && memcmp((const void *)(pc - sizeof(call)), call, sizeof(call))
                   == 0);
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
