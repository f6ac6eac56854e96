/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_pauses.c: the histograms of the collector's pauses.
 *
 * To see it fail: add to one of the two only, or for every reason to stop the
 * world (is_pause_of_gc in runtime/stw.c).
 */
#include <tricolor/tricolor.h>

#include "tests/support/test.h"

#define BUCKETS 512

struct pauses {
    uint64_t count;
    double longest_seconds; /* lower end of the last bucket in use */
};

static struct pauses
read_pauses(const char *name)
{
    uint64_t counts[BUCKETS];
    double bounds[BUCKETS];
    int buckets = tri_metric_histogram(name, counts, bounds, BUCKETS);
    EXPECT_F(buckets > 0 && buckets <= BUCKETS, "%s: %d", name, buckets);
    struct pauses pauses = { 0 };
    for (int i = 0; i < buckets; i++) {
        pauses.count += counts[i];
        if (counts[i] != 0)
            pauses.longest_seconds = bounds[i];
    }
    return pauses;
}

TEST(each_cycle_has_two_pauses_and_a_change_of_procs_none)
{
    enum {
        CYCLES = 5
    };
    struct pauses before = read_pauses("/gc/pauses/total:seconds");
    for (int i = 0; i < CYCLES; i++)
        tri_gc();
    int procs = tri_set_procs(3);
    tri_set_procs(procs);
    struct pauses total = read_pauses("/gc/pauses/total:seconds");
    struct pauses stopping = read_pauses("/gc/pauses/stopping:seconds");
    struct pauses all = read_pauses("/gc/pauses:seconds");
    /* One more at each restart of mark termination; a cycle that starts by
     * itself would need an allocation. */
    double restarts;
    EXPECT_EQ(tri_metric_read("/gc/mark/restarts:restarts", &restarts), 0);
    uint64_t made = total.count - before.count;
    EXPECT_F(made >= 2 * CYCLES && made <= 2 * CYCLES + (uint64_t)restarts,
             "%" PRIu64 " pauses in %d cycles", made, CYCLES);
    EXPECT_EQ(stopping.count, total.count);
    EXPECT_EQ(all.count, total.count);
    EXPECT(total.longest_seconds > 0);
    EXPECT(stopping.longest_seconds <= total.longest_seconds);
}

int
main(int argc, char **argv)
{
    test_begin(argc, argv);
    return tri_main(test_run_all, NULL, NULL);
}
