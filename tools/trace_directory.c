/* SPDX-License-Identifier: MIT */
/* tools/trace_directory.c: the directory a recording goes to. */
#include "tools/trace_directory.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/output.h"

static bool
make_path(const char *dir)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof(path), "%s", dir);
    if (length <= 0 || (size_t)length >= sizeof(path))
        return false;
    for (char *slash = path + 1; *slash != '\0'; slash++) {
        if (*slash != '/')
            continue;
        *slash = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return false;
        *slash = '/';
    }
    return mkdir(path, 0777) == 0 || errno == EEXIST;
}

/* Has it nothing, or only what LTTng left there?  Else false and a line. */
static bool
only_a_recording(const char *dir, bool *empty, char *error, size_t n)
{
    DIR *stream = opendir(dir);
    bool ok = true;
    *empty = true;
    if (stream == NULL) {
        snprintf(error, n, "cannot record into %s: %s; name a directory", dir,
                 strerror(errno));
        return false;
    }
    for (struct dirent *entry; ok && (entry = readdir(stream)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        *empty = false;
        ok = strcmp(entry->d_name, "ust") == 0;
    }
    closedir(stream);
    if (!ok)
        snprintf(error, n,
                 "%s holds other things than a trace; name an empty directory",
                 dir);
    return ok;
}

static int
remove_entry(const char *path, const struct stat *status, int type,
             struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

char *
trace_directory_make(const char *dir, char *error, size_t n)
{
    bool empty;
    if (!make_path(dir)) {
        snprintf(error, n,
                 "cannot make the directory %s: %s; name one that you may make",
                 dir, strerror(errno));
        return NULL;
    }
    if (!only_a_recording(dir, &empty, error, n))
        return NULL;
    if (!output_lock(dir)) {
        snprintf(error, n,
                 "another recording goes to %s; wait for its end, or name "
                 "another directory",
                 dir);
        return NULL;
    }
    char *path = realpath(dir, NULL);
    if (path == NULL) {
        snprintf(error, n, "%s: %s", dir, strerror(errno));
        return NULL;
    }
    char recording[PATH_MAX];
    snprintf(recording, sizeof(recording), "%s/ust", path);
    if (!empty
        && nftw(recording, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0) {
        snprintf(error, n, "cannot remove the old trace in %s: %s", path,
                 strerror(errno));
        free(path);
        return NULL;
    }
    return path;
}
