/* SPDX-License-Identifier: MIT */
/*
 * bench/cases/store.c: what a store of a pointer costs, by what the collector
 * does meanwhile.
 */
#include <stdlib.h>

#include "bench/bench.h"

struct cell {
    struct cell *value;
    uint64_t data;
};
TRI_TYPE(cell_type, struct cell, value);

#define CELLS 512 /* 8 KiB of slots: in the first cache */

/* One array whose words are pointers, full, and one cell they all point at. */
struct target {
    struct cell *cells;
    struct cell *value;
};

static struct target
make_target(void)
{
    struct target target = { tri_new_array(&cell_type, CELLS),
                             tri_new(&cell_type) };
    for (size_t i = 0; i < CELLS; i++)
        TRI_STORE(&target.cells[i].value, target.value);
    return target;
}

TRI_BENCH(store_plain, .name = "store/plain", .gc_off = true)
{
    struct target target = make_target();
    size_t i = 0;
    TRI_BENCH_LOOP(state)
    {
        __atomic_store_n(&target.cells[i].value, target.value,
                         __ATOMIC_RELEASE);
        i = (i + 1) % CELLS;
    }
    tri_keepalive(target.cells);
}

TRI_BENCH(store_off, .name = "store/collector_off", .gc_off = true)
{
    struct target target = make_target();
    size_t i = 0;
    TRI_BENCH_LOOP(state)
    {
        TRI_STORE(&target.cells[i].value, target.value);
        i = (i + 1) % CELLS;
    }
    tri_keepalive(target.cells);
}

/* ---- while marking ------------------------------------------------------------ */
/*
 * A goroutine collects without pause over a heap of lists that takes long to
 * mark.  The stores go in pieces of some microseconds; a piece counts where the
 * collector was marking before it and after it.  (That a cycle ended and another
 * began within a piece takes longer than a piece.)
 */

struct link {
    struct link *next;
    uint64_t data[7];
};
TRI_TYPE(link_type, struct link, next);
struct list {
    struct link *head;
};
TRI_TYPE(list_type, struct list, head);

#define LISTS      512
#define LIST_LINKS 2048 /* 1 M links of 64 bytes: 64 MiB */
#define PIECE      1024

struct collecting {
    struct list *lists;
    struct tri_waitgroup done;
    bool stop; /* atomic */
};

static void
collect_without_pause(void *arg)
{
    struct collecting *collecting = arg;
    while (!__atomic_load_n(&collecting->stop, __ATOMIC_RELAXED))
        tri_gc();
    tri_waitgroup_done(&collecting->done);
}

static void
start_collecting(struct collecting *collecting)
{
    collecting->lists = tri_new_array(&list_type, LISTS);
    for (size_t i = 0; i < LISTS; i++) {
        for (size_t k = 0; k < LIST_LINKS; k++) {
            struct link *link = tri_new(&link_type);
            TRI_STORE(&link->next, collecting->lists[i].head);
            TRI_STORE(&collecting->lists[i].head, link);
        }
    }
    tri_waitgroup_add(&collecting->done, 1);
    tri_go(collect_without_pause, collecting);
}

static void
stop_collecting(struct collecting *collecting)
{
    __atomic_store_n(&collecting->stop, true, __ATOMIC_RELAXED);
    tri_waitgroup_wait(&collecting->done);
    tri_keepalive(collecting->lists);
}

static bool
marking(void)
{
    return __atomic_load_n(&tri_barrier_on, __ATOMIC_RELAXED) != 0;
}

/* Runs piece(arg) until state->iterations stores fell into marking. */
static void
while_marking(struct tri_bench_state *state, void (*piece)(void *arg),
              void *arg)
{
    struct collecting collecting = { 0 };
    start_collecting(&collecting);
    int64_t pieces = (state->iterations + PIECE - 1) / PIECE;
    int64_t counted = 0;
    int64_t tried = 0;
    int64_t spent_ns = 0;
    tri_bench_begin(state);
    for (; counted < pieces; tried++) {
        bool before = marking();
        int64_t start_ns = tri_bench_now_ns();
        piece(arg);
        int64_t piece_ns = tri_bench_now_ns() - start_ns;
        if (!before || !marking()) {
            tri_yield();
            continue;
        }
        counted++;
        spent_ns += piece_ns;
    }
    tri_bench_set_seconds(state, (double)spent_ns * 1e-9
                                     * (double)state->iterations
                                     / (double)(counted * PIECE));
    tri_bench_end(state);
    tri_bench_counter(state, "marking_share", (double)counted / (double)tried);
    stop_collecting(&collecting);
}

static void
store_piece(void *arg)
{
    const struct target *target = arg;
    for (size_t i = 0; i < PIECE; i++)
        TRI_STORE(&target->cells[i % CELLS].value, target->value);
}

TRI_BENCH(store_marking, .name = "store/marking", .manual_time = true)
{
    struct target target = make_target();
    while_marking(state, store_piece, &target);
    tri_keepalive(target.cells);
}

/* Swaps two cells' values over a table that is larger than the caches: what the
 * barrier records is often not marked yet. */
#define TABLE_CELLS ((size_t)1 << 18)

struct table {
    struct cell *cells;
    uint64_t random;
};

static uint64_t
draw(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

static void
swap_piece(void *arg)
{
    struct table *table = arg;
    for (size_t i = 0; i < PIECE / 2; i++) {
        struct cell *a = &table->cells[draw(&table->random) % TABLE_CELLS];
        struct cell *b = &table->cells[draw(&table->random) % TABLE_CELLS];
        struct cell *old = a->value;
        TRI_STORE(&a->value, b->value);
        TRI_STORE(&b->value, old);
    }
}

TRI_BENCH(store_swap, .name = "store/marking_swaps", .manual_time = true)
{
    struct table table = { tri_new_array(&cell_type, TABLE_CELLS),
                           state->seed * 2 + 1 };
    for (size_t i = 0; i < TABLE_CELLS; i++)
        TRI_STORE(&table.cells[i].value, (struct cell *)tri_new(&cell_type));
    while_marking(state, swap_piece, &table);
    tri_keepalive(table.cells);
}
