/* SPDX-License-Identifier: MIT */
/*
 * trace/trace.h: emitting an event: tri_trace_cleanup_add(id, object, ...).
 *
 * One function per row of trace/events.def.  Disabled, it is a load, a test and
 * a branch not taken; arguments are evaluated all the same, so keep them plain.
 * Only integers pass, so every layer may trace.
 *
 * Rules for call sites:
 *   TRACE-1  No goroutine switch inside an event (the back ends use thread-
 *            local state); so emit inside a critical section.
 *   TRACE-2  Never while holding a runtime lock above TRI_RANK_TRACE whose
 *            waiters matter: with a blocking session the tracer may wait.
 *   TRACE-3  8 KiB of stack headroom.
 */
#ifndef TRI_TRACE_TRACE_H
#define TRI_TRACE_TRACE_H

#include "base/atomic.h"
#include "base/compiler.h"

/* Bit per event id; a back end sets them.  Owner: trace/. */
#endif
