/* SPDX-License-Identifier: MIT */
/* gc/gc.c: the collector's birth, its Ps, triggers and settings. */
#include "gc/gc.h"

#include <errno.h>

#include "base/check.h"
#include "base/option.h"
#include "base/os.h"
#include "base/persist.h"
#include "gc/assist.h"
#include "gc/barrier.h"
#include "gc/cycle.h"
#include "gc/cycle_report.h"
#include "gc/malloc.h"
#include "gc/metrics.h"
#include "gc/percpu.h"
#include "gc/phase.h"
#include "gc/scavenger.h"
#include "gc/special.h"
#include "gc/sweep.h"
#include "gc/sweep_internal.h"
#include "gc/worker.h"
#include "trace/trace.h"

/* ---- birth ---------------------------------------------------------------------- */

/* The heap's first page stays unused: its address stands in tri_space, which
 * lies in static data, and would keep the object at its start for ever. */
static int
take_first_page(void)
{
    tri_enter();
    struct tri_span *span =
        tri_heap_alloc_span(tri_kind_noscan(tri_size_class_of(TRI_PAGE_BYTES)),
                            0, tri_sweep_gen(), NULL);
    tri_leave();
    return span == NULL ? -ENOMEM : 0;
}

int
tri_gc_init(void)
{
    int error = tri_heap_space_init();
    if (error != 0)
        return error;
    tri_kinds_init();
    tri_heap_init();
    error = tri_specials_init();
    if (error != 0)
        return error;
    /* Generation 0 would make "sg - 2" wrap in messages; all swept. */
    tri_store(&tri_sweep.gen, 4);
    tri_store(&tri_sweep.tokens, TRI_SWEEP_DRAINED);
    tri_store(&tri_sweep.announced, 1);
    tri_collector.start_ns = tri_os_now_ns();
    tri_store(&tri_collector.last_end_ns, tri_collector.start_ns);
    tri_pacer_init(&tri_collector.pacer, tri_config.gc_percent,
                   tri_config.memory_limit, 1);
    tri_cycle_commit_pacer(true);
    tri_gc_metrics_init();
    return take_first_page();
}

void
tri_gc_start_background(void)
{
    tri_host_go_system(tri_sweep_background, NULL, "background sweeper");
}

static TRI_ATOMIC(struct tri_gc_p *) newest_p;

struct tri_gc_p *
tri_gc_p_new(int index)
{
    struct tri_gc_p *p =
        tri_persist_alloc(sizeof(*p), _Alignof(struct tri_gc_p));
    if (p == NULL)
        return NULL;
    p->index = index;
    p->mcache.flush_gen = tri_sweep_gen();
    tri_special_p_init(&p->special);
    p->older = tri_load_relaxed(&newest_p); /* we alone make Ps (PROC-1) */
    /* Release pairs with the acquire in tri_gc_p_first. */
    tri_store_release(&newest_p, p);
    return p;
}

struct tri_gc_p *
tri_gc_p_first(void)
{
    return tri_load_acquire(&newest_p);
}

struct tri_pcache *
tri_gc_p_cache(struct tri_gc_p *p)
{
    return &p->mcache.slots;
}

void
tri_gc_p_retire(struct tri_gc_p *p)
{
    TRI_CHECK(tri_gc_phase() == TRI_GC_OFF && tri_host_world_stopped(),
              "T-003: a P is destroyed only in phase off, world stopped");
    TRI_CHECK(!p->retired, "T-003: P %d is destroyed twice", p->index);
    tri_sweep_flush_stale(p);
    tri_sweep_flush_all(p);
    tri_heap_flush_pages(&p->mcache.pages);
    tri_special_p_retire(&p->special);
    p->retired = true;
}

void
tri_gc_p_revive(struct tri_gc_p *p)
{
    TRI_CHECK(tri_host_world_stopped(),
              "SWEEP-2: a P is made again only while the world is stopped");
    p->retired = false;
    /* Its cache is empty and no token was taken for it.  Relaxed: the world is
     * stopped. */
    tri_store_relaxed(tri_atomic_cast(uint32_t, &p->mcache.flush_gen),
                      tri_sweep_gen());
}

void
tri_gc_p_acquired(struct tri_gc_p *p)
{
    tri_sweep_flush_stale(p);
}

/* ---- what allocation pays --------------------------------------------------------- */

/* TRI_DEBUG=gcstress: every Nth time, or at random about every 16th. */
static bool
stress_hits(void)
{
    static TRI_ATOMIC(uint64_t) counter;
    uint64_t n = tri_add_relaxed(&counter, 1) + 1;
    int64_t stress = tri_debug.gcstress;
    if ((stress & TRI_STRESS_RANDOM) == 0)
        return n % (uint64_t)stress == 0;
    uint64_t x = n * UINT64_C(0x9e3779b97f4a7c15)
               + (uint64_t)(stress & ~TRI_STRESS_RANDOM);
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    return x >> 60 == 0;
}

void
tri_cycle_before_alloc(size_t bytes)
{
    if (TRI_UNLIKELY(tri_critical_depth() != 0))
        tri_fatal("allocation inside a critical section of the runtime");
    bool stress = TRI_UNLIKELY(tri_debug.gcstress != 0) && stress_hits();
    bool debt = tri_sweep_owes(bytes);
    /* These need a P; marking looks for one itself. */
    if (TRI_UNLIKELY(stress || debt))
        tri_malloc_check_caller();
    if (debt)
        tri_sweep_pay_debt(bytes);
    if (tri_gc_marking()) {
        tri_worker_in_place();
        tri_assist_pay();
    }
    if (stress)
        tri_cycle_start(TRI_CYCLE_STRESS);
}

void
tri_cycle_after_alloc(void)
{
    /* Relaxed: a little late is no harm. */
    if (TRI_UNLIKELY(tri_load_relaxed(&tri_collector.heap_live_bytes)
                     >= tri_load_relaxed(&tri_collector.trigger_bytes)))
        tri_cycle_start(TRI_CYCLE_HEAP);
}

/* ---- a forced cycle ---------------------------------------------------------------- */

void
tri_cycle_wait_marked(uint32_t cycle)
{
    for (;;) {
        uint32_t marked = tri_load(&tri_collector.marked_cycle);
        if ((int32_t)(marked - cycle) >= 0)
            return;
        tri_cycle_help();
        tri_host_wait(&tri_collector.marked_cycle, marked, 1000000);
    }
}

void
tri_gc_collect(void)
{
    if (tri_debug.sbrk)
        return;
    /* M-004: a mark that STARTS after the call.  Whatever cycle is marking now
     * does not count; the next one does, whoever starts it. */
    uint32_t target = tri_load(&tri_collector.cycle) + 1;
    tri_cycle_wait_marked(target - 1);
    while ((int32_t)(tri_load(&tri_collector.cycle) - target) < 0) {
        tri_cycle_start(TRI_CYCLE_FORCED);
        if ((int32_t)(tri_load(&tri_collector.cycle) - target) < 0)
            tri_host_wait(&tri_collector.cycle, target - 1, 100000);
    }
    tri_cycle_wait_marked(target);
    tri_sweep_finish();
}

/* ---- settings and the clock ----------------------------------------------------------- */

/* The pacer's settings change with the world stopped. */
static void
recommit(void)
{
    tri_cycle_commit_pacer(tri_sweep_done());
    if (tri_gc_marking())
        tri_assist_revise();
}

int
tri_gc_set_percent(int percent)
{
    tri_host_stop_world(TRI_STOP_STATS);
    int before = tri_collector.pacer.gc_percent;
    tri_collector.pacer.gc_percent = percent < 0 ? -1 : percent;
    recommit();
    uint32_t cycle = tri_load(&tri_collector.cycle);
    bool marking = tri_gc_marking();
    tri_host_start_world();
    if (percent < 0 && marking)
        tri_cycle_wait_marked(cycle); /* P-012 */
    else
        tri_cycle_after_alloc();
    return before;
}

int64_t
tri_gc_set_memory_limit(int64_t bytes)
{
    if (bytes < 0)
        return tri_load(&tri_collector.memory_limit);
    tri_host_stop_world(TRI_STOP_STATS);
    int64_t before = tri_collector.pacer.memory_limit;
    tri_collector.pacer.memory_limit = bytes;
    recommit();
    tri_host_start_world();
    tri_cycle_after_alloc();
    return before;
}

/* The periodic cycle needs a goroutine: sysmon has no P. */
static TRI_ATOMIC(uint32_t) periodic_running;

static void
collect_by_clock(void *unused)
{
    (void)unused;
    tri_cycle_start(TRI_CYCLE_TIME);
    tri_store(&periodic_running, 0);
}

/* A session has just begun: where the collector is (and the heap). */
static void
trace_state(void)
{
    tri_trace_statedump(tri_load(&tri_collector.cycle),
                        (uint32_t)tri_gc_phase(),
                        (uint32_t)tri_host_proc_count());
    tri_cycle_trace_heap();
}

void
tri_gc_trace_end(void)
{
    struct tri_cleanup_stats stats;
    /* Exact: each is counted and traced in one critical section. */
    tri_cleanup_stats_read(&stats);
    tri_cycle_trace_heap();
    tri_trace_cleanup_totals(stats.added, stats.stopped, stats.queued,
                             stats.executed);
}

void
tri_gc_tick(int64_t now_ns)
{
    if (tri_trace_statedump_due())
        trace_state();
    tri_scavenger_tick(now_ns);
    int64_t period_ns = tri_debug.gcperiod * 1000000;
    if (period_ns == 0 || tri_load(&tri_collector.gc_percent) < 0
        || now_ns - tri_load(&tri_collector.last_end_ns) < period_ns
        || tri_gc_phase() != TRI_GC_OFF)
        return;
    uint32_t no = 0;
    if (tri_cas(&periodic_running, &no, 1))
        tri_host_go_system(collect_by_clock, NULL, "periodic collection");
}
