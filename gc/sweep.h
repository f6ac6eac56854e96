/* SPDX-License-Identifier: MIT */
/*
 * gc/sweep.h: who sweeps what, when.  The generation protocol S-001 ... S-023.
 *
 * sg = the heap's sweep generation, +2 per cycle, written with the world
 * stopped.  span->sweep_gen:
 *
 *   sg-2   needs sweeping: whoever holds a sweeper token may CAS it to sg-1
 *   sg-1   being swept: only the winner of that CAS
 *   sg     swept, not cached
 *   sg+1   cached when the cycle turned: stale; only that P's flush sweeps it
 *   sg+3   swept, then cached: only that P allocates from it
 */
#ifndef TRI_GC_SWEEP_H
#define TRI_GC_SWEEP_H

#include "alloc/span.h"

/* The heap's sweep generation; changes only with the world stopped. */
uint32_t tri_sweep_gen(void);

/*
 * After this, and until the caller's critical section ends, the span's bits and
 * specials are those of the current cycle: it is swept (sg or sg+3).  The caller
 * is inside a critical section and holds no lock.  Sweeps it, or waits
 * (a bounded spin, then a futex).  Says nothing about the span staying alive
 * (S-008); harmless on any span that was ever in use (S-007).
 */
void tri_sweep_ensure_swept(struct tri_span *span);

#endif /* TRI_GC_SWEEP_H */
