/* SPDX-License-Identifier: MIT */
/*
 * tools/run_result.h: from what a workload says and what the runtime counted
 * to run.json (docs/reference/run-json.md).
 */
#ifndef TRICOLOR_TOOLS_RUN_RESULT_H
#define TRICOLOR_TOOLS_RUN_RESULT_H

#include <jansson.h>
#include <stdbool.h>

#include "bench/workloads/workload.h"

#define RUN_DEPTH_MAX 16 /* of a workload's output */

/* Collects what a workload hands to its sink. */
struct run_result {
    json_t *output;
    json_t *invariants;
    bool failed; /* an invariant did not hold */
    size_t depth;
    json_t *open[RUN_DEPTH_MAX]; /* borrowed: the objects not yet ended */
};

void run_result_init(struct run_result *result);
struct workload_sink run_result_sink(struct run_result *result);

/*
 * Is it what `tricolor run` writes: of its schema, and `runs`, if there, a list of
 * objects?  Fields may be missing.  False, with one line in error[n].
 */
bool run_result_is_one(const json_t *json, const char *path, char *error,
                       size_t n);

/* Every metric: a number, or {"counts": [...], "bounds": [...]}. */
json_t *run_metrics_json(void);
/* Every option as it took effect. */
json_t *run_config_json(void);

#endif /* TRICOLOR_TOOLS_RUN_RESULT_H */
