/* SPDX-License-Identifier: MIT */
/*
 * runtime/straggler.c: why a thread does not stop.
 *
 * A thread that blocks the stop signal and stays out of the runtime cannot be
 * stopped, nor one that waits in the kernel where no signal reaches it: in vfork or
 * posix_spawn until the child has called exec, or for a file system that does not
 * answer.  Nothing can be done about it from outside, so every pause waits; but
 * whoever looks at a program that stands still is told which thread it is, and
 * what to do.  Said once for each thread, after a second or so.
 *
 *   STRAG-1  The asker is in a critical section, with threads stopped in place:
 *            raw system calls only; otherwise it waits for a lock of libc's.
 *   STRAG-2  `deaf` belongs to the holder of the claim; otherwise two stoppers
 *            tell the same, or of the thread before.
 *   STRAG-3  Told is who has the signal pending, and blocked or out of reach (state
 *            D), at two looks, a while apart, and answered no stop in between; otherwise a thread is accused
 *            that is slow for another reason (a loaded machine, a debugger) and
 *            seen inside the handler, where everything is blocked.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "base/check.h"
#include "base/format.h"
#include "base/os.h"
#include "base/syscall.h"
#include "runtime/sched.h"

#define LINE_BYTES 64

struct status {
    char name[LINE_BYTES];
    uint64_t blocked; /* bit i - 1: signal i */
    uint64_t pending; /* for this thread alone */
    char state;       /* 'D': no signal reaches it */
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
    else if (strncmp(line, "State:\t", 7) == 0)
        status->state = line[7];
    else if (strncmp(line, "SigPnd:\t", 8) == 0)
        status->pending = parse_hex(line + 8);
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

static void
tell(int tid, const char *name, bool out_of_reach)
{
    if (out_of_reach) {
        tri_print("tricolor: thread %d (\"%s\") is in a system call that no "
                  "signal interrupts and so cannot be stopped: every pause "
                  "waits for it; put tri_blocking_begin and tri_blocking_end "
                  "around that call (vfork, posix_spawn, a file system's)\n",
                  tid, name);
        return;
    }
    tri_print("tricolor: thread %d (\"%s\") blocks SIGURG and so cannot be "
              "stopped: every pause waits for it; unblock SIGURG there "
              "(pthread_sigmask), or detach it (tri_thread_detach) while it "
              "must be blocked\n",
              tid, name);
}

/* One look at m, which owes an answer: STRAG-3. */
static void
look_at(struct tri_m *m)
{
    enum {
        LOOKS = 2
    };
    struct tri_deaf *deaf = &m->deaf;
    TRI_DCHECK(tri_critical_depth() > 0, "STRAG-1: asked outside a section");
    TRI_DCHECK(tri_load(&m->claim) != TRI_CLAIM_FREE,
               "STRAG-2: a thread is looked at without its claim");
    int tid = tri_load_relaxed(&m->tid); /* M-5: it was asked */
    if (deaf->tid != tid)                /* the M has another thread now */
        *deaf = (struct tri_deaf){ .tid = tid };
    if (deaf->told)
        return;
    int64_t now = tri_os_now_ns();
    /* Relaxed: a count that has one writer. */
    uint64_t stops = tri_load_relaxed(&m->stop_count);
    bool fresh = deaf->last_ns == 0 || deaf->stops != stops
              || now - deaf->last_ns > 3 * TRI_STRAGGLER_NS;
    deaf->last_ns = now;
    if (fresh) {
        deaf->stops = stops;
        deaf->looks = 0;
        deaf->next_ns = now + TRI_STRAGGLER_NS;
    }
    if (now < deaf->next_ns)
        return;
    struct status status;
    read_status(tid, &status);
    bool out_of_reach = status.state == 'D';
    uint64_t deaf_to = out_of_reach ? ~UINT64_C(0) : status.blocked;
    if ((deaf_to & status.pending) >> (SIGURG - 1) & 1)
        deaf->looks++;
    else
        deaf->looks = 0;
    deaf->next_ns = now + TRI_STRAGGLER_NS;
    if (deaf->looks == LOOKS) {
        deaf->told = true;
        tell(tid, status.name, out_of_reach);
    }
}

void
tri_stragglers_look(void)
{
    for (uint32_t i = 0; i < tri_m_count(); i++) {
        struct tri_m *m = tri_m_at(i);
        if (m->world_holds != 0 && tri_m_inherited(m) && tri_m_asked(m))
            look_at(m);
    }
}

void
tri_straggler_given_up(struct tri_m *m)
{
    look_at(m);
}
