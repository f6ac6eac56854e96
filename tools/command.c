/* SPDX-License-Identifier: MIT */
/*
 * tools/command.c: complaints, names that were nearly right, option parsing.
 */
#include "tools/command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 64
#define OPTIONS_MAX    64

static void
complain(const char *command, const char *format, va_list arguments)
{
    fprintf(stderr, "tricolor%s%s: ", *command ? " " : "", command);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

int
command_usage(const char *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(command, format, arguments);
    va_end(arguments);
    return COMMAND_USAGE;
}

int
command_lacks(const char *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(command, format, arguments);
    va_end(arguments);
    return COMMAND_ENVIRONMENT;
}

static unsigned
least(unsigned a, unsigned b, unsigned c)
{
    unsigned ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Insertions, deletions and replacements from a to b; long names are cut. */
static unsigned
edits(const char *a, const char *b)
{
    unsigned row[NAME_MAX_BYTES + 1];
    size_t a_bytes = strnlen(a, NAME_MAX_BYTES);
    size_t b_bytes = strnlen(b, NAME_MAX_BYTES);
    for (size_t j = 0; j <= b_bytes; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= a_bytes; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_bytes; j++) {
            unsigned above = row[j];
            row[j] = least(above + 1, row[j - 1] + 1,
                           diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[b_bytes];
}

const char *
nearest_name(const char *given, const char *const *names, size_t count)
{
    const char *best = NULL;
    unsigned best_edits = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned distance = edits(given, names[i]);
        if (best == NULL || distance < best_edits) {
            best = names[i];
            best_edits = distance;
        }
    }
    return best;
}

int
command_unknown(const char *command, const char *what, const char *given,
                const char *const *names, size_t count)
{
    const char *nearest = nearest_name(given, names, count);
    if (nearest == NULL)
        return command_usage(command, "unknown %s '%s'", what, given);
    return command_usage(command, "unknown %s '%s'; the nearest is '%s'", what,
                         given, nearest);
}

/* The complaint about argv[optind - 1], which getopt refused. */
static void
refuse(char **argv, const struct option *options)
{
    const char *names[OPTIONS_MAX];
    size_t count = 0;
    for (; options[count].name != NULL && count < OPTIONS_MAX; count++)
        names[count] = options[count].name;
    const char *given = argv[optind - 1];
    if (optopt != 0 && strncmp(given, "--", 2) != 0) {
        command_usage(argv[0], "unknown option '-%c'", optopt);
        return;
    }
    if (optopt != 0) { /* getopt knew it, but not with this value */
        command_usage(argv[0], "option '%s' takes no value", given);
        return;
    }
    char name[NAME_MAX_BYTES];
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(given + 2, "="),
             given + 2);
    for (size_t i = 0; i < count; i++)
        if (strncmp(names[i], name, strlen(name)) == 0) {
            command_usage(argv[0], "option '--%s' is short for several", name);
            return;
        }
    command_usage(argv[0], "unknown option '--%s'; the nearest is '--%s'", name,
                  nearest_name(name, names, count));
}

int
command_option(int argc, char **argv, const char *shorts,
               const struct option *options)
{
    opterr = 0;
    optopt = 0;
    int which = -1;
    int value = getopt_long(argc, argv, shorts, options, &which);
    if (value == ':') {
        command_usage(argv[0], "option '%s' needs a value", argv[optind - 1]);
        return '?';
    }
    if (value == '?')
        refuse(argv, options);
    if (value != -1 && value != '?' && optarg != NULL && *optarg == '\0') {
        if (which >= 0)
            command_usage(argv[0], "the value of option '--%s' is empty",
                          options[which].name);
        else
            command_usage(argv[0], "the value of option '-%c' is empty", value);
        return '?';
    }
    return value;
}

bool
command_json_option(int argc, char **argv, bool *json)
{
    static const struct option options[] = { { "json", no_argument, NULL, 'j' },
                                             { 0 } };
    int option;
    *json = false;
    while ((option = command_option(argc, argv, ":", options)) == 'j')
        *json = true;
    return option == -1;
}

bool
parse_integer(const char *text, int64_t min, int64_t max, int64_t *value)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number < min
        || number > max)
        return false;
    *value = number;
    return true;
}
