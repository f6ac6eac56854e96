/* SPDX-License-Identifier: MIT */
/*
 * alloc/page_alloc.c: taking pages and giving them back, chunk by chunk: runs,
 * windows, and what there is to release.
 */
#include "alloc/page_alloc.h"

#include <string.h>

#include "alloc/bits.h"
#include "alloc/page_tree.h"
#include "base/check.h"

static inline uint32_t
min_u32(size_t a, size_t b)
{
    return (uint32_t)(a < b ? a : b);
}

/* ---- tables -------------------------------------------------------------- */

static size_t
round_up(size_t value, size_t unit)
{
    return (value + unit - 1) & ~(unit - 1);
}

static size_t
root_count(size_t page_count)
{
    return (page_count + TRI_SUM_MAX - 1) >> tri_page_tree_log(0);
}

size_t
tri_page_alloc_table_bytes(size_t page_count)
{
    size_t roots = root_count(page_count);
    size_t bytes = (roots << TRI_TREE_LEAF * TRI_TREE_LEVEL_BITS)
                 * sizeof(struct tri_page_chunk);
    for (uint32_t level = 0; level < TRI_PAGE_LEVELS; level++)
        bytes += round_up(
            (roots << level * TRI_TREE_LEVEL_BITS) * sizeof(uint64_t), 64);
    return bytes;
}

void
tri_page_alloc_init(struct tri_page_alloc *alloc, void *tables,
                    size_t page_count)
{
    size_t roots = root_count(page_count);
    char *next = tables;
    *alloc = (struct tri_page_alloc){ .page_count = page_count,
                                      .root_count = roots,
                                      .search = page_count };
    alloc->chunks = (struct tri_page_chunk *)(void *)next;
    next += (roots << TRI_TREE_LEAF * TRI_TREE_LEVEL_BITS)
          * sizeof(struct tri_page_chunk);
    for (uint32_t level = 0; level < TRI_PAGE_LEVELS; level++) {
        alloc->summary[level] = (uint64_t *)(void *)next;
        next += round_up(
            (roots << level * TRI_TREE_LEVEL_BITS) * sizeof(uint64_t), 64);
    }
}

/* ---- summaries ------------------------------------------------------------ */

static inline void
summarize_chunk(struct tri_page_alloc *alloc, size_t chunk)
{
    alloc->summary[TRI_TREE_LEAF][chunk] =
        tri_page_sum_pack(tri_page_bits_summarize(&alloc->chunks[chunk].used));
}

/* Part of a chunk became free: its runs can only have grown, so only the one
 * around the part is looked at. */
static inline void
note_freed(struct tri_page_alloc *alloc, size_t chunk, uint32_t first,
           uint32_t count)
{
    uint64_t old = alloc->summary[TRI_TREE_LEAF][chunk];
    uint32_t end = 0;
    uint32_t begin = tri_page_bits_run_around(&alloc->chunks[chunk].used, first,
                                              count, &end);
    struct tri_page_sum sum = { tri_page_sum_start(old),
                                tri_page_sum_longest(old),
                                tri_page_sum_end(old) };
    if (begin == 0)
        sum.start = end;
    if (end == TRI_CHUNK_PAGES)
        sum.end = end - begin;
    if (end - begin > sum.longest)
        sum.longest = end - begin;
    alloc->summary[TRI_TREE_LEAF][chunk] = tri_page_sum_pack(sum);
}

/* The pages of [page, page + count) changed; `before` is the summary that the
 * first one's chunk had. */
static inline void
update_range(struct tri_page_alloc *alloc, size_t page, size_t count,
             uint64_t before)
{
    size_t first = page / TRI_CHUNK_PAGES;
    size_t last = (page + count - 1) / TRI_CHUNK_PAGES;
    if (first == last)
        tri_page_tree_update_one(alloc, first, before);
    else
        tri_page_tree_update(alloc, first, last);
}

/* First fit; the chunk at `search` is tried without the tree.  Moves `search`
 * up to what it learnt. */
static size_t
search(struct tri_page_alloc *alloc, size_t count)
{
    size_t chunk = alloc->search / TRI_CHUNK_PAGES;
    size_t first = alloc->search;
    size_t page = TRI_PAGE_NONE;
    if (alloc->search >= alloc->end)
        return TRI_PAGE_NONE; /* PAGE-1: nothing is free */
    if (tri_page_sum_longest(alloc->summary[TRI_TREE_LEAF][chunk]) >= count) {
        uint32_t low = 0;
        uint32_t index = tri_page_bits_find(
            &alloc->chunks[chunk].used, (uint32_t)count,
            (uint32_t)(alloc->search % TRI_CHUNK_PAGES), &low);
        TRI_CHECK(index != TRI_CHUNK_NONE,
                  "page allocator: bad summary of chunk %zu (PAGE-2)", chunk);
        first = chunk * TRI_CHUNK_PAGES + low;
        page = chunk * TRI_CHUNK_PAGES + index;
    } else {
        page = tri_page_tree_search(alloc, count, &first);
        if (page == TRI_PAGE_NONE && count == 1)
            first = alloc->page_count;
    }
    alloc->search = page == first ? page + count : first;
    return page;
}

/* ---- taking and giving ---------------------------------------------------- */

void
tri_page_alloc_grow(struct tri_page_alloc *alloc, size_t page, size_t count)
{
    TRI_CHECK(page % TRI_CHUNK_PAGES == 0 && count % TRI_CHUNK_PAGES == 0
                  && count != 0 && count <= alloc->page_count
                  && page <= alloc->page_count - count,
              "page allocator: growth of %zu pages at %zu", count, page);
    size_t first = page / TRI_CHUNK_PAGES;
    size_t last = (page + count) / TRI_CHUNK_PAGES - 1;
    for (size_t chunk = first; chunk <= last; chunk++) {
        memset(&alloc->chunks[chunk].used, 0x00, sizeof(struct tri_page_bits));
        memset(&alloc->chunks[chunk].released, 0xff,
               sizeof(struct tri_page_bits));
        alloc->summary[TRI_TREE_LEAF][chunk] = TRI_CHUNK_SUM_FREE;
    }
    tri_page_tree_update(alloc, first, last);
    if (page + count > alloc->end)
        alloc->end = page + count;
    if (page < alloc->search)
        alloc->search = page;
}

/* The pages of a run that lie in one chunk. */
struct part {
    size_t number; /* of the chunk */
    struct tri_page_chunk *chunk;
    uint32_t first;
    uint32_t count;
};

/* Cuts the next part off the run; false at its end. */
static bool
next_part(const struct tri_page_alloc *alloc, size_t *page, size_t *count,
          struct part *part)
{
    if (*count == 0)
        return false;
    part->number = *page / TRI_CHUNK_PAGES;
    part->chunk = &alloc->chunks[part->number];
    part->first = (uint32_t)(*page % TRI_CHUNK_PAGES);
    part->count = min_u32(*count, TRI_CHUNK_PAGES - part->first);
    *page += part->count;
    *count -= part->count;
    return true;
}

/* Marks free pages used; returns how many were released. */
static size_t
set_used(struct tri_page_alloc *alloc, size_t page, size_t count)
{
    uint64_t before = alloc->summary[TRI_TREE_LEAF][page / TRI_CHUNK_PAGES];
    size_t released = 0;
    size_t at = page;
    size_t left = count;
    struct part part;
    while (next_part(alloc, &at, &left, &part)) {
        released +=
            tri_page_bits_count(&part.chunk->released, part.first, part.count);
        tri_page_bits_set(&part.chunk->used, part.first, part.count);
        tri_page_bits_clear(&part.chunk->released, part.first, part.count);
        if (part.count == TRI_CHUNK_PAGES)
            alloc->summary[TRI_TREE_LEAF][part.number] = 0;
        else
            summarize_chunk(alloc, part.number);
    }
    update_range(alloc, page, count, before);
    return released;
}

static void
set_free(struct tri_page_alloc *alloc, size_t page, size_t count, bool released)
{
    uint64_t before = alloc->summary[TRI_TREE_LEAF][page / TRI_CHUNK_PAGES];
    size_t at = page;
    size_t left = count;
    struct part part;
    while (next_part(alloc, &at, &left, &part)) {
        TRI_CHECK(tri_page_bits_count(&part.chunk->used, part.first, part.count)
                      == part.count,
                  "page allocator: double free within %zu pages at %zu", count,
                  page);
        tri_page_bits_clear(&part.chunk->used, part.first, part.count);
        if (released)
            tri_page_bits_set(&part.chunk->released, part.first, part.count);
        note_freed(alloc, part.number, part.first, part.count);
    }
    update_range(alloc, page, count, before);
    if (page < alloc->search)
        alloc->search = page;
    if (!released && page + count > alloc->backed_end)
        alloc->backed_end = page + count;
}

size_t
tri_page_alloc_take(struct tri_page_alloc *alloc, size_t count,
                    size_t *released)
{
    TRI_DCHECK(count > 0, "page allocator: no pages asked for");
    size_t page = search(alloc, count);
    if (page != TRI_PAGE_NONE)
        *released = set_used(alloc, page, count);
    return page;
}

void
tri_page_alloc_free(struct tri_page_alloc *alloc, size_t page, size_t count)
{
    set_free(alloc, page, count, false);
}

size_t
tri_page_alloc_free_tail(const struct tri_page_alloc *alloc)
{
    size_t tail = 0;
    size_t chunk = alloc->end / TRI_CHUNK_PAGES;
    while (chunk-- > 0) {
        uint64_t sum = alloc->summary[TRI_TREE_LEAF][chunk];
        tail += tri_page_sum_end(sum);
        if (sum != TRI_CHUNK_SUM_FREE)
            break;
    }
    return tail;
}

/* ---- windows ---------------------------------------------------------------- */

bool
tri_page_alloc_take_window(struct tri_page_alloc *alloc,
                           struct tri_page_window *window)
{
    *window = (struct tri_page_window){ 0 };
    size_t page = search(alloc, 1);
    if (page == TRI_PAGE_NONE)
        return false;
    size_t chunk = page / TRI_CHUNK_PAGES;
    uint32_t w = (uint32_t)(page % TRI_CHUNK_PAGES / 64);
    struct tri_page_chunk *c = &alloc->chunks[chunk];
    window->page = page & ~(size_t)63;
    window->free = ~c->used.word[w];
    window->released = c->released.word[w]; /* PAGE-3: free ones only */
    c->used.word[w] = UINT64_MAX;
    c->released.word[w] = 0;
    uint64_t before = alloc->summary[TRI_TREE_LEAF][chunk];
    summarize_chunk(alloc, chunk);
    tri_page_tree_update_one(alloc, chunk, before);
    alloc->search = window->page + 64;
    return true;
}

void
tri_page_alloc_flush_window(struct tri_page_alloc *alloc,
                            struct tri_page_window *window)
{
    if (window->free != 0) {
        size_t chunk = window->page / TRI_CHUNK_PAGES;
        uint32_t w = (uint32_t)(window->page % TRI_CHUNK_PAGES / 64);
        struct tri_page_chunk *c = &alloc->chunks[chunk];
        TRI_CHECK((~c->used.word[w] & window->free) == 0,
                  "page allocator: window at %zu flushed twice", window->page);
        c->used.word[w] &= ~window->free;
        c->released.word[w] |= window->released;
        uint64_t before = alloc->summary[TRI_TREE_LEAF][chunk];
        summarize_chunk(alloc, chunk);
        tri_page_tree_update_one(alloc, chunk, before);
        if (window->page < alloc->search)
            alloc->search = window->page;
        if (window->free != window->released
            && window->page + 64 > alloc->backed_end)
            alloc->backed_end = window->page + 64;
    }
    *window = (struct tri_page_window){ 0 };
}

size_t
tri_page_window_take(struct tri_page_window *window, uint32_t count,
                     size_t *released)
{
    uint64_t runs = tri_bits_runs(window->free, count);
    if (runs == 0)
        return TRI_PAGE_NONE;
    uint32_t first = tri_bits_trailing(runs);
    uint64_t mask = tri_bits_mask(first, count);
    uint64_t clean = window->released & mask;
    window->free &= ~mask;
    window->released &= ~mask;
    *released = clean == 0 ? 0 : clean == mask ? count : tri_bits_count(clean);
    return window->page + first;
}

/* ---- scavenging ------------------------------------------------------------- */

size_t
tri_page_alloc_take_backed(struct tri_page_alloc *alloc, size_t max,
                           size_t chunks, size_t *count, size_t *backed,
                           bool *more)
{
    *more = false;
    size_t end = (alloc->backed_end + TRI_CHUNK_PAGES - 1) / TRI_CHUNK_PAGES;
    for (; end > 0; end--) {
        size_t chunk = end - 1;
        if (chunks-- == 0) {
            *more = true;
            break;
        }
        if (alloc->summary[TRI_TREE_LEAF][chunk] == 0)
            continue;
        uint32_t n = 0;
        uint32_t first = tri_page_chunk_find_backed(
            &alloc->chunks[chunk], min_u32(max, TRI_CHUNK_PAGES), &n);
        if (first == TRI_CHUNK_NONE)
            continue;
        size_t page = chunk * TRI_CHUNK_PAGES + first;
        alloc->backed_end = end * TRI_CHUNK_PAGES;
        *count = n;
        *backed = n - set_used(alloc, page, n);
        return page;
    }
    alloc->backed_end = end * TRI_CHUNK_PAGES;
    return TRI_PAGE_NONE;
}

void
tri_page_alloc_put_released(struct tri_page_alloc *alloc, size_t page,
                            size_t count)
{
    set_free(alloc, page, count, true);
}

/* ---- checking ---------------------------------------------------------------- */

/* A chunk that was never grown: summed up as used, its bits untouched. */
static bool
never_grown(const struct tri_page_alloc *alloc, size_t chunk)
{
    static const struct tri_page_chunk zero;
    return alloc->summary[TRI_TREE_LEAF][chunk] == 0
        && memcmp(&alloc->chunks[chunk], &zero, sizeof(zero)) == 0;
}

static void
check_chunk(const struct tri_page_alloc *alloc, size_t chunk)
{
    const struct tri_page_chunk *c = &alloc->chunks[chunk];
    TRI_CHECK(alloc->summary[TRI_TREE_LEAF][chunk]
                  == tri_page_sum_pack(tri_page_bits_summarize(&c->used)),
              "page allocator: summary of chunk %zu (PAGE-2)", chunk);
    uint32_t low = TRI_CHUNK_PAGES;
    (void)tri_page_bits_find(&c->used, 1, 0, &low);
    TRI_CHECK(low == TRI_CHUNK_PAGES
                  || chunk * TRI_CHUNK_PAGES + low >= alloc->search,
              "page allocator: page %zu is free below %zu (PAGE-1)",
              chunk * TRI_CHUNK_PAGES + low, alloc->search);
    for (uint32_t w = 0; w < TRI_CHUNK_WORDS; w++)
        TRI_CHECK((c->used.word[w] & c->released.word[w]) == 0,
                  "page allocator: chunk %zu: used and released (PAGE-3)",
                  chunk);
}

void
tri_page_alloc_check(const struct tri_page_alloc *alloc)
{
    for (size_t chunk = 0; chunk < alloc->end / TRI_CHUNK_PAGES; chunk++)
        if (!never_grown(alloc, chunk))
            check_chunk(alloc, chunk);
    tri_page_tree_check(alloc);
}
