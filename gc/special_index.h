/* SPDX-License-Identifier: MIT */
/*
 * gc/special_index.h: which slots of a span carry specials, and the first
 * record of each.
 *
 * One cell of 64 bytes a span, found from span->specials.  Up to four slots are
 * listed in the cell; from the fifth on a dense table takes over: a bitmap of
 * slots and an array from slot to record.  So finding, adding and dropping a
 * slot cost the same whether the span carries one special or a thousand, and
 * a span that carries one pays 64 bytes.
 *
 * Cells lie in one reservation and know their span, so walking them finds every
 * span that carries specials (SPEC-4).
 *
 * All functions but tri_index_each_span: under the span's specials_lock.
 *
 *   IDX-1  An index belongs to one life of its span: it is detached and freed,
 *          empty, by the span's sweeper, which is before the span can die;
 *          otherwise the next life finds slots of another size in it.
 */
#ifndef TRI_GC_SPECIAL_INDEX_H
#define TRI_GC_SPECIAL_INDEX_H

#include "base/atomic.h"
#include "base/compiler.h"

struct tri_span;

#define TRI_INDEX_FEW       4
#define TRI_INDEX_SLOTS_MAX 1024u
#define TRI_INDEX_WORDS_MAX (TRI_INDEX_SLOTS_MAX / 64)

/* The table of a span with more than a few slots in use. */
struct tri_index_table {
    uint32_t capacity; /* [c] slots; a power of two */
    uint32_t unused;
    uint64_t bits[TRI_INDEX_WORDS_MAX];
    uint32_t first[]; /* by slot: record number, 0: none */
};

/* Keys: [s] the span's specials_lock; [a] atomic. */
struct tri_index {
    TRI_ATOMIC(struct tri_span *) span; /* [a] NULL: a free cell */
    struct tri_index_table *table;      /* [s] NULL: the few below */
    uint32_t slot_count;                /* [s] of the span */
    uint32_t used;                      /* [s] slots that carry any */
    uint32_t first[TRI_INDEX_FEW];      /* [s] */
    uint16_t slot[TRI_INDEX_FEW];       /* [s] */
    uint32_t free_next;                 /* free list */
    uint32_t unused[3];
};
_Static_assert(sizeof(struct tri_index) == 64, "an index cell is one line");

/* Reserves the space.  0 or -ENOMEM.  Once. */
TRI_NODISCARD int tri_index_init(void);

/* An empty index for a span of so many slots; NULL: no memory. */
TRI_NODISCARD struct tri_index *tri_index_new(struct tri_span *span,
                                              uint32_t slot_count);
/* Frees an empty index. */
void tri_index_free(struct tri_index *index);

/* First record of the slot, 0: none. */
uint32_t tri_index_get(const struct tri_index *index, uint32_t slot);

/* Sets the first record of a slot (record != 0).  False, with nothing changed:
 * it needs a table and there is no memory.  Replacing never fails. */
TRI_NODISCARD bool tri_index_put(struct tri_index *index, uint32_t slot,
                                 uint32_t record);

/* The slot carries none any more. */
void tri_index_drop(struct tri_index *index, uint32_t slot);

/* Bit i: slot word * 64 + i carries specials. */
uint64_t tri_index_word(const struct tri_index *index, uint32_t word);

/* Every span that had specials when its cell was looked at; it may have died
 * since.  From any thread; spans that gain their first special meanwhile may be
 * missed. */
void tri_index_each_span(void (*visit)(struct tri_span *span));

#endif /* TRI_GC_SPECIAL_INDEX_H */
