/* SPDX-License-Identifier: MIT */
/*
 * alloc/heap_pages.h: the one page heap and its lock, shared by heap.c and
 * scavenge.c only.
 */
#ifndef TRI_ALLOC_HEAP_PAGES_H
#define TRI_ALLOC_HEAP_PAGES_H

#include "alloc/page_alloc.h"
#include "base/lock.h"

/* A line of its own: written by all who allocate, and the linker would put it beside
 * what others only read (decisions/0016). */
struct tri_heap_pages {
    struct tri_lock lock; /* TRI_RANK_HEAP */
    struct tri_page_alloc alloc;
} TRI_CACHE_ALIGNED;

extern struct tri_heap_pages tri_heap_pages;

#endif /* TRI_ALLOC_HEAP_PAGES_H */
