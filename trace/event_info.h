/* SPDX-License-Identifier: MIT */
/* trace/event_info.h: the registry as a table, for whoever reads traces. */
#ifndef TRI_TRACE_EVENT_INFO_H
#define TRI_TRACE_EVENT_INFO_H

#include "trace/trace.h"

enum tri_trace_field_type {
    TRI_TRACE_FIELD_u32,
    TRI_TRACE_FIELD_u64,
    TRI_TRACE_FIELD_i32,
    TRI_TRACE_FIELD_hex
};

struct tri_trace_event_info {
    const char *name; /* without the provider's */
    const char *set;  /* what --events selects */
    bool debug;       /* level DEBUG: high rate */
    uint32_t field_count;
    struct tri_trace_field_info {
        const char *name;
        enum tri_trace_field_type type;
    } field[TRI_TRACE_FIELD_MAX];
};

/* By enum tri_trace_event. */
extern const struct tri_trace_event_info
    tri_trace_event_info[TRI_TRACE_EVENT_COUNT];

/* The name of a coded value (trace/values.def): tri_trace_value_name("phase", 1)
 * is "mark"; "unknown" if there is none. */
const char *tri_trace_value_name(const char *code, uint64_t value);
/* The code of a field; NULL: its value is a number. */
const char *tri_trace_field_code(enum tri_trace_event event, uint32_t field);

#endif /* TRI_TRACE_EVENT_INFO_H */
