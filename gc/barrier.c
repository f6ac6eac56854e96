/* SPDX-License-Identifier: MIT */
/*
 * gc/barrier.c: the slow half of the write barrier.
 *
 * Hybrid barrier (Yuasa's deletion half, Dijkstra's insertion half): while
 * marking, a store of `new` over `old` records both, unconditionally, in the
 * P's buffer; a full buffer is shaded.  The inline half (tri_store_pointer)
 * puts test, record and store into one critical section; where it is a
 * restartable sequence, tri_store_again does.
 *
 *   BAR-1  Test, record and store are indivisible for phase changes; otherwise
 *          a store that tested "off" lands after its target was scanned.
 *   BAR-2  Record before the store, both values: the deletion half keeps what a
 *          black stack may still hold; the insertion half, what a grey stack's
 *          only copy moves into a black object; otherwise it is freed.
 *   BAR-3  A buffer is emptied before its P is counted as having no work (the
 *          ragged barrier and the pause of mark termination do it); otherwise
 *          marking ends with what it recorded white.
 *
 * Design and the two lost-object drawings: docs/design/barrier.md.
 */
#include "gc/barrier.h"

#include "base/check.h"
#include "gc/gc.h"
#include "gc/mark.h"
#include "gc/percpu.h"
#include "gc/phase.h"

void
tri_barrier_flush(struct tri_gc_p *p)
{
    /* The checked way in: the old value of a word in untyped memory may be
     * anything. */
    for (uint32_t i = 0; i < p->barrier_count; i++)
        tri_mark_consider(&p->work, p->barrier_buffer[i]);
    p->barrier_count = 0;
}

static inline void
record(struct tri_gc_p *p, uintptr_t word)
{
    if (!tri_space_contains(word))
        return;
    if (TRI_UNLIKELY(p->barrier_count == TRI_BARRIER_BUFFER))
        tri_barrier_flush(p);
    p->barrier_buffer[p->barrier_count++] = word;
}

static struct tri_gc_p *
current(void)
{
    struct tri_gc_p *p = tri_host_current_p();
    if (TRI_UNLIKELY(p == NULL)) {
        tri_leave();
        tri_panic("TRI_STORE called from a thread that is not attached, or "
                  "between tri_blocking_begin and tri_blocking_end; attach it "
                  "with tri_thread_attach");
    }
    return p;
}

void
tri_store_slow(void **slot, void *value)
{
    struct tri_gc_p *p = current();
    /* Relaxed: BAR-2 needs the value that this store replaces; a racing writer
     * records what it replaces itself. */
    uintptr_t old = tri_load_relaxed(tri_atomic_cast(uintptr_t, slot));
    if (!TRI_BREAK_DELETION)
        record(p, old);
    if (!TRI_BREAK_INSERTION)
        record(p, (uintptr_t)value);
    /* Release: who loads the pointer sees the object. */
    tri_store_release(tri_atomic_cast(uintptr_t, slot), (uintptr_t)value);
}

void
tri_store_again(void **slot, void *value)
{
    tri_enter();
    if (tri_gc_active())
        tri_store_slow(slot, value);
    else /* Release: as in tri_store_slow. */
        tri_store_release(tri_atomic_cast(uintptr_t, slot), (uintptr_t)value);
    tri_leave();
}

void
tri_gc_shade(const void *pointer)
{
    /* Only a heap pointer needs a P: the clock's thread has none. */
    if (tri_gc_phase() != TRI_GC_OFF && tri_space_contains((uintptr_t)pointer))
        record(current(), (uintptr_t)pointer);
}

void
tri_gc_shade_range(const void *start, size_t bytes)
{
    if (tri_gc_phase() == TRI_GC_OFF)
        return;
    struct tri_gc_p *p = current();
    uintptr_t lo = ((uintptr_t)start + 7) & ~(uintptr_t)7;
    for (uintptr_t at = lo; at + 8 <= (uintptr_t)start + bytes; at += 8) {
        uintptr_t word =
            tri_load_relaxed(tri_atomic_cast(uintptr_t, (void *)at));
        if (tri_space_contains(word))
            tri_mark_consider(&p->work, word);
    }
}

void
tri_gc_scan_now(uintptr_t lo, uintptr_t hi)
{
    if (tri_gc_phase() != TRI_GC_OFF)
        tri_mark_scan_conservative(lo, hi, &current()->work);
}

/* The copy itself, a word at a time where both sides allow it, so that a
 * marker never sees half a pointer. */
static void
copy_words(void *dst, const void *src, size_t bytes)
{
    bool aligned = (((uintptr_t)dst | (uintptr_t)src) & 7) == 0;
    size_t words = aligned ? bytes / 8 : 0;
    TRI_ATOMIC(uintptr_t) *to = tri_atomic_cast(uintptr_t, dst);
    TRI_ATOMIC(uintptr_t) *from =
        tri_atomic_cast(uintptr_t, (void *)(uintptr_t)src);
    bool forwards = (uintptr_t)dst <= (uintptr_t)src;
    size_t tail = bytes - words * 8;
    if (!forwards)
        memmove((char *)dst + words * 8, (const char *)src + words * 8, tail);
    for (size_t i = 0; i < words; i++) {
        size_t at = forwards ? i : words - 1 - i;
        /* Relaxed: each word is one store of a copied value, published by
         * whatever publishes the copy. */
        tri_store_relaxed(&to[at], tri_load_relaxed(&from[at]));
    }
    if (forwards)
        memmove((char *)dst + words * 8, (const char *)src + words * 8, tail);
}

void
tri_copy(void *dst, const void *src, size_t bytes)
{
    const size_t piece = (size_t)32 << 10; /* bounds the critical section */
    bool forwards = (uintptr_t)dst <= (uintptr_t)src;
    for (size_t done = 0; done < bytes;) {
        /* The odd piece lies at the end, so that the others stay aligned. */
        size_t odd = forwards ? 0 : (bytes - done) % piece;
        size_t n = odd != 0 ? odd : piece;
        n = n < bytes - done ? n : bytes - done;
        size_t at = forwards ? done : bytes - done - n;
        tri_enter();
        tri_gc_shade_range((char *)dst + at, n);
        tri_gc_shade_range((const char *)src + at, n);
        copy_words((char *)dst + at, (const char *)src + at, n);
        tri_leave();
        done += n;
    }
}
