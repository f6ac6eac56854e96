/* SPDX-License-Identifier: MIT */
/* runtime/api.c: public entry points: who calls, with what; then the work is
 * somebody else's. */
#include <tricolor/tricolor.h>

#include "alloc/space.h"
#include "base/check.h"
#include "base/format.h"
#include "base/option.h"
#include "gc/gc.h"
#include "runtime/sched.h"
#include "runtime/topology.h"

TRI_API const char *
tri_version(void)
{
    return TRI_VERSION;
}

/* ---- goroutines ------------------------------------------------------------ */

/* Not inlined: the return address is where the goroutine was made. */
TRI_API TRI_NOINLINE void
tri_go(void (*fn)(void *), void *arg)
{
    tri_check_caller("tri_go");
    if (fn == NULL)
        tri_panic("tri_go: the function is NULL; give it what to run");
    tri_spawn(fn, arg, NULL, 0, __builtin_return_address(0));
    tri_schedpoint();
}

TRI_API TRI_NOINLINE void
tri_go_sized(void (*fn)(void *), void *arg, size_t stack_bytes)
{
    tri_check_caller("tri_go_sized");
    if (fn == NULL)
        tri_panic("tri_go_sized: the function is NULL; give it what to run");
    if (stack_bytes > TRI_STACK_BYTES_MAX)
        tri_panic(
            "tri_go_sized: a stack of %zu bytes is more than the largest, "
            "1 GiB; put large data into the heap",
            stack_bytes);
    bool fits = stack_bytes <= tri_stack_usable();
    tri_spawn(fn, arg, NULL, fits ? 0 : stack_bytes,
              __builtin_return_address(0));
    tri_schedpoint();
}

TRI_API void
tri_exit(void)
{
    tri_check_caller("tri_exit");
    struct tri_g *g = tri_local_g();
    if (g->bound != NULL)
        tri_panic("tri_exit: this is an attached thread, not a goroutine; "
                  "detach it and return from its function");
    if (g->system)
        tri_panic("tri_exit: this goroutine is the runtime's, which runs a "
                  "cleanup or finalizer; return from that instead");
    if (g->is_main)
        for (;;)
            tri_park(NULL, NULL, "main has called tri_exit");
    tri_g_exit();
}

TRI_API uint64_t
tri_goid(void)
{
    tri_check_caller("tri_goid");
    return tri_local_g()->id;
}

TRI_API void
tri_safepoint(void)
{
    tri_check_caller("tri_safepoint");
    if (tri_m_asked(tri_local_m())) {
        tri_enter();
        tri_m_note_request(tri_local_get());
        tri_leave();
    }
}

/* ---- collector ------------------------------------------------------------- */

/* What earlier calls left on the stack below here would be taken for live by
 * the scan of the frames that come to lie there. */
static TRI_NO_SANITIZE void
clear_stack_below(void)
{
    volatile uintptr_t words[512];
    for (size_t i = 0; i < TRI_ARRAY_COUNT(words); i++)
        words[i] = 0;
    __asm__ volatile("" : : "r"(words) : "memory");
}

TRI_API void
tri_gc(void)
{
    tri_check_caller("tri_gc");
    clear_stack_below();
    tri_gc_collect();
}

TRI_API int
tri_set_procs(int procs)
{
    tri_check_caller("tri_set_procs");
    if (procs > 0)
        tri_follow_no_more();
    return tri_world_set_procs(procs);
}

TRI_API int
tri_set_gc_percent(int percent)
{
    tri_check_caller("tri_set_gc_percent");
    return tri_gc_set_percent(percent);
}

TRI_API int64_t
tri_set_memory_limit(int64_t bytes)
{
    tri_check_caller("tri_set_memory_limit");
    return tri_gc_set_memory_limit(bytes);
}

TRI_API int
tri_root_add(void *start, size_t bytes)
{
    tri_check_caller("tri_root_add");
    return tri_roots_add(start, bytes);
}

TRI_API int
tri_root_remove(void *start)
{
    tri_check_caller("tri_root_remove");
    return tri_roots_remove(start);
}

TRI_API void (*tri_set_panic_handler(void (*fn)(const char *message)))(
    const char *)
{
    return tri_panic_handler_swap(fn);
}

/* ---- options as they took effect ------------------------------------------- */

TRI_API const char *
tri_option_get(size_t i, char *value, size_t bytes)
{
    static const char *const names[] = { "procs",       "gc",   "memory_limit",
                                         "stack_bytes", "bind", "numa" };
    switch (i) {
    case 0:
        tri_format(value, bytes, "%d", tri_load(&tri_sched.p_count));
        break;
    case 1:
        if (tri_config.gc_percent < 0)
            tri_format(value, bytes, "off");
        else
            tri_format(value, bytes, "%d", tri_config.gc_percent);
        break;
    case 2:
        if (tri_config.memory_limit == INT64_MAX)
            tri_format(value, bytes, "none");
        else
            tri_format(value, bytes, "%lld",
                       (long long)tri_config.memory_limit);
        break;
    case 3:
        tri_format(value, bytes, "%zu",
                   tri_stack_bytes() - TRI_STACK_GUARD_BYTES);
        break;
    case 4:
        tri_format(value, bytes, "%s",
                   tri_config.bind == TRI_BIND_COMPACT   ? "compact"
                   : tri_config.bind == TRI_BIND_SCATTER ? "scatter"
                                                         : "none");
        break;
    case 5: /* in effect: the kernel may have refused */
        tri_format(value, bytes, "%s",
                   tri_space.numa == TRI_NUMA_LOCAL        ? "local"
                   : tri_space.numa == TRI_NUMA_INTERLEAVE ? "interleave"
                                                           : "default");
        break;
    default:
        return tri_debug_get(i - TRI_ARRAY_COUNT(names), value, bytes);
    }
    return names[i];
}
