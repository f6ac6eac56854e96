/* SPDX-License-Identifier: MIT */
/*
 * runtime/spare.h: where a thread is not to lose its P if that can be helped: in code
 * that takes locks others will want, libc's and the allocator's.
 *
 *   SPARE-1  While some are met that sleep with a P (SYSMON-1), and a second longer,
 *            whom sysmon is to preempt with his next instruction in libc, or in the
 *            shared object that has malloc, is let go on and looked at again at once:
 *            up to 64 times, up to 20 ms after his last decision, and not if he
 *            sleeps.  Otherwise locks are lost with their holders: each waits for a P
 *            behind all who will wait for the lock, and a fork, which takes all of
 *            malloc's, never gets the last one.
 *
 * Where nobody sleeps so it would be in vain, and cost who computes in libc a signal a
 * look.
 *
 * The objects are looked up once, at the start: an allocator in the program itself, or
 * loaded later, has no such grace; nor has a function of the program's that libc calls
 * with a lock in its hands.
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
