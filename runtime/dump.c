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
 *   DUMP-1  Only with the world stopped, or dying: everything is read by copies, so
 *           that a wrong frame pointer ends a list and nothing else.
 *   DUMP-2  The signal's handler sets a flag and wakes sysmon, no more; otherwise
 *           it stops the world from a thread that holds what the stopper needs.
 *   DUMP-3  Nothing is written with the world stopped; otherwise a pipe that a
 *           goroutine of this process reads is full, and nobody reads it.
 */
#include "runtime/dump.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>

#include "base/check.h"
#include "base/format.h"
#include "base/os.h"
#include "base/symbol.h"
#include "base/syscall.h"
#include "gc/gc.h"
#include "runtime/sched.h"
#include "runtime/signal.h"

#define FRAMES_MAX 24
#define GROUPS_MAX 4096u
#define IDS_SHOWN  8
#define NAMES      512u

/* TRI_DEBUG=sigquit */
enum {
    SIGQUIT_DIES,
    SIGQUIT_GOES_ON,
    SIGQUIT_IS_OFF
};

enum standing {
    STANDS_PARKED,
    STANDS_RUNNABLE,
    STANDS_RUNNING,
    STANDS_BLOCKING,
    STANDS_NEW
};

/* Where a flow stands: the next instruction, and the frame pointer there. */
struct place {
    uintptr_t pc;
    uintptr_t fp;
};

/* Goroutines that differ in their number only. */
struct group {
    uint64_t hash;
    uint64_t count;
    uint64_t id[IDS_SHOWN];
    struct tri_g *g; /* one of them */
    enum standing standing;
    int frames;
    bool cut; /* more frames than we could follow */
    uintptr_t pc[FRAMES_MAX];
};

/* One dump at a time: the world's stopper's, or the dying thread's. */
static struct {
    struct place self; /* of the goroutine that asks */
    struct group *groups;
    size_t group_count;
    uint16_t order[GROUPS_MAX / 2]; /* as they were met */
    uint64_t ungrouped;
    struct {
        uintptr_t pc;
        struct tri_symbol symbol;
    } name[NAMES];
} dump;

/* ---- where it stands -------------------------------------------------------- */

static struct place
place_of_signal(const ucontext_t *uc)
{
#if defined(__x86_64__)
    return (struct place){ (uintptr_t)uc->uc_mcontext.gregs[REG_RIP],
                           (uintptr_t)uc->uc_mcontext.gregs[REG_RBP] };
#else
    return (struct place){ (uintptr_t)uc->uc_mcontext.pc,
                           (uintptr_t)uc->uc_mcontext.regs[29] };
#endif
}

/* On a thread: stopped in place, in a call that blocks, or the caller's own. */
static struct place
place_on_thread(const struct tri_m *m)
{
    if (m == tri_local_m())
        return dump.self;
    if (m->uc != NULL)
        return place_of_signal(m->uc);
    return (struct place){ m->stopped_pc, m->stopped_fp };
}

static struct place
place_of(struct tri_g *g, enum standing *standing)
{
    uint32_t state = tri_load(&g->state) & ~TRI_G_SCAN;
    const struct tri_m *m = g->bound != NULL ? g->bound : tri_load(&g->m);
    *standing = state == TRI_G_WAITING  ? STANDS_PARKED
              : state == TRI_G_RUNNABLE ? STANDS_RUNNABLE
                                        : STANDS_RUNNING;
    if (m != NULL) {
        if (m->blocking_depth != 0)
            *standing = STANDS_BLOCKING;
        return place_on_thread(m);
    }
    if (g->sp == NULL) {
        *standing = STANDS_NEW;
        return (struct place){ (uintptr_t)g->fn, 0 };
    }
    struct place place;
    if (!tri_context_place(g->sp, &place.pc, &place.fp))
        return (struct place){ 0, 0 };
    return place;
}

static void
follow(struct tri_g *g, struct place place, struct group *group)
{
    uintptr_t at = place.fp;
    group->frames = 0;
    group->cut = false;
    if (place.pc != 0)
        group->pc[group->frames++] = place.pc;
    while (group->frames < FRAMES_MAX && at != 0) {
        uintptr_t frame[2];
        if (at % sizeof(uintptr_t) != 0 || at < g->stack.lo
            || at > g->stack.hi - sizeof(frame)
            || !tri_os_read(frame, at, sizeof(frame))) {
            group->cut = true;
            return;
        }
        if (frame[1] == 0 || (frame[0] == 0 && g->bound == NULL))
            return; /* into tri_context_boot */
        group->pc[group->frames++] = frame[1];
        if (frame[0] != 0 && frame[0] <= at)
            group->cut = true;
        at = frame[0] > at ? frame[0] : 0;
    }
}

/* ---- grouping ----------------------------------------------------------------- */

static uint64_t
mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

static uint64_t
hash_of(const struct group *group)
{
    uint64_t hash = mix(group->standing, (uintptr_t)group->g->spawn_pc);
    hash = mix(hash, (uintptr_t)group->g->fn);
    hash = mix(hash, (uintptr_t)group->g->name);
    if (group->standing == STANDS_PARKED)
        hash = mix(hash, (uintptr_t)group->g->wait_reason);
    for (int i = 0; i < group->frames; i++)
        hash = mix(hash, group->pc[i]);
    return hash | 1;
}

/* Open addressing; false: the table is full. */
static bool
enter(const struct group *one)
{
    if (dump.groups == NULL)
        return false;
    for (size_t probe = 0; probe < GROUPS_MAX; probe++) {
        size_t slot = (one->hash + probe) % GROUPS_MAX;
        struct group *at = &dump.groups[slot];
        if (at->hash == 0 && dump.group_count < GROUPS_MAX / 2) {
            *at = *one;
            dump.order[dump.group_count++] = (uint16_t)slot;
        }
        if (at->hash == 0)
            return false;
        if (at->hash == one->hash) {
            if (at->count < IDS_SHOWN)
                at->id[at->count] = one->g->id;
            at->count++;
            return true;
        }
    }
    return false;
}

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

/* All of it, whatever kind of descriptor that is; 0 or -errno. */
static long
write_out(int fd, const struct page *kept)
{
    for (size_t at = 0; at < kept->used;) {
        long done = tri_syscall3(SYS_write, fd, (long)(kept->text + at),
                                 (long)(kept->used - at));
        if (done == -EAGAIN) {
            struct pollfd entry = { .fd = fd, .events = POLLOUT };
            tri_syscall6(SYS_ppoll, (long)(uintptr_t)&entry, 1, 0, 0, 0, 0);
        } else if (done < 0 && done != -EINTR) {
            return done;
        } else if (done > 0) {
            at += (size_t)done;
        }
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
drop_page(const struct page *kept)
{
    if (kept->text != NULL)
        tri_os_unmap(kept->text, kept->bytes);
}

/* Reading a symbol table takes a while, and stacks have frames in common. */
static const struct tri_symbol *
symbol_of(uintptr_t pc)
{
    size_t at = mix(1, pc) % NAMES;
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
print_group(int fd, const struct group *group)
{
    static const char *const words[] = { "", "runnable", "running",
                                         "in a blocking call",
                                         "not started yet" };
    struct tri_g *g = group->g;
    const char *state = words[group->standing];
    if (group->standing == STANDS_PARKED)
        state = g->wait_reason == NULL ? "waiting" : g->wait_reason;
    char ids[IDS_SHOWN * 22] = "";
    size_t length = 0;
    for (uint64_t i = 0; i < group->count && i < IDS_SHOWN; i++)
        length +=
            tri_format(ids + length, sizeof(ids) - length, "%s%llu",
                       i == 0 ? "" : ", ", (unsigned long long)group->id[i]);
    say(fd, "\n%s %s%s [%s]%s%s%s:\n",
        group->count == 1 ? "goroutine" : "goroutines", ids,
        group->count > IDS_SHOWN ? ", ..." : "", state,
        g->is_main ? ", main" : "", g->name == NULL ? "" : ", the runtime's ",
        g->name == NULL ? "" : g->name);
    if (group->count > IDS_SHOWN)
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
    for (size_t i = 0; i < dump.group_count; i++)
        print_group(fd, &dump.groups[dump.order[i]]);
    if (dump.ungrouped != 0)
        say(fd,
            "\nand %llu more goroutines, each at a place of its "
            "own\n",
            (unsigned long long)dump.ungrouped);
}

void
tri_dump_all(int fd)
{
    size_t bytes = GROUPS_MAX * sizeof(*dump.groups);
    uint64_t live = 0;
    dump.groups = tri_os_map(bytes);
    dump.group_count = 0;
    dump.ungrouped = 0;
    for (size_t i = 0; i < tri_g_count(); i++) {
        struct tri_g *g = tri_g_at(i);
        if (tri_load(&g->state) == TRI_G_DEAD)
            continue;
        live++;
        struct group one = { .g = g };
        struct place place = place_of(g, &one.standing);
        follow(g, place, &one);
        one.hash = hash_of(&one);
        if (!enter(&one))
            dump.ungrouped++;
    }
    say(fd, "%llu goroutines, %u threads, %d procs, collector %s\n",
        (unsigned long long)live, tri_m_thread_count(),
        tri_load(&tri_sched.p_count), tri_gc_active() ? "marking" : "off");
    print_groups(fd);
    if (dump.groups != NULL)
        tri_os_unmap(dump.groups, bytes);
    dump.groups = NULL;
}

TRI_API TRI_NOINLINE int
tri_dump_goroutines(int fd)
{
    tri_check_caller("tri_dump_goroutines");
    tri_host_stop_world(TRI_STOP_STATS);
    const uintptr_t *frame = __builtin_frame_address(0);
    dump.self =
        (struct place){ (uintptr_t)__builtin_return_address(0), frame[0] };
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
    struct {
        void (*handler)(int number);
        unsigned long flags;
        void (*restorer)(void);
        uint64_t mask;
    } action = { .handler = SIG_DFL };
    tri_syscall6(SYS_rt_sigaction, number, (long)(uintptr_t)&action, 0,
                 sizeof(mask), 0, 0);
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

void
tri_dump_poll(void)
{
    if (TRI_LIKELY(tri_load(&wanted) == 0))
        return;
    tri_store(&wanted, tri_debug.sigquit == SIGQUIT_DIES);
    tri_host_stop_world(TRI_STOP_STATS);
    say(KEEP, "SIGQUIT: ");
    tri_dump_all(KEEP);
    struct page kept = take_page();
    tri_host_start_world();
    tri_enter();
    tri_m_block(tri_local_m()); /* no pause waits for who reads it */
    (void)write_out(2, &kept);
    tri_m_unblock(tri_local_m(), false);
    tri_leave();
    drop_page(&kept);
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
