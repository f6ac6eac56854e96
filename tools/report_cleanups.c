/* SPDX-License-Identifier: MIT */
/*
 * tools/report_cleanups.c: cleanups by id, from add to the end of their run.
 *
 * A table from id to the time of its last step; a life that ended leaves it, so
 * it holds what is armed or pending and not all there ever was.
 */
#include "tools/report_cleanups.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_FIRST     1024u
#define WAITING_POINTS  4000u
#define BINS_PER_OCTAVE 4

struct life {
    uint64_t id; /* 0: empty */
    int64_t last_ns;
};

/* How many are queued and not yet run, over time. */
struct waiting {
    size_t count;
    uint64_t stride; /* every how manyth step is kept */
    uint64_t steps;
    int64_t time_ns[WAITING_POINTS];
    int64_t number[WAITING_POINTS];
};

struct cleanup_lives {
    struct life *table; /* open addressing, linear */
    size_t capacity;    /* a power of two */
    size_t used;        /* entries that are not empty */
    uint64_t added, stopped, queued, begun, ended;
    int64_t now_waiting;
    struct durations armed, wait, run;
    struct waiting waiting;
};

void
durations_add(struct durations *durations, int64_t ns)
{
    size_t bin = 0;
    if (ns > 1)
        bin = (size_t)(log2((double)ns) * BINS_PER_OCTAVE);
    if (bin >= DURATION_BINS)
        bin = DURATION_BINS - 1;
    durations->bins[bin]++;
    durations->count++;
    if (ns > durations->max_ns)
        durations->max_ns = ns;
}

static double
bin_start_ns(size_t bin)
{
    return exp2((double)bin / BINS_PER_OCTAVE);
}

/* Upper end of the bin in which the quantile lies; at most the maximum. */
static double
quantile_ns(const struct durations *durations, double part)
{
    uint64_t wanted = (uint64_t)ceil((double)durations->count * part);
    uint64_t seen = 0;
    for (size_t i = 0; i < DURATION_BINS; i++) {
        seen += durations->bins[i];
        if (seen >= wanted && seen > 0) {
            double end = bin_start_ns(i + 1);
            double max = (double)durations->max_ns;
            return end < max ? end : max;
        }
    }
    return 0;
}

json_t *
durations_json(const struct durations *durations)
{
    json_t *bins = json_array();
    for (size_t i = 0; i < DURATION_BINS; i++)
        if (durations->bins[i] > 0)
            json_array_append_new(bins,
                                  json_pack("[f, I]", bin_start_ns(i),
                                            (json_int_t)durations->bins[i]));
    return json_pack(
        "{s:I, s:f, s:f, s:f, s:I, s:i, s:o}", "count",
        (json_int_t)durations->count, "p50", quantile_ns(durations, 0.5), "p90",
        quantile_ns(durations, 0.9), "p99", quantile_ns(durations, 0.99), "max",
        (json_int_t)durations->max_ns, "bins_per_octave", BINS_PER_OCTAVE,
        "bins", bins);
}

/* ---- the table ---------------------------------------------------------- */

static size_t
home(const struct cleanup_lives *lives, uint64_t id)
{
    return (id * UINT64_C(0x9e3779b97f4a7c15)) >> 20 & (lives->capacity - 1);
}

static void
place(struct cleanup_lives *lives, struct life life)
{
    size_t i = home(lives, life.id);
    while (lives->table[i].id != 0)
        i = (i + 1) & (lives->capacity - 1);
    lives->table[i] = life;
    lives->used++;
}

static void
resize(struct cleanup_lives *lives, size_t capacity)
{
    struct life *before = lives->table;
    size_t count = lives->capacity;
    lives->table = calloc(capacity, sizeof(*lives->table));
    if (lives->table == NULL)
        abort();
    lives->capacity = capacity;
    lives->used = 0;
    for (size_t i = 0; i < count; i++)
        if (before[i].id != 0)
            place(lives, before[i]);
    free(before);
}

static struct life *
find(struct cleanup_lives *lives, uint64_t id)
{
    for (size_t i = home(lives, id); lives->table[i].id != 0;
         i = (i + 1) & (lives->capacity - 1))
        if (lives->table[i].id == id)
            return &lives->table[i];
    return NULL;
}

/* Backward-shift deletion: no tombstones. */
static void
forget(struct cleanup_lives *lives, struct life *life)
{
    size_t mask = lives->capacity - 1;
    size_t hole = (size_t)(life - lives->table);
    for (size_t i = (hole + 1) & mask; lives->table[i].id != 0;
         i = (i + 1) & mask) {
        size_t wanted = home(lives, lives->table[i].id);
        if (((i - wanted) & mask) >= ((i - hole) & mask)) {
            lives->table[hole] = lives->table[i];
            hole = i;
        }
    }
    lives->table[hole].id = 0;
    lives->used--;
}

struct cleanup_lives *
cleanup_lives_new(void)
{
    struct cleanup_lives *lives = calloc(1, sizeof(*lives));
    if (lives == NULL)
        abort();
    lives->waiting.stride = 1;
    resize(lives, TABLE_FIRST);
    return lives;
}

void
cleanup_lives_free(struct cleanup_lives *lives)
{
    free(lives->table);
    free(lives);
}

/* ---- steps --------------------------------------------------------------- */

static void
note_waiting(struct cleanup_lives *lives, int64_t time_ns, int change)
{
    struct waiting *waiting = &lives->waiting;
    lives->now_waiting += change;
    if (waiting->steps++ % waiting->stride != 0)
        return;
    if (waiting->count == WAITING_POINTS) {
        waiting->count /= 2;
        waiting->stride *= 2;
        for (size_t i = 0; i < waiting->count; i++) {
            waiting->time_ns[i] = waiting->time_ns[2 * i];
            waiting->number[i] = waiting->number[2 * i];
        }
    }
    waiting->time_ns[waiting->count] = time_ns;
    waiting->number[waiting->count++] = lives->now_waiting;
}

/* Time since the life's last step, which is now this one. */
static void
measure(struct cleanup_lives *lives, struct durations *durations, uint64_t id,
        int64_t time_ns)
{
    struct life *life = find(lives, id);
    if (life == NULL)
        return; /* the trace began later */
    durations_add(durations, time_ns - life->last_ns);
    life->last_ns = time_ns;
}

static void
end_life(struct cleanup_lives *lives, uint64_t id)
{
    struct life *life = find(lives, id);
    if (life != NULL)
        forget(lives, life);
}

void
cleanup_lives_step(struct cleanup_lives *lives, enum cleanup_step step,
                   uint64_t id, int64_t time_ns)
{
    if (id == 0)
        return;
    switch (step) {
    case CLEANUP_ADD:
        lives->added++;
        if (4 * (lives->used + 1) > 3 * lives->capacity)
            resize(lives, 2 * lives->capacity);
        place(lives, (struct life){ .id = id, .last_ns = time_ns });
        break;
    case CLEANUP_STOP:
        lives->stopped++;
        end_life(lives, id);
        break;
    case CLEANUP_QUEUE:
        lives->queued++;
        measure(lives, &lives->armed, id, time_ns);
        note_waiting(lives, time_ns, 1);
        break;
    case CLEANUP_BEGIN:
        lives->begun++;
        measure(lives, &lives->wait, id, time_ns);
        note_waiting(lives, time_ns, -1);
        break;
    case CLEANUP_END:
        lives->ended++;
        measure(lives, &lives->run, id, time_ns);
        end_life(lives, id);
        break;
    }
}

json_t *
cleanup_lives_json(const struct cleanup_lives *lives)
{
    json_t *times = json_array();
    json_t *numbers = json_array();
    for (size_t i = 0; i < lives->waiting.count; i++) {
        json_array_append_new(times, json_integer(lives->waiting.time_ns[i]));
        json_array_append_new(numbers, json_integer(lives->waiting.number[i]));
    }
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:{s:o, s:o}, s:o, s:o, s:o}", "added",
        (json_int_t)lives->added, "stopped", (json_int_t)lives->stopped,
        "queued", (json_int_t)lives->queued, "begun", (json_int_t)lives->begun,
        "executed", (json_int_t)lives->ended, "waiting", "t", times, "n",
        numbers, "armed_ns", durations_json(&lives->armed), "wait_ns",
        durations_json(&lives->wait), "run_ns", durations_json(&lives->run));
}
