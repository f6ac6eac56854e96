/* SPDX-License-Identifier: MIT */
/*
 * tools/command_list.c: `tricolor list`: workloads and their parameters.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "bench/workloads/workload.h"
#include "tools/command.h"

static void
print_param(const struct workload_param *param)
{
    printf("    -p %-12s ", param->name);
    if (param->type == WORKLOAD_INT)
        printf("%" PRId64 "..%" PRId64 ", default %" PRId64, param->min,
               param->max, param->initial);
    else
        printf("text%s%s", param->required ? ", required" : "",
               param->repeatable ? ", repeatable" : "");
    printf("\n%20s%s\n", "", param->help);
}

static json_t *
param_json(const struct workload_param *param)
{
    json_t *json = json_object();
    bool number = param->type == WORKLOAD_INT;
    json_object_set_new(json, "name", json_string(param->name));
    json_object_set_new(json, "type", json_string(number ? "int" : "text"));
    json_object_set_new(json, "required", json_boolean(param->required));
    json_object_set_new(json, "repeatable", json_boolean(param->repeatable));
    json_object_set_new(json, "help", json_string(param->help));
    if (number) {
        json_object_set_new(json, "default", json_integer(param->initial));
        json_object_set_new(json, "min", json_integer(param->min));
        json_object_set_new(json, "max", json_integer(param->max));
    }
    return json;
}

static void
print_json(void)
{
    json_t *list = json_array();
    for (size_t i = 0; workload_all[i] != NULL; i++) {
        const struct workload *workload = workload_all[i];
        json_t *params = json_array();
        for (size_t j = 0; workload->params[j].name != NULL; j++)
            json_array_append_new(params, param_json(&workload->params[j]));
        json_t *json = json_object();
        json_object_set_new(json, "name", json_string(workload->name));
        json_object_set_new(json, "summary", json_string(workload->summary));
        json_object_set_new(json, "params", params);
        json_array_append_new(list, json);
    }
    json_dumpf(list, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(list);
}

int
command_list(int argc, char **argv)
{
    bool json;
    if (!command_json_option(argc, argv, &json))
        return COMMAND_USAGE;
    if (optind < argc)
        return command_usage("list", "takes no argument, but got '%s'",
                             argv[optind]);
    if (json) {
        print_json();
        return COMMAND_DONE;
    }
    for (size_t i = 0; workload_all[i] != NULL; i++) {
        printf("%s: %s\n", workload_all[i]->name, workload_all[i]->summary);
        for (size_t j = 0; workload_all[i]->params[j].name != NULL; j++)
            print_param(&workload_all[i]->params[j]);
    }
    return COMMAND_DONE;
}
