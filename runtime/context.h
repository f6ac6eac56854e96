/* SPDX-License-Identifier: MIT */
/*
 * runtime/context.h: what only assembly can do: change stacks.
 *
 * A suspended flow of control is one word, its stack pointer; everything else
 * that must survive a call (callee-saved registers, rounding and exception
 * modes) lies on its stack, where a conservative scan finds it.
 *
 * What it costs.  A switch ends in a pop and an indirect jump, not a return: the
 * return predictor would be wrong every time (8 ns against 3).  Control words are
 * saved always, reloaded only where they differ: the reload costs as much as the
 * rest of the switch.
 */
#ifndef TRI_RUNTIME_CONTEXT_H
#define TRI_RUNTIME_CONTEXT_H

#include "base/compiler.h"

/* Callee-saved registers; x86-64 uses the first 6 words, aarch64 all. */
#define TRI_SAVED_WORDS 20
struct tri_saved_regs {
    uintptr_t word[TRI_SAVED_WORDS];
};

/* Saves the current flow in *save_sp and goes on in `to_sp`. */
void tri_context_switch(void **save_sp, void *to_sp);

/*
 * Prepares a flow that calls fn(arg) on the stack that ends at `top` (16-byte
 * aligned); returns its stack pointer.  fn never returns.
 */
void *tri_context_make(void *top, void (*fn)(void *), void *arg);

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

#endif /* TRI_RUNTIME_CONTEXT_H */
