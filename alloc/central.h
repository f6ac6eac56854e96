/* SPDX-License-Identifier: MIT */
/*
 * alloc/central.h: per kind, four sets of spans: {partial, full} x {swept,
 * unswept}.  Which of a pair is "swept" alternates with the sweep generation
 * (+2 a cycle), so a cycle's turn moves nothing.  Go: mcentral.  The order in
 * which an allocation looks through them is policy: gc/sweep.c.
 */
#ifndef TRI_ALLOC_CENTRAL_H
#define TRI_ALLOC_CENTRAL_H

#include "alloc/span_set.h"

struct tri_central {
    struct tri_span_set partial[2];
    struct tri_span_set full[2];
} TRI_CACHE_ALIGNED;

extern struct tri_central tri_centrals[TRI_KIND_MAX];

static inline struct tri_span_set *
tri_central_partial_swept(uint32_t kind, uint32_t sweep_gen)
{
    return &tri_centrals[kind].partial[sweep_gen / 2 % 2];
}

static inline struct tri_span_set *
tri_central_partial_unswept(uint32_t kind, uint32_t sweep_gen)
{
    return &tri_centrals[kind].partial[1 - sweep_gen / 2 % 2];
}

static inline struct tri_span_set *
tri_central_full_swept(uint32_t kind, uint32_t sweep_gen)
{
    return &tri_centrals[kind].full[sweep_gen / 2 % 2];
}

static inline struct tri_span_set *
tri_central_full_unswept(uint32_t kind, uint32_t sweep_gen)
{
    return &tri_centrals[kind].full[1 - sweep_gen / 2 % 2];
}

#endif /* TRI_ALLOC_CENTRAL_H */
