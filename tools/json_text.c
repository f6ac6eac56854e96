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

#include "bench/workloads/workload.h"
#include "tools/output.h"

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

int
json_write_file(const json_t *json, const char *path)
{
    struct output_file file;
    int error = output_open(&file, path);
    if (error != 0)
        return error;
    bool whole =
        json_dumpf(json, file.out, JSON_INDENT(1) | JSON_REAL_PRECISION(12))
            == 0
        && fputc('\n', file.out) != EOF;
    error = output_close(&file, true);
    return error == 0 && !whole ? -EIO : error;
}

json_t *
json_read_file(const char *path, char *error, size_t n)
{
    FILE *in = fopen(path, "re");
    struct stat there;
    if (in == NULL) {
        snprintf(error, n, "cannot read %s: %s", path, strerror(errno));
        return NULL;
    }
    if (fstat(fileno(in), &there) == 0 && S_ISDIR(there.st_mode)) {
        snprintf(error, n,
                 "cannot read %s: it is a directory; name a file in it, as its "
                 "run.json",
                 path);
        fclose(in);
        return NULL;
    }
    json_error_t where;
    json_t *json = json_loadf(in, 0, &where);
    if (json == NULL)
        snprintf(error, n,
                 "%s is not JSON: line %d: %s; make it again (tricolor run "
                 "--json)",
                 path, where.line, where.text);
    fclose(in);
    return json;
}
