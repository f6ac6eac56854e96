/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/trace_runtime.c: a whole run of the runtime, every event recorded in
 * memory, passes the checker: grammar, pairs, cleanups id by id, totals.
 *
 * To see it fail: count a queued cleanup twice in gc/special.c (CHK-6), leave out
 * stw_end in runtime/stw.c (CHK-9), a worker_end in gc/worker.c or tri_p_left in
 * tri_blocking_end (CHK-10).
 */
#include "tests/support/test.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include <tricolor/tricolor.h>

#include "tools/trace_check.h"
#include "trace/event_info.h"
#include "trace/record.h"

#define RECORDS_MAX (UINT64_C(1) << 21)
#define GOROUTINES  16
#define ROUNDS      60
#define STOP_EVERY  3
#define CALLS       100

static struct tri_waitgroup group;
static struct tri_chan *chan;
static struct tri_cleanup late; /* the thread's; its cleanup has run */

struct node {
    struct node *next;
    uint64_t payload[6];
};
TRI_TYPE(node_type, struct node, next);

static void
do_nothing(const void *data)
{
    (void)data;
}

/* Garbage with cleanups; every third is stopped.  Returns one that is not. */
static struct tri_cleanup
churn(int rounds)
{
    struct tri_cleanup left = { 0 };
    struct node *list = NULL;
    for (int i = 0; i < rounds; i++) {
        for (int k = 0; k < 200; k++) {
            struct node *node = tri_new(&node_type);
            TRI_STORE(&node->next, list);
            list = k % 50 == 0 ? NULL : node;
        }
        struct node *watched = tri_new(&node_type);
        struct tri_cleanup cleanup =
            tri_add_cleanup_data(watched, do_nothing, &i, sizeof(i));
        if (i % STOP_EVERY == 0)
            EXPECT(tri_cleanup_stop(cleanup));
        else
            left = cleanup;
        tri_keepalive(watched);
        if (i % 20 == 0)
            tri_yield();
    }
    return left;
}

/* Short ones, long ones: a thread comes back and finds the P that it had in another
 * thread's call. */
static void
block_often(int number)
{
    for (int i = 0; i < CALLS; i++) {
        tri_blocking_begin();
        usleep(20u << ((number + i) % 5));
        tri_blocking_end();
    }
}

static void
worker(void *arg)
{
    int number = (int)(intptr_t)arg;
    churn(ROUNDS);
    tri_chan_send(chan, &number);
    tri_sleep(1000);
    block_often(number);
    tri_waitgroup_done(&group);
}

static void *
attached_thread(void *arg)
{
    EXPECT_EQ(tri_thread_attach(), 0);
    late = churn(ROUNDS);
    tri_thread_detach();
    return arg;
}

static int
workload(void *unused)
{
    (void)unused;
    pthread_t thread;
    chan = tri_chan_make(sizeof(int), 2);
    EXPECT_EQ(pthread_create(&thread, NULL, attached_thread, NULL), 0);
    tri_waitgroup_add(&group, GOROUTINES);
    for (intptr_t i = 0; i < GOROUTINES; i++)
        tri_go(worker, (void *)i);
    for (int i = 0; i < GOROUTINES; i++) {
        int number;
        EXPECT(tri_chan_recv(chan, &number));
        if (i % 4 == 0)
            tri_gc();
    }
    tri_waitgroup_wait(&group);
    tri_blocking_begin();
    pthread_join(thread, NULL);
    tri_blocking_end();
    tri_gc();
    tri_gc();
    EXPECT(tri_cleanup_drain(INT64_C(10000000000)));
    EXPECT(!tri_cleanup_stop(late));
    return 5;
}

/* ---- what was recorded ---- */

static uint64_t seen[TRI_TRACE_EVENT_COUNT];
static struct trace_report report;

static void
check_records(void)
{
    struct trace_read_result all = { .discarded = tri_record_dropped() };
    for (size_t i = 0; i < TRI_TRACE_EVENT_COUNT; i++)
        all.recorded[i] = true;
    struct trace_check *check = trace_check_new(&all);
    /* The order of the index, whose times may differ by a moment. */
    int64_t now = 0;
    for (size_t i = 0; i < tri_record_count(); i++) {
        const struct tri_record *record = tri_record_get(i);
        struct trace_event event = { .event = tri_record_event(record),
                                     .thread = record->thread,
                                     .process = 1,
                                     .thread_name = "" };
        memcpy(event.field, record->field, sizeof(event.field));
        now = record->time_ns > now ? record->time_ns : now;
        event.time_ns = now;
        seen[event.event]++;
        trace_check_event(check, &event);
    }
    report = *trace_check_finish(check);
    trace_check_free(check);
}

TEST(the_whole_run_is_proved)
{
    for (uint64_t i = 0; i < report.problem_count && i < 5; i++)
        fprintf(stderr, "# CHK-%d: %s\n", report.problems[i].rule,
                report.problems[i].text);
    EXPECT_EQ(report.problem_count, 0);
}

TEST(the_cleanups_are_those_that_were_added)
{
    uint64_t added = (GOROUTINES + 1) * ROUNDS;
    EXPECT_EQ(report.added, added);
    EXPECT_EQ(report.stopped, added / STOP_EVERY);
    EXPECT(report.executed > 0);
    EXPECT_EQ(report.executed, report.queued);
    EXPECT_EQ(report.late_stops, 1);
}

TEST(the_collector_was_seen_at_work)
{
    EXPECT(report.cycles >= 6);
    EXPECT(report.sweeps >= 6);
    EXPECT(report.stops >= 2 * 6);
    EXPECT(report.workers > 0);
    EXPECT(seen[TRI_TRACE_EV_heap] >= 2 * 6);
    EXPECT(seen[TRI_TRACE_EV_pacer] >= 6);
    EXPECT(seen[TRI_TRACE_EV_span_alloc] > 0);
    EXPECT(seen[TRI_TRACE_EV_span_sweep] > 0);
}

TEST(goroutines_and_threads_were_seen)
{
    EXPECT(seen[TRI_TRACE_EV_goroutine_create] > GOROUTINES);
    EXPECT(seen[TRI_TRACE_EV_goroutine_end] >= GOROUTINES);
    EXPECT(seen[TRI_TRACE_EV_goroutine_run_begin] > GOROUTINES);
    EXPECT(seen[TRI_TRACE_EV_goroutine_ready] > 0);
    EXPECT(seen[TRI_TRACE_EV_blocking_begin] >= GOROUTINES * CALLS + 1);
    EXPECT_EQ(seen[TRI_TRACE_EV_blocking_begin],
              seen[TRI_TRACE_EV_blocking_end]);
    EXPECT(seen[TRI_TRACE_EV_proc_start] > 0);
    EXPECT(seen[TRI_TRACE_EV_thread_begin] > 2);
    EXPECT_EQ(seen[TRI_TRACE_EV_thread_end], 1);
}

TEST(the_trace_is_whole)
{
    EXPECT_EQ(seen[TRI_TRACE_EV_runtime_begin], 1);
    EXPECT_EQ(seen[TRI_TRACE_EV_runtime_end], 1);
    EXPECT_EQ(seen[TRI_TRACE_EV_cleanup_totals], 1);
    EXPECT_EQ(seen[TRI_TRACE_EV_statedump], 1);
    /* After the end there is nothing (TRACE: tri_trace_fini). */
    const struct tri_record *last = tri_record_get(tri_record_count() - 1);
    EXPECT_EQ(tri_record_event(last), TRI_TRACE_EV_runtime_end);
    EXPECT_EQ((int64_t)last->field[0], 5);
}

int
main(int argc, char **argv)
{
    test_begin(argc, argv);
    EXPECT_EQ(tri_record_start(RECORDS_MAX), 0);
    struct tri_options options = { .procs = 4 };
    EXPECT_EQ(tri_main(workload, NULL, &options), 5);
    tri_record_stop();
    check_records();
    return test_run_all(NULL);
}
