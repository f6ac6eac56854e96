/* SPDX-License-Identifier: MIT */
/*
 * tools/command_report.c: `tricolor report RUN_DIR... [-o FILE]`: one offline
 * HTML page from what runs left behind.
 *
 * The page is the template with three places filled in; all drawing is done by
 * its script from one JSON text (tools/report.h, REPORT-1 and REPORT-2).
 */
#include "tools/report.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <tricolor/tricolor.h>

#include "tools/command.h"
#include "tools/json_text.h"
#include "tools/output.h"
#include "tools/run.h"
#include "tools/run_result.h"

#define ERROR_BYTES 512
#define DATE_BYTES  64

/* ---- the data --------------------------------------------------------------- */

static void
note(json_t *notes, const char *text)
{
    json_array_append_new(notes, json_text(text, strlen(text)));
}

/* The trace of one run, where it says it has one; a folder of that name may be
 * of an earlier run. */
static void
add_trace(json_t *entry, const char *directory, const json_t *run,
          json_t *notes)
{
    const json_t *stated = json_object_get(run, "trace");
    const char *name = json_string_value(json_object_get(stated, "path"));
    char *path = run_path(directory, name != NULL ? name : "trace");
    struct stat status;
    if (stated == NULL) {
        note(notes, "The run was not traced (tricolor run --trace): what is "
                    "drawn over time comes from samples.");
    } else if (stat(path, &status) == 0) {
        int64_t origin =
            json_integer_value(json_object_get(run, "start_unix_ns"));
        json_t *trace = report_trace_json(path, origin, notes);
        if (trace != NULL)
            json_object_set_new(entry, "trace", trace);
    } else {
        note(notes, "The run was traced, but its trace is not there.");
    }
    free(path);
}

static void
add_run(json_t *runs, const char *directory, const char *label, json_t *run)
{
    json_t *entry = json_object();
    json_t *notes = json_array();
    json_object_set_new(entry, "label", json_text(label, strlen(label)));
    json_object_set_new(entry, "notes", notes);
    json_object_set(entry, "run", run);
    add_trace(entry, directory, run, notes);
    json_array_append_new(runs, entry);
}

/* A directory that has nothing to show but a sentence. */
static void
add_nothing(json_t *runs, const char *label, const char *sentence)
{
    json_t *entry = json_object();
    json_t *notes = json_array();
    note(notes, sentence);
    json_object_set_new(entry, "label", json_text(label, strlen(label)));
    json_object_set_new(entry, "notes", notes);
    json_array_append_new(runs, entry);
}

/* One directory: its run, or each of its runs.  False: nothing readable. */
static bool
add_directory(json_t *runs, const char *directory)
{
    char error[ERROR_BYTES];
    char *file = run_path(directory, "run.json");
    json_t *json = json_read_file(file, error, sizeof(error));
    if (json != NULL && !run_result_is_one(json, file, error, sizeof(error))) {
        json_decref(json);
        json = NULL;
    }
    free(file);
    if (json == NULL) {
        add_nothing(runs, directory, error);
        fprintf(stderr, "tricolor report: %s\n", error);
        return false;
    }
    json_t *several = json_object_get(json, "runs");
    if (several == NULL)
        add_run(runs, directory, directory, json);
    size_t i;
    json_t *run;
    json_array_foreach(several, i, run)
    {
        char *label;
        if (asprintf(&label, "%s run %zu", directory, i + 1) < 0)
            abort();
        add_run(runs, directory, label, run);
        free(label);
    }
    if (json_is_array(several) && json_array_size(several) == 0)
        add_nothing(runs, directory, "No run came to its end.");
    json_decref(json);
    return true;
}

static json_t *
data_json(char *const *directories, size_t count, bool *any)
{
    char date[DATE_BYTES];
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(date, sizeof(date), "%Y-%m-%d %H:%M UTC", &utc);
    json_t *runs = json_array();
    *any = false;
    for (size_t i = 0; i < count; i++)
        *any |= add_directory(runs, directories[i]);
    return json_pack("{s:s, s:s, s:o}", "version", tri_version(), "made", date,
                     "runs", runs);
}

/* ---- the page ----------------------------------------------------------------- */

/* JSON in a script element: no '<' may be seen by the HTML parser. */
static void
write_data(FILE *out, const json_t *data)
{
    char *text = json_dumps(data, JSON_COMPACT | JSON_REAL_PRECISION(9));
    if (text == NULL)
        abort();
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '<' || *at == '>' || *at == '&')
            fprintf(out, "\\u%04x", *at);
        else
            fputc(*at, out);
    }
    free(text);
}

/* The template up to `place`; returns what follows it. */
static const char *
write_until(FILE *out, const char *from, const char *place)
{
    const char *at = strstr(from, place);
    if (at == NULL)
        abort(); /* report.html lost one of its places */
    fwrite(from, 1, (size_t)(at - from), out);
    return at + strlen(place);
}

static int
write_page(const char *path, const json_t *data)
{
    struct output_file file;
    int error = output_open(&file, path);
    if (error != 0)
        return error;
    FILE *out = file.out;
    const char *rest = write_until(out, report_html, "@STYLE@");
    fputs(report_css, out);
    rest = write_until(out, rest, "@DATA@");
    write_data(out, data);
    rest = write_until(out, rest, "@SCRIPT@");
    fputs(report_js, out);
    fputs(rest, out);
    return output_close(&file, true);
}

int
command_report(int argc, char **argv)
{
    static const struct option options[] = {
        { "output", required_argument, NULL, 'o' }, { 0 }
    };
    const char *output = NULL;
    int option;
    while ((option = command_option(argc, argv, ":o:", options)) != -1) {
        if (option != 'o')
            return COMMAND_USAGE;
        output = optarg;
    }
    if (optind == argc)
        return command_usage("report", "which run? Give the directory that "
                                       "`tricolor run --out` filled");
    for (int i = optind; i < argc; i++) {
        struct stat status;
        if (stat(argv[i], &status) != 0 || !S_ISDIR(status.st_mode))
            return command_usage("report",
                                 "'%s' is not a directory; give the directory "
                                 "that `tricolor run --out` filled",
                                 argv[i]);
    }
    char *in_run = run_path(argv[optind], "report.html");
    bool any;
    json_t *data = data_json(argv + optind, (size_t)(argc - optind), &any);
    int error = write_page(output != NULL ? output : in_run, data);
    json_decref(data);
    int status = any ? COMMAND_DONE : COMMAND_FAILED;
    if (error != 0)
        status =
            output_refused("report", output != NULL ? output : in_run, error);
    else
        printf("%s\n", output != NULL ? output : in_run);
    free(in_run);
    return status;
}
