/* SPDX-License-Identifier: MIT */
/* tools/trace_main.c: `tricolor trace`: finds the command and runs it. */
#include "tools/trace_main.h"

#include <stdio.h>
#include <string.h>

#include "tools/command.h"
#include "tools/trace_commands.h"

static const struct trace_command {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    { "record", trace_command_record },
    { "check", trace_command_check },
    { "export", trace_command_export },
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void
print_help(void)
{
    fputs("tricolor trace record [options] -- PROG ARGS...\n"
          "    runs any program that uses the library and records it\n"
          "    -o, --out DIR      where the trace goes (default: trace)\n"
          "        --events SET   cleanups, cycles, stw, workers, heap, sched, "
          "core\n"
          "                       (default), all, or patterns: "
          "cleanup_*,stw_begin\n"
          "        --buffer SIZE  of a sub-buffer, 4 per CPU (default: 4M, or "
          "what\n"
          "                       /dev/shm has room for)\n"
          "        --children     the processes it starts too\n"
          "tricolor trace check TRACE [--json]\n"
          "    proves grammar, pairing, accounting of cleanups id by id, and "
          "that\n    nothing was lost\n"
          "tricolor trace export TRACE --to perfetto|csv [-o FILE]\n"
          "    for ui.perfetto.dev (or chrome://tracing), or for a "
          "spreadsheet\n",
          stdout);
}

/* Complaints then begin with "tricolor trace check:". */
static int
run(const struct trace_command *command, int argc, char **argv)
{
    char name[32];
    snprintf(name, sizeof(name), "trace %s", command->name);
    argv[0] = name;
    return command->run(argc, argv);
}

int
tricolor_trace_main(int argc, char **argv)
{
    if (argc < 2)
        return command_usage(
            "trace", "which command? One of record, check, export; or --help");
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0
        || strcmp(name, "help") == 0) {
        print_help();
        return COMMAND_DONE;
    }
    const char *names[COMMANDS];
    for (size_t i = 0; i < COMMANDS; i++) {
        names[i] = commands[i].name;
        if (strcmp(name, names[i]) == 0)
            return run(&commands[i], argc - 1, argv + 1);
    }
    return command_unknown("trace", "command", name, names, COMMANDS);
}
