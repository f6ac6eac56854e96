/* SPDX-License-Identifier: MIT */
/* alloc/central.c: the sets themselves; empty sets are all zero. */
#include "alloc/central.h"

struct tri_central tri_centrals[TRI_KIND_MAX];
