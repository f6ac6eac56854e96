/* SPDX-License-Identifier: MIT */
/*
 * bench/workloads/index.h: the parts of the `index` workload.
 *
 *   index.c         the run: rounds, workers, invariants, result
 *   index_files.c   walking the tree, opening files, closing descriptors
 *   index_scan.c    bytes of one file -> words with their positions
 *   index_table.c   words of all files -> postings, shared by the workers
 *   index_print.c   the most frequent words, answers to queries
 *
 *   walker --paths--> channel --> worker 1..N: open, read, scan --> table
 *
 * Every object below lives in the managed heap.  Rules:
 *
 *   INDEX-1  A heap pointer never rests in malloc'ed memory (so no qsort over
 *            arrays of words); otherwise the collector does not see it.
 *            Argued, no test: there is no place that does.
 *   INDEX-2  An open file is kept alive until the last use of its descriptor
 *            (tri_keepalive); otherwise its cleanup closes the descriptor, and
 *            another file may get the number, while it is being read.  Argued,
 *            no test: the compiler keeps the file by itself mostly.
 *   INDEX-3  A descriptor is closed by whoever cancelled the cleanup, or by
 *            the cleanup; never by both, never by neither.
 *   INDEX-4  errno is read only in functions that are not inlined and do not
 *            switch; otherwise the compiler may have kept the address of
 *            another thread's errno over a switch.  Argued, no test: as TLS-1,
 *            of which it is a case.
 */
#ifndef TRI_BENCH_INDEX_H
#define TRI_BENCH_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tricolor/tricolor.h>

#include "bench/workloads/workload.h"

extern const struct workload index_workload;

/* ---- the table: word -> postings (index_table.c) ------------------------- */

/*
 * A word's postings are one stream of bytes over a chain of chunks that double
 * in size.  A posting: varints {file, count, first position, count - 1 gaps}.
 * A file may have several postings, when it is longer than one batch.  Streams
 * cost about two bytes a position where an array would cost eight.
 */
struct index_chunk {
    struct index_chunk *next;
    uint32_t used;
    uint32_t capacity;
    unsigned char data[];
};

struct index_word {
    struct index_word *next; /* in its bucket */
    char *text;              /* lower case, not terminated, noscan */
    struct index_chunk *head;
    struct index_chunk *tail;
    uint64_t count; /* occurrences in all files */
    size_t bytes;
    uint32_t hash;
};

struct index_table;

struct index_table *index_table_new(void);
/* Appends one posting of `count` occurrences.  From any worker. */
void index_table_add(struct index_table *table, const unsigned char *text,
                     size_t bytes, uint32_t hash, const unsigned char *posting,
                     size_t posting_bytes, uint32_t count);
/* The rest only after the workers are done. */
struct index_word *index_table_find(struct index_table *table,
                                    const unsigned char *text, size_t bytes);
void index_table_each(struct index_table *table,
                      void (*visit)(struct index_word *word, void *arg),
                      void *arg);

/* Reads a word's stream from the front. */
struct index_cursor {
    const struct index_chunk *chunk;
    uint32_t at;
};
struct index_cursor index_cursor_of(const struct index_word *word);
/* False: the stream is at its end. */
bool index_cursor_next(struct index_cursor *cursor, uint64_t *number);

uint32_t index_hash(const unsigned char *text, size_t bytes);
/* Writes at most 10 bytes, returns how many. */
size_t index_put_number(unsigned char *to, uint64_t number);

/* FNV-1a over 64 bits, folded: cheap enough to run once per byte read. */
#define INDEX_HASH_START UINT64_C(0xcbf29ce484222325)
#define INDEX_HASH_STEP  UINT64_C(0x100000001b3)
static inline uint32_t
index_hash_end(uint64_t state)
{
    return (uint32_t)(state ^ (state >> 32));
}

/* ---- scanning (index_scan.c) ---------------------------------------------- */

struct index_scan;

struct index_scan *index_scan_new(struct index_table *table);
/* One file: begin, its bytes in any number of pieces, end. */
void index_scan_begin(struct index_scan *scan, uint32_t file);
void index_scan_bytes(struct index_scan *scan, const unsigned char *bytes,
                      size_t length);
/* Returns the number of words in the file. */
uint64_t index_scan_end(struct index_scan *scan);

/* ---- files (index_files.c) ------------------------------------------------- */

/* A file found below the directory; its number is its place in the list. */
struct index_file {
    char *path; /* noscan, terminated */
    uint64_t bytes;
    uint64_t words;
    uint32_t number;
    int error; /* errno, where it could not be read */
};

/* All files, and the directories that could not be read. */
struct index_files {
    struct index_file **list;
    size_t count;
    size_t capacity;
};

/* Descriptors: counted when opened and where closed. */
struct index_descriptors {
    uint64_t limit;        /* collect when so many are open */
    uint64_t cleanup_base; /* index_closed_by_cleanup() at the start */
    uint64_t seed;
    unsigned close_early_percent;
    struct tri_mutex reclaiming;
    _Atomic uint64_t opened;
    _Atomic uint64_t closed_early;
    _Atomic uint64_t not_cancelled; /* early closes whose cleanup had run */
    _Atomic uint64_t reclaims;
};

/* An open descriptor with the buffer to read through; see INDEX-2, INDEX-3. */
struct index_open {
    unsigned char *buffer;
    size_t buffer_bytes;
    struct tri_cleanup cleanup;
    int descriptor;
};

/* Appends to the list. */
struct index_file *index_files_add(struct index_files *files,
                                   const char *directory, const char *name);
/*
 * Sends every regular file below the directory into the channel, as pointers
 * to index_file; symbolic links are not followed.  -errno when the directory
 * itself cannot be read.
 */
int index_walk(const char *directory, struct index_files *files,
               struct index_files *unreadable, struct tri_chan *paths,
               struct workload_progress *progress);

/* NULL, *error set: it cannot be read.  *error 0: not a regular file now. */
struct index_open *index_open(struct index_descriptors *descriptors,
                              const struct index_file *file, int *error);
/* The next bytes, 0 at the end, -errno. */
int64_t index_read(struct index_open *open);
/* Done with it: closes it now or leaves it to the collector. */
void index_finish(struct index_descriptors *descriptors,
                  struct index_open *open, uint32_t number);

/* Descriptors closed by cleanups so far in this process. */
uint64_t index_closed_by_cleanup(void);
/* Descriptors of this process that refer to files below the directory. */
uint64_t index_descriptors_below(const char *directory);
/* All descriptors of this process. */
uint64_t index_descriptors_all(void);

/* ---- printing (index_print.c) ---------------------------------------------- */

/* The `top` words with the highest counts, ties by word: a heap array of
 * words, its length in *count. */
struct index_word **index_top(struct index_table *table, size_t top,
                              size_t *count);
void index_print_top(const struct workload_run *run, struct index_table *table);
void index_print_queries(const struct workload_run *run,
                         struct index_table *table,
                         const struct index_files *files);

#endif /* TRI_BENCH_INDEX_H */
