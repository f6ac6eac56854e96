/* SPDX-License-Identifier: MIT */
/*
 * tools/sampler.c: series of metrics over a run, and the progress line.
 */
#include "tools/sampler.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <tricolor/tricolor.h>

#define INTERVAL_FIRST_NS INT64_C(2000000)
#define PROGRESS_NS       INT64_C(200000000)
#define PROGRESS_PLAIN_NS INT64_C(2000000000) /* into a file or a pipe */
#define SECOND_NS         INT64_C(1000000000)

/* What is sampled.  "rss:bytes" is the kernel's word; the rest, metrics. */
static const char *const names[SAMPLER_SERIES] = {
    "/gc/heap/now:bytes",           "/gc/heap/goal:bytes",
    "/gc/heap/live:bytes",          "/gc/cycles/total:gc-cycles",
    "/gc/cleanups/added:cleanups",  "/gc/cleanups/stopped:cleanups",
    "/gc/cleanups/queued:cleanups", "/gc/cleanups/executed:cleanups",
    "/sched/goroutines:goroutines", "rss:bytes",
};
enum {
    SERIES_HEAP,
    SERIES_GOAL,
    SERIES_LIVE,
    SERIES_CYCLES
};
#define SERIES_RSS (SAMPLER_SERIES - 1)

struct sampler {
    const struct workload_progress *progress;
    const char *name;
    bool show_progress;
    bool terminal;
    bool known[SAMPLER_SERIES]; /* the runtime has this metric */
    int64_t start_ns;
    int64_t shown_ns;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop; /* under lock */
    struct series series;
};

void
series_add(struct series *series, int64_t time_ns,
           const double values[SAMPLER_SERIES])
{
    if (series->count == SAMPLER_POINTS_MAX) {
        series->count /= 2;
        for (size_t i = 0; i < series->count; i++) {
            series->time_ns[i] = series->time_ns[2 * i];
            for (size_t j = 0; j < SAMPLER_SERIES; j++)
                series->values[j][i] = series->values[j][2 * i];
        }
        series->interval_ns *= 2;
    }
    series->time_ns[series->count] = time_ns;
    for (size_t j = 0; j < SAMPLER_SERIES; j++)
        series->values[j][series->count] = values[j];
    series->count++;
}

static int64_t
now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * SECOND_NS + now.tv_nsec;
}

static double
rss_bytes(void)
{
    unsigned long total = 0;
    unsigned long resident = 0;
    FILE *in = fopen("/proc/self/statm", "re");
    if (in == NULL)
        return 0;
    if (fscanf(in, "%lu %lu", &total, &resident) != 2)
        resident = 0;
    fclose(in);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static void
show(struct sampler *sampler, int64_t now, const double *values, bool last)
{
    int64_t every = sampler->terminal ? PROGRESS_NS : PROGRESS_PLAIN_NS;
    if (!sampler->show_progress || (now - sampler->shown_ns < every && !last))
        return;
    sampler->shown_ns = now;
    const char *unit = sampler->progress->unit;
    if (sampler->terminal)
        fputs("\r\033[K", stderr);
    fprintf(stderr, "%s %5.1f s", sampler->name,
            (double)(now - sampler->start_ns) / 1e9);
    if (unit != NULL)
        fprintf(stderr, "  %" PRIu64 " of %" PRIu64 " %s",
                (uint64_t)sampler->progress->done,
                (uint64_t)sampler->progress->total, unit);
    fprintf(stderr, "  heap %.0f of %.0f MiB  collection %.0f",
            values[SERIES_HEAP] / 1048576, values[SERIES_GOAL] / 1048576,
            values[SERIES_CYCLES]);
    if (!sampler->terminal || last)
        fputc('\n', stderr);
    fflush(stderr);
}

static void
look(struct sampler *sampler, bool last)
{
    double values[SAMPLER_SERIES] = { 0 };
    int64_t now = now_ns();
    for (size_t i = 0; i < SERIES_RSS; i++)
        sampler->known[i] = tri_metric_read(names[i], &values[i]) == 0;
    sampler->known[SERIES_RSS] = true;
    values[SERIES_RSS] = rss_bytes();
    series_add(&sampler->series, now - sampler->start_ns, values);
    show(sampler, now, values, last);
}

static void *
run(void *arg)
{
    struct sampler *sampler = arg;
    pthread_mutex_lock(&sampler->lock);
    while (!sampler->stop) {
        pthread_mutex_unlock(&sampler->lock);
        look(sampler, false);
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        int64_t ns = until.tv_nsec + sampler->series.interval_ns;
        until.tv_sec += ns / SECOND_NS;
        until.tv_nsec = ns % SECOND_NS;
        pthread_mutex_lock(&sampler->lock);
        if (!sampler->stop)
            pthread_cond_timedwait(&sampler->wake, &sampler->lock, &until);
    }
    pthread_mutex_unlock(&sampler->lock);
    look(sampler, true);
    return NULL;
}

struct sampler *
sampler_start(const struct workload_progress *progress, const char *name,
              bool show_progress)
{
    struct sampler *sampler = calloc(1, sizeof(*sampler));
    if (sampler == NULL)
        return NULL;
    sampler->progress = progress;
    sampler->name = name;
    sampler->show_progress = show_progress;
    sampler->terminal = isatty(STDERR_FILENO);
    sampler->start_ns = now_ns();
    sampler->shown_ns = sampler->start_ns;
    sampler->series.interval_ns = INTERVAL_FIRST_NS;
    pthread_mutex_init(&sampler->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&sampler->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    /* Signals are for the program's own threads. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&sampler->thread, NULL, run, sampler);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0)
        return sampler;
    free(sampler);
    return NULL;
}

void
sampler_stop(struct sampler *sampler)
{
    if (sampler == NULL)
        return;
    pthread_mutex_lock(&sampler->lock);
    sampler->stop = true;
    pthread_cond_signal(&sampler->wake);
    pthread_mutex_unlock(&sampler->lock);
    pthread_join(sampler->thread, NULL);
}

json_t *
sampler_json(struct sampler *sampler)
{
    json_t *json = json_object();
    if (sampler == NULL)
        return json;
    const struct series *series = &sampler->series;
    json_object_set_new(json, "interval_ns", json_integer(series->interval_ns));
    json_t *times = json_array();
    for (size_t i = 0; i < series->count; i++)
        json_array_append_new(times, json_integer(series->time_ns[i]));
    json_object_set_new(json, "t_ns", times);
    for (size_t j = 0; j < SAMPLER_SERIES; j++) {
        if (!sampler->known[j])
            continue;
        json_t *values = json_array();
        for (size_t i = 0; i < series->count; i++)
            json_array_append_new(
                values, json_integer((json_int_t)series->values[j][i]));
        json_object_set_new(json, names[j], values);
    }
    free(sampler);
    return json;
}
