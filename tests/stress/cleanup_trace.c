/* SPDX-License-Identifier: MIT */
/*
 * cleanup_trace: the trace tells each cleanup's life, and only once (X008).  A
 * storm of adds, stops (several of one handle, some from callbacks) and
 * collections is recorded; then, id by id:
 *
 *   one add; then one stop that cancelled, or one queue, begin and end, in this
 *   order, or nothing (still armed); the same object throughout; begin and end
 *   on the same goroutine; a cycle that had begun.
 *
 * And the events add up to what the metrics say.
 *
 * To see it fail: trace the queueing a moment after publishing it (settle in
 * gc/special.c), the add a moment after leaving the section (arm in
 * gc/cleanup.c), or the cancelled stop twice.
 */
#include "gc/special.h"
#include "tests/support/collect.h"
#include "trace/record.h"

#define EVENTS  3000000u
#define IDS     400000u
#define WORKERS 3

struct node {
    struct node *next;
    long number;
};
TRI_TYPE(node_type, struct node, next);

/* What was seen of one id: event number + 1. */
struct life {
    uint64_t object;
    uint64_t goroutine;
    uint32_t add, stop, queue, begin, end;
};
static struct life lives[IDS];

static struct tri_cleanup handles[256];
static uint64_t next_handle;

/* Handles are two words, and may be mixed: what they then name is nobody. */
static void
stop_some(void)
{
    for (int i = 0; i < 2; i++) {
        struct tri_cleanup *handle = &handles[test_random_below(256)];
        struct tri_cleanup copy = {
            __atomic_load_n(&handle->id, __ATOMIC_RELAXED),
            __atomic_load_n(&handle->record, __ATOMIC_RELAXED)
        };
        (void)tri_cleanup_stop(copy);
    }
}

static void
callback(void *unused)
{
    (void)unused;
    stop_some();
}

static void
add_and_stop(void)
{
    test_random_seed_thread(tri_goid());
    while (!storm_is_over()) {
        struct node *node = tri_new(&node_type);
        struct tri_cleanup cleanup =
            tri_add_cleanup(&node->number, callback, NULL);
        struct tri_cleanup *handle =
            &handles[__atomic_fetch_add(&next_handle, 1, __ATOMIC_RELAXED)
                     % 256];
        __atomic_store_n(&handle->id, cleanup.id, __ATOMIC_RELAXED);
        __atomic_store_n(&handle->record, cleanup.record, __ATOMIC_RELAXED);
        if (test_random_below(4) == 0)
            stop_some();
        if (cleanup.id % 64 == 0)
            tri_yield();
        if (cleanup.id > IDS / 2)
            break; /* the record has room for the rest */
    }
}

/* ---- reading it ---- */

static struct life *
life_of(const struct tri_record *event)
{
    EXPECT_F(event->field[0] > 0 && event->field[0] < IDS, "id %" PRIu64,
             event->field[0]);
    return &lives[event->field[0]];
}

static void
read_stop(struct life *life, const struct tri_record *event, uint32_t at)
{
    if (event->field[2] == 0)
        return;
    EXPECT_EQ(event->field[2], 1);
    EXPECT(life->add != 0 && life->stop == 0 && life->queue == 0);
    EXPECT_EQ(event->field[1], life->object);
    life->stop = at;
}

static void
read_event(const struct tri_record *event, uint32_t at, uint64_t *cycles)
{
    struct life *life;
    switch (tri_record_event(event)) {
    case TRI_TRACE_EV_cycle_begin:
        *cycles = event->field[0];
        break;
    case TRI_TRACE_EV_cleanup_add:
        life = life_of(event);
        EXPECT(life->add == 0);
        life->add = at;
        life->object = event->field[1];
        EXPECT(event->field[3] != 0); /* a goroutine added it */
        break;
    case TRI_TRACE_EV_cleanup_stop:
        read_stop(life_of(event), event, at);
        break;
    case TRI_TRACE_EV_cleanup_queue:
        life = life_of(event);
        EXPECT(life->add != 0 && life->stop == 0 && life->queue == 0);
        EXPECT_EQ(event->field[1], life->object);
        EXPECT(event->field[2] != 0 && event->field[2] <= *cycles);
        life->queue = at;
        break;
    case TRI_TRACE_EV_cleanup_begin:
        life = life_of(event);
        EXPECT(life->queue != 0 && life->begin == 0);
        EXPECT_EQ(event->field[1], life->object);
        life->begin = at;
        life->goroutine = event->field[2];
        break;
    case TRI_TRACE_EV_cleanup_end:
        life = life_of(event);
        EXPECT(life->begin != 0 && life->end == 0);
        EXPECT_EQ(event->field[1], life->object);
        EXPECT_EQ(event->field[2], life->goroutine);
        life->end = at;
        break;
    default:
        break;
    }
}

static void
read_all(void)
{
    EXPECT_EQ(tri_record_dropped(), 0);
    uint64_t cycles = 0;
    size_t count = tri_record_count();
    for (size_t i = 0; i < count; i++)
        read_event(tri_record_get(i), (uint32_t)i + 1, &cycles);
}

static void
compare_with_metrics(void)
{
    int64_t added = 0;
    int64_t stopped = 0;
    int64_t queued = 0;
    int64_t executed = 0;
    for (uint32_t id = 1; id < IDS; id++) {
        struct life *life = &lives[id];
        added += life->add != 0;
        stopped += life->stop != 0;
        queued += life->queue != 0;
        executed += life->end != 0;
        EXPECT_EQ(life->begin != 0, life->end != 0);
        EXPECT_EQ(life->begin != 0, life->queue != 0);
    }
    EXPECT_EQ(added, metric("/gc/cleanups/added:cleanups"));
    EXPECT_EQ(stopped, metric("/gc/cleanups/stopped:cleanups"));
    EXPECT_EQ(queued, metric("/gc/cleanups/queued:cleanups"));
    EXPECT_EQ(executed, metric("/gc/cleanups/executed:cleanups"));
    EXPECT(stopped > 0 && executed > 0);
}

TEST(x008_every_life_is_in_the_trace_once_and_in_order)
{
    EXPECT_EQ(tri_record_start(EVENTS), 0);
    storm(add_and_stop, WORKERS, test_seconds(1));
    expect_balance();
    tri_record_stop();
    read_all();
    compare_with_metrics();
}

RUNTIME_TEST_MAIN
