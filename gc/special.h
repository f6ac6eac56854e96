/* SPDX-License-Identifier: MIT */
/*
 * gc/special.h: what hangs on objects: cleanups, finalizers, weak handles.
 *
 * Each special is a record in type-stable slabs.  Per span they are indexed by
 * slot: a bitmap of slots that have any, and a table from slot to the first
 * record, so that add, stop and find are O(1) however many the span holds.
 *
 * Docs and proofs: docs/design/cleanups.md.
 *
 *   SPEC-1  Every change of a span's index holds span->specials_lock, the
 *           sweeper's too.  An addition is made after tri_sweep_ensure_swept in
 *           the same critical section; otherwise a sweep that looked before
 *           decides over a special it did not see.  A stopped record may leave
 *           at any time.
 *   SPEC-2  A record's life is its one atomic word {id, state}; the handle is
 *           {id, record}.  Stop is one CAS armed -> stopped: exact, no look-up
 *           by address; otherwise a late Stop ends the cleanup of another object
 *           that lies there by now (D-001).
 *   SPEC-3  specials_lock survives reuse of the span struct; what is reached
 *           through a handle is re-validated under the lock by the record's own
 *           word and `span` field, never by address arithmetic.  Otherwise a
 *           late Stop edits the index of the next span.
 *   SPEC-4  Which spans carry specials is known from the index cells, which
 *           change together with the index; otherwise a walker misses one.
 */
#ifndef TRI_GC_SPECIAL_H
#define TRI_GC_SPECIAL_H

#include "alloc/span.h"
#include "gc/host.h"

/* Off-heap state that tri_gc_p embeds for cleanups: magazines of records, a
 * range of ids, what is queued and not yet published, counters.  Defined in gc/special_p.h. */
struct tri_special_p;

/* 0 or -errno.  Once, before any P. */
TRI_NODISCARD int tri_specials_init(void);

/* ---- called by the sweeper (gc/sweep.c) ---- */

/* Any special on this span?  One relaxed load. */
static inline bool
tri_span_has_specials(struct tri_span *span)
{
    /* Relaxed: the sweeper owns the span; adders are excluded by sweep_gen. */
    return tri_load_relaxed(&span->specials) != NULL;
}

/*
 * The specials pass of a sweep, before the bits are swapped: for every slot
 * with specials and without mark: a finalizer revives it (sets the mark bit)
 * and is queued, with its weak handles cleared; otherwise all its records are
 * unlinked: weak handles cleared, cleanups queued.  Stopped records met on the
 * way are unlinked and freed.  The caller owns the span (sg-1), has a P, holds
 * no lock and is inside a critical section.
 */
void tri_specials_sweep(struct tri_span *span, uint64_t cycle);

/* After a batch of sweeping: makes what this P (and the calling thread's own)
 * queued visible to runners, so that a lone cleanup does not wait for the whole
 * sweep.  Inside a critical section, no lock held. */
void tri_specials_publish(struct tri_special_p *p);

/* ---- called by the marker (gc/root.c) ---- */

/*
 * Root jobs over all specials, in shards: for each record with a pointer
 * argument calls scan on that word; for finalizers, mark_through(object) (what
 * the object refers to is alive, the object itself is not marked); weak
 * handles' indirection objects are kept.  Also queued, not yet run records.
 * Concurrent with adds and stops.
 */
size_t tri_specials_root_jobs(void);
void tri_specials_root_job(size_t job,
                           void (*scan)(uintptr_t lo, uintptr_t hi, void *arg),
                           void (*mark_through)(uintptr_t object, void *arg),
                           void *arg);

/* Mark termination is being attempted: weak -> strong must wait (C-210). */
void tri_weak_block(void);
void tri_weak_unblock(void);
bool tri_weak_is_blocked(void);

/* Background sweeper, first thing after mark termination: pages that carry
 * specials, so that cleanups are queued in time proportional to their number.
 * Calls visit(span) for each candidate span; spans may be stale. */
void tri_specials_each_span(void (*visit)(struct tri_span *span));

/* ---- counters: added == stopped + queued + armed, queued == executed +
 * pending, exact at quiescent points ---- */
struct tri_cleanup_stats {
    uint64_t added, stopped, queued, executed, armed, pending;
    uint64_t finalizers_queued, finalizers_executed;
};
void tri_cleanup_stats_read(struct tri_cleanup_stats *stats);

/* The same from the records themselves: count[kind][state] by the enums of
 * gc/special_record.h.  Slow; exact while nothing moves.  For tests. */
struct tri_specials_census {
    uint64_t count[4][5];
};
void tri_specials_census(struct tri_specials_census *census);

#endif /* TRI_GC_SPECIAL_H */
