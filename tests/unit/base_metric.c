/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/base_metric.c: histograms' buckets, and looking metrics up.
 * To see it fail: use `log2 - 3` for `log2 - 2` in tri_histogram_bucket.
 */
#include "base/metric.h"

#include <errno.h>

#include <tricolor/tricolor.h>

#include "tests/support/test.h"

TEST(each_duration_lies_between_its_buckets_bounds)
{
    for (int i = 0; i < 1000000; i++) {
        uint64_t ns = test_random() >> (23 + test_random_below(41));
        uint32_t bucket = tri_histogram_bucket(ns);
        EXPECT(bucket < TRI_HISTOGRAM_BUCKETS);
        EXPECT(tri_histogram_bound_ns(bucket) <= ns);
        if (bucket + 1 < TRI_HISTOGRAM_BUCKETS)
            EXPECT(ns < tri_histogram_bound_ns(bucket + 1));
    }
}

TEST(buckets_ascend_and_none_is_wider_than_an_eighth)
{
    for (uint32_t b = 0; b + 1 < TRI_HISTOGRAM_BUCKETS; b++) {
        uint64_t low = tri_histogram_bound_ns(b);
        uint64_t high = tri_histogram_bound_ns(b + 1);
        EXPECT(low < high);
        EXPECT(high - low <= (low < 8 ? 1 : low / 8));
        EXPECT_EQ(tri_histogram_bucket(low), b);
        EXPECT_EQ(tri_histogram_bucket(high - 1), b);
    }
    EXPECT_EQ(tri_histogram_bucket(UINT64_MAX), TRI_HISTOGRAM_BUCKETS - 1);
}

static struct tri_histogram histogram;

static void
add_many(int number, void *arg)
{
    (void)arg;
    for (int i = 0; i < 10000; i++)
        tri_histogram_add(&histogram, number * 10000 + i);
    tri_histogram_add(&histogram, -5); /* counts as 0 */
}

static double
seven(void)
{
    return 7;
}

static const struct tri_metric first[] = {
    { "/test/seven:things", seven, NULL },
    { "/test/times:seconds", NULL, &histogram },
};
static const struct tri_metric second[] = {
    { "/test/more:things", seven, NULL },
};

TEST(metrics_are_found_by_name_and_listed_in_order)
{
    double value = 0;
    EXPECT(tri_metric_name(0) == NULL);
    EXPECT_EQ(tri_metric_read("/test/seven:things", &value), -ENOENT);
    tri_metrics_register(first, TRI_ARRAY_COUNT(first));
    tri_metrics_register(second, TRI_ARRAY_COUNT(second));
    EXPECT_STR(tri_metric_name(0), "/test/seven:things");
    EXPECT_STR(tri_metric_name(1), "/test/times:seconds");
    EXPECT_STR(tri_metric_name(2), "/test/more:things");
    EXPECT(tri_metric_name(3) == NULL);
    EXPECT_EQ(tri_metric_read("/test/more:things", &value), 0);
    EXPECT(value > 6.5 && value < 7.5);
    EXPECT_EQ(tri_metric_read("/test/times:seconds", &value), -EINVAL);
    EXPECT_EQ(tri_metric_read("/test/seven:thing", &value), -ENOENT);
    EXPECT_EQ(tri_metric_read(NULL, &value), -ENOENT);
}

TEST(threads_lose_no_sample)
{
    uint64_t counts[TRI_HISTOGRAM_BUCKETS];
    double bounds[TRI_HISTOGRAM_BUCKETS];
    test_threads(8, add_many, NULL);
    EXPECT_EQ(tri_metric_histogram("/test/times:seconds", counts, bounds,
                                   TRI_HISTOGRAM_BUCKETS),
              TRI_HISTOGRAM_BUCKETS);
    uint64_t sum = 0;
    for (size_t b = 0; b < TRI_HISTOGRAM_BUCKETS; b++)
        sum += counts[b];
    EXPECT_EQ(sum, 8 * 10001);
    EXPECT_EQ(counts[0], 8 + 1);
    EXPECT_EQ(tri_load(&histogram.max_ns), 79999);
    EXPECT_EQ(tri_load(&histogram.sum_ns), INT64_C(79999) * 80000 / 2);
    /* A caller with less room gets that much, and learns how many there are. */
    counts[1] = 99;
    EXPECT_EQ(tri_metric_histogram("/test/times:seconds", counts, bounds, 1),
              TRI_HISTOGRAM_BUCKETS);
    EXPECT_EQ(counts[1], 99);
    EXPECT_EQ(tri_metric_histogram("/test/seven:things", counts, bounds, 1),
              -EINVAL);
    EXPECT_EQ(tri_metric_histogram("/test/none", counts, bounds, 1), -ENOENT);
}

TEST_MAIN
