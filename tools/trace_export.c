/* SPDX-License-Identifier: MIT */
/* tools/trace_export.c: what the exporters share, and the CSV one. */
#include "tools/trace_export.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tools/trace_events.h"
#include "tools/trace_export_state.h"

struct trace_export *
trace_export_new(FILE *out, void (*begin)(struct trace_export *export),
                 void (*event)(struct trace_export *export,
                               const struct trace_event *event),
                 void (*end)(struct trace_export *export))
{
    struct trace_export *export = calloc(1, sizeof(*export));
    if (export == NULL) {
        fputs("tricolor trace: out of memory\n", stderr);
        exit(3);
    }
    export->out = out;
    export->begin = begin;
    export->event = event;
    export->end = end;
    return export;
}

void
trace_export_event(struct trace_export *export, const struct trace_event *event)
{
    if (export->lines == 0) {
        export->first_ns = event->time_ns;
        export->begin(export);
    }
    export->event(export, event);
    export->lines++;
}

bool
trace_export_finish(struct trace_export *export, bool was_read)
{
    bool any = was_read || export->lines > 0;
    if (export->lines == 0 && any)
        export->begin(export);
    if (any)
        export->end(export);
    trace_table_free(&export->tracks);
    free(export);
    return any;
}

/* ---- CSV ---- */

#define COLUMNS_MAX 128

/* The names of all fields, each once, in the registry's order. */
static const char *columns[COLUMNS_MAX];
static size_t column_count;
/* [event][field] -> column */
static uint8_t column_of[TRI_TRACE_EVENT_COUNT][TRI_TRACE_FIELD_MAX];

static size_t
column_named(const char *name)
{
    for (size_t i = 0; i < column_count; i++)
        if (strcmp(columns[i], name) == 0)
            return i;
    columns[column_count] = name;
    return column_count++;
}

static void
csv_event(struct trace_export *export, const struct trace_event *event)
{
    const struct tri_trace_event_info *info =
        &tri_trace_event_info[event->event];
    const uint64_t *values[COLUMNS_MAX] = { NULL };
    enum tri_trace_field_type types[COLUMNS_MAX];
    for (uint32_t i = 0; i < info->field_count; i++) {
        size_t column = column_of[event->event][i];
        values[column] = &event->field[i];
        types[column] = info->field[i].type;
    }
    fprintf(export->out, "%" PRId64 ",%s,%d,%d,%d", event->time_ns, info->name,
            event->process, event->thread, event->cpu);
    for (size_t i = 0; i < column_count; i++) {
        if (values[i] == NULL)
            fputc(',', export->out);
        else if (types[i] == TRI_TRACE_FIELD_hex)
            fprintf(export->out, ",0x%" PRIx64, *values[i]);
        else if (types[i] == TRI_TRACE_FIELD_i32)
            fprintf(export->out, ",%" PRId32, (int32_t)*values[i]);
        else
            fprintf(export->out, ",%" PRIu64, *values[i]);
    }
    fputc('\n', export->out);
}

static void
csv_begin(struct trace_export *export)
{
    fputs("time_ns,event,process,thread,cpu", export->out);
    for (size_t i = 0; i < column_count; i++)
        fprintf(export->out, ",%s", columns[i]);
    fputc('\n', export->out);
}

static void
csv_end(struct trace_export *export)
{
    (void)export;
}

struct trace_export *
trace_export_csv(FILE *out)
{
    column_count = 0;
    for (size_t i = 0; i < TRI_TRACE_EVENT_COUNT; i++) {
        const struct tri_trace_event_info *info = &tri_trace_event_info[i];
        for (uint32_t f = 0; f < info->field_count; f++)
            column_of[i][f] = (uint8_t)column_named(info->field[f].name);
    }
    return trace_export_new(out, csv_begin, csv_event, csv_end);
}
