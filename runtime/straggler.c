/* SPDX-License-Identifier: MIT */
/*
 * runtime/straggler.c: why a thread does not stop.
 *
 * A thread that blocks the stop signal and stays out of the runtime cannot be
 * stopped, nor one that waits in the kernel where no signal reaches it: in vfork or
 * posix_spawn until the child has called exec, or for a file system that does not
 * answer.  Nothing can be done about it from outside, so every pause waits; but
 * whoever looks at a program that stands still is told which thread it is, where, for
 * how long, and what to do.  Said once for each thread, after a second or so; and how
 * long it was in the end, when the world is stopped at last.
 *
 * Where: the system call it is in and the instruction after it, as /proc tells; of one
 * in a section, where the stop signal found it; and its goroutine.  Of one that
 * computes with the signal blocked nobody but a tracer learns where.
 *
 *   STRAG-1  The asker is in a critical section, with threads stopped in place:
 *            raw system calls only; otherwise it waits for a lock of libc's.
 *   STRAG-2  `deaf` belongs to the holder of the claim; otherwise two stoppers
 *            tell the same, or of the thread before.
 *   STRAG-3  Told is who has the signal pending, and blocked or out of reach (state
 *            D), at two looks, a while apart, and answered no stop in between; otherwise a thread is accused
 *            that is slow for another reason (a loaded machine, a debugger) and
 *            seen inside the handler, where everything is blocked.
 *   STRAG-4  Who has put off the stop is told for the processor's time that it took
 *            since, and not for what passed; otherwise a thread is accused that got
 *            no processor, or waits in its section for another.
 */
#include <signal.h>
#include <string.h>

#include "base/check.h"
#include "base/format.h"
#include "base/os.h"
#include "base/symbol.h"
#include "base/syscall.h"
#include "gc/host.h"
#include "runtime/sched.h"
#include "runtime/task.h"

#define LINE_BYTES 64
#define LOOKS      2

enum reason {
    UNKNOWN,
    BLOCKS,       /* the signal */
    OUT_OF_REACH, /* of any */
    IN_SECTION,
    COMPUTES /* and is to stop where it calls the runtime only: asyncstop=0 */
};

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
    char buffer[512];
    char line[LINE_BYTES];
    size_t length = 0;
    *status = (struct status){ .name = "?" };
    long fd = tri_task_open(tid, "status");
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

/* ---- telling -------------------------------------------------------------------- */

struct report {
    struct tri_m *m;
    const char *name;
    enum reason reason;
};

static void
format_place(char *to, size_t bytes, uintptr_t pc)
{
    struct tri_symbol symbol;
    if (!tri_symbol_find(pc, &symbol) || symbol.path[0] == '\0')
        tri_format(to, bytes, "0x%lx", pc);
    else if (symbol.name[0] != '\0')
        tri_format(to, bytes, "%s+0x%lx (%s)", symbol.name, symbol.offset,
                   symbol.path);
    else
        tri_format(to, bytes, "%s +0x%lx", symbol.path, symbol.offset);
}

/* "NUMBER ARGUMENTS SP PC", all but the number with 0x; "-1 SP PC" in a page fault and
 * the like; "running". */
static void
format_where(char *to, size_t bytes, int tid)
{
    char line[256];
    char place[384];
    char kernel[LINE_BYTES];
    tri_task_line(tid, "syscall", line, sizeof(line));
    const char *pc = strrchr(line, 'x');
    if (pc == NULL) {
        tri_format(to, bytes, "%s",
                   line[0] == 'r' ? "it computes" : "nobody knows where it is");
        return;
    }
    format_place(place, sizeof(place), parse_hex(pc + 1));
    tri_task_line(tid, "wchan", kernel, sizeof(kernel));
    bool known = kernel[0] != '\0' && kernel[0] != '0';
    int digits = (int)strcspn(line, " ");
    if (line[0] == '-')
        tri_format(to, bytes, "it waits in the kernel%s%s, at %s",
                   known ? ", in " : "", known ? kernel : "", place);
    else
        tri_format(to, bytes, "it is in system call %.*s%s%s%s, at %s", digits,
                   line, known ? " (" : "", known ? kernel : "",
                   known ? ")" : "", place);
}

static const char *
cure(enum reason reason)
{
    switch (reason) {
    case BLOCKS:
        return "blocks SIGURG and so cannot be stopped: every pause waits for "
               "it; unblock SIGURG there (pthread_sigmask), or detach it "
               "(tri_thread_detach) while it must be blocked";
    case OUT_OF_REACH:
        return "is in a system call that no signal interrupts and so cannot "
               "be stopped: every pause waits for it; put tri_blocking_begin "
               "and tri_blocking_end around that call (vfork, posix_spawn, a "
               "file system's)";
    case IN_SECTION:
        return "computes in a critical section, where nobody is stopped: every "
               "pause waits for it; none should take so long: a fault of "
               "the runtime's, or of a program that calls what is in "
               "tricolor/impl";
    case COMPUTES:
        return "computes and calls nothing of the runtime's, so with "
               "TRI_DEBUG=asyncstop=0 nothing stops it: every pause waits for "
               "it; leave that out";
    case UNKNOWN:
        break;
    }
    return "does not stop";
}

/* Of the goroutine it runs, 0: none; a hint, as a G that it has left may be another
 * by now (so a sanitizer need not look). */
static TRI_NO_SANITIZE uint64_t
goroutine_of(struct tri_m *m)
{
    const struct tri_g *g = tri_load_relaxed(&m->g); /* the same */
    return g == NULL ? 0 : g->id;
}

/* On the system stack. */
static void
tell(void *arg)
{
    const struct report *report = arg;
    struct tri_m *m = report->m;
    const struct tri_deaf *deaf = &m->deaf;
    char where[512];
    char goroutine[48] = "";
    uint64_t id = goroutine_of(m);
    if (report->reason == IN_SECTION || report->reason == COMPUTES) {
        size_t length =
            tri_format(where, sizeof(where), "the stop found it at ");
        /* Relaxed: has_deferred has seen it. */
        format_place(where + length, sizeof(where) - length,
                     tri_load_relaxed(&m->deferred_pc));
    } else {
        format_where(where, sizeof(where), deaf->tid);
    }
    if (id != 0)
        tri_format(goroutine, sizeof(goroutine), ", with goroutine %llu",
                   (unsigned long long)id);
    tri_print("tricolor: thread %d (\"%s\") %s.  It has not stopped for %lld "
              "ms%s; %s\n",
              deaf->tid, report->name, cure(report->reason),
              (long long)((deaf->last_ns - deaf->since_ns) / 1000000),
              goroutine, where);
}

/* ---- looking -------------------------------------------------------------------- */

/* Has it put off the request that it owes an answer to? */
static bool
has_deferred(struct tri_m *m)
{
    /* Acquire pairs with the release in the handler. */
    return tri_load_acquire(&m->deferred_pc) != 0
        && tri_load_relaxed(&m->deferred_stops) == m->deaf.stops;
}

/* Counts what speaks for a reason (STRAG-3); UNKNOWN: nothing does. */
static enum reason
judge(struct tri_m *m, const struct status *status)
{
    struct tri_deaf *deaf = &m->deaf;
    bool out_of_reach = status->state == 'D';
    uint64_t deaf_to = out_of_reach ? ~UINT64_C(0) : status->blocked;
    if ((deaf_to & status->pending) >> (SIGURG - 1) & 1) {
        deaf->looks++;
        return out_of_reach ? OUT_OF_REACH : BLOCKS;
    }
    deaf->looks = 0;
    if (!has_deferred(m))
        return UNKNOWN;
    int64_t now = tri_task_cpu_ns(deaf->tid);
    if (deaf->computed_ns == 0)
        deaf->computed_ns = now;
    if (now - deaf->computed_ns >= LOOKS * TRI_STRAGGLER_NS) /* STRAG-4 */
        deaf->looks = LOOKS;
    return tri_sched.async_stop ? IN_SECTION : COMPUTES;
}

/* One look at m, which owes an answer, since then or earlier: STRAG-3. */
static void
look_at(struct tri_m *m, int64_t since_ns)
{
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
        deaf->computed_ns = 0;
        deaf->since_ns = since_ns != 0 ? since_ns : now;
        deaf->next_ns = now + TRI_STRAGGLER_NS;
    }
    if (now < deaf->next_ns)
        return;
    struct status status;
    read_status(tid, &status);
    enum reason reason = judge(m, &status);
    deaf->next_ns = now + TRI_STRAGGLER_NS;
    if (deaf->looks == LOOKS) {
        struct report report = { m, status.name, reason };
        deaf->told = true;
        tri_host_on_system_stack(tell, &report);
    }
}

void
tri_stragglers_look(int64_t since_ns)
{
    for (uint32_t i = 0; i < tri_m_count(); i++) {
        struct tri_m *m = tri_m_at(i);
        if (m->world_holds != 0 && tri_m_inherited(m) && tri_m_asked(m))
            look_at(m, since_ns);
    }
}

void
tri_stragglers_stopped(void)
{
    int64_t now = tri_os_now_ns();
    for (uint32_t i = 0; i < tri_m_count(); i++) {
        struct tri_m *m = tri_m_at(i);
        struct tri_deaf *deaf = &m->deaf;
        if (m->world_holds == 0 || !deaf->told || deaf->ended)
            continue;
        /* Relaxed, both: it has answered.  Not of another thread, nor long ago. */
        if (deaf->tid != tri_load_relaxed(&m->tid)
            || tri_load_relaxed(&m->stop_count) - deaf->stops > 1)
            continue;
        deaf->ended = true;
        tri_print("tricolor: thread %d has stopped, after %lld ms\n", deaf->tid,
                  (long long)((now - deaf->since_ns) / 1000000));
    }
}

void
tri_straggler_given_up(struct tri_m *m)
{
    look_at(m, 0);
}
