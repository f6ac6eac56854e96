/* SPDX-License-Identifier: MIT */
/*
 * alloc/page_tree.h: the tree over the chunks' summaries: its upkeep and the
 * search in it.  For page_alloc.c only; alloc/page_alloc.h draws the picture.
 */
#ifndef TRI_ALLOC_PAGE_TREE_H
#define TRI_ALLOC_PAGE_TREE_H

#include "alloc/page_alloc.h"

#define TRI_TREE_LEVEL_BITS 3u
#define TRI_TREE_BLOCK      (1u << TRI_TREE_LEVEL_BITS) /* entries per parent */
#define TRI_TREE_LEAF       (TRI_PAGE_LEVELS - 1)
#define TRI_CHUNK_LOG       9u

_Static_assert(1u << TRI_CHUNK_LOG == TRI_CHUNK_PAGES, "chunk shift");
_Static_assert(TRI_CHUNK_LOG + TRI_TREE_LEAF * TRI_TREE_LEVEL_BITS
                   == TRI_SUM_BITS,
               "a summary holds exactly the pages of a root entry");

/* log2 of the pages that an entry of this level covers. */
static inline uint32_t
tri_page_tree_log(uint32_t level)
{
    return TRI_CHUNK_LOG + (TRI_TREE_LEAF - level) * TRI_TREE_LEVEL_BITS;
}

/* Takes the chunks' summaries [first, last] up into the levels above. */
void tri_page_tree_update(struct tri_page_alloc *alloc, size_t first,
                          size_t last);

/* The same for one chunk, whose summary was `before`. */
void tri_page_tree_update_one(struct tri_page_alloc *alloc, size_t chunk,
                              uint64_t before);

/*
 * First fit from the root, at or above alloc->search.  *first: no page below it
 * is free.  TRI_PAGE_NONE, and *first untouched, if there is no such run.
 */
size_t tri_page_tree_search(const struct tri_page_alloc *alloc, size_t count,
                            size_t *first);

/* Dies unless every entry is what its eight children say. */
void tri_page_tree_check(const struct tri_page_alloc *alloc);

#endif /* TRI_ALLOC_PAGE_TREE_H */
