/* SPDX-License-Identifier: MIT */
/* runtime/context_x86_64.S: see context.h.  No shadow-stack note on purpose:
 * with user shadow stacks a switch like this one would fault, so the loader
 * must keep them off. */
#if defined(__x86_64__)
    .text

/* A new flow: function and argument lie on the stack.  The end of every backtrace,
 * and of unwinding (leave.c); 0x1b: the personality's address is relative. */
    .globl  tri_context_boot
    .hidden tri_context_boot
    .type   tri_context_boot, @function
    .p2align 4
tri_context_boot:
    .cfi_startproc
    .cfi_personality 0x1b, tri_context_unwound
    .cfi_undefined rip
    popq    %rax
    .cfi_adjust_cfa_offset -8
    popq    %rdi
    .cfi_adjust_cfa_offset -8
    xorl    %ebp, %ebp
    callq   *%rax
    ud2
    .cfi_endproc
    .size   tri_context_boot, .-tri_context_boot

/* void tri_context_call_on(void *top, void (*fn)(void *), void *arg,
 *                          void **saved_sp) */
    .globl  tri_context_call_on
    .hidden tri_context_call_on
    .type   tri_context_call_on, @function
    .p2align 4
tri_context_call_on:
    .cfi_startproc
    pushq   %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset rbp, -16
    movq    %rsp, %rbp
    .cfi_def_cfa_register rbp
    pushq   %rbx
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    movq    %rsp, (%rcx)
    movq    %rdi, %rsp
    andq    $-16, %rsp
    movq    %rdx, %rdi
    callq   *%rsi
    leaq    -40(%rbp), %rsp
    popq    %r15
    popq    %r14
    popq    %r13
    popq    %r12
    popq    %rbx
    popq    %rbp
    .cfi_def_cfa rsp, 8
    retq
    .cfi_endproc
    .size   tri_context_call_on, .-tri_context_call_on

/* void tri_blocking_begin(void): hands its caller's registers to
 * tri_blocking_begin_regs(regs, caller's stack pointer). */
    .globl  tri_blocking_begin
    .type   tri_blocking_begin, @function
    .p2align 4
tri_blocking_begin:
    .cfi_startproc
    leaq    8(%rsp), %rsi
    pushq   %rbp
    pushq   %rbx
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    .cfi_def_cfa_offset 56
    movq    %rsp, %rdi
    subq    $8, %rsp
    .cfi_def_cfa_offset 64
    callq   tri_blocking_begin_regs
    addq    $56, %rsp
    .cfi_def_cfa_offset 8
    retq
    .cfi_endproc
    .size   tri_blocking_begin, .-tri_blocking_begin

/* The signal handler's way back into the kernel.  Unwinders know it by its
 * bytes, so they stay exactly these. */
    .globl  tri_signal_return
    .hidden tri_signal_return
    .type   tri_signal_return, @function
    .p2align 4
    nop
tri_signal_return:
    movq    $15, %rax
    syscall
    .size   tri_signal_return, .-tri_signal_return

#endif

#if defined(__ELF__)
    .section .note.GNU-stack, "", %progbits
#endif
