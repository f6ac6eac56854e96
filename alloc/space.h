/* SPDX-License-Identifier: MIT */
/*
 * alloc/space.h: one contiguous reservation of address space for the heap, and
 * the flat side tables that go with it.
 *
 * 1 TiB of heap addresses, or what the limits allow (halved until the kernel
 * agrees, at least 1 GiB).  "Is it heap" is one subtraction; the page's number
 * indexes every table:
 *
 *   page_kind   1 byte: the span kind (alloc/kind.h), 0 when free
 *   page_span   8 bytes: the span that covers the page
 *   mark/alloc  5 + 5 tables, one per span capacity of 64 .. 1024 slots:
 *               bits of the span that starts at page p at table + (p << shift)
 *
 * All of it is reserved without backing (MAP_NORESERVE): only what is touched
 * costs memory.  The two page tables are readable from the start; heap and mark
 * tables become so as the heap grows, arena by arena.
 *
 *   SPACE-1  page_kind[p] is written before the span's state becomes in-use and
 *            cleared before it stops being so; otherwise a stale pointer is
 *            classified by another span's kind.
 *   SPACE-2  TRI_NUMA's policy is set on whole reservations, before anything in
 *            them is touched, and on all of them or none; otherwise what was
 *            touched lies elsewhere for good, and nobody can say what holds.
 */
#ifndef TRI_ALLOC_SPACE_H
#define TRI_ALLOC_SPACE_H

#include "alloc/kind.h"
#include "base/numa.h"

#define TRI_ARENA_BYTES ((size_t)64 << 20)

/* The mark tables: one per log2 of bytes per page, 3 .. 7. */
#define TRI_MARK_SHIFT_MIN 3
#define TRI_MARK_TABLES    5

struct tri_span;

struct tri_heap_space {
    uintptr_t base;                           /* [c] TRI_ARENA_BYTES aligned */
    size_t bytes;                             /* [c] reserved */
    TRI_ATOMIC(uint8_t) *page_kind;           /* [a] */
    TRI_ATOMIC(struct tri_span *) *page_span; /* [a] */
    uint8_t *mark_tables[TRI_MARK_TABLES];    /* [c] by shift - 3 */
    uint8_t *alloc_tables[TRI_MARK_TABLES];   /* [c] */
    void *page_alloc_tables;                  /* [c] for alloc/page_alloc.h */
    size_t committed;   /* [heap lock] bytes of the heap made usable */
    enum tri_numa numa; /* [c] the policy in effect */
    int numa_error;     /* [c] of the kernel that refused another, or 0 */
};

extern struct tri_heap_space tri_space;

/* 0, or -ENOMEM with nothing left reserved.  Once. */
TRI_NODISCARD int tri_heap_space_init(void);

/* Makes at least the first `bytes` of the heap usable, and their part of the
 * mark tables.  0 or -errno, with nothing lost.  Heap lock. */
TRI_NODISCARD int tri_heap_space_commit(size_t bytes);

/* Pages in the reservation. */
static inline size_t
tri_space_page_count(void)
{
    return tri_space.bytes >> TRI_PAGE_SHIFT;
}

/* The address lies in the reservation (which says nothing about a span). */
static inline bool
tri_space_contains(uintptr_t address)
{
    return address - tri_space.base < tri_space.bytes;
}

static inline size_t
tri_space_page(uintptr_t address)
{
    return (address - tri_space.base) >> TRI_PAGE_SHIFT;
}

static inline uintptr_t
tri_space_page_address(size_t page)
{
    return tri_space.base + (page << TRI_PAGE_SHIFT);
}

#endif /* TRI_ALLOC_SPACE_H */
