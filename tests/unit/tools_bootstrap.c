/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/tools_bootstrap.c: medians, ratios and their intervals.
 *
 * To see it fail: let resampled_median draw without replacement; then every
 * interval is a point.
 */
#include "tests/support/test.h"
#include "tools/bootstrap.h"

#define SAMPLES 25
#define TRIALS  200

TEST(a_median_is_the_middle_or_the_mean_of_two)
{
    const double odd[] = { 5, 1, 3 };
    const double even[] = { 4, 1, 3, 2 };
    const double one[] = { 7 };
    EXPECT(median(odd, 3) == 3);
    EXPECT(median(even, 4) == 2.5);
    EXPECT(median(one, 1) == 7);
    EXPECT(odd[0] == 5); /* the samples stay as they are */
}

TEST(one_sample_gives_a_ratio_without_an_interval)
{
    const double a[] = { 4 };
    const double b[] = { 6, 6 };
    struct ratio ratio;
    EXPECT(bootstrap_ratio(a, 1, b, 2, &ratio));
    EXPECT(ratio.ratio == 1.5);
    EXPECT(!ratio.interval);
}

TEST(nothing_and_zero_have_no_ratio)
{
    const double zero[] = { 0, 0, 0 };
    const double some[] = { 1, 2, 3 };
    struct ratio ratio;
    EXPECT(!bootstrap_ratio(some, 0, some, 3, &ratio));
    EXPECT(!bootstrap_ratio(some, 3, some, 0, &ratio));
    EXPECT(!bootstrap_ratio(zero, 3, some, 3, &ratio));
    EXPECT(bootstrap_ratio(some, 3, zero, 3, &ratio));
    EXPECT(ratio.ratio == 0);
}

TEST(equal_samples_have_an_interval_of_one_point)
{
    const double same[] = { 8, 8, 8, 8 };
    struct ratio ratio;
    EXPECT(bootstrap_ratio(same, 4, same, 4, &ratio));
    EXPECT(ratio.interval && ratio.low == 1 && ratio.high == 1);
}

/* Uniform in [0.5, 1.5): the median of the population is 1. */
static double
draw(void)
{
    return 0.5 + (double)test_random_below(1 << 20) / (1 << 20);
}

TEST(the_interval_covers_the_truth_about_as_often_as_it_says)
{
    int covered = 0;
    double width = 0;
    for (int trial = 0; trial < TRIALS; trial++) {
        double a[SAMPLES];
        double b[SAMPLES];
        for (int i = 0; i < SAMPLES; i++) {
            a[i] = draw();
            b[i] = 2 * draw();
        }
        struct ratio ratio;
        EXPECT(bootstrap_ratio(a, SAMPLES, b, SAMPLES, &ratio));
        EXPECT(ratio.interval && ratio.low <= ratio.high);
        EXPECT(ratio.low <= ratio.ratio && ratio.ratio <= ratio.high);
        covered += ratio.low <= 2 && 2 <= ratio.high;
        width += (ratio.high - ratio.low) / TRIALS;
    }
    /* 95 % promised; the percentile bootstrap of a median errs a little. */
    EXPECT_F(covered >= TRIALS * 88 / 100, "%d of %d", covered, TRIALS);
    EXPECT_F(width < 1.5, "an interval of width %f tells nothing", width);
}

TEST_MAIN
