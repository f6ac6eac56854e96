/* SPDX-License-Identifier: MIT */
/*
 * tools/run_result.c: a workload's output, the metrics and the options as JSON.
 */
#include "tools/run_result.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tricolor/tricolor.h>

#include "tools/json_text.h"
#include "tools/run.h"

#define BUCKETS_MAX 1024
#define VALUE_BYTES 256

void
run_result_init(struct run_result *result)
{
    *result = (struct run_result){ .output = json_object(),
                                   .invariants = json_array() };
    result->open[0] = result->output;
}

static void
put(struct run_result *result, const char *key, json_t *value)
{
    json_t *into = result->open[result->depth];
    if (json_is_array(into))
        json_array_append_new(into, value);
    else
        json_object_set_new(into, key, value);
}

static void
begin(void *context, const char *key, json_t *value)
{
    struct run_result *result = context;
    if (result->depth + 1 == RUN_DEPTH_MAX)
        abort(); /* a workload's mistake, seen in its first test */
    put(result, key, value);
    result->open[++result->depth] = value;
}

static void
begin_object(void *context, const char *key)
{
    begin(context, key, json_object());
}

static void
begin_array(void *context, const char *key)
{
    begin(context, key, json_array());
}

static void
end(void *context)
{
    struct run_result *result = context;
    if (result->depth == 0)
        abort();
    result->depth--;
}

static void
number(void *context, const char *key, uint64_t value)
{
    put(context, key, json_integer((json_int_t)value));
}

static void
real(void *context, const char *key, double value)
{
    put(context, key, isfinite(value) ? json_real(value) : json_null());
}

static void
text(void *context, const char *key, const char *bytes, size_t length)
{
    put(context, key, json_text(bytes, length));
}

static void
invariant(void *context, const char *name, bool ok, const char *detail)
{
    struct run_result *result = context;
    json_t *json = json_object();
    json_object_set_new(json, "name", json_string(name));
    json_object_set_new(json, "ok", json_boolean(ok));
    json_object_set_new(json, "detail", json_text(detail, strlen(detail)));
    json_array_append_new(result->invariants, json);
    result->failed |= !ok;
}

struct workload_sink
run_result_sink(struct run_result *result)
{
    return (struct workload_sink){
        .context = result,
        .begin_object = begin_object,
        .begin_array = begin_array,
        .end = end,
        .number = number,
        .real = real,
        .text = text,
        .invariant = invariant,
    };
}

/*
 * JSON has no infinity: an open bucket's bound is null.  Buckets below the
 * first full one and above the last are left out.
 */
static json_t *
histogram_json(const char *name)
{
    static uint64_t counts[BUCKETS_MAX];
    static double bounds[BUCKETS_MAX + 1];
    for (int i = 0; i <= BUCKETS_MAX; i++)
        bounds[i] = INFINITY;
    int buckets = tri_metric_histogram(name, counts, bounds, BUCKETS_MAX);
    if (buckets < 0)
        return NULL;
    int first = 0;
    int end_of_used = buckets > BUCKETS_MAX ? BUCKETS_MAX : buckets;
    while (end_of_used > 0 && counts[end_of_used - 1] == 0)
        end_of_used--;
    while (first < end_of_used && counts[first] == 0)
        first++;
    json_t *count_list = json_array();
    json_t *bound_list = json_array();
    for (int i = first; i < end_of_used; i++)
        json_array_append_new(count_list, json_integer((json_int_t)counts[i]));
    for (int i = first; i <= end_of_used; i++)
        json_array_append_new(bound_list, isfinite(bounds[i])
                                              ? json_real(bounds[i])
                                              : json_null());
    json_t *json = json_object();
    json_object_set_new(json, "counts", count_list);
    json_object_set_new(json, "bounds", bound_list);
    return json;
}

json_t *
run_metrics_json(void)
{
    json_t *json = json_object();
    const char *name;
    for (size_t i = 0; (name = tri_metric_name(i)) != NULL; i++) {
        double value;
        json_t *metric;
        if (tri_metric_read(name, &value) != 0)
            metric = histogram_json(name);
        else if (fabs(value) < 9e15 && value == floor(value))
            metric = json_integer((json_int_t)value);
        else
            metric = isfinite(value) ? json_real(value) : json_null();
        if (metric != NULL)
            json_object_set_new(json, name, metric);
    }
    return json;
}

json_t *
run_config_json(void)
{
    json_t *json = json_object();
    char value[VALUE_BYTES];
    const char *name;
    for (size_t i = 0; (name = tri_option_get(i, value, sizeof(value))) != NULL;
         i++) {
        json_int_t integer;
        char *end_of_number;
        integer = strtoll(value, &end_of_number, 10);
        if (value[0] != '\0' && *end_of_number == '\0')
            json_object_set_new(json, name, json_integer(integer));
        else
            json_object_set_new(json, name, json_text(value, strlen(value)));
    }
    return json;
}

bool
run_result_is_one(const json_t *json, const char *path, char *error, size_t n)
{
    const char *schema = json_string_value(json_object_get(json, "schema"));
    const json_t *runs = json_object_get(json, "runs");
    bool whole = runs == NULL || json_is_array(runs);
    size_t i;
    json_t *run;
    json_array_foreach(runs, i, run) whole = whole && json_is_object(run);
    if (schema == NULL || strcmp(schema, RUN_SCHEMA) != 0)
        snprintf(error, n,
                 "%s is not of the schema " RUN_SCHEMA
                 "; name what tricolor run --json or --out wrote",
                 path);
    else if (!whole)
        snprintf(error, n,
                 "the runs in %s are no list of runs; make it again (tricolor "
                 "run --repeat)",
                 path);
    else
        return true;
    return false;
}
