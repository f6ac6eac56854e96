/* SPDX-License-Identifier: MIT */
/* alloc/page_alloc.c: the radix tree: searching it and keeping it exact. */
#include "alloc/page_alloc.h"

#include <string.h>

#include "alloc/bits.h"
#include "base/check.h"

#define LEVEL_BITS 3u
#define BLOCK      (1u << LEVEL_BITS) /* children of one entry */
#define LEAF       (TRI_PAGE_LEVELS - 1)
#define CHUNK_LOG  9u

_Static_assert(1u << CHUNK_LOG == TRI_CHUNK_PAGES, "chunk shift");
_Static_assert(CHUNK_LOG + LEAF * LEVEL_BITS == TRI_SUM_BITS,
               "a summary holds exactly the pages of a root entry");

/* log2 of the pages that an entry of this level covers. */
static inline uint32_t
level_log(uint32_t level)
{
    return CHUNK_LOG + (LEAF - level) * LEVEL_BITS;
}

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
    return (page_count + TRI_SUM_MAX - 1) >> level_log(0);
}

size_t
tri_page_alloc_table_bytes(size_t page_count)
{
    size_t roots = root_count(page_count);
    size_t bytes =
        roots * BLOCK * BLOCK * BLOCK * BLOCK * sizeof(struct tri_page_chunk);
    for (uint32_t level = 0; level < TRI_PAGE_LEVELS; level++)
        bytes += round_up((roots << level * LEVEL_BITS) * sizeof(uint64_t), 64);
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
    next += (roots << LEAF * LEVEL_BITS) * sizeof(struct tri_page_chunk);
    for (uint32_t level = 0; level < TRI_PAGE_LEVELS; level++) {
        alloc->summary[level] = (uint64_t *)(void *)next;
        next += round_up((roots << level * LEVEL_BITS) * sizeof(uint64_t), 64);
    }
}

/* ---- summaries ------------------------------------------------------------ */

/*
 * The summary of a block of eight entries, each covering 1 << log pages.  Those
 * cover less than a root entry, so none has the packed form of 2^21 pages.
 */
static uint64_t
merge(const uint64_t entries[BLOCK], uint32_t log)
{
    const uint32_t mask = TRI_SUM_MAX - 1;
    const uint32_t full = UINT32_C(1) << log;
    struct tri_page_sum sum = { 0, 0, 0 };
    for (uint32_t i = 0; i < BLOCK; i++) {
        uint64_t entry = entries[i];
        uint32_t start = (uint32_t)entry & mask;
        uint32_t longest = (uint32_t)(entry >> TRI_SUM_BITS) & mask;
        uint32_t end = (uint32_t)(entry >> 2 * TRI_SUM_BITS);
        uint32_t across = sum.end + start;
        if (sum.start == i << log)
            sum.start += start;
        if (longest < across)
            longest = across;
        if (sum.longest < longest)
            sum.longest = longest;
        sum.end = start == full ? across : end;
    }
    return tri_page_sum_pack(sum);
}

/* Takes the leaf entries [first, last] up into the levels above. */
static void
update_above(struct tri_page_alloc *alloc, size_t first, size_t last)
{
    for (uint32_t level = LEAF; level-- > 0;) {
        bool changed = false;
        first >>= LEVEL_BITS;
        last >>= LEVEL_BITS;
        for (size_t i = first; i <= last; i++) {
            uint64_t sum = merge(&alloc->summary[level + 1][i * BLOCK],
                                 level_log(level + 1));
            changed |= sum != alloc->summary[level][i];
            alloc->summary[level][i] = sum;
        }
        if (!changed)
            return;
    }
}

static inline void
summarize_chunk(struct tri_page_alloc *alloc, size_t chunk)
{
    alloc->summary[LEAF][chunk] =
        tri_page_sum_pack(tri_page_bits_summarize(&alloc->chunks[chunk].used));
}

/* Part of a chunk became free: its runs can only have grown, so only the one
 * around the part is looked at. */
static inline void
note_freed(struct tri_page_alloc *alloc, size_t chunk, uint32_t first,
           uint32_t count)
{
    uint64_t old = alloc->summary[LEAF][chunk];
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
    alloc->summary[LEAF][chunk] = tri_page_sum_pack(sum);
}

/* ---- search ---------------------------------------------------------------- */

/* What a look at one block of entries found. */
struct block_search {
    size_t page;  /* TRI_PAGE_NONE, or the run: it crosses entries */
    size_t entry; /* SIZE_MAX, or the entry that holds it */
    size_t first; /* SIZE_MAX, or the first entry with a free page */
};

/* Looks in entries [from, end) of `level` for the lowest run of `count`. */
static struct block_search
search_block(const struct tri_page_alloc *alloc, uint32_t level, size_t from,
             size_t end, size_t count)
{
    struct block_search found = { TRI_PAGE_NONE, SIZE_MAX, SIZE_MAX };
    uint32_t log = level_log(level);
    size_t run = 0; /* free pages up to the entry */
    for (size_t i = from; i < end; i++) {
        uint64_t sum = alloc->summary[level][i];
        if (sum == 0) {
            run = 0;
            continue;
        }
        if (found.first == SIZE_MAX)
            found.first = i;
        uint32_t start = tri_page_sum_start(sum);
        if (run + start >= count) {
            /* An entry that holds it alone is searched below: there, `first`
             * becomes exact. */
            if (run == 0)
                found.entry = i;
            else
                found.page = (i << log) - run;
            return found;
        }
        if (tri_page_sum_longest(sum) >= count) {
            found.entry = i;
            return found;
        }
        run = start >> log != 0 ? run + start : tri_page_sum_end(sum);
    }
    return found;
}

/*
 * First fit from the root.  *first: no page below it is free.  TRI_PAGE_NONE,
 * and *first untouched, if there is no such run.
 */
static size_t
search_tree(const struct tri_page_alloc *alloc, size_t count, size_t *first)
{
    size_t lowest = alloc->search;
    bool exact = true; /* the path went through the first entry so far */
    size_t from = lowest >> level_log(0);
    size_t end = alloc->root_count;
    for (uint32_t level = 0; level < TRI_PAGE_LEVELS; level++) {
        struct block_search found =
            search_block(alloc, level, from, end, count);
        if (exact && found.first != SIZE_MAX) {
            size_t page = found.first << level_log(level);
            if (page > lowest)
                lowest = page;
        }
        if (found.page != TRI_PAGE_NONE) {
            *first = lowest;
            return found.page;
        }
        if (found.entry == SIZE_MAX) {
            TRI_CHECK(level == 0,
                      "page allocator: bad summary at level %u, "
                      "entry %zu (PAGE-2)",
                      level, from);
            return TRI_PAGE_NONE;
        }
        exact = exact && found.entry == found.first;
        if (level == LEAF) {
            from = found.entry;
            break;
        }
        from = found.entry * BLOCK;
        end = from + BLOCK;
        if (exact && lowest >> level_log(level + 1) > from)
            from = lowest >> level_log(level + 1);
    }
    uint32_t low = 0;
    uint32_t index =
        tri_page_bits_find(&alloc->chunks[from].used, (uint32_t)count, 0, &low);
    TRI_CHECK(index != TRI_CHUNK_NONE,
              "page allocator: bad summary of chunk %zu (PAGE-2)", from);
    if (exact && from * TRI_CHUNK_PAGES + low > lowest)
        lowest = from * TRI_CHUNK_PAGES + low;
    *first = lowest;
    return from * TRI_CHUNK_PAGES + index;
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
    if (tri_page_sum_longest(alloc->summary[LEAF][chunk]) >= count) {
        uint32_t low = 0;
        uint32_t index = tri_page_bits_find(
            &alloc->chunks[chunk].used, (uint32_t)count,
            (uint32_t)(alloc->search % TRI_CHUNK_PAGES), &low);
        TRI_CHECK(index != TRI_CHUNK_NONE,
                  "page allocator: bad summary of chunk %zu (PAGE-2)", chunk);
        first = chunk * TRI_CHUNK_PAGES + low;
        page = chunk * TRI_CHUNK_PAGES + index;
    } else {
        page = search_tree(alloc, count, &first);
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
        alloc->summary[LEAF][chunk] = TRI_CHUNK_SUM_FREE;
    }
    update_above(alloc, first, last);
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
            alloc->summary[LEAF][part.number] = 0;
        else
            summarize_chunk(alloc, part.number);
    }
    update_above(alloc, page / TRI_CHUNK_PAGES,
                 (page + count - 1) / TRI_CHUNK_PAGES);
    return released;
}

static void
set_free(struct tri_page_alloc *alloc, size_t page, size_t count, bool released)
{
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
    update_above(alloc, page / TRI_CHUNK_PAGES,
                 (page + count - 1) / TRI_CHUNK_PAGES);
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
        uint64_t sum = alloc->summary[LEAF][chunk];
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
    summarize_chunk(alloc, chunk);
    update_above(alloc, chunk, chunk);
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
        summarize_chunk(alloc, chunk);
        update_above(alloc, chunk, chunk);
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
        if (alloc->summary[LEAF][chunk] == 0)
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
    return alloc->summary[LEAF][chunk] == 0
        && memcmp(&alloc->chunks[chunk], &zero, sizeof(zero)) == 0;
}

static void
check_chunk(const struct tri_page_alloc *alloc, size_t chunk)
{
    const struct tri_page_chunk *c = &alloc->chunks[chunk];
    TRI_CHECK(alloc->summary[LEAF][chunk]
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
    for (uint32_t level = 0; level < LEAF; level++)
        for (size_t i = 0; i < alloc->root_count << level * LEVEL_BITS; i++)
            TRI_CHECK(alloc->summary[level][i]
                          == merge(&alloc->summary[level + 1][i * BLOCK],
                                   level_log(level + 1)),
                      "page allocator: level %u, entry %zu (PAGE-2)", level, i);
}
