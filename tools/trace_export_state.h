/* SPDX-License-Identifier: MIT */
/* tools/trace_export_state.h: what the two exporters share. */
#ifndef TRICOLOR_TRACE_EXPORT_STATE_H
#define TRICOLOR_TRACE_EXPORT_STATE_H

#include "tools/trace_export.h"
#include "tools/trace_table.h"

struct trace_export {
    FILE *out;
    void (*begin)(struct trace_export *export);
    void (*event)(struct trace_export *export, const struct trace_event *event);
    void (*end)(struct trace_export *export);
    int64_t first_ns;
    uint64_t lines;
    struct trace_table tracks; /* perfetto: tracks that have their name */
};

struct trace_export *trace_export_new(
    FILE *out, void (*begin)(struct trace_export *export),
    void (*event)(struct trace_export *export, const struct trace_event *event),
    void (*end)(struct trace_export *export));

#endif /* TRICOLOR_TRACE_EXPORT_STATE_H */
