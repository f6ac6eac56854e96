/* SPDX-License-Identifier: MIT */
/* tools/trace_read_none.c: where libbabeltrace2 was not there to build with. */
#include "tools/trace_read.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int
trace_read(const char *path,
           bool (*fn)(const struct trace_event *event, void *arg), void *arg,
           struct trace_read_result *result, char *error, size_t n)
{
    (void)path;
    (void)fn;
    (void)arg;
    memset(result, 0, sizeof(*result));
    snprintf(error, n,
             "this build cannot read traces: install libbabeltrace2-dev and "
             "build again");
    return -ENOSYS;
}
