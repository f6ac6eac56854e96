/* SPDX-License-Identifier: MIT */
/*
 * tools/command_run.c: the arguments of `tricolor run`.
 *
 * Runtime options have one meaning in three places because they go one way: a
 * flag sets the environment variable, and the library reads that.  It is asked
 * to here, before anything starts, so that its complaint comes first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/option.h"
#include "tools/command.h"
#include "tools/run.h"
#include "tools/run_params.h"
#include "tools/trace_session.h"

#define ERROR_BYTES 512

enum {
    OPTION_PROCS = 256,
    OPTION_GC,
    OPTION_MEMORY_LIMIT,
    OPTION_BIND,
    OPTION_NUMA,
    OPTION_DEBUG,
    OPTION_SEED,
    OPTION_REPEAT,
    OPTION_JSON,
    OPTION_OUT,
    OPTION_TRACE,
    OPTION_EVENTS,
    OPTION_PROGRESS,
    OPTION_HELP
};

static const struct option options[] = {
    { "param", required_argument, NULL, 'p' },
    { "procs", required_argument, NULL, OPTION_PROCS },
    { "bind", required_argument, NULL, OPTION_BIND },
    { "numa", required_argument, NULL, OPTION_NUMA },
    { "gc", required_argument, NULL, OPTION_GC },
    { "memory-limit", required_argument, NULL, OPTION_MEMORY_LIMIT },
    { "debug", required_argument, NULL, OPTION_DEBUG },
    { "seed", required_argument, NULL, OPTION_SEED },
    { "repeat", required_argument, NULL, OPTION_REPEAT },
    { "json", required_argument, NULL, OPTION_JSON },
    { "out", required_argument, NULL, OPTION_OUT },
    { "trace", no_argument, NULL, OPTION_TRACE },
    { "events", required_argument, NULL, OPTION_EVENTS },
    { "progress", required_argument, NULL, OPTION_PROGRESS },
    { "help", no_argument, NULL, OPTION_HELP },
    { 0 }
};

static const char help[] =
    "tricolor run WORKLOAD [-p key=value]... [options]\n\n"
    "  -p, --param KEY=VALUE    a parameter of the workload (tricolor list)\n"
    "      --procs N            Ps: how many threads run goroutines\n"
    "      --bind HOW           none, compact or scatter: CPUs of Ps\n"
    "      --numa HOW           default, local or interleave: nodes of the "
    "heap\n"
    "      --gc N|off           growth in percent before a collection\n"
    "      --memory-limit SIZE  soft limit, as 512MiB\n"
    "      --debug KEY=VALUE,.. debug options (--debug help lists them)\n"
    "      --seed N             for every random choice (default 1)\n"
    "      --repeat N           that many runs, each in a process of its "
    "own\n"
    "      --json FILE          writes the result there\n"
    "      --out DIR            gets run.json and, with --trace, trace/\n"
    "      --trace              records the run with LTTng\n"
    "      --events SET         cleanups, core, all, or patterns\n"
    "      --progress WHEN      auto, always or never\n";

/* Flags that stand for an environment variable. */
static const struct {
    int option;
    const char *flag;
    const char *variable;
} variables[] = {
    { OPTION_PROCS, "--procs", "TRI_PROCS" },
    { OPTION_BIND, "--bind", "TRI_BIND" },
    { OPTION_NUMA, "--numa", "TRI_NUMA" },
    { OPTION_GC, "--gc", "TRI_GC" },
    { OPTION_MEMORY_LIMIT, "--memory-limit", "TRI_MEMORY_LIMIT" },
    { OPTION_DEBUG, "--debug", "TRI_DEBUG" },
};
#define VARIABLES (sizeof(variables) / sizeof(variables[0]))

/* The library's complaint, with the flag where it names the variable. */
static int
complain_of_flag(const char *flag, const char *variable, const char *error)
{
    size_t bytes = strlen(variable);
    const char *rest = error;
    if (strncmp(error, variable, bytes) == 0)
        rest = error + bytes;
    return command_usage("run", "%s%s%s", flag, rest == error ? ": " : "",
                         rest);
}

/* Sets the variable, and lets the library judge it.  A status; -1: help was
 * asked for and given. */
static int
set_variable(int option, const char *value)
{
    char error[ERROR_BYTES];
    for (size_t i = 0; i < VARIABLES; i++) {
        if (variables[i].option != option)
            continue;
        if (setenv(variables[i].variable, value, 1) != 0)
            abort();
        int parsed = tri_options_parse(NULL, error, sizeof(error));
        if (parsed == 1)
            return -1;
        if (parsed != 0)
            return complain_of_flag(variables[i].flag, variables[i].variable,
                                    error);
    }
    return COMMAND_DONE;
}

static int
set_number(const char *flag, const char *text, int64_t min, int64_t max,
           int64_t *value)
{
    if (parse_integer(text, min, max, value))
        return COMMAND_DONE;
    return command_usage("run",
                         "%s takes a whole number from %lld to %lld, "
                         "not '%s'",
                         flag, (long long)min, (long long)max, text);
}

static int
set_progress(struct run_arguments *arguments, const char *text)
{
    static const char *const names[] = { "auto", "always", "never" };
    for (size_t i = 0; i < 3; i++)
        if (strcmp(text, names[i]) == 0) {
            arguments->progress = (enum run_progress)i;
            return COMMAND_DONE;
        }
    return command_unknown("run", "value of --progress", text, names, 3);
}

/* One option; a status. */
static int
take_option(struct run_arguments *arguments, int option)
{
    switch (option) {
    case 'p':
        arguments->pairs[arguments->pair_count++] = optarg;
        return COMMAND_DONE;
    case OPTION_SEED:
        return set_number("--seed", optarg, 0, INT64_MAX, &arguments->seed);
    case OPTION_REPEAT:
        return set_number("--repeat", optarg, 1, 10000, &arguments->repeat);
    case OPTION_JSON:
        arguments->json = optarg;
        return COMMAND_DONE;
    case OPTION_OUT:
        arguments->out = optarg;
        return COMMAND_DONE;
    case OPTION_TRACE:
        arguments->trace = true;
        return COMMAND_DONE;
    case OPTION_EVENTS:
        arguments->events = optarg;
        return COMMAND_DONE;
    case OPTION_PROGRESS:
        return set_progress(arguments, optarg);
    default:
        return set_variable(option, optarg);
    }
}

static int
find_workload(struct run_arguments *arguments, int argc, char **argv)
{
    const char *names[64];
    size_t count = 0;
    for (; workload_all[count] != NULL && count < 64; count++)
        names[count] = workload_all[count]->name;
    if (optind == argc)
        return command_usage("run", "which workload? `tricolor list` names "
                                    "them");
    if (optind + 1 < argc)
        return command_usage("run",
                             "one workload at a time, but got '%s' "
                             "too",
                             argv[optind + 1]);
    for (size_t i = 0; i < count; i++)
        if (strcmp(argv[optind], names[i]) == 0)
            arguments->workload = workload_all[i];
    if (arguments->workload == NULL)
        return command_unknown("run", "workload", argv[optind], names, count);
    return COMMAND_DONE;
}

/* What depends on several options at once. */
static int
check_together(struct run_arguments *arguments)
{
    char error[ERROR_BYTES];
    if (arguments->trace && arguments->out == NULL)
        return command_usage("run", "--trace needs --out DIR, where the trace "
                                    "goes");
    if (arguments->events != NULL && !arguments->trace)
        return command_usage("run", "--events needs --trace");
    if (arguments->events != NULL
        && !trace_events_valid(arguments->events, error, sizeof(error)))
        return command_usage("run", "%s", error);
    if (tri_options_parse(NULL, error, sizeof(error)) < 0)
        return command_usage("run", "%s", error);
    arguments->values = run_params_parse(arguments->workload, arguments->pairs,
                                         arguments->pair_count);
    return arguments->values != NULL ? COMMAND_DONE : COMMAND_USAGE;
}

int
command_run(int argc, char **argv)
{
    struct run_arguments arguments = { .seed = 1, .repeat = 1 };
    arguments.pairs = calloc((size_t)argc + 1, sizeof(char *));
    if (arguments.pairs == NULL)
        abort();
    int status = COMMAND_DONE;
    int option;
    while (status == COMMAND_DONE
           && (option = command_option(argc, argv, ":p:", options)) != -1) {
        if (option == OPTION_HELP) {
            fputs(help, stdout);
            status = -1;
        } else {
            status =
                option == '?' ? COMMAND_USAGE : take_option(&arguments, option);
        }
    }
    if (status == COMMAND_DONE)
        status = find_workload(&arguments, argc, argv);
    if (status == COMMAND_DONE)
        status = check_together(&arguments);
    if (status == COMMAND_DONE)
        status = arguments.repeat == 1 ? run_once(&arguments)
                                       : run_repeat(&arguments);
    if (arguments.values != NULL)
        run_params_free(arguments.workload, arguments.values);
    free(arguments.pairs);
    return status == -1 ? COMMAND_DONE : status;
}
