/* SPDX-License-Identifier: MIT */
/*
 * runtime/rewind.c: a thread that is stopped in place inside a restartable sequence
 * goes on at its start (tricolor/impl/sequence.h).
 *
 * The code that the stop signal interrupted is not all: it may be a handler of the
 * program's, which has interrupted a sequence itself, or another handler that has.
 * Where these go on is in the kernel's frames on the thread's stacks.
 *
 *   SEQ-4  Who is stopped strictly inside a sequence goes on at its start, and that
 *          is settled before it answers; otherwise it has tested "off", the phase
 *          turns, its target is scanned, and the store lands unrecorded.
 *   SEQ-5  So do all older signal frames of the thread: those on the stack it is
 *          on and on any that these came from; otherwise the same, after the
 *          program's handler has returned.
 *   SEQ-6  A frame is known by the segment registers, link and vector state that
 *          the kernel wrote there, at 16-byte steps from the very stack pointer on,
 *          and not by the address of libc's return code: that word is popped when
 *          the handler has returned and the frame is still to be used, and other
 *          libraries have other return code.  Otherwise these frames are missed.
 *
 * Words that look like a frame and are none (an old one in a variable never
 * written, a copy the program made) do no harm: only a pc in a sequence is changed.
 *
 * Not seen: a handler that leaves for a stack of the program's own making in other
 * ways than by a signal, and comes back.
 *
 * Rejected: looking only while signals are blocked, as they are in a handler; some
 * are installed with SA_NODEFER.  The kernel's rseq(2), which aborts at each signal and
 * needs none of this: 0.1 to 0.2 ns more a store, and not there under valgrind, qemu
 * or GLIBC_TUNABLES=glibc.pthread.rseq=0.
 */
#include "runtime/sequence.h"

#if TRI_SEQUENCES_SERVED

#    include "base/check.h"
#    include "base/os.h"
#    include "runtime/sched.h"

/* tests/runtime.cmake: rt_sequence_broken_X. */
#    ifndef TRI_BREAK_REWIND
#        define TRI_BREAK_REWIND 0
#    endif
#    ifndef TRI_BREAK_OLDER
#        define TRI_BREAK_OLDER 0
#    endif
#    ifndef TRI_BREAK_ELSEWHERE
#        define TRI_BREAK_ELSEWHERE 0
#    endif
#    ifndef TRI_BREAK_RETURNED
#        define TRI_BREAK_RETURNED 0
#    endif

/* Stacks to look through; a thread is on one or two. */
#    define STACKS_MAX  16
#    define PIECE_BYTES ((uintptr_t)4 << 10)
/* The vector state lies behind the frame, aligned. */
#    define FRAME_BYTES_MAX 1024

#    define SEGMENTS                                                           \
        (offsetof(ucontext_t, uc_mcontext.gregs) + REG_CSGSFS * sizeof(greg_t))

/* Up to and with what is_frame looks at; a ucontext of libc's is longer than the
 * kernel's. */
struct frame_head {
    unsigned long flags;
    struct ucontext_t *link;
    stack_t stack;
    greg_t gregs[NGREG];
    void *vector_state;
};

struct walk {
    const struct tri_sequence_table *table;
    struct tri_m *m;
    const struct tri_g *g;
    stack_t alt;                 /* as the kernel has it for this thread */
    uint64_t segments;           /* of 64-bit code, here */
    uintptr_t stack[STACKS_MAX]; /* stack pointers to go up from */
    uint32_t count;
    uint32_t done;
};

static TRI_NO_SANITIZE uintptr_t
rewind_frame(const struct walk *walk, ucontext_t *uc)
{
    greg_t *pc = &uc->uc_mcontext.gregs[REG_RIP];
    uintptr_t start = tri_sequence_around(walk->table, (uintptr_t)*pc);
    if (start != 0 && !TRI_BREAK_REWIND)
        *pc = (greg_t)start;
    return start;
}

/* [sp, result) is the rest of the stack; false: where it ends nobody knows. */
static TRI_NO_SANITIZE bool
stack_end(const struct walk *walk, uintptr_t sp, uintptr_t *end)
{
    uintptr_t alt = (uintptr_t)walk->alt.ss_sp;
    if (sp >= walk->g->stack.lo && sp <= walk->g->stack.hi)
        *end = walk->g->stack.top;
    else if (sp - alt < walk->alt.ss_size)
        *end = alt + walk->alt.ss_size;
    else {
        *end = sp + TRI_FOREIGN_STACK_BYTES;
        return false;
    }
    return true;
}

/* Unless that part of the stack is to be walked already. */
static TRI_NO_SANITIZE void
note_stack(struct walk *walk, uintptr_t sp)
{
    for (uint32_t i = 0; i < walk->count; i++) {
        uintptr_t end;
        uintptr_t from = walk->stack[i];
        bool known = stack_end(walk, from, &end);
        if (sp == from || (known && sp > from && sp <= end))
            return;
    }
    if (walk->count < STACKS_MAX)
        walk->stack[walk->count++] = sp;
}

/* SEQ-6.  Read by the kernel: at the end of a stack, the rest may not be there. */
static TRI_NO_SANITIZE bool
is_frame(uintptr_t at, struct frame_head *head)
{
    if (!tri_os_read(head, at, sizeof(*head)))
        return false;
    uintptr_t vectors = (uintptr_t)head->vector_state;
    return head->link == NULL && vectors % 64 == 0
        && vectors - at < FRAME_BYTES_MAX;
}

/* Frames whose word SEGMENTS lies in [from, end), of which `words` is a copy or the
 * thing itself. */
static TRI_NO_SANITIZE void
look_through(struct walk *walk, const char *words, uintptr_t from,
             uintptr_t end)
{
    for (uintptr_t at = from; at + 8 <= end; at += 16) {
        struct frame_head head;
        if (*(const uint64_t *)(const void *)(words + (at - from))
                != walk->segments
            || !is_frame(at - SEGMENTS, &head))
            continue;
        ucontext_t *uc = (ucontext_t *)(at - SEGMENTS);
        walk->m->rewind_older_count += rewind_frame(walk, uc) != 0;
        if (!TRI_BREAK_ELSEWHERE)
            note_stack(walk, (uintptr_t)head.gregs[REG_RSP]);
    }
}

/* Not in walk_stack's frame: the handler may be on a small signal stack. */
static TRI_NO_SANITIZE void
walk_foreign(struct walk *walk, uintptr_t from, uintptr_t end)
{
    char copy[PIECE_BYTES] __attribute__((aligned(16)));
    while (from < end) {
        uintptr_t room = PIECE_BYTES - from % PIECE_BYTES;
        if (!tri_os_read(copy, from, room))
            return;
        look_through(walk, copy, from, from + room);
        from += room + SEGMENTS % 16; /* the next of the 16-byte steps */
    }
}

static TRI_NO_SANITIZE void
walk_stack(struct walk *walk, uintptr_t sp)
{
    uintptr_t end;
    /* A frame's ucontext is 16-byte aligned, and may begin at sp itself. */
    uintptr_t from = ((sp + 15) & ~(uintptr_t)15) + SEGMENTS;
    if (TRI_BREAK_RETURNED && sp % 16 == 0)
        from += 16;
    if (stack_end(walk, sp, &end))
        look_through(walk, (const char *)from, from, end);
    else
        walk_foreign(walk, from, end);
}

TRI_NO_SANITIZE void
tri_rewind(struct tri_m *m, const struct tri_g *g, ucontext_t *uc)
{
    struct walk walk = { .table = tri_sequences_hold(), .m = m, .g = g };
    if (walk.table == NULL)
        return;
    m->rewind_count += rewind_frame(&walk, uc) != 0;
    /* Without a goroutine: in the scheduler, where no program's code is below. */
    if (g != NULL && !TRI_BREAK_OLDER) {
        walk.alt = uc->uc_stack;
        walk.segments = (uint64_t)uc->uc_mcontext.gregs[REG_CSGSFS];
        note_stack(&walk, (uintptr_t)uc->uc_mcontext.gregs[REG_RSP]);
        while (walk.done < walk.count)
            walk_stack(&walk, walk.stack[walk.done++]);
    }
    tri_sequences_drop();
}

#endif
