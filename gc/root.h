/* SPDX-License-Identifier: MIT */
/*
 * gc/root.h: root jobs: stacks, static data, specials, the runtime's own words.
 *
 * The jobs are counted with the world stopped and then claimed one by one by
 * whoever drains.  A stack that cannot be had at once (its thread is being
 * stopped by somebody else) goes to the back.
 *
 * Static data come later.  To list them takes the loader's lock, which a thread
 * stopped in place may hold, so the world must run.  Before marking it may not:
 * a library loaded between the list and the barrier could hold the only pointer
 * to an object, unrecorded.
 *
 *   JOBS-1  Static data are listed once marking has begun, by who began it, and
 *           the cycle does not finish before; otherwise the data of a library
 *           loaded meanwhile, or of all, are not scanned.
 */
#ifndef TRI_GC_ROOT_H
#define TRI_GC_ROOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tri_work_p;

/* World stopped, marking begins: no job, and none of the last cycle's. */
void tri_root_begin(void);
/* World stopped: counts the jobs of this cycle but for static data. */
void tri_root_prepare(void);
/* World running, marking, in no critical section: lists static data. */
void tri_root_list_data(void);
/* Afterwards, and after tri_root_prepare: these are jobs now. */
void tri_root_add_data(void);
/* True: they are.  Until then nothing is finished (JOBS-1). */
bool tri_root_listed(void);

/* Does one job into `work`.  False: none was left. */
bool tri_root_do_one(struct tri_work_p *work);

/* Is a job not yet claimed, or put back?  In a critical section. */
bool tri_root_available(void);

/* World stopped: every job again, for the verifier: range() for each range of
 * words that may be pointers, through() for each object with a finalizer. */
void tri_root_visit_all(void (*range)(uintptr_t lo, uintptr_t hi, void *arg),
                        void (*through)(uintptr_t object, void *arg),
                        void *arg);

/* Bytes of stacks and static data seen this cycle. */
int64_t tri_root_stack_bytes(void);
int64_t tri_root_data_bytes(void);

#endif /* TRI_GC_ROOT_H */
