/* SPDX-License-Identifier: MIT */
/*
 * alloc/heap.c: making spans and taking them apart.
 *
 * A span of up to 16 pages is made of the P's own window and one of its own
 * structs, without a lock.  Else, under the heap lock: the window is refilled,
 * or pages are taken by first fit, or the heap grows.
 */
#include "alloc/heap.h"

#include "alloc/bits.h"
#include "alloc/heap_pages.h"
#include "base/check.h"
#include "base/option.h"
#include "trace/trace.h"

struct tri_heap_pages tri_heap_pages = { .lock = TRI_LOCK_INIT(HEAP) };
struct tri_heap_stats tri_heap_stats;

/* Larger ones would leave too much of a window unused. */
#define WINDOW_TAKE_MAX 16u
/* Structs a P takes at a time: about what a window of pages needs. */
#define SPANS_AHEAD 32u
/* Populated at a time, where the system has small pages only. */
#define POPULATE_PAGES 8u
/* The most address space that is made usable at once beyond the need. */
#define GROW_PAGES_MAX (TRI_ARENA_BYTES >> TRI_PAGE_SHIFT)

/* Pages for one span. */
struct run {
    size_t page; /* TRI_PAGE_NONE: none */
    size_t count;
    size_t released; /* of them, read as zero */
};

void
tri_heap_init(void)
{
    tri_page_alloc_init(&tri_heap_pages.alloc, tri_space.page_alloc_tables,
                        tri_space_page_count());
}

/* ---- pages ------------------------------------------------------------------ */

static size_t
round_up_chunk(size_t pages)
{
    return (pages + TRI_CHUNK_PAGES - 1) & ~(size_t)(TRI_CHUNK_PAGES - 1);
}

/*
 * Grows the heap so that a run of `count` pages is free at its end.  Asks for
 * an eighth of the heap more than that, to spare system calls; what is never
 * used costs no memory.  False, with nothing changed: no address space, or the
 * system refuses.  Heap lock.
 */
static bool
grow(size_t count)
{
    struct tri_page_alloc *alloc = &tri_heap_pages.alloc;
    size_t tail = tri_page_alloc_free_tail(alloc);
    size_t left = alloc->page_count - alloc->end;
    size_t need = round_up_chunk(count - (tail < count ? tail : count - 1));
    if (need > left)
        return false;
    size_t ahead = alloc->end / 8;
    if (ahead > GROW_PAGES_MAX)
        ahead = GROW_PAGES_MAX;
    size_t step = need + round_up_chunk(ahead);
    if (step > left)
        step = need;
    size_t end = (alloc->end + step) << TRI_PAGE_SHIFT;
    if (tri_heap_space_commit(end) != 0) {
        step = need;
        end = (alloc->end + step) << TRI_PAGE_SHIFT;
        if (tri_heap_space_commit(end) != 0)
            return false;
    }
    tri_page_alloc_grow(alloc, alloc->end, step);
    int64_t bytes = (int64_t)(step << TRI_PAGE_SHIFT);
    /* Relaxed, here and below: statistics order nothing. */
    tri_add_relaxed(&tri_heap_stats.reserved, bytes);
    tri_add_relaxed(&tri_heap_stats.released_bytes, bytes);
    return true;
}

/* First fit, growing the heap if need be.  Heap lock. */
static void
take_pages(struct run *run)
{
    struct tri_page_alloc *alloc = &tri_heap_pages.alloc;
    run->page = tri_page_alloc_take(alloc, run->count, &run->released);
    if (run->page == TRI_PAGE_NONE && grow(run->count))
        run->page = tri_page_alloc_take(alloc, run->count, &run->released);
}

/* Heap lock. */
static bool
take_window(struct tri_page_window *window)
{
    struct tri_page_alloc *alloc = &tri_heap_pages.alloc;
    return tri_page_alloc_take_window(alloc, window)
        || (grow(1) && tri_page_alloc_take_window(alloc, window));
}

static void
take_from_window(struct tri_page_cache *cache, struct run *run)
{
    run->page = tri_page_window_take(&cache->window, (uint32_t)run->count,
                                     &run->released);
}

/* Undoes the taking of pages for which there is no span struct.  They come
 * back as backed, which is safe whatever they were (HEAP-1).  Heap lock. */
static void
give_back(struct run *run)
{
    int64_t bytes = (int64_t)(run->released << TRI_PAGE_SHIFT);
    tri_page_alloc_free(&tri_heap_pages.alloc, run->page, run->count);
    tri_sub_relaxed(&tri_heap_stats.released_bytes, bytes);
    run->page = TRI_PAGE_NONE;
}

/*
 * The way with the lock: refills what the P has in advance and takes the rest
 * from the heap.  *span may be had already, and so may the pages; NULL, and the
 * pages back where they were, if one of them cannot be had.
 */
static TRI_NOINLINE struct tri_span *
take_locked(struct tri_page_cache *cache, struct run *run)
{
    struct tri_span_list one = { 0 };
    struct tri_span_list *spans = cache != NULL ? &cache->spans : &one;
    tri_lock(&tri_heap_pages.lock);
    tri_span_pool_get(spans, cache != NULL ? SPANS_AHEAD : 1);
    struct tri_span *span = tri_span_list_pop(spans);
    if (span == NULL) {
        if (run->page != TRI_PAGE_NONE)
            give_back(run);
        tri_unlock(&tri_heap_pages.lock);
        return NULL;
    }
    if (run->page == TRI_PAGE_NONE && cache != NULL
        && run->count <= WINDOW_TAKE_MAX && cache->window.free == 0
        && take_window(&cache->window))
        take_from_window(cache, run);
    if (run->page == TRI_PAGE_NONE)
        take_pages(run);
    if (run->page == TRI_PAGE_NONE) {
        tri_span_pool_put(span);
        span = NULL;
    }
    tri_unlock(&tri_heap_pages.lock);
    return span;
}

/*
 * The run is to be used, and has no memory behind it: so the caller hears what to
 * populate.  Of a window as much as may come from one page fault, or from one system
 * call with small pages; it counts as backed from now on (HEAP-2).
 */
static void
tell_fresh(struct tri_page_cache *cache, const struct run *run)
{
    struct tri_page_window *window = &cache->window;
    uint32_t ahead = tri_debug.hugepages != 0 ? 64 : POPULATE_PAGES;
    uint32_t count = (uint32_t)run->count;
    if (run->page - window->page < 64 && window->released != 0) {
        uint32_t first = (uint32_t)(run->page - window->page);
        uint32_t end = 64 - (uint32_t)__builtin_clzll(window->released);
        if (end > first + ahead)
            end = first + ahead;
        if (end > first + count)
            count = end - first;
        uint64_t mask = tri_bits_mask(first, count);
        /* Relaxed: statistics order nothing. */
        tri_sub_relaxed(
            &tri_heap_stats.released_bytes,
            (int64_t)((size_t)tri_bits_count(window->released & mask)
                      << TRI_PAGE_SHIFT));
        window->released &= ~mask;
    }
    cache->fresh = tri_space_page_address(run->page);
    cache->fresh_bytes = (size_t)count << TRI_PAGE_SHIFT;
}

/* ---- spans ------------------------------------------------------------------- */

/* Bits of a span in one of the side tables. */
static uint64_t *
table_words(uint8_t *table, size_t page, const struct tri_kind *kind)
{
    return (uint64_t *)(void *)(table + (page << kind->mark_shift));
}

static void
clear_bits(struct tri_span *span)
{
    uint32_t words = tri_span_word_count(span);
    for (uint32_t w = 0; w < words; w++) {
        /* Relaxed: published with the span. */
        tri_store_relaxed(tri_atomic_cast(uint64_t, &span->mark_bits[w]), 0);
        tri_store_relaxed(tri_atomic_cast(uint64_t, &span->alloc_bits[w]), 0);
    }
    if (span->slot_count % 64 != 0)
        tri_store_relaxed(
            tri_atomic_cast(uint64_t, &span->alloc_bits[words - 1]),
            UINT64_MAX << span->slot_count % 64);
}

/* All fields of a new life, but those that outlast it (SPAN-2). */
static void
fill(struct tri_span *span, const struct tri_kind *kind, const struct run *run,
     size_t large_bytes, uint32_t sweep_gen)
{
    span->base = tri_space_page_address(run->page);
    span->limit =
        span->base
        + (large_bytes != 0 ? large_bytes
                            : (size_t)kind->slot_count * kind->slot_bytes);
    span->page_count = (uint32_t)run->count;
    span->slot_count = kind->slot_count;
    span->slot_bytes = kind->slot_bytes;
    span->div_magic = kind->div_magic;
    span->mark_bits = table_words(kind->mark_table, run->page, kind);
    span->alloc_bits = table_words(kind->alloc_table, run->page, kind);
    clear_bits(span);
    span->kind = kind->index;
    span->need_zero = run->released != run->count; /* HEAP-1 */
    span->cached = 0;
    span->free_word = 0;
    span->used_count = 0;
    span->used_before_cache = 0;
    span->large_bytes = large_bytes;
    span->next = NULL;
    /* Relaxed, both: published with the span. */
    tri_store_relaxed(&span->large_type, NULL);
    tri_store_relaxed(&span->sweep_gen, sweep_gen);
}

/* SPAN-1 and SPACE-1: fields, page tables, state. */
static void
publish(struct tri_span *span, size_t page)
{
    for (size_t p = page; p < page + span->page_count; p++) {
        /* Relaxed: ordered by the release of the kind. */
        tri_store_relaxed(&tri_space.page_span[p], span);
        /* Release pairs with the acquire in tri_span_of. */
        tri_store_release(&tri_space.page_kind[p], span->kind);
    }
    /* Release pairs with the acquire in tri_span_of. */
    tri_store_release(&span->state, TRI_SPAN_IN_USE);
}

/* A span came (pages > 0) or went; `released` of its pages were not backed. */
static inline void
account(int64_t pages, size_t released, int64_t large_bytes)
{
    struct tri_heap_stats *stats = &tri_heap_stats;
    tri_add_relaxed(&stats->in_use_pages, pages);
    tri_add_relaxed(&stats->span_count, pages > 0 ? 1 : -1);
    if (released != 0)
        tri_sub_relaxed(&stats->released_bytes,
                        (int64_t)(released << TRI_PAGE_SHIFT));
    if (large_bytes != 0)
        tri_add_relaxed(&stats->large_bytes, large_bytes);
}

struct tri_span *
tri_heap_alloc_span(uint32_t kind_index, size_t large_bytes, uint32_t sweep_gen,
                    struct tri_page_cache *pages)
{
    const struct tri_kind *kind = &tri_kinds[kind_index];
    TRI_DCHECK(kind->exists, "heap: kind %u was never made", kind_index);
    TRI_DCHECK((kind->span_pages == 0) == (large_bytes != 0),
               "heap: %zu bytes for kind %u", large_bytes, kind_index);
    struct run run = { TRI_PAGE_NONE, kind->span_pages, 0 };
    if (run.count == 0) {
        if (large_bytes > tri_space.bytes)
            return NULL;
        run.count = (large_bytes + TRI_PAGE_BYTES - 1) >> TRI_PAGE_SHIFT;
    }

    struct tri_span *span = NULL;
    if (pages != NULL && run.count <= WINDOW_TAKE_MAX) {
        take_from_window(pages, &run);
        if (run.page != TRI_PAGE_NONE)
            span = tri_span_list_pop(&pages->spans);
    }
    if (TRI_UNLIKELY(span == NULL)) {
        span = take_locked(pages, &run);
        if (span == NULL)
            return NULL;
    }
    fill(span, kind, &run, large_bytes, sweep_gen);
    publish(span, run.page);
    account((int64_t)run.count, run.released, (int64_t)large_bytes);
    if (TRI_UNLIKELY(run.released != 0) && pages != NULL && large_bytes == 0)
        tell_fresh(pages, &run);
    tri_trace_span_alloc(span->base, (uint32_t)run.count, kind_index,
                         span->slot_count);
    return span;
}

void
tri_heap_free_span(struct tri_span *span)
{
    size_t page = tri_space_page(span->base);
    TRI_DCHECK(tri_critical_depth() > 0,
               "SPAN-3: span 0x%zx is freed outside a critical section",
               (size_t)span->base);
    /* Relaxed: the owner reads what it, or who gave it the span, wrote. */
    TRI_CHECK(tri_load_relaxed(&span->state) == TRI_SPAN_IN_USE,
              "span 0x%zx is freed twice", (size_t)span->base);
    TRI_CHECK(span->used_count == 0 && span->cached == 0,
              "span 0x%zx is freed with %u slots in use, cached %u (SPAN-4)",
              (size_t)span->base, span->used_count, span->cached);
    for (size_t p = page; p < page + span->page_count; p++)
        /* Relaxed: ordered by the release of the state (SPACE-1). */
        tri_store_relaxed(&tri_space.page_kind[p], 0);
    tri_store_release(&span->state, TRI_SPAN_DEAD);
    account(-(int64_t)span->page_count, 0, -(int64_t)span->large_bytes);
    tri_trace_span_free(span->base, (uint32_t)span->page_count, span->kind);

    tri_lock(&tri_heap_pages.lock);
    tri_page_alloc_free(&tri_heap_pages.alloc, page, span->page_count);
    span->generation++;
    tri_span_pool_put(span);
    tri_unlock(&tri_heap_pages.lock);
}

void
tri_heap_flush_pages(struct tri_page_cache *pages)
{
    pages->fresh_bytes = 0;
    if (pages->window.free == 0 && pages->spans.first == NULL)
        return;
    tri_lock(&tri_heap_pages.lock);
    tri_page_alloc_flush_window(&tri_heap_pages.alloc, &pages->window);
    tri_span_pool_put_list(&pages->spans);
    tri_unlock(&tri_heap_pages.lock);
}

void
tri_heap_each_span(void (*visit)(struct tri_span *span, void *arg), void *arg)
{
    size_t end = tri_heap_pages.alloc.end;
    for (size_t page = 0; page < end;) {
        /* Relaxed, both: the heap is quiescent. */
        if (tri_load_relaxed(&tri_space.page_kind[page]) == 0) {
            page++;
            continue;
        }
        struct tri_span *span = tri_load_relaxed(&tri_space.page_span[page]);
        page += span->page_count;
        visit(span, arg);
    }
}
