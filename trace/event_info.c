/* SPDX-License-Identifier: MIT */
/* trace/event_info.c: the registry as a table. */
#include "trace/event_info.h"

#include <string.h>

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

static const struct value {
    const char *code;
    uint64_t value;
    const char *name;
} values[] = {
#define TRI_VALUE(code, value, name) { #code, value, name },
#define TRI_CODED(event, field, code)
#include "trace/values.def"
#undef TRI_VALUE
#undef TRI_CODED
};

static const struct coded {
    enum tri_trace_event event;
    const char *field;
    const char *code;
} coded[] = {
#define TRI_VALUE(code, value, name)
#define TRI_CODED(event, field, code) { TRI_TRACE_EV_##event, #field, #code },
#include "trace/values.def"
#undef TRI_VALUE
#undef TRI_CODED
};

const char *
tri_trace_value_name(const char *code, uint64_t value)
{
    for (size_t i = 0; i < TRI_ARRAY_COUNT(values); i++) {
        if (values[i].value == value && strcmp(values[i].code, code) == 0)
            return values[i].name;
    }
    return "unknown";
}

const char *
tri_trace_field_code(enum tri_trace_event event, uint32_t field)
{
    const char *name = tri_trace_event_info[event].field[field].name;
    for (size_t i = 0; i < TRI_ARRAY_COUNT(coded); i++) {
        if (coded[i].event == event && strcmp(coded[i].field, name) == 0)
            return coded[i].code;
    }
    return NULL;
}
