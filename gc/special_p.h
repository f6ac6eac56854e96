/* SPDX-License-Identifier: MIT */
/*
 * gc/special_p.h: one P's part of the specials: free records, a range of ids,
 * what it queued and has not published yet, and its counters.  Embedded in
 * struct tri_gc_p (gc/percpu.h).
 *
 * Ownership: [o] the holder of the P, inside a critical section (or a stopper
 * while that holder is stopped); [a] atomic, written by the owner alone, read by
 * anyone; [c] constant once initialised.
 *
 *   LIFE-5  What a P queued is never lost with the P: it is published at the end
 *          of each batch of sweeping, at a scheduling decision, by a drain, and
 *          when the P retires; otherwise a shrinking machine strands cleanups
 *          for ever (D-002).
 */
#ifndef TRI_GC_SPECIAL_P_H
#define TRI_GC_SPECIAL_P_H

#include "base/atomic.h"

/* Records move between a P and the common pool by this many.  32 records are
 * 2 KiB: two batches a P and class stay in L1, and the pool's lock is taken
 * once for 32 adds that are never matched by a free on the same P. */
#define TRI_SPECIAL_BATCH 32u

/* Marking visits pointer records only: plain ones live in slabs of their own. */
enum tri_special_class {
    TRI_SPECIAL_PLAIN,
    TRI_SPECIAL_POINTER
};
#define TRI_SPECIAL_CLASSES 2

/* Free records: a chain being used, and a whole batch or nothing behind it, so
 * that alternating allocations and frees never bounce off the common pool. */
struct tri_magazine {
    uint32_t head;        /* [o] record number, 0: none */
    uint32_t count;       /* [o] */
    uint32_t spare;       /* [o] */
    uint32_t spare_count; /* [o] */
};

struct tri_special_p {
    struct tri_magazine magazine[TRI_SPECIAL_CLASSES];
    uint64_t id_next;     /* [o] ids id_next .. id_end - 1 are this P's */
    uint64_t id_end;      /* [o] */
    uint32_t queue_head;  /* [o] queued, not yet published: first record */
    uint32_t queue_tail;  /* [o] last record */
    uint32_t queue_count; /* [o] */
    uint32_t listed;      /* [o] it is in the list of all */

    TRI_ATOMIC(uint64_t) added;    /* [a] cleanups: what happened on this P */
    TRI_ATOMIC(uint64_t) stopped;  /* [a] */
    TRI_ATOMIC(uint64_t) queued;   /* [a] */
    TRI_ATOMIC(uint64_t) executed; /* [a] */
    TRI_ATOMIC(uint64_t) finalizers_queued;   /* [a] */
    TRI_ATOMIC(uint64_t) finalizers_executed; /* [a] */

    struct tri_special_p *all_next; /* [c] every P there ever was */
};

/* A P is born or comes alive again: idempotent.  Zeroed memory is enough. */
void tri_special_p_init(struct tri_special_p *p);

/* The P goes: publishes what it queued and gives its records back.  World
 * stopped or by its holder.  Its counters stay counted. */
void tri_special_p_retire(struct tri_special_p *p);

#endif /* TRI_GC_SPECIAL_P_H */
