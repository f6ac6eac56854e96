/* SPDX-License-Identifier: MIT */
/*
 * bench/cases/goroutine.c: goroutines, and what they meet at.
 *
 * On one P the figure is the scheduler's own work; on two it has the wake-ups
 * between processors in it.
 */
#include "bench/bench.h"

/* ---- create, run, exit ---------------------------------------------------------- */

#define AT_ONCE 100

static void
leave(void *arg)
{
    tri_waitgroup_done(arg);
}

/* In flocks of 100: a pass is one goroutine from tri_go to its end, with its
 * share of one wait. */
static void
create_and_exit(struct tri_bench_state *state)
{
    struct tri_waitgroup done = { 0 };
    TRI_BENCH_LOOP(state)
    {
        /* left_ counts down: wait after every hundredth, and the last. */
        tri_waitgroup_add(&done, 1);
        tri_go(leave, &done);
        if (left_ % AT_ONCE == 1)
            tri_waitgroup_wait(&done);
    }
}

TRI_BENCH(create_exit, .name = "goroutine/create_exit/procs:1", .procs = 1)
{
    create_and_exit(state);
}

TRI_BENCH(create_exit_2, .name = "goroutine/create_exit/procs:2", .procs = 2)
{
    create_and_exit(state);
}

/* ---- yield ------------------------------------------------------------------------ */

static void
yield_passes(void *unused, int64_t passes)
{
    (void)unused;
    for (; passes > 0; passes--)
        tri_yield();
}

TRI_BENCH(yield, .name = "goroutine/yield/procs:1", .procs = 1, .goroutines = 2)
{
    tri_bench_parallel(state, yield_passes, NULL);
}

TRI_BENCH(yield_2, .name = "goroutine/yield/procs:2", .procs = 2,
          .goroutines = 4)
{
    tri_bench_parallel(state, yield_passes, NULL);
}

/* ---- channels ----------------------------------------------------------------------- */

struct table_tennis {
    struct tri_chan *there;
    struct tri_chan *back;
};

static void
return_balls(void *arg)
{
    const struct table_tennis *game = arg;
    int64_t ball;
    while (tri_chan_recv(game->there, &ball))
        tri_chan_send(game->back, &ball);
    tri_chan_close(game->back);
}

/* A pass is there and back: two hand-overs on channels without a buffer. */
static void
ping_pong(struct tri_bench_state *state)
{
    struct table_tennis game = { tri_chan_make(sizeof(int64_t), 0),
                                 tri_chan_make(sizeof(int64_t), 0) };
    tri_go(return_balls, &game);
    int64_t ball = 0;
    TRI_BENCH_LOOP(state)
    {
        ball++;
        tri_chan_send(game.there, &ball);
        tri_chan_recv(game.back, &ball);
    }
    tri_chan_close(game.there);
    /* Closed: the other goroutine no longer needs our frame. */
    if (tri_chan_recv(game.back, NULL) || ball != state->iterations)
        tri_bench_fail(state, "a ball was lost");
    tri_bench_items(state, 2);
}

TRI_BENCH(ping, .name = "chan/ping_pong/procs:1", .procs = 1)
{
    ping_pong(state);
}

TRI_BENCH(ping_2, .name = "chan/ping_pong/procs:2", .procs = 2)
{
    ping_pong(state);
}

/* Never full, never empty: the channel's own cost. */
TRI_BENCH(buffered, .name = "chan/buffered_send_recv")
{
    struct tri_chan *chan = tri_chan_make(sizeof(int64_t), 64);
    int64_t number = 7;
    TRI_BENCH_LOOP(state)
    {
        tri_chan_send(chan, &number);
        tri_chan_recv(chan, &number);
    }
    tri_keepalive(chan);
    if (number != 7)
        tri_bench_fail(state, "a number was lost");
}

/* ---- mutex ---------------------------------------------------------------------------- */

struct guarded {
    struct tri_mutex mutex;
    int64_t count;
};

static void
lock_passes(void *shared, int64_t passes)
{
    struct guarded *guarded = shared;
    for (; passes > 0; passes--) {
        tri_mutex_lock(&guarded->mutex);
        *(volatile int64_t *)&guarded->count += 1;
        tri_mutex_unlock(&guarded->mutex);
    }
}

static void
lock_and_count(struct tri_bench_state *state)
{
    struct guarded guarded = { .count = 0 };
    tri_bench_parallel(state, lock_passes, &guarded);
    if (guarded.count != state->iterations)
        tri_bench_fail(state, "the mutex let two in at once");
}

TRI_BENCH(mutex, .name = "mutex/uncontended")
{
    lock_and_count(state);
}

TRI_BENCH(mutex_2, .name = "mutex/goroutines:2", .goroutines = 2)
{
    lock_and_count(state);
}

TRI_BENCH(mutex_1000, .name = "mutex/goroutines:1000", .goroutines = 1000)
{
    lock_and_count(state);
}
