/* SPDX-License-Identifier: MIT */
/*
 * base/symbol.h: the name of the function at an address, for dying threads and
 * for dumps of a stopped world: no allocation, no lock, no loader.
 */
#ifndef TRI_BASE_SYMBOL_H
#define TRI_BASE_SYMBOL_H

#include <stdbool.h>

#include "base/compiler.h"

#define TRI_SYMBOL_NAME_BYTES 96

struct tri_symbol {
    char name[TRI_SYMBOL_NAME_BYTES]; /* "" if the file does not tell */
    char path[256];   /* of the program or library; "" if none */
    uintptr_t offset; /* in the function; without name: the file */
};

/* False: nothing is mapped there.  Milliseconds: it reads the file. */
TRI_NODISCARD bool tri_symbol_find(uintptr_t address,
                                   struct tri_symbol *symbol);

/* One line's end, for people: " NAME+0x12 (FILE)" or " FILE +0x1234". */
void tri_symbol_print(uintptr_t address);

#endif /* TRI_BASE_SYMBOL_H */
