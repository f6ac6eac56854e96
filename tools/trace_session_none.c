/* SPDX-License-Identifier: MIT */
/* tools/trace_session_none.c: where liblttng-ctl was not there to build with. */
#include "tools/trace_session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool
trace_session_prepare(char *error, size_t n)
{
    snprintf(error, n,
             "this build cannot record traces: install liblttng-ctl-dev and "
             "liblttng-ust-dev, and build again");
    return false;
}

struct trace_session *
trace_session_start_with(const struct trace_session_options *options,
                         char *error, size_t n)
{
    (void)options;
    trace_session_prepare(error, n);
    return NULL;
}

int
trace_session_stop(struct trace_session *session, struct trace_result *out)
{
    (void)session;
    memset(out, 0, sizeof(*out));
    return -ENOSYS;
}
