/* SPDX-License-Identifier: MIT */
/*
 * runtime/task.h: what the kernel tells of a thread of this process.  Raw system calls
 * only: the caller may have stopped threads that hold locks of libc's.
 */
#ifndef TRI_RUNTIME_TASK_H
#define TRI_RUNTIME_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A descriptor of /proc/self/task/TID/FILE, or -errno. */
long tri_task_open(int tid, const char *file);
/* What fits of its first line, without the end; "" if there is none. */
void tri_task_line(int tid, const char *file, char *line, size_t bytes);
/* The processor's time that it took so far; 0: that is not told. */
int64_t tri_task_cpu_ns(int tid);
/* It waits in the kernel, where a signal reaches it: for a lock, a file, a time. */
bool tri_task_sleeps(int tid);

#endif /* TRI_RUNTIME_TASK_H */
