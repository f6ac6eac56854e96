/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_stacks.c: memory of stacks that lie idle goes back to the system:
 * of goroutines that are parked for long after they had been deep in calls, and of
 * dead ones; and what is still in use is kept.
 * To see it fail: never call tri_stack_give_back_below (the first), nor tri_g_trim
 * (the third), or let it release up to the stack's top (STACK-3: the second); let all
 * tops be of one colour (STACK-2).
 */
#include <tricolor/tricolor.h>

#include <stdio.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/sanitize.h"
#include "runtime/sched.h"
#include "tests/support/test.h"

enum {
    COUNT = 400,
    LEVELS = 40, /* of a little more than 1 KiB each */
    WORDS = 128
};

static struct tri_chan *gate;
static struct tri_waitgroup there, done;
static TRI_ATOMIC(uint64_t) sums;

static double
resident_mib(void)
{
    long pages = 0;
    FILE *in = fopen("/proc/self/statm", "re");
    EXPECT(in != NULL && fscanf(in, "%*s %ld", &pages) == 1);
    (void)fclose(in);
    return (double)pages / 256;
}

/* At the bottom waits or not; on the way back looks at what it wrote. */
static TRI_NOINLINE uint64_t
descend(int level, uint64_t seed, bool wait)
{
    volatile uint64_t words[WORDS];
    for (uint64_t i = 0; i < WORDS; i++)
        words[i] = seed + i;
    uint64_t sum = 0;
    if (level > 0) {
        sum = descend(level - 1, seed + 1, wait);
    } else if (wait) {
        tri_waitgroup_done(&there);
        tri_chan_recv(gate, NULL);
    }
    for (uint64_t i = 0; i < WORDS; i++)
        EXPECT_EQ(words[i], seed + i);
    return sum + words[0];
}

static void
wait_afterwards(void *seed)
{
    tri_add(&sums, descend(LEVELS, (uintptr_t)seed, false));
    tri_waitgroup_done(&there);
    tri_chan_recv(gate, NULL);
    tri_waitgroup_done(&done);
}

static void
wait_below(void *seed)
{
    tri_add(&sums, descend(LEVELS, (uintptr_t)seed, true));
    tri_waitgroup_done(&done);
}

static void
start(void (*fn)(void *))
{
    TRI_STORE(&gate, tri_chan_make(0, 0));
    tri_waitgroup_add(&there, COUNT);
    tri_waitgroup_add(&done, COUNT);
    for (uintptr_t i = 0; i < COUNT; i++)
        tri_go(fn, (void *)(i << 40));
    tri_waitgroup_wait(&there);
}

static void
end(void)
{
    tri_chan_close(gate);
    tri_waitgroup_wait(&done);
}

static void
collect_often(void)
{
    for (int i = 0; i < 6; i++)
        tri_gc();
}

/* A sanitizer's own memory counts, and nobody can say what is to go. */
#define MEASURED (!TRI_ASAN && !TRI_TSAN)

static int64_t
give_up_ns(void)
{
    return test_now_ns() + INT64_C(1000000000) * (MEASURED ? 20 : 1);
}

/* All of them hold LEVELS KiB, of which a page each is to stay. */
#define HALF_MIB ((double)COUNT * LEVELS / 1024 / 2)

TEST(what_parked_ones_used_once_goes_back)
{
    start(wait_afterwards);
    double before = resident_mib();
    collect_often();
    double after = resident_mib();
    (void)printf("# %.1f MiB, then %.1f\n", before, after);
    if (MEASURED)
        EXPECT_F(before - after > HALF_MIB, "%.1f MiB, then %.1f", before,
                 after);
    end();
}

TEST(what_parked_ones_stand_on_is_kept)
{
    start(wait_below);
    collect_often();
    end();
}

TEST(the_dead_ones_stacks_go_back)
{
    start(wait_afterwards);
    end();
    double before = resident_mib();
    int64_t give_up = give_up_ns();
    double after = before;
    while (before - after < HALF_MIB && test_now_ns() < give_up) {
        tri_sleep(10000000);
        after = resident_mib();
    }
    (void)printf("# %.1f MiB, then %.1f\n", before, after);
    if (MEASURED)
        EXPECT_F(before - after >= HALF_MIB, "%.1f MiB, then %.1f", before,
                 after);
}

enum {
    LARGE_BYTES = 64 << 20
};

static void
use_much(void *unused)
{
    (void)unused;
    volatile char at[LARGE_BYTES / 2];
    for (size_t i = 0; i < LARGE_BYTES / 2; i += 4096)
        at[i] = 1;
    EXPECT_EQ(at[0], 1);
    tri_waitgroup_done(&done);
}

TEST(a_large_dead_stack_goes_back_in_pieces)
{
    double before = resident_mib();
    tri_waitgroup_add(&done, 1);
    tri_go_sized(use_much, NULL, LARGE_BYTES);
    tri_waitgroup_wait(&done);
    int64_t give_up = give_up_ns();
    double after;
    do {
        tri_sleep(10000000);
        after = resident_mib();
    } while (after - before > 16 && test_now_ns() < give_up);
    (void)printf("# %.1f MiB, then %.1f\n", before, after);
    if (MEASURED)
        EXPECT_F(after - before <= 16, "%.1f MiB, then %.1f", before, after);
}

/* Tops that are all aligned alike fall into a few sets of a cache. */
TEST(tops_of_stacks_are_spread_over_cache_sets)
{
    enum {
        LINE = 64,
        LINES = 64 /* of a page */
    };
    bool seen[LINES] = { false };
    int different = 0;
    start(wait_afterwards);
    for (size_t i = 0; i < tri_g_count(); i++) {
        uintptr_t top = tri_g_at(i)->stack.top;
        bool *line = &seen[top / LINE % LINES];
        different += top != 0 && !*line;
        *line = *line || top != 0;
    }
    end();
    EXPECT_F(different >= 8, "tops in %d of 64 lines", different);
}

int
main(int argc, char **argv)
{
    test_begin(argc, argv);
    struct tri_options options = { .procs = 2 };
    return tri_main(test_run_all, NULL, &options);
}
