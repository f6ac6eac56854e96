/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/trace_check.c: the checker of traces: a good stream passes, and
 * for each rule CHK-n there are streams that break it and it alone.
 *
 * To see it fail: take the body out of any rule's condition in
 * tools/trace_check*.c; the streams of that rule then pass the checker.
 */
#include "tests/support/test.h"

#include "gc/gc.h"
#include "tools/trace_check.h"

#define EVENTS_MAX 256

static struct trace_event stream[EVENTS_MAX];
static size_t stream_count;
static struct trace_read_result reading;

/* Of a session that records all events. */
static void
begin_stream(void)
{
    stream_count = 0;
    reading = (struct trace_read_result){ 0 };
    for (size_t i = 0; i < TRI_TRACE_EVENT_COUNT; i++)
        reading.recorded[i] = true;
}

/* Appends an event, 1 us after the one before. */
static void
put(enum tri_trace_event event, uint64_t f0, uint64_t f1, uint64_t f2,
    uint64_t f3)
{
    EXPECT(stream_count < EVENTS_MAX);
    int64_t before = stream_count > 0 ? stream[stream_count - 1].time_ns : 0;
    stream[stream_count] = (struct trace_event){
        .time_ns = before + 1000,
        .event = event,
        .field = { f0, f1, f2, f3 },
        .process = 1,
        .thread = 2,
        .thread_name = "test",
    };
    stream_count++;
}

#define PUT(name, ...) PUT_(name, __VA_ARGS__, 0, 0, 0, 0)
#define PUT_(name, f0, f1, f2, f3, ...)                                        \
    put(TRI_TRACE_EV_##name, (uint64_t)(f0), (uint64_t)(f1), (uint64_t)(f2),   \
        (uint64_t)(f3))

static struct trace_report
check_stream(void)
{
    struct trace_check *check = trace_check_new(&reading);
    for (size_t i = 0; i < stream_count; i++)
        trace_check_event(check, &stream[i]);
    struct trace_report report = *trace_check_finish(check);
    trace_check_free(check);
    return report;
}

/* The stream breaks this rule, once, and no other. */
static void
expect_broken_as_it_is(int rule)
{
    struct trace_report report = check_stream();
    EXPECT_F(report.problem_count == 1 && report.problems[0].rule == rule,
             "%d problems, the first of CHK-%d (%s); wanted one of CHK-%d",
             (int)report.problem_count, report.problems[0].rule,
             report.problems[0].text, rule);
}

static bool
has(enum tri_trace_event event)
{
    for (size_t i = 0; i < stream_count; i++)
        if (stream[i].event == event)
            return true;
    return false;
}

/* What the runtime puts at the end of a run that began, with right totals. */
static void
put_end(void)
{
    uint64_t counts[TRI_TRACE_EVENT_COUNT] = { 0 };
    if (!has(TRI_TRACE_EV_runtime_begin))
        return;
    for (size_t i = 0; i < stream_count; i++)
        counts[stream[i].event] +=
            stream[i].event != TRI_TRACE_EV_cleanup_stop || stream[i].field[2];
    if (!has(TRI_TRACE_EV_cleanup_totals))
        PUT(cleanup_totals, counts[TRI_TRACE_EV_cleanup_add],
            counts[TRI_TRACE_EV_cleanup_stop],
            counts[TRI_TRACE_EV_cleanup_queue],
            counts[TRI_TRACE_EV_cleanup_end]);
    if (!has(TRI_TRACE_EV_runtime_end))
        PUT(runtime_end, 0);
}

static void
expect_broken(int rule)
{
    size_t given = stream_count;
    put_end();
    expect_broken_as_it_is(rule);
    stream_count = given;
}

static struct trace_report
expect_good(void)
{
    size_t given = stream_count;
    put_end();
    struct trace_report report = check_stream();
    EXPECT_F(report.problem_count == 0, "CHK-%d: %s", report.problems[0].rule,
             report.problems[0].text);
    stream_count = given;
    return report;
}

/* ---- pieces ---- */

#define OBJECT 0xc000000000

static void
put_start(void)
{
    begin_stream();
    PUT(runtime_begin, 2, 100);
}

static void
put_cycle(uint64_t cycle)
{
    PUT(stw_begin, cycle * 2, 0);
    PUT(stw_stopped, cycle * 2, 500);
    PUT(cycle_begin, cycle, 0, 100, 200);
    PUT(phase, cycle, TRI_GC_MARK);
    PUT(stw_end, cycle * 2, 900);
    PUT(worker_begin, cycle, 0, TRI_WORKER_DEDICATED);
    PUT(assist_begin, cycle, 1, 7);
    PUT(assist_end, cycle, 1, 7, 64);
    PUT(worker_end, cycle, 0, TRI_WORKER_DEDICATED, 4096);
    PUT(stw_begin, cycle * 2 + 1, 1);
    PUT(stw_stopped, cycle * 2 + 1, 500);
    PUT(phase, cycle, TRI_GC_MARK_TERM);
    PUT(phase, cycle, TRI_GC_OFF);
    PUT(sweep_begin, cycle, 10);
    PUT(cycle_end, cycle, 50, 100);
    PUT(stw_end, cycle * 2 + 1, 900);
    PUT(sweep_end, cycle, 10, 50);
}

static void
put_run(uint64_t id)
{
    PUT(cleanup_add, id, OBJECT, 0, 1);
    PUT(cleanup_queue, id, OBJECT, 1);
    PUT(cleanup_begin, id, OBJECT, 9);
    PUT(cleanup_end, id, OBJECT, 9);
}

/* ---- a good one ---- */

TEST(a_whole_run_is_proved_and_counted)
{
    put_start();
    put_run(1);
    PUT(cleanup_add, 2, OBJECT, 0, 1);
    PUT(cleanup_stop, 2, OBJECT, 1);
    PUT(cleanup_stop, 2, OBJECT, 0);
    PUT(cleanup_add, 3, OBJECT, 0, 1);
    PUT(cleanup_queue, 3, OBJECT, 1);
    PUT(cleanup_add, 4, OBJECT, 0, 1);
    put_cycle(1);
    put_cycle(2);
    PUT(goroutine_create, 7, 1);
    PUT(goroutine_run_begin, 7, 0);
    PUT(blocking_begin, 7, 0);
    PUT(blocking_end, 7);
    PUT(goroutine_run_end, 7, 0, 3);
    PUT(goroutine_end, 7, 0);
    PUT(proc_start, 0, 55);
    PUT(proc_stop, 0, 55);
    PUT(cleanup_totals, 4, 1, 2, 1);
    PUT(runtime_end, 0);
    struct trace_report report = expect_good();
    EXPECT_EQ(report.added, 4);
    EXPECT_EQ(report.stopped, 1);
    EXPECT_EQ(report.queued, 2);
    EXPECT_EQ(report.executed, 1);
    EXPECT_EQ(report.armed, 1);
    EXPECT_EQ(report.pending, 1);
    EXPECT_EQ(report.late_stops, 1);
    EXPECT_EQ(report.cycles, 2);
    EXPECT_EQ(report.stops, 4);
    EXPECT_EQ(report.workers, 2);
    EXPECT_EQ(report.assists, 2);
    EXPECT_EQ(report.open_at_end, 0);
    EXPECT_EQ(report.pause.count, 4);
    EXPECT_EQ(report.queue_to_begin.count, 1);
    EXPECT_EQ(report.queue_to_begin.max_ns, 1000);
}

TEST(what_is_open_at_the_end_is_counted_and_no_fault)
{
    put_start();
    PUT(stw_begin, 1, 0);
    PUT(cycle_begin, 1);
    PUT(worker_begin, 1, 0, TRI_WORKER_IDLE);
    PUT(assist_begin, 1, 0, 3);
    PUT(goroutine_run_begin, 3, 0);
    EXPECT_EQ(expect_good().open_at_end, 5);
}

TEST(two_processes_are_kept_apart)
{
    put_start();
    put_run(1);
    put_end();
    size_t one = stream_count;
    for (size_t i = 0; i < one; i++) {
        stream[one + i] = stream[i];
        stream[one + i].process = 2;
        stream[one + i].time_ns += 1000 * (int64_t)one;
    }
    stream_count = 2 * one;
    EXPECT_EQ(expect_good().executed, 2);
    /* The second one crashes: the first one's end is not its own. */
    stream_count -= 2;
    expect_broken_as_it_is(14);
}

/* ---- CHK-1 to CHK-6: cleanups ---- */

TEST(chk_1_an_id_is_added_once)
{
    put_start();
    PUT(cleanup_add, 5, OBJECT);
    PUT(cleanup_add, 5, OBJECT);
    expect_broken(1);
    put_start();
    put_run(5);
    PUT(cleanup_add, 5, OBJECT);
    expect_broken(1);
}

TEST(chk_1_an_id_is_not_0)
{
    put_start();
    PUT(cleanup_add, 0, OBJECT);
    expect_broken(1);
}

TEST(chk_2_only_an_armed_cleanup_is_stopped)
{
    put_start();
    PUT(cleanup_add, 5, OBJECT);
    PUT(cleanup_stop, 5, OBJECT, 1);
    PUT(cleanup_stop, 5, OBJECT, 1);
    expect_broken(2);
    put_start();
    PUT(cleanup_add, 5, OBJECT);
    PUT(cleanup_queue, 5, OBJECT, 1);
    PUT(cleanup_stop, 5, OBJECT, 1);
    expect_broken(2);
    put_start();
    PUT(cleanup_stop, 5, OBJECT, 1);
    expect_broken(2);
}

TEST(chk_3_only_an_armed_cleanup_is_queued)
{
    put_start();
    PUT(cleanup_add, 5, OBJECT);
    PUT(cleanup_queue, 5, OBJECT, 1);
    PUT(cleanup_queue, 5, OBJECT, 2);
    expect_broken(3);
    put_start();
    PUT(cleanup_add, 5, OBJECT);
    PUT(cleanup_stop, 5, OBJECT, 1);
    PUT(cleanup_queue, 5, OBJECT, 1);
    expect_broken(3);
    put_start();
    PUT(cleanup_queue, 5, OBJECT, 1);
    expect_broken(3);
}

TEST(chk_4_a_cleanup_runs_once)
{
    put_start();
    put_run(5);
    PUT(cleanup_begin, 5, OBJECT, 9);
    expect_broken(4);
    put_start();
    put_run(5);
    PUT(cleanup_end, 5, OBJECT, 9);
    expect_broken(4);
}

TEST(chk_4_a_cleanup_runs_after_it_was_queued)
{
    put_start();
    PUT(cleanup_add, 5, OBJECT);
    PUT(cleanup_begin, 5, OBJECT, 9);
    expect_broken(4);
    put_start();
    PUT(cleanup_add, 5, OBJECT);
    PUT(cleanup_stop, 5, OBJECT, 1);
    PUT(cleanup_begin, 5, OBJECT, 9);
    expect_broken(4);
    put_start();
    PUT(cleanup_add, 5, OBJECT);
    PUT(cleanup_queue, 5, OBJECT, 1);
    PUT(cleanup_end, 5, OBJECT, 9);
    expect_broken(4);
}

TEST(chk_4_one_goroutine_begins_and_ends_it)
{
    put_start();
    PUT(cleanup_add, 5, OBJECT);
    PUT(cleanup_queue, 5, OBJECT, 1);
    PUT(cleanup_begin, 5, OBJECT, 9);
    PUT(cleanup_end, 5, OBJECT, 10);
    expect_broken(4);
}

TEST(chk_5_a_refused_stop_has_a_reason)
{
    put_start();
    PUT(cleanup_add, 5, OBJECT);
    PUT(cleanup_stop, 5, OBJECT, 0);
    expect_broken(5);
    put_start();
    PUT(cleanup_stop, 5, OBJECT, 0);
    expect_broken(5);
    /* A stop loses to a queueing whose event comes just after its own. */
    put_start();
    PUT(cleanup_add, 5, OBJECT);
    PUT(cleanup_stop, 5, OBJECT, 0);
    PUT(cleanup_queue, 5, OBJECT, 1);
    expect_good();
}

TEST(chk_6_the_totals_agree)
{
    const uint64_t right[] = { 2, 1, 1, 1 };
    for (int wrong = 0; wrong < 4; wrong++) {
        put_start();
        put_run(5);
        PUT(cleanup_add, 6, OBJECT);
        PUT(cleanup_stop, 6, OBJECT, 1);
        PUT(cleanup_totals, right[0] + (wrong == 0), right[1] + (wrong == 1),
            right[2] + (wrong == 2), right[3] + (wrong == 3));
        expect_broken(6);
    }
}

TEST(chk_6_no_cleanup_comes_after_the_totals)
{
    put_start();
    put_run(5);
    PUT(cleanup_totals, 2, 0, 1, 1);
    PUT(cleanup_add, 6, OBJECT);
    expect_broken(6);
}

TEST(chk_6_only_what_was_recorded_is_compared)
{
    put_start();
    PUT(cleanup_begin, 5, OBJECT, 9);
    PUT(cleanup_stop, 6, OBJECT, 1);
    PUT(cleanup_stop, 7, OBJECT, 0);
    PUT(cleanup_totals, 70, 1, 30, 30);
    reading.recorded[TRI_TRACE_EV_cleanup_add] = false;
    reading.recorded[TRI_TRACE_EV_cleanup_queue] = false;
    reading.recorded[TRI_TRACE_EV_cleanup_end] = false;
    EXPECT(!expect_good().cleanups_recorded);
    PUT(cleanup_stop, 8, OBJECT, 1);
    stream[4].field[1] = 2;
    expect_broken(6); /* 8 comes after the totals */
    reading.recorded[TRI_TRACE_EV_cleanup_add] = true;
    stream_count--;
    EXPECT_EQ(check_stream().problems[1].rule, 6); /* 70 were added */
}

/* ---- CHK-7 to CHK-9: cycles, sweeps, stops ---- */

TEST(chk_7_cycles_are_numbered_one_by_one)
{
    put_start();
    PUT(cycle_begin, 1);
    PUT(cycle_end, 1);
    PUT(cycle_begin, 3);
    PUT(cycle_end, 3);
    expect_broken(7);
}

TEST(chk_7_cycles_do_not_overlap)
{
    put_start();
    PUT(cycle_begin, 1);
    PUT(cycle_begin, 2);
    PUT(cycle_end, 2);
    expect_broken(7);
    put_start();
    PUT(cycle_end, 1);
    expect_broken(7);
    put_start();
    PUT(cycle_begin, 1);
    PUT(cycle_end, 2);
    expect_broken(7);
}

TEST(chk_7_phases_come_in_order)
{
    put_start();
    PUT(cycle_begin, 1);
    PUT(phase, 1, TRI_GC_MARK);
    PUT(phase, 1, TRI_GC_MARK_TERM);
    PUT(cycle_end, 1); /* without off */
    expect_broken(7);
    put_start();
    PUT(cycle_begin, 1);
    PUT(phase, 2, TRI_GC_MARK); /* of another cycle */
    expect_broken(7);
    put_start();
    PUT(cycle_begin, 1);
    PUT(phase, 1, TRI_GC_MARK_TERM); /* without mark */
    expect_broken(7);
    put_start();
    PUT(phase, 1, TRI_GC_MARK); /* outside */
    expect_broken(7);
}

TEST(chk_8_a_sweep_ends_before_the_next_cycle)
{
    put_start();
    PUT(cycle_begin, 1);
    PUT(sweep_begin, 1, 9);
    PUT(cycle_end, 1);
    PUT(cycle_begin, 2);
    expect_broken(8);
}

TEST(chk_8_a_sweep_is_of_its_cycle)
{
    put_start();
    PUT(cycle_begin, 1);
    PUT(sweep_begin, 2, 9);
    expect_broken(8);
    put_start();
    PUT(sweep_end, 1);
    expect_broken(8);
    put_start();
    PUT(cycle_begin, 1);
    PUT(sweep_begin, 1, 9);
    PUT(sweep_end, 2);
    expect_broken(8);
}

TEST(chk_9_stops_have_three_steps)
{
    put_start();
    PUT(stw_begin, 1);
    PUT(stw_end, 1);
    expect_broken(9);
    put_start();
    PUT(stw_stopped, 1);
    expect_broken(9);
    put_start();
    PUT(stw_begin, 1);
    PUT(stw_stopped, 2);
    expect_broken(9);
}

TEST(chk_9_one_stop_at_a_time)
{
    put_start();
    PUT(stw_begin, 1);
    PUT(stw_begin, 2);
    expect_broken(9);
    put_start();
    PUT(stw_begin, 2);
    PUT(stw_stopped, 2);
    PUT(stw_end, 2);
    PUT(stw_begin, 2);
    expect_broken(9);
}

/* ---- CHK-10: pairs ---- */

/* begin and end are under one key: twice a begin, and an end alone, break. */
static void
expect_pair(enum tri_trace_event begin, enum tri_trace_event end, uint32_t key)
{
    uint64_t field[4] = { 3, 3, 3, 3 };
    field[key] = 8;
    put_start();
    put(begin, field[0], field[1], field[2], field[3]);
    put(begin, field[0], field[1], field[2], field[3]);
    put_end();
    EXPECT(check_stream().problem_count > 0);
    EXPECT_EQ(check_stream().problems[0].rule, 10);
    put_start();
    put(end, field[0], field[1], field[2], field[3]);
    put_end();
    EXPECT(check_stream().problem_count > 0);
    EXPECT_EQ(check_stream().problems[0].rule, 10);
    put_start();
    put(begin, field[0], field[1], field[2], field[3]);
    put(end, field[0], field[1], field[2], field[3]);
    EXPECT_EQ(expect_good().open_at_end, 0);
}

TEST(chk_10_every_begin_has_its_end)
{
#define PAIR(begin, end, key)                                                  \
    expect_pair(TRI_TRACE_EV_##begin, TRI_TRACE_EV_##end, key)
    PAIR(worker_begin, worker_end, 1);
    PAIR(assist_begin, assist_end, 2);
    PAIR(goroutine_create, goroutine_end, 0);
    PAIR(goroutine_run_begin, goroutine_run_end, 0);
    PAIR(thread_begin, thread_end, 0);
    PAIR(blocking_begin, blocking_end, 0);
}

TEST(chk_10_a_p_is_born_stopped_and_then_alternates)
{
    put_start();
    PUT(proc_stop, 0, 0);
    PUT(proc_start, 0, 0);
    PUT(proc_stop, 0, 0);
    expect_good();
    PUT(proc_stop, 0, 0);
    expect_broken(10);
    put_start();
    PUT(proc_start, 0, 0);
    PUT(proc_start, 0, 0);
    expect_broken(10);
}

TEST(chk_10_a_worker_ends_as_it_began)
{
    put_start();
    PUT(worker_begin, 1, 0, TRI_WORKER_IDLE);
    PUT(worker_end, 1, 0, TRI_WORKER_DEDICATED);
    expect_broken(10);
    put_start();
    PUT(worker_begin, 1, 0, TRI_WORKER_IDLE);
    PUT(worker_end, 2, 0, TRI_WORKER_IDLE);
    expect_broken(10);
}

/* ---- CHK-11 to CHK-13 ---- */

TEST(chk_11_time_does_not_run_backwards)
{
    put_start();
    PUT(heap, 1, 2, 3);
    PUT(heap, 1, 2, 3);
    stream[2].time_ns = stream[1].time_ns - 1;
    expect_broken(11);
    stream[2].time_ns = stream[1].time_ns;
    expect_good();
}

TEST(chk_12_a_lost_event_is_no_proof)
{
    put_start();
    put_run(1);
    reading.discarded = 3;
    expect_broken(12);
    reading.discarded = 0;
    expect_good();
    reading.lost_packets = 1;
    expect_broken(12);
    begin_stream();
    expect_broken(12); /* no events at all */
}

static void
expect_said(const char *words)
{
    struct trace_report report = check_stream();
    EXPECT_F(strstr(report.problems[0].text, words) != NULL, "\"%s\" lacks %s",
             report.problems[0].text, words);
}

TEST(chk_13_a_late_trace_is_no_proof)
{
    begin_stream(); /* no runtime_begin */
    PUT(cleanup_queue, 5, OBJECT, 1);
    PUT(cleanup_begin, 5, OBJECT, 9);
    PUT(cleanup_end, 5, OBJECT, 9);
    PUT(cleanup_stop, 6, OBJECT, 1);
    expect_broken(13);
    begin_stream();
    PUT(cleanup_begin, 5, OBJECT, 9);
    expect_broken(13);
    expect_said("began while it ran (1 events");
    /* Its own counts are those of the whole run: no fault of the trace's. */
    PUT(cleanup_totals, 9, 9, 9, 9);
    PUT(runtime_end, 0);
    expect_broken(13);
    /* The rest may be cut off at the front. */
    begin_stream();
    PUT(worker_end, 1, 0, 1);
    PUT(stw_end, 3, 9);
    PUT(phase, 1, TRI_GC_MARK_TERM);
    PUT(phase, 1, TRI_GC_OFF);
    PUT(cycle_end, 1);
    PUT(sweep_end, 1);
    put_cycle(2);
    expect_broken(13);
    expect_said("a file of the trace is missing");
    PUT(statedump, 1, 0, 2);
    expect_said("began while it ran");
    reading.recorded[TRI_TRACE_EV_runtime_begin] = false;
    expect_broken(13);
    expect_said("did not record runtime_begin");
}

TEST(chk_14_a_trace_without_its_end_is_no_proof)
{
    put_start();
    put_run(1);
    expect_broken_as_it_is(14);
    expect_said("it crashed, was killed or still ran");
    PUT(cleanup_totals, 1, 0, 1, 1);
    expect_broken_as_it_is(14);
    expect_said("not its runtime_end");
    stream_count--;
    PUT(runtime_end, 0);
    expect_broken_as_it_is(14);
    expect_said("not its cleanup_totals");
    reading.recorded[TRI_TRACE_EV_cleanup_totals] = false;
    expect_broken_as_it_is(14);
    expect_said("did not record cleanup_totals");
}

TEST(what_is_missing_is_never_crowded_out)
{
    put_start();
    for (uint64_t i = 0; i < TRACE_PROBLEMS_MAX + 5; i++)
        PUT(cleanup_add, 0, OBJECT);
    EXPECT_EQ(check_stream().problems[0].rule, 14);
    EXPECT_EQ(check_stream().problems[TRACE_PROBLEMS_MAX - 1].rule, 1);
}

TEST(a_pair_of_which_half_was_recorded_is_not_asked_for)
{
    put_start();
    PUT(assist_end, 1, 0, 7, 64);
    PUT(stw_end, 1, 900);
    PUT(sweep_end, 1, 10, 50);
    PUT(phase, 1, TRI_GC_MARK);
    EXPECT(check_stream().problem_count > 1);
    reading.recorded[TRI_TRACE_EV_assist_begin] = false;
    reading.recorded[TRI_TRACE_EV_stw_stopped] = false;
    reading.recorded[TRI_TRACE_EV_sweep_begin] = false;
    reading.recorded[TRI_TRACE_EV_cycle_end] = false;
    expect_good();
}

TEST(problems_beyond_the_kept_ones_are_counted)
{
    put_start();
    for (uint64_t i = 0; i < TRACE_PROBLEMS_MAX + 5; i++)
        PUT(cleanup_add, 0, OBJECT);
    put_end();
    /* All have id 0, and all but the first are added again. */
    EXPECT_EQ(check_stream().problem_count, 2 * (TRACE_PROBLEMS_MAX + 5) - 1);
}

/* ---- sums ---- */

TEST(durations_are_exact_to_an_eighth)
{
    put_start();
    int64_t time = 1000;
    for (uint64_t id = 1; id <= 40; id++) {
        PUT(cleanup_add, id, OBJECT);
        PUT(cleanup_queue, id, OBJECT, 1);
        stream[stream_count - 2].time_ns = time;
        time += (int64_t)id * 100;
        stream[stream_count - 1].time_ns = time;
    }
    struct trace_report report = expect_good();
    EXPECT_EQ(report.add_to_queue.count, 40);
    EXPECT_EQ(report.add_to_queue.max_ns, 4000);
    EXPECT_EQ(trace_durations_at(&report.add_to_queue, 1.0), 4000);
    int64_t median = trace_durations_at(&report.add_to_queue, 0.5);
    EXPECT_F(median >= 2000 && median <= 2250, "median %d", (int)median);
}

TEST(many_ids_are_told_apart)
{
    begin_stream();
    struct trace_check *check = trace_check_new(&reading);
    struct trace_event event = { .event = TRI_TRACE_EV_runtime_begin };
    trace_check_event(check, &event);
    event.event = TRI_TRACE_EV_cleanup_add;
    for (uint64_t id = 1; id <= 200000; id++) {
        event.field[0] = id << 12; /* ids come from ranges */
        event.time_ns++;
        trace_check_event(check, &event);
    }
    event.event = TRI_TRACE_EV_cleanup_totals;
    memcpy(event.field, (uint64_t[4]){ 200000 }, sizeof(event.field));
    trace_check_event(check, &event);
    event.event = TRI_TRACE_EV_runtime_end;
    trace_check_event(check, &event);
    const struct trace_report *report = trace_check_finish(check);
    EXPECT_EQ(report->problem_count, 0);
    EXPECT_EQ(report->armed, 200000);
    trace_check_free(check);
}

TEST_MAIN
