/* SPDX-License-Identifier: MIT */
/*
 * runtime/context.h: what only assembly can do: change stacks.
 *
 * A suspended flow of control is one word, its stack pointer; everything else
 * that must survive a call (callee-saved registers, rounding and exception
 * modes) lies on its stack, where a conservative scan finds it.
 *
 * Two kinds of switch, for the two ways: tri_context_leave from a goroutine to its
 * scheduler, tri_context_enter back.  What they cost, and so how they are built
 * (x86-64):
 *   - inline, with everything a call would save declared clobbered, so that the
 *     compiler saves what is alive and no return is predicted wrong: 8 ns a
 *     return, of which there were two on the way out of a switch;
 *   - ending in an indirect jump, not a return, for the same reason;
 *   - control words are read on the way out alone, and loaded only where they are
 *     not the ABI's defaults, which hold in every scheduler: reading them costs
 *     2.5 ns.
 * They step over the red zone, which the compiler may be using around them.
 */
#ifndef TRI_RUNTIME_CONTEXT_H
#define TRI_RUNTIME_CONTEXT_H

#include <stdbool.h>

#include "base/compiler.h"

/* Callee-saved registers; x86-64 uses the first 6 words, aarch64 all. */
#define TRI_SAVED_WORDS 20
struct tri_saved_regs {
    uintptr_t word[TRI_SAVED_WORDS];
};

/*
 * Prepares a flow that calls fn(arg) on the stack that ends at `top` (16-byte
 * aligned); returns its stack pointer.  fn never returns.
 */
void *tri_context_make(void *top, void (*fn)(void *), void *arg);

/* The calling thread, a scheduler to be: the defaults of the ABI. */
void tri_context_default_modes(void);

/* Calls fn(arg) on the stack that ends at `top`, with the caller's registers
 * saved on its own; *saved_sp says from where on that is to be scanned. */
void tri_context_call_on(void *top, void (*fn)(void *), void *arg,
                         void **saved_sp);

/*
 * Empties the registers that a call may change.  What they hold after a switch
 * or a stop is dead, but a stop by signal would show it to a scanner: under
 * gccheckmark that is a false alarm (docs/design/stw.md, "Stale words").
 */
void tri_context_forget(void);

/* For dumps: where a suspended flow goes on, and its frame pointer there.  False:
 * its frame cannot be read. */
bool tri_context_place(const void *sp, uintptr_t *pc, uintptr_t *fp);

/* Where tri_context_make's flows begin.  Assembly; not to be called. */
void tri_context_boot(void);

/* The stack pointer, roughly: everything below it is dead or a callee's. */
static inline __attribute__((always_inline)) uintptr_t
tri_context_sp(void)
{
    uintptr_t sp;
#if defined(__x86_64__)
    __asm__ volatile("movq %%rsp, %0" : "=r"(sp));
#else
    __asm__ volatile("mov %0, sp" : "=r"(sp));
#endif
    return sp;
}

/* ---- switching ------------------------------------------------------------ */

#if defined(__x86_64__)
#    if defined(__AVX512F__)
#        define TRI_CONTEXT_AVX512                                             \
            , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22",   \
                "xmm23", "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", \
                "xmm30", "xmm31", "k0", "k1", "k2", "k3", "k4", "k5", "k6",    \
                "k7"
#    else
#        define TRI_CONTEXT_AVX512
#    endif
/* All but rsp and rbp, which the switch itself keeps. */
#    define TRI_CONTEXT_CLOBBERS                                               \
        "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13",    \
            "r14", "r15", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)",   \
            "st(6)", "st(7)", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5",  \
            "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",         \
            "xmm13", "xmm14", "xmm15", "memory", "cc" TRI_CONTEXT_AVX512

/* The frame, from the stack pointer up: MXCSR, x87 control word, where to go on,
 * rbp. */
#    define TRI_CONTEXT_SAVE                                                   \
        "leaq -128(%%rsp), %%rsp\n\t"                                          \
        "pushq %%rbp\n\t"                                                      \
        "leaq 3f(%%rip), %%rax\n\t"                                            \
        "pushq %%rax\n\t"                                                      \
        "subq $8, %%rsp\n\t"
/* Are the words of the frame at rsp the defaults?  MXCSR's low six bits are
 * sticky flags. */
#    define TRI_CONTEXT_DEFAULTS                                               \
        "movl (%%rsp), %%eax\n\t"                                              \
        "andl $0xffc0, %%eax\n\t"                                              \
        "xorl $0x1f80, %%eax\n\t"                                              \
        "movzwl 4(%%rsp), %%edx\n\t"                                           \
        "xorl $0x037f, %%edx\n\t"                                              \
        "orl %%edx, %%eax\n\t"                                                 \
        "jnz 4f\n\t"
#    define TRI_CONTEXT_GO                                                     \
        "addq $8, %%rsp\n\t"                                                   \
        "popq %%rcx\n\t"                                                       \
        "jmpq *%%rcx\n\t"
#    define TRI_CONTEXT_BACK                                                   \
        "3: popq %%rbp\n\t"                                                    \
        "leaq 128(%%rsp), %%rsp"

/* Saves the goroutine's flow in *save_sp and goes on in the scheduler's. */
static inline __attribute__((always_inline)) void
tri_context_leave(void **save_sp, void *to_sp)
{
    __asm__ volatile(TRI_CONTEXT_SAVE
                     "stmxcsr (%%rsp)\n\t"
                     "fnstcw 4(%%rsp)\n\t"
                     "movq %%rsp, (%0)\n\t" TRI_CONTEXT_DEFAULTS
                     "1: movq %1, %%rsp\n\t" TRI_CONTEXT_GO
                     "4: pushq $0x1f80\n\t"
                     "ldmxcsr (%%rsp)\n\t"
                     "movl $0x037f, (%%rsp)\n\t"
                     "fldcw (%%rsp)\n\t"
                     "jmp 1b\n" TRI_CONTEXT_BACK
                     : "+D"(save_sp), "+S"(to_sp)
                     :
                     : TRI_CONTEXT_CLOBBERS);
}

/* Saves the scheduler's flow in *save_sp and goes on in a goroutine's. */
static inline __attribute__((always_inline)) void
tri_context_enter(void **save_sp, void *to_sp)
{
    __asm__ volatile(TRI_CONTEXT_SAVE "movq %%rsp, (%0)\n\t"
                                      "movq %1, %%rsp\n\t" TRI_CONTEXT_DEFAULTS
                                      "1: " TRI_CONTEXT_GO
                                      "4: ldmxcsr (%%rsp)\n\t"
                                      "fldcw 4(%%rsp)\n\t"
                                      "jmp 1b\n" TRI_CONTEXT_BACK
                     : "+D"(save_sp), "+S"(to_sp)
                     :
                     : TRI_CONTEXT_CLOBBERS);
}
#else
/* In assembly, one for both. */
void tri_context_switch(void **save_sp, void *to_sp);

static inline void
tri_context_leave(void **save_sp, void *to_sp)
{
    tri_context_switch(save_sp, to_sp);
}

static inline void
tri_context_enter(void **save_sp, void *to_sp)
{
    tri_context_switch(save_sp, to_sp);
}
#endif

#endif /* TRI_RUNTIME_CONTEXT_H */
