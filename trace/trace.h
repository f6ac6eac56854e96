/* SPDX-License-Identifier: MIT */
/*
 * trace/trace.h: emitting an event: tri_trace_cleanup_add(id, object, ...).
 *
 * One function per row of trace/events.def.  Disabled, it is two loads, a test
 * and a branch not taken; arguments are evaluated all the same, so keep them
 * plain, or ask TRI_TRACE_ON(name) first.  Only integers pass, so every layer
 * may trace.
 *
 * An event has a *state*: the int that tri_trace_state[event] points at, not 0
 * while somebody wants it.  The LTTng back end lets it point at LTTng's own
 * word, so a session switches it without our doing; the recorder lets it point
 * at a constant one.  docs/design/trace.md tells why.
 *
 * Rules for call sites:
 *   TRACE-1  No goroutine switch inside an event; otherwise the back ends' thread-
 *            local state is left with another thread.  An enabled event enters a
 *            critical section of its own, so a call site need not be in one.
 *   TRACE-2  A back end takes no lock of the runtime and calls nothing that does,
 *            so an event may come under any of them, as goroutine_ready must:
 *            before the goroutine can run.  Otherwise that lock would nest in
 *            every other.  A blocking session makes who emits wait, and with him
 *            stops and the lock's waiters, but only for the consumer, a process
 *            that needs none of them: slow, never stuck.  Locks that allocation
 *            takes are left first all the same.
 *   TRACE-3  8 KiB of stack headroom; otherwise a probe runs into the guard
 *            page.  Argued, no test: it is measured (docs/design/trace.md), and
 *            overflows hit the guard.
 *   TRACE-4  A thread calls tri_trace_thread_start before its first event;
 *            otherwise the tracer allocates its thread-local state then, and
 *            malloc's lock may be held by a thread that is stopped in place.
 */
#ifndef TRI_TRACE_TRACE_H
#define TRI_TRACE_TRACE_H

#include "base/atomic.h"
#include "base/compiler.h"

/* ---- the registry, unfolded ---- */

#define TRI_TRACE_C_u32 uint32_t
#define TRI_TRACE_C_u64 uint64_t
#define TRI_TRACE_C_i32 int32_t
#define TRI_TRACE_C_hex uintptr_t

#define TRI_TRACE_PARAMS_1(t1, f1) TRI_TRACE_C_##t1 f1
#define TRI_TRACE_PARAMS_2(t1, f1, ...)                                        \
    TRI_TRACE_C_##t1 f1, TRI_TRACE_PARAMS_1(__VA_ARGS__)
#define TRI_TRACE_PARAMS_3(t1, f1, ...)                                        \
    TRI_TRACE_C_##t1 f1, TRI_TRACE_PARAMS_2(__VA_ARGS__)
#define TRI_TRACE_PARAMS_4(t1, f1, ...)                                        \
    TRI_TRACE_C_##t1 f1, TRI_TRACE_PARAMS_3(__VA_ARGS__)

#define TRI_TRACE_ARGS_1(t1, f1)      f1
#define TRI_TRACE_ARGS_2(t1, f1, ...) f1, TRI_TRACE_ARGS_1(__VA_ARGS__)
#define TRI_TRACE_ARGS_3(t1, f1, ...) f1, TRI_TRACE_ARGS_2(__VA_ARGS__)
#define TRI_TRACE_ARGS_4(t1, f1, ...) f1, TRI_TRACE_ARGS_3(__VA_ARGS__)

#define TRI_TRACE_FIELD_MAX 4

enum tri_trace_event {
#define TRI_EVENT(n, set, level, name, ...) TRI_TRACE_EV_##name,
#include "trace/each_event.h"
};

struct tri_trace_census {
#define TRI_EVENT(n, set, level, name, ...) char name;
#include "trace/each_event.h"
};
#define TRI_TRACE_EVENT_COUNT sizeof(struct tri_trace_census)

/* What a goroutine does after it ran (goroutine_run_end). */
enum tri_trace_g_state {
    TRI_TRACE_G_RUNNABLE, /* yielded or was made to */
    TRI_TRACE_G_WAITING,  /* parked */
    TRI_TRACE_G_BLOCKING, /* in a call that may block its thread */
    TRI_TRACE_G_DEAD
};

/* ---- state ---- */

/* Never NULL.  Written by trace/trace.c alone. */
extern TRI_ATOMIC(TRI_ATOMIC(int) *) tri_trace_state[TRI_TRACE_EVENT_COUNT];

static inline bool
tri_trace_enabled(enum tri_trace_event event)
{
    /* Relaxed, both: a moment's delay in seeing a session begin is no matter,
     * and the emitting half looks again with the order it needs. */
    return TRI_UNLIKELY(
        tri_load_relaxed(tri_load_relaxed(&tri_trace_state[event])) != 0);
}

#define TRI_TRACE_ON(name) tri_trace_enabled(TRI_TRACE_EV_##name)

/* ---- emitting ---- */

#define TRI_EVENT(n, set, level, name, ...)                                    \
    void tri_trace_emit_##name(TRI_TRACE_PARAMS_##n(__VA_ARGS__));             \
    static inline void tri_trace_##name(TRI_TRACE_PARAMS_##n(__VA_ARGS__))     \
    {                                                                          \
        if (TRI_TRACE_ON(name))                                                \
            tri_trace_emit_##name(TRI_TRACE_ARGS_##n(__VA_ARGS__));            \
    }
#include "trace/each_event.h"

/* ---- life ---- */

/*
 * Loads the LTTng provider if there is one: TRI_LTTNG_PROVIDER (a path, or
 * `none`), else beside the library, else where it is installed.  Without it, or
 * without LTTng, everything works but this.  Once, by the thread that starts
 * the runtime, before others.  Calls libc freely.
 */
void tri_trace_init(void);

/* Each thread of the runtime, at its birth, in no critical section and before
 * it may be stopped (TRACE-4).  Attached threads too. */
void tri_trace_thread_start(void);

/* No more events, recorded ones neither: the process is about to end, and
 * LTTng's destructors are going to run beside threads that still would emit. */
void tri_trace_fini(void);

/*
 * True once after each time a tracing session begins: the caller then emits
 * `statedump`.  Cheap; for the periodic tick.
 */
bool tri_trace_statedump_due(void);

/* "lttng: recording is possible", or why not; for doctor and gctrace. */
const char *tri_trace_status(void);

#endif /* TRI_TRACE_TRACE_H */
