/* SPDX-License-Identifier: MIT */
/*
 * gc/scavenger.h: giving free memory back to the system: how much, how fast.
 * The mechanism is alloc/scavenge.c's.  Go: bgscavenge, without its goroutine:
 * sysmon does it in pieces, at each tick.
 *
 *   keep   what the next cycle will need: the pages in use when marking ended,
 *          grown or shrunk as the heap's goal did, and a tenth (V-001).  Never
 *          more than 95 % of the memory limit.
 *   pace   a hundredth of one processor (V-002); a tenth above the limit.
 *
 *   SCAVENGE-1  In no critical section but those of the heap's lock; otherwise
 *               releasing megabytes holds up a pause.
 */
#ifndef TRI_GC_SCAVENGER_H
#define TRI_GC_SCAVENGER_H

#include <stdint.h>

/* Bytes of backed memory to keep; goals may be INT64_MAX (the collector is off)
 * and 0 (none known yet): then memory is kept. */
int64_t tri_scavenger_keep(int64_t in_use_bytes, int64_t goal_bytes,
                           int64_t last_goal_bytes);

/* The same under a memory limit (INT64_MAX: none). */
int64_t tri_scavenger_keep_limited(int64_t keep_bytes, int64_t limit_bytes);

/* Marking is over, the pacer has its new goal, nothing is swept yet.  World
 * stopped. */
void tri_scavenger_cycle_ended(int64_t goal_bytes);

/* By sysmon only, in no critical section: releases as much as is due.  Returns
 * how many bytes. */
int64_t tri_scavenger_tick(int64_t now_ns);

#endif /* TRI_GC_SCAVENGER_H */
