/* SPDX-License-Identifier: MIT */
/*
 * tests/support/fake_host.c: gc/host.h over plain threads and one big lock, so
 * that the collector can be tested without a scheduler.
 *
 * There is one P, and the lock is the P: a thread runs managed code only while
 * it holds it, and lets go only where a goroutine would park, sleep, yield or
 * wait.  So the world is stopped whenever anybody runs, stopping it is a flag,
 * and every other thread's stack is at rest with its registers spilled on it.
 *
 * Mark workers run where the lock's holder yields.
 */
#include "tests/support/fake_host.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/os.h"
#include "gc/gc.h"
#include "gc/percpu.h"
#include "tests/support/test.h"

#define THREADS_MAX 64

struct tri_g {
    pthread_t thread;
    void (*fn)(void *);
    void *arg;
    uintptr_t sp;    /* while it does not hold the lock */
    uintptr_t stack; /* its highest address */
    bool ready;      /* may leave its park */
    pthread_cond_t wake;
    int number;
};

extern char __data_start[];
extern char _end[];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tri_gc_p *the_p;
static struct tri_g *all[THREADS_MAX];
static int all_count;
static bool stopped;
static __thread struct tri_g *self;

/* ---- the lock is the P ---------------------------------------------------------- */

static TRI_NOINLINE void
let_go(void)
{
    tri_local_get()->cache = &tri_cache_none;
    self->sp = (uintptr_t)__builtin_frame_address(0);
    pthread_mutex_unlock(&lock);
}

static void
take_up(void)
{
    pthread_mutex_lock(&lock);
    tri_enter();
    tri_gc_p_acquired(the_p);
    tri_local_get()->cache = tri_gc_p_cache(the_p);
    tri_leave();
}

/* Registers onto the stack, then out and in again with `between` run without
 * the lock. */
static TRI_NOINLINE void
at_rest(void (*between)(void *), void *arg)
{
    jmp_buf registers;
    setjmp(registers);
    let_go();
    between(arg);
    take_up();
    tri_keepalive(&registers);
}

static void
yield_thread(void *unused)
{
    (void)unused;
    (void)sched_yield();
}

static void
run_worker(void)
{
    tri_enter();
    enum tri_worker_mode mode = tri_gc_worker_wanted(the_p, true);
    if (mode != TRI_WORKER_NONE)
        tri_gc_worker_run(the_p, mode);
    tri_leave();
    if (mode != TRI_WORKER_NONE)
        tri_gc_worker_after();
}

static void
adopt(struct tri_g *g)
{
    g->number = all_count + 1;
    pthread_cond_init(&g->wake, NULL);
    self = g;
    TRI_CHECK(all_count < THREADS_MAX, "fake host: too many threads");
    all[all_count++] = g;
}

void
fake_host_start(void *stack_top)
{
    TRI_CHECK(tri_gc_init() == 0, "fake host: tri_gc_init failed");
    the_p = tri_gc_p_new(0);
    struct tri_g *g = calloc(1, sizeof(*g));
    g->stack = (uintptr_t)stack_top;
    adopt(g);
    pthread_mutex_lock(&lock);
    tri_local_get()->cache = tri_gc_p_cache(the_p);
    tri_gc_start_background();
}

void
fake_host_yield(void)
{
    tri_host_yield();
}

/* ---- stopping ------------------------------------------------------------------------ */

void
tri_host_stop_world(enum tri_stop_reason reason)
{
    (void)reason;
    TRI_CHECK(tri_critical_depth() == 0, "stop_world inside a section");
    tri_enter();
    stopped = true;
}

void
tri_host_start_world(void)
{
    stopped = false;
    tri_leave();
}

bool
tri_host_world_stopped(void)
{
    return stopped;
}

int
tri_host_proc_count(void)
{
    return the_p == NULL ? 0 : 1;
}

struct tri_gc_p *
tri_host_proc(int i)
{
    (void)i;
    return the_p;
}

struct tri_gc_p *
tri_host_current_p(void)
{
    return self == NULL ? NULL : the_p;
}

void
tri_host_each_p(void (*fn)(struct tri_gc_p *p, void *arg), void *arg)
{
    TRI_CHECK(tri_critical_depth() == 0, "each_p inside a section");
    tri_enter();
    fn(the_p, arg);
    tri_leave();
}

void
tri_host_divert_caches(void)
{
    tri_local_get()->cache = &tri_cache_none;
}

void
tri_host_restore_cache(void)
{
    tri_local_get()->cache = tri_gc_p_cache(the_p);
}

/* ---- roots ----------------------------------------------------------------------------- */

size_t
tri_host_stacks_snapshot(void)
{
    return (size_t)all_count;
}

static TRI_NOINLINE void
scan_own(void (*scan)(uintptr_t, uintptr_t, void *), void *arg)
{
    jmp_buf registers;
    setjmp(registers);
    uintptr_t lo = (uintptr_t)&registers & ~(uintptr_t)7;
    scan(lo, self->stack, arg);
}

void
tri_host_stack_soon(size_t i)
{
    (void)i;
}

bool
tri_host_stack_scan(size_t i,
                    void (*scan)(uintptr_t lo, uintptr_t hi, void *arg),
                    void *arg)
{
    struct tri_g *g = all[i];
    if (g == self)
        scan_own(scan, arg);
    else if (g->sp != 0)
        scan(g->sp, g->stack, arg);
    return true;
}

void
tri_host_roots_refresh(void)
{
}

size_t
tri_host_root_count(void)
{
    return 1;
}

size_t
tri_host_root_scan(size_t i, void (*scan)(uintptr_t, uintptr_t, void *),
                   void *arg)
{
    (void)i;
    uintptr_t lo = ((uintptr_t)__data_start + 7) & ~(uintptr_t)7;
    scan(lo, (uintptr_t)_end, arg);
    return (uintptr_t)_end - lo;
}

void
tri_host_scan_runtime(void (*scan)(uintptr_t lo, uintptr_t hi, void *arg),
                      void *arg)
{
    for (int i = 0; i < all_count; i++)
        scan((uintptr_t)&all[i]->arg, (uintptr_t)(&all[i]->arg + 1), arg);
}

TRI_ATOMIC(uint64_t) fake_host_populated_bytes;

void
tri_host_populate(void *start, size_t bytes)
{
    EXPECT_EQ(tri_critical_depth(), 0); /* POPULATE-1 */
    tri_os_populate(start, bytes);
    tri_add(&fake_host_populated_bytes, bytes);
}

/* ---- goroutines are threads --------------------------------------------------------------- */

void
tri_host_wake_workers(void)
{
}

bool
tri_host_should_yield(void)
{
    return false;
}

void
tri_host_on_system_stack(void (*fn)(void *), void *arg)
{
    fn(arg);
}

static void *
thread_main(void *arg)
{
    struct tri_g *g = arg;
    self = g;
    take_up();
    g->stack = (uintptr_t)__builtin_frame_address(0);
    g->fn(g->arg);
    g->stack = g->sp = 0;
    let_go();
    return NULL;
}

void
tri_host_go_system(void (*fn)(void *), void *arg, const char *name)
{
    (void)name;
    struct tri_g *g = calloc(1, sizeof(*g));
    g->fn = fn;
    g->arg = arg;
    struct tri_g *creator = self;
    adopt(g);
    self = creator;
    TRI_CHECK(pthread_create(&g->thread, NULL, thread_main, g) == 0,
              "fake host: no thread");
    pthread_detach(g->thread);
}

static void
wait_ready(void *arg)
{
    struct tri_g *g = arg;
    pthread_mutex_lock(&lock);
    while (!g->ready)
        pthread_cond_wait(&g->wake, &lock);
    g->ready = false;
    pthread_mutex_unlock(&lock);
}

void
tri_host_park(bool (*commit)(struct tri_g *g, void *arg), void *arg,
              const char *reason)
{
    (void)reason;
    if (commit(self, arg))
        at_rest(wait_ready, self);
}

void
tri_host_ready(struct tri_g *g)
{
    g->ready = true;
    pthread_cond_signal(&g->wake);
}

struct tri_g *
tri_host_current_g(void)
{
    return self;
}

uint64_t
tri_host_goid(void)
{
    return self == NULL ? 0 : (uint64_t)self->number;
}

void
tri_host_yield(void)
{
    run_worker();
    tri_gc_poll_cleanups();
    at_rest(yield_thread, NULL);
}

static void
sleep_thread(void *ns)
{
    tri_os_sleep_ns(*(int64_t *)ns);
}

void
tri_host_sleep(int64_t ns)
{
    tri_gc_poll_cleanups();
    at_rest(sleep_thread, &ns);
}

struct futex_wait {
    TRI_ATOMIC(uint32_t) *word;
    uint32_t expected;
    int64_t timeout_ns;
};

static void
wait_word(void *arg)
{
    struct futex_wait *wait = arg;
    tri_futex_wait(wait->word, wait->expected, wait->timeout_ns);
}

void
tri_host_wait(TRI_ATOMIC(uint32_t) *word, uint32_t expected, int64_t timeout_ns)
{
    run_worker();
    tri_gc_poll_cleanups();
    struct futex_wait wait = { word, expected, timeout_ns };
    at_rest(wait_word, &wait);
}

int
tri_host_proc_number(void)
{
    return 0;
}
