/* SPDX-License-Identifier: MIT */
/*
 * gc/mark.h: following edges: classify, mark, scan.
 *
 * The engine is a LIFO of raw edges with a FIFO ring of 32 in front of it.  An
 * edge entering the ring prefetches its object by the raw address, then is
 * classified (one byte per page names its kind) and prefetches its mark word;
 * leaving the ring it is marked, and if it was new its object is scanned.  So
 * the two cache misses of an object overlap with those of 31 others.
 *
 *   MARK-1  A mark bit is only ever set, by an atomic OR, between the start of
 *           marking and the end of mark termination; otherwise one that a
 *           sweeper or an allocation goes by is another's.
 *   MARK-2  An object is scanned after its mark bit was set by the scanner, and
 *           by nobody else; an object allocated while marking is black;
 *           otherwise a ring of objects is scanned for ever.
 *   MARK-3  A word from a stack, a register or conservative memory is followed
 *           only if it hits an allocated slot of a span in use; otherwise a
 *           stale word marks a free slot, and the sweep dies of it.
 */
#ifndef TRI_GC_MARK_H
#define TRI_GC_MARK_H

#include "alloc/kind.h"
#include "gc/work.h"

struct tri_gc_p;

/* Where an address points to, for marking. */
struct tri_target {
    uint64_t *mark_word;
    uint64_t mark_bit;
    uintptr_t slot; /* the slot's first byte */
    uint32_t kind;
};

/* Classifies a word that is known to be a heap pointer or none at all.  False:
 * none (static data, NULL, one past the end).  A pointer to free pages is fatal
 * unless TRI_DEBUG=invalidptr=0. */
bool tri_mark_resolve(uintptr_t word, struct tri_target *target);

/* Follows edges until there are none here or on the global list, `budget`
 * bytes were scanned, or tri_host_should_yield().  Returns bytes scanned.
 * Inside a critical section, counted active (WORK-2). */
uint64_t tri_mark_drain(struct tri_gc_p *p, uint64_t budget);

/* Pushes every pointer in an object's slot, of which the mark is the caller's
 * business. */
void tri_mark_scan_slot(struct tri_work_p *work, uintptr_t slot, uint32_t kind);

/* Pushes what may be pointers in [lo, hi) and is unmarked (MARK-3).  Both are
 * word aligned.  Arg is a struct tri_work_p *. */
void tri_mark_scan_conservative(uintptr_t lo, uintptr_t hi, void *arg);

/* The same for one word, which lies in the heap's address space. */
void tri_mark_consider(struct tri_work_p *work, uintptr_t word);

/* Shades one word: pushes it if it is an unmarked object's.  Precise. */
void tri_mark_shade(struct tri_work_p *work, uintptr_t word);

/* A marker must let go soon; never with the world stopped, when nobody else
 * could go on. */
bool tri_mark_should_yield(void);

/* Has this object a mark?  For tests, weak pointers and the verifier. */
bool tri_mark_is_marked(uintptr_t word);

#endif /* TRI_GC_MARK_H */
