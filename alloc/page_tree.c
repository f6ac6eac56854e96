/* SPDX-License-Identifier: MIT */
/* alloc/page_tree.c: keeping the tree of summaries exact, and searching it. */
#include "alloc/page_tree.h"

#include "base/check.h"

/* ---- upkeep ------------------------------------------------------------------ */

/*
 * The summary of a block of eight entries, each covering 1 << log pages.  Those
 * cover less than a root entry, so none has the packed form of 2^21 pages.
 */
static uint64_t
merge(const uint64_t entries[TRI_TREE_BLOCK], uint32_t log)
{
    const uint32_t mask = TRI_SUM_MAX - 1;
    const uint32_t full = UINT32_C(1) << log;
    struct tri_page_sum sum = { 0, 0, 0 };
    for (uint32_t i = 0; i < TRI_TREE_BLOCK; i++) {
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

void
tri_page_tree_update(struct tri_page_alloc *alloc, size_t first, size_t last)
{
    for (uint32_t level = TRI_TREE_LEAF; level-- > 0;) {
        bool changed = false;
        first >>= TRI_TREE_LEVEL_BITS;
        last >>= TRI_TREE_LEVEL_BITS;
        for (size_t i = first; i <= last; i++) {
            uint64_t sum = merge(&alloc->summary[level + 1][i * TRI_TREE_BLOCK],
                                 tri_page_tree_log(level + 1));
            changed |= sum != alloc->summary[level][i];
            alloc->summary[level][i] = sum;
        }
        if (!changed)
            return;
    }
}

/*
 * Takes the change of one entry up into its parent, without its seven siblings
 * where they do not matter: it is its runs inside, or at the parent's start, that
 * changed.  False: they matter.
 */
static inline bool
update_parent(uint64_t *parent, uint64_t before, uint64_t now, size_t child)
{
    if (tri_page_sum_end(now) != tri_page_sum_end(before))
        return false;
    struct tri_page_sum sum = { tri_page_sum_start(*parent),
                                tri_page_sum_longest(*parent),
                                tri_page_sum_end(*parent) };
    /* Neither start is the whole entry: its end would have changed too. */
    if (tri_page_sum_start(now) != tri_page_sum_start(before)) {
        if (child % TRI_TREE_BLOCK != 0)
            return false;
        sum.start = tri_page_sum_start(now);
    }
    uint32_t longest = tri_page_sum_longest(now);
    if (longest < tri_page_sum_longest(before)
        && tri_page_sum_longest(before) == sum.longest)
        return false; /* it may have been the longest; who is now? */
    if (longest > sum.longest)
        sum.longest = longest;
    *parent = tri_page_sum_pack(sum);
    return true;
}

void
tri_page_tree_update_one(struct tri_page_alloc *alloc, size_t chunk,
                         uint64_t before)
{
    size_t child = chunk;
    for (uint32_t level = TRI_TREE_LEAF; level-- > 0;
         child >>= TRI_TREE_LEVEL_BITS) {
        uint64_t *entries = alloc->summary[level + 1];
        if (entries[child] == before)
            return;
        uint64_t *parent = &alloc->summary[level][child / TRI_TREE_BLOCK];
        uint64_t parent_before = *parent;
        if (!update_parent(parent, before, entries[child], child))
            *parent = merge(&entries[child / TRI_TREE_BLOCK * TRI_TREE_BLOCK],
                            tri_page_tree_log(level + 1));
        before = parent_before;
    }
}

/* ---- search ------------------------------------------------------------------ */

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
    uint32_t log = tri_page_tree_log(level);
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

size_t
tri_page_tree_search(const struct tri_page_alloc *alloc, size_t count,
                     size_t *first)
{
    size_t lowest = alloc->search;
    bool exact = true; /* the path went through the first entry so far */
    size_t from = lowest >> tri_page_tree_log(0);
    size_t end = alloc->root_count;
    for (uint32_t level = 0; level < TRI_PAGE_LEVELS; level++) {
        struct block_search found =
            search_block(alloc, level, from, end, count);
        if (exact && found.first != SIZE_MAX) {
            size_t page = found.first << tri_page_tree_log(level);
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
        if (level == TRI_TREE_LEAF) {
            from = found.entry;
            break;
        }
        from = found.entry * TRI_TREE_BLOCK;
        end = from + TRI_TREE_BLOCK;
        if (exact && lowest >> tri_page_tree_log(level + 1) > from)
            from = lowest >> tri_page_tree_log(level + 1);
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

/* ---- checking ---------------------------------------------------------------- */

void
tri_page_tree_check(const struct tri_page_alloc *alloc)
{
    for (uint32_t level = 0; level < TRI_TREE_LEAF; level++)
        for (size_t i = 0; i < alloc->root_count << level * TRI_TREE_LEVEL_BITS;
             i++)
            TRI_CHECK(
                alloc->summary[level][i]
                    == merge(&alloc->summary[level + 1][i * TRI_TREE_BLOCK],
                             tri_page_tree_log(level + 1)),
                "page allocator: level %u, entry %zu (PAGE-2)", level, i);
}
