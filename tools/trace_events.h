/* SPDX-License-Identifier: MIT */
/* tools/trace_events.h: which events a user means by --events. */
#ifndef TRICOLOR_TRACE_EVENTS_H
#define TRICOLOR_TRACE_EVENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "trace/event_info.h"

#define TRACE_PROVIDER "tricolor"

/*
 * `events`: a comma-separated list of sets (cleanups, cycles, stw, workers,
 * heap, sched; core: the low-rate events of the first five; all) and patterns
 * of event names.  NULL: core.  Sets want[event]; false with one line in
 * error[n] if a term means nothing.
 */
bool trace_events_select(const char *events, bool want[TRI_TRACE_EVENT_COUNT],
                         char *error, size_t n);

/* The event of that name, with or without "tricolor:"; -1: none. */
int trace_events_find(const char *name);

#endif /* TRICOLOR_TRACE_EVENTS_H */
