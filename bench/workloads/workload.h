/* SPDX-License-Identifier: MIT */
/*
 * bench/workloads/workload.h: what a workload is to whoever runs it.
 *
 * A workload is a program of its own that uses nothing but the public API.  It
 * names its parameters, so that `tricolor list` can print them and a wrong one
 * can be refused before anything starts; it runs on the main goroutine; and it
 * hands its result to a sink, so that it knows nothing of JSON.
 *
 *   LOAD-1  A workload checks itself: it ends with at least one invariant,
 *           otherwise a run that computed nonsense counts as a good one.
 *   LOAD-2  Every random choice derives from run->seed; otherwise a failure
 *           cannot be run again.  Argued, no test: a choice made otherwise is
 *           seen by reading.
 *   LOAD-3  Progress fields are written by plain assignment to their _Atomic
 *           type and read by a thread the runtime does not know; otherwise what
 *           it shows is half a number.  Argued, no test: the type sees to it.
 */
#ifndef TRI_BENCH_WORKLOAD_H
#define TRI_BENCH_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum workload_param_type {
    WORKLOAD_INT,
    WORKLOAD_TEXT
};

struct workload_param {
    const char *name;
    enum workload_param_type type;
    bool required;
    bool repeatable;
    int64_t initial;  /* INT only: its value when not given */
    int64_t min, max; /* INT only */
    const char *help;
};

/* One parameter's values, in the order given; empty: the default. */
struct workload_values {
    const char *const *texts;
    size_t count;
    int64_t number; /* INT: the value in force */
};

/*
 * Where a result goes.  A key is NULL inside an array.  Text may hold any
 * bytes; the sink sees to it that what it writes is valid.
 */
struct workload_sink {
    void *context;
    void (*begin_object)(void *context, const char *key);
    void (*begin_array)(void *context, const char *key);
    void (*end)(void *context);
    void (*number)(void *context, const char *key, uint64_t value);
    void (*real)(void *context, const char *key, double value);
    void (*text)(void *context, const char *key, const char *bytes,
                 size_t length);
    /* One sentence of detail says what was compared, in figures. */
    void (*invariant)(void *context, const char *name, bool ok,
                      const char *detail);
};

/* What a run looks like from outside while it goes on. */
struct workload_progress {
    _Atomic uint64_t done;  /* of `total`, in `unit` */
    _Atomic uint64_t total; /* known so far; 0: not known */
    _Atomic(const char *) unit;
};

struct workload_run {
    const struct workload *workload;
    const struct workload_values *values; /* one per parameter */
    uint64_t seed;
    FILE *out;      /* results for people: standard output */
    FILE *messages; /* what went wrong but is not fatal */
    const struct workload_sink *sink;
    struct workload_progress *progress;
};

struct workload {
    const char *name;
    const char *summary;
    const struct workload_param *params; /* ends with a NULL name */
    /* 0: done (invariants may still have failed); -errno: could not run, and
     * why has been said on run->messages. */
    int (*run)(const struct workload_run *run);
};

/* Every workload; the last entry is NULL. */
extern const struct workload *const workload_all[];

/* The value of a parameter; the name must be one of the workload's. */
int64_t workload_int(const struct workload_run *run, const char *name);
/* The only or first text; NULL: not given. */
const char *workload_text(const struct workload_run *run, const char *name);
const struct workload_values *workload_list(const struct workload_run *run,
                                            const char *name);

/* Bytes in the well-formed UTF-8 sequence at `text`; 0: there is none. */
size_t workload_utf8_sequence(const unsigned char *text, size_t left);

/* Prints bytes so that they stay on one line and on the terminal: printable
 * UTF-8 as it is, everything else as \n, \t or \xNN, backslash as \\. */
void workload_print_name(FILE *out, const char *bytes, size_t length);

#endif /* TRI_BENCH_WORKLOAD_H */
