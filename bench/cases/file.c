/* SPDX-License-Identifier: MIT */
/*
 * bench/cases/file.c: goroutines that wait for files.
 *
 * A ball goes to and fro between two goroutines over a socket pair, or over two
 * pipes: a pass is two writes, two reads, and two waits.  The same with a thread
 * that waits in read(2) between tri_blocking_begin and tri_blocking_end says what
 * the poller saves.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "bench/bench.h"

struct court {
    int in[2];  /* each side's own */
    int out[2]; /* may be the same */
    ssize_t (*get)(int fd, void *buffer, size_t bytes);
    struct tri_waitgroup done;
};

static ssize_t
read_and_block(int fd, void *buffer, size_t bytes)
{
    tri_blocking_begin();
    ssize_t got = read(fd, buffer, bytes);
    tri_blocking_end();
    return got;
}

static void
return_balls(void *arg)
{
    struct court *court = arg;
    int64_t ball;
    while (court->get(court->in[1], &ball, sizeof(ball)) == sizeof(ball))
        tri_write(court->out[1], &ball, sizeof(ball));
    tri_waitgroup_done(&court->done);
}

static void
play(struct tri_bench_state *state, struct court *court)
{
    bool lost = false;
    tri_waitgroup_add(&court->done, 1);
    tri_go(return_balls, court);
    int64_t ball = 0;
    TRI_BENCH_LOOP(state)
    {
        ball++;
        tri_write(court->out[0], &ball, sizeof(ball));
        lost |= court->get(court->in[0], &ball, sizeof(ball)) != sizeof(ball);
    }
    if (lost || ball != state->iterations)
        tri_bench_fail(state, "a ball was lost");
    tri_bench_items(state, 2);
    shutdown(court->out[0], SHUT_WR);
    if (court->out[0] != court->in[0])
        tri_close(court->out[0]);
    tri_waitgroup_wait(&court->done);
    tri_close(court->in[0]);
    tri_close(court->in[1]);
    if (court->out[1] != court->in[1])
        tri_close(court->out[1]);
}

static void
play_socket(struct tri_bench_state *state,
            ssize_t (*get)(int fd, void *buffer, size_t bytes))
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        tri_bench_fail(state, "no socket pair");
        return;
    }
    struct court court = {
        { ends[0], ends[1] }, { ends[0], ends[1] }, get, { 0 }
    };
    play(state, &court);
}

static void
play_pipe(struct tri_bench_state *state)
{
    int there[2], back[2];
    if (pipe(there) != 0 || pipe(back) != 0) {
        tri_bench_fail(state, "no pipe");
        return;
    }
    struct court court = {
        { back[0], there[0] }, { there[1], back[1] }, tri_read, { 0 }
    };
    play(state, &court);
}

TRI_BENCH(socket_1, .name = "file/ping_pong_socket/procs:1", .procs = 1)
{
    play_socket(state, tri_read);
}

TRI_BENCH(socket_2, .name = "file/ping_pong_socket/procs:2", .procs = 2)
{
    play_socket(state, tri_read);
}

TRI_BENCH(pipe_1, .name = "file/ping_pong_pipe/procs:1", .procs = 1)
{
    play_pipe(state);
}

TRI_BENCH(pipe_2, .name = "file/ping_pong_pipe/procs:2", .procs = 2)
{
    play_pipe(state);
}

TRI_BENCH(blocking_2, .name = "file/ping_pong_blocking/procs:2", .procs = 2)
{
    play_socket(state, read_and_block);
}
