/* SPDX-License-Identifier: MIT */
/* alloc/sizeclass.c: the size classes and the two look-ups into them. */
#include "alloc/sizeclass.h"

#include <tricolor/tricolor.h>

#include "alloc/kind.h"
#include "alloc/sizeclass_table.h"
#include "base/check.h"

const struct tri_size_class tri_size_classes[TRI_CLASS_COUNT] = {
    TRI_SIZE_CLASS_ROWS
};

/* One table serves both: a noscan kind is its class. */
_Static_assert(TRI_KIND_NOSCAN_FIRST == 1, "noscan kind k is class k");
TRI_API const uint8_t tri_noscan_kind_by_words[TRI_INLINE_BYTES_MAX / 8 + 1] = {
    TRI_CLASS_BY_8_ROWS
};

static const uint8_t class_by_128[] = { TRI_CLASS_BY_128_ROWS };
_Static_assert(sizeof(class_by_128)
                   == (TRI_SMALL_BYTES_MAX - TRI_INLINE_BYTES_MAX) / 128 + 1,
               "the table reaches the largest small size");

uint32_t
tri_size_class_of(size_t bytes)
{
    TRI_DCHECK(bytes - 1 < TRI_SMALL_BYTES_MAX, "size class of %zu bytes",
               bytes);
    if (bytes <= TRI_INLINE_BYTES_MAX)
        return tri_noscan_kind_by_words[(bytes + 7) / 8];
    return class_by_128[(bytes - TRI_INLINE_BYTES_MAX + 127) / 128];
}
