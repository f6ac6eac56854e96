/* SPDX-License-Identifier: MIT */
/*
 * tools/main.c: the `tricolor` command: finds the sub-command and runs it.
 */
#include <stdio.h>
#include <string.h>

#include <tricolor/tricolor.h>

#include "tools/command.h"
#include "tools/output.h"
#include "tools/trace_main.h"

static const struct sub_command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *usage;
    const char *what;
} sub_commands[] = {
    { "list", command_list, "[--json]", "workloads and their parameters" },
    { "run", command_run, "WORKLOAD [-p key=value]... [options]",
      "runs a workload (tricolor run --help)" },
    { "report", command_report, "RUN_DIR... [-o FILE]",
      "makes one offline HTML file" },
    { "trace", tricolor_trace_main, "record|check|export ...",
      "records and examines traces" },
    { "bench", command_bench, "[google-benchmark flags]",
      "runs the micro-benchmarks" },
    { "compare", command_compare, "A.json B.json",
      "ratios with confidence intervals" },
    { "doctor", command_doctor, "[--json]",
      "says what this machine can and cannot do" },
};
#define SUB_COMMANDS (sizeof(sub_commands) / sizeof(sub_commands[0]))

static void
print_help(FILE *out)
{
    fprintf(out,
            "tricolor %s: a multithreaded runtime with a concurrent "
            "collector\n\n",
            tri_version());
    for (size_t i = 0; i < SUB_COMMANDS; i++)
        fprintf(out, "  tricolor %-8s%-38s %s\n", sub_commands[i].name,
                sub_commands[i].usage, sub_commands[i].what);
    fputs("\nExit status: 0 done; 1 an invariant or a check failed; 2 wrong "
          "usage;\n3 the environment lacks something.\n",
          out);
}

static int
find_and_run(int argc, char **argv)
{
    if (argc < 2) {
        return command_usage("", "which command? One of list, run, report, "
                                 "trace, bench, compare, doctor; or --help");
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0
        || strcmp(name, "help") == 0) {
        print_help(stdout);
        return COMMAND_DONE;
    }
    if (strcmp(name, "--version") == 0) {
        printf("tricolor %s\n", tri_version());
        return COMMAND_DONE;
    }
    const char *names[SUB_COMMANDS];
    for (size_t i = 0; i < SUB_COMMANDS; i++) {
        names[i] = sub_commands[i].name;
        if (strcmp(name, names[i]) == 0)
            return sub_commands[i].run(argc - 1, argv + 1);
    }
    return command_unknown("", "command", name, names, SUB_COMMANDS);
}

int
main(int argc, char **argv)
{
    output_begin();
    return output_end(find_and_run(argc, argv));
}
