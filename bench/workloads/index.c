/* SPDX-License-Identifier: MIT */
/*
 * bench/workloads/index.c: the `index` workload: words of every file below a
 * directory, as an inverted index in the managed heap.
 *
 * A round: the main goroutine walks the tree and sends files into a channel;
 * workers read and scan them; the index is then checked from end to end (every
 * letter hashed again, every posting decoded), so a lost or reused object does
 * not go unnoticed.  After the last round the results are printed, everything
 * is dropped, and the descriptors left to the collector must come back.
 */
#include "bench/workloads/index.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define CHANNEL_CAPACITY 256
#define NAMED_MAX        20u /* unreadable files named one by one */
#define SETTLE_ROUNDS    10
#define DRAIN_NS         INT64_C(10000000000)
#define DETAIL_BYTES     256

struct round {
    uint64_t wall_ns;
    uint64_t files, bytes, words, distinct, postings, stream_bytes;
    uint64_t faults;  /* words or postings that do not fit together */
    uint64_t counted; /* sum of the words' counts */
};

struct job {
    const struct workload_run *run;
    struct index_table *table;
    struct tri_chan *paths;
    struct index_files files;
    struct index_files unreadable; /* directories */
    struct index_descriptors *descriptors;
    struct tri_waitgroup workers;
    _Atomic uint64_t bytes;
    _Atomic uint64_t words;
    struct round round;
};
/* `workers` is no pointer field: its queue of waiters lies on their stacks. */
TRI_TYPE(job_type, struct job, table, paths, files.list, unreadable.list);

static const struct workload_param params[] = {
    { .name = "dir",
      .type = WORKLOAD_TEXT,
      .required = true,
      .help = "directory to read; links are not followed" },
    { .name = "top",
      .type = WORKLOAD_INT,
      .initial = 10,
      .min = 0,
      .max = 1000000000,
      .help = "print that many of the most frequent words" },
    { .name = "query",
      .type = WORKLOAD_TEXT,
      .repeatable = true,
      .help = "print the files and positions of a word" },
    { .name = "hits",
      .type = WORKLOAD_INT,
      .initial = 10,
      .min = 0,
      .max = 1000000000,
      .help = "print at most that many files, and positions, per query" },
    { .name = "workers",
      .type = WORKLOAD_INT,
      .initial = 0,
      .min = 0,
      .max = 100000,
      .help = "goroutines that read; 0: two for each proc" },
    { .name = "rounds",
      .type = WORKLOAD_INT,
      .initial = 1,
      .min = 1,
      .max = 1000000,
      .help = "build the index that many times, dropping it each time" },
    { .name = "close_early",
      .type = WORKLOAD_INT,
      .initial = 50,
      .min = 0,
      .max = 100,
      .help = "percent of files closed at once; the rest by the collector" },
    { .name = "max_open",
      .type = WORKLOAD_INT,
      .initial = 4096,
      .min = 1,
      .max = 1000000,
      .help = "open descriptors at which a collection is forced" },
    { 0 }
};

static uint64_t
now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t
metric(const char *name)
{
    double value;
    return tri_metric_read(name, &value) == 0 ? (uint64_t)value : 0;
}

/* ---- one round ---------------------------------------------------------------- */

static __attribute__((noinline)) void
index_one(struct job *job, struct index_scan *scan, struct index_file *file)
{
    struct index_open *open = index_open(job->descriptors, file, &file->error);
    if (open == NULL)
        return;
    index_scan_begin(scan, file->number);
    int64_t length;
    while ((length = index_read(open)) > 0) {
        index_scan_bytes(scan, open->buffer, (size_t)length);
        file->bytes += (uint64_t)length;
    }
    if (length < 0)
        file->error = (int)-length;
    file->words = index_scan_end(scan);
    index_finish(job->descriptors, open, file->number);
    job->bytes += file->bytes;
    job->words += file->words;
}

static void
worker(void *arg)
{
    struct job *job = arg;
    struct index_scan *scan = index_scan_new(job->table);
    struct index_file *file;
    while (tri_chan_recv(job->paths, &file)) {
        index_one(job, scan, file);
        job->run->progress->done++;
    }
    tri_waitgroup_done(&job->workers);
}

/* A posting's numbers fit the file they name. */
static bool
check_posting(struct job *job, struct index_cursor *cursor, uint64_t file,
              uint64_t *counted)
{
    uint64_t count;
    if (!index_cursor_next(cursor, &count) || count == 0
        || file >= job->files.count)
        return false;
    uint64_t position = 0;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t gap;
        if (!index_cursor_next(cursor, &gap) || (i > 0 && gap == 0))
            return false;
        position += gap;
    }
    *counted += count;
    return position < job->files.list[file]->bytes;
}

static void
check_word(struct index_word *word, void *arg)
{
    struct job *job = arg;
    struct round *round = &job->round;
    bool sound = index_hash((const unsigned char *)word->text, word->bytes)
              == word->hash;
    struct index_cursor cursor = index_cursor_of(word);
    uint64_t counted = 0;
    uint64_t file;
    while (sound && index_cursor_next(&cursor, &file)) {
        sound = check_posting(job, &cursor, file, &counted);
        round->postings++;
    }
    for (const struct index_chunk *chunk = word->head; chunk != NULL;
         chunk = chunk->next)
        round->stream_bytes += chunk->used;
    round->distinct++;
    round->counted += word->count;
    if (!sound || counted != word->count)
        round->faults++;
}

static struct job *
job_new(const struct workload_run *run, struct index_descriptors *descriptors)
{
    struct job *job = tri_new(&job_type);
    job->run = run;
    job->descriptors = descriptors;
    TRI_STORE(&job->table, index_table_new());
    TRI_STORE(&job->paths,
              tri_chan_make(sizeof(struct index_file *), CHANNEL_CAPACITY));
    return job;
}

/* 0, or -errno when the directory cannot be read. */
static int
run_round(struct job *job)
{
    const struct workload_run *run = job->run;
    int64_t workers = workload_int(run, "workers");
    if (workers == 0)
        workers = 2 * (int64_t)tri_set_procs(0);
    uint64_t start = now_ns();
    tri_waitgroup_add(&job->workers, workers);
    for (int64_t i = 0; i < workers; i++)
        tri_go(worker, job);
    run->progress->unit = "files";
    run->progress->done = 0;
    run->progress->total = 0;
    int error = index_walk(workload_text(run, "dir"), &job->files,
                           &job->unreadable, job->paths, run->progress);
    tri_chan_close(job->paths);
    tri_waitgroup_wait(&job->workers);
    job->round.wall_ns = now_ns() - start;
    job->round.files = job->files.count;
    job->round.bytes = job->bytes;
    job->round.words = job->words;
    index_table_each(job->table, check_word, job);
    return error;
}

/* ---- what came of it ------------------------------------------------------------ */

static uint64_t
count_errors(const struct index_files *files)
{
    uint64_t count = 0;
    for (size_t i = 0; i < files->count; i++)
        count += files->list[i]->error != 0;
    return count;
}

static void
name_errors(const struct workload_run *run, const struct index_files *files,
            uint64_t *named)
{
    const struct workload_sink *sink = run->sink;
    for (size_t i = 0; i < files->count; i++) {
        const struct index_file *file = files->list[i];
        if (file->error == 0 || (*named)++ >= NAMED_MAX)
            continue;
        fputs("index: cannot read ", run->messages);
        workload_print_name(run->messages, file->path, strlen(file->path));
        fprintf(run->messages, ": %s\n", strerror(file->error));
        sink->begin_object(sink->context, NULL);
        sink->text(sink->context, "path", file->path, strlen(file->path));
        sink->text(sink->context, "error", strerror(file->error),
                   strlen(strerror(file->error)));
        sink->end(sink->context);
    }
}

static void
report_unreadable(struct job *job)
{
    const struct workload_sink *sink = job->run->sink;
    uint64_t named = 0;
    sink->number(sink->context, "unreadable",
                 count_errors(&job->files) + count_errors(&job->unreadable));
    sink->begin_array(sink->context, "unreadable_named");
    name_errors(job->run, &job->files, &named);
    name_errors(job->run, &job->unreadable, &named);
    sink->end(sink->context);
    if (named > NAMED_MAX)
        fprintf(job->run->messages, "index: and %" PRIu64 " more\n",
                named - NAMED_MAX);
}

static void
report_round(struct job *job)
{
    const struct workload_sink *sink = job->run->sink;
    const struct round *round = &job->round;
    void *context = sink->context;
    sink->number(context, "files", round->files);
    sink->number(context, "bytes", round->bytes);
    sink->number(context, "words", round->words);
    sink->number(context, "distinct_words", round->distinct);
    sink->number(context, "postings", round->postings);
    sink->number(context, "posting_bytes", round->stream_bytes);
    report_unreadable(job);
    index_print_top(job->run, job->table);
    index_print_queries(job->run, job->table, &job->files);
}

static void
invariant(const struct workload_run *run, const char *name, bool ok,
          const char *detail)
{
    run->sink->invariant(run->sink->context, name, ok, detail);
}

static void
check_rounds(const struct workload_run *run, const struct round *first,
             const struct round *last, uint64_t faults, uint64_t miscounted)
{
    char detail[DETAIL_BYTES];
    snprintf(detail, sizeof(detail),
             "%" PRIu64 " words read, %" PRIu64 " in postings, %" PRIu64
             " rounds differ",
             last->words, last->counted, miscounted);
    invariant(run, "words-are-in-postings", miscounted == 0, detail);

    snprintf(detail, sizeof(detail),
             "%" PRIu64 " words hashed again, %" PRIu64
             " postings decoded, %" PRIu64 " faults",
             last->distinct, last->postings, faults);
    invariant(run, "index-is-intact", faults == 0, detail);

    /* Files may change between rounds; then there is nothing to compare. */
    bool same = first->bytes == last->bytes && first->files == last->files;
    snprintf(detail, sizeof(detail),
             same ? "%" PRIu64 " and %" PRIu64 " distinct words"
                  : "the files changed meanwhile (%" PRIu64 ", %" PRIu64 ")",
             first->distinct, last->distinct);
    invariant(run, "rounds-agree",
              !same
                  || (first->words == last->words
                      && first->distinct == last->distinct),
              detail);
}

/* ---- the end: everything comes back ---------------------------------------------- */

struct before {
    uint64_t added, stopped, queued, executed;
    uint64_t descriptors_all, descriptors_below;
};

static struct before
look(const char *directory)
{
    return (struct before){
        .added = metric("/gc/cleanups/added:cleanups"),
        .stopped = metric("/gc/cleanups/stopped:cleanups"),
        .queued = metric("/gc/cleanups/queued:cleanups"),
        .executed = metric("/gc/cleanups/executed:cleanups"),
        .descriptors_all = index_descriptors_all(),
        .descriptors_below = index_descriptors_below(directory),
    };
}

/* Overwrites what earlier calls left on this stack: it is scanned
 * conservatively, and a stale word would keep an open file alive. */
static __attribute__((noinline)) void
scrub_stack(void)
{
    volatile unsigned char bytes[16384];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = 0;
}

static void
stirrer(void *arg)
{
    scrub_stack();
    tri_yield();
    tri_waitgroup_done(arg);
}

/* Lets every thread of the runtime do something else, for the same reason: a
 * stale word may lie on the stack of one that sleeps. */
static void
stir(void)
{
    struct tri_waitgroup done = { 0 };
    int64_t count = 4 * (int64_t)tri_set_procs(0);
    tri_waitgroup_add(&done, count);
    for (int64_t i = 0; i < count; i++)
        tri_go(stirrer, &done);
    tri_waitgroup_wait(&done);
}

/* Collects until the cleanups have closed every descriptor. */
static void
settle(const struct index_descriptors *descriptors)
{
    for (int i = 0; i < SETTLE_ROUNDS; i++) {
        stir();
        scrub_stack();
        tri_gc();
        tri_cleanup_drain(DRAIN_NS);
        uint64_t closed = descriptors->closed_early + index_closed_by_cleanup()
                        - descriptors->cleanup_base;
        if (closed == descriptors->opened)
            return;
    }
}

static void
check_descriptors(const struct workload_run *run,
                  const struct index_descriptors *descriptors,
                  const struct before *before, const struct before *after)
{
    char detail[DETAIL_BYTES];
    uint64_t by_cleanup = index_closed_by_cleanup() - descriptors->cleanup_base;
    uint64_t opened = descriptors->opened;
    uint64_t early = descriptors->closed_early;
    snprintf(detail, sizeof(detail),
             "%" PRIu64 " opened, %" PRIu64 " closed early, %" PRIu64
             " by cleanups; open below the directory: %" PRIu64
             " before, %" PRIu64 " after; in all: %" PRIu64 ", %" PRIu64,
             opened, early, by_cleanup, before->descriptors_below,
             after->descriptors_below, before->descriptors_all,
             after->descriptors_all);
    invariant(run, "descriptors-closed",
              opened == early + by_cleanup
                  && before->descriptors_below == after->descriptors_below,
              detail);

    snprintf(detail, sizeof(detail),
             "%" PRIu64 " early closes, %" PRIu64
             " of files the collector had taken already",
             early, (uint64_t)descriptors->not_cancelled);
    invariant(run, "early-close-is-exact", descriptors->not_cancelled == 0,
              detail);
}

static void
check_cleanups(const struct workload_run *run,
               const struct index_descriptors *descriptors,
               const struct before *before, const struct before *after)
{
    char detail[DETAIL_BYTES];
    uint64_t added = after->added - before->added;
    uint64_t stopped = after->stopped - before->stopped;
    uint64_t queued = after->queued - before->queued;
    uint64_t executed = after->executed - before->executed;
    uint64_t armed = metric("/gc/cleanups/armed:cleanups");
    uint64_t pending = metric("/gc/cleanups/pending:cleanups");
    snprintf(detail, sizeof(detail),
             "added %" PRIu64 " = stopped %" PRIu64 " + queued %" PRIu64
             " + armed %" PRIu64 "; queued = executed %" PRIu64
             " + pending %" PRIu64,
             added, stopped, queued, armed, executed, pending);
    invariant(run, "cleanups-accounted",
              after->added == after->stopped + after->queued + armed
                  && after->queued == after->executed + pending,
              detail);

    uint64_t by_cleanup = index_closed_by_cleanup() - descriptors->cleanup_base;
    snprintf(detail, sizeof(detail),
             "%" PRIu64 " added for %" PRIu64 " files, %" PRIu64
             " stopped for %" PRIu64 " early closes, %" PRIu64
             " run for %" PRIu64 " late ones",
             added, (uint64_t)descriptors->opened, stopped,
             (uint64_t)descriptors->closed_early, executed, by_cleanup);
    invariant(run, "cleanups-match-files",
              added == descriptors->opened
                  && stopped == descriptors->closed_early
                  && executed == by_cleanup,
              detail);
}

/* Room for descriptors: the soft limit is raised as far as it goes. */
static uint64_t
descriptor_limit(const struct workload_run *run)
{
    uint64_t wanted = (uint64_t)workload_int(run, "max_open");
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return wanted;
    if (limit.rlim_cur < limit.rlim_max && limit.rlim_cur < 2 * wanted) {
        limit.rlim_cur =
            2 * wanted < limit.rlim_max ? 2 * wanted : limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        getrlimit(RLIMIT_NOFILE, &limit);
    }
    uint64_t bound = limit.rlim_cur / 4 * 3;
    return wanted < bound ? wanted : bound > 0 ? bound : 1;
}

/*
 * TRI_DEBUG=sbrk: nothing is ever found dead, so no cleanup runs, and every file
 * is closed at once; otherwise the descriptors run out.  What is checked stays:
 * each cleanup is armed, and stopped exactly; none is run.
 */
static bool
nothing_is_freed(void)
{
    char value[32];
    const char *name;
    for (size_t i = 0; (name = tri_option_get(i, value, sizeof(value))) != NULL;
         i++)
        if (strcmp(name, "sbrk") == 0)
            return strcmp(value, "0") != 0;
    return false;
}

/* All rounds; the jobs are garbage once it returns. */
static __attribute__((noinline)) int
run_rounds(const struct workload_run *run,
           struct index_descriptors *descriptors)
{
    const struct workload_sink *sink = run->sink;
    int64_t rounds = workload_int(run, "rounds");
    uint64_t faults = 0;
    uint64_t miscounted = 0;
    struct round first = { 0 };
    struct job *job = NULL;
    sink->begin_array(sink->context, "round_wall_ns");
    for (int64_t i = 0; i < rounds; i++) {
        job = job_new(run, descriptors);
        int error = run_round(job);
        if (error != 0) {
            fputs("index: cannot read the directory ", run->messages);
            workload_print_name(run->messages, workload_text(run, "dir"),
                                strlen(workload_text(run, "dir")));
            fprintf(run->messages, ": %s\n", strerror(-error));
            return error;
        }
        if (i == 0)
            first = job->round;
        faults += job->round.faults;
        miscounted += job->round.words != job->round.counted;
        sink->number(sink->context, NULL, job->round.wall_ns);
    }
    sink->end(sink->context);
    report_round(job);
    check_rounds(run, &first, &job->round, faults, miscounted);
    return 0;
}

static int
run_index(const struct workload_run *run)
{
    const struct workload_sink *sink = run->sink;
    const char *directory = workload_text(run, "dir");
    struct index_descriptors descriptors = {
        .limit = descriptor_limit(run),
        .cleanup_base = index_closed_by_cleanup(),
        .seed = run->seed,
        .close_early_percent = nothing_is_freed()
                                 ? 100
                                 : (unsigned)workload_int(run, "close_early"),
    };
    struct before before = look(directory);
    int error = run_rounds(run, &descriptors);
    if (error != 0)
        return error;
    settle(&descriptors);
    struct before after = look(directory);
    check_descriptors(run, &descriptors, &before, &after);
    check_cleanups(run, &descriptors, &before, &after);
    sink->begin_object(sink->context, "descriptors");
    sink->number(sink->context, "opened", descriptors.opened);
    sink->number(sink->context, "closed_early", descriptors.closed_early);
    sink->number(sink->context, "closed_by_cleanup",
                 index_closed_by_cleanup() - descriptors.cleanup_base);
    sink->number(sink->context, "limit", descriptors.limit);
    sink->number(sink->context, "forced_collections", descriptors.reclaims);
    sink->end(sink->context);
    return 0;
}

const struct workload index_workload = {
    .name = "index",
    .summary = "inverted index of the words in every file below a directory",
    .params = params,
    .run = run_index,
};
