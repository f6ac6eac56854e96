/* SPDX-License-Identifier: MIT */
/*
 * tools/trace_read.h: reads a recorded trace (CTF, through libbabeltrace2), in
 * the order of time, as events of the registry.
 */
#ifndef TRICOLOR_TRACE_READ_H
#define TRICOLOR_TRACE_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/trace.h"

struct trace_event {
    int64_t time_ns; /* since the epoch */
    enum tri_trace_event event;
    uint64_t field[TRI_TRACE_FIELD_MAX]; /* i32 sign-extended */
    int32_t process;                     /* vpid; 0: not recorded */
    int32_t thread;                      /* vtid; 0: not recorded */
    int32_t cpu;
    const char *thread_name; /* "" when not recorded */
};

struct trace_read_result {
    uint64_t events;       /* of the registry */
    uint64_t foreign;      /* others, left out */
    uint64_t discarded;    /* lost while recording */
    uint64_t lost_packets; /* blocks of events that a stream lacks */
    bool truncated;        /* it is not all there; `error` says how */
    /* What its sessions recorded, if it happened: known before the first event. */
    bool recorded[TRI_TRACE_EVENT_COUNT];
};

/*
 * Calls fn for every event below directory `path`; a false from fn ends the
 * reading.  0; -ENOENT: no trace there; -ENOSYS: this build cannot read traces;
 * -EIO: damaged, what came before was passed on.  error[n] then holds a line.
 */
int trace_read(const char *path,
               bool (*fn)(const struct trace_event *event, void *arg),
               void *arg, struct trace_read_result *result, char *error,
               size_t n);

#endif /* TRICOLOR_TRACE_READ_H */
