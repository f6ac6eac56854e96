/* SPDX-License-Identifier: MIT */
/*
 * runtime/deadlock.c: "all goroutines are asleep".
 *
 * Said only when it is certain: under tri_main, all Ps idle for two looks on
 * end, nothing queued, no timer, no thread in a blocking call or wanting a P, no
 * goroutine that waits for a file (T-014: what comes from outside the process may
 * wake it), and no thread in the process but ours, since any other may attach and
 * wake somebody.  (The tracer's own threads do not.  They are known by their name, the
 * program's with "-ust" behind: a thread of the program's that is called so is taken for
 * one.)
 */
#include "runtime/deadlock.h"
#include "runtime/dump.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/check.h"
#include "base/format.h"
#include "base/os.h"
#include "base/syscall.h"
#include "gc/gc.h"
#include "runtime/poll.h"
#include "runtime/sched.h"

#include <stdlib.h>

struct entry {
    uint64_t inode;
    int64_t next;
    unsigned short bytes;
    unsigned char type;
    char name[];
};

/* LTTng's: the program's name, or as much of it as there is room for, and "-ust". */
static bool
is_tracers_name(const char *name, size_t bytes)
{
    enum {
        ROOM = 11 /* of 15 */
    };
    static const char ending[] = "-ust\n";
    size_t tail = sizeof(ending) - 1;
    if (bytes <= tail || memcmp(name + bytes - tail, ending, tail) != 0)
        return false;
    size_t length = bytes - tail;
    const char *program = program_invocation_short_name;
    return strncmp(name, program, length) == 0
        && (program[length] == '\0' || length >= ROOM);
}

static bool
is_tracer(const char *tid)
{
    char path[64];
    char name[32];
    tri_format(path, sizeof(path), "/proc/self/task/%s/comm", tid);
    long fd =
        tri_syscall3(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return true; /* gone */
    long bytes = tri_syscall3(SYS_read, fd, (long)name, sizeof(name) - 1);
    tri_syscall3(SYS_close, fd, 0, 0);
    return bytes > 0 && is_tracers_name(name, (size_t)bytes);
}

/* Threads of the process, the tracer's aside; -1: cannot tell. */
static int
count_threads(void)
{
    _Alignas(8) char buffer[4096];
    int count = 0;
    long fd = tri_syscall3(SYS_openat, AT_FDCWD, (long)"/proc/self/task",
                           O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    for (;;) {
        long bytes =
            tri_syscall3(SYS_getdents64, fd, (long)buffer, sizeof(buffer));
        if (bytes <= 0)
            break;
        for (long at = 0; at < bytes;) {
            struct entry *entry = (void *)(buffer + at);
            if (entry->name[0] != '.' && !is_tracer(entry->name))
                count++;
            at += entry->bytes;
        }
    }
    tri_syscall3(SYS_close, fd, 0, 0);
    return count;
}

/* No M but sysmon runs or is in a blocking call. */
static bool
all_quiet(void)
{
    if (tri_load(&tri_sched.idle_p_count)
            != (uint32_t)tri_load(&tri_sched.p_count)
        || tri_load(&tri_sched.queue_count) != 0
        || tri_load(&tri_sched.want_count) != 0
        || tri_load(&tri_sched.births) != 0 || tri_timers_next() != INT64_MAX
        || tri_load(&tri_poll.waiting) != 0 || tri_gc_phase() != TRI_GC_OFF)
        return false;
    for (uint32_t i = 0; i < tri_m_count(); i++) {
        struct tri_m *m = tri_m_at(i);
        /* A goroutine on its own thread, or one waiting in place. */
        if (m != tri_local_m() && tri_load(&m->in_use) != 0
            && (tri_load(&m->state) == TRI_M_RUN || tri_load(&m->g) != NULL))
            return false;
    }
    return true;
}

static TRI_NORETURN TRI_COLD void
die(void)
{
    tri_print("fatal error: all goroutines are asleep: deadlock\n");
    tri_dump_all(2);
    tri_print(
        "\nwake one of them, or end the program by returning from main\n");
    abort();
}

void
tri_deadlock_check(int64_t now_ns)
{
    enum {
        PERIOD_NS = 40000000
    };
    static int64_t quiet_since_ns;
    static uint32_t threads_then;
    if (!tri_sched.is_main || tri_load(&tri_sched.foreign) != 0
        || tri_load(&tri_sched.ending) != 0 || !all_quiet()
        || tri_sched_live_count() == 0) {
        quiet_since_ns = 0;
        return;
    }
    uint32_t ours = tri_m_thread_count();
    if (quiet_since_ns == 0 || threads_then != ours) {
        quiet_since_ns = now_ns;
        threads_then = ours;
        return;
    }
    if (now_ns - quiet_since_ns < PERIOD_NS)
        return;
    quiet_since_ns = now_ns;
    /* And the thread that waits in tri_main. */
    if (count_threads() == (int)ours + 1 && all_quiet())
        die();
}
