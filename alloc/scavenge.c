/* SPDX-License-Identifier: MIT */
/*
 * alloc/scavenge.c: giving free pages back to the system.  Mechanism only: how
 * much and when is the collector's policy.
 *
 *   SCAV-1  While its memory is being given back, a page is used as far as the
 *           page allocator knows; otherwise somebody is handed memory that is
 *           about to be wiped.
 */
#include "alloc/heap.h"
#include "alloc/heap_pages.h"
#include "base/os.h"
#include "trace/trace.h"

/* Chunks looked at, and pages released, in one hold of the lock: the look is a
 * few microseconds, and the system call has no lock. */
#define LOOK_CHUNKS 512u

/* The next run to release, taken as used (SCAV-1); TRI_PAGE_NONE: no more. */
static size_t
take_run(size_t max, size_t *count, size_t *backed)
{
    struct tri_heap_pages *heap = &tri_heap_pages;
    bool more = true;
    size_t page = TRI_PAGE_NONE;
    while (page == TRI_PAGE_NONE && more) {
        tri_lock(&heap->lock);
        page = tri_page_alloc_take_backed(&heap->alloc, max, LOOK_CHUNKS, count,
                                          backed, &more);
        tri_unlock(&heap->lock);
    }
    return page;
}

size_t
tri_heap_scavenge(size_t bytes)
{
    size_t done = 0;
    while (done < bytes) {
        size_t count = 0;
        size_t backed = 0;
        size_t want = (bytes - done + TRI_PAGE_BYTES - 1) >> TRI_PAGE_SHIFT;
        size_t page = take_run(want, &count, &backed);
        if (page == TRI_PAGE_NONE)
            break;
        tri_os_release((void *)tri_space_page_address(page),
                       count << TRI_PAGE_SHIFT);
        size_t released = backed << TRI_PAGE_SHIFT;
        /* Relaxed: a statistic. */
        tri_add_relaxed(&tri_heap_stats.released_bytes, (int64_t)released);
        tri_lock(&tri_heap_pages.lock);
        tri_page_alloc_put_released(&tri_heap_pages.alloc, page, count);
        tri_unlock(&tri_heap_pages.lock);
        done += released;
    }
    if (done > 0)
        /* Relaxed, both: statistics. */
        tri_trace_scavenge(
            done, (uint64_t)(tri_load_relaxed(&tri_heap_stats.in_use_pages)
                             * (int64_t)TRI_PAGE_BYTES)
                      + (uint64_t)tri_heap_free_bytes());
    return done;
}
