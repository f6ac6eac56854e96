/* SPDX-License-Identifier: MIT */
/*
 * alloc/heap.h: spans' birth and death; pages under them.  Go: mheap.
 *
 * Pages come from a radix tree of summaries over page bitmaps (page_alloc.h),
 * first fit by address, with a 64-page cache per P for small requests.  The
 * heap grows by whole arenas' worth of commits (4 MiB chunks at least) inside
 * the one reservation.
 *
 * Callers are inside a critical section.
 */
#ifndef TRI_ALLOC_HEAP_H
#define TRI_ALLOC_HEAP_H

#include "alloc/central.h"

/* 64 pages handed to one P; opaque to others. */
struct tri_page_cache {
    uintptr_t base;
    uint64_t free;      /* bit i: page i of the window is ours and free */
    uint64_t released;  /* bit i: not backed by memory (reads as zero) */
};

/*
 * A span of `kind` and, for the large kinds, `large_bytes` > 0; in use,
 * owned by the caller, in no set, sweep_gen = `sweep_gen`, all slots free, its
 * mark and alloc bits clear.  `pages` may be NULL.  NULL: out of memory (the
 * reservation or the machine is full, or the hard limit of the system is hit).
 * need_zero tells whether the memory may be dirty.
 */
TRI_NODISCARD struct tri_span *
tri_heap_alloc_span(uint32_t kind, size_t large_bytes, uint32_t sweep_gen,
                    struct tri_page_cache *pages);

/* Returns the pages.  used_count is 0, the caller owns the span (SPAN-3). */
void tri_heap_free_span(struct tri_span *span);

/* Gives a P's cached pages back: at P destruction and after each cycle. */
void tri_heap_flush_pages(struct tri_page_cache *pages);

/* Releases up to `bytes` of free pages to the system, highest address first;
 * returns how many bytes.  Takes the heap lock for short whiles. */
size_t tri_heap_scavenge(size_t bytes);

/* Visits every span in use with the heap quiescent (world stopped, or tests). */
void tri_heap_each_span(void (*visit)(struct tri_span *span, void *arg),
                        void *arg);

/* Bytes, all atomic, readable by anyone at any time. */
struct tri_heap_stats {
    TRI_ATOMIC(int64_t) reserved;     /* address space of the heap in use so far */
    TRI_ATOMIC(int64_t) in_use_pages; /* pages of spans in use */
    TRI_ATOMIC(int64_t) free_bytes;   /* pages backed, in no span */
    TRI_ATOMIC(int64_t) released_bytes; /* pages given back to the system */
    TRI_ATOMIC(int64_t) span_count;
    TRI_ATOMIC(int64_t) large_bytes;  /* in large spans */
};
extern struct tri_heap_stats tri_heap_stats;

void tri_heap_init(void);

#endif /* TRI_ALLOC_HEAP_H */
