/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/rt_runq.c: a P's queue under its owner and thieves: every item
 * comes out exactly once, oldest first for each taker.
 * To see it fail: in runq.h take the item after the CAS instead of before
 * (RUNQ-2), or let put ignore the distance to head (RUNQ-1).
 */
#include "runtime/runq.h"

#include <stdlib.h>

#include "tests/support/test.h"

enum {
    THIEVES = 3
};

static struct tri_runq queue;
static TRI_ATOMIC(uint32_t) finished;
static uint8_t *seen; /* by item: how often it came out */
static uintptr_t items;

static void
count(void *item)
{
    TRI_ATOMIC(uint8_t) *times =
        tri_atomic_cast(uint8_t, &seen[(uintptr_t)item - 1]);
    EXPECT_EQ(tri_add(times, 1), 0);
}

static void
own(void)
{
    uintptr_t next = 1;
    uintptr_t last = 0;
    while (next <= items) {
        for (uint64_t n = test_random_below(200); n > 0 && next <= items; n--) {
            if (!tri_runq_put(&queue, (void *)next))
                break;
            next++;
        }
        for (uint64_t n = test_random_below(100); n > 0; n--) {
            void *item = tri_runq_take(&queue);
            if (item == NULL)
                break;
            EXPECT_F((uintptr_t)item > last, "took %zu after %zu", (size_t)item,
                     (size_t)last);
            last = (uintptr_t)item;
            count(item);
        }
    }
    void *item;
    while ((item = tri_runq_take(&queue)) != NULL)
        count(item);
    tri_store(&finished, 1);
}

static void
steal(void)
{
    void *out[TRI_RUNQ_SLOTS / 2];
    while (tri_load(&finished) == 0) {
        uint32_t n = tri_runq_steal(
            &queue, out, 1 + (uint32_t)test_random_below(TRI_RUNQ_SLOTS / 2));
        for (uint32_t i = 0; i < n; i++) {
            EXPECT(i == 0 || (uintptr_t)out[i] == (uintptr_t)out[i - 1] + 1);
            count(out[i]);
        }
    }
}

static void
role(int number, void *arg)
{
    (void)arg;
    if (number == 0)
        own();
    else
        steal();
}

TEST(every_item_comes_out_once)
{
    items = (uintptr_t)(test_seconds(2) * 1e6);
    seen = calloc(items, 1);
    EXPECT(seen != NULL);
    test_threads(1 + THIEVES, role, NULL);
    for (uintptr_t i = 0; i < items; i++)
        EXPECT_EQ(seen[i], 1);
    free(seen);
}

TEST(a_full_queue_refuses_and_keeps_its_order)
{
    static struct tri_runq full;
    for (uintptr_t i = 1; i <= TRI_RUNQ_SLOTS; i++)
        EXPECT(tri_runq_put(&full, (void *)i));
    EXPECT(!tri_runq_put(&full, (void *)1000));
    EXPECT_EQ(tri_runq_count(&full), TRI_RUNQ_SLOTS);
    for (uintptr_t i = 1; i <= TRI_RUNQ_SLOTS; i++)
        EXPECT_EQ(tri_runq_take(&full), i);
    EXPECT(tri_runq_take(&full) == NULL);
}

TEST_MAIN
