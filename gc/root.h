/* SPDX-License-Identifier: MIT */
/*
 * gc/root.h: root jobs: stacks, static data, specials, the runtime's own words.
 *
 * The jobs are counted with the world stopped and then claimed one by one by
 * whoever drains.  A stack that cannot be had at once (its thread is being
 * stopped by somebody else) goes to the back.
 */
#ifndef TRI_GC_ROOT_H
#define TRI_GC_ROOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tri_work_p;

/* World stopped: counts the jobs of this cycle.  tri_host_roots_refresh() ran
 * before. */
void tri_root_prepare(void);

/* Does one job into `work`.  False: none was left. */
bool tri_root_do_one(struct tri_work_p *work);

/* Jobs not yet claimed, or put back. */
/* In a critical section. */
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
