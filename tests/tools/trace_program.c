/* SPDX-License-Identifier: MIT */
/*
 * tests/tools/trace_program.c: emits a plausible run without a runtime.
 *
 *     trace_program good|twice|flood|crash COUNT
 *
 * good: COUNT cleanups on two threads, two collections; twice: one of them
 * runs twice; flood: COUNT events without a pause, and no end; crash: the same,
 * and abort.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gc/gc.h"
#include "trace/trace.h"

#define OBJECT UINT64_C(0xc000000000)

struct part {
    uint64_t first, end;
    bool twice;
};

/* A third is stopped, a third runs, a third stays armed. */
static void *
emit_cleanups(void *argument)
{
    const struct part *part = argument;
    tri_trace_thread_start();
    for (uint64_t id = part->first; id < part->end; id++) {
        uint64_t object = OBJECT + id * 64;
        tri_trace_cleanup_add(id, object, (int32_t)(part->first > 1), 7);
        if (id % 3 == 0)
            tri_trace_cleanup_stop(id, object, 1);
        if (id % 3 != 1)
            continue;
        tri_trace_cleanup_queue(id, object, 1);
        tri_trace_cleanup_begin(id, object, 9);
        tri_trace_cleanup_end(id, object, 9);
    }
    if (part->twice)
        tri_trace_cleanup_begin(part->first, OBJECT, 9);
    return NULL;
}

static void
emit_cycle(uint64_t cycle)
{
    tri_trace_stw_begin(cycle * 2, TRI_STOP_MARK_START);
    tri_trace_stw_stopped(cycle * 2, 500, 0);
    tri_trace_cycle_begin(cycle, 0, 1000, 2000);
    tri_trace_phase(cycle, TRI_GC_MARK);
    tri_trace_stw_end(cycle * 2, 900);
    tri_trace_worker_begin(cycle, 0, TRI_WORKER_DEDICATED);
    tri_trace_heap(1500, 2000, 4096);
    tri_trace_worker_end(cycle, 0, TRI_WORKER_DEDICATED, 512);
    tri_trace_stw_begin(cycle * 2 + 1, TRI_STOP_MARK_TERM);
    tri_trace_stw_stopped(cycle * 2 + 1, 500, (int32_t)getpid());
    tri_trace_phase(cycle, TRI_GC_MARK_TERM);
    tri_trace_phase(cycle, TRI_GC_OFF);
    tri_trace_sweep_begin(cycle, 3);
    tri_trace_cycle_end(cycle, 700, 1400);
    tri_trace_stw_end(cycle * 2 + 1, 900);
    tri_trace_sweep_end(cycle, 3, 300);
}

static void
emit_run(uint64_t count, bool twice)
{
    struct part parts[2] = { { 1, count / 2 + 1, twice },
                             { count / 2 + 1, count + 1, false } };
    pthread_t threads[2];
    tri_trace_runtime_begin(2, 100, UINT64_MAX);
    emit_cycle(1);
    for (int i = 0; i < 2; i++)
        if (pthread_create(&threads[i], NULL, emit_cleanups, &parts[i]) != 0)
            exit(3);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    emit_cycle(2);
    uint64_t stopped = count / 3;
    uint64_t run = (count + 2) / 3;
    tri_trace_cleanup_totals(count, stopped, run, run);
    tri_trace_runtime_end(0);
}

int
main(int argc, char **argv)
{
    uint64_t count = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
    if (count == 0)
        return 2;
    tri_trace_init();
    tri_trace_thread_start();
    fprintf(stderr, "%s\n", tri_trace_status());
    bool crash = strcmp(argv[1], "crash") == 0;
    if (crash || strcmp(argv[1], "flood") == 0) {
        tri_trace_runtime_begin(2, 100, UINT64_MAX);
        for (uint64_t i = 0; i < count; i++)
            tri_trace_heap(i, i, i);
        if (crash)
            abort();
    } else {
        emit_run(count, strcmp(argv[1], "twice") == 0);
    }
    tri_trace_fini();
    return 0;
}
