/* SPDX-License-Identifier: MIT */
/*
 * trace/lttng_provider.h: the registry as an LTTng-UST provider, `tricolor`.
 *
 * LTTng includes this file many times with other macros in force; it reads
 * trace/events.def each time.  Its macros count their arguments before a list
 * made by a macro would be unfolded, so each number of fields is written out.
 */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER tricolor

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "trace/lttng_provider.h"

#if !defined(TRI_TRACE_LTTNG_PROVIDER_H)                                       \
    || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#    define TRI_TRACE_LTTNG_PROVIDER_H

#    include <stdint.h>

#    include <lttng/tracepoint.h>

#    define TRI_LTTNG_C_u32 uint32_t
#    define TRI_LTTNG_C_u64 uint64_t
#    define TRI_LTTNG_C_i32 int32_t
#    define TRI_LTTNG_C_hex uintptr_t

#    define TRI_LTTNG_FIELD_u32(f) lttng_ust_field_integer(uint32_t, f, f)
#    define TRI_LTTNG_FIELD_u64(f) lttng_ust_field_integer(uint64_t, f, f)
#    define TRI_LTTNG_FIELD_i32(f) lttng_ust_field_integer(int32_t, f, f)
#    define TRI_LTTNG_FIELD_hex(f) lttng_ust_field_integer_hex(uintptr_t, f, f)

#    define TRI_LTTNG_LEVEL_INFO  LTTNG_UST_TRACEPOINT_LOGLEVEL_INFO
#    define TRI_LTTNG_LEVEL_DEBUG LTTNG_UST_TRACEPOINT_LOGLEVEL_DEBUG

#    define TRI_EVENT1(set, level, name, t1, f1)                               \
        LTTNG_UST_TRACEPOINT_EVENT(                                            \
            tricolor, name, LTTNG_UST_TP_ARGS(TRI_LTTNG_C_##t1, f1),           \
            LTTNG_UST_TP_FIELDS(TRI_LTTNG_FIELD_##t1(f1)))                     \
        LTTNG_UST_TRACEPOINT_LOGLEVEL(tricolor, name, TRI_LTTNG_LEVEL_##level)

#    define TRI_EVENT2(set, level, name, t1, f1, t2, f2)                       \
        LTTNG_UST_TRACEPOINT_EVENT(                                            \
            tricolor, name,                                                    \
            LTTNG_UST_TP_ARGS(TRI_LTTNG_C_##t1, f1, TRI_LTTNG_C_##t2, f2),     \
            LTTNG_UST_TP_FIELDS(TRI_LTTNG_FIELD_##t1(f1)                       \
                                    TRI_LTTNG_FIELD_##t2(f2)))                 \
        LTTNG_UST_TRACEPOINT_LOGLEVEL(tricolor, name, TRI_LTTNG_LEVEL_##level)

#    define TRI_EVENT3(set, level, name, t1, f1, t2, f2, t3, f3)               \
        LTTNG_UST_TRACEPOINT_EVENT(                                            \
            tricolor, name,                                                    \
            LTTNG_UST_TP_ARGS(TRI_LTTNG_C_##t1, f1, TRI_LTTNG_C_##t2, f2,      \
                              TRI_LTTNG_C_##t3, f3),                           \
            LTTNG_UST_TP_FIELDS(TRI_LTTNG_FIELD_##t1(f1) TRI_LTTNG_FIELD_##t2( \
                f2) TRI_LTTNG_FIELD_##t3(f3)))                                 \
        LTTNG_UST_TRACEPOINT_LOGLEVEL(tricolor, name, TRI_LTTNG_LEVEL_##level)

#    define TRI_EVENT4(set, level, name, t1, f1, t2, f2, t3, f3, t4, f4)       \
        LTTNG_UST_TRACEPOINT_EVENT(                                            \
            tricolor, name,                                                    \
            LTTNG_UST_TP_ARGS(TRI_LTTNG_C_##t1, f1, TRI_LTTNG_C_##t2, f2,      \
                              TRI_LTTNG_C_##t3, f3, TRI_LTTNG_C_##t4, f4),     \
            LTTNG_UST_TP_FIELDS(TRI_LTTNG_FIELD_##t1(f1) TRI_LTTNG_FIELD_##t2( \
                f2) TRI_LTTNG_FIELD_##t3(f3) TRI_LTTNG_FIELD_##t4(f4)))        \
        LTTNG_UST_TRACEPOINT_LOGLEVEL(tricolor, name, TRI_LTTNG_LEVEL_##level)

#    include "trace/events.def"

#    undef TRI_EVENT1
#    undef TRI_EVENT2
#    undef TRI_EVENT3
#    undef TRI_EVENT4

#endif /* TRI_TRACE_LTTNG_PROVIDER_H */

#include <lttng/tracepoint-event.h>
