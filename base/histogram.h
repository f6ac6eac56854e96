/* SPDX-License-Identifier: MIT */
/*
 * base/histogram.h: durations counted in log-linear buckets: 8 to a power of
 * two, so a bucket is at most 12.5 % wide, from 1 ns to about 18 minutes.
 * Adding is one atomic increment; anyone may read at any time.
 */
#ifndef TRI_BASE_HISTOGRAM_H
#define TRI_BASE_HISTOGRAM_H

#include "base/atomic.h"
#include "base/compiler.h"

#define TRI_HISTOGRAM_SUB     8
#define TRI_HISTOGRAM_BUCKETS (TRI_HISTOGRAM_SUB * 38)

struct tri_histogram {
    TRI_ATOMIC(uint64_t) counts[TRI_HISTOGRAM_BUCKETS];
    TRI_ATOMIC(uint64_t) sum_ns;
    TRI_ATOMIC(uint64_t) max_ns;
};

/* The bucket of a duration; longer ones go into the last. */
static inline uint32_t
tri_histogram_bucket(uint64_t ns)
{
    if (ns < TRI_HISTOGRAM_SUB)
        return (uint32_t)ns;
    uint32_t log2 = 63 - (uint32_t)__builtin_clzll(ns);
    uint32_t sub = (uint32_t)(ns >> (log2 - 3)) & (TRI_HISTOGRAM_SUB - 1);
    uint32_t bucket = (log2 - 2) * TRI_HISTOGRAM_SUB + sub;
    return bucket < TRI_HISTOGRAM_BUCKETS ? bucket : TRI_HISTOGRAM_BUCKETS - 1;
}

/* The least duration that falls into a bucket. */
static inline uint64_t
tri_histogram_bound_ns(uint32_t bucket)
{
    if (bucket < TRI_HISTOGRAM_SUB)
        return bucket;
    uint32_t log2 = bucket / TRI_HISTOGRAM_SUB + 2;
    uint64_t sub = bucket % TRI_HISTOGRAM_SUB;
    return (TRI_HISTOGRAM_SUB + sub) << (log2 - 3);
}

static inline void
tri_histogram_add(struct tri_histogram *histogram, int64_t ns)
{
    uint64_t value = ns < 0 ? 0 : (uint64_t)ns;
    /* Relaxed: counts, no messages. */
    tri_add_relaxed(&histogram->counts[tri_histogram_bucket(value)], 1);
    tri_add_relaxed(&histogram->sum_ns, value);
    uint64_t max = tri_load_relaxed(&histogram->max_ns);
    while (value > max && !tri_cas_relaxed(&histogram->max_ns, &max, value))
        ;
}

#endif /* TRI_BASE_HISTOGRAM_H */
