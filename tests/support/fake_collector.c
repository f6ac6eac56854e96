/* SPDX-License-Identifier: MIT */
/* tests/support/fake_collector.c: see fake_collector.h. */
#include "tests/support/fake_collector.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "base/os.h"
#include "gc/special.h"
#include "gc/sweep.h"
#include "tests/support/test.h"

#define PS_MAX 64

struct tri_g {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool ready;
    void (*fn)(void *);
    void *arg;
    int p;
};

static struct tri_gc_p ps[PS_MAX];
static TRI_ATOMIC(uint32_t) ps_taken[PS_MAX];
static __thread struct tri_gc_p *my_p;
static __thread struct tri_g *my_g;

static TRI_ATOMIC(uint32_t) phase;
TRI_ATOMIC(uint32_t) fake_shaded_count;
TRI_ATOMIC(uint32_t) fake_waiting;
TRI_ATOMIC(uintptr_t) fake_shaded[64];
static TRI_ATOMIC(uint32_t) sweep_gen = 4;
uint64_t fake_cycle = 1;

/* ---- Ps ---- */

void
fake_begin(void)
{
    static bool begun;
    if (begun)
        return;
    begun = true;
    EXPECT_EQ(tri_heap_space_init(), 0);
    tri_kinds_init();
    tri_heap_init();
    EXPECT_EQ(tri_specials_init(), 0);
    fake_thread_begin();
}

void
fake_thread_begin(void)
{
    for (int i = 0; i < PS_MAX; i++) {
        uint32_t no = 0;
        if (tri_cas(&ps_taken[i], &no, 1)) {
            my_p = &ps[i];
            my_p->index = i;
            tri_special_p_init(&my_p->special);
            return;
        }
    }
    test_fail(__FILE__, __LINE__, "more threads than Ps");
}

void
fake_thread_end(void)
{
    tri_enter();
    tri_special_p_retire(&my_p->special);
    tri_heap_flush_pages(&my_p->mcache.pages);
    tri_leave();
    tri_store(&ps_taken[my_p->index], 0);
    my_p = NULL;
}

struct body {
    void (*fn)(int number, void *arg);
    void *arg;
};

static void
with_p(int number, void *arg)
{
    struct body *body = arg;
    fake_thread_begin();
    body->fn(number, body->arg);
    fake_thread_end();
}

void
fake_threads(int count, void (*fn)(int number, void *arg), void *arg)
{
    test_threads(count, with_p, &(struct body){ fn, arg });
}

struct tri_gc_p *
tri_host_current_p(void)
{
    return my_p;
}

int
tri_host_proc_number(void)
{
    return my_p == NULL ? -1 : my_p->index;
}

int
tri_host_proc_count(void)
{
    return 4;
}

/* Only the caller's: others publish when their threads end. */
void
tri_host_each_p(void (*fn)(struct tri_gc_p *p, void *arg), void *arg)
{
    tri_enter();
    if (my_p != NULL)
        fn(my_p, arg);
    tri_leave();
}

bool
tri_host_world_stopped(void)
{
    return false;
}

/* ---- goroutines that are threads ---- */

static void *
system_goroutine(void *arg)
{
    my_g = arg;
    fake_thread_begin();
    my_g->fn(my_g->arg);
    fake_thread_end();
    free(my_g);
    return NULL;
}

void
tri_host_go_system(void (*fn)(void *), void *arg, const char *name)
{
    (void)name;
    struct tri_g *g = calloc(1, sizeof(*g));
    EXPECT(g != NULL);
    EXPECT(pthread_mutex_init(&g->mutex, NULL) == 0);
    EXPECT(pthread_cond_init(&g->cond, NULL) == 0);
    g->fn = fn;
    g->arg = arg;
    pthread_t thread;
    EXPECT(pthread_create(&thread, NULL, system_goroutine, g) == 0);
    EXPECT(pthread_detach(thread) == 0);
}

struct tri_g *
tri_host_current_g(void)
{
    return my_g;
}

uint64_t
tri_host_goid(void)
{
    return my_p == NULL ? 0 : (uint64_t)my_p->index + 1;
}

void
tri_host_park(bool (*commit)(struct tri_g *g, void *arg), void *arg,
              const char *reason)
{
    (void)reason;
    EXPECT_EQ(tri_critical_depth(), 0);
    if (!commit(my_g, arg))
        return;
    (void)pthread_mutex_lock(&my_g->mutex);
    while (!my_g->ready)
        (void)pthread_cond_wait(&my_g->cond, &my_g->mutex);
    my_g->ready = false;
    (void)pthread_mutex_unlock(&my_g->mutex);
}

void
tri_host_ready(struct tri_g *g)
{
    EXPECT(tri_critical_depth() > 0);
    (void)pthread_mutex_lock(&g->mutex);
    EXPECT(!g->ready);
    g->ready = true;
    (void)pthread_cond_signal(&g->cond);
    (void)pthread_mutex_unlock(&g->mutex);
}

void
tri_host_yield(void)
{
    (void)sched_yield();
}

void
tri_host_sleep(int64_t ns)
{
    tri_os_sleep_ns(ns);
}

void
tri_host_wait(TRI_ATOMIC(uint32_t) *word, uint32_t expected, int64_t timeout_ns)
{
    EXPECT_EQ(tri_critical_depth(), 0);
    tri_add(&fake_waiting, 1);
    tri_futex_wait(word, expected, timeout_ns);
    tri_sub(&fake_waiting, 1);
}

/* ---- phase and barrier ---- */

void
fake_set_phase(enum tri_gc_phase new_phase)
{
    tri_store(&fake_shaded_count, 0);
    tri_store(&phase, (uint32_t)new_phase);
}

enum tri_gc_phase
tri_gc_phase(void)
{
    return (enum tri_gc_phase)tri_load(&phase);
}

void
tri_gc_shade(const void *pointer)
{
    uint32_t n = tri_add(&fake_shaded_count, 1);
    if (n < TRI_ARRAY_COUNT(fake_shaded))
        tri_store(&fake_shaded[n], (uintptr_t)pointer);
}

/* ---- spans ---- */

uint32_t
tri_sweep_gen(void)
{
    return tri_load(&sweep_gen);
}

struct tri_span *
fake_span(uint32_t kind, size_t large_bytes)
{
    tri_enter();
    struct tri_span *span = tri_heap_alloc_span(
        kind, large_bytes, tri_sweep_gen(), &my_p->mcache.pages);
    EXPECT(span != NULL);
    tri_leave();
    EXPECT(tri_load(&span->specials) == NULL); /* IDX-1 */
    for (uint32_t w = 0; w < tri_span_word_count(span); w++)
        span->alloc_bits[w] = UINT64_MAX;
    span->used_count = span->slot_count;
    return span;
}

void
fake_mark(struct tri_span *span, uint32_t slot)
{
    tri_or(tri_atomic_cast(uint64_t, &span->mark_bits[slot / 64]),
           UINT64_C(1) << (slot % 64));
}

void
fake_turn(void)
{
    tri_add(&sweep_gen, 2);
    fake_cycle++;
}

bool
fake_sweep(struct tri_span *span)
{
    tri_enter();
    uint32_t unswept = tri_sweep_gen() - 2;
    bool mine =
        tri_cas_acquire(&span->sweep_gen, &unswept, tri_sweep_gen() - 1);
    if (mine) {
        if (tri_span_has_specials(span))
            tri_specials_sweep(span, fake_cycle);
        uint32_t zombies = 0;
        span->used_count = tri_span_swap_bits(span, &zombies);
        EXPECT_EQ(zombies, 0);
        bool empty = span->used_count == 0;
        tri_store_release(&span->sweep_gen, tri_sweep_gen());
        if (empty)
            tri_heap_free_span(span);
    }
    tri_leave();
    return mine;
}

void
tri_sweep_ensure_swept(struct tri_span *span)
{
    EXPECT_EQ(tri_critical_depth(), 1);
    while (tri_load_acquire(&span->sweep_gen) != tri_sweep_gen()) {
        tri_leave();
        (void)fake_sweep(span);
        tri_enter();
    }
}

/* ---- allocation: only weak handles are asked for ---- */

void *
tri_alloc_noscan_slow(size_t bytes)
{
    EXPECT_EQ(bytes, 16);
    return (void *)fake_span(tri_kind_noscan(tri_size_class_of(bytes)), 0)
        ->base;
}

extern inline void *tri_alloc_noscan(size_t bytes);
