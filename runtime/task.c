/* SPDX-License-Identifier: MIT */
/* runtime/task.c: see task.h. */
#include "runtime/task.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "base/format.h"
#include "base/syscall.h"

long
tri_task_open(int tid, const char *file)
{
    char path[64];
    tri_format(path, sizeof(path), "/proc/self/task/%d/%s", tid, file);
    return tri_syscall3(SYS_openat, AT_FDCWD, (long)(uintptr_t)path,
                        O_RDONLY | O_CLOEXEC);
}

void
tri_task_line(int tid, const char *file, char *line, size_t bytes)
{
    long fd = tri_task_open(tid, file);
    long got = 0;
    if (fd >= 0) {
        got = tri_syscall3(SYS_read, fd, (long)(uintptr_t)line,
                           (long)(bytes - 1));
        (void)tri_syscall3(SYS_close, fd, 0, 0);
    }
    line[got > 0 ? got : 0] = '\0';
    line[strcspn(line, "\n")] = '\0';
}

int64_t
tri_task_cpu_ns(int tid)
{
    enum {
        OF_A_THREAD = 4,
        SCHEDULED = 2 /* the kernel's CPUCLOCK_PERTHREAD_MASK, _SCHED */
    };
    struct timespec time = { 0 };
    int clock = (int)(~(unsigned)tid << 3 | OF_A_THREAD | SCHEDULED);
    if (tri_syscall3(SYS_clock_gettime, clock, (long)(uintptr_t)&time, 0) != 0)
        return 0;
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}
