/* SPDX-License-Identifier: MIT */
/*
 * tools/report_cleanups.h: lives of cleanups in a trace: how long from add to
 * queue, from queue to run, and in the run.
 */
#ifndef TRICOLOR_TOOLS_REPORT_CLEANUPS_H
#define TRICOLOR_TOOLS_REPORT_CLEANUPS_H

#include <jansson.h>
#include <stdint.h>

/* Durations on a log scale: four bins for each doubling. */
#define DURATION_BINS 256
struct durations {
    uint64_t count;
    int64_t max_ns;
    uint64_t bins[DURATION_BINS];
};
void durations_add(struct durations *durations, int64_t ns);
/* {"count", "p50", "p90", "p99", "max", "bins": [[from_ns, count]...]} */
json_t *durations_json(const struct durations *durations);

struct cleanup_lives;

struct cleanup_lives *cleanup_lives_new(void);
void cleanup_lives_free(struct cleanup_lives *lives);
enum cleanup_step {
    CLEANUP_ADD,
    CLEANUP_STOP,
    CLEANUP_QUEUE,
    CLEANUP_BEGIN,
    CLEANUP_END
};
void cleanup_lives_step(struct cleanup_lives *lives, enum cleanup_step step,
                        uint64_t id, int64_t time_ns);
/* Counts, latencies, and how many waited over time. */
json_t *cleanup_lives_json(const struct cleanup_lives *lives);

#endif /* TRICOLOR_TOOLS_REPORT_CLEANUPS_H */
