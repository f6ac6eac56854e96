/* SPDX-License-Identifier: MIT */
/*
 * gc/type.h: what the collector knows of a type.
 *
 * A struct tri_type belongs to the program and may vanish with the library it
 * lives in; a tri_type_info is the runtime's own copy, off-heap and for ever.
 * Slot headers and large spans point at infos, never at types.
 */
#ifndef TRI_GC_TYPE_H
#define TRI_GC_TYPE_H

#include <tricolor/tricolor.h>

#include "alloc/kind.h"

/* [c] All fields constant once published. */
struct tri_type_info {
    const char *name;
    size_t bytes;         /* of one element, rounded up to words; > 0 */
    size_t words;         /* bytes / 8 */
    size_t pointer_words; /* words up to and with the last pointer; 0: noscan */
    const uint64_t *mask; /* bit i: word i is a pointer; pointer_words bits */
    uint32_t layout_kind; /* span kind for one element; 0: header or large */
    uint32_t conservative; /* 1: every word may be a pointer */
};

/* Of tri_alloc_conservative. */
extern const struct tri_type_info tri_type_conservative;

/* The type's info, made at its first use.  Any caller outside a critical
 * section; dies (panic) when out of memory or the type makes no sense. */
const struct tri_type_info *tri_type_info_of(const struct tri_type *type);

#endif /* TRI_GC_TYPE_H */
