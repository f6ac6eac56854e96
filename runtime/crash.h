/* SPDX-License-Identifier: MIT */
/* runtime/crash.h: stack overflows named, foreign faults passed on. */
#ifndef TRI_RUNTIME_CRASH_H
#define TRI_RUNTIME_CRASH_H

/* Once, before the first goroutine. */
void tri_crash_init(void);

#endif /* TRI_RUNTIME_CRASH_H */
