/* SPDX-License-Identifier: MIT */
/*
 * trace/backend.h: what a back end gives the library: the words that say which
 * events it wants, and a function for each.
 *
 * The LTTng provider is a module of its own, perhaps left over from another
 * version; so it carries the registry's signature, and one that differs is not
 * used (BACK-1: otherwise arguments would be taken for others).
 */
#ifndef TRI_TRACE_BACKEND_H
#define TRI_TRACE_BACKEND_H

#include "trace/trace.h"

/* Every row's name, types and fields, in order. */
static const char tri_trace_signature[] =
#define TRI_EVENT(n, set, level, name, ...) #name "(" #__VA_ARGS__ ")"
#include "trace/each_event.h"
    ;

struct tri_trace_backend {
    const char *signature;
    /* One word per event, not 0 while the back end wants it. */
    TRI_ATOMIC(int) *const *states;
    /* Once, when the module is loaded. */
    void (*start)(void);
    /* TRACE-4: makes this thread's state.  May allocate. */
    void (*thread_start)(void);
    struct tri_trace_functions {
#define TRI_EVENT(n, set, level, name, ...)                                    \
    void (*name)(TRI_TRACE_PARAMS_##n(__VA_ARGS__));
#include "trace/each_event.h"
    } emit;
};

/* What the provider exports, and the library looks up by name. */
#define TRI_TRACE_BACKEND_SYMBOL "tri_lttng_backend"
extern const struct tri_trace_backend tri_lttng_backend;

#endif /* TRI_TRACE_BACKEND_H */
