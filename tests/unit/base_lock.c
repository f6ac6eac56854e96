/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/base_lock.c: the ranked lock.
 * To see it fail: make tri_unlock store HELD, take the acquire out of try_take
 * (tsan), or drop the wake-up (the tests then hang until ctest's timeout); take locks
 * outside of sections (LOCK-1, in checked builds).
 */
#include "base/lock.h"

#include <time.h>

#include "base/check.h"
#include "base/os.h"
#include "tests/support/test.h"

static struct tri_lock low = TRI_LOCK_INIT(TEST_LOW);
static struct tri_lock low_too = TRI_LOCK_INIT(TEST_LOW);
static struct tri_lock high = TRI_LOCK_INIT(TEST_HIGH);

struct counter {
    struct tri_lock lock;
    uint64_t count; /* [lock] */
    uint64_t pair;  /* [lock] the same, unless two are inside */
    int turns;
    bool may_sleep;
};

static void
count_up(int number, void *arg)
{
    struct counter *counter = arg;
    (void)number;
    for (int i = 0; i < counter->turns; i++) {
        tri_lock(&counter->lock);
        EXPECT(counter->count == counter->pair);
        counter->count++;
        if (counter->may_sleep && i % 64 == 0)
            tri_os_sleep_ns(20000); /* lets the others fall asleep */
        counter->pair++;
        tri_unlock(&counter->lock);
    }
}

TEST(eight_threads_exclude_one_another)
{
    struct counter counter = { .lock = TRI_LOCK_INIT(TEST_LOW),
                               .turns = 30000 };
    test_threads(8, count_up, &counter);
    EXPECT_EQ(counter.count, 8 * 30000);
    EXPECT_EQ(tri_load(&counter.lock.word), 0);
}

TEST(sleepers_are_woken)
{
    struct counter counter = { .lock = TRI_LOCK_INIT(TEST_LOW),
                               .turns = 1000,
                               .may_sleep = true };
    test_threads(8, count_up, &counter);
    EXPECT_EQ(counter.count, 8 * 1000);
    EXPECT_EQ(tri_load(&counter.lock.word), 0);
}

static void
try_up(int number, void *arg)
{
    struct counter *counter = arg;
    (void)number;
    for (int i = 0; i < counter->turns;) {
        if (!tri_try_lock(&counter->lock))
            continue;
        EXPECT(counter->count++ == counter->pair);
        counter->pair++;
        tri_unlock(&counter->lock);
        i++;
    }
}

TEST(trying_excludes_too)
{
    struct counter counter = { .lock = TRI_LOCK_INIT(TEST_LOW),
                               .turns = 20000 };
    test_threads(4, try_up, &counter);
    EXPECT_EQ(counter.count, 4 * 20000);
}

TEST(a_held_lock_is_a_critical_section)
{
    EXPECT_EQ(tri_critical_depth(), 0);
    tri_lock(&low);
    tri_lock(&high);
    EXPECT_EQ(tri_critical_depth(), 2);
    EXPECT(!tri_try_lock(&low));
    EXPECT_EQ(tri_critical_depth(), 2);
    tri_lock_assert_held(&low);
    /* Out of order is allowed on the way out. */
    tri_unlock(&low);
    tri_lock_assert_held(&high);
    tri_unlock(&high);
    EXPECT_EQ(tri_critical_depth(), 0);
}

static void
nest_downwards(void *arg)
{
    (void)arg;
    tri_lock(&high);
    tri_lock(&low);
}

static void
nest_equals(void *arg)
{
    (void)arg;
    tri_lock(&low);
    tri_lock(&low_too);
}

static void
nest_below_a_tried_one(void *arg)
{
    (void)arg;
    tri_lock(&low);
    if (tri_try_lock(&high))
        tri_lock(&low_too);
}

/* LOCK-2's exception: one rank, in the order of the addresses. */
static struct tri_lock row[3] = { TRI_LOCK_INIT(TEST_LOW),
                                  TRI_LOCK_INIT(TEST_LOW),
                                  TRI_LOCK_INIT(TEST_LOW) };

TEST(locks_of_one_rank_nest_in_the_order_of_their_addresses)
{
    tri_lock(&row[0]);
    tri_lock_above(&row[1], &row[0]);
    tri_lock_above(&row[2], &row[1]);
    tri_lock(&high); /* what comes after may still be taken */
    tri_unlock(&high);
    EXPECT_EQ(tri_critical_depth(), 3);
    tri_unlock_above(&row[2], &row[1]);
    EXPECT(tri_try_lock(&row[2]));
    tri_unlock(&row[2]);
    tri_unlock_above(&row[1], &row[0]);
    tri_unlock(&row[0]);
    EXPECT_EQ(tri_critical_depth(), 0);
}

static void
nest_to_lower_address(void *arg)
{
    (void)arg;
    tri_lock(&row[1]);
    tri_lock_above(&row[0], &row[1]);
}

static void
nest_above_another(void *arg)
{
    (void)arg;
    tri_lock(&row[0]);
    tri_lock_above(&row[1], &row[0]);
    tri_lock_above(&row[2], &row[0]);
}

static void
leave_one_held(void *arg)
{
    (void)arg;
    tri_lock(&row[0]);
    tri_lock_above(&row[1], &row[0]);
    tri_unlock(&row[0]);
}

static void
unlock_foreign(void *arg)
{
    tri_unlock(arg);
}

static void
assert_foreign(void *arg)
{
    tri_lock_assert_held(arg);
}

TEST(lock_2_violations_die_naming_both_rows)
{
    if (!TRI_CHECKED) {
        test_skip("ranks are kept in checked builds only");
        return;
    }
    EXPECT_DEATH(nest_downwards, NULL,
                 "LOCK-2: taking TEST_LOW (tests) while holding TEST_HIGH");
    EXPECT_DEATH(nest_equals, NULL, "which comes at the same rank");
    EXPECT_DEATH(nest_below_a_tried_one, NULL, "LOCK-2");
    EXPECT_DEATH(nest_to_lower_address, NULL, "at a higher address");
    EXPECT_DEATH(nest_above_another, NULL, "that was not taken last");
    EXPECT_DEATH(leave_one_held, NULL, "by a thread that does not hold it");
    EXPECT_DEATH(assert_foreign, &low, "TEST_LOW is not held here");
}

static void
lock_where_forbidden(void *arg)
{
    tri_enter();
    tri_lock_forbid(true);
    tri_lock_forbid(false);
    tri_lock(arg);
    tri_unlock(arg);
    tri_lock_forbid(true);
    tri_lock(arg);
}

TEST(a_lock_taken_inside_an_event_dies)
{
    if (TRI_CHECKED)
        EXPECT_DEATH(lock_where_forbidden, &low, "TRACE-2: taking TEST_LOW");
}

TEST(releasing_a_free_lock_dies)
{
    EXPECT_DEATH(unlock_foreign, &low, "TEST_LOW is released");
}

TEST_MAIN
