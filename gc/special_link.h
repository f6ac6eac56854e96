/* SPDX-License-Identifier: MIT */
/*
 * gc/special_link.h: hanging a record on its object and taking it off: what
 * cleanup.c, finalizer.c, weak.c and the sweep pass share.
 *
 * "Locked": the caller holds span->specials_lock.
 */
#ifndef TRI_GC_SPECIAL_LINK_H
#define TRI_GC_SPECIAL_LINK_H

#include "alloc/span.h"
#include "gc/percpu.h"
#include "gc/special_record.h"

/* The P's part, of the thread's P; NULL without one.  In a critical section. */
static inline struct tri_special_p *
tri_special_here(void)
{
    struct tri_gc_p *p = tri_host_current_p();
    return p == NULL ? NULL : &p->special;
}

/* One more of a counter of this P: its holder is the only writer. */
static inline void
tri_special_count(TRI_ATOMIC(uint64_t) *counter, uint64_t n)
{
    /* Relaxed: only we write.  Release pairs with the acquire in
     * tri_cleanup_stats_read: a step is never seen before its cause. */
    tri_store_release(counter, tri_load_relaxed(counter) + n);
}

/* First record of `kind` hung on exactly this address, or NULL.  Locked. */
struct tri_special *tri_special_find_locked(struct tri_span *span,
                                            uintptr_t object,
                                            enum tri_special_kind kind);

/* Hangs the record (object set, word not yet) on its slot, first in its list,
 * and arms it under this id.  False: no memory, nothing changed.  Locked. */
TRI_NODISCARD bool tri_special_link_locked(struct tri_span *span,
                                           struct tri_special *record,
                                           uint64_t id);

/* Takes it off; the caller now owns it (LIFE-2).  Locked. */
void tri_special_unlink_locked(struct tri_span *span,
                               struct tri_special *record);

/* tri_sweep_ensure_swept; and what it queued is published, as at the end of any
 * batch of sweeping.  With a P. */
void tri_special_ensure_swept(struct tri_span *span);

/*
 * The span of an object that a program passed and keeps alive, with that
 * object's slot allocated, swept in the current cycle for the rest of the
 * critical section the caller is in.  NULL: not an object of ours.  To wait for
 * a sweeper it leaves that section and enters it again (SWEEP-6): what the
 * caller knew before, its P too, is void.
 */
struct tri_span *tri_special_span_of(uintptr_t object);

/* Static data of the program or a library, the shared byte of zero-size
 * objects included: never dies.  In no critical section; slow. */
bool tri_special_is_static(const void *pointer);

/* A pointer into the heap that a record roots; class POINTER is for these. */
static inline enum tri_special_class
tri_special_class_of(const void *pointer)
{
    return tri_space_contains((uintptr_t)pointer) ? TRI_SPECIAL_POINTER
                                                  : TRI_SPECIAL_PLAIN;
}

#endif /* TRI_GC_SPECIAL_LINK_H */
