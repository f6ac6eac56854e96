/* SPDX-License-Identifier: MIT */
/*
 * bench/cases/gcbench.c: two classics: trees built and dropped, beside
 * something that lives.
 *
 * gcbench has the shape of the artificial benchmark by John Ellis and Pete
 * Kovac that Hans Boehm made known: a stretching tree, a long-lived tree of
 * depth 16 and an array of 500,000 doubles, then trees of depth 4 to 16, top
 * down and bottom up, as many of each depth as make up about the same number
 * of nodes.  binary_trees is the Computer Language Benchmarks Game's, on one
 * goroutine.  A pass is one whole run; both check what they built.
 */
#include "bench/bench.h"

struct node {
    struct node *left, *right;
    int i, j;
};
TRI_TYPE(node_type, struct node, left, right);

#define STRETCH_DEPTH    18
#define LONG_LIVED_DEPTH 16
#define ARRAY_LENGTH     500000
#define DEPTH_MIN        4
#define DEPTH_MAX        16

static int64_t
nodes_of(int depth)
{
    return ((int64_t)1 << (depth + 1)) - 1;
}

static struct node *
new_node(struct node *left, struct node *right)
{
    struct node *node = tri_new(&node_type);
    TRI_STORE(&node->left, left);
    TRI_STORE(&node->right, right);
    return node;
}

/* Top down: parents before their children. */
static void
populate(int depth, struct node *node)
{
    if (depth <= 0)
        return;
    TRI_STORE(&node->left, (struct node *)tri_new(&node_type));
    TRI_STORE(&node->right, (struct node *)tri_new(&node_type));
    populate(depth - 1, node->left);
    populate(depth - 1, node->right);
}

/* Bottom up: children before their parents. */
static struct node *
make_tree(int depth)
{
    if (depth <= 0)
        return tri_new(&node_type);
    struct node *left = make_tree(depth - 1);
    struct node *right = make_tree(depth - 1);
    return new_node(left, right);
}

static int64_t
count_nodes(const struct node *node)
{
    return node == NULL
             ? 0
             : 1 + count_nodes(node->left) + count_nodes(node->right);
}

static void
build_and_drop(int depth)
{
    int64_t trees = 2 * nodes_of(STRETCH_DEPTH) / nodes_of(depth);
    for (int64_t i = 0; i < trees; i++) {
        struct node *root = tri_new(&node_type);
        populate(depth, root);
        tri_keepalive(root);
    }
    for (int64_t i = 0; i < trees; i++)
        tri_keepalive(make_tree(depth));
}

static bool
gcbench(void)
{
    tri_keepalive(make_tree(STRETCH_DEPTH));
    struct node *long_lived = tri_new(&node_type);
    populate(LONG_LIVED_DEPTH, long_lived);
    double *array = tri_alloc_noscan(ARRAY_LENGTH * sizeof(double));
    for (int i = 1; i < ARRAY_LENGTH / 2; i++)
        array[i] = 1.0 / i;
    for (int depth = DEPTH_MIN; depth <= DEPTH_MAX; depth += 2)
        build_and_drop(depth);
    bool sound = count_nodes(long_lived) == nodes_of(LONG_LIVED_DEPTH)
              && array[1000] == 1.0 / 1000;
    tri_keepalive(array);
    return sound;
}

TRI_BENCH(gcbench_run, .name = "gcbench", .unit = TRI_BENCH_MS, .once = true)
{
    bool sound = true;
    TRI_BENCH_LOOP(state)
    sound &= gcbench();
    if (!sound)
        tri_bench_fail(state, "the long-lived data did not live");
}

/* ---- binary trees ------------------------------------------------------------ */

static bool
binary_trees(int depth_max)
{
    int stretch = depth_max + 1;
    bool sound = count_nodes(make_tree(stretch)) == nodes_of(stretch);
    struct node *long_lived = make_tree(depth_max);
    for (int depth = DEPTH_MIN; depth <= depth_max; depth += 4) {
        int64_t trees = (int64_t)1 << (depth_max - depth + DEPTH_MIN);
        int64_t count = 0;
        for (int64_t i = 0; i < trees; i++)
            count += count_nodes(make_tree(depth));
        sound &= count == trees * nodes_of(depth);
    }
    return sound && count_nodes(long_lived) == nodes_of(depth_max);
}

TRI_BENCH(binary_trees_run, .name = "binary_trees/16", .unit = TRI_BENCH_MS,
          .once = true)
{
    bool sound = true;
    TRI_BENCH_LOOP(state)
    sound &= binary_trees(16);
    if (!sound)
        tri_bench_fail(state, "a tree has the wrong number of nodes");
}
