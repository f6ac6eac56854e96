/* SPDX-License-Identifier: MIT */
/* trace/event_info.c: the registry as a table. */
#include "trace/event_info.h"

#define LEVEL_INFO  false
#define LEVEL_DEBUG true

#define FIELDS_1(t1, f1)                                                       \
    {                                                                          \
#        f1, TRI_TRACE_FIELD_##t1                                              \
    }
#define FIELDS_2(t1, f1, ...)                                                  \
    { #f1, TRI_TRACE_FIELD_##t1 }, FIELDS_1(__VA_ARGS__)
#define FIELDS_3(t1, f1, ...)                                                  \
    { #f1, TRI_TRACE_FIELD_##t1 }, FIELDS_2(__VA_ARGS__)
#define FIELDS_4(t1, f1, ...)                                                  \
    { #f1, TRI_TRACE_FIELD_##t1 }, FIELDS_3(__VA_ARGS__)

const struct tri_trace_event_info tri_trace_event_info[] = {
#define TRI_EVENT(n, set, level, name, ...)                                    \
    { #name, #set, LEVEL_##level, n, { FIELDS_##n(__VA_ARGS__) } },
#include "trace/each_event.h"
};
