/* SPDX-License-Identifier: MIT */
/*
 * bench/workloads/index_print.c: the most frequent words, answers to queries.
 *
 * The order is that of `sort -k1,1nr -k2,2` over `uniq -c` in the C locale.
 * The best `top` words are kept in a binary heap whose root is the worst of
 * them, and then taken out worst first: one algorithm for selecting and for
 * sorting, with every move through TRI_STORE (INDEX-1 forbids qsort here).
 */
#include "bench/workloads/index.h"

#include <inttypes.h>
#include <string.h>

#define SINK_WORDS_MAX 1000u /* words handed to the sink */
#define SINK_TEXT_MAX  200u  /* bytes of one of them */

struct word_slot {
    struct index_word *word;
};
TRI_TYPE(word_slot_type, struct word_slot, word);

struct top {
    struct index_word **heap; /* the worst first */
    size_t count;
    size_t capacity;
};

/* Does a come after b in the list? */
static bool
worse(const struct index_word *a, const struct index_word *b)
{
    if (a->count != b->count)
        return a->count < b->count;
    size_t common = a->bytes < b->bytes ? a->bytes : b->bytes;
    int order = memcmp(a->text, b->text, common);
    return order != 0 ? order > 0 : a->bytes > b->bytes;
}

/* Puts `word` where the root was and lets it sink. */
static void
sift_down(struct index_word **heap, size_t count, struct index_word *word)
{
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count)
            break;
        if (child + 1 < count && worse(heap[child + 1], heap[child]))
            child++;
        if (!worse(heap[child], word))
            break;
        TRI_STORE(&heap[at], heap[child]);
        at = child;
    }
    TRI_STORE(&heap[at], word);
}

static void
sift_up(struct index_word **heap, size_t at, struct index_word *word)
{
    while (at > 0 && worse(word, heap[(at - 1) / 2])) {
        TRI_STORE(&heap[at], heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    TRI_STORE(&heap[at], word);
}

static void
count_word(struct index_word *word, void *arg)
{
    (void)word;
    ++*(size_t *)arg;
}

static void
offer(struct index_word *word, void *arg)
{
    struct top *top = arg;
    if (top->count < top->capacity)
        sift_up(top->heap, top->count++, word);
    else if (worse(top->heap[0], word))
        sift_down(top->heap, top->count, word);
}

struct index_word **
index_top(struct index_table *table, size_t wanted, size_t *count)
{
    struct top top = { .capacity = 0 };
    index_table_each(table, count_word, &top.capacity);
    if (top.capacity > wanted)
        top.capacity = wanted;
    *count = top.capacity;
    if (top.capacity == 0)
        return NULL;
    top.heap = tri_new_array(&word_slot_type, top.capacity);
    index_table_each(table, offer, &top);
    while (top.count > 1) {
        struct index_word *worst = top.heap[0];
        struct index_word *last = top.heap[--top.count];
        sift_down(top.heap, top.count, last);
        TRI_STORE(&top.heap[top.count], worst);
    }
    return top.heap;
}

void
index_print_top(const struct workload_run *run, struct index_table *table)
{
    const struct workload_sink *sink = run->sink;
    size_t count;
    struct index_word **words =
        index_top(table, (size_t)workload_int(run, "top"), &count);
    sink->begin_array(sink->context, "top");
    for (size_t i = 0; i < count; i++) {
        const struct index_word *word = words[i];
        fprintf(run->out, "%" PRIu64 " ", word->count);
        fwrite(word->text, 1, word->bytes, run->out);
        fputc('\n', run->out);
        if (i >= SINK_WORDS_MAX)
            continue;
        sink->begin_object(sink->context, NULL);
        sink->text(sink->context, "word", word->text,
                   word->bytes < SINK_TEXT_MAX ? word->bytes : SINK_TEXT_MAX);
        sink->number(sink->context, "count", word->count);
        sink->end(sink->context);
    }
    sink->end(sink->context);
}

/* ---- queries -------------------------------------------------------------------- */

/* The files of one word, in the order found. */
struct answer {
    const struct workload_run *run;
    const struct index_files *files;
    const struct index_word *word;
    uint64_t *counts; /* per file, noscan */
    uint64_t file_count;
};

/* Occurrences per file.  A long file has several postings. */
static void
count_files(struct answer *answer)
{
    struct index_cursor cursor = index_cursor_of(answer->word);
    uint64_t file, count, gap;
    while (index_cursor_next(&cursor, &file)
           && index_cursor_next(&cursor, &count)) {
        answer->file_count += answer->counts[file] == 0;
        answer->counts[file] += count;
        for (uint64_t i = 0; i < count; i++)
            index_cursor_next(&cursor, &gap);
    }
}

/* The first `limit` positions in one file. */
static void
print_positions(const struct answer *answer, uint64_t wanted, uint64_t limit)
{
    const struct workload_sink *sink = answer->run->sink;
    struct index_cursor cursor = index_cursor_of(answer->word);
    uint64_t file, count, gap;
    uint64_t printed = 0;
    sink->begin_array(sink->context, "positions");
    while (printed < limit && index_cursor_next(&cursor, &file)
           && index_cursor_next(&cursor, &count)) {
        uint64_t position = 0;
        for (uint64_t i = 0; i < count; i++) {
            index_cursor_next(&cursor, &gap);
            position += gap;
            if (file != wanted || printed >= limit)
                continue;
            fprintf(answer->run->out, " %" PRIu64, position);
            sink->number(sink->context, NULL, position);
            printed++;
        }
    }
    sink->end(sink->context);
}

/* The file with the most occurrences that was not printed yet. */
static size_t
next_file(const struct answer *answer)
{
    size_t best = 0;
    for (size_t i = 1; i < answer->files->count; i++) {
        uint64_t count = answer->counts[i];
        if (count > answer->counts[best]
            || (count > 0 && count == answer->counts[best]
                && strcmp(answer->files->list[i]->path,
                          answer->files->list[best]->path)
                       < 0))
            best = i;
    }
    return best;
}

static void
print_files(struct answer *answer)
{
    const struct workload_sink *sink = answer->run->sink;
    uint64_t limit = (uint64_t)workload_int(answer->run, "hits");
    uint64_t shown = limit < answer->file_count ? limit : answer->file_count;
    for (uint64_t i = 0; i < shown; i++) {
        size_t file = next_file(answer);
        const char *path = answer->files->list[file]->path;
        fputs("  ", answer->run->out);
        workload_print_name(answer->run->out, path, strlen(path));
        fprintf(answer->run->out, ": %" PRIu64 ", at", answer->counts[file]);
        sink->begin_object(sink->context, NULL);
        sink->text(sink->context, "path", path, strlen(path));
        sink->number(sink->context, "count", answer->counts[file]);
        print_positions(answer, file, limit);
        fprintf(answer->run->out, "%s\n",
                answer->counts[file] > limit ? " ..." : "");
        sink->end(sink->context);
        answer->counts[file] = 0;
    }
    if (shown < answer->file_count)
        fprintf(answer->run->out, "  and %" PRIu64 " more files\n",
                answer->file_count - shown);
}

static void
print_query(const struct workload_run *run, struct index_table *table,
            const struct index_files *files, const char *text)
{
    const struct workload_sink *sink = run->sink;
    size_t bytes = strlen(text);
    unsigned char *folded = tri_alloc_noscan(bytes + 1);
    for (size_t i = 0; i < bytes; i++)
        folded[i] = (unsigned char)(text[i] >= 'A' && text[i] <= 'Z'
                                        ? text[i] - 'A' + 'a'
                                        : text[i]);
    struct answer answer = { .run = run, .files = files };
    answer.word = index_table_find(table, folded, bytes);
    if (answer.word != NULL) {
        answer.counts = tri_alloc_noscan(files->count * sizeof(uint64_t));
        count_files(&answer);
    }
    uint64_t count = answer.word != NULL ? answer.word->count : 0;
    workload_print_name(run->out, (const char *)folded, bytes);
    fprintf(run->out, ": %" PRIu64 " times in %" PRIu64 " files\n", count,
            answer.file_count);
    sink->begin_object(sink->context, NULL);
    sink->text(sink->context, "word", (const char *)folded, bytes);
    sink->number(sink->context, "count", count);
    sink->number(sink->context, "files", answer.file_count);
    sink->begin_array(sink->context, "hits");
    print_files(&answer);
    sink->end(sink->context);
    sink->end(sink->context);
}

void
index_print_queries(const struct workload_run *run, struct index_table *table,
                    const struct index_files *files)
{
    const struct workload_values *queries = workload_list(run, "query");
    run->sink->begin_array(run->sink->context, "queries");
    for (size_t i = 0; i < queries->count; i++)
        print_query(run, table, files, queries->texts[i]);
    run->sink->end(run->sink->context);
}
