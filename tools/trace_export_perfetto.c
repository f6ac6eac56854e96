/* SPDX-License-Identifier: MIT */
/*
 * tools/trace_export_perfetto.c: Chrome's JSON trace format, which
 * ui.perfetto.dev, chrome://tracing and Trace Compass' incubator read.
 *
 * A slice B..E lies on a track (tid); spans that overlap are asynchronous
 * (b..e) and keyed by an id.  Times are microseconds since the first event.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "gc/gc.h"
#include "tools/trace_events.h"
#include "tools/trace_export_state.h"

/* Tracks that are no thread: beyond any thread's number (PID_MAX_LIMIT). */
#define TRACK_COLLECTOR 10000000
#define TRACK_P(p)      (10000001 + (p))

static void
put_quoted(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20 || c >= 0x7f)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

/* Names a track once. */
static void
name_track(struct trace_export *export, int32_t process, int64_t track,
           const char *name)
{
    bool is_new;
    uint64_t key = (uint64_t)(uint32_t)process << 32 | (uint32_t)track;
    trace_table_at(&export->tracks, key, &is_new);
    if (!is_new)
        return;
    fprintf(export->out,
            "{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":%d,\"tid\":%" PRId64
            ",\"args\":{\"name\":",
            process, track);
    put_quoted(export->out, name);
    fputs("}},\n", export->out);
}

/* The head of an event, up to its name. */
static void
put_head(struct trace_export *export, const struct trace_event *event,
         char phase, int64_t track, const char *name)
{
    int64_t ns = event->time_ns - export->first_ns;
    fprintf(export->out,
            "{\"ph\":\"%c\",\"ts\":%" PRId64 ".%03d,\"pid\":%d,\"tid\":%" PRId64
            ",\"name\":",
            phase, ns / 1000, (int)(ns % 1000), event->process, track);
    put_quoted(export->out, name);
}

/* The event's fields as arguments, and its end. */
static void
put_args(struct trace_export *export, const struct trace_event *event)
{
    const struct tri_trace_event_info *info =
        &tri_trace_event_info[event->event];
    fputs(",\"args\":{", export->out);
    for (uint32_t i = 0; i < info->field_count; i++) {
        uint64_t value = event->field[i];
        const char *code = tri_trace_field_code(event->event, i);
        fprintf(export->out, "%s\"%s\":", i == 0 ? "" : ",",
                info->field[i].name);
        if (code != NULL)
            put_quoted(export->out, tri_trace_value_name(code, value));
        else if (info->field[i].type == TRI_TRACE_FIELD_hex)
            fprintf(export->out, "\"0x%" PRIx64 "\"", value);
        else
            fprintf(export->out, "%" PRId64, (int64_t)value);
    }
    fputs("}},\n", export->out);
}

static void
put_slice(struct trace_export *export, const struct trace_event *event,
          char phase, int64_t track, const char *name)
{
    put_head(export, event, phase, track, name);
    if (phase == 'i')
        fputs(",\"s\":\"t\"", export->out);
    put_args(export, event);
}

static void
put_async(struct trace_export *export, const struct trace_event *event,
          char phase, const char *category, const char *name)
{
    put_head(export, event, phase, TRACK_COLLECTOR, name);
    fprintf(export->out, ",\"cat\":\"%s\",\"id\":\"%" PRIu64 "\"", category,
            event->field[0]);
    put_args(export, event);
}

/* A slice on P's own track. */
static void
put_on_p(struct trace_export *export, const struct trace_event *event,
         char phase, uint32_t field, const char *name)
{
    int32_t p = (int32_t)event->field[field];
    char track[24];
    snprintf(track, sizeof(track), "P%d", p);
    name_track(export, event->process, TRACK_P(p), track);
    put_slice(export, event, phase, TRACK_P(p), name);
}

static void
put_phase(struct trace_export *export, const struct trace_event *event)
{
    uint64_t phase = event->field[1];
    name_track(export, event->process, TRACK_COLLECTOR, "collector");
    if (phase != TRI_GC_MARK)
        put_slice(export, event, 'E', TRACK_COLLECTOR, "");
    if (phase != TRI_GC_OFF)
        put_slice(export, event, 'B', TRACK_COLLECTOR,
                  tri_trace_value_name("phase", phase));
}

static void
put_goroutine(struct trace_export *export, const struct trace_event *event,
              char phase)
{
    char name[40];
    snprintf(name, sizeof(name), "goroutine %" PRIu64, event->field[0]);
    put_on_p(export, event, phase, 1, name);
}

/* True if the event has a picture of its own. */
static bool
put_collector(struct trace_export *export, const struct trace_event *event)
{
    switch (event->event) {
    case TRI_TRACE_EV_cycle_begin:
        put_async(export, event, 'b', "cycle", "cycle");
        return true;
    case TRI_TRACE_EV_cycle_end:
        put_async(export, event, 'e', "cycle", "cycle");
        return true;
    case TRI_TRACE_EV_sweep_begin:
        put_async(export, event, 'b', "sweep", "sweep");
        return true;
    case TRI_TRACE_EV_sweep_end:
        put_async(export, event, 'e', "sweep", "sweep");
        return true;
    case TRI_TRACE_EV_phase:
        put_phase(export, event);
        return true;
    case TRI_TRACE_EV_heap:
        put_slice(export, event, 'C', 0, "heap");
        return true;
    case TRI_TRACE_EV_worker_begin:
        put_on_p(export, event, 'B', 1, "mark worker");
        return true;
    case TRI_TRACE_EV_worker_end:
        put_on_p(export, event, 'E', 1, "mark worker");
        return true;
    case TRI_TRACE_EV_cleanup_queue:
        put_async(export, event, 'b', "cleanup", "cleanup");
        return true;
    case TRI_TRACE_EV_cleanup_begin:
        put_async(export, event, 'n', "cleanup", "begin");
        return true;
    case TRI_TRACE_EV_cleanup_end:
        put_async(export, event, 'e', "cleanup", "cleanup");
        return true;
    default:
        return false;
    }
}

static void
perfetto_event(struct trace_export *export, const struct trace_event *event)
{
    if (put_collector(export, event))
        return;
    int32_t thread = event->thread;
    name_track(export, event->process, thread, event->thread_name);
    switch (event->event) {
    case TRI_TRACE_EV_stw_begin: {
        char name[64];
        snprintf(name, sizeof(name), "stop: %s",
                 tri_trace_value_name("stop_reason", event->field[1]));
        put_slice(export, event, 'B', thread, name);
        break;
    }
    case TRI_TRACE_EV_stw_end:
        put_slice(export, event, 'E', thread, "");
        break;
    case TRI_TRACE_EV_assist_begin:
        put_slice(export, event, 'B', thread, "assist");
        break;
    case TRI_TRACE_EV_assist_end:
        put_slice(export, event, 'E', thread, "");
        break;
    case TRI_TRACE_EV_goroutine_run_begin:
        put_goroutine(export, event, 'B');
        break;
    case TRI_TRACE_EV_goroutine_run_end:
        put_goroutine(export, event, 'E');
        break;
    default:
        put_slice(export, event, 'i', thread,
                  tri_trace_event_info[event->event].name);
        break;
    }
}

static void
perfetto_begin(struct trace_export *export)
{
    fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n", export->out);
}

static void
perfetto_end(struct trace_export *export)
{
    /* An event without a comma behind it ends the array. */
    fputs("{\"ph\":\"M\",\"name\":\"trace\",\"pid\":0,\"tid\":0}\n]}\n",
          export->out);
}

struct trace_export *
trace_export_perfetto(FILE *out)
{
    return trace_export_new(out, perfetto_begin, perfetto_event, perfetto_end);
}
