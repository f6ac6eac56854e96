/* SPDX-License-Identifier: MIT */
/*
 * trace/each_event.h: once through trace/events.def.  No guard: define
 *
 *   TRI_EVENT(n, set, level, name, type, field, ...)
 *
 * include this, and both are forgotten again.  TRI_TRACE_PARAMS_n and
 * TRI_TRACE_ARGS_n (trace/trace.h) turn what follows `name` into parameters and
 * arguments.  The provider, whose macros cannot take a list made by a macro,
 * reads trace/events.def by itself.
 */
#ifndef TRI_EVENT
#    error "define TRI_EVENT before including trace/each_event.h"
#endif

#define TRI_EVENT1(set, level, name, ...)                                      \
    TRI_EVENT(1, set, level, name, __VA_ARGS__)
#define TRI_EVENT2(set, level, name, ...)                                      \
    TRI_EVENT(2, set, level, name, __VA_ARGS__)
#define TRI_EVENT3(set, level, name, ...)                                      \
    TRI_EVENT(3, set, level, name, __VA_ARGS__)
#define TRI_EVENT4(set, level, name, ...)                                      \
    TRI_EVENT(4, set, level, name, __VA_ARGS__)

#include "trace/events.def"

#undef TRI_EVENT1
#undef TRI_EVENT2
#undef TRI_EVENT3
#undef TRI_EVENT4
#undef TRI_EVENT
