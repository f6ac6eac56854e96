/* SPDX-License-Identifier: MIT */
/*
 * runtime/roots.c: roots outside stacks: static data (images.c), and ranges the
 * program registers, all numbered piece by piece.
 *
 *   ROOT-2  A range is published first, and then, if the collector marks, shaded
 *           piece by piece, each in a critical section of its own; otherwise
 *           what was moved into it behind the marker is lost.  The phase may
 *           change between two pieces.  A cycle that begins after publication
 *           scans the range itself.  The cycle that ends meanwhile has found
 *           everything that the caller still holds by other ways until
 *           tri_root_add returns, which it must.  Shaded first and published
 *           afterwards, a cycle could begin in between and do neither.
 *   ROOT-3  Unregistering closes a range, and then waits until whoever may have
 *           seen it open is through (RCU); otherwise the caller unmaps it with a
 *           marker reading it.  Its entry is used again only while the collector
 *           rests; otherwise pieces change their numbers under the markers.
 *   ROOT-8  No section shades or scans more than TRI_ROOT_PIECE_BYTES; otherwise
 *           a stop waits for the rest of a range of any length.
 *   ROOT-9  The verifier leaves a range out until all of it was shaded; otherwise
 *           it takes a stale word in it for a lost object.
 *   ROOT-10 A range is closed while the collector rests, or in the cycle in which
 *           it was shaded for that; otherwise what was loaded from it into a
 *           stack that had been scanned, and lost with the range, is in no
 *           snapshot.
 */
#include <errno.h>
#include <urcu/urcu-bp.h>

#include "base/check.h"
#include "base/os.h"
#include "gc/gc.h"
#include "runtime/images.h"
#include "runtime/sched.h"

#define RANGES_MAX 65536

/* first_piece: how many pieces the ranges before this one have.  All written
 * under the lock, before `range_count` counts the entry, or at rest. */
struct range {
    uintptr_t lo;
    uintptr_t hi;
    size_t first_piece;
    bool settled;                /* shaded (ROOT-9) */
    TRI_ATOMIC(uint32_t) closed; /* no root any more (ROOT-3) */
};

/* Keys: [l] lock. */
static struct {
    struct tri_lock lock;
    struct range *range;            /* [c] the array */
    TRI_ATOMIC(size_t) range_count; /* [l] to write */
} roots = { .lock = TRI_LOCK_INIT(ROOTS) };

void
tri_roots_init(void)
{
    tri_images_init();
    roots.range = tri_os_map(RANGES_MAX * sizeof(struct range));
    TRI_CHECK(roots.range != NULL, "no memory for the table of roots");
}

/* ---- pieces by number --------------------------------------------------------- */

void
tri_host_roots_refresh(void)
{
    tri_images_list();
}

static size_t
pieces_of(const struct range *range)
{
    return (range->hi - range->lo + TRI_ROOT_PIECE_BYTES - 1)
         / TRI_ROOT_PIECE_BYTES;
}

static size_t
pieces_before(size_t range)
{
    if (range == 0)
        return 0;
    const struct range *last = &roots.range[range - 1];
    return last->first_piece + pieces_of(last);
}

size_t
tri_host_root_count(void)
{
    /* Acquire pairs with the release in publish. */
    return tri_images_piece_count()
         + pieces_before(tri_load_acquire(&roots.range_count));
}

/* The range that has this piece. */
static const struct range *
range_of(size_t piece)
{
    size_t low = 0;
    size_t high = tri_load_acquire(&roots.range_count); /* as above */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (roots.range[middle].first_piece <= piece)
            low = middle;
        else
            high = middle;
    }
    return &roots.range[low];
}

static size_t
scan_open_piece(size_t piece, void (*scan)(uintptr_t, uintptr_t, void *),
                void *arg)
{
    const struct range *range = range_of(piece);
    /* Sequentially consistent: closed before the grace period began, or read by
     * somebody for whom it waits. */
    if (tri_load(&range->closed) != 0)
        return 0;
    if (tri_gc_phase() == TRI_GC_MARK_TERM && !range->settled)
        return 0; /* ROOT-9 */
    uintptr_t lo =
        range->lo + (piece - range->first_piece) * TRI_ROOT_PIECE_BYTES;
    uintptr_t hi = range->hi - lo > TRI_ROOT_PIECE_BYTES
                     ? lo + TRI_ROOT_PIECE_BYTES
                     : range->hi;
    scan(lo, hi, arg);
    return hi - lo;
}

/* In a critical section, or with the world stopped: whoever waits for us waits
 * for nobody who is stopped. */
static size_t
scan_range_piece(size_t piece, void (*scan)(uintptr_t, uintptr_t, void *),
                 void *arg)
{
    urcu_bp_read_lock();
    size_t bytes = scan_open_piece(piece, scan, arg);
    tri_san_release(&roots);
    urcu_bp_read_unlock();
    return bytes;
}

size_t
tri_host_root_scan(size_t i, void (*scan)(uintptr_t, uintptr_t, void *),
                   void *arg)
{
    size_t images = tri_images_piece_count();
    return i < images ? tri_images_scan(i, scan, arg)
                      : scan_range_piece(i - images, scan, arg);
}

/* ---- registering ---------------------------------------------------------------- */

/* Closed ranges go, while the collector rests: nobody uses numbers of pieces. */
static void
compact_locked(void)
{
    if (tri_gc_phase() != TRI_GC_OFF)
        return;
    size_t kept = 0;
    size_t count = tri_load_relaxed(&roots.range_count); /* our lock's */
    for (size_t i = 0; i < count; i++) {
        if (tri_load_relaxed(&roots.range[i].closed) != 0) /* our lock's */
            continue;
        if (kept != i) {
            roots.range[kept] = roots.range[i];
            roots.range[kept].first_piece = pieces_before(kept);
        }
        kept++;
    }
    tri_store(&roots.range_count, kept);
}

static int
publish(uintptr_t lo, uintptr_t hi)
{
    int error = -ENOMEM;
    tri_lock(&roots.lock);
    compact_locked();
    size_t count = tri_load_relaxed(&roots.range_count); /* our lock's */
    if (count < RANGES_MAX) {
        roots.range[count] =
            (struct range){ lo, hi, pieces_before(count), false, 0 };
        /* Release pairs with the acquire in tri_host_root_count. */
        tri_store_release(&roots.range_count, count + 1);
        error = 0;
    }
    tri_unlock(&roots.lock);
    return error;
}

/* The range that begins there and is open, or NULL. */
static struct range *
find_locked(uintptr_t lo)
{
    size_t count = tri_load_relaxed(&roots.range_count); /* our lock's */
    for (size_t i = 0; i < count; i++)
        if (roots.range[i].lo == lo
            && tri_load_relaxed(&roots.range[i].closed) == 0) /* our lock's */
            return &roots.range[i];
    return NULL;
}

/* It may have moved: closed ones go meanwhile. */
static void
settle(uintptr_t lo, uintptr_t hi)
{
    tri_lock(&roots.lock);
    for (size_t i = tri_load_relaxed(&roots.range_count); i-- > 0;) {
        struct range *range = &roots.range[i];
        if (range->lo == lo && range->hi == hi && !range->settled) {
            range->settled = true;
            break;
        }
    }
    tri_unlock(&roots.lock);
}

/* ROOT-8; nothing to do unless the collector marks. */
static void
shade(uintptr_t lo, uintptr_t hi)
{
    for (uintptr_t at = lo; at < hi; at += TRI_ROOT_PIECE_BYTES) {
        uintptr_t left = hi - at;
        tri_enter();
        tri_gc_shade_range((void *)at, left < TRI_ROOT_PIECE_BYTES
                                           ? left
                                           : TRI_ROOT_PIECE_BYTES);
        tri_leave();
    }
}

int
tri_roots_add(void *start, size_t bytes)
{
    uintptr_t lo = ((uintptr_t)start + 7) & ~(uintptr_t)7;
    uintptr_t hi = ((uintptr_t)start + bytes) & ~(uintptr_t)7;
    if (start == NULL || (uintptr_t)start + bytes < (uintptr_t)start
        || lo < (uintptr_t)start || lo >= hi)
        return -EINVAL;
    int error = publish(lo, hi);
    if (error != 0)
        return error;
    shade(lo, hi);
    settle(lo, hi);
    return 0;
}

/* ---- unregistering -------------------------------------------------------------- */

enum closing {
    CLOSED_AT_REST,
    CLOSED_IN_CYCLE, /* markers may be reading it */
    OTHER_CYCLE,     /* one began since it was shaded: again (ROOT-10) */
    NOT_THERE
};

static enum closing
close_range(uintptr_t lo, uint32_t shaded_in)
{
    enum closing closing = NOT_THERE;
    tri_lock(&roots.lock);
    struct range *range = find_locked(lo);
    if (range != NULL && tri_gc_phase() == TRI_GC_OFF)
        closing = CLOSED_AT_REST;
    else if (range != NULL)
        closing = tri_gc_cycle() == shaded_in ? CLOSED_IN_CYCLE : OTHER_CYCLE;
    if (closing == CLOSED_AT_REST || closing == CLOSED_IN_CYCLE) {
        /* Sequentially consistent: see scan_open_piece. */
        tri_store(&range->closed, 1);
        compact_locked();
    }
    tri_unlock(&roots.lock);
    return closing;
}

/* 0: no range begins there. */
static uintptr_t
end_of(uintptr_t lo)
{
    tri_lock(&roots.lock);
    struct range *range = find_locked(lo);
    uintptr_t hi = range == NULL ? 0 : range->hi;
    tri_unlock(&roots.lock);
    return hi;
}

int
tri_roots_remove(void *start)
{
    uintptr_t lo = ((uintptr_t)start + 7) & ~(uintptr_t)7;
    enum closing closing;
    do {
        uint32_t cycle = tri_gc_cycle();
        uintptr_t hi = end_of(lo);
        shade(lo, hi);
        closing = close_range(lo, cycle);
    } while (closing == OTHER_CYCLE);
    if (closing == NOT_THERE)
        return -EINVAL;
    if (closing == CLOSED_IN_CYCLE) {
        tri_blocking_begin();
        urcu_bp_synchronize_rcu();
        tri_san_acquire(&roots);
        tri_blocking_end();
    }
    return 0;
}
