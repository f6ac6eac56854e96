/* SPDX-License-Identifier: MIT */
/*
 * tools/command_bench.c: `tricolor bench`: hands its arguments, unread, to the
 * google-benchmark program that was built or installed with this one.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/command.h"

#define PROGRAM "tricolor-bench"

/* The directory this program lies in. */
static bool
own_directory(char *path, size_t n)
{
    ssize_t bytes = readlink("/proc/self/exe", path, n - 1);
    if (bytes <= 0)
        return false;
    path[bytes] = '\0';
    char *slash = strrchr(path, '/');
    if (slash == NULL)
        return false;
    *slash = '\0';
    return true;
}

int
command_bench(int argc, char **argv)
{
    /* In the build tree; installed. */
    static const char *const places[] = { PROGRAM,
                                          "../libexec/tricolor/" PROGRAM,
                                          "../libexec/" PROGRAM };
    static char name[] = PROGRAM;
    (void)argc;
    char directory[PATH_MAX];
    if (!own_directory(directory, sizeof(directory)))
        return command_lacks("bench", "cannot tell where this program lies");
    argv[0] = name;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        char *path;
        if (asprintf(&path, "%s/%s", directory, places[i]) < 0)
            abort();
        if (access(path, X_OK) == 0) {
            execv(path, argv);
            int error = errno;
            command_lacks("bench", "cannot run %s: %s", path, strerror(error));
            free(path);
            return COMMAND_ENVIRONMENT;
        }
        free(path);
    }
    return command_lacks("bench",
                         "there is no %s beside this program: build "
                         "with TRI_BUILD_BENCH=ON (Debian: "
                         "libbenchmark-dev)",
                         PROGRAM);
}
