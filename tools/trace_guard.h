/* SPDX-License-Identifier: MIT */
/*
 * tools/trace_guard.h: a process that ends the recording if we die first: what
 * led to a crash is what one most wants to see in a trace.
 */
#ifndef TRICOLOR_TRACE_GUARD_H
#define TRICOLOR_TRACE_GUARD_H

#include <sys/types.h>

struct trace_guard {
    pid_t process; /* 0: there is none */
    int line;      /* its end closes when we die */
};

/*
 * Forks, so: before this process has threads.  When this process ends without
 * trace_guard_dismiss, however it ends, `last_will(arg)` is called in the other.
 * Without processes or descriptors to be had there is no guard, and no harm.
 */
void trace_guard_post(struct trace_guard *guard, void (*last_will)(void *arg),
                      void *arg);
void trace_guard_dismiss(struct trace_guard *guard);

#endif /* TRICOLOR_TRACE_GUARD_H */
