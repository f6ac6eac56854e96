/* SPDX-License-Identifier: MIT */
/*
 * runtime/sequence.h: which code lies in restartable sequences, and how a thread
 * that is stopped in one is put back.  See tricolor/impl/sequence.h.
 */
#ifndef TRI_RUNTIME_SEQUENCE_H
#define TRI_RUNTIME_SEQUENCE_H

#include <stdbool.h>
#include <ucontext.h>

#include "base/compiler.h"
#include <tricolor/impl/sequence.h>

struct tri_m;
struct tri_g;

#if TRI_SEQUENCES_SERVED

/* ---- runtime/sequence.c: the table --------------------------------------- */

/* 0 or -ENOMEM. */
TRI_NODISCARD int tri_sequences_init(void);
/* How many there are, in all objects. */
size_t tri_sequences_count(void);
/* Is pc strictly inside one?  For checks. */
bool tri_sequences_hide(uintptr_t pc);

struct tri_sequence_table;
/* The table, which stays until it is dropped (SEQ-7); NULL: no sequences.  For
 * signal handlers. */
const struct tri_sequence_table *tri_sequences_hold(void);
void tri_sequences_drop(void);
/* Where the sequence begins that pc is strictly inside; 0: inside none.  Before
 * its start nothing has been done yet, at its end it is committed. */
uintptr_t tri_sequence_around(const struct tri_sequence_table *table,
                              uintptr_t pc);

/* ---- runtime/rewind.c ---------------------------------------------------- */

/* The stop signal's handler, on the thread itself: whatever sequence it is inside
 * will be begun again, in the frame of this signal and in older ones. */
void tri_rewind(struct tri_m *m, const struct tri_g *g, ucontext_t *uc);

#else

TRI_NODISCARD static inline int
tri_sequences_init(void)
{
    return 0;
}

static inline bool
tri_sequences_hide(uintptr_t pc)
{
    (void)pc;
    return false;
}

static inline __attribute__((always_inline)) void
tri_rewind(struct tri_m *m, const struct tri_g *g, ucontext_t *uc)
{
    (void)m, (void)g, (void)uc;
}

#endif

#endif /* TRI_RUNTIME_SEQUENCE_H */
