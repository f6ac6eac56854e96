/* SPDX-License-Identifier: MIT */
/*
 * tools/run_repeat.c: --repeat N: one process per run, for a runtime starts
 * once in a process, and runs that share one would share its heap.
 *
 * Run i has the seed `seed + i` and writes to DIR/run-<i>.  The first one's
 * output is printed; they all go into `runs` of one run.json.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/command.h"
#include "tools/interrupt.h"
#include "tools/json_text.h"
#include "tools/run.h"

#define FIXED_ARGUMENTS 16 /* those that are not -p */
#define ERROR_BYTES     512
#define NUMBER_BYTES    32

/* argv of one run; only the array is to be freed. */
static char **
child_arguments(const struct run_arguments *arguments, char *seed,
                char *directory)
{
    static char program[] = "tricolor";
    static char run[] = "run";
    static char param_flag[] = "-p";
    static char seed_flag[] = "--seed";
    static char out_flag[] = "--out";
    static char trace_flag[] = "--trace";
    static char events_flag[] = "--events";
    static char progress_flag[] = "--progress=never";
    char **argv =
        calloc(2 * arguments->pair_count + FIXED_ARGUMENTS, sizeof(*argv));
    if (argv == NULL)
        abort();
    size_t count = 0;
    argv[count++] = program;
    argv[count++] = run;
    argv[count++] = (char *)(uintptr_t)arguments->workload->name;
    for (size_t i = 0; i < arguments->pair_count; i++) {
        argv[count++] = param_flag;
        argv[count++] = arguments->pairs[i];
    }
    argv[count++] = seed_flag;
    argv[count++] = seed;
    argv[count++] = out_flag;
    argv[count++] = directory;
    argv[count++] = progress_flag;
    if (arguments->trace)
        argv[count++] = trace_flag;
    if (arguments->events != NULL) {
        argv[count++] = events_flag;
        argv[count++] = (char *)(uintptr_t)arguments->events;
    }
    return argv;
}

/* Runs it to its end; a status. */
static int
run_child(char **argv, bool quiet)
{
    fflush(stdout);
    pid_t child = fork();
    if (child < 0)
        return command_lacks("run", "cannot start a process: %s",
                             strerror(errno));
    if (child == 0) {
        int null = quiet ? open("/dev/null", O_WRONLY) : -1;
        if (null >= 0)
            dup2(null, STDOUT_FILENO);
        execv("/proc/self/exe", argv);
        _exit(COMMAND_ENVIRONMENT);
    }
    int ended;
    interrupt_pass_on(child);
    while (waitpid(child, &ended, 0) < 0)
        if (errno != EINTR)
            return COMMAND_ENVIRONMENT;
    interrupt_pass_on(0);
    if (WIFEXITED(ended))
        return WEXITSTATUS(ended);
    if (interrupt_noted() == 0)
        fprintf(stderr, "tricolor run: a run died of signal %d\n",
                WTERMSIG(ended));
    return COMMAND_FAILED;
}

/* Run i into directory; appends its result to `runs`. */
static int
run_number(const struct run_arguments *arguments, int64_t i, const char *parent,
           json_t *runs)
{
    char seed[NUMBER_BYTES];
    char name[NUMBER_BYTES];
    char error[ERROR_BYTES];
    snprintf(seed, sizeof(seed), "%" PRId64, arguments->seed + i);
    snprintf(name, sizeof(name), "run-%" PRId64, i + 1);
    char *directory = run_path(parent, name);
    char *file = run_path(directory, "run.json");
    unlink(file); /* so that a run that dies does not leave an old result */
    char **argv = child_arguments(arguments, seed, directory);
    int status = run_child(argv, i > 0);
    json_t *json = json_read_file(file, error, sizeof(error));
    if (json != NULL) {
        char *trace;
        if (asprintf(&trace, "%s/trace", name) < 0)
            abort();
        if (json_object_get(json, "trace") != NULL)
            json_object_set_new(json_object_get(json, "trace"), "path",
                                json_string(trace));
        free(trace);
        json_array_append_new(runs, json);
    }
    if (arguments->out == NULL) {
        unlink(file);
        rmdir(directory);
    }
    free(argv);
    free(file);
    free(directory);
    return status;
}

static json_t *
together_json(const struct run_arguments *arguments, json_t *runs)
{
    json_t *json = run_head_json(arguments);
    json_object_set(json, "runs", runs);
    return json;
}

/* All of them, up to one that makes the next useless; the worst status. */
static int
run_all(const struct run_arguments *arguments, const char *parent, json_t *runs)
{
    int status = COMMAND_DONE;
    for (int64_t i = 0; i < arguments->repeat && interrupt_noted() == 0; i++) {
        int ended = run_number(arguments, i, parent, runs);
        if (ended > status)
            status = ended;
        if (ended == COMMAND_USAGE || ended == COMMAND_ENVIRONMENT)
            break; /* it would not do any better next time */
    }
    return status;
}

/* NULL after a complaint. */
static const char *
place_of_runs(const struct run_arguments *arguments, char *draft)
{
    if (run_prepare_place(arguments) != COMMAND_DONE)
        return NULL;
    if (arguments->out != NULL)
        return arguments->out;
    if (mkdtemp(draft) != NULL)
        return draft;
    command_lacks("run",
                  "cannot make a directory for the runs below /tmp: %s; name "
                  "one with --out",
                  strerror(errno));
    return NULL;
}

int
run_repeat(const struct run_arguments *arguments)
{
    char draft[] = "/tmp/tricolor-run-XXXXXX";
    const char *parent = place_of_runs(arguments, draft);
    if (parent == NULL)
        return COMMAND_ENVIRONMENT;
    interrupt_note();
    json_t *runs = json_array();
    int status = run_all(arguments, parent, runs);
    size_t done = json_array_size(runs);
    int written = COMMAND_DONE;
    if (interrupt_noted() == 0) {
        json_t *json = together_json(arguments, runs);
        written = run_write_result(arguments, json);
        json_decref(json);
    }
    json_decref(runs);
    if (arguments->out == NULL)
        rmdir(parent);
    if (interrupt_noted() != 0) {
        fprintf(stderr,
                "tricolor run: interrupted after %zu of %" PRId64
                " runs: there is no result of all together\n",
                done, arguments->repeat);
        interrupt_end();
    }
    return status != COMMAND_DONE ? status : written;
}
