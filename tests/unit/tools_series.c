/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/tools_series.c: the sampler's series stays bounded and keeps the
 * whole run in it; names that were nearly right are found.
 *
 * To see it fail: let series_add drop the second half instead of every second
 * point.
 */
#include "tests/support/test.h"
#include "tools/command.h"
#include "tools/sampler.h"

TEST(a_series_of_any_length_fits_and_reaches_from_start_to_end)
{
    static struct series series;
    series.interval_ns = 10;
    int64_t time_ns = 0;
    size_t added = 0;
    while (time_ns < 10000000) {
        double values[SAMPLER_SERIES];
        for (size_t i = 0; i < SAMPLER_SERIES; i++)
            values[i] = (double)time_ns * (double)(i + 1);
        series_add(&series, time_ns, values);
        time_ns += series.interval_ns;
        added++;
    }
    EXPECT(added > SAMPLER_POINTS_MAX);
    EXPECT(series.count > SAMPLER_POINTS_MAX / 2 - 1);
    EXPECT(series.count <= SAMPLER_POINTS_MAX);
    EXPECT_EQ(series.time_ns[0], 0);
    EXPECT_EQ(series.time_ns[series.count - 1], time_ns - series.interval_ns);
    for (size_t i = 0; i < series.count; i++) {
        EXPECT(i == 0 || series.time_ns[i] > series.time_ns[i - 1]);
        for (size_t j = 0; j < SAMPLER_SERIES; j++)
            EXPECT(series.values[j][i]
                   == (double)series.time_ns[i] * (double)(j + 1));
    }
    /* No hole larger than two intervals. */
    for (size_t i = 1; i < series.count; i++)
        EXPECT(series.time_ns[i] - series.time_ns[i - 1]
               <= 2 * series.interval_ns);
}

TEST(the_nearest_name_has_the_fewest_edits)
{
    const char *const names[] = { "list", "run", "report", "trace" };
    EXPECT_STR(nearest_name("rnu", names, 4), "run");
    EXPECT_STR(nearest_name("lst", names, 4), "list");
    EXPECT_STR(nearest_name("reprot", names, 4), "report");
    EXPECT_STR(nearest_name("tracy", names, 4), "trace");
    EXPECT(nearest_name("x", names, 0) == NULL);
}

TEST(integers_are_whole_and_in_range)
{
    int64_t value = 0;
    EXPECT(parse_integer("12", 0, 12, &value) && value == 12);
    EXPECT(parse_integer("-3", -3, 0, &value) && value == -3);
    EXPECT(!parse_integer("13", 0, 12, &value));
    EXPECT(!parse_integer("", 0, 12, &value));
    EXPECT(!parse_integer("1x", 0, 12, &value));
    EXPECT(!parse_integer("99999999999999999999", 0, INT64_MAX, &value));
}

TEST_MAIN
