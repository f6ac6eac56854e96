/* SPDX-License-Identifier: MIT */
/* tools/trace_events.c: which events a user means by --events. */
#include "tools/trace_events.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "tools/command.h"

#define TERM_BYTES 128

static const char *const set_names[] = {
    "all", "core", "cleanups", "cycles", "stw", "workers", "heap", "sched"
};
#define SET_COUNT (sizeof(set_names) / sizeof(set_names[0]))

static const char *
without_provider(const char *name)
{
    size_t length = strlen(TRACE_PROVIDER);
    if (strncmp(name, TRACE_PROVIDER, length) == 0 && name[length] == ':')
        return name + length + 1;
    return name;
}

int
trace_events_find(const char *name)
{
    name = without_provider(name);
    for (size_t i = 0; i < TRI_TRACE_EVENT_COUNT; i++) {
        if (strcmp(tri_trace_event_info[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

/* Without these no trace can be proved (CHK-13, CHK-14), so every set brings them
 * along; patterns name what they want. */
static bool
frames_a_run(size_t event)
{
    return event == TRI_TRACE_EV_runtime_begin
        || event == TRI_TRACE_EV_cleanup_totals
        || event == TRI_TRACE_EV_runtime_end;
}

static bool
is_set(const char *term)
{
    for (size_t i = 0; i < SET_COUNT; i++)
        if (strcmp(term, set_names[i]) == 0)
            return true;
    return false;
}

/* Does `term` mean the event? */
static bool
term_means(const char *term, const struct tri_trace_event_info *event)
{
    if (strcmp(term, "all") == 0)
        return true;
    if (strcmp(term, "core") == 0)
        return !event->debug && strcmp(event->set, "sched") != 0;
    return strcmp(term, event->set) == 0
        || fnmatch(without_provider(term), event->name, 0) == 0;
}

static const char *
nearest(const char *term)
{
    const char *names[SET_COUNT + TRI_TRACE_EVENT_COUNT];
    memcpy(names, set_names, sizeof(set_names));
    for (size_t i = 0; i < TRI_TRACE_EVENT_COUNT; i++)
        names[SET_COUNT + i] = tri_trace_event_info[i].name;
    return nearest_name(without_provider(term), names, TRI_ARRAY_COUNT(names));
}

static bool
select_term(const char *term, bool *want, char *error, size_t n)
{
    bool any = false;
    for (size_t i = 0; i < TRI_TRACE_EVENT_COUNT; i++) {
        if (term_means(term, &tri_trace_event_info[i])
            || (frames_a_run(i) && is_set(term))) {
            want[i] = true;
            any = true;
        }
    }
    if (!any)
        snprintf(error, n, "unknown events '%s'; the nearest is '%s'", term,
                 nearest(term));
    return any;
}

bool
trace_events_select(const char *events, bool want[TRI_TRACE_EVENT_COUNT],
                    char *error, size_t n)
{
    memset(want, 0, TRI_TRACE_EVENT_COUNT * sizeof(want[0]));
    if (events == NULL || events[0] == '\0')
        events = "core";
    for (const char *start = events;;) {
        size_t length = strcspn(start, ",");
        char term[TERM_BYTES];
        if (length >= sizeof(term)) {
            snprintf(error, n, "the event name \"%.20s...\" is too long",
                     start);
            return false;
        }
        memcpy(term, start, length);
        term[length] = '\0';
        if (length == 0) {
            snprintf(error, n, "an event name is missing in \"%s\"", events);
            return false;
        }
        if (!select_term(term, want, error, n))
            return false;
        if (start[length] == '\0')
            return true;
        start += length + 1;
    }
}
