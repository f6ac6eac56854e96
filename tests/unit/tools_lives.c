/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/tools_lives.c: the report's table of cleanups against a plain
 * array of all ids: every latency is counted once, whatever the order.
 *
 * To see it fail: let forget() leave the hole where it is instead of moving
 * later entries back; then ids behind it are no longer found.
 */
#include "tests/support/test.h"
#include "tools/report_cleanups.h"

#include <stdlib.h>

#define IDS   20000u
#define STEPS 120000

/* 0: not yet added, then the last step taken plus 1; 9: ended. */
struct shadow {
    int state;
    int64_t last_ns;
};

static int64_t
count_of(const json_t *json, const char *name)
{
    const json_t *value = json_object_get(json, name);
    return json_is_object(value)
             ? json_integer_value(json_object_get(value, "count"))
             : json_integer_value(value);
}

TEST(every_life_is_measured_exactly_once)
{
    static struct shadow shadows[IDS];
    struct cleanup_lives *lives = cleanup_lives_new();
    int64_t counts[5] = { 0 };
    int64_t now = 0;
    int64_t longest_wait = 0;
    for (int i = 0; i < STEPS; i++) {
        /* Spread like the ids of several Ps: ranges far apart. */
        uint64_t n = test_random_below(IDS);
        uint64_t id = 1 + n % 1000 + (n / 1000) * 65536;
        struct shadow *shadow = &shadows[n];
        now += (int64_t)test_random_below(50);
        enum cleanup_step step;
        if (shadow->state == 0)
            step = CLEANUP_ADD;
        else if (shadow->state == CLEANUP_ADD + 1)
            step = test_random_below(3) == 0 ? CLEANUP_STOP : CLEANUP_QUEUE;
        else if (shadow->state == CLEANUP_QUEUE + 1)
            step = CLEANUP_BEGIN;
        else if (shadow->state == CLEANUP_BEGIN + 1)
            step = CLEANUP_END;
        else
            continue;
        if (step == CLEANUP_BEGIN && now - shadow->last_ns > longest_wait)
            longest_wait = now - shadow->last_ns;
        cleanup_lives_step(lives, step, id, now);
        counts[step]++;
        shadow->last_ns = now;
        shadow->state =
            step == CLEANUP_STOP || step == CLEANUP_END ? 9 : (int)step + 1;
    }
    json_t *json = cleanup_lives_json(lives);
    EXPECT_EQ(count_of(json, "added"), counts[CLEANUP_ADD]);
    EXPECT_EQ(count_of(json, "stopped"), counts[CLEANUP_STOP]);
    EXPECT_EQ(count_of(json, "queued"), counts[CLEANUP_QUEUE]);
    EXPECT_EQ(count_of(json, "executed"), counts[CLEANUP_END]);
    EXPECT_EQ(count_of(json, "armed_ns"), counts[CLEANUP_QUEUE]);
    EXPECT_EQ(count_of(json, "wait_ns"), counts[CLEANUP_BEGIN]);
    EXPECT_EQ(count_of(json, "run_ns"), counts[CLEANUP_END]);
    const json_t *wait = json_object_get(json, "wait_ns");
    EXPECT_EQ(json_integer_value(json_object_get(wait, "max")), longest_wait);
    json_decref(json);
    cleanup_lives_free(lives);
}

TEST(a_life_whose_beginning_is_missing_is_counted_but_not_measured)
{
    struct cleanup_lives *lives = cleanup_lives_new();
    cleanup_lives_step(lives, CLEANUP_QUEUE, 5, 100);
    cleanup_lives_step(lives, CLEANUP_BEGIN, 5, 110);
    cleanup_lives_step(lives, CLEANUP_END, 5, 120);
    json_t *json = cleanup_lives_json(lives);
    EXPECT_EQ(count_of(json, "queued"), 1);
    EXPECT_EQ(count_of(json, "executed"), 1);
    EXPECT_EQ(count_of(json, "wait_ns"), 0);
    json_decref(json);
    cleanup_lives_free(lives);
}

TEST(quantiles_lie_between_the_samples_around_them)
{
    struct durations durations = { 0 };
    for (int64_t ns = 1; ns <= 1000; ns++)
        durations_add(&durations, ns);
    json_t *json = durations_json(&durations);
    double p50 = json_real_value(json_object_get(json, "p50"));
    double p99 = json_real_value(json_object_get(json, "p99"));
    /* A bin is a quarter of an octave wide: 19 %. */
    EXPECT_F(p50 >= 500 && p50 < 500 * 1.2, "p50 is %f", p50);
    EXPECT_F(p99 >= 990 && p99 <= 1000, "p99 is %f", p99);
    EXPECT_EQ(count_of(json, "max"), 1000);
    json_decref(json);
}

TEST_MAIN
