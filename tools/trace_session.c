/* SPDX-License-Identifier: MIT */
/*
 * tools/trace_session.c: a recording session, through liblttng-ctl.
 *
 * Two channels: `events` for what is rare and must not be lost, `debug` for
 * events of level DEBUG, so that a flood of these drowns nothing else.  Events
 * are enabled one by one, by name: a pattern given to LTTng would put those of
 * both levels into one channel.
 */
#include "tools/trace_session.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include <lttng/lttng.h>

#include "tools/trace_daemon.h"
#include "tools/trace_directory.h"
#include "tools/trace_events.h"
#include "tools/trace_guard.h"
#include "tools/trace_read.h"

#define CHANNEL_EVENTS "events"
#define CHANNEL_DEBUG  "debug"
#define NAME_PREFIX    "tricolor-"

#define FULL_BYTES (UINT64_C(1) << 20) /* a disk with less is full */

#define SUB_BUFFERS          4
#define SUB_BUFFER_BYTES     (UINT64_C(4) << 20)
#define SUB_BUFFER_BYTES_MIN (UINT64_C(64) << 10)

struct trace_session {
    char name[64];
    char *dir;
    struct lttng_handle *handle;
    struct trace_guard guard;
};

/* ---- size ---- */

/*
 * Buffers lie in /dev/shm, are written in full when they are made, and are as
 * many as there are CPUs; containers often have 64 MiB there.  A quarter of
 * what is free is ours.
 */
static uint64_t
fitting_buffer_bytes(uint32_t channels)
{
    struct statvfs shm;
    uint64_t bytes = SUB_BUFFER_BYTES;
    if (statvfs("/dev/shm", &shm) != 0)
        return bytes;
    uint64_t room = (uint64_t)shm.f_bavail * shm.f_frsize / 4;
    uint64_t many = (uint64_t)get_nprocs_conf() * channels * SUB_BUFFERS;
    while (bytes > SUB_BUFFER_BYTES_MIN && bytes * many > room)
        bytes /= 2;
    return bytes;
}

/* ---- making it ---- */

static void
explain(int code, const char *what, char *error, size_t n)
{
    snprintf(error, n, "LTTng: %s: %s", what,
             lttng_strerror(code < 0 ? code : -code));
}

static bool
make_session(struct trace_session *session, char *error, size_t n)
{
    struct lttng_session_descriptor *descriptor =
        lttng_session_descriptor_local_create(session->name, session->dir);
    if (descriptor == NULL) {
        snprintf(error, n, "LTTng cannot write to %s", session->dir);
        return false;
    }
    enum lttng_error_code code = lttng_create_session_ext(descriptor);
    lttng_session_descriptor_destroy(descriptor);
    if (code != LTTNG_OK)
        explain((int)code, "the session cannot be made", error, n);
    return code == LTTNG_OK;
}

static bool
track_process(const char *name, int process, char *error, size_t n)
{
    if (process == 0)
        return true;
    struct lttng_process_attr_tracker_handle *tracker = NULL;
    enum lttng_error_code code = lttng_session_get_tracker_handle(
        name, LTTNG_DOMAIN_UST, LTTNG_PROCESS_ATTR_VIRTUAL_PROCESS_ID,
        &tracker);
    bool ok = code == LTTNG_OK
           && lttng_process_attr_tracker_handle_set_tracking_policy(
                  tracker, LTTNG_TRACKING_POLICY_INCLUDE_SET)
                  == LTTNG_PROCESS_ATTR_TRACKER_HANDLE_STATUS_OK
           && lttng_process_attr_virtual_process_id_tracker_handle_add_pid(
                  tracker, process)
                  == LTTNG_PROCESS_ATTR_TRACKER_HANDLE_STATUS_OK;
    lttng_process_attr_tracker_handle_destroy(tracker);
    if (!ok)
        snprintf(error, n, "LTTng cannot record process %d alone", process);
    return ok;
}

static bool
make_channel(struct trace_session *session, struct lttng_domain *domain,
             const char *name, uint64_t buffer_bytes, char *error, size_t n)
{
    static const enum lttng_event_context_type contexts[] = {
        LTTNG_EVENT_CONTEXT_VPID, LTTNG_EVENT_CONTEXT_VTID,
        LTTNG_EVENT_CONTEXT_PROCNAME
    };
    struct lttng_channel *channel = lttng_channel_create(domain);
    if (channel == NULL) {
        snprintf(error, n, "no memory for a trace channel");
        return false;
    }
    snprintf(channel->name, sizeof(channel->name), "%s", name);
    channel->attr.overwrite = 0;
    channel->attr.subbuf_size = buffer_bytes;
    channel->attr.num_subbuf = SUB_BUFFERS;
    int code = lttng_enable_channel(session->handle, channel);
    lttng_channel_destroy(channel);
    for (size_t i = 0; i < TRI_ARRAY_COUNT(contexts) && code == 0; i++) {
        struct lttng_event_context context = { .ctx = contexts[i] };
        code = lttng_add_context(session->handle, &context, NULL, name);
    }
    if (code != 0)
        explain(code, "a channel cannot be made", error, n);
    return code == 0;
}

static bool
enable_events(struct trace_session *session, const bool *want, char *error,
              size_t n)
{
    for (size_t i = 0; i < TRI_TRACE_EVENT_COUNT; i++) {
        const struct tri_trace_event_info *info = &tri_trace_event_info[i];
        if (!want[i])
            continue;
        struct lttng_event *event = lttng_event_create();
        if (event == NULL) {
            snprintf(error, n, "no memory for a trace event");
            return false;
        }
        event->type = LTTNG_EVENT_TRACEPOINT;
        event->loglevel_type = LTTNG_EVENT_LOGLEVEL_ALL;
        event->loglevel = -1;
        snprintf(event->name, sizeof(event->name), "%s:%s", TRACE_PROVIDER,
                 info->name);
        int code =
            lttng_enable_event(session->handle, event,
                               info->debug ? CHANNEL_DEBUG : CHANNEL_EVENTS);
        lttng_event_destroy(event);
        if (code != 0) {
            explain(code, info->name, error, n);
            return false;
        }
    }
    return true;
}

static bool
make_channels_and_events(struct trace_session *session,
                         const struct trace_session_options *options,
                         const bool *want, char *error, size_t n)
{
    struct lttng_domain domain = { .type = LTTNG_DOMAIN_UST,
                                   .buf_type = LTTNG_BUFFER_PER_UID };
    bool level[2] = { false, false };
    for (size_t i = 0; i < TRI_TRACE_EVENT_COUNT; i++)
        if (want[i])
            level[tri_trace_event_info[i].debug] = true;
    uint64_t bytes = options->buffer_bytes;
    if (bytes == 0)
        bytes = fitting_buffer_bytes((uint32_t)level[0] + (uint32_t)level[1]);

    session->handle = lttng_create_handle(session->name, &domain);
    if (session->handle == NULL) {
        snprintf(error, n, "no memory for a trace session");
        return false;
    }
    return (!level[0]
            || make_channel(session, &domain, CHANNEL_EVENTS, bytes, error, n))
        && (!level[1]
            || make_channel(session, &domain, CHANNEL_DEBUG, bytes, error, n))
        && enable_events(session, want, error, n);
}

/* Sessions of ours whose maker has died without ending them. */
static void
end_orphans(void)
{
    struct lttng_session *sessions = NULL;
    int count = lttng_list_sessions(&sessions);
    for (int i = 0; i < count; i++) {
        int maker = 0;
        if (sscanf(sessions[i].name, NAME_PREFIX "%d-", &maker) == 1
            && maker > 0 && kill(maker, 0) != 0 && errno == ESRCH)
            lttng_destroy_session_no_wait(sessions[i].name);
    }
    if (count > 0)
        free(sessions);
}

/* In the guard's process, after ours died. */
static void
end_session(void *arg)
{
    const struct trace_session *session = arg;
    lttng_stop_tracing(session->name);
    lttng_destroy_session(session->name);
}

static void
forget(struct trace_session *session)
{
    lttng_destroy_handle(session->handle);
    free(session->dir);
    free(session);
}

bool
trace_session_prepare(char *error, size_t n)
{
    return trace_daemon_ensure(error, n);
}

struct trace_session *
trace_session_start_with(const struct trace_session_options *options,
                         char *error, size_t n)
{
    bool want[TRI_TRACE_EVENT_COUNT];
    if (!trace_events_select(options->events, want, error, n)
        || !trace_daemon_ensure(error, n))
        return NULL;
    struct trace_session *session = calloc(1, sizeof(*session));
    if (session == NULL) {
        snprintf(error, n, "no memory for a trace session");
        return NULL;
    }
    end_orphans();
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(session->name, sizeof(session->name), NAME_PREFIX "%d-%lld%09ld",
             (int)getpid(), (long long)now.tv_sec, now.tv_nsec);
    session->dir = trace_directory_make(options->dir, error, n);
    if (session->dir == NULL) {
        forget(session);
        return NULL;
    }
    /* Before there is anything to end: we may die while we make it. */
    trace_guard_post(&session->guard, end_session, session);
    if (make_session(session, error, n)
        && track_process(session->name, options->process, error, n)
        && make_channels_and_events(session, options, want, error, n)) {
        int code = lttng_start_tracing(session->name);
        if (code >= 0)
            return session;
        explain(code, "recording cannot be started", error, n);
    }
    lttng_destroy_session(session->name);
    trace_guard_dismiss(&session->guard);
    forget(session);
    return NULL;
}

/* ---- ending it ---- */

static uint64_t
discarded_events(struct trace_session *session)
{
    struct lttng_channel *channels = NULL;
    uint64_t sum = 0;
    int count = lttng_list_channels(session->handle, &channels);
    for (int i = 0; i < count; i++) {
        uint64_t discarded = 0;
        if (lttng_channel_get_discarded_event_count(&channels[i], &discarded)
            == 0)
            sum += discarded;
    }
    if (count > 0)
        free(channels);
    return sum;
}

static bool
only_count(const struct trace_event *event, void *unused)
{
    (void)event;
    (void)unused;
    return true;
}

static void
report_loss(uint64_t discarded, uint64_t events)
{
    fprintf(stderr,
            "tricolor: %llu EVENTS WERE LOST (%llu recorded): the buffers were "
            "full.\n"
            "tricolor: record fewer events (--events cleanups), or with larger "
            "buffers (tricolor trace record --buffer 16M).\n",
            (unsigned long long)discarded, (unsigned long long)events);
}

/* Why the trace is not whole: a full disk, if it is one, else `reason`. */
static void
report_incomplete(const struct trace_session *session, const char *reason)
{
    struct statvfs disk;
    if (statvfs(session->dir, &disk) == 0
        && disk.f_bavail * disk.f_frsize < FULL_BYTES)
        reason = "the disk is full; make room, or record to another";
    fprintf(stderr, "tricolor: the recording in %s is not complete: %s\n",
            session->dir, reason);
}

int
trace_session_stop(struct trace_session *session, struct trace_result *out)
{
    char error[512] = "";
    struct trace_read_result read = { 0 };
    int status = 0;

    memset(out, 0, sizeof(*out));
    int stopped = lttng_stop_tracing(session->name);
    out->discarded = discarded_events(session);
    int ended = lttng_destroy_session(session->name);
    trace_guard_dismiss(&session->guard);
    if (stopped < 0 || ended < 0) {
        explain(stopped < 0 ? stopped : ended, "record again", error,
                sizeof(error));
        status = -EIO;
    }
    if (status == 0)
        status = trace_read(session->dir, only_count, NULL, &read, error,
                            sizeof(error));
    /* Recorded all the same, though this build cannot read it; or no process
     * had anything to record, and LTTng wrote no file. */
    if (status == -ENOSYS || status == -ENOENT)
        status = 0;
    else if (status != 0)
        report_incomplete(session, error);
    out->events = read.events;
    if (read.discarded > out->discarded)
        out->discarded = read.discarded;
    if (out->discarded > 0)
        report_loss(out->discarded, out->events);
    forget(session);
    return status;
}
