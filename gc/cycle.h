/* SPDX-License-Identifier: MIT */
/*
 * gc/cycle.h: the collection cycle.
 *
 *  1 sweep termination   the last cycle's sweeping is finished; world stopped
 *  2 mark                barrier on, caches black, root jobs; world running;
 *                        then static data are listed (JOBS-1 in root.h)
 *  3 mark termination    nothing grey is left: proved by the ragged barrier, then
 *                        again with the world stopped, or back to 2
 *  4 off                 the sweep generation turns; world running
 *  5 sweep               lazily, in debt, in the background
 *
 *   CYCLE-1  A draining thread counts as active from before it looks for work
 *            until it holds none; the last to leave tries to finish (WORK-2);
 *            otherwise the world is stopped for an end that has not come.
 *   CYCLE-2  Finishing: with nobody active and no work, every P's barrier
 *            buffer and private work is flushed by the ragged barrier; if
 *            anything came up, marking goes on (M-018); otherwise CYCLE-3 finds
 *            what is left, at the price of a pause.  Argued, no test: nothing
 *            but time is lost.
 *   CYCLE-3  With the world stopped the buffers are looked at once more, since
 *            mutators ran after their flush; anything new restarts the world
 *            and marking (#27993); otherwise a white object is freed that a
 *            barrier had recorded.
 *   CYCLE-4  Weak to strong conversions wait from before CYCLE-2's flush until
 *            the phase is off (C-210); otherwise they shade after the proof.
 *   CYCLE-5  Who needs the collector at rest (PROC-1) takes the turn to start a cycle,
 *            and waits for the end of the one that is on; who would start one
 *            meanwhile is put off.  He and the cycles have it in turns; otherwise, with
 *            one cycle after the other, he waits for luck, or they for him.
 */
#ifndef TRI_GC_CYCLE_H
#define TRI_GC_CYCLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gc/phase.h"

/* What an allocation of `bytes` on the slow path owes before (debts of marking
 * and sweeping, gcstress), and afterwards (starting a cycle).  Outside critical
 * sections. */
void tri_cycle_before_alloc(size_t bytes);
void tri_cycle_after_alloc(void);

/* Starts a cycle unless one is marking, `reason` has meanwhile gone, or it is to rest:
 * who depends on it asks again. */
void tri_cycle_start(enum tri_cycle_reason reason);
/* Waits until the marking of cycle `cycle` is over, helping. */
void tri_cycle_wait_marked(uint32_t cycle);

/* Drains as an active marker (CYCLE-1): roots and edges, up to `budget` bytes.
 * Inside a critical section, on a system stack. */
uint64_t tri_cycle_drain(struct tri_gc_p *p, uint64_t budget);
/* Anything to mark, anywhere but in other Ps' private stacks? */
bool tri_cycle_work_available(void);
/* Marks a while with the caller's own P, for who waits for the end anyway.
 * Outside critical sections. */
void tri_cycle_help(void);
/* CYCLE-2 and 3, if nobody is active and there is no work.  Outside. */
void tri_cycle_try_finish(void);

/* Bytes scanned so far in this cycle. */
uint64_t tri_cycle_scanned_bytes(void);

#endif /* TRI_GC_CYCLE_H */
