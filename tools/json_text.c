/* SPDX-License-Identifier: MIT */
/*
 * tools/json_text.c: JSON strings of any bytes, JSON files.
 */
#include "tools/json_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/workloads/workload.h"

json_t *
json_text(const char *bytes, size_t length)
{
    char *text = NULL;
    size_t text_bytes = 0;
    FILE *out = open_memstream(&text, &text_bytes);
    if (out == NULL)
        return NULL;
    workload_print_name(out, bytes, length);
    fclose(out);
    json_t *json = json_stringn(text, text_bytes);
    free(text);
    return json;
}

/* 0 or -errno; the file is closed either way. */
static int
write_and_close(const json_t *json, FILE *out)
{
    errno = 0;
    int error = 0;
    if (json_dumpf(json, out, JSON_INDENT(1) | JSON_REAL_PRECISION(12)) != 0
        || fputc('\n', out) == EOF || fflush(out) != 0)
        error = errno != 0 ? -errno : -EIO;
    if (fclose(out) != 0 && error == 0)
        error = -errno;
    return error;
}

/* A device, a pipe: what is there is written to, and never replaced. */
static int
write_in_place(const json_t *json, const char *path)
{
    FILE *out = fopen(path, "we");
    return out == NULL ? -errno : write_and_close(json, out);
}

int
json_write_file(const json_t *json, const char *path)
{
    struct stat there;
    if (stat(path, &there) == 0 && !S_ISREG(there.st_mode))
        return write_in_place(json, path);
    char *draft;
    if (asprintf(&draft, "%s.%ld.draft", path, (long)getpid()) < 0)
        return -ENOMEM;
    FILE *out = fopen(draft, "we");
    int error = out == NULL ? -errno : write_and_close(json, out);
    if (error == 0 && rename(draft, path) != 0)
        error = -errno;
    if (error != 0 && out != NULL)
        unlink(draft);
    free(draft);
    return error;
}

json_t *
json_read_file(const char *path, char *error, size_t n)
{
    FILE *in = fopen(path, "re");
    if (in == NULL) {
        snprintf(error, n, "cannot read %s: %s", path, strerror(errno));
        return NULL;
    }
    json_error_t where;
    json_t *json = json_loadf(in, 0, &where);
    if (json == NULL)
        snprintf(error, n, "%s is not JSON: line %d: %s", path, where.line,
                 where.text);
    fclose(in);
    return json;
}
