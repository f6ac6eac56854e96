/* SPDX-License-Identifier: MIT */
/* alloc/kind.c: the table of span kinds, fixed ones and those made for layouts. */
#include "alloc/kind.h"

#include "alloc/space.h"
#include "base/check.h"
#include "base/lock.h"

struct tri_kind tri_kinds[TRI_KIND_MAX];

_Static_assert(sizeof(struct tri_kind) == 64, "a kind is one cache line");
_Static_assert(TRI_KIND_HEADER_FIRST
                   == TRI_KIND_NOSCAN_FIRST + TRI_CLASS_COUNT - 1,
               "header kinds follow the noscan ones");
_Static_assert(TRI_KIND_LARGE_SCAN
                   == TRI_KIND_HEADER_FIRST + TRI_CLASS_COUNT - 1,
               "the large kinds follow the header ones");

/* Guards next_layout and the kinds from there on. */
static struct tri_lock layout_lock = TRI_LOCK_INIT(TYPES);
static uint32_t next_layout;

/* The least shift with which the pages of a span hold a bit for each slot, in
 * whole words: 3 (64 bits a page) to 7 (1024). */
static uint8_t
mark_shift(uint32_t slot_count, uint32_t pages)
{
    uint32_t bytes = (slot_count + 63) / 64 * 8;
    uint8_t shift = TRI_MARK_SHIFT_MIN;
    while (pages << shift < bytes)
        shift++;
    TRI_CHECK(shift < TRI_MARK_SHIFT_MIN + TRI_MARK_TABLES,
              "kinds: %u slots in %u pages need too many mark bits", slot_count,
              pages);
    return shift;
}

static void
set_mark_tables(struct tri_kind *kind, uint8_t shift)
{
    kind->mark_shift = shift;
    kind->mark_table = tri_space.mark_tables[shift - TRI_MARK_SHIFT_MIN];
    kind->alloc_table = tri_space.alloc_tables[shift - TRI_MARK_SHIFT_MIN];
}

static void
make_small(uint32_t index, uint32_t size_class, enum tri_kind_scan scan,
           uint64_t pointer_mask)
{
    struct tri_kind *kind = &tri_kinds[index];
    uint32_t bytes = tri_size_classes[size_class].bytes;
    uint32_t pages = tri_size_classes[size_class].pages;
    kind->slot_bytes = bytes;
    kind->div_magic = (uint32_t)(((UINT64_C(1) << 32) + bytes - 1) / bytes);
    kind->slot_count = (uint32_t)(pages * TRI_PAGE_BYTES / bytes);
    kind->span_pages = (uint16_t)pages;
    kind->scan = (uint8_t)scan;
    kind->pointer_mask = pointer_mask;
    kind->size_class = (uint8_t)size_class;
    kind->noscan = scan == TRI_SCAN_NONE;
    kind->index = (uint8_t)index;
    set_mark_tables(kind, mark_shift(kind->slot_count, pages));
    kind->exists = 1;
}

static void
make_large(uint32_t index, enum tri_kind_scan scan)
{
    struct tri_kind *kind = &tri_kinds[index];
    kind->slot_count = 1;
    kind->scan = (uint8_t)scan;
    kind->noscan = scan == TRI_SCAN_NONE;
    kind->index = (uint8_t)index;
    set_mark_tables(kind, TRI_MARK_SHIFT_MIN);
    kind->exists = 1;
}

void
tri_kinds_init(void)
{
    for (uint32_t c = 1; c < TRI_CLASS_COUNT; c++) {
        make_small(tri_kind_noscan(c), c, TRI_SCAN_NONE, 0);
        make_small(tri_kind_header(c), c, TRI_SCAN_HEADER, 0);
    }
    make_large(TRI_KIND_LARGE_SCAN, TRI_SCAN_LARGE);
    make_large(TRI_KIND_LARGE_NOSCAN, TRI_SCAN_NONE);
    next_layout = TRI_KIND_LAYOUT_FIRST;
}

uint32_t
tri_kind_for_layout(uint32_t size_class, uint64_t pointer_mask)
{
    uint32_t words = tri_size_classes[size_class].bytes / 8;
    TRI_CHECK(size_class - 1 < TRI_CLASS_COUNT - 1 && words <= 64
                  && (words == 64 || pointer_mask >> words == 0),
              "kinds: mask 0x%llx does not fit class %u",
              (unsigned long long)pointer_mask, size_class);
    if (pointer_mask == 0)
        return tri_kind_noscan(size_class);

    uint32_t result = 0;
    tri_lock(&layout_lock);
    for (uint32_t k = TRI_KIND_LAYOUT_FIRST; k < next_layout; k++)
        if (tri_kinds[k].size_class == size_class
            && tri_kinds[k].pointer_mask == pointer_mask)
            result = k;
    if (result == 0 && next_layout < TRI_KIND_MAX) {
        result = next_layout++;
        make_small(result, size_class, TRI_SCAN_MASK, pointer_mask);
    }
    tri_unlock(&layout_lock);
    return result;
}
