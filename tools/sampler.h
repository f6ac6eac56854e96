/* SPDX-License-Identifier: MIT */
/*
 * tools/sampler.h: a thread that looks at the runtime's metrics while a
 * workload runs: the series in run.json, and the progress line.
 *
 * It is no thread of the runtime, so no pause and no collection waits for it.
 * The series is bounded: when it is full every second point is dropped and the
 * interval doubles, so a run of any length ends with 1000 to 2000 points.
 */
#ifndef TRICOLOR_TOOLS_SAMPLER_H
#define TRICOLOR_TOOLS_SAMPLER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/workloads/workload.h"

#define SAMPLER_POINTS_MAX 2000
#define SAMPLER_SERIES     10

/* Points at growing distances; usable without a thread. */
struct series {
    int64_t interval_ns;
    size_t count;
    int64_t time_ns[SAMPLER_POINTS_MAX];
    double values[SAMPLER_SERIES][SAMPLER_POINTS_MAX];
};
/* Adds a point; halves the series first when it is full. */
void series_add(struct series *series, int64_t time_ns,
                const double values[SAMPLER_SERIES]);

struct sampler;

/* After tri_init.  `progress`: also print a line on standard error, now and
 * then.  NULL: no thread to be had; the run goes on without. */
struct sampler *sampler_start(const struct workload_progress *progress,
                              const char *name, bool show_progress);
/* Joins the thread; call it where blocking is allowed. */
void sampler_stop(struct sampler *sampler);
/* {"interval_ns", "t_ns": [...], NAME: [...]}; frees the sampler. */
json_t *sampler_json(struct sampler *sampler);

#endif /* TRICOLOR_TOOLS_SAMPLER_H */
