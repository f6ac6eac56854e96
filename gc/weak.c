/* SPDX-License-Identifier: MIT */
/*
 * gc/weak.c: weak pointers.
 *
 * A handle is a 16-byte object without pointers that holds the address; the
 * object's special keeps it alive and finds it again, so there is one handle
 * per (object, offset), and equal handles mean equal addresses for ever.  The
 * sweeper of a dead (or revived) object zeroes the handle and lets it go.
 *
 *   WEAK-1  A get reads the handle, makes sure the span it leads to is swept,
 *           and reads again, in one critical section; otherwise it hands out an
 *           object that the sweeper is about to free (C-209).
 *   WEAK-2  While marking, what a get hands out is shaded; otherwise a stack
 *           already scanned hides a white object (C-208, D-010).
 *   WEAK-3  No get succeeds between the check that nothing is left to mark and
 *           the end of marking; otherwise grey work appears after it (D-011).
 *
 * 16 bytes, so that the handle never shares a block with the object (D-014).
 * Static data never dies: its handles lie off the heap, in a table.
 */

#include "base/check.h"
#include "base/option.h"
#include "base/os.h"
#include "base/persist.h"
#include "gc/gc.h"
#include "gc/special.h"
#include "gc/special_link.h"

#define HANDLE_BYTES 16

/* ---- WEAK-3 ---- */

static TRI_ATOMIC(uint32_t) blocked;

void
tri_weak_block(void)
{
    tri_store(&blocked, 1);
}

void
tri_weak_unblock(void)
{
    tri_store(&blocked, 0);
    tri_futex_wake(&blocked, INT32_MAX);
}

bool
tri_weak_is_blocked(void)
{
    return tri_load(&blocked) != 0;
}

/* Enters a critical section in which gets are not blocked. */
static void
enter_unblocked(void)
{
    for (;;) {
        tri_enter();
        if (TRI_LIKELY(tri_load(&blocked) == 0))
            return;
        tri_leave();
        tri_host_wait(&blocked, 1, -1);
    }
}

/* ---- handles of what never dies ---- */

struct immortal {
    uintptr_t address; /* first: it is the handle */
    TRI_ATOMIC(struct immortal *) next;
};

#define IMMORTAL_BUCKETS 256u
static TRI_ATOMIC(struct immortal *) immortals[IMMORTAL_BUCKETS];

/* The one handle of a static address; NULL: no memory.  Append-only, so a
 * reader needs no lock. */
static void *
immortal_handle(uintptr_t address)
{
    uint64_t hash = (uint64_t)address * UINT64_C(0x9e3779b97f4a7c15);
    TRI_ATOMIC(struct immortal *) *link = &immortals[hash >> 56];
    struct immortal *fresh = NULL;
    for (;;) {
        /* Acquire pairs with the release of the CAS below. */
        struct immortal *found = tri_load_acquire(link);
        while (found != NULL) {
            if (found->address == address)
                return found; /* a fresh one that lost is a spare, for ever */
            link = &found->next;
            found = tri_load_acquire(link);
        }
        if (fresh == NULL) {
            fresh = tri_persist_alloc(sizeof(*fresh), HANDLE_BYTES);
            if (fresh == NULL)
                return NULL;
            fresh->address = address;
        }
        if (tri_cas_release(link, &found, fresh))
            return fresh;
    }
}

/* ---- make ---- */

enum outcome {
    DONE,
    NO_OBJECT,
    NO_MEMORY,
    NO_P
};

/* The handle already made for this address, or `fresh`, linked. */
static enum outcome
find_or_link(struct tri_special_p *p, struct tri_span *span, uintptr_t object,
             void **handle)
{
    struct tri_special *record = tri_special_alloc(p, TRI_SPECIAL_POINTER);
    if (record == NULL)
        return NO_MEMORY;
    /* Relaxed: published with the word; release: as in cleanup.c. */
    tri_store_relaxed(&record->arg[0], (uintptr_t)*handle);
    tri_store_relaxed(&record->kind, TRI_SPECIAL_WEAK);
    tri_store_release(&record->object, object);

    enum outcome outcome = DONE;
    tri_lock(&span->specials_lock);
    struct tri_special *winner =
        tri_special_find_locked(span, object, TRI_SPECIAL_WEAK);
    if (winner != NULL) /* Relaxed: constant while it is linked. */
        *handle = (void *)(uintptr_t)tri_load_relaxed(&winner->arg[0]);
    else if (!tri_special_link_locked(span, record, 0))
        outcome = NO_MEMORY;
    tri_unlock(&span->specials_lock);
    if (winner != NULL || outcome != DONE)
        tri_special_free(p, record);
    return outcome;
}

/* The handle already made for this address, or NULL. */
static void *
find(struct tri_span *span, uintptr_t object)
{
    tri_lock(&span->specials_lock);
    struct tri_special *record =
        tri_special_find_locked(span, object, TRI_SPECIAL_WEAK);
    void *handle = NULL;
    if (record != NULL) /* Relaxed: constant while it is linked. */
        handle = (void *)(uintptr_t)tri_load_relaxed(&record->arg[0]);
    tri_unlock(&span->specials_lock);
    return handle;
}

/* *handle: NULL to look only, or a fresh one to be linked.  Inside a section. */
static enum outcome
look_or_link(uintptr_t object, void **handle)
{
    if (tri_special_here() == NULL)
        return NO_P;
    struct tri_span *span = tri_special_span_of(object);
    if (span == NULL)
        return NO_OBJECT;
    enum outcome outcome = DONE;
    if (*handle == NULL)
        *handle = find(span, object);
    else
        outcome = find_or_link(tri_special_here(), span, object, handle);
    if (*handle != NULL && tri_gc_phase() != TRI_GC_OFF)
        tri_gc_shade(*handle);
    return outcome;
}

static enum outcome
make_in_heap(uintptr_t object, void **handle)
{
    tri_enter();
    enum outcome outcome = look_or_link(object, handle);
    tri_leave();
    return outcome;
}

static enum outcome
make(void *ptr, void **handle)
{
    if (!tri_space_contains((uintptr_t)ptr)) {
        if (!tri_special_is_static(ptr))
            return NO_OBJECT;
        *handle = immortal_handle((uintptr_t)ptr);
        return *handle == NULL ? NO_MEMORY : DONE;
    }
    enum outcome outcome = make_in_heap((uintptr_t)ptr, handle);
    if (outcome != DONE || *handle != NULL)
        return outcome;
    /* None yet: make one outside the section, then see who was first. */
    *handle = tri_alloc_noscan(HANDLE_BYTES);
    /* Relaxed: nobody has seen the handle. */
    tri_store_relaxed(tri_atomic_cast(uintptr_t, *handle), (uintptr_t)ptr);
    void *fresh = *handle;
    outcome = make_in_heap((uintptr_t)ptr, handle);
    tri_keepalive(
        fresh); /* until it is linked, only our frame holds it: D-013 */
    return outcome;
}

struct tri_weak
tri_weak_make(void *ptr)
{
    static const char *const sentences[] = {
        [NO_OBJECT] = "ptr is not in a live object of the managed heap; pass a "
                      "pointer that tri_new returned, or one inside it",
        [NO_MEMORY] = "out of memory for the weak pointer's record; raise the "
                      "limit of address space or memory",
        [NO_P] = "called from a thread that is not attached, or between "
                 "tri_blocking_begin and tri_blocking_end; call "
                 "tri_thread_attach first",
    };
    struct tri_weak weak = { NULL };
    if (ptr == NULL)
        return weak;
    enum outcome outcome = make(ptr, &weak.handle);
    tri_keepalive(ptr);
    if (outcome != DONE)
        tri_panic("tri_weak_make: %s", sentences[outcome]);
    return weak;
}

/* ---- get ---- */

/* One try, inside a section with gets not blocked.  False: that was left in
 * between, and gets may be blocked.  Out of line: what it saw
 * is in no register of a caller that waits. */
static TRI_NOINLINE bool
try_get(TRI_ATOMIC(uintptr_t) *handle, uintptr_t *address)
{
    /* Acquire pairs with the release in clear_weak, so that the span we look
     * up is not younger than a death we did not see. */
    *address = tri_load_acquire(handle);
    if (*address == 0)
        return true;
    struct tri_span *span = tri_span_of(*address);
    if (span != NULL)
        tri_special_ensure_swept(span); /* may leave the section: SWEEP-6 */
    if (tri_load(&blocked) != 0)
        return false;
    *address = tri_load_acquire(handle); /* WEAK-1 */
    TRI_CHECK(*address == 0 || span != NULL,
              "WEAK-1: a weak handle leads out of the heap");
    if (*address != 0 && tri_gc_phase() != TRI_GC_OFF)
        tri_gc_shade((const void *)*address); /* WEAK-2 */
    return true;
}

void *
tri_weak_get(struct tri_weak weak)
{
    if (weak.handle == NULL)
        return NULL;
    TRI_ATOMIC(uintptr_t) *handle = tri_atomic_cast(uintptr_t, weak.handle);
    if (!tri_space_contains((uintptr_t)weak.handle))
        return (void *)tri_load_relaxed(handle); /* immortal: constant */

    uintptr_t address = 0;
    enter_unblocked();
    while (!try_get(handle, &address)) {
        address = 0; /* not shaded: no reference */
        tri_leave();
        enter_unblocked();
    }
    tri_leave();
    tri_keepalive(weak.handle);
    return (void *)address;
}
