/* SPDX-License-Identifier: MIT */
/*
 * tools/run.h: the parts of `tricolor run`.
 *
 *   command_run.c  the arguments, checked before anything starts (CLI-3)
 *   run_once.c     one run in this process: trace, runtime, workload, run.json
 *   run_repeat.c   --repeat: one process per run, their results in one file
 *   run_place.c    the directory and the files that results go to
 */
#ifndef TRICOLOR_TOOLS_RUN_H
#define TRICOLOR_TOOLS_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/workloads/workload.h"

struct json_t;

#define RUN_SCHEMA "tricolor.run/1"

/* --progress */
enum run_progress {
    RUN_PROGRESS_AUTO,
    RUN_PROGRESS_ALWAYS,
    RUN_PROGRESS_NEVER
};

struct run_arguments {
    const struct workload *workload;
    char **pairs; /* key=value, as given */
    size_t pair_count;
    struct workload_values *values;
    int64_t seed;
    int64_t repeat;
    const char *json; /* --json FILE */
    const char *out;  /* --out DIR */
    const char *events;
    bool trace;
    enum run_progress progress;
};

int run_once(const struct run_arguments *arguments);
int run_repeat(const struct run_arguments *arguments);

/* What every result begins with: which workload of which version, and how. */
struct json_t *run_head_json(const struct run_arguments *arguments);

/* Makes --out, locks it until we end, tries whether results can be written and
 * removes an old one; a status. */
int run_prepare_place(const struct run_arguments *arguments);
/* Writes a result to --json and to --out; a status. */
int run_write_result(const struct run_arguments *arguments,
                     const struct json_t *json);

/* DIR/name; aborts when memory is short; to be freed. */
char *run_path(const char *directory, const char *name);

#endif /* TRICOLOR_TOOLS_RUN_H */
