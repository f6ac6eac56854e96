/* SPDX-License-Identifier: MIT */
/*
 * tools/trace_export.h: a trace for other tools.  Fed like the checker.
 *
 * perfetto: Chrome's JSON trace format.  A process has its threads (stops,
 *   assists), a track for each P (goroutines, mark workers), a collector track
 *   (phases), counters of the heap, and asynchronous spans for cycles, sweeps
 *   and cleanups (from the queue to their end).
 * csv: a line for each event; the columns are time, event, process, thread,
 *   cpu, and every field name that any event has; those an event lacks stay
 *   empty.
 */
#ifndef TRICOLOR_TRACE_EXPORT_H
#define TRICOLOR_TRACE_EXPORT_H

#include <stdio.h>

#include "tools/trace_read.h"

struct trace_export;

struct trace_export *trace_export_perfetto(FILE *out);
struct trace_export *trace_export_csv(FILE *out);
void trace_export_event(struct trace_export *export,
                        const struct trace_event *event);
/* Writes the end and frees.  Nothing at all is written, and false returned, if
 * there was no event and the trace was not read (`was_read`). */
bool trace_export_finish(struct trace_export *export, bool was_read);

#endif /* TRICOLOR_TRACE_EXPORT_H */
