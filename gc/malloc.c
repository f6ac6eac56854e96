/* SPDX-License-Identifier: MIT */
/*
 * gc/malloc.c: what allocation does when the word of free slots is empty.
 *
 * The ladder: the cached span's next word; another span from the central sets,
 * swept for the purpose; a new span from the page heap.  On the way the caller
 * pays what it owes: sweep debt, assist debt, and perhaps the start of a cycle.
 * It may wait, but it comes back on the thread it was called on.
 *
 *   LIVE-1  heap_live_bytes is what programs were given and what waits for them
 *           in caches' words.  A refill adds its word; a flush takes away what
 *           was not handed out; a cycle's turn sets it to the bytes marked, which
 *           are those traced, the words in hand when marking began, and those
 *           taken since, all black.  Otherwise a flush takes away what the turn
 *           did not count, and the size goes below 0.
 *   POPULATE-1  The page faults of fresh pages are taken in a blocking call, not
 *               in the section of whoever touches them first.  Otherwise a pause
 *               waits for one: the system clears 2 MiB, or waits for a host's memory
 *               (5 ms and more were seen).
 */
#include "gc/malloc.h"

#include "base/check.h"
#include "base/option.h"
#include "gc/assist.h"
#include "gc/barrier.h"
#include "gc/cycle.h"
#include "gc/mark.h"
#include "gc/percpu.h"
#include "gc/phase.h"
#include "gc/sweep.h"
#include "trace/trace.h"

#define HEADER_BYTES     8u
#define ZERO_PIECE_BYTES ((size_t)256 << 10)

uint64_t tri_zero_base;

/* Exported copies of the inline functions, for callers without the header. */
extern inline void *tri_new(const struct tri_type *type);
extern inline void *tri_alloc_noscan(size_t bytes);

static TRI_COLD TRI_NORETURN void
no_memory(size_t bytes)
{
    tri_panic("out of memory: %zu more bytes cannot be had (%lld MiB of heap "
              "in use); lower the load, or raise the limits on memory and "
              "address space%s",
              bytes,
              (long long)(tri_load_relaxed(&tri_heap_stats.in_use_pages)
                          >> (20 - TRI_PAGE_SHIFT)),
              tri_debug.sbrk ? " (TRI_DEBUG=sbrk=1: nothing is ever freed)"
                             : "");
}

static struct tri_gc_p *
enter_or_panic(void)
{
    tri_enter();
    struct tri_gc_p *p = tri_host_current_p();
    if (TRI_UNLIKELY(p == NULL)) {
        tri_leave();
        tri_panic("allocation on a thread that is not attached, or between "
                  "tri_blocking_begin and tri_blocking_end; attach it with "
                  "tri_thread_attach");
    }
    return p;
}

void
tri_malloc_check_caller(void)
{
    (void)enter_or_panic();
    tri_leave();
}

/* Enters a section and finds the caller's P, its cache fresh and undiverted. */
static struct tri_gc_p *
enter_with_p(void)
{
    struct tri_gc_p *p = enter_or_panic();
    tri_sweep_flush_stale(p);
    tri_host_restore_cache();
    return p;
}

/* The same, for small objects: pages that have no memory behind them are given some
 * here (POPULATE-1). */
static struct tri_gc_p *
enter_with_pages(void)
{
    struct tri_gc_p *p = enter_with_p();
    uintptr_t start;
    size_t bytes;
    if (TRI_LIKELY(p->mcache.pages.window.free != 0)
        || tri_critical_depth() != 1
        || (bytes = tri_heap_look_ahead(&p->mcache.pages, &start)) == 0)
        return p;
    tri_leave();
    tri_host_populate((void *)start, bytes);
    return enter_with_p();
}

/* ---- small objects ------------------------------------------------------------- */

/* ALLOC-1, bulk: all free slots of the span. */
static void
blacken_span(struct tri_span *span)
{
    if (TRI_BREAK_BLACK)
        return;
    for (uint32_t w = 0; w < tri_span_word_count(span); w++)
        /* Relaxed: as for every mark (MARK-1). */
        tri_or_relaxed(tri_atomic_cast(uint64_t, &span->mark_bits[w]),
                       ~span->alloc_bits[w]);
}

/*
 * gccheckmark: inline allocation leaves the address of its word's first slot in
 * a register, which the verifier would take for a reference to that slot's
 * object.  So marking takes it for one too.
 */
static void
consider_base(struct tri_gc_p *p, const struct tri_slot_cache *slots)
{
    if (TRI_UNLIKELY(tri_debug.gccheckmark != 0) && slots->base != 0
        && tri_gc_marking())
        tri_mark_consider(&p->work, slots->base);
}

void
tri_malloc_blacken_cache(struct tri_gc_p *p)
{
    struct tri_mcache *cache = &p->mcache;
    for (uint32_t k = tri_mcache_next_kind(cache, 0); k < TRI_KIND_MAX;
         k = tri_mcache_next_kind(cache, k + 1)) {
        struct tri_span *span = cache->span[k];
        struct tri_slot_cache *slots = &cache->slots.slot[k];
        uint64_t in_hand = slots->free | slots->reserved;
        if (in_hand != 0 && !TRI_BREAK_BLACK)
            tri_or_relaxed(tri_atomic_cast(
                               uint64_t, &span->mark_bits[span->free_word - 1]),
                           in_hand);
        /* Relaxed: a sum (LIVE-1). */
        tri_add_relaxed(&tri_collector.black_bytes,
                        (int64_t)((uint64_t)__builtin_popcountll(in_hand)
                                  * slots->slot_bytes));
        blacken_span(span);
        consider_base(p, slots);
    }
    tri_mcache_drop_tiny(cache);
}

/* gcstress: one slot at a time, so that every allocation comes by here. */
static inline void
hold_back(struct tri_slot_cache *slots)
{
    if (TRI_LIKELY(tri_debug.gcstress == 0))
        return;
    uint64_t all = slots->free | slots->reserved;
    slots->free = all & -all;
    slots->reserved = all & ~slots->free;
}

/* The next word for P's cache.  False: out of memory. */
static bool
refill(struct tri_gc_p *p, uint32_t kind)
{
    struct tri_mcache *cache = &p->mcache;
    struct tri_slot_cache *slots = &cache->slots.slot[kind];
    if (slots->reserved != 0) {
        slots->free = slots->reserved;
        slots->reserved = 0;
        return true;
    }
    for (;;) {
        struct tri_span *span = cache->span[kind];
        uint32_t taken = 0;
        if (span != NULL && tri_span_take_word(span, slots, &taken)) {
            int64_t bytes = (int64_t)((uint64_t)taken * span->slot_bytes);
            tri_gc_heap_grew(bytes);
            if (tri_gc_marking()) /* Relaxed: a sum (LIVE-1). */
                tri_add_relaxed(&tri_collector.black_bytes, bytes);
            p->allocated_bytes += (uint64_t)bytes;
            p->allocated_objects += taken;
            p->assist_credit -= bytes;
            consider_base(p, slots);
            return true;
        }
        if (span != NULL) {
            span = tri_mcache_remove(cache, kind);
            /* Release pairs with the acquire of its next owner. */
            tri_store_release(&span->sweep_gen, tri_sweep_gen());
            tri_sweep_relist(span);
        }
        span = tri_sweep_acquire_span(p, kind);
        if (span == NULL)
            return false;
        if (tri_gc_marking())
            blacken_span(span);
        /* Relaxed: we own it; cached spans are told by this value. */
        tri_store_relaxed(&span->sweep_gen, tri_sweep_gen() + 3);
        tri_mcache_install(cache, span);
    }
}

/* A whole, zeroed slot of `kind`, with `header` in its first word if not NULL.
 * In a section of the caller's own when `p` is given. */
static void *
take_slot(struct tri_gc_p *p, uint32_t kind, const void *header)
{
    struct tri_slot_cache *slots = &p->mcache.slots.slot[kind];
    if (slots->free == 0 && !refill(p, kind))
        return NULL;
    hold_back(slots);
    uint32_t index = (uint32_t)__builtin_ctzll(slots->free);
    slots->free &= slots->free - 1;
    char *slot = (char *)(slots->base + index * slots->slot_bytes);
    memset(slot, 0, slots->slot_bytes);
    if (header != NULL)
        /* Relaxed: nobody has the address yet (ALLOC-2). */
        tri_store_relaxed(tri_atomic_cast(const void *, slot), header);
    return slot;
}

static void *
alloc_small(uint32_t kind, const void *header)
{
    size_t bytes = tri_kinds[kind].slot_bytes;
    tri_cycle_before_alloc(bytes);
    struct tri_gc_p *p = enter_with_pages();
    void *slot = take_slot(p, kind, header);
    tri_leave();
    if (TRI_UNLIKELY(slot == NULL))
        no_memory(bytes);
    tri_cycle_after_alloc();
    return slot;
}

/* ---- tiny objects: pointer-free, below 16 bytes, share a slot (A-012) ------------- */

static void *
take_tiny(struct tri_gc_p *p, size_t bytes)
{
    struct tri_pcache *cache = &p->mcache.slots;
    uint32_t align = (uint32_t)(bytes & -bytes);
    uint32_t at = (cache->tiny_offset + align - 1) & -align;
    if (cache->tiny_block != 0 && at + bytes <= TRI_TINY_BYTES) {
        cache->tiny_offset = at + (uint32_t)bytes;
        cache->tiny_count++;
        return (void *)(cache->tiny_block + at);
    }
    uint32_t kind = tri_noscan_kind_by_words[TRI_TINY_BYTES / 8];
    void *slot = take_slot(p, kind, NULL);
    if (slot == NULL)
        return NULL;
    cache->tiny_count++;
    /* Keep the block with more room. */
    if (cache->tiny_block == 0 || bytes < cache->tiny_offset) {
        cache->tiny_block = (uintptr_t)slot;
        cache->tiny_offset = (uint32_t)bytes;
        /* gcstress: every allocation comes by here. */
        cache->tiny_limit = tri_debug.gcstress == 0 ? TRI_TINY_BYTES : 0;
    }
    return slot;
}

static void *
alloc_tiny(size_t bytes)
{
    tri_cycle_before_alloc(bytes);
    struct tri_gc_p *p = enter_with_pages();
    void *object = take_tiny(p, bytes);
    tri_leave();
    if (TRI_UNLIKELY(object == NULL))
        no_memory(bytes);
    tri_cycle_after_alloc();
    return object;
}

/* ---- large objects --------------------------------------------------------------- */

static void
zero_large(char *start, size_t bytes)
{
    for (size_t done = 0; done < bytes; done += ZERO_PIECE_BYTES)
        memset(start + done, 0,
               bytes - done < ZERO_PIECE_BYTES ? bytes - done
                                               : ZERO_PIECE_BYTES);
}

/* Black before anyone can see it; listed at once, since nothing else will be
 * allocated from it. */
static struct tri_span *
publish_large(struct tri_gc_p *p, uint32_t kind, size_t bytes)
{
    struct tri_span *span =
        tri_heap_alloc_span(kind, bytes, tri_sweep_gen(), &p->mcache.pages);
    if (span == NULL)
        return NULL;
    span->alloc_bits[0] |= 1;
    span->used_count = 1;
    span->free_word = 1;
    if (tri_gc_marking() && !TRI_BREAK_BLACK) {
        tri_or_relaxed(tri_atomic_cast(uint64_t, &span->mark_bits[0]), 1);
        tri_add_relaxed(&tri_collector.black_bytes, (int64_t)bytes);
    }
    tri_gc_heap_grew((int64_t)bytes);
    p->allocated_bytes += bytes;
    p->allocated_objects++;
    p->assist_credit -= (int64_t)bytes;
    tri_sweep_relist(span);
    return span;
}

static void *
alloc_large(const struct tri_type_info *info, size_t bytes)
{
    bytes = (bytes + 7) & ~(size_t)7;
    uint32_t kind = info == NULL ? TRI_KIND_LARGE_NOSCAN : TRI_KIND_LARGE_SCAN;
    tri_cycle_before_alloc(bytes);
    struct tri_gc_p *p = enter_with_p();
    struct tri_span *span = publish_large(p, kind, bytes);
    /* Read inside: once we leave, only `object` keeps the span. */
    void *object = span == NULL ? NULL : (void *)span->base;
    bool dirty = span != NULL && span->need_zero;
    tri_leave();
    if (TRI_UNLIKELY(object == NULL))
        no_memory(bytes);
    if (dirty)
        zero_large(object, bytes);
    if (info != NULL) {
        /* until now it was scanned as pointer-free.  Release pairs with
         * the acquire in scan_oblet: whoever sees the type sees zeros. */
        tri_store_release(&span->large_type, (const void *)info);
    }
    tri_keepalive(object);
    tri_cycle_after_alloc();
    return object;
}

/* ---- the ways in ------------------------------------------------------------------- */

/* More than any address space holds; far enough from wrapping to be rounded. */
#define BYTES_MAX ((size_t)1 << 46)

static TRI_COLD TRI_NORETURN void
too_large(size_t bytes)
{
    tri_panic("allocation of %zu bytes: no address space holds them; the size "
              "was probably computed from a negative number",
              bytes);
}

void *
tri_alloc_noscan_slow(size_t bytes)
{
    if (bytes == 0)
        return &tri_zero_base;
    if (bytes > BYTES_MAX)
        too_large(bytes);
    if (bytes < TRI_TINY_BYTES)
        return alloc_tiny(bytes);
    if (bytes <= TRI_SMALL_BYTES_MAX)
        return alloc_small(tri_kind_noscan(tri_size_class_of(bytes)), NULL);
    return alloc_large(NULL, bytes);
}

void *
tri_malloc_typed(const struct tri_type_info *info, size_t count)
{
    size_t bytes;
    if (__builtin_mul_overflow(info->bytes, count, &bytes) || bytes > BYTES_MAX)
        tri_panic("tri_new_array: %zu objects of %zu bytes (type %s) are more "
                  "than an address space holds",
                  count, info->bytes, info->name);
    if (bytes == 0)
        return &tri_zero_base;
    if (info->pointer_words == 0)
        return tri_alloc_noscan_slow(bytes);
    if (count == 1 && info->layout_kind != 0)
        return alloc_small(info->layout_kind, NULL);
    if (bytes + HEADER_BYTES > TRI_SMALL_BYTES_MAX)
        return alloc_large(info, bytes);
    uint32_t kind = tri_kind_header(tri_size_class_of(bytes + HEADER_BYTES));
    return (char *)alloc_small(kind, info) + HEADER_BYTES;
}

void *
tri_new_slow(const struct tri_type *type)
{
    if (type->bytes == 0)
        return &tri_zero_base;
    const struct tri_type_info *info = tri_type_info_of(type);
    if (info->pointer_words == 0)
        return tri_alloc_noscan_slow(type->bytes);
    return tri_malloc_typed(info, 1);
}

void *
tri_new_array(const struct tri_type *type, size_t count)
{
    if (type->bytes == 0 || count == 0)
        return &tri_zero_base;
    return tri_malloc_typed(tri_type_info_of(type), count);
}

void *
tri_alloc_conservative(size_t bytes)
{
    if (bytes > BYTES_MAX)
        too_large(bytes);
    return tri_malloc_typed(&tri_type_conservative, (bytes + 7) / 8);
}

/* ---- statistics ---------------------------------------------------------------------- */

void
tri_malloc_stats_read(struct tri_malloc_stats *stats)
{
    *stats = (struct tri_malloc_stats){ 0 };
    for (struct tri_gc_p *p = tri_gc_p_first(); p != NULL; p = p->older) {
        /* Relaxed: counters, each with one writer. */
        stats->objects +=
            tri_load_relaxed(tri_atomic_cast(uint64_t, &p->allocated_objects));
        stats->bytes +=
            tri_load_relaxed(tri_atomic_cast(uint64_t, &p->allocated_bytes));
        stats->tiny_objects += tri_load_relaxed(
            tri_atomic_cast(uint64_t, &p->mcache.slots.tiny_count));
    }
}
