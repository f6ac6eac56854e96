/* SPDX-License-Identifier: MIT */
/*
 * alloc/heap.h: spans' birth and death; pages under them.  Go: mheap.
 *
 * Pages come from a radix tree of summaries over page bitmaps (page_alloc.h),
 * first fit by address, with a 64-page window per P for requests of up to 16
 * pages, which then need no lock.  The heap grows by chunks of 4 MiB inside the
 * one reservation, by an eighth of itself at a time once it is large.
 *
 * Callers are inside a critical section.
 *
 *   HEAP-1  A page is dirty unless it is fresh from the system or was released
 *           since its last use; need_zero says so, otherwise an object starts
 *           with another's content.
 *   HEAP-2  Every page grown is in a span, free and backed, or released; the
 *           statistics say how many of each, exactly, when nobody allocates;
 *           otherwise pages are lost, and the memory limit is kept by figures
 *           that are wrong.
 */
#ifndef TRI_ALLOC_HEAP_H
#define TRI_ALLOC_HEAP_H

#include "alloc/central.h"
#include "alloc/page_alloc.h"
#include "alloc/span_pool.h"

/* What a P takes from the heap in advance: a window of pages, and structs for
 * the spans it makes of them.  Opaque to others; all zero: empty. */
struct tri_page_cache {
    struct tri_page_window window;
    struct tri_span_list spans;
    uintptr_t
        fresh; /* from here on the last span for small objects, and what */
    size_t
        fresh_bytes; /* comes next, lack memory: to be populated; 0: nothing */
};

/*
 * A span of `kind` and, for the large kinds, `large_bytes` > 0; in use,
 * owned by the caller, in no set, sweep_gen = `sweep_gen`, all slots free, its
 * mark and alloc bits clear.  `pages` may be NULL.  NULL: out of memory (the
 * reservation or the machine is full, or the hard limit of the system is hit).
 * need_zero tells whether the memory may be dirty.
 */
TRI_NODISCARD struct tri_span *tri_heap_alloc_span(
    uint32_t kind, size_t large_bytes, uint32_t sweep_gen,
    struct tri_page_cache *pages);

/* Returns the pages.  used_count is 0, the caller owns the span (SPAN-3). */
void tri_heap_free_span(struct tri_span *span);

/* Gives a P's cached pages back: at P destruction and after each cycle. */
void tri_heap_flush_pages(struct tri_page_cache *pages);

/* Releases about `bytes` of free pages to the system (a little more where that
 * keeps a huge page whole), highest address first; returns how many bytes.
 * Takes the heap lock for short whiles; pages in Ps' windows are not seen. */
size_t tri_heap_scavenge(size_t bytes);

/* Visits every span in use with the heap quiescent (world stopped, or tests). */
void tri_heap_each_span(void (*visit)(struct tri_span *span, void *arg),
                        void *arg);

/* All atomic, readable by anyone at any time.  Free memory is what is left:
 * tri_heap_free_bytes. */
struct tri_heap_stats {
    TRI_ATOMIC(int64_t) in_use_pages; /* pages of spans in use */
    TRI_ATOMIC(int64_t) span_count;
    TRI_ATOMIC(int64_t) large_bytes;    /* in large spans: sum of large_bytes */
    TRI_ATOMIC(int64_t) reserved;       /* bytes: address space in use so far */
    TRI_ATOMIC(int64_t) released_bytes; /* pages given back, or never used */
} TRI_CACHE_ALIGNED;
extern struct tri_heap_stats tri_heap_stats;

/* Bytes that are backed by memory and in no span. */
static inline int64_t
tri_heap_free_bytes(void)
{
    struct tri_heap_stats *stats = &tri_heap_stats;
    /* Relaxed: exact only when nobody allocates, and then it is. */
    return tri_load_relaxed(&stats->reserved)
         - tri_load_relaxed(&stats->released_bytes)
         - (tri_load_relaxed(&stats->in_use_pages) << TRI_PAGE_SHIFT);
}

void tri_heap_init(void);

#endif /* TRI_ALLOC_HEAP_H */
