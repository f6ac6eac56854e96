/* SPDX-License-Identifier: MIT */
/*
 * alloc/span.h: a run of heap pages cut into equal slots: the unit that
 * travels between the page heap, the central sets and the per-P caches.
 *
 * This module moves bits; when a span is swept, and by whom, is gc/sweep.c's
 * policy.  Span structs are type-stable: a stale pointer to one reads a span,
 * though perhaps another one.
 *
 * Alloc bits.  A set bit means the slot is allocated, or reserved by the cache
 * that holds its 64-slot word; bits past slot_count are always set.  A cache
 * takes a word by setting all its bits and remembering which it got (its `free`
 * word); what is left of them goes back at tri_span_uncache.  At a sweep the
 * mark bits become the alloc bits.
 *
 *   SPAN-1  Publication: all fields, then page_kind, then state (release).
 *           Readers with an untrusted pointer load state (acquire) first;
 *           otherwise they read the fields of the span's former life.  Argued,
 *           no test: x86-64 keeps stores in order.
 *   SPAN-2  sweep_gen, specials_lock and specials survive the struct's reuse:
 *           never initialised after the first time (D-001, R-15); otherwise a
 *           stale sweeper or a late Stop acts on the new span.
 *   SPAN-3  In use -> dead only while the collector does not mark, and in a
 *           critical section, so that it does not begin to; otherwise a marker
 *           holds a dead span.
 *   SPAN-4  Only the owner (the P that caches it, the sweeper in gen sg-1, or
 *           whoever just created it) touches alloc bits, free_word and counts;
 *           otherwise a slot is handed out twice.
 */
#ifndef TRI_ALLOC_SPAN_H
#define TRI_ALLOC_SPAN_H

#include "alloc/space.h"
#include "base/lock.h"

enum tri_span_state {
    TRI_SPAN_DEAD,  /* not in the heap: in the pool, or free pages */
    TRI_SPAN_IN_USE /* holds objects */
};

/*
 * Keys: [c] constant while in use; [o] the owner (SPAN-4); [a] atomic;
 * [h] heap lock; [s] specials_lock, see gc/special.h.
 */
struct tri_span {
    uintptr_t base;  /* [c] address of slot 0 */
    uintptr_t limit; /* [c] one past the last slot (large: past the object) */
    uint32_t page_count;  /* [c] */
    uint32_t slot_count;  /* [c] */
    uint32_t slot_bytes;  /* [c] 0 for large: see large_bytes */
    uint32_t div_magic;   /* [c] */
    uint64_t *mark_bits;  /* [a] ceil(slot_count / 64) words, in a mark table */
    uint64_t *alloc_bits; /* [o] */
    TRI_ATOMIC(uint32_t) sweep_gen; /* [a] gc/sweep.h, SPAN-2 */
    TRI_ATOMIC(uint8_t) state;      /* [a] enum tri_span_state */
    uint8_t kind;                   /* [c] index into tri_kinds */
    uint8_t need_zero; /* [o] pages may be dirty (large and header kinds) */
    uint8_t cached;    /* [o] a P's cache holds it */
    uint32_t
        free_word; /* [o] first word of 64 slots not yet taken by a cache */
    uint32_t used_count;        /* [o] slots allocated; exact when not cached */
    uint32_t used_before_cache; /* [o] used_count when the cache took it */
    uint32_t generation; /* [h] lives of this struct so far; for diagnosis */
    size_t large_bytes;  /* [c] large: bytes of the one object */
    /* large scan: its layout; NULL until the memory is zero. */
    TRI_ATOMIC(const void *) large_type;
    struct tri_lock specials_lock; /* SPAN-2 */
    TRI_ATOMIC(void *) specials;   /* [s] gc/special.h; SPAN-2 */
    struct tri_span *next;         /* owner of the list it is in */
} TRI_CACHE_ALIGNED;

/* The span of an address in the heap, in use, and within its slots; else NULL.
 * For untrusted words (conservative scanning, API arguments). */
struct tri_span *tri_span_of(uintptr_t address);

/* The slot index of an address inside the span (base <= address < limit). */
static inline uint32_t
tri_span_slot_index(const struct tri_span *span, uintptr_t address)
{
    uint64_t offset = address - span->base;
    if (span->slot_bytes == 0)
        return 0;
    return (uint32_t)(offset * span->div_magic >> 32);
}

static inline uintptr_t
tri_span_slot_address(const struct tri_span *span, uint32_t index)
{
    return span->base + (uintptr_t)index * span->slot_bytes;
}

/* Allocated or reserved (see the head of this file).  Racy when not owned. */
static inline bool
tri_span_slot_allocated(const struct tri_span *span, uint32_t index)
{
    /* Relaxed: a slot allocated after this read is black or not our concern. */
    uint64_t word = tri_load_relaxed(
        tri_atomic_cast(uint64_t, &span->alloc_bits[index / 64]));
    return (word >> (index % 64) & 1) != 0;
}

/* Number of 64-slot words of the span. */
static inline uint32_t
tri_span_word_count(const struct tri_span *span)
{
    return (span->slot_count + 63) / 64;
}

/*
 * Takes the next word with a free slot for a cache, into *slots.  False when
 * the span has none left.  Owner only.  Returns how many it got in *taken.
 */
bool tri_span_take_word(struct tri_span *span, struct tri_slot_cache *slots,
                        uint32_t *taken);

/* Gives back what the cache did not hand out (slots->free of the word it took
 * last) and empties *slots; makes used_count exact.  Owner only. */
void tri_span_uncache(struct tri_span *span, struct tri_slot_cache *slots);

/*
 * The mark-to-alloc swap of a sweep: marks become alloc bits, marks become
 * zero, free_word 0.  Returns the number of slots in use now; *zombies (if not
 * 0) counts marked slots that were free: a bug that gc/sweep.c reports.
 * Owner only, and no marker may run (SPAN-3).
 */
uint32_t tri_span_swap_bits(struct tri_span *span, uint32_t *zombies);

#endif /* TRI_ALLOC_SPAN_H */
