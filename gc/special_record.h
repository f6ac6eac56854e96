/* SPDX-License-Identifier: MIT */
/*
 * gc/special_record.h: the record of one special, and where records come from.
 *
 *            add                sweep: object dead        runner
 *   FREE ---------> ARMED ------------------------> QUEUED -----> RUNNING
 *    ^                |                                              |
 *    |                | Stop                                         |
 *    |                v                                              |
 *    +------------ STOPPED            +------------------------------+
 *    |   unlinked by Stop or sweep    | fn returned
 *    +--------------------------------+
 *
 * A record is 64 bytes in one contiguous, never unmapped reservation, so it has
 * a 32-bit number, and any word a program may pass for one is checked by a
 * subtraction.  512 records make a slab; its first cell is its head.
 *
 *   LIFE-1  A record's life is its one word {id, state}: every step is a
 *          compare-and-swap or a store by the one who won the step before.
 *          An id is never used twice; otherwise a stale handle stops a
 *          stranger's cleanup.
 *   LIFE-2  `span`, `next` and `prev` of a linked record change only under the
 *          lock of the span it is linked in, and who unlinks it is the one who
 *          queues or frees it; otherwise Stop and sweep free it twice.
 *   LIFE-3  A free record has word, arg and object 0, so that what a late marker
 *          reads from it is nothing, or was alive when this marking began;
 *          otherwise it marks what is free.
 *   LIFE-4  A record that goes while the collector marks shades what it rooted
 *          (deletion barrier); otherwise a callback that ran on a black stack
 *          holds the last, white reference.
 */
#ifndef TRI_GC_SPECIAL_RECORD_H
#define TRI_GC_SPECIAL_RECORD_H

#include "base/compiler.h"
#include "gc/special_p.h"

struct tri_span;

enum tri_special_state {
    TRI_SPECIAL_FREE,
    TRI_SPECIAL_ARMED,
    TRI_SPECIAL_QUEUED,
    TRI_SPECIAL_RUNNING,
    TRI_SPECIAL_STOPPED
};

enum tri_special_kind {
    TRI_SPECIAL_NONE,
    TRI_SPECIAL_CLEANUP,
    TRI_SPECIAL_FINALIZER,
    TRI_SPECIAL_WEAK
};

/*
 * Keys: [a] atomic; [s] the lock of the span it is linked in; [q] whoever holds
 * the unlinked record (a magazine, the queue, its runner); [c] constant from
 * ARMED to FREE.
 */
struct tri_special {
    TRI_ATOMIC(uint64_t) word;          /* [a] id << 3 | state */
    TRI_ATOMIC(struct tri_span *) span; /* [s] NULL: not linked */
    TRI_ATOMIC(uintptr_t) object;       /* [c] the address it was added for */
    uintptr_t fn;                       /* [c] */
    TRI_ATOMIC(uint64_t) arg[2];        /* [c] pointer, or 16 bytes of data */
    uint32_t next;                      /* [s] [q] record number, 0: none */
    uint32_t prev;                      /* [s] [q] */
    TRI_ATOMIC(uint8_t) kind;           /* [c] enum tri_special_kind */
    uint8_t class;                      /* for ever */
    uint8_t has_data;                   /* [c] fn takes the data's address */
    uint8_t unused;
    uint32_t count; /* [q] first of a free batch: its size */
};

#define TRI_SPECIAL_BYTES 64u
_Static_assert(sizeof(struct tri_special) == TRI_SPECIAL_BYTES,
               "a record is one cache line");

#define TRI_SPECIAL_STATE_BITS 3
#define TRI_SLAB_RECORDS       512u

static inline uint64_t
tri_special_word(uint64_t id, enum tri_special_state state)
{
    return id << TRI_SPECIAL_STATE_BITS | (uint64_t)state;
}

static inline enum tri_special_state
tri_special_word_state(uint64_t word)
{
    return (enum tri_special_state)(word
                                    & ((1u << TRI_SPECIAL_STATE_BITS) - 1u));
}

static inline uint64_t
tri_special_word_id(uint64_t word)
{
    return word >> TRI_SPECIAL_STATE_BITS;
}

/* [c] where the records are. */
extern struct tri_special *tri_special_base;

static inline struct tri_special *
tri_special_at(uint32_t number)
{
    return tri_special_base + number;
}

static inline uint32_t
tri_special_number(const struct tri_special *record)
{
    return (uint32_t)(record - tri_special_base);
}

/* Reserves the space.  0 or -ENOMEM.  Once. */
TRI_NODISCARD int tri_special_records_init(void);

/* A free record of this class, its word 0, or NULL: no memory.  The owner of
 * p, inside a critical section, as all below. */
TRI_NODISCARD struct tri_special *tri_special_alloc(
    struct tri_special_p *p, enum tri_special_class class);

/* Ends a record's life in any state (LIFE-3, LIFE-4); it is not linked. */
void tri_special_free(struct tri_special_p *p, struct tri_special *record);

/* The next id of this P's range. */
uint64_t tri_special_next_id(struct tri_special_p *p);

/* Gives all of p's free records back. */
void tri_special_records_flush(struct tri_special_p *p);

/* The record a handle names, or NULL if no record was ever there. */
struct tri_special *tri_special_of_handle(void *pointer);

/* Slabs so far; those of class PLAIN hold no roots. */
uint32_t tri_special_slab_count(void);
enum tri_special_class tri_special_slab_class(uint32_t slab);

#endif /* TRI_GC_SPECIAL_RECORD_H */
