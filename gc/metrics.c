/* SPDX-License-Identifier: MIT */
/*
 * gc/metrics.c: what the collector and the heap report, under Go's names.
 * Reading stops nobody: each figure is an atomic counter or a sum of per-P
 * ones, so figures read one after another may be a moment apart.
 */
#include "gc/metrics.h"

#include "alloc/heap.h"
#include "base/metric.h"
#include "base/persist.h"
#include "gc/assist.h"
#include "gc/cycle.h"
#include "gc/cycle_report.h"
#include "gc/malloc.h"
#include "gc/phase.h"
#include "gc/root.h"
#include "gc/special.h"
#include "gc/sweep.h"
#include "gc/verify.h"

/* One reader function per metric, from an expression. */
#define READER(function, expression)                                           \
    static double function(void)                                               \
    {                                                                          \
        return (double)(expression);                                           \
    }

static struct tri_cleanup_stats
cleanups(void)
{
    struct tri_cleanup_stats stats;
    tri_cleanup_stats_read(&stats);
    return stats;
}

static struct tri_malloc_stats
mallocs(void)
{
    struct tri_malloc_stats stats;
    tri_malloc_stats_read(&stats);
    return stats;
}

static double
seconds(int64_t ns)
{
    return (double)ns * 1e-9;
}

static int64_t
pages_bytes(void)
{
    return tri_load_relaxed(&tri_heap_stats.in_use_pages) << TRI_PAGE_SHIFT;
}

static int64_t
unused_bytes(void)
{
    int64_t unused =
        pages_bytes() - tri_load_relaxed(&tri_collector.heap_live_bytes);
    return unused < 0 ? 0 : unused; /* heap_live over-estimates */
}

READER(cleanups_added, cleanups().added)
READER(cleanups_stopped, cleanups().stopped)
READER(cleanups_queued, cleanups().queued)
READER(cleanups_executed, cleanups().executed)
READER(cleanups_armed, cleanups().armed)
READER(cleanups_pending, cleanups().pending)
READER(finalizers_queued, cleanups().finalizers_queued)
READER(finalizers_executed, cleanups().finalizers_executed)
READER(cycles_total, tri_load_relaxed(&tri_collector.cycles_total))
READER(cycles_forced, tri_load_relaxed(&tri_collector.cycles_forced))
READER(cycles_automatic, cycles_total() - cycles_forced())
READER(mark_restarts, tri_cycle_restarts())
READER(verified_objects, tri_verify_objects_total())
READER(gogc, tri_load_relaxed(&tri_collector.gc_percent))
READER(gomemlimit, tri_load_relaxed(&tri_collector.memory_limit))
READER(heap_live, tri_load_relaxed(&tri_collector.marked_bytes))
READER(heap_now, tri_load_relaxed(&tri_collector.heap_live_bytes))
READER(heap_goal, tri_load_relaxed(&tri_collector.goal_bytes))
READER(heap_allocs_bytes, mallocs().bytes)
READER(heap_allocs_objects, mallocs().objects)
READER(heap_tiny_objects, mallocs().tiny_objects)
READER(heap_frees_bytes, tri_load_relaxed(&tri_collector.freed_bytes_total))
READER(scan_globals, tri_load_relaxed(&tri_collector.globals_bytes))
READER(scan_stack, tri_load_relaxed(&tri_collector.stack_bytes))
READER(scan_heap, tri_load_relaxed(&tri_collector.scan_bytes))
READER(scan_total, scan_globals() + scan_stack() + scan_heap())
READER(swept_pages, tri_load_relaxed(&tri_swept_pages_total))
READER(cpu_assist, seconds(tri_assist_ns_total()))
READER(cpu_dedicated,
       seconds(tri_cycle_worker_ns_total(TRI_WORKER_DEDICATED)
               + tri_cycle_worker_ns_total(TRI_WORKER_FRACTIONAL)))
READER(cpu_idle, seconds(tri_cycle_worker_ns_total(TRI_WORKER_IDLE)))
READER(memory_objects, tri_load_relaxed(&tri_collector.heap_live_bytes))
READER(memory_unused, unused_bytes())
READER(memory_free, tri_heap_free_bytes())
READER(memory_released, tri_load_relaxed(&tri_heap_stats.released_bytes))
READER(memory_metadata, tri_persist_bytes())
READER(memory_total, (double)pages_bytes() + memory_free() + memory_released()
                         + memory_metadata())
READER(spans, tri_load_relaxed(&tri_heap_stats.span_count))

static const struct tri_metric metrics[] = {
    { "/gc/cleanups/added:cleanups", cleanups_added, NULL },
    { "/gc/cleanups/stopped:cleanups", cleanups_stopped, NULL },
    { "/gc/cleanups/queued:cleanups", cleanups_queued, NULL },
    { "/gc/cleanups/executed:cleanups", cleanups_executed, NULL },
    { "/gc/cleanups/armed:cleanups", cleanups_armed, NULL },
    { "/gc/cleanups/pending:cleanups", cleanups_pending, NULL },
    { "/gc/finalizers/queued:finalizers", finalizers_queued, NULL },
    { "/gc/finalizers/executed:finalizers", finalizers_executed, NULL },
    { "/gc/cycles/automatic:gc-cycles", cycles_automatic, NULL },
    { "/gc/cycles/forced:gc-cycles", cycles_forced, NULL },
    { "/gc/cycles/total:gc-cycles", cycles_total, NULL },
    { "/gc/mark/restarts:restarts", mark_restarts, NULL },
    { "/gc/checkmark/objects:objects", verified_objects, NULL },
    { "/gc/gogc:percent", gogc, NULL },
    { "/gc/gomemlimit:bytes", gomemlimit, NULL },
    { "/gc/heap/live:bytes", heap_live, NULL },
    { "/gc/heap/now:bytes", heap_now, NULL },
    { "/gc/heap/goal:bytes", heap_goal, NULL },
    { "/gc/heap/allocs:bytes", heap_allocs_bytes, NULL },
    { "/gc/heap/allocs:objects", heap_allocs_objects, NULL },
    { "/gc/heap/tiny/allocs:objects", heap_tiny_objects, NULL },
    { "/gc/heap/frees:bytes", heap_frees_bytes, NULL },
    { "/gc/heap/spans:spans", spans, NULL },
    { "/gc/scan/globals:bytes", scan_globals, NULL },
    { "/gc/scan/heap:bytes", scan_heap, NULL },
    { "/gc/scan/stack:bytes", scan_stack, NULL },
    { "/gc/scan/total:bytes", scan_total, NULL },
    { "/gc/sweep/pages:pages", swept_pages, NULL },
    { "/cpu/classes/gc/mark/assist:cpu-seconds", cpu_assist, NULL },
    { "/cpu/classes/gc/mark/dedicated:cpu-seconds", cpu_dedicated, NULL },
    { "/cpu/classes/gc/mark/idle:cpu-seconds", cpu_idle, NULL },
    { "/memory/classes/heap/objects:bytes", memory_objects, NULL },
    { "/memory/classes/heap/unused:bytes", memory_unused, NULL },
    { "/memory/classes/heap/free:bytes", memory_free, NULL },
    { "/memory/classes/heap/released:bytes", memory_released, NULL },
    { "/memory/classes/metadata/other:bytes", memory_metadata, NULL },
    { "/memory/classes/total:bytes", memory_total, NULL },
};

void
tri_gc_metrics_init(void)
{
    tri_metrics_register(metrics, TRI_ARRAY_COUNT(metrics));
}
