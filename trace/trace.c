/* SPDX-License-Identifier: MIT */
/*
 * trace/trace.c: the enabled half of every event, and who wants which.
 *
 * Two back ends at most: the recorder (trace/record.c) and the one loaded as a
 * module (trace/load.c).  An emitting function enters a critical section, asks
 * both, and leaves: nobody is ever stopped in place inside LTTng's probes, so
 * their thread-local nesting counts and RCU readers are safe (TRACE-1).
 */
#include "trace/trace.h"

#include "base/check.h"
#include "base/lock.h"
#include "trace/backend.h"
#include "trace/load.h"
#include "trace/record.h"

/* What states point at while only the recorder, or nobody, is there. */
static TRI_ATOMIC(int) wanted = 1;
static TRI_ATOMIC(int) unwanted = 0;

TRI_ATOMIC(TRI_ATOMIC(int) *)
tri_trace_state[TRI_TRACE_EVENT_COUNT] = {
#define TRI_EVENT(n, set, level, name, ...) &unwanted,
#include "trace/each_event.h"
};

static TRI_ATOMIC(const struct tri_trace_backend *) backend;

static bool
backend_wants(const struct tri_trace_backend *sink, enum tri_trace_event event)
{
    /* Relaxed: see tri_trace_enabled. */
    return sink != NULL && tri_load_relaxed(sink->states[event]) != 0;
}

#if TRI_CHECKED
static __thread bool thread_started;
#endif

/* Not inlined: thread-local (TLS-1).  Threads that the runtime does not know trace
 * in tests alone. */
static TRI_NOINLINE void
note_thread(void)
{
#if TRI_CHECKED
    thread_started = true;
#endif
}

static TRI_NOINLINE void
check_thread(void)
{
#if TRI_CHECKED
    TRI_CHECK(thread_started || tri_local_m() == NULL,
              "TRACE-4: an event on a thread that did not say it was born");
#endif
}

/* The arguments as the recorder keeps them; i32 is sign-extended. */
#define WIDE_1(t1, f1)      (uint64_t)(f1)
#define WIDE_2(t1, f1, ...) (uint64_t)(f1), WIDE_1(__VA_ARGS__)
#define WIDE_3(t1, f1, ...) (uint64_t)(f1), WIDE_2(__VA_ARGS__)
#define WIDE_4(t1, f1, ...) (uint64_t)(f1), WIDE_3(__VA_ARGS__)

/* Acquire of tri_recording pairs with the release in tri_record_start, that of
 * backend with the release in tri_trace_init. */
#define TRI_EVENT(n, set, level, name, ...)                                    \
    TRI_NOINLINE void tri_trace_emit_##name(TRI_TRACE_PARAMS_##n(__VA_ARGS__)) \
    {                                                                          \
        tri_enter();                                                           \
        if (TRI_CHECKED) {                                                     \
            check_thread();                                                    \
            tri_lock_forbid(true); /* TRACE-2 */                               \
        }                                                                      \
        if (tri_load_acquire(&tri_recording) != 0) {                           \
            const uint64_t fields[TRI_TRACE_FIELD_MAX] = { WIDE_##n(           \
                __VA_ARGS__) };                                                \
            tri_record_write(TRI_TRACE_EV_##name, fields);                     \
        }                                                                      \
        const struct tri_trace_backend *sink = tri_load_acquire(&backend);     \
        if (backend_wants(sink, TRI_TRACE_EV_##name))                          \
            sink->emit.name(TRI_TRACE_ARGS_##n(__VA_ARGS__));                  \
        if (TRI_CHECKED)                                                       \
            tri_lock_forbid(false);                                            \
        tri_leave();                                                           \
    }
#include "trace/each_event.h"

/* Lets every state point at: the constant one while the recorder runs, else
 * the back end's own word, else the constant zero. */
static void
point_states(bool recording, const struct tri_trace_backend *sink)
{
    for (size_t i = 0; i < TRI_TRACE_EVENT_COUNT; i++) {
        TRI_ATOMIC(int) *word = &unwanted;
        if (recording)
            word = &wanted;
        else if (sink != NULL)
            word = sink->states[i];
        /* Relaxed: whoever sees it looks again in the emitting function. */
        tri_store_relaxed(&tri_trace_state[i], word);
    }
}

void
tri_trace_recording_changed(bool on)
{
    /* Acquire pairs with the release in tri_trace_init. */
    point_states(on, tri_load_acquire(&backend));
}

void
tri_trace_init(void)
{
    const struct tri_trace_backend *sink = tri_trace_load_backend();
    /* Release pairs with the acquires of `backend` in this file. */
    tri_store_release(&backend, sink);
    /* Relaxed: a recording is started by the thread that starts the runtime or
     * after it (REC-1). */
    point_states(tri_load_relaxed(&tri_recording) != 0, sink);
}

void
tri_trace_thread_start(void)
{
    note_thread();
    /* Acquire pairs with the release in tri_trace_init. */
    const struct tri_trace_backend *sink = tri_load_acquire(&backend);
    if (sink != NULL)
        sink->thread_start();
}

void
tri_trace_fini(void)
{
    /* Relaxed: an event already begun may finish; the module stays loaded and
     * its destructors are off. */
    tri_store_relaxed(&backend, NULL);
    point_states(false, NULL);
}

bool
tri_trace_statedump_due(void)
{
    static TRI_ATOMIC(uint32_t) dumped;
    uint32_t on = TRI_TRACE_ON(statedump) ? 1 : 0;
    /* Relaxed: a hint, seen again at the next tick. */
    if (tri_load_relaxed(&dumped) == on)
        return false;
    return tri_swap(&dumped, on) == 0 && on != 0;
}
