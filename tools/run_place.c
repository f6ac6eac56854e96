/* SPDX-License-Identifier: MIT */
/*
 * tools/run_place.c: where a run leaves its results.
 *
 * The place is made, locked and tried before anything runs: an hour's run must
 * not end with "no such file", nor two runs write into one directory.  What an
 * earlier run left as its result goes at once, so that a run that dies does not
 * seem to have had it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/command.h"
#include "tools/json_text.h"
#include "tools/output.h"
#include "tools/run.h"

#define RESULT "run.json"

char *
run_path(const char *directory, const char *name)
{
    char *path;
    if (asprintf(&path, "%s/%s", directory, name) < 0)
        abort();
    return path;
}

/* Makes a directory and those above it; 0 or -errno. */
static int
make_directory(const char *path)
{
    char *copy = strdup(path);
    if (copy == NULL)
        abort();
    int error = 0;
    for (char *at = copy + 1; error == 0; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        char end = *at;
        *at = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            error = -errno;
        *at = end;
        if (end == '\0')
            break;
    }
    free(copy);
    struct stat status;
    if (error == 0 && stat(path, &status) == 0 && !S_ISDIR(status.st_mode))
        error = -ENOTDIR;
    return error;
}

static int
take_directory(const char *directory)
{
    int error = make_directory(directory);
    if (error != 0)
        return command_lacks("run",
                             "cannot make the directory %s: %s; name one that "
                             "you may make with --out",
                             directory, strerror(-error));
    if (!output_lock(directory))
        return command_lacks("run",
                             "another run writes to %s; wait for its end, or "
                             "name another directory with --out",
                             directory);
    return COMMAND_DONE;
}

/* The files of a result, which may be none. */
struct places {
    const char *json;
    char *in_out;
};

static struct places
places_of(const struct run_arguments *arguments)
{
    return (struct places){ arguments->json, arguments->out != NULL ? run_path(
                                                 arguments->out, RESULT)
                                                                    : NULL };
}

int
run_prepare_place(const struct run_arguments *arguments)
{
    int status =
        arguments->out != NULL ? take_directory(arguments->out) : COMMAND_DONE;
    if (status != COMMAND_DONE)
        return status;
    struct places places = places_of(arguments);
    const char *const files[] = { places.json, places.in_out };
    for (size_t i = 0; i < 2 && status == COMMAND_DONE; i++) {
        int error = files[i] != NULL ? output_try(files[i]) : 0;
        if (error != 0)
            status = output_refused("run", files[i], error);
    }
    if (places.in_out != NULL && status == COMMAND_DONE)
        unlink(places.in_out);
    free(places.in_out);
    return status;
}

int
run_write_result(const struct run_arguments *arguments,
                 const struct json_t *json)
{
    struct places places = places_of(arguments);
    const char *const files[] = { places.json, places.in_out };
    int status = COMMAND_DONE;
    for (size_t i = 0; i < 2; i++) {
        int error = files[i] != NULL ? json_write_file(json, files[i]) : 0;
        if (error != 0)
            status = output_refused("run", files[i], error);
    }
    free(places.in_out);
    return status;
}
