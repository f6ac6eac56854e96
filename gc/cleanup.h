/* SPDX-License-Identifier: MIT */
/*
 * gc/cleanup.h: between the sweep pass, which finds that a callback is due, and
 * the runners, which call it.
 *
 *   QUEUE-1  A due record waits in its P's chain, then in the one queue, then
 *            is its runner's; each count rises before the one it came from
 *            falls.  Otherwise a drain sees nothing pending while one is
 *            between two places.  Argued, no test: a drain would have to look
 *            between two instructions.
 *   QUEUE-2  A runner says it sleeps, and a publisher that it put something in,
 *            under the same lock; otherwise a wake-up is lost.
 */
#ifndef TRI_GC_CLEANUP_H
#define TRI_GC_CLEANUP_H

#include "gc/special_record.h"

/* A record that is QUEUED and off its span: to the end of p's chain, published
 * when that is long.  The owner of p, inside a critical section, no lock held. */
void tri_cleanup_enqueue(struct tri_special_p *p, struct tri_special *record);

/* Starts the runners, once, before the first callback can be due.  In no
 * critical section. */
void tri_cleanup_pool_start(void);

/* For tests and statistics; exact while nothing moves. */
struct tri_cleanup_pool_stats {
    uint32_t hidden;  /* due, in the chain of a P */
    uint32_t ready;   /* in the queue */
    uint32_t running; /* taken by a runner */
    uint32_t runners; /* alive */
    uint32_t idle;    /* of them, parked */
};
void tri_cleanup_pool_read(struct tri_cleanup_pool_stats *stats);

#endif /* TRI_GC_CLEANUP_H */
