/* SPDX-License-Identifier: MIT */
/*
 * gc/finalizer.c: tri_set_finalizer: the special that brings its object back.
 *
 * A finalizer is a record like a cleanup's, without id, handle or argument.
 * While it is armed the object's referents are roots, the object is not; so of
 * two objects with finalizers the one that refers to the other goes first, and
 * a cycle through a finalized object never dies (C-107, C-108).  Once queued,
 * the record roots the object itself, until fn has returned.
 *
 * Set while the collector marks, the object itself is shaded, which covers all
 * it refers to (C-115): at worst it is found dead one cycle later.
 */

#include "base/check.h"
#include "gc/cleanup.h"
#include "gc/gc.h"
#include "gc/special.h"
#include "gc/special_link.h"

/* Where the program's object starts in its slot: header kinds keep a word of
 * their own in front.  Pointer-free objects below 16 bytes share blocks and may
 * start anywhere in one (C-103). */
static bool
is_object_start(struct tri_span *span, uintptr_t object)
{
    uintptr_t slot =
        tri_span_slot_address(span, tri_span_slot_index(span, object));
    const struct tri_kind *kind = &tri_kinds[span->kind];
    if (kind->scan == TRI_SCAN_HEADER)
        return object == slot + sizeof(void *);
    if (kind->noscan && kind->slot_bytes == TRI_TINY_BYTES)
        return object < slot + TRI_TINY_BYTES;
    return object == slot;
}

enum outcome {
    DONE,
    NO_OBJECT,
    NOT_START,
    ALREADY_SET,
    NO_MEMORY,
    NO_P
};

/* fn NULL: takes the armed finalizer off, if there is one. */
static enum outcome
clear(struct tri_special_p *p, struct tri_span *span, uintptr_t object)
{
    tri_lock(&span->specials_lock);
    struct tri_special *record =
        tri_special_find_locked(span, object, TRI_SPECIAL_FINALIZER);
    if (record != NULL)
        tri_special_unlink_locked(span, record);
    tri_unlock(&span->specials_lock);
    if (record != NULL)
        tri_special_free(p, record);
    return DONE;
}

static enum outcome
set(struct tri_special_p *p, struct tri_span *span, uintptr_t object,
    void (*fn)(void *))
{
    struct tri_special *record = tri_special_alloc(p, TRI_SPECIAL_POINTER);
    if (record == NULL)
        return NO_MEMORY;
    record->fn = (uintptr_t)fn;
    record->has_data = 0;
    /* Relaxed: published with the word; release: as in cleanup.c. */
    tri_store_relaxed(&record->kind, TRI_SPECIAL_FINALIZER);
    tri_store_release(&record->object, object);

    enum outcome outcome = DONE;
    tri_lock(&span->specials_lock);
    if (tri_special_find_locked(span, object, TRI_SPECIAL_FINALIZER) != NULL)
        outcome = ALREADY_SET;
    else if (!tri_special_link_locked(span, record, 0))
        outcome = NO_MEMORY;
    tri_unlock(&span->specials_lock);
    if (outcome != DONE)
        tri_special_free(p, record);
    else if (tri_gc_phase() != TRI_GC_OFF)
        tri_gc_shade((const void *)object);
    return outcome;
}

static enum outcome
change(uintptr_t object, void (*fn)(void *))
{
    if (tri_special_here() == NULL)
        return NO_P;
    struct tri_span *span = tri_special_span_of(object);
    if (span == NULL)
        return NO_OBJECT;
    if (!is_object_start(span, object))
        return NOT_START;
    struct tri_special_p *p = tri_special_here(); /* not before: see span_of */
    return fn == NULL ? clear(p, span, object) : set(p, span, object, fn);
}

void
tri_set_finalizer(void *ptr, void (*fn)(void *))
{
    static const char *const sentences[] = {
        [NO_OBJECT] = "is not in a live object of the managed heap; pass what "
                      "tri_new returned",
        [NOT_START] = "points into the middle of an object; pass the pointer "
                      "that tri_new returned",
        [ALREADY_SET] = "has a finalizer already; take it off first with "
                        "tri_set_finalizer(ptr, NULL), or use tri_add_cleanup, "
                        "of which there may be many",
        [NO_MEMORY] = "cannot have one: out of memory for its record; raise "
                      "the limit of address space or memory",
        [NO_P] = "is given from a thread that is not attached, or between "
                 "tri_blocking_begin and tri_blocking_end; call "
                 "tri_thread_attach first",
    };
    if (ptr == NULL)
        tri_panic("tri_set_finalizer: ptr is NULL; pass what tri_new returned");
    enum outcome outcome = NO_OBJECT;
    if (tri_space_contains((uintptr_t)ptr)) {
        tri_cleanup_pool_start();
        tri_enter();
        outcome = change((uintptr_t)ptr, fn);
        tri_leave();
        tri_keepalive(ptr);
    } else if (tri_special_is_static(ptr)) {
        outcome = DONE; /* never dies (C-109) */
    }
    if (outcome != DONE)
        tri_panic("tri_set_finalizer: ptr %s", sentences[outcome]);
}
