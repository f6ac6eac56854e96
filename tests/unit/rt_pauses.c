/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_pauses.c: the histograms of pauses: the collector's, and others'.
 *
 * To see it fail: in runtime/stw.c, let pauses() answer one of the two for every
 * reason, or leave out adding to `stopping` or to `total`.
 */
#include <fcntl.h>
#include <tricolor/tricolor.h>
#include <unistd.h>

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

struct both {
    struct pauses total, stopping;
};

static struct both
read_both(const char *total, const char *stopping)
{
    struct both both = { .total = read_pauses(total),
                         .stopping = read_pauses(stopping) };
    EXPECT_EQ(both.stopping.count, both.total.count);
    EXPECT(both.stopping.longest_seconds <= both.total.longest_seconds);
    return both;
}

static struct both
of_collector(void)
{
    return read_both("/sched/pauses/total/gc:seconds",
                     "/sched/pauses/stopping/gc:seconds");
}

static struct both
of_others(void)
{
    return read_both("/sched/pauses/total/other:seconds",
                     "/sched/pauses/stopping/other:seconds");
}

TEST(each_cycle_has_two_pauses)
{
    enum {
        CYCLES = 5
    };
    struct both before = of_collector(), others = of_others();
    for (int i = 0; i < CYCLES; i++)
        tri_gc();
    struct both after = of_collector();
    /* One more at each restart of mark termination; a cycle that starts by
     * itself would need an allocation. */
    double restarts;
    EXPECT_EQ(tri_metric_read("/gc/mark/restarts:restarts", &restarts), 0);
    uint64_t made = after.total.count - before.total.count;
    EXPECT_F(made >= 2 * CYCLES && made <= 2 * CYCLES + (uint64_t)restarts,
             "%" PRIu64 " pauses in %d cycles", made, CYCLES);
    EXPECT(after.total.longest_seconds > 0);
    EXPECT_EQ(of_others().total.count, others.total.count);
    /* By their other names. */
    EXPECT_EQ(read_pauses("/gc/pauses:seconds").count, after.total.count);
    EXPECT_EQ(read_pauses("/gc/pauses/total:seconds").count, after.total.count);
    EXPECT_EQ(read_pauses("/gc/pauses/stopping:seconds").count,
              after.total.count);
}

static void
change_procs(void)
{
    tri_set_procs(tri_set_procs(3));
}

static void
change_settings(void)
{
    tri_set_memory_limit(INT64_MAX);
    tri_set_gc_percent(100);
}

static void
dump(void)
{
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    EXPECT_EQ(tri_dump_goroutines(null), 0);
    close(null);
}

TEST(other_reasons_to_stop_the_world_are_counted_as_such)
{
    static const struct {
        const char *name;
        void (*stop)(void);
        uint64_t stops;
    } of[] = { { "procs", change_procs, 2 },
               { "settings", change_settings, 2 },
               { "dump", dump, 1 } };
    uint64_t cycles = of_collector().total.count;
    for (size_t i = 0; i < sizeof(of) / sizeof(*of); i++) {
        struct both before = of_others();
        of[i].stop();
        uint64_t made = of_others().total.count - before.total.count;
        EXPECT_F(made == of[i].stops, "%s: %" PRIu64 " pauses", of[i].name,
                 made);
    }
    EXPECT(of_others().total.longest_seconds > 0);
    EXPECT_EQ(of_collector().total.count, cycles);
}

int
main(int argc, char **argv)
{
    test_begin(argc, argv);
    /* As many Ps as asked for, so that none is added or taken by itself. */
    return tri_main(test_run_all, NULL, &(struct tri_options){ .procs = 2 });
}
