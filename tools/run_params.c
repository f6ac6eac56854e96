/* SPDX-License-Identifier: MIT */
/*
 * tools/run_params.c: parameters of a workload: names, types, ranges.
 */
#include "tools/run_params.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tools/command.h"
#include "tools/json_text.h"

#define PARAMS_MAX 64

static size_t
param_count(const struct workload *workload)
{
    size_t count = 0;
    while (workload->params[count].name != NULL)
        count++;
    return count;
}

static void
unknown_param(const struct workload *workload, const char *name)
{
    const char *names[PARAMS_MAX];
    size_t count = 0;
    for (; workload->params[count].name != NULL && count < PARAMS_MAX; count++)
        names[count] = workload->params[count].name;
    command_unknown("run", "parameter", name, names, count);
}

static bool
set_value(const struct workload_param *param, struct workload_values *values,
          const char *text)
{
    if (values->count > 0 && !param->repeatable) {
        command_usage("run", "parameter '%s' is given twice", param->name);
        return false;
    }
    if (*text == '\0') {
        command_usage("run", "parameter '%s' is empty; give -p %s=...: %s",
                      param->name, param->name, param->help);
        return false;
    }
    if (param->type == WORKLOAD_INT
        && !parse_integer(text, param->min, param->max, &values->number)) {
        command_usage("run",
                      "parameter '%s' is a whole number from %" PRId64
                      " to %" PRId64 ", not '%s'",
                      param->name, param->min, param->max, text);
        return false;
    }
    const char **texts = reallocarray((void *)(uintptr_t)values->texts,
                                      values->count + 1, sizeof(*texts));
    if (texts == NULL)
        abort();
    texts[values->count++] = text;
    values->texts = texts;
    return true;
}

static bool
take_pair(const struct workload *workload, struct workload_values *values,
          const char *pair)
{
    size_t name_bytes = strcspn(pair, "=");
    if (pair[name_bytes] == '\0') {
        command_usage("run", "-p takes key=value, not '%s'", pair);
        return false;
    }
    for (size_t i = 0; workload->params[i].name != NULL; i++) {
        const char *name = workload->params[i].name;
        if (strlen(name) == name_bytes && memcmp(name, pair, name_bytes) == 0)
            return set_value(&workload->params[i], &values[i],
                             pair + name_bytes + 1);
    }
    char *name = strndup(pair, name_bytes);
    unknown_param(workload, name);
    free(name);
    return false;
}

struct workload_values *
run_params_parse(const struct workload *workload, char *const *pairs,
                 size_t count)
{
    size_t params = param_count(workload);
    struct workload_values *values = calloc(params + 1, sizeof(*values));
    if (values == NULL)
        abort();
    for (size_t i = 0; i < params; i++)
        values[i].number = workload->params[i].initial;
    for (size_t i = 0; i < count; i++)
        if (!take_pair(workload, values, pairs[i]))
            goto fail;
    for (size_t i = 0; i < params; i++)
        if (workload->params[i].required && values[i].count == 0) {
            command_usage("run", "%s needs -p %s=...: %s", workload->name,
                          workload->params[i].name, workload->params[i].help);
            goto fail;
        }
    return values;
fail:
    run_params_free(workload, values);
    return NULL;
}

void
run_params_free(const struct workload *workload, struct workload_values *values)
{
    for (size_t i = 0; i < param_count(workload); i++)
        free((void *)(uintptr_t)values[i].texts);
    free(values);
}

json_t *
run_params_json(const struct workload *workload,
                const struct workload_values *values)
{
    json_t *json = json_object();
    for (size_t i = 0; workload->params[i].name != NULL; i++) {
        const struct workload_param *param = &workload->params[i];
        json_t *value;
        if (param->type == WORKLOAD_INT) {
            value = json_integer(values[i].number);
        } else if (param->repeatable) {
            value = json_array();
            for (size_t j = 0; j < values[i].count; j++)
                json_array_append_new(
                    value,
                    json_text(values[i].texts[j], strlen(values[i].texts[j])));
        } else if (values[i].count > 0) {
            value = json_text(values[i].texts[0], strlen(values[i].texts[0]));
        } else {
            value = json_null();
        }
        json_object_set_new(json, param->name, value);
    }
    return json;
}
