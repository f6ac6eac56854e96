/* SPDX-License-Identifier: MIT */
/* runtime/deadlock.h: every goroutine waits and nobody is left to wake one. */
#ifndef TRI_RUNTIME_DEADLOCK_H
#define TRI_RUNTIME_DEADLOCK_H

#include <stdint.h>

/* sysmon, every 10 ms or so, in a critical section. */
void tri_deadlock_check(int64_t now_ns);

#endif /* TRI_RUNTIME_DEADLOCK_H */
