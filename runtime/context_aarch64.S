/* SPDX-License-Identifier: MIT */
/* runtime/context_aarch64.S: see context.h. */
#if defined(__aarch64__)
    .text

/* void tri_context_switch(void **save_sp, void *to_sp) */
    .globl  tri_context_switch
    .hidden tri_context_switch
    .type   tri_context_switch, %function
    .p2align 4
tri_context_switch:
    .cfi_startproc
    sub     sp, sp, #176
    mrs     x9, fpcr
    str     x9, [sp]
    stp     x19, x20, [sp, #16]
    stp     x21, x22, [sp, #32]
    stp     x23, x24, [sp, #48]
    stp     x25, x26, [sp, #64]
    stp     x27, x28, [sp, #80]
    stp     x29, x30, [sp, #96]
    stp     d8, d9, [sp, #112]
    stp     d10, d11, [sp, #128]
    stp     d12, d13, [sp, #144]
    stp     d14, d15, [sp, #160]
    mov     x10, sp
    str     x10, [x0]
    mov     sp, x1
    ldr     x10, [sp]
    cmp     x9, x10
    b.ne    2f
1:  ldp     x19, x20, [sp, #16]
    ldp     x21, x22, [sp, #32]
    ldp     x23, x24, [sp, #48]
    ldp     x25, x26, [sp, #64]
    ldp     x27, x28, [sp, #80]
    ldp     x29, x30, [sp, #96]
    ldp     d8, d9, [sp, #112]
    ldp     d10, d11, [sp, #128]
    ldp     d12, d13, [sp, #144]
    ldp     d14, d15, [sp, #160]
    add     sp, sp, #176
    br      x30
2:  msr     fpcr, x10
    b       1b
    .cfi_endproc
    .size   tri_context_switch, .-tri_context_switch

/* A new flow: x19 = function, x20 = argument.  The end of every backtrace, and of
 * unwinding (leave.c); 0x1b: the personality's address is relative. */
    .globl  tri_context_boot
    .hidden tri_context_boot
    .type   tri_context_boot, %function
    .p2align 4
tri_context_boot:
    .cfi_startproc
    .cfi_personality 0x1b, tri_context_unwound
    .cfi_undefined x30
    mov     x0, x20
    mov     x29, xzr
    blr     x19
    brk     #1
    .cfi_endproc
    .size   tri_context_boot, .-tri_context_boot

/* void tri_context_call_on(void *top, void (*fn)(void *), void *arg,
 *                          void **saved_sp) */
    .globl  tri_context_call_on
    .hidden tri_context_call_on
    .type   tri_context_call_on, %function
    .p2align 4
tri_context_call_on:
    .cfi_startproc
    stp     x29, x30, [sp, #-160]!
    .cfi_def_cfa_offset 160
    .cfi_offset x29, -160
    .cfi_offset x30, -152
    mov     x29, sp
    .cfi_def_cfa_register x29
    stp     x19, x20, [sp, #16]
    stp     x21, x22, [sp, #32]
    stp     x23, x24, [sp, #48]
    stp     x25, x26, [sp, #64]
    stp     x27, x28, [sp, #80]
    stp     d8, d9, [sp, #96]
    stp     d10, d11, [sp, #112]
    stp     d12, d13, [sp, #128]
    stp     d14, d15, [sp, #144]
    mov     x9, sp
    str     x9, [x3]
    and     x9, x0, #-16
    mov     sp, x9
    mov     x0, x2
    blr     x1
    mov     sp, x29
    ldp     x19, x20, [sp, #16]
    ldp     x21, x22, [sp, #32]
    ldp     x23, x24, [sp, #48]
    ldp     x25, x26, [sp, #64]
    ldp     x27, x28, [sp, #80]
    ldp     d8, d9, [sp, #96]
    ldp     d10, d11, [sp, #112]
    ldp     d12, d13, [sp, #128]
    ldp     d14, d15, [sp, #144]
    ldp     x29, x30, [sp], #160
    .cfi_def_cfa sp, 0
    ret
    .cfi_endproc
    .size   tri_context_call_on, .-tri_context_call_on

/* void tri_blocking_begin(void) */
    .globl  tri_blocking_begin
    .type   tri_blocking_begin, %function
    .p2align 4
tri_blocking_begin:
    .cfi_startproc
    mov     x1, sp
    sub     sp, sp, #160
    .cfi_def_cfa_offset 160
    .cfi_offset x30, -72
    stp     x19, x20, [sp]
    stp     x21, x22, [sp, #16]
    stp     x23, x24, [sp, #32]
    stp     x25, x26, [sp, #48]
    stp     x27, x28, [sp, #64]
    stp     x29, x30, [sp, #80]
    stp     d8, d9, [sp, #96]
    stp     d10, d11, [sp, #112]
    stp     d12, d13, [sp, #128]
    stp     d14, d15, [sp, #144]
    mov     x0, sp
    bl      tri_blocking_begin_regs
    ldp     x29, x30, [sp, #80]
    add     sp, sp, #160
    .cfi_def_cfa_offset 0
    ret
    .cfi_endproc
    .size   tri_blocking_begin, .-tri_blocking_begin

    .globl  tri_signal_return
    .hidden tri_signal_return
    .type   tri_signal_return, %function
    .p2align 4
    nop
tri_signal_return:
    mov     x8, #139
    svc     #0
    .size   tri_signal_return, .-tri_signal_return

#endif

#if defined(__ELF__)
    .section .note.GNU-stack, "", %progbits
#endif
