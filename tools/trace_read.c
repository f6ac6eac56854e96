/* SPDX-License-Identifier: MIT */
/*
 * tools/trace_read.c: a Babeltrace 2 graph: one ctf.fs source for each trace
 * directory, a muxer that puts their events in the order of time, and a sink
 * of our own.
 */
#include "tools/trace_read.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <babeltrace2/babeltrace.h>

#include "tools/trace_events.h"
#include "tools/trace_files.h"

#define NAME_A_TRACE                                                           \
    "name the directory of a recording, as DIR/trace is of `tricolor run "     \
    "--trace --out DIR`"
#define TRACES_MAX     64
#define MISSING_BYTES  512
#define METADATA_MAGIC UINT32_C(0x75d11d57)

struct reader {
    bool (*fn)(const struct trace_event *event, void *arg);
    void *arg;
    struct trace_read_result *result;
    bool enough;
    /* The event class last seen for an event, whose fields were found to be
     * those of the registry, in its order. */
    const bt_event_class *known[TRI_TRACE_EVENT_COUNT];
    const char *mismatch; /* an event that is not the registry's */
};

/* ---- one event ---- */

static bool
integer_of(const bt_field *field, uint64_t *value)
{
    bt_field_class_type type = bt_field_get_class_type(field);
    if (bt_field_class_type_is(type, BT_FIELD_CLASS_TYPE_UNSIGNED_INTEGER))
        *value = bt_field_integer_unsigned_get_value(field);
    else if (bt_field_class_type_is(type, BT_FIELD_CLASS_TYPE_SIGNED_INTEGER))
        *value = (uint64_t)bt_field_integer_signed_get_value(field);
    else
        return false;
    return true;
}

static int32_t
member_integer(const bt_field *structure, const char *name)
{
    uint64_t value = 0;
    if (structure == NULL)
        return 0;
    const bt_field *field =
        bt_field_structure_borrow_member_field_by_name_const(structure, name);
    if (field != NULL)
        integer_of(field, &value);
    return (int32_t)value;
}

static const char *
member_string(const bt_field *structure, const char *name)
{
    if (structure == NULL)
        return "";
    const bt_field *field =
        bt_field_structure_borrow_member_field_by_name_const(structure, name);
    if (field == NULL
        || bt_field_get_class_type(field) != BT_FIELD_CLASS_TYPE_STRING)
        return "";
    return bt_field_string_get_value(field);
}

/* Has the class the fields of the registry, in the same order? */
static bool
class_matches(const bt_event_class *class,
              const struct tri_trace_event_info *info)
{
    const bt_field_class *payload =
        bt_event_class_borrow_payload_field_class_const(class);
    if (payload == NULL
        || bt_field_class_structure_get_member_count(payload)
               != info->field_count)
        return false;
    for (uint32_t i = 0; i < info->field_count; i++) {
        const bt_field_class_structure_member *member =
            bt_field_class_structure_borrow_member_by_index_const(payload, i);
        if (strcmp(bt_field_class_structure_member_get_name(member),
                   info->field[i].name)
            != 0)
            return false;
    }
    return true;
}

/* The event's number in the registry; -1: not one of ours. */
static int
event_number(struct reader *reader, const bt_event_class *class)
{
    const char *name = bt_event_class_get_name(class);
    if (name == NULL || strncmp(name, TRACE_PROVIDER ":", 9) != 0)
        return -1;
    int number = trace_events_find(name);
    if (number < 0) {
        reader->mismatch = "an event this version does not know";
        return -1;
    }
    if (reader->known[number] != class) {
        if (!class_matches(class, &tri_trace_event_info[number])) {
            reader->mismatch = tri_trace_event_info[number].name;
            return -1;
        }
        reader->known[number] = class;
    }
    return number;
}

static void
pass_on(struct reader *reader, const bt_message *message)
{
    const bt_event *event = bt_message_event_borrow_event_const(message);
    int number = event_number(reader, bt_event_borrow_class_const(event));
    if (number < 0) {
        reader->result->foreign++;
        return;
    }
    struct trace_event out = { .event = (enum tri_trace_event)number };
    const bt_clock_snapshot *clock =
        bt_message_event_borrow_default_clock_snapshot_const(message);
    if (bt_clock_snapshot_get_ns_from_origin(clock, &out.time_ns)
        != BT_CLOCK_SNAPSHOT_GET_NS_FROM_ORIGIN_STATUS_OK)
        out.time_ns = 0;

    const bt_field *context = bt_event_borrow_common_context_field_const(event);
    out.process = member_integer(context, "vpid");
    out.thread = member_integer(context, "vtid");
    out.thread_name = member_string(context, "procname");
    const bt_packet *packet = bt_event_borrow_packet_const(event);
    if (packet != NULL)
        out.cpu = member_integer(bt_packet_borrow_context_field_const(packet),
                                 "cpu_id");

    const bt_field *payload = bt_event_borrow_payload_field_const(event);
    uint32_t count = tri_trace_event_info[number].field_count;
    for (uint32_t i = 0; i < count; i++)
        integer_of(
            bt_field_structure_borrow_member_field_by_index_const(payload, i),
            &out.field[i]);
    reader->result->events++;
    reader->enough = !reader->fn(&out, reader->arg);
}

static void
count_discarded(struct reader *reader, const bt_message *message)
{
    uint64_t count = 0;
    if (bt_message_discarded_events_get_count(message, &count)
        != BT_PROPERTY_AVAILABILITY_AVAILABLE)
        count = 1; /* some: how many is not known */
    reader->result->discarded += count;
}

static void
count_lost_packets(struct reader *reader, const bt_message *message)
{
    uint64_t count = 0;
    if (bt_message_discarded_packets_get_count(message, &count)
        != BT_PROPERTY_AVAILABILITY_AVAILABLE)
        count = 1;
    reader->result->lost_packets += count;
}

/* ---- what was recorded, if it happened ---- */

static void
note_recorded(struct reader *reader, const bt_stream_class *streams)
{
    uint64_t count = bt_stream_class_get_event_class_count(streams);
    for (uint64_t i = 0; i < count; i++) {
        const char *name = bt_event_class_get_name(
            bt_stream_class_borrow_event_class_by_index_const(streams, i));
        int number = -1;
        if (name != NULL && strncmp(name, TRACE_PROVIDER ":", 9) == 0)
            number = trace_events_find(name);
        if (number >= 0)
            reader->result->recorded[number] = true;
    }
}

/* Any stream leads to its trace, and that to all that the metadata names. */
static void
note_trace(struct reader *reader, const bt_message *message)
{
    const bt_stream *stream =
        bt_message_stream_beginning_borrow_stream_const(message);
    const bt_trace_class *trace =
        bt_trace_borrow_class_const(bt_stream_borrow_trace_const(stream));
    uint64_t count = bt_trace_class_get_stream_class_count(trace);
    for (uint64_t i = 0; i < count; i++)
        note_recorded(reader, bt_trace_class_borrow_stream_class_by_index_const(
                                  trace, i));
}

/* ---- the sink ---- */

static void
take_message(struct reader *reader, const bt_message *message)
{
    switch (bt_message_get_type(message)) {
    case BT_MESSAGE_TYPE_EVENT:
        pass_on(reader, message);
        break;
    case BT_MESSAGE_TYPE_STREAM_BEGINNING:
        note_trace(reader, message);
        break;
    case BT_MESSAGE_TYPE_DISCARDED_EVENTS:
        count_discarded(reader, message);
        break;
    case BT_MESSAGE_TYPE_DISCARDED_PACKETS:
        count_lost_packets(reader, message);
        break;
    default:
        break;
    }
}

static bt_graph_simple_sink_component_consume_func_status
sink_consume(bt_message_iterator *iterator, void *data)
{
    struct reader *reader = data;
    bt_message_array_const messages;
    uint64_t count = 0;
    bt_message_iterator_next_status status =
        bt_message_iterator_next(iterator, &messages, &count);
    switch (status) {
    case BT_MESSAGE_ITERATOR_NEXT_STATUS_OK:
        break;
    case BT_MESSAGE_ITERATOR_NEXT_STATUS_END:
        return BT_GRAPH_SIMPLE_SINK_COMPONENT_CONSUME_FUNC_STATUS_END;
    case BT_MESSAGE_ITERATOR_NEXT_STATUS_AGAIN:
        return BT_GRAPH_SIMPLE_SINK_COMPONENT_CONSUME_FUNC_STATUS_AGAIN;
    default:
        return BT_GRAPH_SIMPLE_SINK_COMPONENT_CONSUME_FUNC_STATUS_ERROR;
    }
    for (uint64_t i = 0; i < count; i++) {
        if (!reader->enough)
            take_message(reader, messages[i]);
        bt_message_put_ref(messages[i]);
    }
    return reader->enough
             ? BT_GRAPH_SIMPLE_SINK_COMPONENT_CONSUME_FUNC_STATUS_END
             : BT_GRAPH_SIMPLE_SINK_COMPONENT_CONSUME_FUNC_STATUS_OK;
}

/* ---- what there is to read ---- */

/* What nftw found; it passes no argument on. */
static char *found[TRACES_MAX];
static size_t found_count;

static int
find_metadata(const char *path, const struct stat *status, int type,
              struct FTW *walk)
{
    (void)status;
    if (type == FTW_F && strcmp(path + walk->base, "metadata") == 0
        && found_count < TRACES_MAX && walk->base > 0)
        found[found_count++] = strndup(path, (size_t)walk->base - 1);
    return 0;
}

static void
forget_found(void)
{
    while (found_count > 0)
        free(found[--found_count]);
}

/*
 * Is the metadata file whole?  It is text in packets, or (without the magic)
 * bare text.  Babeltrace 2.0 never comes back from one that is cut off.
 */
static bool
metadata_whole(const char *directory)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/metadata", directory);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    /* magic, uuid[4], checksum, content bits, packet bits */
    uint32_t header[8];
    bool whole = false;
    long at = 0;
    fseek(file, 0, SEEK_END);
    long bytes = ftell(file);
    rewind(file);
    while (fread(header, sizeof(header), 1, file) == 1) {
        if (header[0] != METADATA_MAGIC) {
            whole = at == 0 && memcmp(header, "/* CTF", 6) == 0;
            break;
        }
        at += header[7] / 8;
        whole = header[7] != 0 && header[6] <= header[7] && at == bytes;
        if (at >= bytes || header[7] == 0 || fseek(file, at, SEEK_SET) != 0)
            break;
    }
    fclose(file);
    return whole;
}

/* ---- the graph ---- */

static const bt_component_filter *
add_muxer(bt_graph *graph)
{
    const bt_plugin *plugin = NULL;
    const bt_component_filter *muxer = NULL;
    if (bt_plugin_find("utils", true, true, true, true, false, &plugin)
        != BT_PLUGIN_FIND_STATUS_OK)
        return NULL;
    const bt_component_class_filter *class =
        bt_plugin_borrow_filter_component_class_by_name_const(plugin, "muxer");
    if (class != NULL)
        (void)!bt_graph_add_filter_component(graph, class, "muxer", NULL,
                                             BT_LOGGING_LEVEL_NONE, &muxer);
    bt_plugin_put_ref(plugin);
    return muxer;
}

static bool
add_source(bt_graph *graph, const char *path, const bt_component_filter *muxer,
           uint64_t *muxer_ports)
{
    const bt_plugin *plugin = NULL;
    const bt_component_source *source = NULL;
    bt_value *params = bt_value_map_create();
    bt_value *inputs = NULL;
    bool ok = false;
    if (params == NULL
        || bt_plugin_find("ctf", true, true, true, true, false, &plugin)
               != BT_PLUGIN_FIND_STATUS_OK)
        goto done;
    const bt_component_class_source *class =
        bt_plugin_borrow_source_component_class_by_name_const(plugin, "fs");
    if (class == NULL
        || bt_value_map_insert_empty_array_entry(params, "inputs", &inputs)
               != BT_VALUE_MAP_INSERT_ENTRY_STATUS_OK
        || bt_value_array_append_string_element(inputs, path)
               != BT_VALUE_ARRAY_APPEND_ELEMENT_STATUS_OK)
        goto done;
    char name[32];
    snprintf(name, sizeof(name), "source%llu",
             (unsigned long long)*muxer_ports);
    if (bt_graph_add_source_component(graph, class, name, params,
                                      BT_LOGGING_LEVEL_NONE, &source)
        != BT_GRAPH_ADD_COMPONENT_STATUS_OK)
        goto done;
    uint64_t ports = bt_component_source_get_output_port_count(source);
    for (uint64_t i = 0; i < ports; i++) {
        if (bt_graph_connect_ports(
                graph,
                bt_component_source_borrow_output_port_by_index_const(source,
                                                                      i),
                bt_component_filter_borrow_input_port_by_index_const(
                    muxer, (*muxer_ports)++),
                NULL)
            != BT_GRAPH_CONNECT_PORTS_STATUS_OK)
            goto done;
    }
    ok = true;
done:
    bt_plugin_put_ref(plugin);
    bt_value_put_ref(params);
    return ok;
}

/* The first cause of the current Babeltrace error, as a line. */
static void
take_cause(const char *what, char *out, size_t n)
{
    const bt_error *error = bt_current_thread_take_error();
    const char *cause = "no reason given";
    if (error != NULL && bt_error_get_cause_count(error) > 0)
        cause = bt_error_cause_get_message(
            bt_error_borrow_cause_by_index(error, 0));
    snprintf(out, n, "%s: %s", what, cause);
    if (error != NULL)
        bt_error_release(error);
}

static int
run_graph(struct reader *reader, char *error, size_t n)
{
    int result = -EIO;
    bt_graph *graph = bt_graph_create(0);
    const bt_component_filter *muxer = graph ? add_muxer(graph) : NULL;
    uint64_t ports = 0;
    if (muxer == NULL) {
        take_cause("Babeltrace's plugins cannot be loaded", error, n);
        goto done;
    }
    for (size_t i = 0; i < found_count; i++) {
        if (!add_source(graph, found[i], muxer, &ports)) {
            reader->result->truncated = true;
            take_cause("the trace is damaged or cut off", error, n);
            goto done;
        }
    }
    if (ports == 0) { /* metadata without a stream: a session without events */
        result = 0;
        goto done;
    }
    const bt_component_sink *sink;
    if (bt_graph_add_simple_sink_component(graph, "sink", NULL, sink_consume,
                                           NULL, reader, &sink)
            != BT_GRAPH_ADD_COMPONENT_STATUS_OK
        || bt_graph_connect_ports(
               graph,
               bt_component_filter_borrow_output_port_by_index_const(muxer, 0),
               bt_component_sink_borrow_input_port_by_index_const(sink, 0),
               NULL)
               != BT_GRAPH_CONNECT_PORTS_STATUS_OK) {
        take_cause("Babeltrace cannot be set up", error, n);
        goto done;
    }
    bt_graph_run_status status;
    do
        status = bt_graph_run(graph);
    while (status == BT_GRAPH_RUN_STATUS_AGAIN);
    if (status == BT_GRAPH_RUN_STATUS_OK) {
        result = 0;
    } else {
        reader->result->truncated = true;
        take_cause("the trace is damaged or cut off", error, n);
    }
done:
    bt_graph_put_ref(graph);
    return result;
}

int
trace_read(const char *path,
           bool (*fn)(const struct trace_event *event, void *arg), void *arg,
           struct trace_read_result *result, char *error, size_t n)
{
    memset(result, 0, sizeof(*result));
    struct reader reader = { .fn = fn, .arg = arg, .result = result };
    bt_logging_set_global_level(BT_LOGGING_LEVEL_NONE);
    error[0] = '\0';
    if (nftw(path, find_metadata, 16, FTW_PHYS) != 0) {
        snprintf(error, n, "cannot read '%s': %s; " NAME_A_TRACE, path,
                 strerror(errno));
        forget_found();
        return -ENOENT;
    }
    if (found_count == 0) {
        snprintf(
            error, n,
            "there is no trace in '%s' (no file called metadata); " NAME_A_TRACE,
            path);
        return -ENOENT;
    }
    for (size_t i = 0; i < found_count; i++) {
        if (!metadata_whole(found[i])) {
            snprintf(error, n,
                     "the trace is damaged or cut off: %s/metadata is not "
                     "whole; copy the whole trace again, or record again",
                     found[i]);
            result->truncated = true;
            forget_found();
            return -EIO;
        }
    }
    char missing[MISSING_BYTES] = "";
    for (size_t i = 0; i < found_count && missing[0] == '\0'; i++)
        trace_files_whole(found[i], missing, sizeof(missing));
    int status = run_graph(&reader, error, n);
    forget_found();
    if (missing[0] != '\0') { /* says more than what Babeltrace made of it */
        snprintf(error, n, "%s", missing);
        result->truncated = true;
        return -EIO;
    }
    if (status == 0 && reader.mismatch != NULL) {
        snprintf(error, n,
                 "the trace is from another version of the library (%s): "
                 "read it with the tricolor of that version",
                 reader.mismatch);
        return -EIO;
    }
    return status;
}
