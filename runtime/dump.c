/* SPDX-License-Identifier: MIT */
/*
 * runtime/dump.c: every goroutine's state, stack and origin, as text.  Those that
 * stand at the same place, for the same reason, and come from the same place, are
 * one entry with a count: a dump of ten thousand is as readable as one of ten.
 *
 * Stacks are followed by frame pointers, which the library has and a program has if
 * it is built with -fno-omit-frame-pointer; without them an entry ends where the
 * program's own frames begin, and says so.  (And a function without a frame, on top
 * of a stack that was stopped in place, hides its caller.)  An unwinder by DWARF tables would see
 * more, and needs the loader's locks or a copy of its tables.
 *
 *   DUMP-1  Only with the world stopped, or dying: everything is read by
 *           copies; otherwise a wrong frame pointer, which is to end a list and
 *           nothing else, ends the program.
 *   DUMP-2  The signal's handler sets a flag and wakes sysmon, no more; otherwise
 *           it stops the world from a thread that holds what the stopper needs.
 *   DUMP-3  Nothing is written with the world stopped; otherwise a pipe that a
 *           goroutine of this process reads is full, and nobody reads it.
 *   DUMP-4  Sysmon, where the program is to go on, writes what finds room, and the
 *           rest when it looks again; otherwise nobody is preempted while a pager
 *           shows the first page.  Where it dies of it, it waits for the reader, and
 *           not for ever; otherwise a supervisor that reads no more, and waits for the
 *           end, does not get it.
 */
#include "runtime/dump.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/check.h"
#include "base/format.h"
#include "base/os.h"
#include "base/symbol.h"
#include "base/syscall.h"
#include "gc/gc.h"
#include "runtime/dump_group.h"
#include "runtime/sched.h"
#include "runtime/signal.h"

#define NAMES      512u
#define PATIENCE_S 2 /* of who dies, with a reader who takes nothing */

/* TRI_DEBUG=sigquit */
enum {
    SIGQUIT_DIES,
    SIGQUIT_GOES_ON,
    SIGQUIT_IS_OFF
};

/* One dump at a time: the world's stopper's, or the dying thread's. */
static struct {
    struct tri_place self; /* of the goroutine that asks */
    struct tri_dump_groups groups;
    struct {
        uintptr_t pc;
        struct tri_symbol symbol;
    } name[NAMES];
} dump;

/* ---- printing ------------------------------------------------------------------- */

/* With the world stopped the text is kept (DUMP-3). */
#define KEEP       (-1)
#define LINE_BYTES 1024

static struct page {
    char *text;
    size_t used;
    size_t bytes;
} page;

/* Room for a line more; false: no memory, and the rest is left out. */
static bool
page_has_room(void)
{
    if (page.bytes - page.used >= LINE_BYTES)
        return true;
    size_t bytes = page.bytes == 0 ? (size_t)1 << 18 : 2 * page.bytes;
    char *text = tri_os_map(bytes);
    if (text == NULL)
        return false;
    if (page.text != NULL) {
        memcpy(text, page.text, page.used);
        tri_os_unmap(page.text, page.bytes);
    }
    page.text = text;
    page.bytes = bytes;
    return true;
}

static TRI_PRINTF(2, 3) void say(int fd, const char *format, ...)
{
    char line[LINE_BYTES];
    va_list args;
    va_start(args, format);
    size_t length = tri_vformat(line, sizeof(line), format, args);
    va_end(args);
    if (length >= sizeof(line))
        length = sizeof(line) - 1;
    if (fd != KEEP) {
        (void)tri_syscall3(SYS_write, fd, (long)line, (long)length);
    } else if (page_has_room()) {
        memcpy(page.text + page.used, line, length);
        page.used += length;
    }
}

/* What there is to write from `at` on, and how far it got.  0, -EAGAIN or another
 * error. */
static long
write_some(int fd, const struct page *kept, size_t *at, size_t most)
{
    size_t left = kept->used - *at;
    long done = tri_syscall3(SYS_write, fd, (long)(kept->text + *at),
                             (long)(left < most ? left : most));
    if (done > 0)
        *at += (size_t)done;
    return done < 0 && done != -EINTR ? done : 0;
}

/* Is there room?  timeout NULL: waits until there is, or nobody reads; the kernel
 * leaves in it what remains. */
static bool
has_room(int fd, struct timespec *timeout)
{
    struct pollfd entry = { .fd = fd, .events = POLLOUT };
    long ready;
    do
        ready = tri_syscall6(SYS_ppoll, (long)(uintptr_t)&entry, 1,
                             (long)(uintptr_t)timeout, 0, 0, 0);
    while (ready == -EINTR);
    return ready > 0;
}

/* All of it, whatever kind of descriptor that is; 0 or -errno. */
static long
write_out(int fd, const struct page *kept)
{
    for (size_t at = 0; at < kept->used;) {
        long error = write_some(fd, kept, &at, SIZE_MAX);
        if (error == -EAGAIN)
            (void)has_room(fd, NULL);
        else if (error != 0)
            return error;
    }
    return 0;
}

/* The page changes hands while the world is stopped still. */
static struct page
take_page(void)
{
    struct page kept = page;
    page = (struct page){ .text = NULL };
    return kept;
}

static void
drop_page(struct page *kept)
{
    if (kept->text != NULL)
        tri_os_unmap(kept->text, kept->bytes);
    *kept = (struct page){ .text = NULL };
}

/* Reading a symbol table takes a while, and stacks have frames in common. */
static const struct tri_symbol *
symbol_of(uintptr_t pc)
{
    size_t at = (pc * UINT64_C(0x9e3779b97f4a7c15) >> 40) % NAMES;
    if (dump.name[at].pc != pc) {
        dump.name[at].pc = pc;
        if (!tri_symbol_find(pc, &dump.name[at].symbol))
            dump.name[at].symbol.path[0] = 0;
    }
    return &dump.name[at].symbol;
}

static void
print_place(int fd, const char *before, uintptr_t pc)
{
    const struct tri_symbol *symbol = symbol_of(pc);
    if (symbol->name[0] != 0)
        say(fd, "%s%s+0x%lx (%s)\n", before, symbol->name, symbol->offset,
            symbol->path);
    else
        say(fd, "%s%p (%s +0x%lx)\n", before, (void *)pc,
            symbol->path[0] == 0 ? "?" : symbol->path, symbol->offset);
}

void
tri_dump_origin(int fd, struct tri_g *g)
{
    char before[64];
    if (g->bound != NULL) {
        say(fd, "    an attached thread\n");
        return;
    }
    if (g->spawn_pc == NULL)
        return;
    if (g->spawner == 0)
        (void)tri_format(before, sizeof(before), "    created at ");
    else
        (void)tri_format(before, sizeof(before),
                         "    created by goroutine %llu at ",
                         (unsigned long long)g->spawner);
    print_place(fd, before, (uintptr_t)g->spawn_pc - 1);
}

static void
print_group(int fd, const struct tri_dump_group *group)
{
    static const char *const words[] = { "", "runnable", "running",
                                         "in a blocking call",
                                         "not started yet" };
    struct tri_g *g = group->g;
    const char *state = words[group->standing];
    if (group->standing == TRI_STANDS_PARKED)
        state = g->wait_reason == NULL ? "waiting" : g->wait_reason;
    char ids[TRI_DUMP_IDS * 22] = "";
    size_t length = 0;
    for (uint64_t i = 0; i < group->count && i < TRI_DUMP_IDS; i++)
        length +=
            tri_format(ids + length, sizeof(ids) - length, "%s%llu",
                       i == 0 ? "" : ", ", (unsigned long long)group->id[i]);
    say(fd, "\n%s %s%s [%s]%s%s%s:\n",
        group->count == 1 ? "goroutine" : "goroutines", ids,
        group->count > TRI_DUMP_IDS ? ", ..." : "", state,
        g->is_main ? ", main" : "", g->name == NULL ? "" : ", the runtime's ",
        g->name == NULL ? "" : g->name);
    if (group->count > TRI_DUMP_IDS)
        say(fd, "    %llu of them\n", (unsigned long long)group->count);
    for (int i = 0; i < group->frames; i++)
        print_place(fd, "    ", group->pc[i] - (i > 0));
    if (group->cut)
        say(fd, "    (no frame pointer to follow from here)\n");
    tri_dump_origin(fd, g);
}

static void
print_groups(int fd)
{
    for (size_t i = 0; i < dump.groups.count; i++)
        print_group(fd, &dump.groups.table[dump.groups.order[i]]);
    if (dump.groups.ungrouped != 0)
        say(fd,
            "\nand %llu more goroutines, each at a place of its "
            "own\n",
            (unsigned long long)dump.groups.ungrouped);
}

void
tri_dump_all(int fd)
{
    tri_dump_gather(&dump.groups, dump.self);
    say(fd, "%llu goroutines, %u threads, %d procs, collector %s\n",
        (unsigned long long)dump.groups.live, tri_m_thread_count(),
        tri_load(&tri_sched.p_count), tri_gc_active() ? "marking" : "off");
    print_groups(fd);
    tri_dump_forget(&dump.groups);
}

TRI_API TRI_NOINLINE int
tri_dump_goroutines(int fd)
{
    tri_check_caller("tri_dump_goroutines");
    tri_host_stop_world(TRI_STOP_STATS);
    const uintptr_t *frame = __builtin_frame_address(0);
    dump.self =
        (struct tri_place){ (uintptr_t)__builtin_return_address(0), frame[0] };
    tri_dump_all(KEEP);
    struct page kept = take_page();
    tri_host_start_world();
    tri_blocking_begin();
    long error = fd < 0 ? -EBADF : write_out(fd, &kept);
    tri_blocking_end();
    drop_page(&kept);
    return (int)error;
}

/* ---- SIGQUIT ---------------------------------------------------------------------- */

static TRI_ATOMIC(uint32_t) wanted;
static bool ours_to_dump = true; /* [c] but in the child of a fork */

void
tri_dump_in_child(void)
{
    ours_to_dump = false;
}

/* As if we had never been asked.  Raw, like the handler. */
static TRI_NO_SANITIZE void
die_by(int number)
{
    uint64_t mask = UINT64_C(1) << (number - 1);
    (void)tri_signal_set(number, NULL, 0, 0); /* NULL: SIG_DFL */
    tri_syscall3(SYS_kill, tri_os_pid(), number, 0);
    tri_syscall6(SYS_rt_sigprocmask, SIG_UNBLOCK, (long)(uintptr_t)&mask, 0,
                 sizeof(mask), 0, 0);
}

static TRI_NO_SANITIZE void
on_quit(int number, siginfo_t *info, void *context)
{
    (void)info, (void)context;
    if (!ours_to_dump)
        die_by(number); /* a child, whose sysmon is the parent's */
    else if (tri_swap(&wanted, 1) != 0 && tri_debug.sigquit == SIGQUIT_DIES)
        die_by(number);                    /* twice: it cannot be dumped */
    tri_store(&tri_sched.monitor_word, 1); /* DUMP-2 */
    tri_syscall3(SYS_futex, (long)(uintptr_t)&tri_sched.monitor_word,
                 FUTEX_WAKE_PRIVATE, 1);
}

/* Sysmon's alone: what it has still to write. */
static struct page unwritten;
static size_t written;

/* DUMP-4.  A pipe with room has it for PIPE_BUF bytes. */
static void
write_what_finds_room(long patience_s)
{
    long error = 0;
    while (written < unwritten.used && error == 0) {
        struct timespec patience = { .tv_sec = patience_s };
        if (!has_room(STDERR_FILENO, &patience))
            return;
        error = write_some(STDERR_FILENO, &unwritten, &written, PIPE_BUF);
    }
    if (error != -EAGAIN)
        drop_page(&unwritten);
}

static void
write_dump(void)
{
    tri_enter();
    tri_m_block(tri_local_m()); /* no pause waits for who reads it */
    write_what_finds_room(tri_debug.sigquit == SIGQUIT_DIES ? PATIENCE_S : 0);
    tri_m_unblock(tri_local_m(), false);
    tri_leave();
}

void
tri_dump_poll(void)
{
    if (TRI_UNLIKELY(unwritten.text != NULL))
        write_dump();
    if (TRI_LIKELY(tri_load(&wanted) == 0) || unwritten.text != NULL)
        return;
    tri_store(&wanted, tri_debug.sigquit == SIGQUIT_DIES);
    tri_host_stop_world(TRI_STOP_STATS);
    say(KEEP, "SIGQUIT: ");
    tri_dump_all(KEEP);
    unwritten = take_page();
    written = 0;
    tri_host_start_world();
    write_dump();
    if (tri_debug.sigquit == SIGQUIT_DIES)
        die_by(SIGQUIT);
}

void
tri_dump_init(void)
{
    struct sigaction before;
    if (tri_debug.sigquit == SIGQUIT_IS_OFF
        || sigaction(SIGQUIT, NULL, &before) != 0
        || (before.sa_flags & SA_SIGINFO) != 0 || before.sa_handler != SIG_DFL)
        return; /* the program's own handler, or a child of nohup */
    tri_signal_install(SIGQUIT, on_quit);
}
