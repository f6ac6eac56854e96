/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/gc_figures.c: what the collector says of itself is so.
 * To see it fail: leave the sharing out of tri_mark_drain (gc/mark.c), sum over
 * tri_host_proc in tri_malloc_stats_read, or leave the words in hand out of
 * black_bytes in tri_malloc_blacken_cache (LIVE-1).
 */
#include <stdio.h>

#include <tricolor/tricolor.h>

#include "gc/gc.h"
#include "gc/host.h"
#include "gc/percpu.h"
#include "tests/support/test.h"

struct node {
    struct node *left;
    struct node *right;
};
TRI_TYPE(node_type, struct node, left, right);

static struct node *
make_tree(int depth)
{
    struct node *node = tri_new(&node_type);
    if (depth > 0) {
        TRI_STORE(&node->left, make_tree(depth - 1));
        TRI_STORE(&node->right, make_tree(depth - 1));
    }
    return node;
}

static double
metric(const char *name)
{
    double value = 0;
    EXPECT_EQ(tri_metric_read(name, &value), 0);
    return value;
}

/* Of what the last cycle marked, the part of the P that marked least. */
static double
least_share(void)
{
    double least = 1e30;
    double all = 0;
    for (int i = 0; i < tri_host_proc_count(); i++) {
        double marked = (double)tri_host_proc(i)->work.marked_bytes;
        least = marked < least ? marked : least;
        all += marked;
    }
    return least / all;
}

/* A tree never fills a P's stack of edges: what others get must be given. */
TEST(two_ps_mark_a_tree_together)
{
    enum {
        ROUNDS = 40 /* a busy machine may run one thread at a time */
    };
    EXPECT(tri_set_procs(2) >= 1);
    int percent = tri_set_gc_percent(-1);
    struct node *tree = make_tree(19);
    int shared = 0;
    for (int i = 0; i < ROUNDS; i++) {
        tri_gc();
        shared += least_share() >= 0.25;
    }
    tri_keepalive(tree);
    printf("# shared in %d of %d cycles\n", shared, ROUNDS);
    EXPECT_F(shared >= ROUNDS / 2, "shared in %d of %d cycles", shared, ROUNDS);
    tri_set_gc_percent(percent);
}

static void
allocate(void *group)
{
    for (int i = 0; i < 100000; i++)
        tri_keepalive(tri_alloc_noscan(64));
    tri_waitgroup_done(group);
}

TEST(counts_outlive_the_ps_that_counted)
{
    static struct tri_waitgroup group;
    tri_set_procs(4);
    tri_waitgroup_add(&group, 4);
    for (int i = 0; i < 4; i++)
        tri_go(allocate, &group);
    tri_waitgroup_wait(&group);
    double bytes = metric("/gc/heap/allocs:bytes");
    double objects = metric("/gc/heap/allocs:objects");
    tri_set_procs(1);
    EXPECT(metric("/gc/heap/allocs:bytes") >= bytes);
    EXPECT(metric("/gc/heap/allocs:objects") >= objects);
    EXPECT(objects >= 4 * 100000);
}

/* A little of many kinds, so that what waits in caches is most of it all. */
static void
touch_many_kinds(void)
{
    for (size_t bytes = 16; bytes <= 1024; bytes += 16) {
        tri_keepalive(tri_alloc_noscan(bytes));
        tri_keepalive(tri_alloc_conservative(bytes));
    }
}

TEST(the_heap_is_never_smaller_than_nothing)
{
    tri_set_procs(2);
    for (int round = 0; round < 50; round++) {
        touch_many_kinds();
        tri_gc();
        EXPECT(metric("/gc/heap/now:bytes") >= 0);
        EXPECT(metric("/memory/classes/heap/objects:bytes") >= 0);
        touch_many_kinds(); /* flushes what the cycle left in the caches */
        EXPECT(metric("/gc/heap/now:bytes") >= 0);
    }
}

int
main(int argc, char **argv)
{
    test_begin(argc, argv);
    return tri_main(test_run_all, NULL, NULL);
}
