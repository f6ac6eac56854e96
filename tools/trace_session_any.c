/* SPDX-License-Identifier: MIT */
/* tools/trace_session_any.c: what is the same with LTTng and without. */
#include <unistd.h>

#include "tools/trace_events.h"
#include "tools/trace_session.h"

bool
trace_events_valid(const char *events, char *error, size_t n)
{
    bool want[TRI_TRACE_EVENT_COUNT];
    return trace_events_select(events, want, error, n);
}

struct trace_session *
trace_session_start(const char *dir, const char *events, char *error, size_t n)
{
    struct trace_session_options options = { .dir = dir,
                                             .events = events,
                                             .process = (int)getpid() };
    return trace_session_start_with(&options, error, n);
}
