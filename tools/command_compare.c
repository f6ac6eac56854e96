/* SPDX-License-Identifier: MIT */
/*
 * tools/command_compare.c: `tricolor compare A.json B.json`.
 *
 * Reads two results of `tricolor run` (best with --repeat), or two of
 * google-benchmark (--benchmark_repetitions, --benchmark_out), and prints B/A
 * for what both have, with a 95 % interval.  A difference whose interval
 * contains 1 is not called one.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/bootstrap.h"
#include "tools/command.h"
#include "tools/json_text.h"
#include "tools/run.h"
#include "tools/run_result.h"

#define ERROR_BYTES 512

/* name -> array of samples, in the order first seen. */
static json_t *
new_samples(void)
{
    return json_object();
}

static void
add_sample(json_t *samples, const char *name, const json_t *number)
{
    if (!json_is_number(number))
        return;
    json_t *list = json_object_get(samples, name);
    if (list == NULL) {
        list = json_array();
        json_object_set_new(samples, name, list);
    }
    json_array_append_new(list, json_real(json_number_value(number)));
}

static void
add_run(json_t *samples, const json_t *run)
{
    static const char *const fields[] = { "wall_ns", "cpu_ns",
                                          "max_rss_bytes" };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        add_sample(samples, fields[i], json_object_get(run, fields[i]));
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(run, "metrics"), name, value)
    {
        add_sample(samples, name, value);
    }
}

/* google-benchmark: one entry per repetition; aggregates are left out. */
static void
add_benchmark(json_t *samples, const json_t *entry)
{
    const char *type = json_string_value(json_object_get(entry, "run_type"));
    const char *name = json_string_value(json_object_get(entry, "run_name"));
    if (name == NULL)
        name = json_string_value(json_object_get(entry, "name"));
    if (name == NULL || (type != NULL && strcmp(type, "iteration") != 0))
        return;
    const char *unit = json_string_value(json_object_get(entry, "time_unit"));
    char *key;
    if (asprintf(&key, "%s (%s)", name, unit != NULL ? unit : "ns") < 0)
        abort();
    add_sample(samples, key, json_object_get(entry, "real_time"));
    free(key);
}

/* NULL after a complaint; *workload is borrowed from *file. */
static json_t *
read_samples(const char *path, json_t **file, const char **workload)
{
    char error[ERROR_BYTES];
    *file = json_read_file(path, error, sizeof(error));
    if (*file == NULL) {
        command_usage("compare", "%s", error);
        return NULL;
    }
    const json_t *runs = json_object_get(*file, "runs");
    const json_t *benchmarks = json_object_get(*file, "benchmarks");
    bool ours = json_object_get(*file, "schema") != NULL;
    if (!ours && !json_is_array(benchmarks)) {
        command_usage("compare",
                      "%s is neither a run.json (schema " RUN_SCHEMA
                      ") nor google-benchmark's output; name what tricolor run "
                      "--json or tricolor bench --benchmark_out wrote",
                      path);
        return NULL;
    }
    if (ours && !run_result_is_one(*file, path, error, sizeof(error))) {
        command_usage("compare", "%s", error);
        return NULL;
    }
    json_t *samples = new_samples();
    size_t i;
    json_t *entry;
    *workload = json_string_value(json_object_get(*file, "workload"));
    if (ours && runs == NULL)
        add_run(samples, *file);
    json_array_foreach(ours ? runs : NULL, i, entry) add_run(samples, entry);
    json_array_foreach(ours ? NULL : benchmarks, i, entry)
        add_benchmark(samples, entry);
    return samples;
}

static double *
numbers_of(const json_t *list, size_t *count)
{
    *count = json_array_size(list);
    double *numbers = calloc(*count + 1, sizeof(*numbers));
    if (numbers == NULL)
        abort();
    for (size_t i = 0; i < *count; i++)
        numbers[i] = json_number_value(json_array_get(list, i));
    return numbers;
}

static bool
compare_lists(const json_t *a, const json_t *b, struct ratio *ratio)
{
    size_t a_count, b_count;
    double *a_numbers = numbers_of(a, &a_count);
    double *b_numbers = numbers_of(b, &b_count);
    bool compared =
        bootstrap_ratio(a_numbers, a_count, b_numbers, b_count, ratio);
    free(a_numbers);
    free(b_numbers);
    return compared;
}

static const char *
verdict(const struct ratio *ratio)
{
    if (!ratio->interval)
        return "no interval: repeat the runs";
    if (ratio->low > 1)
        return "more";
    if (ratio->high < 1)
        return "less";
    return "no difference shown";
}

static void
print_ratio(const char *name, const struct ratio *ratio)
{
    printf("%-44s %14.6g %14.6g %8.3f", name, ratio->a, ratio->b, ratio->ratio);
    if (ratio->interval)
        printf("  [%.3f, %.3f]", ratio->low, ratio->high);
    printf("  %s\n", verdict(ratio));
}

static json_t *
ratio_json(const char *name, const struct ratio *ratio)
{
    json_t *json = json_object();
    json_object_set_new(json, "name", json_string(name));
    json_object_set_new(json, "a", json_real(ratio->a));
    json_object_set_new(json, "b", json_real(ratio->b));
    json_object_set_new(json, "ratio", json_real(ratio->ratio));
    json_object_set_new(json, "low",
                        ratio->interval ? json_real(ratio->low) : json_null());
    json_object_set_new(json, "high",
                        ratio->interval ? json_real(ratio->high) : json_null());
    json_object_set_new(json, "verdict", json_string(verdict(ratio)));
    return json;
}

/* Everything both have, which is added to `list`. */
static void
compare_all(const json_t *a, json_t *b, json_t *list, bool print)
{
    const char *name;
    json_t *b_list;
    json_object_foreach(b, name, b_list)
    {
        struct ratio ratio;
        if (!compare_lists(json_object_get(a, name), b_list, &ratio))
            continue;
        if (print && json_array_size(list) == 0)
            printf("%-44s %14s %14s %8s  %s\n", "median of", "A", "B", "B/A",
                   "95 % interval");
        if (print)
            print_ratio(name, &ratio);
        json_array_append_new(list, ratio_json(name, &ratio));
    }
}

static int
compare_files(const char *a_path, const char *b_path, bool as_json)
{
    json_t *a_file = NULL;
    json_t *b_file = NULL;
    const char *a_workload = NULL;
    const char *b_workload = NULL;
    json_t *list = json_array();
    int status = COMMAND_USAGE;
    json_t *a = read_samples(a_path, &a_file, &a_workload);
    json_t *b = a != NULL ? read_samples(b_path, &b_file, &b_workload) : NULL;
    if (b == NULL)
        goto done;
    if (a_workload != NULL && b_workload != NULL
        && strcmp(a_workload, b_workload) != 0) {
        command_usage("compare", "A is of workload '%s', B of '%s'", a_workload,
                      b_workload);
        goto done;
    }
    compare_all(a, b, list, !as_json);
    if (json_array_size(list) == 0) {
        command_usage("compare",
                      "%s and %s have nothing in common: compare two runs of "
                      "one workload, or two of the same benchmarks",
                      a_path, b_path);
        goto done;
    }
    if (as_json) {
        json_dumpf(list, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(12));
        putchar('\n');
    }
    status = COMMAND_DONE;
done:
    json_decref(list);
    json_decref(a);
    json_decref(b);
    json_decref(a_file);
    json_decref(b_file);
    return status;
}

int
command_compare(int argc, char **argv)
{
    bool as_json;
    if (!command_json_option(argc, argv, &as_json))
        return COMMAND_USAGE;
    if (argc - optind != 2)
        return command_usage("compare",
                             "takes two files, A.json and B.json, "
                             "but got %d",
                             argc - optind);
    return compare_files(argv[optind], argv[optind + 1], as_json);
}
