/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/trace_values.c: the names in trace/values.def belong to the numbers
 * that the layers above emit.
 *
 * To see it fail: swap two members of any of these enums, or add one without
 * giving it a name.
 */
#include "tests/support/test.h"

#include "base/option.h"
#include "gc/gc.h"
#include "gc/phase.h"
#include "trace/event_info.h"

#define IS(code, value, name)                                                  \
    EXPECT_STR(tri_trace_value_name(code, value), name)

TEST(phases)
{
    IS("phase", TRI_GC_OFF, "off");
    IS("phase", TRI_GC_MARK, "mark");
    IS("phase", TRI_GC_MARK_TERM, "mark termination");
    IS("phase", TRI_GC_MARK_TERM + 1, "unknown");
}

TEST(reasons_of_cycles)
{
    IS("cycle_reason", TRI_CYCLE_HEAP, "heap");
    IS("cycle_reason", TRI_CYCLE_TIME, "time");
    IS("cycle_reason", TRI_CYCLE_FORCED, "forced");
    IS("cycle_reason", TRI_CYCLE_STRESS, "stress");
    IS("cycle_reason", TRI_CYCLE_STRESS + 1, "unknown");
}

TEST(reasons_of_stops)
{
    IS("stop_reason", TRI_STOP_MARK_START, "mark start");
    IS("stop_reason", TRI_STOP_MARK_TERM, "mark termination");
    IS("stop_reason", TRI_STOP_WHOLE_CYCLE, "whole cycle");
    IS("stop_reason", TRI_STOP_PROCS, "set procs");
    IS("stop_reason", TRI_STOP_STATS, "statistics");
    IS("stop_reason", TRI_STOP_TEST, "test");
    IS("stop_reason", TRI_STOP_TEST + 1, "unknown");
}

TEST(modes_of_workers)
{
    IS("worker_mode", TRI_WORKER_NONE, "none");
    IS("worker_mode", TRI_WORKER_DEDICATED, "dedicated");
    IS("worker_mode", TRI_WORKER_FRACTIONAL, "fractional");
    IS("worker_mode", TRI_WORKER_IDLE, "idle");
    IS("worker_mode", TRI_WORKER_IDLE + 1, "unknown");
}

TEST(states_of_goroutines)
{
    IS("goroutine_state", TRI_TRACE_G_RUNNABLE, "runnable");
    IS("goroutine_state", TRI_TRACE_G_WAITING, "waiting");
    IS("goroutine_state", TRI_TRACE_G_BLOCKING, "blocking");
    IS("goroutine_state", TRI_TRACE_G_DEAD, "dead");
    IS("goroutine_state", TRI_TRACE_G_DEAD + 1, "unknown");
}

TEST(binding_and_memory_policies)
{
    IS("bind", TRI_BIND_NONE, "none");
    IS("bind", TRI_BIND_COMPACT, "compact");
    IS("bind", TRI_BIND_SCATTER, "scatter");
    IS("bind", TRI_BIND_SCATTER + 1, "unknown");
    IS("numa", TRI_NUMA_DEFAULT, "default");
    IS("numa", TRI_NUMA_LOCAL, "local");
    IS("numa", TRI_NUMA_INTERLEAVE, "interleave");
    IS("numa", TRI_NUMA_INTERLEAVE + 1, "unknown");
}

TEST(fields_know_their_code)
{
    EXPECT_STR(tri_trace_field_code(TRI_TRACE_EV_stw_begin, 1), "stop_reason");
    EXPECT(tri_trace_field_code(TRI_TRACE_EV_stw_begin, 0) == NULL);
    EXPECT(tri_trace_field_code(TRI_TRACE_EV_cleanup_add, 0) == NULL);
}

TEST_MAIN
