/* SPDX-License-Identifier: MIT */
/*
 * runtime/spare.h: where a thread is not to lose its P if that can be helped: in code
 * that takes locks others will want, libc's and the allocator's.
 *
 *   SPARE-1  Who is met there by sysmon goes on, and is met again soon, for another
 *            slice at most.  Otherwise a lock's holder waits for a P behind all who
 *            will wait for that lock, each for a slice of its own; and a fork, which
 *            takes all of malloc's locks, never gets the last one.
 */
#ifndef TRI_RUNTIME_SPARE_H
#define TRI_RUNTIME_SPARE_H

#include <stdbool.h>
#include <stdint.h>

/* Before threads are stopped.  Takes the loader's lock. */
void tri_spare_init(void);
/* By the next instruction's address. */
bool tri_spare_is_there(uintptr_t pc);

#endif /* TRI_RUNTIME_SPARE_H */
