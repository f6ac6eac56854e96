/* SPDX-License-Identifier: MIT */
/*
 * gc/mark.c: the marking loop.
 *
 * Rejected: marking on discovery (Go's classic loop: docs/design/gc.md, "Why not
 * otherwise"), a FIFO, prefetching the second line, mark bits inside the span.
 */
#include "gc/mark.h"

#include "alloc/span.h"
#include "base/check.h"
#include "base/option.h"
#include "gc/percpu.h"
#include "gc/phase.h"
#include "gc/type.h"

#define RING        32u
#define OBLET_BYTES ((size_t)128 << 10)
#define SHARE_FROM  8u   /* edges a P may keep for itself */
#define POLL_EVERY  256u /* objects between looks at the clock's hand */

struct edge {
    uint64_t *mark_word;
    uint64_t mark_bit;
    uintptr_t slot;
    uint64_t kind;
};

/* Heap words race with mutators' stores: relaxed, since the barrier, not the
 * order of this load, is what keeps the object found here alive. */
static inline uintptr_t
load_word(uintptr_t address)
{
    return tri_load_relaxed(tri_atomic_cast(uintptr_t, (void *)address));
}

static TRI_COLD bool
bad_pointer(uintptr_t word)
{
    if (tri_debug.invalidptr)
        tri_fatal("found bad pointer %p: it points to heap pages that hold no "
                  "object; a pointer field was given a stale or made-up "
                  "address (TRI_DEBUG=invalidptr=0 ignores such)",
                  (void *)word);
    return false;
}

static inline void
fill_target(struct tri_target *target, const struct tri_kind *kind, size_t page,
            uintptr_t slot, uint32_t index)
{
    uint8_t *bits = kind->mark_table + (page << kind->mark_shift);
    target->mark_word = (uint64_t *)(void *)bits + index / 64;
    target->mark_bit = UINT64_C(1) << (index % 64);
    target->slot = slot;
    target->kind = kind->index;
}

/* Spans of several pages, and large objects: the span record knows the base. */
static TRI_NOINLINE bool
resolve_by_span(uintptr_t word, size_t page, const struct tri_kind *kind,
                struct tri_target *target)
{
    /* Acquire pairs with the release that publishes a span (SPAN-1). */
    struct tri_span *span = tri_load_acquire(&tri_space.page_span[page]);
    if (span == NULL)
        return bad_pointer(word);
    if (word >= span->limit)
        return false; /* the tail, or one past the end */
    size_t first = tri_space_page(span->base);
    uint32_t index = tri_span_slot_index(span, word);
    uintptr_t slot = tri_span_slot_address(span, index);
    fill_target(target, kind, first, slot, index);
    return true;
}

static inline bool
resolve(uintptr_t word, struct tri_target *target)
{
    uintptr_t offset = word - tri_space.base;
    if (TRI_UNLIKELY(offset >= tri_space.bytes))
        return false;
    size_t page = offset >> TRI_PAGE_SHIFT;
    /* Acquire pairs with the release of SPACE-1; free on TSO. */
    uint32_t k = tri_load_acquire(&tri_space.page_kind[page]);
    if (TRI_UNLIKELY(k == 0))
        return bad_pointer(word);
    const struct tri_kind *kind = &tri_kinds[k];
    if (TRI_UNLIKELY(kind->span_pages != 1))
        return resolve_by_span(word, page, kind, target);
    uint64_t in_page = offset & (TRI_PAGE_BYTES - 1);
    uint32_t index = (uint32_t)(in_page * kind->div_magic >> 32);
    if (TRI_UNLIKELY(index >= kind->slot_count))
        return false;
    uintptr_t slot = word - in_page + (uintptr_t)index * kind->slot_bytes;
    fill_target(target, kind, page, slot, index);
    return true;
}

bool
tri_mark_resolve(uintptr_t word, struct tri_target *target)
{
    return resolve(word, target);
}

static inline bool
is_marked(const struct tri_target *target)
{
    /* Relaxed: a mark missed here is seen by the OR that would set it. */
    return (tri_load_relaxed(tri_atomic_cast(uint64_t, target->mark_word))
            & target->mark_bit)
        != 0;
}

bool
tri_mark_is_marked(uintptr_t word)
{
    struct tri_target target;
    return resolve(word, &target) && is_marked(&target);
}

void
tri_mark_shade(struct tri_work_p *work, uintptr_t word)
{
    struct tri_target target;
    if (resolve(word, &target) && !is_marked(&target))
        tri_work_push(work, word);
}

/* ---- scanning one object ------------------------------------------------- */

/* Null and static pointers cost no push. */
static inline void
push_if_heap(struct tri_work_p *work, uintptr_t word)
{
    if (tri_space_contains(word))
        tri_work_push(work, word);
}

/* The pointer words of one element of a type, at `at`. */
static void
scan_element(struct tri_work_p *work, uintptr_t at,
             const struct tri_type_info *info)
{
    size_t words = info->pointer_words;
    for (size_t base = 0; base < words; base += 64)
        for (uint64_t m = info->mask[base / 64]; m != 0; m &= m - 1) {
            size_t word = base + (size_t)__builtin_ctzll(m);
            push_if_heap(work, load_word(at + word * 8));
        }
}

/* Words [lo, hi) of an object that begins at `start` and repeats `info`.  lo
 * may lie inside an element: it is then scanned from that element's start by
 * whoever has it, so elements are owned by where they begin. */
static void
scan_elements(struct tri_work_p *work, uintptr_t start, uintptr_t lo,
              uintptr_t hi, uintptr_t end, const struct tri_type_info *info)
{
    if (info->conservative) {
        tri_mark_scan_conservative(lo, hi, work);
        return;
    }
    if (info->pointer_words == 0)
        return;
    size_t first = (lo - start + info->bytes - 1) / info->bytes;
    for (uintptr_t at = start + first * info->bytes;
         at < hi && at + info->bytes <= end; at += info->bytes)
        scan_element(work, at, info);
}

static struct tri_span *
large_span(uintptr_t address)
{
    /* Relaxed: the object is reachable, so its span was published long ago. */
    return tri_load_relaxed(&tri_space.page_span[tri_space_page(address)]);
}

/* A piece of a large object, OBLET_BYTES at most. */
static void
scan_oblet(struct tri_work_p *work, uintptr_t lo)
{
    struct tri_span *span = large_span(lo);
    /* Acquire pairs with the release in alloc_large, after zeroing. */
    const struct tri_type_info *info = tri_load_acquire(&span->large_type);
    if (info == NULL)
        return; /* not zeroed yet: its owner holds no pointer in it */
    uintptr_t end = span->base + (span->large_bytes & ~(size_t)7);
    uintptr_t hi = lo + OBLET_BYTES < end ? lo + OBLET_BYTES : end;
    work->scanned_bytes += hi - lo;
    scan_elements(work, span->base, lo, hi, end, info);
}

static TRI_NOINLINE void
scan_large(struct tri_work_p *work, uintptr_t slot)
{
    struct tri_span *span = large_span(slot);
    uintptr_t end = span->base + span->large_bytes;
    for (uintptr_t at = slot + OBLET_BYTES; at < end; at += OBLET_BYTES)
        tri_work_push(work, at | TRI_WORK_OBLET);
    scan_oblet(work, slot);
}

static TRI_NOINLINE void
scan_header(struct tri_work_p *work, uintptr_t slot,
            const struct tri_kind *kind)
{
    const struct tri_type_info *info =
        (const struct tri_type_info *)load_word(slot);
    if (info == NULL)
        return;
    uintptr_t end = slot + kind->slot_bytes;
    scan_elements(work, slot + 8, slot + 8, end, end, info);
}

static inline void
scan_slot(struct tri_work_p *work, uintptr_t slot, const struct tri_kind *kind)
{
    switch (kind->scan) {
    case TRI_SCAN_MASK:
        work->scanned_bytes += kind->slot_bytes;
        for (uint64_t m = kind->pointer_mask; m != 0; m &= m - 1)
            push_if_heap(work,
                         load_word(slot + (uintptr_t)__builtin_ctzll(m) * 8));
        break;
    case TRI_SCAN_HEADER:
        work->scanned_bytes += kind->slot_bytes;
        scan_header(work, slot, kind);
        break;
    case TRI_SCAN_LARGE:
        scan_large(work, slot);
        break;
    default:
        break;
    }
}

void
tri_mark_scan_slot(struct tri_work_p *work, uintptr_t slot, uint32_t kind)
{
    scan_slot(work, slot, &tri_kinds[kind]);
}

/* ---- conservative words --------------------------------------------------- */

/* MARK-3.  No span dies while marking (SPAN-3), so what is found stays valid. */
TRI_NO_SANITIZE void
tri_mark_consider(struct tri_work_p *work, uintptr_t word)
{
    struct tri_span *span = tri_span_of(word);
    if (span == NULL)
        return;
    uint32_t index = tri_span_slot_index(span, word);
    if (!tri_span_slot_allocated(span, index))
        return;
    uint64_t marks =
        tri_load_relaxed(/* Relaxed: as in is_marked. */
                         tri_atomic_cast(uint64_t,
                                         &span->mark_bits[index / 64]));
    if ((marks >> (index % 64) & 1) == 0)
        tri_work_push(work, word);
}

TRI_NO_SANITIZE void
tri_mark_scan_conservative(uintptr_t lo, uintptr_t hi, void *arg)
{
    struct tri_work_p *work = arg;
    for (uintptr_t at = lo; at + 8 <= hi; at += 8) {
        uintptr_t word = *(const volatile uintptr_t *)at;
        if (tri_space_contains(word))
            tri_mark_consider(work, word);
    }
}

bool
tri_mark_should_yield(void)
{
    return tri_host_should_yield() && !tri_host_world_stopped();
}

/* ---- the loop --------------------------------------------------------------- */

/* True: this call set the mark. */
static inline bool
set_mark(const struct edge *edge)
{
    TRI_ATOMIC(uint64_t) *word = tri_atomic_cast(uint64_t, edge->mark_word);
    /* Relaxed (both): marks carry no data; sweeping is a pause away. */
    if ((tri_load_relaxed(word) & edge->mark_bit) != 0)
        return false;
    return (tri_or_relaxed(word, edge->mark_bit) & edge->mark_bit) == 0;
}

static inline void
leave_ring(struct tri_work_p *work, const struct edge *edge)
{
    if (!set_mark(edge))
        return;
    const struct tri_kind *kind = &tri_kinds[edge->kind];
    work->marked_objects++;
    if (TRI_UNLIKELY(kind->span_pages == 0))
        work->marked_bytes += large_span(edge->slot)->large_bytes;
    else
        work->marked_bytes += kind->slot_bytes;
    if (!kind->noscan)
        scan_slot(work, edge->slot, kind);
}

static inline bool
enter_ring(struct tri_work_p *work, uintptr_t word, struct edge *edge)
{
    if (TRI_UNLIKELY((word & TRI_WORK_OBLET) != 0)) {
        scan_oblet(work, word & ~TRI_WORK_OBLET);
        return false;
    }
    __builtin_prefetch((const void *)word);
    struct tri_target target;
    if (!resolve(word, &target))
        return false;
    __builtin_prefetch(target.mark_word, 1);
    *edge = (struct edge){ target.mark_word, target.mark_bit, target.slot,
                           target.kind };
    return true;
}

/* Ring size 1: no edge waits for its prefetch.  Not Go's classic loop: the mark
 * is still set when the edge leaves, not when it is found. */
static uint32_t
ring_size(void)
{
    enum {
        AUTO,
        OBJECT,
        RINGED
    };
    return tri_debug.mark == OBJECT ? 1 : RING;
}

uint64_t
tri_mark_drain(struct tri_gc_p *p, uint64_t budget)
{
    TRI_DCHECK(tri_gc_phase() == TRI_GC_MARK, "MARK-1: marking in phase %d",
               (int)tri_gc_phase());
    struct tri_work_p *work = &p->work;
    struct edge ring[RING];
    uint32_t head = 0;
    uint32_t queued = 0;
    uint32_t capacity = ring_size();
    uint32_t polls = 0;
    bool stop = false;
    uint64_t start = work->scanned_bytes;

    for (;;) {
        while (queued < capacity && work->count != 0 && !stop)
            queued += enter_ring(work, work->stack[--work->count],
                                 &ring[(head + queued) % RING]);
        if (queued == 0) {
            if (stop || (work->count == 0 && !tri_work_refill(work)))
                break;
            continue;
        }
        struct edge edge = ring[head++ % RING];
        queued--;
        leave_ring(work, &edge);
        if (TRI_UNLIKELY(++polls % POLL_EVERY == 0) && !stop) {
            stop = work->scanned_bytes - start >= budget
                || tri_mark_should_yield();
            if (work->count > SHARE_FROM && !tri_work_available()) {
                tri_work_share(work, false);
                tri_host_wake_workers();
            }
        }
    }
    return work->scanned_bytes - start;
}
