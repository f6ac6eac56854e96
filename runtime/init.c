/* SPDX-License-Identifier: MIT */
/*
 * runtime/init.c: order of birth, and the main goroutine.
 *
 * Options, tracer, heap, tables, Ps, signals, then the two threads that make
 * and watch others; only after that goroutines.  What fails before the helpers
 * run is reported; afterwards there is nothing left to undo.
 *
 * tri_main's calling thread does not become an M: it sleeps until the main
 * goroutine, on a stack of its own size, has returned.  A thread that had to
 * come back from whatever goroutine it happened to run could come late or never.
 */
#include <errno.h>

#include "alloc/space.h"
#include "base/check.h"
#include "base/format.h"
#include "base/option.h"
#include "base/os.h"
#include "gc/gc.h"
#include "runtime/bucket.h"
#include "runtime/crash.h"
#include "runtime/sched.h"
#include "runtime/sequence.h"
#include "runtime/spare.h"
#include "runtime/topology.h"
#include "trace/trace.h"

#define MAIN_STACK_BYTES    ((size_t)8 << 20)
#define STACK_BYTES_DEFAULT ((size_t)64 << 10)

/* Of the heap, which is there now.  A refusal is no reason to end: all works, where
 * memory is further away more slowly. */
static void
tell_nodes(void)
{
    int error = -tri_space.numa_error;
    if (error != 0)
        tri_print("tricolor: TRI_NUMA: the kernel refuses mbind (error %d%s); "
                  "the heap keeps the process's own policy\n",
                  error,
                  error == ENOSYS  ? ": it was built without NUMA"
                  : error == EPERM ? ": in a container, allow CAP_SYS_NICE"
                                   : "");
    tri_trace_numa_policy((uint32_t)tri_config.numa, (uint32_t)tri_space.numa);
}

/* 0 or -errno.  Once per process. */
static int
start(const struct tri_options *opt, bool is_main)
{
    static TRI_ATOMIC(uint32_t) begun;
    tri_check_usable(is_main ? "tri_main" : "tri_init");
    if (tri_swap(&begun, 1) != 0)
        return -EALREADY;
    char error[256];
    int status = tri_options_parse(opt, error, sizeof(error));
    if (status < 0)
        tri_print("tricolor: %s\n", error);
    if (status != 0) {
        tri_store(&begun, 0);
        return -EINVAL;
    }
    tri_sched.is_main = is_main;
    tri_sched.async_stop = tri_debug.asyncstop != 0;
    tri_trace_init();
    struct tri_machine machine = tri_machine_look();
    int procs =
        tri_config.procs > 0 ? tri_config.procs : tri_machine_procs(machine);
    if (procs > TRI_PROCS_MAX)
        procs = TRI_PROCS_MAX;
    tri_trace_runtime_begin((uint32_t)procs, tri_config.gc_percent,
                            (uint64_t)tri_config.memory_limit);
    tri_trace_machine((uint32_t)machine.cpus, (uint32_t)machine.quota_cpus,
                      (uint32_t)machine.numa_nodes, (uint32_t)tri_config.bind);
    size_t stack = tri_config.stack_bytes;
    status = tri_stack_init(stack > 0 ? stack : STACK_BYTES_DEFAULT);
    if (status == 0)
        status = tri_gc_init();
    if (status == 0)
        status = tri_sequences_init();
    if (status != 0)
        return status;
    tell_nodes();
    tri_m_init();
    tri_g_init();
    tri_sync_init();
    tri_roots_init();
    tri_sched_init(procs);
    tri_sched_metrics_init();
    tri_signal_init();
    tri_spare_init();
    tri_crash_init();
    tri_fork_init();
    tri_follow_note(tri_machine_glance()); /* FOLLOW-2 */
    status = tri_m_start_helpers();
    if (status != 0)
        return status;
    tri_store(&tri_sched.started, 1);
    tri_gc_start_background();
    tri_follow_start();
    return 0;
}

static void
print_why(int status)
{
    if (status == -ENOMEM)
        tri_print("tricolor: cannot start: the heap, its tables and the stacks "
                  "need 2 GiB of address space at least; raise `ulimit -v`\n");
    else
        tri_print("tricolor: cannot start: the kernel refuses a thread (error "
                  "%d); raise `ulimit -u` or the control group's pids.max\n",
                  -status);
}

struct main_call {
    int (*fn)(void *arg);
    void *arg;
    int result;
    TRI_ATOMIC(uint32_t) done;
};

/* The last events of a trace.  The world stays stopped until none can follow,
 * so that the collector's counts are those of the trace (CHK-6). */
static void
end_trace(int result)
{
    if (!TRI_TRACE_ON(runtime_end) && !TRI_TRACE_ON(cleanup_totals)) {
        tri_trace_fini();
        return;
    }
    tri_host_stop_world(TRI_STOP_STATS);
    tri_gc_trace_end();
    tri_trace_runtime_end(result);
    tri_trace_fini();
    tri_host_start_world();
}

static void
main_goroutine(void *arg)
{
    struct main_call *call = arg;
    tri_local_g()->is_main = 1;
    call->result = call->fn(call->arg);
    tri_fork_leave(call->result); /* FORK-3 */
    end_trace(call->result);
    tri_enter();
    tri_store(&tri_sched.ending, 1);
    tri_store(&call->done, 1);
    tri_futex_wake(&call->done, 1);
    tri_leave();
}

TRI_API int
tri_main(int (*fn)(void *), void *arg, const struct tri_options *opt)
{
    enum {
        BAD_OPTION = 2,
        CANNOT_START = 3
    };
    if (fn == NULL)
        tri_panic("tri_main: the function is NULL; give it the main goroutine");
    int status = start(opt, true);
    if (status == -EALREADY)
        tri_panic("tri_main: the runtime was started before; it starts once "
                  "per process");
    if (status == -EINVAL)
        return BAD_OPTION;
    if (status != 0) {
        print_why(status);
        return CANNOT_START;
    }
    static struct main_call call;
    call.fn = fn;
    call.arg = arg;
    size_t stack = tri_config.stack_bytes;
    tri_spawn(main_goroutine, &call, NULL,
              stack > MAIN_STACK_BYTES ? stack : MAIN_STACK_BYTES,
              __builtin_return_address(0));
    while (tri_load_acquire(&call.done) == 0)
        tri_futex_wait(&call.done, 0, -1);
    return call.result;
}

TRI_API int
tri_init(const struct tri_options *opt)
{
    int status = start(opt, false);
    if (status != 0)
        return status;
    return tri_thread_adopt();
}
