/* SPDX-License-Identifier: MIT */
/*
 * alloc/page_bits.h: which of the 512 pages of one chunk (4 MiB) are used, and
 * which are not backed by memory.  Pure functions on plain words; the page
 * allocator (page_alloc.h) sums them up.
 */
#ifndef TRI_ALLOC_PAGE_BITS_H
#define TRI_ALLOC_PAGE_BITS_H

#include <stdbool.h>

#include "base/compiler.h"

#define TRI_CHUNK_PAGES 512u
#define TRI_CHUNK_WORDS (TRI_CHUNK_PAGES / 64)
#define TRI_CHUNK_NONE  UINT32_MAX /* "no such page" */

struct tri_page_bits {
    uint64_t word[TRI_CHUNK_WORDS];
};

/* One chunk: two cache lines. */
struct tri_page_chunk {
    struct tri_page_bits used;     /* 1: in a span, or in a P's window */
    struct tri_page_bits released; /* 1: reads as zero; only free pages */
} TRI_CACHE_ALIGNED;

/*
 * Three lengths of runs of free pages: at the start of a region, the longest
 * anywhere, at its end.  Packed into one word, 21 bits each; a region of 2^21
 * free pages, which would not fit, is the top bit alone.
 */
#define TRI_SUM_BITS 21
#define TRI_SUM_MAX  (UINT32_C(1) << TRI_SUM_BITS)

struct tri_page_sum {
    uint32_t start;
    uint32_t longest;
    uint32_t end;
};

static inline uint64_t
tri_page_sum_pack(struct tri_page_sum sum)
{
    if (sum.longest == TRI_SUM_MAX)
        return UINT64_C(1) << 63;
    return (uint64_t)sum.start | (uint64_t)sum.longest << TRI_SUM_BITS
         | (uint64_t)sum.end << 2 * TRI_SUM_BITS;
}

static inline uint32_t
tri_page_sum_start(uint64_t packed)
{
    return packed >> 63 ? TRI_SUM_MAX : (uint32_t)(packed & (TRI_SUM_MAX - 1));
}

static inline uint32_t
tri_page_sum_longest(uint64_t packed)
{
    return packed >> 63
             ? TRI_SUM_MAX
             : (uint32_t)(packed >> TRI_SUM_BITS & (TRI_SUM_MAX - 1));
}

static inline uint32_t
tri_page_sum_end(uint64_t packed)
{
    return packed >> 63
             ? TRI_SUM_MAX
             : (uint32_t)(packed >> 2 * TRI_SUM_BITS & (TRI_SUM_MAX - 1));
}

/* Summary of a chunk in which everything is free; 0 sums up a used one. */
#define TRI_CHUNK_SUM_FREE                                                     \
    ((uint64_t)TRI_CHUNK_PAGES | (uint64_t)TRI_CHUNK_PAGES << TRI_SUM_BITS     \
     | (uint64_t)TRI_CHUNK_PAGES << 2 * TRI_SUM_BITS)

/* Runs of clear bits. */
struct tri_page_sum tri_page_bits_summarize(const struct tri_page_bits *bits);

/*
 * The lowest run of `count` clear bits (1 .. 512) that starts at `from` or
 * above, or TRI_CHUNK_NONE.  *first is the lowest clear bit at or above `from`,
 * if there is any.
 */
uint32_t tri_page_bits_find(const struct tri_page_bits *bits, uint32_t count,
                            uint32_t from, uint32_t *first);

/* On [first, first + count), within the chunk. */
void tri_page_bits_set(struct tri_page_bits *bits, uint32_t first,
                       uint32_t count);
void tri_page_bits_clear(struct tri_page_bits *bits, uint32_t first,
                         uint32_t count);
uint32_t tri_page_bits_count(const struct tri_page_bits *bits, uint32_t first,
                             uint32_t count);

/* The whole run of clear bits around [first, first + count), which is clear:
 * where it begins, and its end in *end. */
uint32_t tri_page_bits_run_around(const struct tri_page_bits *bits,
                                  uint32_t first, uint32_t count,
                                  uint32_t *end);

/*
 * The highest run of pages that are free and backed, cut to its upper `max`
 * pages: its first page, and its length in *count; TRI_CHUNK_NONE if there is
 * none.  Where the cut would split a huge page (2 MiB) that is wholly free, it
 * moves down to that page's start: half a huge page given back costs the other
 * half its huge page.  The part below the cut may hold released pages too.
 */
uint32_t tri_page_chunk_find_backed(const struct tri_page_chunk *chunk,
                                    uint32_t max, uint32_t *count);

#endif /* TRI_ALLOC_PAGE_BITS_H */
