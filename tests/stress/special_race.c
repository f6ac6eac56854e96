/* SPDX-License-Identifier: MIT */
/*
 * special_race: everybody at once, over the fake collector.  In each round
 * spans of several shapes get thousands of cleanups; some objects are marked;
 * then threads sweep those spans, free them, make new ones of the same structs
 * and hang cleanups on these, while others (and the callbacks) stop handles at
 * random, each handle from several threads.  At the end of a round each
 * cleanup has exactly one fate:
 *
 *   object dead:  it ran once or one Stop said true, never both, never neither;
 *   object alive: it did not run, and at most one Stop said true.
 *
 *   special_race [--seconds N]
 *
 * To see it fail: in drop_stopped leave out the comparison with `stopped` (SPEC-3), or
 * make Stop a load and a store (SPEC-2), or let take() free a record whose CAS failed
 * without looking at its state, or let tri_span's specials_lock be initialised
 * anew with each life of the struct (SPAN-2).
 */
#include <sched.h>

#include "base/os.h"
#include "gc/cleanup.h"
#include "gc/special.h"
#include "gc/special_record.h"
#include "tests/support/fake_collector.h"
#include "tests/support/test.h"

#define THREADS 6
#define SPANS   64u
#define FATES   16384u

/* One cleanup of the round. */
struct fate {
    struct tri_cleanup handle;
    TRI_ATOMIC(uint32_t) added;
    TRI_ATOMIC(uint32_t) ran;
    TRI_ATOMIC(uint32_t) stopped;
    bool dies;
};

static struct fate fates[FATES];
static TRI_ATOMIC(uint32_t) fate_count;
static struct tri_span *spans[SPANS];
static bool dies[SPANS];
static TRI_ATOMIC(uint32_t) next_span;
static TRI_ATOMIC(uint64_t) random_stops;

static void
stop(struct fate *fate)
{
    /* Acquire pairs with the release in add. */
    if (tri_load_acquire(&fate->added) == 0)
        return;
    if (tri_cleanup_stop(fate->handle))
        tri_add(&fate->stopped, 1);
}

static void
stop_random(uint64_t n)
{
    uint64_t mixed = n * UINT64_C(0x9e3779b97f4a7c15) >> 20;
    uint32_t count = tri_load(&fate_count);
    stop(&fates[mixed % (count < FATES ? count : FATES)]);
}

/* As in D-001: a callback stops itself, and others. */
static void
callback(const void *data)
{
    const uint64_t *index = data;
    struct fate *fate = &fates[*index];
    tri_add(&fate->ran, 1);
    stop(fate);
    stop_random(tri_add(&random_stops, 1));
}

static void
add(struct tri_span *span, uint32_t slot, bool dead)
{
    uint64_t index = tri_add(&fate_count, 1);
    if (index >= FATES)
        return;
    struct fate *fate = &fates[index];
    fate->dies = dead;
    fate->handle =
        tri_add_cleanup_data((void *)tri_span_slot_address(span, slot),
                             callback, &index, sizeof(index));
    /* Release pairs with the acquire in stop. */
    tri_store_release(&fate->added, 1);
}

/* One page with one object, one with many, and one of several pages. */
static struct tri_span *
random_span(void)
{
    static const uint32_t bytes[] = { 8192, 8192, 8192, 16, 1024, 9472 };
    uint32_t i = (uint32_t)test_random_below(TRI_ARRAY_COUNT(bytes));
    return fake_span(tri_kind_noscan(tri_size_class_of(bytes[i])), 0);
}

static void
sweep_and_use_again(void)
{
    uint32_t i = tri_add(&next_span, 1);
    if (i >= SPANS)
        return;
    if (!fake_sweep(spans[i]) || !dies[i])
        return;
    struct tri_span *fresh = random_span();
    for (int n = 0; n < 24; n++)
        add(fresh, (uint32_t)test_random_below(fresh->slot_count), false);
    spans[i] = fresh; /* the next round's, or dropped at its end */
}

static void
sweep_and_stop(int number, void *arg)
{
    (void)arg;
    while (tri_load(&next_span) < SPANS) {
        if (number < THREADS / 2)
            sweep_and_use_again();
        for (int i = 0; i < 20; i++)
            stop_random(test_random());
    }
    tri_enter();
    tri_specials_publish(&tri_host_current_p()->special);
    tri_leave();
    for (int i = 0; i < 200; i++)
        stop_random(test_random());
}

/* Fills the round's spans: 24 cleanups an object for single ones. */
static void
fill(int number, void *arg)
{
    (void)arg;
    for (uint32_t i = (uint32_t)number; i < SPANS; i += THREADS) {
        if (spans[i] == NULL)
            spans[i] = random_span();
        for (uint32_t n = 0; n < 24; n++) {
            uint32_t slot = (uint32_t)test_random_below(spans[i]->slot_count);
            add(spans[i], slot, dies[i]);
        }
    }
}

static void
mark_span(struct tri_span *span)
{
    for (uint32_t slot = 0; slot < span->slot_count; slot++)
        fake_mark(span, slot);
}

static void
check_fates(void)
{
    uint32_t count = tri_load(&fate_count);
    EXPECT(count < FATES);
    for (uint32_t i = 0; i < count; i++) {
        struct fate *fate = &fates[i];
        uint32_t ran = tri_load(&fate->ran);
        uint32_t stopped = tri_load(&fate->stopped);
        EXPECT_F(fate->dies ? ran + stopped == 1 : ran == 0 && stopped <= 1,
                 "cleanup %" PRIu64 " of a%s object: ran %u times, stopped %u "
                 "times",
                 fate->handle.id, fate->dies ? " dead" : "n alive", ran,
                 stopped);
    }
}

static void
check_balance(void)
{
    struct tri_cleanup_stats stats;
    struct tri_specials_census census;
    tri_cleanup_stats_read(&stats);
    tri_specials_census(&census);
    uint64_t *cleanups = census.count[TRI_SPECIAL_CLEANUP];
    EXPECT_EQ(stats.pending, 0);
    EXPECT_EQ(stats.queued, stats.executed);
    EXPECT_EQ(stats.added, stats.stopped + stats.queued + stats.armed);
    EXPECT_EQ(cleanups[TRI_SPECIAL_ARMED], stats.armed);
    EXPECT_EQ(cleanups[TRI_SPECIAL_STOPPED], 0);
    EXPECT_EQ(cleanups[TRI_SPECIAL_QUEUED], 0);
}

/* What is left is swept without a mark, so that the next round starts empty. */
static void
clear(int number, void *arg)
{
    (void)arg;
    for (uint32_t i = (uint32_t)number; i < SPANS; i += THREADS) {
        (void)fake_sweep(spans[i]);
        spans[i] = NULL;
    }
}

static void
run_round(void)
{
    memset(fates, 0, sizeof(fates));
    tri_store(&fate_count, 0);
    tri_store(&next_span, 0);
    for (uint32_t i = 0; i < SPANS; i++)
        dies[i] = test_random_below(4) != 0;
    fake_threads(THREADS, fill, NULL);
    for (uint32_t i = 0; i < SPANS; i++)
        if (!dies[i])
            mark_span(spans[i]);
    fake_turn();
    fake_threads(THREADS, sweep_and_stop, NULL);
    EXPECT(tri_cleanup_drain(INT64_C(60000000000)));
    check_fates();
    check_balance();

    uint32_t count = tri_load(&fate_count);
    for (uint32_t i = 0; i < count; i++)
        fates[i].dies = true;
    fake_turn();
    fake_threads(THREADS, clear, NULL);
    EXPECT(tri_cleanup_drain(INT64_C(60000000000)));
    check_fates();
    check_balance();
}

TEST(every_cleanup_runs_once_or_is_stopped_once)
{
    fake_begin();
    int64_t end = test_now_ns() + (int64_t)(test_seconds(5) * 1e9);
    int rounds = 0;
    do
        run_round();
    while (rounds++ == 0 || test_now_ns() < end);
    struct tri_cleanup_stats stats;
    tri_cleanup_stats_read(&stats);
    EXPECT(stats.stopped > 100 && stats.executed > 100);
}

/* ---- wake-ups ---- */

static TRI_ATOMIC(uint32_t) lone_ran;

static void
lone(const void *data)
{
    (void)data;
    tri_add(&lone_ran, 1);
}

/* One due cleanup, published just as the runner may be falling asleep. */
static void
publish_one(struct tri_span *span)
{
    (void)tri_add_cleanup_data((void *)span->base, lone, NULL, 0);
    fake_turn();
    fake_mark(span, 1);
    EXPECT(fake_sweep(span));
    tri_enter();
    tri_specials_publish(&tri_host_current_p()->special);
    tri_leave();
}

/* To see it fail: let become_idle (gc/cleanup_pool.c) not look at `ready`, or
 * look before it takes the lock (QUEUE-2). */
TEST(a_lone_cleanup_is_run_however_sleepy_the_runner)
{
    fake_begin();
    struct tri_span *span =
        fake_span(tri_kind_noscan(tri_size_class_of(4096)), 0);
    int64_t end = test_now_ns() + (int64_t)(test_seconds(1) * 1e9);
    for (uint32_t i = 1; test_now_ns() < end; i++) {
        span->alloc_bits[0] = UINT64_MAX;
        span->used_count = span->slot_count;
        tri_store(&lone_ran, 0);
        publish_one(span);
        int64_t patience = test_now_ns() + INT64_C(10000000000);
        while (tri_load(&lone_ran) == 0) {
            if (i % 4 == 0)
                (void)sched_yield();
            EXPECT(test_now_ns() < patience);
        }
        for (uint64_t n = test_random_below(2000); n > 0; n--)
            tri_cpu_relax();
    }
    fake_turn();
    EXPECT(fake_sweep(span));
}

/* ---- runners come and go ---- */

static TRI_ATOMIC(uint32_t) hold;

static void
hold_on(const void *data)
{
    (void)data;
    while (tri_load(&hold) != 0)
        tri_os_sleep_ns(1000000);
    tri_add(&lone_ran, 1);
}

static void
queue_some(void (*fn)(const void *), uint32_t count)
{
    struct tri_span *span =
        fake_span(tri_kind_noscan(tri_size_class_of(8192)), 0);
    for (uint32_t i = 0; i < count; i++)
        (void)tri_add_cleanup_data((void *)span->base, fn, NULL, 0);
    fake_turn();
    EXPECT(fake_sweep(span));
    tri_enter();
    tri_specials_publish(&tri_host_current_p()->special);
    tri_leave();
}

static struct tri_cleanup_pool_stats
pool_now(void)
{
    struct tri_cleanup_pool_stats stats;
    tri_cleanup_pool_read(&stats);
    return stats;
}

/* To see it fail: let dismiss (gc/cleanup_pool.c) leave the count to the runner
 * that goes, or let relieve start none. */
TEST(runners_multiply_when_blocked_and_all_but_one_go_home_when_idle)
{
    fake_begin();
    EXPECT(tri_cleanup_drain(INT64_C(60000000000)));
    tri_store(&lone_ran, 0);
    tri_store(&hold, 1);
    queue_some(hold_on, 7);
    queue_some(lone, 5);
    int64_t patience = test_now_ns() + INT64_C(20000000000);
    while (tri_load(&lone_ran) < 5)
        EXPECT(test_now_ns() < patience);
    EXPECT(pool_now().runners >= 8);
    EXPECT(!tri_cleanup_drain(1000000));
    tri_store(&hold, 0);
    EXPECT(tri_cleanup_drain(INT64_C(60000000000)));
    EXPECT_EQ(tri_load(&lone_ran), 12);
    while (pool_now().runners > 1) {
        EXPECT(test_now_ns() < patience);
        tri_os_sleep_ns(1000000);
    }
    EXPECT_EQ(pool_now().idle, 1);
    queue_some(lone, 3);
    EXPECT(tri_cleanup_drain(INT64_C(60000000000)));
    EXPECT_EQ(tri_load(&lone_ran), 15);
}

/* ---- records, alone ---- */

#define HELD 200

static void
churn_records(int number, void *arg)
{
    (void)arg;
    struct tri_special_p *p = &tri_host_current_p()->special;
    struct tri_special *held[HELD] = { NULL };
    uint64_t id = 0;
    tri_enter();
    for (int i = 0; i < 200000; i++) {
        uint32_t k = (uint32_t)test_random_below(HELD);
        if (held[k] != NULL) {
            /* Nobody else was given it. */
            EXPECT_EQ(held[k]->fn, (uintptr_t)number);
            held[k]->fn = 0;
            tri_special_free(p, held[k]);
            held[k] = NULL;
            continue;
        }
        held[k] = tri_special_alloc(p, (enum tri_special_class)(k % 2));
        EXPECT(held[k] != NULL);
        EXPECT_EQ(held[k]->class, k % 2);
        EXPECT_EQ(tri_load(&held[k]->word), 0);
        held[k]->fn = (uintptr_t)number;
        uint64_t next = tri_special_next_id(p);
        EXPECT(next > id);
        id = next;
    }
    for (int k = 0; k < HELD; k++)
        if (held[k] != NULL)
            tri_special_free(p, held[k]);
    tri_leave();
}

TEST(records_are_handed_out_once)
{
    fake_begin();
    fake_threads(8, churn_records, NULL);
}

TEST_MAIN
