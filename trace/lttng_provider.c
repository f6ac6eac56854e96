/* SPDX-License-Identifier: MIT */
/*
 * trace/lttng_provider.c: the module libtricolor-lttng.so: tracepoints, probes,
 * and the table by which the library reaches them (trace/backend.h).
 *
 * The tracepoints live here and not in the library, so the library is the same
 * binary with LTTng and without; it looks at each tracepoint's own state word,
 * which LTTng sets when a session enables the event.
 */
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE

#include "trace/lttng_provider.h"

#if __has_include(<execinfo.h>)
#    include <execinfo.h>
#endif
#include <lttng/ust-thread.h>

#include "trace/backend.h"

/* TRI_EVENTn of the provider's header are gone: each event's emitting half. */
#define TRI_EVENT(n, set, level, name, ...)                                    \
    static void emit_##name(TRI_TRACE_PARAMS_##n(__VA_ARGS__))                 \
    {                                                                          \
        lttng_ust_do_tracepoint(tricolor, name,                                \
                                TRI_TRACE_ARGS_##n(__VA_ARGS__));              \
    }
#include "trace/each_event.h"

_Static_assert(sizeof(TRI_ATOMIC(int)) == sizeof(int),
               "the library reads LTTng's int as an atomic one");

static TRI_ATOMIC(int) *const states[] = {
#define TRI_EVENT(n, set, level, name, ...)                                    \
    tri_atomic_cast(int, &lttng_ust_tracepoint_tricolor___##name.state),
#include "trace/each_event.h"
};

/*
 * LTTng's destructor cancels its threads, for which glibc loads libgcc_s when it is
 * asked first: at the end of a program that has no descriptor left, it aborts.  So it
 * is loaded now, for a call that needs it, too, and does no harm.
 */
static void
load_unwinder(void)
{
#if __has_include(<execinfo.h>)
    void *frame;
    (void)backtrace(&frame, 1);
#endif
}

/* The program may end while other threads emit: their probes must outlive the
 * destructors. */
static void
start(void)
{
    load_unwinder();
    tracepoint_disable_destructors();
    lttng_ust_init_thread();
}

/* clang-format off: it moves the braces of the inner list to the right. */
__attribute__((visibility("default")))
const struct tri_trace_backend tri_lttng_backend = {
    .signature = tri_trace_signature,
    .states = states,
    .start = start,
    .thread_start = lttng_ust_init_thread,
    .emit = {
#define TRI_EVENT(n, set, level, name, ...) .name = emit_##name,
#include "trace/each_event.h"
    },
};
/* clang-format on */
