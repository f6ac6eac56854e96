/* SPDX-License-Identifier: MIT */
/*
 * bench/cases/collect.c: whole collections over heaps of a known shape.
 */
#include "bench/bench.h"

#define OBJECTS ((int64_t)1 << 20)

struct node {
    struct node *left, *right;
    uint64_t data[6];
};
TRI_TYPE(node_type, struct node, left, right);

struct nodes {
    struct node *node;
};
TRI_TYPE(nodes_type, struct nodes, node);

/* ---- shapes -------------------------------------------------------------------- */

/* A balanced tree of `count` nodes, in the order of allocation: child i of node
 * n is 2n + i. */
static struct nodes *
make_tree(int64_t count)
{
    struct nodes *nodes = tri_new_array(&nodes_type, (size_t)count);
    for (int64_t i = 0; i < count; i++) {
        struct node *node = tri_new(&node_type);
        TRI_STORE(&nodes[i].node, node);
        if (i == 0)
            continue;
        struct node *parent = nodes[(i - 1) / 2].node;
        TRI_STORE(i % 2 == 1 ? &parent->left : &parent->right, node);
    }
    return nodes;
}

/* The same, the array dropped: only the root is left. */
static __attribute__((noinline)) struct node *
make_ordered_tree(int64_t count)
{
    return make_tree(count)[0].node;
}

/* The array shuffled, as a heap that has lived: neighbours lie far apart. */
static __attribute__((noinline)) struct nodes *
make_shuffled(int64_t count, uint64_t seed)
{
    struct nodes *nodes = make_tree(count);
    uint64_t random = seed * 2 + 1;
    for (int64_t i = count - 1; i > 0; i--) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        int64_t k = (int64_t)(random % (uint64_t)(i + 1));
        struct node *moved = nodes[i].node;
        TRI_STORE(&nodes[i].node, nodes[k].node);
        TRI_STORE(&nodes[k].node, moved);
    }
    for (int64_t i = 0; i < count; i++) {
        TRI_STORE(&nodes[i].node->left, (struct node *)NULL);
        TRI_STORE(&nodes[i].node->right, (struct node *)NULL);
    }
    return nodes;
}

static int64_t
count_nodes(const struct node *node)
{
    return node == NULL
             ? 0
             : 1 + count_nodes(node->left) + count_nodes(node->right);
}

/* ---- cases ---------------------------------------------------------------------- */

static void
collect(struct tri_bench_state *state)
{
    double before = tri_bench_metric(state, "/gc/cycles/total:gc-cycles");
    TRI_BENCH_LOOP(state)
    tri_gc();
    double cycles = tri_bench_metric(state, "/gc/cycles/total:gc-cycles");
    if (!state->failed && cycles - before < (double)state->iterations)
        tri_bench_fail(state, "tri_gc returned without a cycle");
}

TRI_BENCH(gc_empty, .name = "gc/empty", .unit = TRI_BENCH_US)
{
    collect(state);
}

TRI_BENCH(gc_tree, .name = "gc/tree_1M", .unit = TRI_BENCH_MS)
{
    struct node *root = make_ordered_tree(OBJECTS);
    tri_gc();
    collect(state);
    tri_bench_items(state, (double)OBJECTS);
    if (count_nodes(root) != OBJECTS)
        tri_bench_fail(state, "the tree has lost nodes");
}

TRI_BENCH(gc_shuffled, .name = "gc/shuffled_1M", .unit = TRI_BENCH_MS)
{
    struct nodes *nodes = make_shuffled(OBJECTS, state->seed);
    tri_gc();
    collect(state);
    tri_bench_items(state, (double)OBJECTS);
    tri_keepalive(nodes);
}
