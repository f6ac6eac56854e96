/* SPDX-License-Identifier: MIT */
/* gc/worker.h: background marking from where a mutator stands; see worker.c. */
#ifndef TRI_GC_WORKER_H
#define TRI_GC_WORKER_H

#include <stdbool.h>

/* While marking: the fractional share that the caller's P owes, in slices, on
 * its system stack.  Outside critical sections; does not switch. */
void tri_worker_in_place(void);

struct tri_gc_p;
/* Marks on p, the caller's, until nothing is left.  In a section. */
void tri_worker_help(struct tri_gc_p *p);
/* No claim is held: so it is whenever the world is stopped (WORKER-1). */
bool tri_worker_all_idle(void);

#endif /* TRI_GC_WORKER_H */
