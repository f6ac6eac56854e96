/* SPDX-License-Identifier: MIT */
/* runtime/metrics.c: what the scheduler reports, under Go's names. */
#include "base/metric.h"
#include "runtime/sched.h"

static double
goroutines(void)
{
    return (double)tri_sched_live_count();
}

static double
procs(void)
{
    return (double)tri_load(&tri_sched.p_count);
}

static double
threads(void)
{
    return (double)tri_m_thread_count();
}

static double
preemptions(void)
{
    return (double)tri_load(&tri_sched.switches);
}

static double
stack_bytes(void)
{
    return (double)(tri_g_count() * tri_stack_bytes());
}

static const struct tri_metric table[] = {
    { "/sched/goroutines:goroutines", goroutines, NULL },
    { "/sched/gomaxprocs:threads", procs, NULL },
    { "/sched/threads/total:threads", threads, NULL },
    { "/sched/preemptions/in-place:preemptions", preemptions, NULL },
    { "/memory/classes/heap/stacks:bytes", stack_bytes, NULL },
    { "/sched/pauses/stopping/gc:seconds", NULL, &tri_pauses_gc.stopping },
    { "/sched/pauses/stopping/other:seconds", NULL,
      &tri_pauses_other.stopping },
    { "/sched/pauses/total/gc:seconds", NULL, &tri_pauses_gc.total },
    { "/sched/pauses/total/other:seconds", NULL, &tri_pauses_other.total },
    /* The same by the collector's names. */
    { "/gc/pauses:seconds", NULL, &tri_pauses_gc.total },
    { "/gc/pauses/total:seconds", NULL, &tri_pauses_gc.total },
    { "/gc/pauses/stopping:seconds", NULL, &tri_pauses_gc.stopping },
};

void
tri_sched_metrics_init(void)
{
    tri_metrics_register(table, TRI_ARRAY_COUNT(table));
}
