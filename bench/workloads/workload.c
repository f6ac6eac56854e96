/* SPDX-License-Identifier: MIT */
/*
 * bench/workloads/workload.c: the list of workloads and the little they share.
 */
#include "bench/workloads/workload.h"

#include <stdlib.h>
#include <string.h>

#include "bench/workloads/index.h"

const struct workload *const workload_all[] = { &index_workload, NULL };

const struct workload_values *
workload_list(const struct workload_run *run, const char *name)
{
    const struct workload_param *params = run->workload->params;
    for (size_t i = 0; params[i].name != NULL; i++)
        if (strcmp(params[i].name, name) == 0)
            return &run->values[i];
    fprintf(stderr, "workload %s has no parameter '%s'\n", run->workload->name,
            name);
    abort();
}

int64_t
workload_int(const struct workload_run *run, const char *name)
{
    return workload_list(run, name)->number;
}

const char *
workload_text(const struct workload_run *run, const char *name)
{
    const struct workload_values *values = workload_list(run, name);
    return values->count > 0 ? values->texts[0] : NULL;
}

size_t
workload_utf8_sequence(const unsigned char *text, size_t left)
{
    unsigned lead = text[0];
    size_t bytes = lead < 0x80                  ? 1
                 : lead >= 0xc2 && lead <= 0xdf ? 2
                 : lead >= 0xe0 && lead <= 0xef ? 3
                 : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                : 0;
    if (bytes == 0 || bytes > left)
        return 0;
    for (size_t i = 1; i < bytes; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    /* Overlong forms, surrogates, and what lies beyond U+10FFFF. */
    if ((lead == 0xe0 && text[1] < 0xa0) || (lead == 0xed && text[1] > 0x9f)
        || (lead == 0xf0 && text[1] < 0x90) || (lead == 0xf4 && text[1] > 0x8f))
        return 0;
    return bytes;
}

void
workload_print_name(FILE *out, const char *bytes, size_t length)
{
    const unsigned char *text = (const unsigned char *)bytes;
    for (size_t i = 0; i < length;) {
        size_t sequence = workload_utf8_sequence(text + i, length - i);
        /* C1 controls are two bytes of UTF-8 that terminals obey. */
        bool c1 = sequence == 2 && text[i] == 0xc2 && text[i + 1] < 0xa0;
        if (text[i] == '\\')
            fputs("\\\\", out);
        else if (text[i] == '\n')
            fputs("\\n", out);
        else if (text[i] == '\t')
            fputs("\\t", out);
        else if (sequence == 0 || c1 || text[i] < 0x20 || text[i] == 0x7f)
            fprintf(out, "\\x%02x", text[i]);
        else {
            fwrite(text + i, 1, sequence, out);
            i += sequence;
            continue;
        }
        i++;
    }
}
