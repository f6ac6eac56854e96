/* SPDX-License-Identifier: MIT */
/*
 * special_index: the per-span index against an array, for every slot count
 * that a size class has, and the walk over all spans that carry specials.
 *
 * To see it fail: forget `index->used--` or the move of the last of the few in
 * tri_index_drop, or the copying of the few in grow; leave the span in a cell that
 * tri_index_free gives back (SPEC-4).
 */
#include "gc/special_index.h"
#include "alloc/sizeclass.h"
#include "base/os.h"
#include "tests/support/test.h"

static void
begin(void)
{
    static bool begun;
    if (!begun)
        EXPECT_EQ(tri_index_init(), 0);
    begun = true;
}

/* The index never looks into its span. */
static struct tri_span *
span_number(uintptr_t n)
{
    return (struct tri_span *)(n * 64);
}

static void
compare(const struct tri_index *index, const uint32_t *model, uint32_t count)
{
    uint32_t used = 0;
    for (uint32_t w = 0; w < (count + 63) / 64; w++) {
        uint64_t bits = 0;
        for (uint32_t i = w * 64; i < count && i < w * 64 + 64; i++) {
            EXPECT_EQ(tri_index_get(index, i), model[i]);
            if (model[i] != 0) {
                bits |= UINT64_C(1) << (i % 64);
                used++;
            }
        }
        EXPECT_EQ(tri_index_word(index, w), bits);
    }
    EXPECT_EQ(index->used, used);
}

static void
random_walk(uint32_t count, int steps)
{
    uint32_t model[TRI_INDEX_SLOTS_MAX] = { 0 };
    struct tri_index *index = tri_index_new(span_number(count), count);
    EXPECT(index != NULL);
    /* Drift up, then down, so that both forms and the change are met. */
    for (int i = 0; i < steps; i++) {
        uint32_t slot = (uint32_t)test_random_below(count);
        uint64_t drops_of_four = i < steps / 2 ? 1 : 3;
        if (model[slot] != 0 && test_random_below(4) < drops_of_four) {
            tri_index_drop(index, slot);
            model[slot] = 0;
        } else {
            uint32_t record = 1 + (uint32_t)test_random_below(1 << 28);
            EXPECT(tri_index_put(index, slot, record));
            model[slot] = record;
        }
        if (i % 64 == 0 || count <= 16)
            compare(index, model, count);
    }
    compare(index, model, count);
    for (uint32_t i = 0; i < count; i++)
        if (model[i] != 0)
            tri_index_drop(index, i);
    EXPECT_EQ(index->used, 0);
    tri_index_free(index);
}

TEST(an_index_agrees_with_an_array_for_every_slot_count)
{
    begin();
    random_walk(1, 100);
    for (uint32_t class = 1; class < TRI_CLASS_COUNT; class ++) {
        uint32_t count = tri_size_classes[class].pages
                       * (uint32_t)TRI_PAGE_BYTES
                       / tri_size_classes[class].bytes;
        EXPECT(count <= TRI_INDEX_SLOTS_MAX);
        random_walk(count, 2000);
    }
}

static bool seen[64];

static void
visit(struct tri_span *span)
{
    uintptr_t n = (uintptr_t)span / 64;
    if (n >= 1000 && n < 1064) {
        EXPECT(!seen[n - 1000]);
        seen[n - 1000] = true;
    }
}

TEST(a_walk_meets_each_span_with_an_index_once)
{
    begin();
    struct tri_index *index[64];
    for (uintptr_t i = 0; i < 64; i++)
        index[i] = tri_index_new(span_number(1000 + i), 8);
    for (int i = 0; i < 64; i += 2)
        tri_index_free(index[i]);
    memset(seen, 0, sizeof(seen));
    tri_index_each_span(visit);
    for (int i = 0; i < 64; i++) {
        EXPECT_EQ(seen[i], i % 2 == 1);
        if (i % 2 == 1)
            tri_index_free(index[i]);
    }
}

/* The n-th request for memory fails, for every n until nothing fails. */
TEST(an_index_that_cannot_grow_stays_as_it_was)
{
    begin();
    bool failed = false;
    uint32_t made = 0;
    /* 1024 slots: tables of 4 KiB exhaust what the pool has at hand. */
    static struct tri_index *all[4096];
    for (; made < TRI_ARRAY_COUNT(all); made++) {
        struct tri_index *index = tri_index_new(span_number(5000 + made), 1024);
        EXPECT(index != NULL);
        all[made] = index;
        for (uint32_t slot = 0; slot < TRI_INDEX_FEW; slot++)
            EXPECT(tri_index_put(index, slot, slot + 1));
        tri_store(&tri_os_fail_countdown, 1);
        bool put = tri_index_put(index, 1000, 99);
        tri_store(&tri_os_fail_countdown, 0);
        if (!put) {
            failed = true;
            EXPECT_EQ(index->used, TRI_INDEX_FEW);
            EXPECT_EQ(tri_index_get(index, 1000), 0);
            EXPECT_EQ(tri_index_get(index, 3), 4);
            EXPECT(tri_index_put(index, 1000, 99));
        }
        EXPECT_EQ(tri_index_get(index, 1000), 99);
    }
    EXPECT(failed);
    while (made-- > 0) {
        for (uint32_t slot = 0; slot < TRI_INDEX_FEW; slot++)
            tri_index_drop(all[made], slot);
        tri_index_drop(all[made], 1000);
        tri_index_free(all[made]);
    }
}

TEST_MAIN
