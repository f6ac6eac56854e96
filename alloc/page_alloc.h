/* SPDX-License-Identifier: MIT */
/*
 * alloc/page_alloc.h: which pages of the heap are free: a radix tree of
 * summaries over the chunks' bitmaps.  Address-ordered first fit.  Go: pageAlloc.
 *
 *                 one entry covers
 *   level 0       16 GiB     as many as the reservation needs (64 for 1 TiB)
 *   level 1        2 GiB     8 to a block: the children of one entry above
 *   level 2      256 MiB
 *   level 3       32 MiB
 *   level 4        4 MiB     one chunk: its bitmap follows
 *
 * An entry says how many pages are free at its start, at its end, and in its
 * longest run; so a search reads at most eight entries a level, and a run over
 * the border of two entries is found where they meet.  Memory not grown yet is
 * "used" in the summaries; its bitmaps are never looked at.
 *
 * Works on page numbers; knows nothing of memory.  The caller serialises.
 *
 *   PAGE-1  No page below `search` is free; otherwise first fit is not first,
 *           and the heap spreads.
 *   PAGE-2  A summary is exact whenever the lock is free; otherwise a search
 *           goes down to where there is nothing (checked: "bad summary").
 *   PAGE-3  Only free pages have their released bit set; otherwise memory that
 *           holds data is taken for zero.
 */
#ifndef TRI_ALLOC_PAGE_ALLOC_H
#define TRI_ALLOC_PAGE_ALLOC_H

#include "alloc/page_bits.h"

#define TRI_PAGE_LEVELS 5
#define TRI_PAGE_NONE   SIZE_MAX /* "no such page" */

/* All under the caller's lock but for [c]. */
struct tri_page_alloc {
    uint64_t *summary[TRI_PAGE_LEVELS]; /* [c] the arrays */
    struct tri_page_chunk *chunks;      /* [c] the array */
    size_t page_count;                  /* [c] pages there are tables for */
    size_t root_count;                  /* [c] entries at level 0 */
    size_t end;        /* first page above all that was grown */
    size_t search;     /* PAGE-1 */
    size_t backed_end; /* no page at or above it is free and backed */
};

/* A P's window: 64 pages of which the set bits of `free` are its own.  Part of
 * struct tri_page_cache (alloc/heap.h). */
struct tri_page_window {
    size_t page;       /* first page, a multiple of 64 */
    uint64_t free;     /* bit i: page + i may be taken */
    uint64_t released; /* bit i: and it reads as zero; a subset of `free` */
};

/* Zeroed memory the tables for `page_count` pages take; cheap where unused. */
size_t tri_page_alloc_table_bytes(size_t page_count);

/* Starts with nothing grown; `tables` are page aligned. */
void tri_page_alloc_init(struct tri_page_alloc *alloc, void *tables,
                         size_t page_count);

/* Adds whole chunks: free, and released. */
void tri_page_alloc_grow(struct tri_page_alloc *alloc, size_t page,
                         size_t count);

/* The lowest run of `count` pages, or TRI_PAGE_NONE; *released: how many of
 * them read as zero. */
size_t tri_page_alloc_take(struct tri_page_alloc *alloc, size_t count,
                           size_t *released);

/* Gives back used pages, dirty.  Dies if one of them is free. */
void tri_page_alloc_free(struct tri_page_alloc *alloc, size_t page,
                         size_t count);

/* Takes the 64 aligned pages around the lowest free page, as far as they are
 * free.  False: there is none, and the window is empty. */
bool tri_page_alloc_take_window(struct tri_page_alloc *alloc,
                                struct tri_page_window *window);

/* Gives back what is left in a window, and empties it. */
void tri_page_alloc_flush_window(struct tri_page_alloc *alloc,
                                 struct tri_page_window *window);

/* `count` pages (at most 16) out of a window, or TRI_PAGE_NONE. */
size_t tri_page_window_take(struct tri_page_window *window, uint32_t count,
                            size_t *released);

/* Pages free at the end of what was grown. */
size_t tri_page_alloc_free_tail(const struct tri_page_alloc *alloc);

/*
 * Scavenging.  Marks the highest run of free, backed pages, about `max` of
 * them, as used; *count pages, of which *backed are backed, from the result on.
 * Looks at no more than `chunks` chunks: TRI_PAGE_NONE with *more set says "go
 * on", without: there is none.  Once the memory is gone,
 * tri_page_alloc_put_released makes them free and released.
 */
size_t tri_page_alloc_take_backed(struct tri_page_alloc *alloc, size_t max,
                                  size_t chunks, size_t *count, size_t *backed,
                                  bool *more);
void tri_page_alloc_put_released(struct tri_page_alloc *alloc, size_t page,
                                 size_t count);

/* Checked in tests: dies unless every summary is what its bitmaps say. */
void tri_page_alloc_check(const struct tri_page_alloc *alloc);

#endif /* TRI_ALLOC_PAGE_ALLOC_H */
