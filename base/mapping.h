/* SPDX-License-Identifier: MIT */
/*
 * base/mapping.h: which mapping of the process holds an address.  From
 * /proc/self/maps, by raw system calls: the loader's tables are behind a lock,
 * and libc knows no stack but a thread's own.
 */
#ifndef TRI_BASE_MAPPING_H
#define TRI_BASE_MAPPING_H

#include <stdbool.h>

#include "base/compiler.h"

#define TRI_MAPPING_PATH_BYTES 256

/* One line of /proc/self/maps. */
struct tri_mapping {
    uintptr_t start;
    uintptr_t end;
    uintptr_t offset;
    char path[TRI_MAPPING_PATH_BYTES]; /* "" without, cut where too long */
};

/* False: nothing is mapped there, or /proc does not tell. */
TRI_NODISCARD bool tri_mapping_find(uintptr_t address,
                                    struct tri_mapping *mapping);

#endif /* TRI_BASE_MAPPING_H */
