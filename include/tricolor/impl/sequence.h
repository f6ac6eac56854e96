/* SPDX-License-Identifier: MIT */
/*
 * tricolor/impl/sequence.h: restartable sequences: an inline path that needs no
 * critical section, since a thread stopped inside it goes on at its start.  Not
 * API.
 *
 * A program chooses: compiled with TRI_PROTECT_SEQUENCE, which is what the CMake
 * package and tricolor.pc add unless Tricolor was configured otherwise, its TRI_STORE
 * is a sequence; without, or with TRI_PROTECT_COUNTER, and wherever there are none
 * (other CPUs than x86-64, the sanitizers, TRI_PORTABLE), a critical section.  A
 * library serves both at once, in one process; one that cannot serve sequences does
 * not export tri_sequences_register, so that such a program does not link with it.
 *
 * A sequence reads what changes only with the world stopped, and ends in one
 * store, the commit.  Where it lies is a row in a table, a section of the object
 * that it is in; the object registers its table before any other of its code runs.
 * Rows are relative to themselves, so they need no relocation.
 *
 *   SEQ-1  A sequence writes nothing but its commit, which is its last instruction,
 *          and changes none of its operands before; otherwise it cannot be begun
 *          again.
 *   SEQ-2  Its slow path, which lies outside, tests again, in a section;
 *          otherwise the phase turns between the two.
 *   SEQ-3  Its row is dropped by linkers if and only if it is ("o": a section tied
 *          to that of the code; "?": in the code's COMDAT group); otherwise one
 *          that drops unused sections leaves an empty table, and no thread is ever
 *          put back.  Each object has a known sequence and must find it in its
 *          table (tri_sequences_register).
 *   SEQ-4 to SEQ-6 are in runtime/rewind.c, SEQ-7 to SEQ-9 in runtime/sequence.c.
 */
#ifndef TRICOLOR_IMPL_SEQUENCE_H
#define TRICOLOR_IMPL_SEQUENCE_H

#include <tricolor/impl/local.h>

/* 1: a library compiled so serves programs that have sequences. */
#define TRI_SEQUENCES_SERVED TRI_CRIT_ASM

/* ASan does not see what asm stores. */
#if defined(__SANITIZE_ADDRESS__)
#    define TRI_SEQUENCES_ASAN 1
#elif defined(__has_feature)
#    if __has_feature(address_sanitizer)
#        define TRI_SEQUENCES_ASAN 1
#    endif
#endif
#ifndef TRI_SEQUENCES_ASAN
#    define TRI_SEQUENCES_ASAN 0
#endif

/* 1: this program has sequences. */
#if TRI_SEQUENCES_SERVED && defined(TRI_PROTECT_SEQUENCE)                      \
    && !defined(TRI_PROTECT_COUNTER) && !TRI_SEQUENCES_ASAN
#    define TRI_SEQUENCES 1
#else
#    define TRI_SEQUENCES 0
#endif

#if TRI_SEQUENCES_SERVED

#    ifdef __cplusplus
extern "C" {
#    endif

/* A row: where the sequence starts, from the row's own address, and its length. */
struct tri_sequence {
    int32_t start;
    uint32_t bytes;
};

/*
 * For the constructor and the destructor below.  `known` is the start of a
 * sequence that must be among the rows first .. end - 1.  The same object may
 * register again: each of its translation units does.
 */
TRI_API void tri_sequences_register(const struct tri_sequence *first,
                                    const struct tri_sequence *end,
                                    uintptr_t known);
TRI_API void tri_sequences_unregister(const struct tri_sequence *first);

#    ifdef __cplusplus
}
#    endif

#endif

#if TRI_SEQUENCES

/* Round the instructions, of which the last is the commit and falls through. */
#    define TRI_SEQUENCE_BEGIN ".Ltri_sequence%=:\n\t"
#    define TRI_SEQUENCE_END                                                   \
        "772:\n\t"                                                             \
        ".pushsection tri_sequences,\"ao?\",@progbits,.Ltri_sequence%=\n\t"    \
        ".balign 4\n\t"                                                        \
        ".long .Ltri_sequence%= - ., 772b - .Ltri_sequence%=\n\t"              \
        ".popsection"

#    ifdef __cplusplus
extern "C" {
#    endif

/* Made by the linker; hidden, so that each object has its own.  Weak: a linker
 * that dropped the table is told by the library, in words. */
extern const struct tri_sequence __start_tri_sequences[]
    __attribute__((weak, visibility("hidden")));
extern const struct tri_sequence __stop_tri_sequences[]
    __attribute__((weak, visibility("hidden")));

/* Before the constructors, and after the destructors, that may use TRI_STORE. */
__attribute__((constructor(101), unused)) static void
tri_sequences_begin(void)
{
    uintptr_t known;
    __asm__ volatile("leaq .Ltri_sequence%=(%%rip), %0\n\t" TRI_SEQUENCE_BEGIN
                     "nop\n\t"
                     "nop\n\t" TRI_SEQUENCE_END
                     : "=r"(known));
    tri_sequences_register(__start_tri_sequences, __stop_tri_sequences, known);
}

__attribute__((destructor(101), unused)) static void
tri_sequences_end(void)
{
    tri_sequences_unregister(__start_tri_sequences);
}

#    ifdef __cplusplus
}
#    endif

#endif

#endif /* TRICOLOR_IMPL_SEQUENCE_H */
