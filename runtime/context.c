/* SPDX-License-Identifier: MIT */
/* runtime/context.c: the first frame of a goroutine's stack. */
#include "runtime/context.h"

#include "base/check.h"

/*
 * The frame that tri_context_switch pops.  x86-64, from the stack pointer up:
 * control words, r15, r14, r13, r12, rbx, rbp, the address to jump to.
 * aarch64: fpcr and padding, x19..x30, d8..d15.
 */
#if defined(__x86_64__)
enum {
    FRAME_WORDS = 8,
    FRAME_ARG = 3,
    FRAME_FN = 4,
    FRAME_PC = 7
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
