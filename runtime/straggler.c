/* SPDX-License-Identifier: MIT */
/*
 * runtime/straggler.c: why a thread does not stop.
 *
 * A thread that blocks the stop signal and stays out of the runtime cannot be
 * stopped.  Nothing can be done about it from outside, so every pause waits; but
 * whoever looks at a program that stands still is told which thread it is, and
 * what to do.  Said once for each thread, after a second; a thread that is slow
 * for another reason (a loaded machine, a debugger) is not accused.
 *
 *   STRAG-1  The asker is in a critical section, with threads stopped in place:
 *            raw system calls only; otherwise it waits for a lock of libc's.
 *   STRAG-2  `told` and `deaf_since_ns` belong to the holder of the claim;
 *            otherwise two stoppers tell the same, or of the thread before.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "base/format.h"
#include "base/os.h"
#include "base/syscall.h"
#include "runtime/sched.h"

#define LINE_BYTES 64

struct status {
    char name[LINE_BYTES];
    uint64_t blocked; /* bit i - 1: signal i */
};

static uint64_t
parse_hex(const char *at)
{
    uint64_t value = 0;
    for (;; at++) {
        if (*at >= '0' && *at <= '9')
            value = value << 4 | (uint64_t)(*at - '0');
        else if (*at >= 'a' && *at <= 'f')
            value = value << 4 | (uint64_t)(*at - 'a' + 10);
        else
            return value;
    }
}

static void
take_line(const char *line, struct status *status)
{
    if (strncmp(line, "Name:\t", 6) == 0)
        tri_format(status->name, sizeof(status->name), "%s", line + 6);
    else if (strncmp(line, "SigBlk:\t", 8) == 0)
        status->blocked = parse_hex(line + 8);
}

/* A thread's status file, line by line; what a line has too much is dropped. */
static void
read_status(int tid, struct status *status)
{
    char path[64];
    char buffer[512];
    char line[LINE_BYTES];
    size_t length = 0;
    *status = (struct status){ .name = "?" };
    tri_format(path, sizeof(path), "/proc/self/task/%d/status", tid);
    long fd = tri_syscall3(SYS_openat, AT_FDCWD, (long)(uintptr_t)path,
                           O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    for (;;) {
        long bytes = tri_syscall3(SYS_read, fd, (long)(uintptr_t)buffer,
                                  (long)sizeof(buffer));
        if (bytes <= 0)
            break;
        for (long i = 0; i < bytes; i++) {
            if (buffer[i] != '\n') {
                if (length + 1 < sizeof(line))
                    line[length++] = buffer[i];
                continue;
            }
            line[length] = '\0';
            length = 0;
            take_line(line, status);
        }
    }
    (void)tri_syscall3(SYS_close, fd, 0, 0);
}

/* True: it was, or had been, told. */
static bool
tell(struct tri_m *m)
{
    if (m->told != 0)
        return true;
    int tid = tri_load_relaxed(&m->tid); /* M-5: it was asked */
    struct status status;
    read_status(tid, &status);
    if ((status.blocked >> (SIGURG - 1) & 1) == 0)
        return false;
    m->told = 1;
    tri_print("tricolor: thread %d (\"%s\") blocks SIGURG and so cannot be "
              "stopped: every pause waits for it; unblock SIGURG there "
              "(pthread_sigmask), or detach it (tri_thread_detach) while it "
              "must be blocked\n",
              tid, status.name);
    return true;
}

void
tri_stragglers_tell(void)
{
    for (uint32_t i = 0; i < tri_m_count(); i++) {
        struct tri_m *m = tri_m_at(i);
        if (m->world_holds != 0 && tri_m_asked(m))
            (void)tell(m);
    }
}

void
tri_straggler_given_up(struct tri_m *m)
{
    int64_t now = tri_os_now_ns();
    if (m->deaf_since_ns == 0)
        m->deaf_since_ns = now;
    else if (now - m->deaf_since_ns >= TRI_STRAGGLER_NS && !tell(m))
        m->deaf_since_ns = now; /* slow, for another reason */
}
