/* SPDX-License-Identifier: MIT */
/*
 * runtime/gc_host.c: what the collector asks of the scheduler (gc/host.h) that
 * is not defined where it belongs: Ps, stacks, goroutines of its own.
 */
#include "base/check.h"
#include "base/option.h"
#include "base/os.h"
#include "gc/gc.h"
#include "runtime/sched.h"

/* ---- Ps ------------------------------------------------------------------- */

int
tri_host_proc_count(void)
{
    return tri_sched_p_count();
}

struct tri_gc_p *
tri_host_proc(int i)
{
    return tri_sched.p[i]->gc;
}

struct tri_gc_p *
tri_host_current_p(void)
{
    struct tri_p *p = tri_current_p();
    return p == NULL ? NULL : p->gc;
}

int
tri_host_proc_number(void)
{
    struct tri_p *p = tri_current_p();
    return p == NULL ? -1 : p->index;
}

void
tri_host_populate(void *start, size_t bytes)
{
    /* Relaxed: our own.  Who must not lose his P takes the faults as he is. */
    struct tri_m *m = tri_local_m();
    bool gives_way =
        tri_local_g() != NULL && tri_load_relaxed(&m->no_preempt) == 0;
    if (!gives_way) {
        tri_os_populate(start, bytes);
        return;
    }
    /* Relaxed: our own, and a hint to sysmon.  With our P another thread would
     * compete for the CPU that clears the pages, and one of those that a pause
     * waits for (POPULATE-1) might stand behind us there. */
    tri_store_relaxed(&m->populates, 1);
    tri_blocking_begin();
    tri_os_populate(start, bytes);
    tri_blocking_end();
    tri_store_relaxed(&m->populates, 0);
}

void
tri_host_divert_caches(void)
{
    TRI_CHECK(tri_world_stopped(), "caches diverted in a running world");
    for (int32_t i = 0; i < TRI_PROCS_MAX && tri_sched.p[i] != NULL; i++)
        tri_store(&tri_sched.p[i]->diverted, 1);
    for (uint32_t i = 0; i < tri_m_count(); i++) {
        struct tri_m *m = tri_m_at(i);
        /* Acquire pairs with the release in tri_m_adopt. */
        struct tri_local *local = tri_load_acquire(&m->local);
        if (tri_load(&m->in_use) != 0 && local != NULL)
            local->cache = &tri_cache_none;
    }
}

void
tri_host_restore_cache(void)
{
    struct tri_p *p = tri_current_p();
    TRI_CHECK(p != NULL, "a cache without a P");
    /* Relaxed: only P's holder and, with the world stopped, who diverts touch
     * it.  A full store here was a tenth of a tiny allocation. */
    tri_store_relaxed(&p->diverted, 0);
    tri_local_get()->cache = p->cache;
}

/* ---- stacks ---------------------------------------------------------------- */

typedef void (*scan_fn)(uintptr_t lo, uintptr_t hi, void *arg);

size_t
tri_host_stacks_snapshot(void)
{
    return tri_g_count();
}

/* Our own: we are in it, or on the system stack with its registers pushed. */
static TRI_NOINLINE uintptr_t
scan_self(struct tri_m *m, struct tri_g *g, scan_fn scan, void *arg)
{
    __builtin_unwind_init();
    uintptr_t sp = m->system_call_sp != NULL ? (uintptr_t)m->system_call_sp
                                             : tri_context_sp();
    return tri_stack_scan(g, sp, NULL, scan, arg);
}

/*
 * gccheckmark: marking takes the dead part of a stack too.  A frame entered
 * after the scan has slots it never wrote; what earlier frames left in them is
 * no reference, but the verifier, which comes last, cannot tell.  On a thread's
 * own large stack only the next pages: no further do calls reach meanwhile.
 */
static void
scan_dead_part(struct tri_g *g, uintptr_t sp, scan_fn scan, void *arg)
{
    enum {
        THREAD_DEPTH = 256 << 10
    };
    if (TRI_LIKELY(tri_debug.gccheckmark == 0) || tri_world_stopped())
        return;
    uintptr_t lo = g->stack.lo;
    if (sp - lo > THREAD_DEPTH)
        lo = sp - THREAD_DEPTH;
    scan((lo + 7) & ~(uintptr_t)7, sp & ~(uintptr_t)7, arg);
}

static bool
scan_on_thread(struct tri_m *m, struct tri_g *g, scan_fn scan, void *arg)
{
    if (m == tri_local_m()) {
        if (g->bound != NULL)
            tri_thread_data_scan(&m->data, scan, arg);
        scan_dead_part(g, scan_self(m, g, scan, arg), scan, arg);
        return true;
    }
    /* The world's stopper has all claims already. */
    bool mine = !tri_world_stopped();
    if (mine && !tri_m_stop_one(m))
        return false;
    bool there = tri_load(&g->m) == m && tri_load(&m->g) == g;
    if (there) {
        if (g->bound != NULL)
            tri_thread_data_scan(&m->data, scan, arg);
        scan_dead_part(g, tri_signal_scan(m, g, scan, arg), scan, arg);
    }
    if (mine)
        tri_m_release(m);
    return there;
}

/* Reads what may change: whatever address comes of it is only a hint. */
TRI_NO_SANITIZE void
tri_host_stack_soon(size_t i)
{
    enum {
        LINE = 64,
        LINES = 4
    };
    if (i >= tri_g_count())
        return;
    const char *sp = *(char *const volatile *)&tri_g_at(i)->sp;
    for (int line = 0; line < LINES; line++)
        __builtin_prefetch(sp + line * LINE);
}

/*
 * A goroutine that has been parked at the same place for some collections may have
 * been deep in calls before, and holds those pages still.  STACK-3: we have set
 * SCAN.  A system call for each, so not too many in one collection, and once.
 */
static void
give_back_below(struct tri_g *g, uintptr_t sp)
{
    enum {
        SCANS = 2,
        AT_ONCE = 4096
    };
    static TRI_ATOMIC(uint32_t) in_cycle, count;
    if (TRI_LIKELY(g->idle_scans > SCANS))
        return;
    /* Relaxed, all: a limit, and scanners of one collection agree on it. */
    uint32_t cycle = tri_gc_cycle();
    if (tri_load_relaxed(&in_cycle) != cycle) {
        tri_store_relaxed(&in_cycle, cycle);
        tri_store_relaxed(&count, 0);
    }
    if (g->idle_scans == SCANS) {
        if (tri_add_relaxed(&count, 1) >= AT_ONCE)
            return; /* the next one */
        tri_stack_give_back_below(&g->stack, sp);
    }
    g->idle_scans++;
}

static void
scan_parked(struct tri_g *g, scan_fn scan, void *arg)
{
    uintptr_t sp = (uintptr_t)g->sp;
    /* SCAN-1: it may have parked on a stack of its own making. */
    uintptr_t dead_below = tri_stack_scan(g, sp, NULL, scan, arg);
    scan_dead_part(g, dead_below, scan, arg);
    if (dead_below == sp && !TRI_ASAN)
        give_back_below(g, sp);
}

bool
tri_host_stack_scan(size_t i, scan_fn scan, void *arg)
{
    struct tri_g *g = tri_g_at(i);
    uint32_t state = tri_load(&g->state);
    TRI_DCHECK(tri_gc_active() || tri_world_stopped(),
               "G-4: a stack is scanned with the collector off");
    if (state == TRI_G_DEAD)
        return true;
    struct tri_m *m = g->bound != NULL ? g->bound : tri_load(&g->m);
    if (state == TRI_G_RUNNING || g->bound != NULL)
        return m != NULL && scan_on_thread(m, g, scan, arg);
    if ((state & TRI_G_SCAN) != 0)
        return false;
    /* G-1, G-2: from here it cannot run.  Acquire pairs with the release of
     * the scheduler that switched it off. */
    if (!tri_cas_acq_rel(&g->state, &state, state | TRI_G_SCAN))
        return false;
    if (g->sp == NULL) /* G-5 */
        scan((uintptr_t)&g->arg, (uintptr_t)(&g->arg + 1), arg);
    else
        scan_parked(g, scan, arg);
    tri_and(&g->state, ~TRI_G_SCAN);
    return true;
}

/* A goroutine's argument lies on its stack or in its struct (G-5), an element handed
 * over in a channel on its waiter's stack, and timers hold goroutines only: nothing
 * else is ours. */
void
tri_host_scan_runtime(scan_fn scan, void *arg)
{
    (void)scan, (void)arg;
}

/* ---- the system stack ------------------------------------------------------ */

/*
 * gccheckmark: what the collector's own frames left on the goroutine's stack, in
 * words its later frames may never write.  Below our frame, where nobody is:
 * handlers have a stack of their own.
 */
static TRI_NO_SANITIZE TRI_NOINLINE void
clear_below(const struct tri_g *g)
{
    enum {
        BYTES = 24 << 10,
        OWN_FRAME = 512,
        MARGIN = 4096 /* from the guard */
    };
    uintptr_t hi = (uintptr_t)__builtin_frame_address(0) - OWN_FRAME;
    uintptr_t lo = g->stack.lo + MARGIN;
    if (hi > lo && hi - lo > BYTES)
        lo = hi - BYTES;
    for (uintptr_t at = (lo + 7) & ~(uintptr_t)7; at < hi; at += 8)
        *(volatile uintptr_t *)at = 0;
}

void
tri_host_on_system_stack(void (*fn)(void *), void *arg)
{
    struct tri_m *m = tri_local_m();
    struct tri_g *g = m == NULL ? NULL : tri_load_relaxed(&m->g);
    TRI_DCHECK(tri_critical_depth() > 0, "on_system_stack outside a section");
    if (TRI_ASAN || TRI_TSAN || g == NULL || g->bound != NULL
        || m->system_call_sp != NULL) {
        /* A large stack already, or a sanitizer that knows only one here. */
        fn(arg);
        if (TRI_UNLIKELY(tri_debug.gccheckmark != 0) && g != NULL
            && m->system_call_sp == NULL)
            clear_below(g);
    } else {
        tri_context_call_on(m->sched_sp, fn, arg, &m->system_call_sp);
        m->system_call_sp = NULL;
    }
    /* The goroutine may have been scanned in here, without them. */
    if (TRI_UNLIKELY(tri_debug.gccheckmark != 0))
        tri_context_forget();
}

/* ---- goroutines of the collector's own ------------------------------------- */

void
tri_host_go_system(void (*fn)(void *), void *arg, const char *name)
{
    tri_spawn(fn, arg, name, 0, NULL);
}

void
tri_host_park(bool (*commit)(struct tri_g *g, void *arg), void *arg,
              const char *reason)
{
    tri_park(commit, arg, reason);
}

void
tri_host_ready(struct tri_g *g)
{
    tri_enter();
    tri_ready(g);
    tri_leave();
}

struct tri_g *
tri_host_current_g(void)
{
    struct tri_g *g = tri_local_g();
    if (TRI_UNLIKELY(g == NULL))
        tri_check_caller("tri_cleanup_drain"); /* who else asks has one */
    return g;
}

uint64_t
tri_host_goid(void)
{
    struct tri_g *g = tri_local_g();
    return g == NULL ? 0 : g->id;
}

void
tri_host_yield(void)
{
    tri_yield();
}

void
tri_host_wait(TRI_ATOMIC(uint32_t) *word, uint32_t expected, int64_t timeout_ns)
{
    tri_wait_in_place(word, expected, timeout_ns);
}
