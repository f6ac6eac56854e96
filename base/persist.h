/* SPDX-License-Identifier: MIT */
/*
 * base/persist.h: off-heap memory that is never freed: tables, blocks of
 * records, P structs.  Zeroed.  Go: persistentalloc.
 * NULL when the machine has no more; TRI_RANK_PERSIST inside.
 */
#ifndef TRI_BASE_PERSIST_H
#define TRI_BASE_PERSIST_H

#include "base/compiler.h"

TRI_NODISCARD void *tri_persist_alloc(size_t bytes, size_t align);
/* Bytes taken from the system so far. */
size_t tri_persist_bytes(void);

#endif /* TRI_BASE_PERSIST_H */
