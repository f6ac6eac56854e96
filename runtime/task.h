/* SPDX-License-Identifier: MIT */
/*
 * runtime/task.h: what the kernel tells of a thread of this process.  Raw system calls
 * only (STRAG-1): sysmon and the world's stopper have stopped threads that hold locks
 * of libc's.
 */
#ifndef TRI_RUNTIME_TASK_H
#define TRI_RUNTIME_TASK_H

#include <stddef.h>
#include <stdint.h>

/* A descriptor of /proc/self/task/TID/FILE, or -errno. */
long tri_task_open(int tid, const char *file);
/* The first line, cut to fit, without its end; "" if there is none. */
void tri_task_line(int tid, const char *file, char *line, size_t bytes);
/* The CPU time it has used; 0: unknown. */
int64_t tri_task_cpu_ns(int tid);

#endif /* TRI_RUNTIME_TASK_H */
