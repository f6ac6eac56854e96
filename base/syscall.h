/* SPDX-License-Identifier: MIT */
/*
 * base/syscall.h: a system call in one instruction: no errno, no cancellation
 * point, no sanitizer's wrapper.  For base/os_linux.c and signal code.
 * Always inlined, so that the caller decides about instrumentation.
 * Returns what the kernel returns: -errno when it failed.
 */
#ifndef TRI_BASE_SYSCALL_H
#define TRI_BASE_SYSCALL_H

#include <stdint.h>
#include <sys/syscall.h>

static inline __attribute__((always_inline)) long
tri_syscall6(long number, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8),
                       "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
#else
#    error "tricolor runs on x86-64 and aarch64"
#endif
}

static inline __attribute__((always_inline)) long
tri_syscall3(long number, long a, long b, long c)
{
    return tri_syscall6(number, a, b, c, 0, 0, 0);
}

#endif /* TRI_BASE_SYSCALL_H */
