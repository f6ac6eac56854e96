/* SPDX-License-Identifier: MIT */
/*
 * trace/record.h: the in-memory back end, for tests: every event of the
 * process, in one order, without a daemon.
 *
 * One array off the heap, filled by claiming the next index with an atomic add:
 * no lock, no allocation, so it records what happens while threads are stopped
 * in place.  Full, it drops what comes and counts it.  Index order agrees with
 * happens-before: if one event happened before another, it has the lower index.
 *
 *   REC-1  tri_record_start only while no thread is inside an event; otherwise
 *          a late writer fills a slot of the new recording.  Argued, no test:
 *          its users are tests, which start it before their threads.
 */
#ifndef TRI_TRACE_RECORD_H
#define TRI_TRACE_RECORD_H

#include "trace/trace.h"

struct tri_record {
    int64_t time_ns;
    uint64_t field[TRI_TRACE_FIELD_MAX]; /* i32 sign-extended */
    int32_t thread;                      /* the system's number */
    /* Event + 1; 0: claimed, not yet written.  Release in the writer pairs
     * with the acquire in tri_record_get. */
    TRI_ATOMIC(uint32_t) event_plus_1;
    uint64_t unused[2];
};

/* Records from now on, all events, at most `capacity` of them.  Forgets what was
 * recorded before.  0, -ENOMEM. */
TRI_NODISCARD int tri_record_start(size_t capacity);
void tri_record_stop(void);

/* How many were recorded (or are just being written), and dropped. */
size_t tri_record_count(void);
size_t tri_record_dropped(void);

/* Record i < tri_record_count(); waits the moment until it is written.  Good
 * until the next start. */
const struct tri_record *tri_record_get(size_t i);
enum tri_trace_event tri_record_event(const struct tri_record *record);

/* ---- for trace/trace.c alone ---- */

extern TRI_ATOMIC(uint32_t) tri_recording;
void tri_record_write(enum tri_trace_event event, const uint64_t *fields);
/* In trace/trace.c: points every event's state where it belongs. */
void tri_trace_recording_changed(bool on);

#endif /* TRI_TRACE_RECORD_H */
