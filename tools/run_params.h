/* SPDX-License-Identifier: MIT */
/*
 * tools/run_params.h: `-p key=value` against what a workload declares.
 */
#ifndef TRICOLOR_TOOLS_RUN_PARAMS_H
#define TRICOLOR_TOOLS_RUN_PARAMS_H

#include <jansson.h>

#include "bench/workloads/workload.h"

/*
 * One struct workload_values per parameter, defaults filled in.  NULL after a
 * complaint: unknown name, wrong type, out of range, given twice, missing.  The
 * texts point into `pairs`.
 */
struct workload_values *run_params_parse(const struct workload *workload,
                                         char *const *pairs, size_t count);
void run_params_free(const struct workload *workload,
                     struct workload_values *values);

/* Every parameter with the value in force. */
json_t *run_params_json(const struct workload *workload,
                        const struct workload_values *values);

#endif /* TRICOLOR_TOOLS_RUN_PARAMS_H */
