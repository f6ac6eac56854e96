/* SPDX-License-Identifier: MIT */
/* gc/cycle_report.c: gctrace, the heap event, the loose ends of a cycle. */
#include "gc/cycle_report.h"

#include "alloc/heap.h"
#include "base/format.h"
#include "base/option.h"
#include "base/os.h"
#include "base/persist.h"
#include "gc/assist.h"
#include "gc/cycle.h"
#include "gc/percpu.h"
#include "gc/root.h"
#include "gc/sweep.h"
#include "trace/trace.h"

/* [w] The cycle in figures, for the gctrace line. */
static struct {
    int64_t begin_ns;
    int64_t end_ns;
    int64_t live_begin;
    int64_t live_end;
    int64_t goal;
    uint32_t cycle;
    uint32_t restarts;
    int64_t worker_ns_before[4];
    int64_t worker_ns[4];
} line;

static TRI_ATOMIC(int64_t) worker_ns[4]; /* by enum tri_worker_mode, ever */
static TRI_ATOMIC(int64_t) idle_ns_cycle;
static TRI_ATOMIC(uint64_t) restarts_total;

void
tri_cycle_add_worker_ns(int mode, int64_t ns)
{
    tri_add_relaxed(&worker_ns[mode], ns);
    if (mode == TRI_WORKER_IDLE)
        tri_add_relaxed(&idle_ns_cycle, ns);
}

int64_t
tri_cycle_worker_ns_total(int mode)
{
    return tri_load_relaxed(&worker_ns[mode]);
}

int64_t
tri_cycle_idle_worker_ns(void)
{
    return tri_load_relaxed(&idle_ns_cycle);
}

static int64_t
mapped_bytes(void)
{
    return tri_load_relaxed(&tri_heap_stats.in_use_pages)
             * (int64_t)TRI_PAGE_BYTES
         + tri_heap_free_bytes();
}

void
tri_cycle_trace_heap(void)
{
    tri_trace_heap((uint64_t)tri_load_relaxed(&tri_collector.heap_live_bytes),
                   (uint64_t)tri_load_relaxed(&tri_collector.goal_bytes),
                   (uint64_t)mapped_bytes());
}

void
tri_cycle_report_begin(void)
{
    line.begin_ns = tri_collector.mark_start_ns;
    line.live_begin = tri_load(&tri_collector.heap_live_bytes);
    line.goal = tri_load(&tri_collector.goal_bytes);
    line.cycle = tri_load(&tri_collector.cycle);
    line.restarts = 0;
    tri_store(&idle_ns_cycle, 0);
    for (int m = 0; m < 4; m++)
        line.worker_ns_before[m] = tri_load(&worker_ns[m]);
}

void
tri_cycle_report_restart(void)
{
    line.restarts++;
    tri_add(&restarts_total, 1);
}

uint64_t
tri_cycle_restarts(void)
{
    return tri_load(&restarts_total);
}

/* World stopped, after the pacer: live_end is what was marked. */
void
tri_cycle_report_end(void)
{
    line.end_ns = tri_os_now_ns();
    line.live_end = tri_load(&tri_collector.heap_live_bytes);
    for (int m = 0; m < 4; m++)
        line.worker_ns[m] = tri_load(&worker_ns[m]) - line.worker_ns_before[m];
}

static const char *
reason_name(void)
{
    static const char *const names[] = { "", " (periodic)", " (forced)",
                                         " (stress)" };
    return names[tri_collector.reason];
}

static void
print_line(void)
{
    tri_print(
        "gc %u @%.3fs: mark %.3f ms, assist %.3f ms, workers "
        "dedicated+fractional/idle %.3f/%.3f ms, heap %lld->%lld MiB marked, "
        "goal %lld MiB, roots %lld KiB, restarts %u, %d P%s\n",
        line.cycle, (double)(line.end_ns - tri_collector.start_ns) / 1e9,
        (double)(line.end_ns - line.begin_ns) / 1e6,
        (double)tri_assist_ns() / 1e6,
        (double)(line.worker_ns[TRI_WORKER_DEDICATED]
                 + line.worker_ns[TRI_WORKER_FRACTIONAL])
            / 1e6,
        (double)line.worker_ns[TRI_WORKER_IDLE] / 1e6,
        (long long)(line.live_begin >> 20), (long long)(line.live_end >> 20),
        (long long)(line.goal >> 20),
        (long long)((tri_root_stack_bytes() + tri_root_data_bytes()) >> 10),
        line.restarts, tri_host_proc_count(), reason_name());
}

void
tri_cycle_commit_pacer(bool sweep_done)
{
    struct tri_pacer *pacer = &tri_collector.pacer;
    pacer->mapped_bytes = mapped_bytes();
    pacer->overhead_bytes = (int64_t)tri_persist_bytes();
    tri_pacer_commit(pacer, tri_load(&tri_collector.heap_live_bytes),
                     sweep_done);
    tri_store(&tri_collector.goal_bytes, pacer->goal_bytes);
    tri_store(&tri_collector.trigger_bytes, pacer->trigger_bytes);
    tri_store(&tri_collector.gc_percent, pacer->gc_percent);
    tri_store(&tri_collector.memory_limit, pacer->memory_limit);
    tri_store(&tri_collector.scan_bytes, pacer->scan_bytes);
    tri_store(&tri_collector.stack_bytes, pacer->stack_bytes);
    tri_store(&tri_collector.globals_bytes, pacer->globals_bytes);
}

void
tri_cycle_after_finish(void)
{
    enum {
        LAZY,
        EAGER,
        STW
    };
    tri_assist_end();
    /* Wakes those who wait for this cycle's marking (tri_gc_collect). */
    tri_futex_wake(&tri_collector.marked_cycle, INT32_MAX);
    if (tri_debug.gctrace)
        print_line();
    if (tri_debug.sweep == EAGER)
        tri_sweep_finish();
    else
        tri_sweep_wake_background();
}
