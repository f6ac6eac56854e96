/* SPDX-License-Identifier: MIT */
/*
 * tools/run_once.c: one run of a workload in this process.
 *
 * The order matters: the trace session starts before the runtime, so that the
 * first events are in it; metrics are read on the main goroutine when the
 * workload has returned, while the runtime still stands; the trace is closed
 * after tri_main, when nothing emits any more; run.json is written last.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <tricolor/tricolor.h>

#include "tools/command.h"
#include "tools/interrupt.h"
#include "tools/json_text.h"
#include "tools/machine.h"
#include "tools/run.h"
#include "tools/run_params.h"
#include "tools/run_result.h"
#include "tools/sampler.h"
#include "tools/trace_session.h"

#define ERROR_BYTES 1024
#define INTERRUPTED "tricolor run: interrupted: no result is written"

/* What the main goroutine is given and leaves behind. */
struct run_state {
    const struct run_arguments *arguments;
    struct run_result result;
    struct workload_progress progress;
    struct workload_sink sink;
    bool started;
    int error;
    int64_t wall_ns;
    int64_t cpu_ns;
    int64_t start_ns; /* real time: the report joins trace and series by it */
    json_t *metrics;
    json_t *config;
    json_t *series;
};

static int64_t
clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static bool
progress_wanted(enum run_progress progress)
{
    return progress == RUN_PROGRESS_ALWAYS
        || (progress == RUN_PROGRESS_AUTO && isatty(STDERR_FILENO));
}

/* The main goroutine. */
static int
main_goroutine(void *arg)
{
    struct run_state *state = arg;
    const struct run_arguments *arguments = state->arguments;
    state->started = true;
    struct workload_run run = {
        .workload = arguments->workload,
        .values = arguments->values,
        .seed = (uint64_t)arguments->seed,
        .out = stdout,
        .messages = stderr,
        .sink = &state->sink,
        .progress = &state->progress,
    };
    struct sampler *sampler =
        sampler_start(&state->progress, arguments->workload->name,
                      progress_wanted(arguments->progress));
    state->start_ns = clock_ns(CLOCK_REALTIME);
    int64_t wall = clock_ns(CLOCK_MONOTONIC);
    int64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    state->error = arguments->workload->run(&run);
    state->wall_ns = clock_ns(CLOCK_MONOTONIC) - wall;
    state->cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    tri_blocking_begin();
    sampler_stop(sampler);
    tri_blocking_end();
    state->metrics = run_metrics_json();
    state->config = run_config_json();
    state->series = sampler_json(sampler);
    return 0;
}

json_t *
run_head_json(const struct run_arguments *arguments)
{
    json_t *json = json_object();
    json_object_set_new(json, "schema", json_string(RUN_SCHEMA));
    json_object_set_new(json, "version", json_string(tri_version()));
    json_object_set_new(json, "workload",
                        json_string(arguments->workload->name));
    json_object_set_new(
        json, "params",
        run_params_json(arguments->workload, arguments->values));
    json_object_set_new(json, "seed", json_integer(arguments->seed));
    return json;
}

static json_t *
result_json(struct run_state *state)
{
    const struct run_arguments *arguments = state->arguments;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    json_t *json = run_head_json(arguments);
    json_object_set_new(json, "config", state->config);
    json_object_set_new(json, "machine", machine_json());
    json_object_set_new(json, "start_unix_ns", json_integer(state->start_ns));
    json_object_set_new(json, "wall_ns", json_integer(state->wall_ns));
    json_object_set_new(json, "cpu_ns", json_integer(state->cpu_ns));
    json_object_set_new(json, "max_rss_bytes",
                        json_integer((json_int_t)usage.ru_maxrss * 1024));
    json_object_set_new(json, "metrics", state->metrics);
    json_object_set_new(json, "invariants", state->result.invariants);
    json_object_set_new(json, "output", state->result.output);
    json_object_set_new(json, "series", state->series);
    return json;
}

static json_t *
trace_json(const struct trace_result *trace)
{
    json_t *json = json_object();
    json_object_set_new(json, "path", json_string("trace"));
    json_object_set_new(json, "events",
                        json_integer((json_int_t)trace->events));
    json_object_set_new(json, "discarded",
                        json_integer((json_int_t)trace->discarded));
    return json;
}

static void
say_outcome(const struct run_state *state)
{
    size_t i;
    json_t *invariant;
    json_array_foreach(state->result.invariants, i, invariant)
    {
        if (!json_is_true(json_object_get(invariant, "ok")))
            fprintf(stderr, "FAILED %s: %s\n",
                    json_string_value(json_object_get(invariant, "name")),
                    json_string_value(json_object_get(invariant, "detail")));
    }
    if (!state->result.failed && progress_wanted(state->arguments->progress))
        fprintf(stderr, "%zu invariants hold\n",
                json_array_size(state->result.invariants));
}

/* Runs, with the trace already started; the result in *json. */
static int
run_traced(const struct run_arguments *arguments, struct trace_session *session,
           json_t **json)
{
    struct run_state state = { .arguments = arguments };
    run_result_init(&state.result);
    state.sink = run_result_sink(&state.result);
    int returned = tri_main(main_goroutine, &state, NULL);
    struct trace_result trace = { 0 };
    bool lost = false;
    if (session != NULL && trace_session_stop(session, &trace) != 0)
        lost = true;
    json_t *result = result_json(&state); /* takes what the state holds */
    if (!state.started || state.error != 0) {
        json_decref(result);
        if (!state.started && returned != 2)
            return COMMAND_ENVIRONMENT;
        return COMMAND_USAGE; /* the workload said what it could not do */
    }
    *json = result;
    if (session != NULL)
        json_object_set_new(*json, "trace", trace_json(&trace));
    say_outcome(&state);
    if (lost)
        return COMMAND_ENVIRONMENT; /* it has been said why */
    /* A run traces its own begin: none at all means that nobody listened. */
    if (session != NULL && trace.events == 0 && trace.discarded == 0)
        return command_lacks(
            "run", "the trace is empty: libtricolor-lttng.so was not found "
                   "beside this program or the library, or is of another "
                   "version; build it (it needs liblttng-ust-dev), or name it "
                   "in TRI_LTTNG_PROVIDER");
    return state.result.failed ? COMMAND_FAILED : COMMAND_DONE;
}

int
run_once(const struct run_arguments *arguments)
{
    int status = run_prepare_place(arguments);
    if (status != COMMAND_DONE)
        return status;
    struct trace_session *session = NULL;
    if (arguments->trace) {
        char error[ERROR_BYTES];
        char *path = run_path(arguments->out, "trace");
        session =
            trace_session_start(path, arguments->events, error, sizeof(error));
        free(path);
        if (session == NULL)
            return command_lacks("run", "%s", error);
    }
    json_t *json = NULL;
    interrupt_say(session != NULL ? INTERRUPTED "; the trace has what came "
                                                "before\n"
                                  : INTERRUPTED "\n");
    status = run_traced(arguments, session, &json);
    if (json == NULL)
        return status;
    int written = run_write_result(arguments, json);
    json_decref(json);
    return status != COMMAND_DONE ? status : written;
}
