/* SPDX-License-Identifier: MIT */
/* tools/trace_command_export.c: `tricolor trace export TRACE --to FORMAT`. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tools/command.h"
#include "tools/output.h"
#include "tools/trace_commands.h"
#include "tools/trace_export.h"

#define ERROR_BYTES 512
#define COMMAND     "trace export"

static const struct option options[] = {
    { "to", required_argument, NULL, 't' },
    { "out", required_argument, NULL, 'o' },
    { NULL, 0, NULL, 0 },
};

static const char *const format_names[] = { "perfetto", "csv" };
static struct trace_export *(*const format_makers[])(FILE *out) = {
    trace_export_perfetto, trace_export_csv
};

static bool
feed(const struct trace_event *event, void *export)
{
    trace_export_event(export, event);
    return true;
}

/* *any: something was written, if only that there is nothing. */
static int
export_events(const char *trace, size_t format, FILE *out, bool *any)
{
    char error[ERROR_BYTES];
    struct trace_read_result read = { 0 };
    struct trace_export *export = format_makers[format](out);
    int failed = trace_read(trace, feed, export, &read, error, sizeof(error));
    *any = trace_export_finish(export, failed == 0);
    if (failed == -ENOSYS)
        return command_lacks(COMMAND, "%s", error);
    if (failed == -ENOENT)
        return command_usage(COMMAND, "%s", error);
    if (read.discarded > 0)
        fprintf(stderr,
                "tricolor trace export: %llu events were lost when this was "
                "recorded\n",
                (unsigned long long)read.discarded);
    if (failed != 0)
        fprintf(stderr, "tricolor trace export: %s%s\n", error,
                *any ? "; what could be read was exported" : "");
    return failed == 0 ? COMMAND_DONE : COMMAND_FAILED;
}

static int
export_to_file(const char *trace, size_t format, const char *path)
{
    struct output_file file;
    int error = output_open(&file, path);
    if (error != 0)
        return output_refused(COMMAND, path, error);
    bool any;
    int status = export_events(trace, format, file.out, &any);
    error = output_close(&file, any);
    if (error != 0)
        return output_refused(COMMAND, path, error);
    return status;
}

int
trace_command_export(int argc, char **argv)
{
    const char *to = NULL;
    const char *path = NULL;
    int option;
    while ((option = command_option(argc, argv, ":o:", options)) != -1) {
        if (option == 't')
            to = optarg;
        else if (option == 'o')
            path = optarg;
        else
            return COMMAND_USAGE;
    }
    if (to == NULL)
        return command_usage(COMMAND, "--to what? perfetto or csv");
    size_t format = 0;
    while (format < 2 && strcmp(to, format_names[format]) != 0)
        format++;
    if (format == 2)
        return command_unknown(COMMAND, "format", to, format_names, 2);
    if (optind + 1 != argc)
        return command_usage(COMMAND, "one trace, please: tricolor trace "
                                      "export TRACE --to perfetto|csv");
    if (path != NULL)
        return export_to_file(argv[optind], format, path);
    bool any;
    return export_events(argv[optind], format, stdout, &any);
}
