/* SPDX-License-Identifier: MIT */
/*
 * tools/command.h: what the sub-commands of `tricolor` share: exit statuses,
 * the way wrong usage is reported, options.
 *
 *   CLI-1  Wrong usage is status 2 and exactly one line on standard error: what
 *          was wrong, and the nearest valid name where a name was wrong;
 *          otherwise who calls it in a script cannot tell.
 *   CLI-2  Results go to standard output; everything else to standard error;
 *          otherwise they cannot be piped.
 *   CLI-3  A command checks all of its arguments before it does anything;
 *          otherwise a mistake costs a run.
 */
#ifndef TRICOLOR_TOOLS_COMMAND_H
#define TRICOLOR_TOOLS_COMMAND_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum command_status {
    COMMAND_DONE = 0,
    COMMAND_FAILED = 1, /* an invariant or a check failed */
    COMMAND_USAGE = 2,
    COMMAND_ENVIRONMENT = 3 /* the machine lacks something */
};

/* argv[0] is the sub-command's name.  Each returns a status. */
int command_list(int argc, char **argv);
int command_run(int argc, char **argv);
int command_report(int argc, char **argv);
int command_bench(int argc, char **argv);
int command_compare(int argc, char **argv);
int command_doctor(int argc, char **argv);

/* "tricolor COMMAND: ..." as one line; returns COMMAND_USAGE. */
__attribute__((format(printf, 2, 3))) int command_usage(const char *command,
                                                        const char *format,
                                                        ...);
/* The same for what the environment lacks; returns COMMAND_ENVIRONMENT. */
__attribute__((format(printf, 2, 3))) int command_lacks(const char *command,
                                                        const char *format,
                                                        ...);

/* Reports an unknown name and the nearest of `names`. */
int command_unknown(const char *command, const char *what, const char *given,
                    const char *const *names, size_t count);

/*
 * getopt_long with our complaints: the next option's value, -1 at the end, or
 * '?' after a complaint was printed.  `options` ends with a zero entry.
 */
int command_option(int argc, char **argv, const char *shorts,
                   const struct option *options);

/* The options of a command whose only one is --json; false after a complaint. */
bool command_json_option(int argc, char **argv, bool *json);

/* The name with the fewest edits from `given`; NULL when count is 0. */
const char *nearest_name(const char *given, const char *const *names,
                         size_t count);

/* A decimal integer in [min, max], the whole text. */
bool parse_integer(const char *text, int64_t min, int64_t max, int64_t *value);

#endif /* TRICOLOR_TOOLS_COMMAND_H */
