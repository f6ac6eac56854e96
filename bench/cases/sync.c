/* SPDX-License-Identifier: MIT */
/*
 * bench/cases/sync.c: select, reader-writer mutexes, conditions, semaphores,
 * once.  The mutex and single channels are in goroutine.c.
 */
#include "bench/bench.h"

enum {
    CASES = 4
};

/* ---- select ------------------------------------------------------------------- */

static void
fill(struct tri_select_case *cases, size_t capacity, int64_t *element)
{
    for (int i = 0; i < CASES; i++)
        cases[i] = (struct tri_select_case){
            .chan = tri_chan_make(sizeof(int64_t), capacity),
            .element = element,
            .op = TRI_SELECT_RECV,
        };
}

/* `ready` of four are; a number is put where the one that was taken lay, or `step`
 * further. */
static void
take_and_refill(struct tri_bench_state *state, size_t ready, size_t step)
{
    struct tri_select_case cases[CASES];
    int64_t number = 7;
    fill(cases, 1, &number);
    for (size_t i = 0; i < ready; i++)
        tri_chan_send(cases[i].chan, &number);
    TRI_BENCH_LOOP(state)
    {
        size_t i = tri_select(cases, CASES);
        tri_chan_send(cases[(i + step) % CASES].chan, &number);
    }
    if (number != 7)
        tri_bench_fail(state, "a number was lost");
}

TRI_BENCH(select_one, .name = "select/cases:4/ready:1")
{
    take_and_refill(state, 1, 1);
}

TRI_BENCH(select_all, .name = "select/cases:4/ready:4")
{
    take_and_refill(state, CASES, 0);
}

TRI_BENCH(select_none, .name = "select/cases:4/default")
{
    struct tri_select_case cases[CASES];
    int64_t number = 7;
    fill(cases, 1, &number);
    size_t taken = 0;
    TRI_BENCH_LOOP(state)
    taken += tri_try_select(cases, CASES) != CASES;
    if (taken != 0)
        tri_bench_fail(state, "something came from nowhere");
}

struct answer {
    struct tri_chan *ask;
    struct tri_chan *to;
};

static void
answer(void *arg)
{
    struct answer *game = arg;
    int64_t number;
    while (tri_chan_recv(game->ask, &number))
        tri_chan_send(game->to, &number);
    tri_chan_close(game->to);
}

/* Each select of four waits until it is answered on the last of them. */
TRI_BENCH(select_wait, .name = "select/cases:4/wait", .procs = 1)
{
    struct tri_select_case cases[CASES];
    int64_t number = 7;
    fill(cases, 0, &number);
    struct answer game = { tri_chan_make(sizeof(int64_t), 0),
                           cases[CASES - 1].chan };
    tri_go(answer, &game);
    int64_t got = 0;
    TRI_BENCH_LOOP(state)
    {
        tri_chan_send(game.ask, &number);
        got += tri_select(cases, CASES) == CASES - 1;
    }
    tri_chan_close(game.ask);
    if (tri_chan_recv(game.to, NULL) || got != state->iterations)
        tri_bench_fail(state, "an answer was lost");
}

/* ---- reader-writer mutex -------------------------------------------------------- */

struct guarded {
    struct tri_rwmutex mutex;
    int64_t count;
};

static void
read_passes(void *shared, int64_t passes)
{
    struct guarded *guarded = shared;
    for (; passes > 0; passes--) {
        tri_rwmutex_rlock(&guarded->mutex);
        tri_keepalive(guarded);
        tri_rwmutex_runlock(&guarded->mutex);
    }
}

TRI_BENCH(rwmutex_read, .name = "rwmutex/read")
{
    struct guarded guarded = { .count = 0 };
    tri_bench_parallel(state, read_passes, &guarded);
}

TRI_BENCH(rwmutex_read_2, .name = "rwmutex/read/goroutines:2", .goroutines = 2)
{
    struct guarded guarded = { .count = 0 };
    tri_bench_parallel(state, read_passes, &guarded);
}

static void
write_passes(void *shared, int64_t passes)
{
    struct guarded *guarded = shared;
    for (; passes > 0; passes--) {
        tri_rwmutex_lock(&guarded->mutex);
        *(volatile int64_t *)&guarded->count += 1;
        tri_rwmutex_unlock(&guarded->mutex);
    }
}

TRI_BENCH(rwmutex_write, .name = "rwmutex/write")
{
    struct guarded guarded = { .count = 0 };
    tri_bench_parallel(state, write_passes, &guarded);
    if (guarded.count != state->iterations)
        tri_bench_fail(state, "the mutex let two in at once");
}

/* One write to ten reads, two goroutines. */
static void
mixed_passes(void *shared, int64_t passes)
{
    for (; passes > 0; passes--)
        if (passes % 10 == 0)
            write_passes(shared, 1);
        else
            read_passes(shared, 1);
}

TRI_BENCH(rwmutex_mixed, .name = "rwmutex/write_10th/goroutines:2",
          .goroutines = 2)
{
    struct guarded guarded = { .count = 0 };
    tri_bench_parallel(state, mixed_passes, &guarded);
}

/* ---- condition -------------------------------------------------------------------- */

struct turns {
    struct tri_mutex mutex;
    struct tri_cond changed;
    int64_t turn;
    int64_t last;
};

static void
take_turns(struct turns *turns, int64_t mine)
{
    tri_mutex_lock(&turns->mutex);
    while (turns->turn < turns->last) {
        while (turns->turn % 2 != mine && turns->turn < turns->last)
            tri_cond_wait(&turns->changed, &turns->mutex);
        turns->turn++;
        tri_cond_signal(&turns->changed);
    }
    tri_mutex_unlock(&turns->mutex);
}

struct partner {
    struct turns *turns;
    struct tri_waitgroup done;
};

static void
take_odd_turns(void *arg)
{
    struct partner *partner = arg;
    take_turns(partner->turns, 1);
    tri_waitgroup_done(&partner->done);
}

/* A pass is two turns: two waits, two signals. */
TRI_BENCH(cond, .name = "cond/ping_pong/procs:1", .procs = 1)
{
    struct turns turns = { .last = state->iterations * 2 };
    struct partner partner = { .turns = &turns };
    tri_waitgroup_add(&partner.done, 1);
    tri_go(take_odd_turns, &partner);
    int64_t passes = tri_bench_begin(state);
    (void)passes;
    take_turns(&turns, 0);
    tri_bench_end(state);
    tri_waitgroup_wait(&partner.done);
}

/* ---- semaphore, once ----------------------------------------------------------------- */

TRI_BENCH(sem, .name = "sem/uncontended")
{
    struct tri_sem sem = TRI_SEM_INIT(3);
    TRI_BENCH_LOOP(state)
    {
        tri_sem_acquire(&sem, 2);
        tri_sem_release(&sem, 2);
    }
    if (!tri_sem_try_acquire(&sem, 3))
        tri_bench_fail(state, "units were lost");
}

static void
sem_passes(void *shared, int64_t passes)
{
    for (; passes > 0; passes--) {
        tri_sem_acquire(shared, 1);
        tri_sem_release(shared, 1);
    }
}

TRI_BENCH(sem_2, .name = "sem/goroutines:2", .goroutines = 2)
{
    struct tri_sem sem = TRI_SEM_INIT(1);
    tri_bench_parallel(state, sem_passes, &sem);
}

static void
do_nothing(void *unused)
{
    (void)unused;
}

TRI_BENCH(once, .name = "once/done")
{
    static struct tri_once once;
    TRI_BENCH_LOOP(state)
    {
        tri_once_do(&once, do_nothing, NULL);
        tri_keepalive(&once);
    }
}
