/* SPDX-License-Identifier: MIT */
/* runtime/context.c: the first frame of a goroutine's stack. */
#include "runtime/context.h"

#include "base/check.h"
#include "base/os.h"

/*
 * The frame that a switch pops.  x86-64, from the stack pointer up: control words,
 * the address to jump to; then what tri_context_boot pops, function and argument.
 * aarch64: fpcr and padding, x19..x30, d8..d15.
 */
#if defined(__x86_64__)
enum {
    FRAME_WORDS = 4,
    FRAME_PC = 1,
    FRAME_FN = 2,
    FRAME_ARG = 3
};
#else
enum {
    FRAME_WORDS = 22,
    FRAME_ARG = 3,
    FRAME_FN = 2,
    FRAME_PC = 13
};
#endif

void *
tri_context_make(void *top, void (*fn)(void *), void *arg)
{
    TRI_CHECK((uintptr_t)top % 16 == 0, "stack top %p is not aligned", top);
    uintptr_t *frame = (uintptr_t *)top - FRAME_WORDS;
    for (int i = 0; i < FRAME_WORDS; i++)
        frame[i] = 0;
#if defined(__x86_64__)
    /* The defaults of the ABI: all exceptions masked, round to nearest. */
    frame[0] = UINT64_C(0x037f) << 32 | 0x1f80;
#endif
    frame[FRAME_FN] = (uintptr_t)fn;
    frame[FRAME_ARG] = (uintptr_t)arg;
    frame[FRAME_PC] = (uintptr_t)tri_context_boot;
    return frame;
}

bool
tri_context_place(const void *sp, uintptr_t *pc, uintptr_t *fp)
{
    uintptr_t frame[FRAME_PC + 2];
    if (!tri_os_read(frame, (uintptr_t)sp, sizeof(frame)))
        return false;
    *pc = frame[FRAME_PC];
#if defined(__x86_64__)
    *fp = frame[FRAME_PC + 1];
#else
    *fp = frame[FRAME_PC - 1];
#endif
    return true;
}

void
tri_context_default_modes(void)
{
#if defined(__x86_64__)
    const uint32_t mxcsr = 0x1f80;
    const uint16_t x87 = 0x037f;
    __asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(mxcsr), "m"(x87));
#else
    __asm__ volatile("msr fpcr, xzr");
#endif
}

#if defined(__x86_64__)
static TRI_NOINLINE void
forget_vectors(void)
{
    if (__builtin_cpu_supports("avx512f"))
        __asm__ volatile("vzeroall\n\t"
                         "vpxorq %zmm16, %zmm16, %zmm16\n\t"
                         "vpxorq %zmm17, %zmm17, %zmm17\n\t"
                         "vpxorq %zmm18, %zmm18, %zmm18\n\t"
                         "vpxorq %zmm19, %zmm19, %zmm19\n\t"
                         "vpxorq %zmm20, %zmm20, %zmm20\n\t"
                         "vpxorq %zmm21, %zmm21, %zmm21\n\t"
                         "vpxorq %zmm22, %zmm22, %zmm22\n\t"
                         "vpxorq %zmm23, %zmm23, %zmm23\n\t"
                         "vpxorq %zmm24, %zmm24, %zmm24\n\t"
                         "vpxorq %zmm25, %zmm25, %zmm25\n\t"
                         "vpxorq %zmm26, %zmm26, %zmm26\n\t"
                         "vpxorq %zmm27, %zmm27, %zmm27\n\t"
                         "vpxorq %zmm28, %zmm28, %zmm28\n\t"
                         "vpxorq %zmm29, %zmm29, %zmm29\n\t"
                         "vpxorq %zmm30, %zmm30, %zmm30\n\t"
                         "vpxorq %zmm31, %zmm31, %zmm31");
    else if (__builtin_cpu_supports("avx"))
        __asm__ volatile("vzeroall");
    else
        __asm__ volatile("pxor %xmm0, %xmm0\n\tpxor %xmm1, %xmm1\n\t"
                         "pxor %xmm2, %xmm2\n\tpxor %xmm3, %xmm3\n\t"
                         "pxor %xmm4, %xmm4\n\tpxor %xmm5, %xmm5\n\t"
                         "pxor %xmm6, %xmm6\n\tpxor %xmm7, %xmm7\n\t"
                         "pxor %xmm8, %xmm8\n\tpxor %xmm9, %xmm9\n\t"
                         "pxor %xmm10, %xmm10\n\tpxor %xmm11, %xmm11\n\t"
                         "pxor %xmm12, %xmm12\n\tpxor %xmm13, %xmm13\n\t"
                         "pxor %xmm14, %xmm14\n\tpxor %xmm15, %xmm15");
}

TRI_NOINLINE void
tri_context_forget(void)
{
    forget_vectors();
    __asm__ volatile("xorl %%eax, %%eax\n\txorl %%ecx, %%ecx\n\t"
                     "xorl %%edx, %%edx\n\txorl %%esi, %%esi\n\t"
                     "xorl %%edi, %%edi\n\txorl %%r8d, %%r8d\n\t"
                     "xorl %%r9d, %%r9d\n\txorl %%r10d, %%r10d\n\t"
                     "xorl %%r11d, %%r11d"
                     :
                     :
                     : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10",
                       "r11", "cc");
}
#else
TRI_NOINLINE void
tri_context_forget(void)
{
    __asm__ volatile("mov x0, #0\n\tmov x1, #0\n\tmov x2, #0\n\t"
                     "mov x3, #0\n\tmov x4, #0\n\tmov x5, #0\n\t"
                     "mov x6, #0\n\tmov x7, #0\n\tmov x8, #0\n\t"
                     "mov x9, #0\n\tmov x10, #0\n\tmov x11, #0\n\t"
                     "mov x12, #0\n\tmov x13, #0\n\tmov x14, #0\n\t"
                     "mov x15, #0\n\tmov x16, #0\n\tmov x17, #0"
                     :
                     :
                     : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8",
                       "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16",
                       "x17");
}
#endif
