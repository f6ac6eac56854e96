/* SPDX-License-Identifier: MIT */
/*
 * gc/cleanup.c: tri_add_cleanup and tri_cleanup_stop.
 *
 * The order in an add (R-05, C-020, C-021): the record is complete, then linked,
 * then its word says ARMED, then the argument is shaded if the collector marks,
 * all in one critical section, while the caller's frame holds the object and
 * the argument.  A marker that passed the record's slab before it was armed
 * finds the argument grey all the same; one that comes later finds the record.
 *
 * Stop is one compare-and-swap.  Whoever wins it owns nothing but the promise
 * that fn never runs; taking the record off its span is a second step under
 * that span's lock, done by whoever comes first, Stop or sweep (LIFE-2).  It
 * needs no swept span: a stopped record may leave the index at any time.
 */
#include "gc/cleanup.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "gc/gc.h"
#include "gc/special.h"
#include "gc/special_link.h"
#include "trace/trace.h"

/* What a program asked for. */
struct request {
    void *ptr;
    uintptr_t fn;
    void *pointer;    /* the argument to keep alive, or */
    const void *data; /* bytes to copy */
    size_t data_bytes;
    bool has_data;
};

enum refusal {
    REFUSED_NOT,
    REFUSED_NULL_PTR,
    REFUSED_NULL_FN,
    REFUSED_DATA_BYTES,
    REFUSED_NULL_DATA,
    REFUSED_NO_OBJECT,
    REFUSED_ARG_IS_OBJECT,
    REFUSED_ARG_IN_OBJECT,
    REFUSED_NO_MEMORY,
    REFUSED_NOT_ATTACHED
};

/* What, why, how to mend it.  "%s" is the call's name. */
static const char *const refusals[] = {
    [REFUSED_NULL_PTR] = "%s: ptr is NULL; pass a pointer to or into an object "
                         "made by tri_new or tri_alloc_noscan",
    [REFUSED_NULL_FN] = "%s: fn is NULL; pass the function to be called when "
                        "the object is dead",
    [REFUSED_DATA_BYTES] = "%s: more than 16 bytes of data; put them in an "
                           "object and pass that to tri_add_cleanup",
    [REFUSED_NULL_DATA] = "%s: data is NULL but its length is not 0; pass the "
                          "address of the bytes to be copied",
    [REFUSED_NO_OBJECT] = "%s: ptr is not in a live object of the managed heap "
                          "(it may be on a stack, malloc'ed or freed); pass a "
                          "pointer that tri_new returned, or one inside it",
    [REFUSED_ARG_IS_OBJECT] =
        "%s: ptr is equal to arg, so the object could "
        "never die; pass what fn needs by itself, without "
        "the object",
    [REFUSED_ARG_IN_OBJECT] = "%s: arg points into the object of ptr, so the "
                              "object could never die; copy what fn needs, or "
                              "use tri_add_cleanup_data",
    [REFUSED_NO_MEMORY] = "%s: out of memory for the cleanup's record; raise "
                          "the limit of address space or memory, or use "
                          "tri_try_add_cleanup",
    [REFUSED_NOT_ATTACHED] =
        "%s: called from a thread that is not attached, or "
        "between tri_blocking_begin and tri_blocking_end; "
        "call tri_thread_attach first",
};

/* Objects below 16 bytes without pointers share blocks: an argument in the
 * block of the object need not be part of it (C-013). */
static bool
may_share_slot(const struct tri_span *span)
{
    return span->kind == tri_kind_noscan(tri_size_class_of(TRI_TINY_BYTES));
}

static enum refusal
check_arguments(const struct request *request)
{
    if (request->ptr == NULL)
        return REFUSED_NULL_PTR;
    if (request->fn == 0)
        return REFUSED_NULL_FN;
    if (request->data_bytes > sizeof(((struct tri_special *)0)->arg))
        return REFUSED_DATA_BYTES;
    if (request->data_bytes != 0 && request->data == NULL)
        return REFUSED_NULL_DATA;
    if (!request->has_data && request->pointer == request->ptr)
        return REFUSED_ARG_IS_OBJECT;
    return REFUSED_NOT;
}

static enum refusal
check_object(const struct request *request, struct tri_span *span)
{
    uintptr_t arg = (uintptr_t)request->pointer;
    uintptr_t object = (uintptr_t)request->ptr;
    if (span == NULL)
        return REFUSED_NO_OBJECT;
    if (request->has_data || arg < span->base || arg >= span->limit)
        return REFUSED_NOT;
    if (tri_span_slot_index(span, arg) == tri_span_slot_index(span, object)
        && !may_share_slot(span))
        return REFUSED_ARG_IN_OBJECT;
    return REFUSED_NOT;
}

static void
fill(struct tri_special *record, const struct request *request)
{
    uint64_t words[2] = { 0, 0 };
    if (request->data_bytes != 0)
        memcpy(words, request->data, request->data_bytes);
    if (!request->has_data)
        words[0] = (uintptr_t)request->pointer;
    record->fn = request->fn;
    record->has_data = request->has_data;
    /* Relaxed: published with the word. */
    tri_store_relaxed(&record->arg[0], words[0]);
    tri_store_relaxed(&record->arg[1], words[1]);
    tri_store_relaxed(&record->kind, TRI_SPECIAL_CLEANUP);
    /* Release: who reads this object no longer sees an older id (LIFE-1);
     * pairs with the acquire in tri_cleanup_stop. */
    tri_store_release(&record->object, (uintptr_t)request->ptr);
}

/* Links a new record for the request; inside the caller's section. */
static enum refusal
arm(struct tri_special_p *p, struct tri_span *span,
    const struct request *request, struct tri_cleanup *cleanup)
{
    enum tri_special_class class = request->has_data
                                     ? TRI_SPECIAL_PLAIN
                                     : tri_special_class_of(request->pointer);
    struct tri_special *record = tri_special_alloc(p, class);
    if (record == NULL)
        return REFUSED_NO_MEMORY;
    fill(record, request);
    uint64_t id = tri_special_next_id(p);

    tri_lock(&span->specials_lock);
    bool linked = tri_special_link_locked(span, record, id);
    if (linked) /* before anybody else can take a step of its life */
        tri_special_count(&p->added, 1);
    tri_unlock(&span->specials_lock);
    if (!linked) {
        tri_special_free(p, record);
        return REFUSED_NO_MEMORY;
    }
    if (class == TRI_SPECIAL_POINTER && tri_gc_phase() != TRI_GC_OFF)
        tri_gc_shade(request->pointer);
    tri_trace_cleanup_add(id, (uintptr_t)request->ptr, tri_host_proc_number(),
                          tri_host_goid());
    *cleanup = (struct tri_cleanup){ .id = id, .record = record };
    return REFUSED_NOT;
}

static enum refusal
add(const struct request *request, struct tri_cleanup *cleanup)
{
    *cleanup = (struct tri_cleanup){ 0 };
    enum refusal refusal = check_arguments(request);
    if (refusal != REFUSED_NOT)
        return refusal;
    if (!tri_space_contains((uintptr_t)request->ptr))
        return tri_special_is_static(request->ptr) ? REFUSED_NOT
                                                   : REFUSED_NO_OBJECT;
    tri_cleanup_pool_start();

    tri_enter();
    if (tri_special_here() == NULL) {
        refusal = REFUSED_NOT_ATTACHED;
    } else {
        struct tri_span *span = tri_special_span_of((uintptr_t)request->ptr);
        refusal = check_object(request, span);
        if (refusal == REFUSED_NOT)
            refusal = arm(tri_special_here(), span, request, cleanup);
    }
    tri_leave();
    tri_keepalive(request->ptr);
    tri_keepalive(request->pointer);
    return refusal;
}

TRI_COLD TRI_NORETURN static void
refuse(enum refusal refusal, const char *call)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    tri_panic(refusals[refusal], call);
#pragma GCC diagnostic pop
}

struct tri_cleanup
tri_add_cleanup(void *ptr, void (*fn)(void *), void *arg)
{
    struct request request = { .ptr = ptr,
                               .fn = (uintptr_t)fn,
                               .pointer = arg };
    struct tri_cleanup cleanup;
    enum refusal refusal = add(&request, &cleanup);
    if (refusal != REFUSED_NOT)
        refuse(refusal, "tri_add_cleanup");
    return cleanup;
}

struct tri_cleanup
tri_add_cleanup_data(void *ptr, void (*fn)(const void *), const void *data,
                     size_t bytes)
{
    struct request request = { .ptr = ptr,
                               .fn = (uintptr_t)fn,
                               .data = data,
                               .data_bytes = bytes,
                               .has_data = true };
    struct tri_cleanup cleanup;
    enum refusal refusal = add(&request, &cleanup);
    if (refusal != REFUSED_NOT)
        refuse(refusal, "tri_add_cleanup_data");
    return cleanup;
}

int
tri_try_add_cleanup(struct tri_cleanup *cleanup, void *ptr, void (*fn)(void *),
                    void *arg)
{
    struct request request = { .ptr = ptr,
                               .fn = (uintptr_t)fn,
                               .pointer = arg };
    if (cleanup == NULL)
        return -EINVAL;
    switch (add(&request, cleanup)) {
    case REFUSED_NOT:
        return 0;
    case REFUSED_NO_MEMORY:
        return -ENOMEM;
    case REFUSED_NOT_ATTACHED:
        refuse(REFUSED_NOT_ATTACHED, "tri_try_add_cleanup");
    default:
        return -EINVAL;
    }
}

/* A record that this thread stopped: off its span, unless a sweeper was first. */
static void
drop_stopped(struct tri_special_p *p, struct tri_special *record,
             uint64_t stopped)
{
    /* Acquire pairs with the release in tri_special_link_locked. */
    struct tri_span *span = tri_load_acquire(&record->span);
    if (span == NULL)
        return; /* a sweeper took it off, and frees it */
    tri_lock(&span->specials_lock);
    /* Only now are word and span of one life: if the word is still ours the
     * record is linked here, for who unlinks it frees it in the same breath
     * (LIFE-2); otherwise the record is a stranger's, and so may the span be
     * (SPEC-3).  Relaxed: both change under this lock. */
    bool ours = tri_load_relaxed(&record->word) == stopped
             && tri_load_relaxed(&record->span) == span;
    if (ours)
        tri_special_unlink_locked(span, record);
    tri_unlock(&span->specials_lock);
    if (ours)
        tri_special_free(p, record);
}

bool
tri_cleanup_stop(struct tri_cleanup cleanup)
{
    struct tri_special *record = tri_special_of_handle(cleanup.record);
    if (cleanup.id == 0 || record == NULL)
        return false;
    tri_enter();
    struct tri_special_p *p = tri_special_here();
    if (p == NULL) {
        tri_leave();
        refuse(REFUSED_NOT_ATTACHED, "tri_cleanup_stop");
    }
    /* Acquire pairs with the releases in fill and tri_special_free: an object
     * of another life comes with another word. */
    uintptr_t object = tri_load_acquire(&record->object);
    uint64_t word = tri_special_word(cleanup.id, TRI_SPECIAL_ARMED);
    uint64_t stopped = tri_special_word(cleanup.id, TRI_SPECIAL_STOPPED);
    bool cancelled = tri_cas_acq_rel(&record->word, &word, stopped);
    if (cancelled) {
        tri_special_count(&p->stopped, 1);
        drop_stopped(p, record, stopped);
    } else if (tri_special_word_id(word) != cleanup.id) {
        object = 0; /* long gone; its address was not kept */
    }
    tri_trace_cleanup_stop(cleanup.id, object, cancelled);
    tri_leave();
    return cancelled;
}
