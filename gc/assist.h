/* SPDX-License-Identifier: MIT */
/*
 * gc/assist.h: who allocates while the collector marks, helps to mark.
 *
 * Each P has a credit in bytes, which refills lower.  In debt, its holder first
 * takes what background workers have marked in advance, then marks itself, and
 * if there is nothing to mark just now, waits in place for credit or the end of
 * the phase.  Go keeps the credit per goroutine; here it belongs to the P, which
 * costs no goroutine switch to account (docs/design/gc.md).
 *
 *   ASSIST-1  Waiters re-check credit and phase after they are counted as
 *             waiting (L-003); otherwise a wake-up is lost.  Argued, no test: a
 *             wait ends by itself after 2 ms.
 *   ASSIST-2  The end of marking releases all waiters (L-005); otherwise they
 *             wait for credit that nobody earns any more.  Argued, no test: the
 *             same.
 */
#ifndef TRI_GC_ASSIST_H
#define TRI_GC_ASSIST_H

#include <stdint.h>

struct tri_gc_p;

/* World stopped, at mark start: everyone begins with a clean slate. */
void tri_assist_begin(struct tri_gc_p *p);
/* Marking is over: wakes all waiters. */
void tri_assist_end(void);

/* Pays P's debt, if any.  Outside critical sections. */
void tri_assist_pay(void);

/* A background worker scanned this much beyond its own needs. */
void tri_assist_add_credit(uint64_t scanned_bytes);

/* The work per allocated byte, as of now. */
void tri_assist_revise(void);

/* Nanoseconds spent assisting in this cycle, so far. */
int64_t tri_assist_ns(void);
/* The same since the start. */
int64_t tri_assist_ns_total(void);

#endif /* TRI_GC_ASSIST_H */
