/* SPDX-License-Identifier: MIT */
/*
 * gc/sweep.h: who sweeps what, when.
 *
 * sg = the heap's sweep generation, +2 per cycle, written with the world
 * stopped.  A span's sweep_gen against it:
 *
 *   sg-2   needs sweeping: who holds a sweeper token may CAS it to sg-1
 *   sg-1   being swept: only the winner of that CAS
 *   sg     swept, not cached
 *   sg+1   cached when the cycle turned: stale; only its P's flush sweeps it
 *   sg+3   swept, then cached: only that P allocates from it
 *
 *   SWEEP-1  Nobody allocates from a span, trusts its alloc bits or touches its
 *            specials unless it is sg or sg+3; otherwise he works on last
 *            cycle's bits.
 *   SWEEP-2  Sweepers hold a token; the token word's top bit, "drained", is set
 *            once no span is left to hand out, and then no new token is given;
 *            so "drained, no tokens" means swept, and stays so (S-002);
 *            otherwise the next cycle begins beside a sweeper.
 *   SWEEP-3  sweep_gen = sg is stored (release) after the last change to the
 *            span, and before the span is freed or listed; otherwise its next
 *            owner takes it for unswept.
 *   SWEEP-4  A span found in an unswept set that is not sg-2 was swept directly
 *            (ensure_swept, a specials-first visit); its finder drops it, since
 *            its sweeper lists it; otherwise it is listed twice (SET-1).
 *   SWEEP-5  All sweeping of a cycle is over before the next starts marking; so
 *            sweeping, which frees spans, never meets a marker (SPAN-3);
 *            otherwise one marks in a span that is freed.
 *   SWEEP-6  Who waits in ensure_swept is outside critical sections while he
 *            waits; otherwise the flush he waits for may be waiting for him
 *            (R-23).
 */
#ifndef TRI_GC_SWEEP_H
#define TRI_GC_SWEEP_H

#include "alloc/mcache.h"

struct tri_gc_p;

/* The heap's sweep generation; changes only with the world stopped. */
uint32_t tri_sweep_gen(void);

/*
 * After this, and until the caller's critical section ends, the span's bits and
 * specials are those of the current cycle: it is swept (sg or sg+3).  The caller
 * is in a critical section of depth one and holds no lock.  Sweeps it, or
 * leaves the section, waits (a bounded spin, then a futex) and enters it again:
 * what the caller knew before is void.  Says nothing about the span staying
 * alive (S-008); harmless on any span that was ever in use (S-007).
 */
void tri_sweep_ensure_swept(struct tri_span *span);

/* An owned, swept span of `kind` with a free slot, for P's cache, in sweep_gen
 * sg; from the central sets, by sweeping, or new.  NULL: out of memory.  Inside
 * a critical section. */
struct tri_span *tri_sweep_acquire_span(struct tri_gc_p *p, uint32_t kind);

/* Lists a span that left a cache: full or partial. */
void tri_sweep_relist(struct tri_span *span);

/* P's stale cache (flush_gen behind): uncaches, sweeps and lists its spans.
 * By P's holder in a critical section, or by proxy. */
void tri_sweep_flush_stale(struct tri_gc_p *p);
/* Everything P has cached goes back to the central sets, stale or not. */
void tri_sweep_flush_all(struct tri_gc_p *p);

/* Sweeps one span.  False: none is left to hand out.  Outside critical
 * sections. */
bool tri_sweep_one(void);
/* Sweeps all there is and waits for other sweepers.  Outside. */
void tri_sweep_finish(void);
/* World stopped: the same, including every P's stale cache. */
void tri_sweep_finish_stw(void);
bool tri_sweep_done(void);

/* World stopped, at mark termination: turns the generation. */
void tri_sweep_begin(uint64_t cycle);

/* Proportional sweeping (S-020): sweeps what allocating `bytes` owes.  Outside
 * critical sections. */
bool tri_sweep_owes(size_t bytes);
void tri_sweep_pay_debt(size_t bytes);

/* Body of the background sweeper goroutine, and its wake-up. */
void tri_sweep_background(void *unused);
void tri_sweep_wake_background(void);

/* Pages swept, ever; for metrics. */
extern TRI_ATOMIC(uint64_t) tri_swept_pages_total;

#endif /* TRI_GC_SWEEP_H */
