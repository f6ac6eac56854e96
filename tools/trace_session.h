/* SPDX-License-Identifier: MIT */
/*
 * tools/trace_session.h: recording with LTTng: makes a session, starts a
 * session daemon if none runs, stops, and says what was lost.
 *
 * Start it before the runtime starts (tri_init, or the child process), so that
 * its first events are there.  Where LTTng is not installed every call fails
 * with a sentence that says how to mend it: exit status 3.
 */
#ifndef TRICOLOR_TRACE_SESSION_H
#define TRICOLOR_TRACE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trace_session;

struct trace_result {
    uint64_t events;    /* in the trace */
    uint64_t discarded; /* lost because buffers were full */
};

/*
 * Is `events` a set (cleanups, core, all), or a comma-separated list of event
 * patterns ("cleanup_*,stw_begin")?  Else false, and one line with the nearest
 * valid name in error[n]: exit status 2.
 */
bool trace_events_valid(const char *events, char *error, size_t n);

/*
 * Has a session daemon ready, and LTTNG_HOME in the environment where that is
 * needed to reach it: so, before a program to be recorded is forked.  Not
 * needed before trace_session_start, which does it.  False, with a line in
 * error[n]: exit status 3.
 */
bool trace_session_prepare(char *error, size_t n);

/*
 * Starts recording the events `events` (NULL: core) of this process into
 * directory `dir`, which may hold nothing but an older recording, which goes.
 * NULL on failure, with a line in error[n]: exit status 3.
 */
struct trace_session *trace_session_start(const char *dir, const char *events,
                                          char *error, size_t n);

/*
 * Should this process die, the recording is ended all the same, so that what led
 * to it can be read.  (By a process forked here: start before threads exist.)
 *
 * The same with all there is to choose:
 */
struct trace_session_options {
    const char *dir;
    const char *events;
    /* Record only this process; 0: every process of this user. */
    int process;
    /* Size of a sub-buffer, of which there are 4 per CPU and channel; 0: 4 MiB
     * or what /dev/shm has room for. */
    uint64_t buffer_bytes;
};
struct trace_session *trace_session_start_with(
    const struct trace_session_options *options, char *error, size_t n);

/*
 * Stops, waits until all is written, ends the session, reads the trace.  Frees
 * `session`.  0, or -errno after a line on standard error, with what is known in
 * *out.  Losses are reported there too, with the way to avoid them.
 */
int trace_session_stop(struct trace_session *session, struct trace_result *out);

#endif /* TRICOLOR_TRACE_SESSION_H */
