/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/trace_record.c: the in-memory recorder and the states of events.
 *
 * To see it fail: let tri_record_write drop fields[3], claim with a plain load
 * and store instead of an add, or point_states forget an event.
 */
#include "tests/support/test.h"

#include "trace/event_info.h"
#include "trace/record.h"

TEST(an_event_is_off_until_somebody_wants_it)
{
    for (size_t i = 0; i < TRI_TRACE_EVENT_COUNT; i++)
        EXPECT(!tri_trace_enabled((enum tri_trace_event)i));
    EXPECT_EQ(tri_record_start(16), 0);
    for (size_t i = 0; i < TRI_TRACE_EVENT_COUNT; i++)
        EXPECT(tri_trace_enabled((enum tri_trace_event)i));
    tri_record_stop();
    tri_trace_cleanup_add(1, 2, 3, 4);
    EXPECT_EQ(tri_record_count(), 0);
    EXPECT(!TRI_TRACE_ON(cleanup_add));
}

TEST(a_record_holds_what_was_given)
{
    EXPECT_EQ(tri_record_start(16), 0);
    int64_t before = test_now_ns();
    tri_trace_cleanup_add(UINT64_MAX, (uintptr_t)0xc000001000, -1, 7);
    tri_trace_runtime_end(-2);
    int64_t after = test_now_ns();
    tri_record_stop();
    EXPECT_EQ(tri_record_count(), 2);
    const struct tri_record *r = tri_record_get(0);
    EXPECT_EQ(tri_record_event(r), TRI_TRACE_EV_cleanup_add);
    EXPECT_EQ(r->field[0], UINT64_MAX);
    EXPECT_EQ(r->field[1], 0xc000001000);
    EXPECT_EQ((int64_t)r->field[2], -1);
    EXPECT_EQ(r->field[3], 7);
    EXPECT(r->time_ns >= before && r->time_ns <= after);
    EXPECT(r->thread > 0);
    r = tri_record_get(1);
    EXPECT_EQ(tri_record_event(r), TRI_TRACE_EV_runtime_end);
    EXPECT_EQ((int64_t)r->field[0], -2);
}

TEST(a_full_recorder_counts_what_it_drops)
{
    EXPECT_EQ(tri_record_start(3), 0);
    for (uint64_t i = 0; i < 10; i++)
        tri_trace_cycle_end(i, 0, 0);
    tri_record_stop();
    EXPECT_EQ(tri_record_count(), 3);
    EXPECT_EQ(tri_record_dropped(), 7);
    EXPECT_EQ(tri_record_get(2)->field[0], 2);
}

#define THREADS    8
#define PER_THREAD 20000

static void
emit_in_order(int number, void *arg)
{
    (void)arg;
    for (uint64_t i = 0; i < PER_THREAD; i++)
        tri_trace_cycle_end((uint64_t)number, i, i ^ (uint64_t)number);
}

TEST(threads_lose_nothing_and_keep_their_order)
{
    EXPECT_EQ(tri_record_start((size_t)THREADS * PER_THREAD), 0);
    test_threads(THREADS, emit_in_order, NULL);
    tri_record_stop();
    EXPECT_EQ(tri_record_count(), THREADS * PER_THREAD);
    EXPECT_EQ(tri_record_dropped(), 0);
    uint64_t next[THREADS] = { 0 };
    for (size_t i = 0; i < tri_record_count(); i++) {
        const struct tri_record *r = tri_record_get(i);
        uint64_t thread = r->field[0];
        EXPECT(thread < THREADS);
        EXPECT_EQ(r->field[1], next[thread]);
        EXPECT_EQ(r->field[2], r->field[1] ^ thread);
        next[thread]++;
    }
}

TEST(statedump_is_due_once_for_each_session)
{
    EXPECT(!tri_trace_statedump_due());
    EXPECT_EQ(tri_record_start(16), 0);
    EXPECT(tri_trace_statedump_due());
    EXPECT(!tri_trace_statedump_due());
    tri_record_stop();
    EXPECT(!tri_trace_statedump_due());
    EXPECT_EQ(tri_record_start(16), 0);
    EXPECT(tri_trace_statedump_due());
    tri_record_stop();
    EXPECT(!tri_trace_statedump_due());
}

TEST(the_table_of_events_is_the_registry)
{
    const struct tri_trace_event_info *add =
        &tri_trace_event_info[TRI_TRACE_EV_cleanup_add];
    EXPECT_STR(add->name, "cleanup_add");
    EXPECT_STR(add->set, "cleanups");
    EXPECT(!add->debug);
    EXPECT_EQ(add->field_count, 4);
    EXPECT_STR(add->field[1].name, "object");
    EXPECT_EQ(add->field[1].type, TRI_TRACE_FIELD_hex);
    EXPECT(tri_trace_event_info[TRI_TRACE_EV_span_alloc].debug);
}

TEST_MAIN
