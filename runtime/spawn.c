/* SPDX-License-Identifier: MIT */
/*
 * runtime/spawn.c: birth and death of goroutines.  A struct keeps its stack
 * for ever and is reused with it: first from the P's own list, then from the
 * global ones, whose stacks sysmon gives back (tri_g_trim) page by page.
 */
#include "base/check.h"
#include "base/option.h"
#include "base/os.h"
#include "base/persist.h"
#include "gc/gc.h"
#include "runtime/sched.h"
#include "trace/trace.h"

#define CHUNK_GS   256u
#define CHUNKS_MAX 65536u
#define MOVE       (TRI_P_FREE_GS / 2)
#define SIZES      31u /* of larger stacks: 1 << 30 is the largest */

/* Keys: [l] ALLG lock; [a] atomic; [s] sysmon. */
static struct {
    struct tri_lock lock;
    struct tri_g **chunk;       /* [c] CHUNKS_MAX of them, off the heap */
    TRI_ATOMIC(size_t) count;   /* [a] */
    struct tri_g *used;         /* [l] dead; their stacks may be deep */
    struct tri_g *clean;        /* [l] dead; at most the top page is there */
    struct tri_g *sized[SIZES]; /* [l] dead; stacks of 1 << i bytes at least */
    struct tri_g *large;   /* [l] dead; of those sizes, not given back yet */
    struct tri_g *trimmed; /* [l] the one that sysmon gives back now */
    uintptr_t trimmed_to;  /* [s] up to here */
} all = { .lock = TRI_LOCK_INIT(ALLG) };

void
tri_g_init(void)
{
    all.chunk = tri_os_map(CHUNKS_MAX * sizeof(*all.chunk));
    TRI_CHECK(all.chunk != NULL, "no memory for the table of goroutines");
}

size_t
tri_g_count(void)
{
    /* Acquire pairs with the release in tri_g_new. */
    return tri_load_acquire(&all.count);
}

struct tri_g *
tri_g_at(size_t i)
{
    return &all.chunk[i / CHUNK_GS][i % CHUNK_GS];
}

struct tri_g *
tri_g_new(void)
{
    tri_lock(&all.lock);
    size_t i = tri_load_relaxed(&all.count); /* relaxed: our lock's */
    struct tri_g *g = NULL;
    if (i / CHUNK_GS < CHUNKS_MAX) {
        if (i % CHUNK_GS == 0)
            all.chunk[i / CHUNK_GS] =
                tri_persist_alloc(CHUNK_GS * sizeof(struct tri_g), 64);
        if (all.chunk[i / CHUNK_GS] != NULL) {
            g = tri_g_at(i);
            /* Release pairs with the acquire in tri_g_count. */
            tri_store_release(&all.count, i + 1);
        }
    }
    tri_unlock(&all.lock);
    return g;
}

/* ---- free ones ------------------------------------------------------------ */

/* Up to MOVE of the global ones to P's list. */
static void
refill(struct tri_p *p)
{
    tri_lock(&all.lock);
    while (p->free_g_count < MOVE) {
        struct tri_g **from = all.used != NULL ? &all.used : &all.clean;
        struct tri_g *g = *from;
        if (g == NULL)
            break;
        *from = g->link;
        g->link = p->free_gs;
        p->free_gs = g;
        p->free_g_count++;
    }
    tri_unlock(&all.lock);
}

static void
flush_to(struct tri_p *p, uint32_t keep)
{
    tri_lock(&all.lock);
    while (p->free_g_count > keep) {
        struct tri_g *g = p->free_gs;
        p->free_gs = g->link;
        p->free_g_count--;
        g->link = all.used;
        all.used = g;
    }
    tri_unlock(&all.lock);
}

void
tri_g_flush_free(struct tri_p *p)
{
    flush_to(p, 0);
}

/* Stacks larger than the pool's: one list a power of two. */
static unsigned
size_class(size_t bytes)
{
    unsigned size = 0;
    while ((size_t)1 << size < bytes)
        size++;
    return size;
}

static struct tri_g *
take_sized(unsigned size)
{
    tri_lock(&all.lock);
    struct tri_g **at = &all.sized[size];
    if (*at == NULL) /* one that has its memory still will do as well */
        for (at = &all.large; *at != NULL && (*at)->sized != size;)
            at = &(*at)->link;
    struct tri_g *g = *at;
    if (g != NULL)
        *at = g->link;
    tri_unlock(&all.lock);
    return g;
}

/* Its memory may be much: sysmon gives it back, in pieces. */
static void
free_sized(struct tri_g *g)
{
    tri_lock(&all.lock);
    g->link = all.large;
    all.large = g;
    tri_unlock(&all.lock);
}

/* sysmon: a piece of a large one, if there is any.  A gigabyte in one section would
 * be a long pause. */
static bool
trim_large(void)
{
    enum {
        PIECE = 256 << 10
    };
    tri_lock(&all.lock);
    if (all.trimmed == NULL && all.large != NULL) {
        all.trimmed = all.large;
        all.large = all.large->link;
        all.trimmed_to = all.trimmed->stack.lo;
    }
    struct tri_g *g = all.trimmed;
    tri_unlock(&all.lock);
    if (g == NULL)
        return false;
    struct tri_stack rest = { .lo = all.trimmed_to };
    uintptr_t keep = g->stack.top - 1;
    bool last = keep - rest.lo <= PIECE;
    if (!last)
        keep = rest.lo + PIECE;
    tri_stack_give_back_below(&rest, keep); /* STACK-3: ours alone now */
    all.trimmed_to = keep;
    if (last) {
        tri_lock(&all.lock);
        g->link = all.sized[g->sized];
        all.sized[g->sized] = g;
        all.trimmed = NULL;
        tri_unlock(&all.lock);
    }
    return true;
}

/* By hand: a sanitizer takes the dead frames for live ones. */
static TRI_NO_SANITIZE void
wipe(const struct tri_stack *stack)
{
    for (uintptr_t at = stack->lo; at < stack->hi; at += sizeof(uintptr_t))
        *(volatile uintptr_t *)at = 0;
}

void
tri_g_free(struct tri_p *p, struct tri_g *g)
{
    tri_san_destroy(&g->san);
    if (g->system == 0)
        tri_p_count_live(p, -1);
    /* Its next life begins black: no marker looks for what this one left. */
    if (TRI_UNLIKELY(tri_debug.gccheckmark != 0))
        wipe(&g->stack);
    if (TRI_UNLIKELY(g->sized != 0)) {
        free_sized(g);
        return;
    }
    g->link = p->free_gs;
    p->free_gs = g;
    if (++p->free_g_count > TRI_P_FREE_GS)
        flush_to(p, MOVE);
}

size_t
tri_g_trim(size_t max)
{
    enum {
        LARGE_PART = 16
    };
    size_t trimmed = 0;
    for (size_t i = 0; i < max / LARGE_PART && trim_large(); i++)
        trimmed += LARGE_PART;
    while (trimmed < max) {
        tri_lock(&all.lock);
        struct tri_g *g = all.used;
        if (g != NULL)
            all.used = g->link;
        tri_unlock(&all.lock);
        if (g == NULL)
            break;
        tri_stack_give_back(&g->stack); /* STACK-3: ours alone now */
        tri_lock(&all.lock);
        g->link = all.clean;
        all.clean = g;
        tri_unlock(&all.lock);
        trimmed++;
    }
    return trimmed;
}

static struct tri_g *
take_free(struct tri_p *p)
{
    if (p == NULL)
        return NULL;
    if (p->free_gs == NULL)
        refill(p);
    struct tri_g *g = p->free_gs;
    if (g != NULL) {
        p->free_gs = g->link;
        p->free_g_count--;
    }
    return g;
}

/* ---- birth ---------------------------------------------------------------- */

/* Where every goroutine begins and ends; `arg` on its stack is its root by now. */
static void
goroutine_main(void *arg)
{
    struct tri_g *g = tri_local_g();
    tri_san_arrive(&g->san);
    void (*fn)(void *) = g->fn;
    tri_leave();
    fn(arg);
    if (tri_local_m()->blocking_depth != 0)
        tri_panic("a goroutine's function returned between tri_blocking_begin "
                  "and tri_blocking_end; call tri_blocking_end first");
    tri_g_exit();
}

TRI_NORETURN void
tri_g_exit(void)
{
    tri_check_usable("the end of a goroutine");
    tri_enter();
    tri_sched_switch(TRI_G_DEAD, NULL, NULL);
    tri_fatal("a dead goroutine runs");
}

void
tri_g_begin(struct tri_g *g)
{
    g->sp = tri_context_make((void *)g->stack.top, goroutine_main, g->arg);
}

/* A dead one with a stack; stack_bytes 0: of the pool. */
static struct tri_g *
take(struct tri_p *p, size_t stack_bytes)
{
    unsigned size = stack_bytes == 0 ? 0 : size_class(stack_bytes);
    struct tri_g *g = size == 0 ? take_free(p) : take_sized(size);
    if (TRI_LIKELY(g != NULL))
        return g;
    g = tri_g_new();
    bool ok = g != NULL
           && (size == 0 ? tri_stack_alloc(&g->stack)
                         : tri_stack_alloc_big(&g->stack, (size_t)1 << size));
    TRI_CHECK(ok,
              "no memory for another goroutine (there are %zu, and this one "
              "asks for a stack of %zu KiB)",
              tri_g_count(),
              (size == 0 ? tri_stack_bytes() : stack_bytes) / 1024);
    g->sized = size;
    return g;
}

/* 16 numbers come to a P at once, as Go's GoidCacheBatch. */
static uint64_t
next_id(struct tri_p *p)
{
    enum {
        STOCK = 16
    };
    /* Relaxed: numbers of one's own are all that is asked for. */
    if (p == NULL) /* the runtime's own, and main: nobody holds one yet */
        return tri_add_relaxed(&tri_sched.next_goid, 1);
    if (p->next_goid == p->end_goid) {
        p->next_goid = tri_add_relaxed(&tri_sched.next_goid, STOCK);
        p->end_goid = p->next_goid + STOCK;
    }
    return p->next_goid++;
}

struct tri_g *
tri_spawn(void (*fn)(void *), void *arg, const char *name, size_t stack_bytes,
          const void *pc)
{
    tri_enter();
    struct tri_p *p = tri_current_p();
    struct tri_g *g = take(p, stack_bytes);
    TRI_DCHECK(tri_load(&g->state) == TRI_G_DEAD,
               "G-3: goroutine %llu is born once more while it lives",
               (unsigned long long)g->id);
    struct tri_g *self = tri_local_g();
    g->id = next_id(p);
    g->system = name != NULL;
    g->is_main = 0;
    g->name = name;
    g->spawner = self == NULL ? 0 : self->id;
    g->spawn_pc = pc;
    g->fn = fn;
    g->wait_reason = NULL;
    g->arg = arg;
    g->sp = NULL; /* G-5 */
    tri_san_create(&g->san, (void *)g->stack.lo, g->stack.hi - g->stack.lo);
    if (name == NULL && p != NULL)
        tri_p_count_live(p, 1);
    else if (name == NULL)
        tri_add(&tri_sched.live_count, 1);
    /* Those born while the collector marks are not scanned: their one root
     * goes through the barrier (gc/host.h). */
    tri_gc_shade(arg);
    tri_trace_goroutine_create(g->id, g->spawner, (uintptr_t)fn);
    /* Release: G-1. */
    tri_store_release(&g->state, TRI_G_RUNNABLE);
    tri_sched_put(g, true);
    tri_leave();
    return g;
}

/* In a critical section, by the thread itself. */
struct tri_g *
tri_spawn_bound(struct tri_m *m)
{
    struct tri_g *g = m->bound != NULL ? m->bound : tri_g_new();
    TRI_CHECK(g != NULL, "no memory for a thread's goroutine");
    struct tri_p *p = tri_current_p();
    TRI_DCHECK(tri_critical_depth() > 0 && p != NULL,
               "ATT-2: a thread's goroutine is born without a P");
    TRI_DCHECK(tri_load(&g->state) == TRI_G_DEAD,
               "G-3: goroutine %llu is born once more while it lives",
               (unsigned long long)g->id);
    g->id = next_id(p);
    g->bound = m;
    g->system = 0;
    g->is_main = 0;
    g->name = NULL;
    g->stack = (struct tri_stack){ .lo = m->stack_lo,
                                   .top = m->stack_hi,
                                   .hi = m->stack_hi };
    g->wait_reason = NULL;
    tri_store(&g->m, m);
    tri_store(&m->g, g);
    m->bound = g;
    tri_p_count_live(p, 1);
    tri_trace_goroutine_create(g->id, 0, 0);
    /* Release pairs with the load in tri_host_stack_scan: whoever finds it
     * running finds its thread and its stack. */
    tri_store_release(&g->state, TRI_G_RUNNING);
    return g;
}
