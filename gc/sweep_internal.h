/* SPDX-License-Identifier: MIT */
/* gc/sweep_internal.h: shared by sweep.c (protocol) and sweep_policy.c. */
#ifndef TRI_GC_SWEEP_INTERNAL_H
#define TRI_GC_SWEEP_INTERNAL_H

#include "alloc/span.h"

#define TRI_SWEEP_DRAINED UINT32_C(0x80000000)

/* Keys: [w] world stopped; [a] atomic.  Lines of its own: written by all who sweep, and
 * the linker would put it beside what others only read (decisions/0016). */
struct tri_sweep_state {
    TRI_ATOMIC(uint32_t) gen;     /* [w] */
    TRI_ATOMIC(uint32_t) tokens;  /* [a] SWEEP-2 */
    TRI_ATOMIC(uint32_t) waiters; /* [a] threads in wait_swept */
    TRI_ATOMIC(uint32_t) epoch;   /* [a] futex: a span was swept */
    TRI_ATOMIC(uint32_t) cursor;  /* [a] next set to pop: kind * 2 + partial */
    TRI_ATOMIC(uint64_t) swept_pages; /* [a] since the turn */
    TRI_ATOMIC(uint64_t) swept_spans; /* [a] */
    TRI_ATOMIC(uint64_t) freed_bytes; /* [a] */
    TRI_ATOMIC(int64_t) basis_live;   /* [w] S-020: heap_live at the turn */
    TRI_ATOMIC(uint64_t) ratio_bits;  /* [a] a double: pages per byte */
    uint64_t cycle;                   /* [w] whose garbage is being swept */
    TRI_ATOMIC(uint32_t) announced;   /* [a] sweep_end was traced */
} TRI_CACHE_ALIGNED;
extern struct tri_sweep_state tri_sweep;

bool tri_sweep_token_take(void);
void tri_sweep_token_return(void);
void tri_sweep_drained(void);
bool tri_sweep_try_own(struct tri_span *span);
/* Sweeps a span in generation sg-1 that the caller owns; keep: neither lists
 * nor frees it. */
void tri_sweep_span(struct tri_span *span, bool keep);
/* The last token came back after "drained". */
void tri_sweep_completed(void);

#endif /* TRI_GC_SWEEP_INTERNAL_H */
