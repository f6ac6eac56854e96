/* SPDX-License-Identifier: MIT */
/*
 * alloc/kind.h: span kinds: what one byte per page says of the objects in it.
 *
 * A kind is a size class together with how its objects are scanned.  The page's
 * byte names the kind; everything classification and marking need of it (size,
 * division magic, slot count, pointer mask, mark table) sits together in one
 * cache line that stays in L1.  So a small object costs no heap bitmap and no
 * span look-up (docs/design/heap.md; measured in docs/decisions).
 *
 *   kind 0                       not heap, or a free page
 *   1 .. 67                      noscan objects of class k
 *   68 .. 134                    class k - 67, an 8-byte type header in the slot
 *   135, 136                     large: scan (by span->large_type), noscan
 *   137 .. 255                   one layout each: class + pointer mask,
 *                                made as types register, first come
 *
 * The scan part (pointer mask) is an opaque word to alloc/: gc/ reads it.
 */
#ifndef TRI_ALLOC_KIND_H
#define TRI_ALLOC_KIND_H

#include <tricolor/tricolor.h>

#include "alloc/sizeclass.h"
#include "base/atomic.h"

#define TRI_KIND_NOSCAN_FIRST 1u  /* + class - 1 */
#define TRI_KIND_HEADER_FIRST 68u /* + class - 1 */
#define TRI_KIND_LARGE_SCAN   135u
#define TRI_KIND_LARGE_NOSCAN 136u
#define TRI_KIND_LAYOUT_FIRST 137u

enum tri_kind_scan {
    TRI_SCAN_NONE,   /* no pointers */
    TRI_SCAN_HEADER, /* first word of the slot: const struct tri_type_info * */
    TRI_SCAN_MASK,   /* pointer_mask: bit i = word i of the slot */
    TRI_SCAN_LARGE   /* span->large_type */
};

/* [c] constant once the kind exists.  64 bytes. */
struct tri_kind {
    uint32_t slot_bytes;
    uint32_t div_magic;  /* ceil(2^32 / slot_bytes): offset -> index */
    uint32_t slot_count; /* per span; 1 for large */
    uint16_t span_pages; /* 0 for large */
    uint8_t scan;        /* enum tri_kind_scan */
    uint8_t mark_shift;  /* the mark table: log2 of its bytes per page, 3..7 */
    uint64_t pointer_mask; /* TRI_SCAN_MASK */
    uint8_t *mark_table;   /* bits of a span at mark_table + (page << shift) */
    uint8_t *alloc_table;  /* its twin */
    uint8_t size_class;    /* 0: large */
    uint8_t noscan;        /* 1: never scanned */
    uint8_t index;
    uint8_t exists;
} TRI_CACHE_ALIGNED;

extern struct tri_kind tri_kinds[TRI_KIND_MAX];

static inline uint32_t
tri_kind_noscan(uint32_t size_class)
{
    return TRI_KIND_NOSCAN_FIRST + size_class - 1;
}

static inline uint32_t
tri_kind_header(uint32_t size_class)
{
    return TRI_KIND_HEADER_FIRST + size_class - 1;
}

/* Fills the fixed kinds.  After tri_heap_space_init, before any span. */
void tri_kinds_init(void);

/*
 * The kind for `size_class` (slots of at most 64 words) with this pointer mask,
 * made if need be; 0 when all are taken (the caller then uses a header kind).
 * A mask of 0 gives the noscan kind.  Takes a lock of TRI_RANK_TYPES.
 * Others see the kind whole once they see its number through a release.
 */
uint32_t tri_kind_for_layout(uint32_t size_class, uint64_t pointer_mask);

#endif /* TRI_ALLOC_KIND_H */
