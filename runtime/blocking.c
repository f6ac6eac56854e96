/* SPDX-License-Identifier: MIT */
/*
 * runtime/blocking.c: threads that sleep with a goroutine on them.
 *
 * Around a call that may block (Go: entersyscall, exitsyscall) the thread
 * counts as stopped, so no pause waits for it and no signal disturbs it.  Its P
 * stays with it in the state SYSCALL, where a CAS takes it away: sysmon does so
 * once the call lasts and others could use it.  A call that returns at once
 * finds its P and pays two CAS each way.
 *
 *   BLOCK-1  The P becomes SYSCALL before the thread becomes BLOCKED, and the
 *            thread runs again before it takes a P; otherwise it touches a P
 *            in a stopped world.
 *   BLOCK-2  Registers and stack are published as the caller of
 *            tri_blocking_begin had them, whose frame outlives ours; otherwise
 *            what is scanned is what later calls left there.
 */
#include "base/check.h"
#include "base/os.h"
#include "gc/gc.h"
#include "runtime/defer.h"
#include "runtime/sched.h"
#include "trace/trace.h"

#if defined(__x86_64__)
#    define SAVED_REGS 6
#    define SAVED_FP   5 /* rbp */
#else
#    define SAVED_REGS TRI_SAVED_WORDS
#    define SAVED_FP   10 /* x29 */
#endif

/* From tri_blocking_begin, in assembly. */
void tri_blocking_begin_regs(const uintptr_t *regs, uintptr_t sp);

/* BLOCK-1, both halves.  A request may have come: we are in a section. */
static bool
runs(struct tri_m *m)
{
    uint32_t state = tri_load(&m->state);
    return state == TRI_M_RUN || state == TRI_M_REQ;
}

/* The registers were pushed by assembly, where AddressSanitizer's shadow may
 * still be that of an earlier frame. */
static TRI_NO_SANITIZE void
keep_regs(struct tri_m *m, const uintptr_t *regs)
{
    for (int i = 0; i < SAVED_REGS; i++)
        m->regs.word[i] = regs[i];
}

void
tri_blocking_begin_regs(const uintptr_t *regs, uintptr_t sp)
{
    struct tri_m *m = tri_local_m();
    if (m != NULL && m->blocking_depth > 0) {
        m->blocking_depth++;
        return;
    }
    tri_check_caller("tri_blocking_begin");
    tri_enter();
    m->blocking_depth = 1;
    keep_regs(m, regs);
    m->stopped_sp = sp;
    m->stopped_fp = regs[SAVED_FP];
    m->stopped_pc = *(const uintptr_t *)(sp - sizeof(uintptr_t));
    m->uc = NULL;
    /* Relaxed: ours. */
    struct tri_p *p = tri_load_relaxed(&m->p);
    m->blocking_p = p;
    tri_defer_call(p);
    tri_trace_blocking_begin(tri_local_g()->id, p->index);
    tri_local_get()->cache = &tri_cache_none;
    tri_store_relaxed(&m->p, NULL);
    tri_add_relaxed(&p->calls, 1);
    TRI_DCHECK(runs(m), "BLOCK-1: a thread leaves its P when it is blocked");
    /* Release pairs with the CAS of who takes it. */
    tri_store_release(&p->status, TRI_P_SYSCALL);
    tri_m_block(m);
    tri_leave();
}

TRI_API void
tri_blocking_end(void)
{
    struct tri_m *m = tri_local_m();
    if (m == NULL || m->blocking_depth == 0)
        tri_panic("tri_blocking_end: there was no tri_blocking_begin before "
                  "it on this thread; call them in pairs");
    if (m->blocking_depth > 1) {
        m->blocking_depth--;
        return;
    }
    tri_enter();
    tri_m_unblock(m, false);
    m->blocking_depth = 0;
    /* They are scanned whenever this thread stops without a signal: left there,
     * they would keep objects that nothing refers to any more. */
    m->regs = (struct tri_saved_regs){ { 0 } };
    struct tri_p *p = m->blocking_p;
    uint32_t status = TRI_P_SYSCALL;
    TRI_DCHECK(runs(m), "BLOCK-1: a thread takes a P before it runs");
    /* It may be another thread's by now, and in its blocking call: then we
     * took it from there, which is as good. */
    if (tri_cas(&p->status, &status, TRI_P_RUNNING)) {
        if (tri_load_relaxed(&p->m) != m) /* relaxed: ours since the CAS */
            tri_p_left(p);
        tri_store_relaxed(&p->m, m);
        tri_store_relaxed(&m->p, p);
        tri_p_point_cache(p);
        tri_p_arrived(p);
    } else {
        tri_m_await_p(m);
    }
    tri_trace_blocking_end(tri_local_g()->id);
    tri_leave();
}

/* Not inlined: unwind_init spills the caller's registers into this frame. */
TRI_NOINLINE struct tri_p *
tri_m_sleep_for_p(struct tri_m *m)
{
    __builtin_unwind_init();
    m->uc = NULL;
    m->stopped_sp = tri_context_sp();
    tri_m_note_place(m);
    tri_m_block(m);
    tri_m_unblock(m, true);
    /* Acquire pairs with the release in tri_p_install. */
    struct tri_p *p = tri_load_acquire(&m->p);
    /* Relaxed: ordered by that. */
    TRI_DCHECK(p != NULL && tri_load_relaxed(&p->m) == m,
               "P-2: thread %d was woken without a P",
               tri_load_relaxed(&m->tid));
    return p;
}

void
tri_m_await_p(struct tri_m *m)
{
    tri_m_want_p(m);
    tri_p_arrived(tri_m_sleep_for_p(m));
}

TRI_NOINLINE void
tri_wait_in_place(TRI_ATOMIC(uint32_t) *word, uint32_t expected,
                  int64_t timeout_ns)
{
    int64_t end = timeout_ns < 0 ? 0 : tri_os_now_ns() + timeout_ns;
    struct tri_m *m = tri_local_m();
    if (TRI_UNLIKELY(m == NULL))
        tri_check_caller("waiting");
    TRI_CHECK(tri_critical_depth() == 0,
              "CRIT-2: waiting inside a critical section");
    tri_enter();
    struct tri_p *p = tri_p_uninstall(m);
    if (p != NULL)
        tri_p_hand_off(p);
    __builtin_unwind_init();
    m->uc = NULL;
    m->stopped_sp = tri_context_sp();
    tri_m_note_place(m);
    tri_m_block(m);
    /* Acquire pairs with whatever release changed the word. */
    while (tri_load_acquire(word) == expected) {
        int64_t left = timeout_ns < 0 ? -1 : end - tri_os_now_ns();
        if (timeout_ns >= 0 && left <= 0)
            break;
        tri_futex_wait(word, expected, left);
    }
    tri_m_unblock(m, false);
    if (p != NULL)
        tri_m_await_p(m);
    tri_leave();
}
