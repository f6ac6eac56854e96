/* SPDX-License-Identifier: MIT */
/* tests/support/alloc.h: what tests of alloc/ share. */
#ifndef TRI_TESTS_SUPPORT_ALLOC_H
#define TRI_TESTS_SUPPORT_ALLOC_H

#include "alloc/heap.h"
#include "alloc/heap_pages.h"
#include "tests/support/test.h"

/* Reserves the heap, once per process. */
static inline void
heap_begin(void)
{
    static bool begun;
    if (begun)
        return;
    begun = true;
    EXPECT_EQ(tri_heap_space_init(), 0);
    tri_kinds_init();
    tri_heap_init();
}

/* Empties a span and gives it back. */
static inline void
span_drop(struct tri_span *span)
{
    uint32_t zombies = 0;
    for (uint32_t w = 0; w < tri_span_word_count(span); w++)
        span->mark_bits[w] = 0;
    EXPECT_EQ(tri_span_swap_bits(span, &zombies), 0);
    tri_enter();
    tri_heap_free_span(span);
    tri_leave();
}

struct heap_count {
    int64_t spans;
    int64_t pages;
    int64_t large_bytes;
};

static inline void
heap_count_span(struct tri_span *span, void *arg)
{
    struct heap_count *count = arg;
    count->spans++;
    count->pages += span->page_count;
    count->large_bytes += (int64_t)span->large_bytes;
}

/*
 * HEAP-2: the statistics against a walk over the spans, and against the page
 * allocator's bits, with all windows flushed.
 */
static inline void
heap_check(void)
{
    struct heap_count count = { 0 };
    tri_heap_each_span(heap_count_span, &count);
    EXPECT_EQ(tri_load(&tri_heap_stats.span_count), count.spans);
    EXPECT_EQ(tri_load(&tri_heap_stats.in_use_pages), count.pages);
    EXPECT_EQ(tri_load(&tri_heap_stats.large_bytes), count.large_bytes);

    const struct tri_page_alloc *alloc = &tri_heap_pages.alloc;
    tri_page_alloc_check(alloc);
    int64_t used = 0;
    int64_t released = 0;
    for (size_t c = 0; c < alloc->end / TRI_CHUNK_PAGES; c++) {
        used += tri_page_bits_count(&alloc->chunks[c].used, 0, TRI_CHUNK_PAGES);
        released +=
            tri_page_bits_count(&alloc->chunks[c].released, 0, TRI_CHUNK_PAGES);
    }
    int64_t page = (int64_t)TRI_PAGE_BYTES;
    EXPECT_EQ(used, count.pages);
    EXPECT_EQ(tri_load(&tri_heap_stats.reserved), (int64_t)alloc->end * page);
    EXPECT_EQ(tri_load(&tri_heap_stats.released_bytes), released * page);
    EXPECT_EQ(tri_heap_free_bytes(),
              ((int64_t)alloc->end - used - released) * page);
}

#endif /* TRI_TESTS_SUPPORT_ALLOC_H */
