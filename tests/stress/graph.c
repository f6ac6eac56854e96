/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/graph.c: goroutines rewire random graphs with TRI_STORE while
 * the collector runs, and compare every node they meet with a shadow copy kept
 * outside the heap.
 *
 * A graph is a table of roots and nodes with four edges; its shadow knows the
 * same edges as small numbers, so it keeps nothing alive.  Each goroutine also
 * holds nodes that nothing but its stack refers to ("in hand"), and puts them
 * into the graph later: that is what the barrier's halves and black allocation
 * are for.
 *
 *   deletion half    a node is unlinked from the heap into a hand whose stack
 *                    was scanned already
 *   insertion half   a node in hand is linked into a scanned node before the
 *                    hand's stack is scanned
 *   black allocation a fresh node stays in a hand whose stack was scanned
 *
 * Run it with TRI_DEBUG=gccheckmark=1,clobberfree=1.  To see that it can fail,
 * run gc_broken_deletion, gc_broken_insertion (BAR-2) and gc_broken_black (ALLOC-1):
 * the same program over a collector built with TRI_BREAK_DELETION=1 and so on; ctest
 * expects each to die within a minute.  Or leave tri_barrier_flush out of flush_p in
 * gc/cycle.c (BAR-3: "starts a cycle with grey edges of the last"), the section
 * out of tri_store_again (SEQ-2: the same), or the release of dedicated_running out of
 * gc/worker.c (WORKER-1, in checked builds, with TRI_PROCS=8).
 */
#include <stdlib.h>

#include <tricolor/tricolor.h>

#include "tests/support/test.h"

#define GRAPHS     4
#define GOROUTINES 6
#define IDS        3000
#define ROOTS      64
#define EDGES      4
#define HANDS      24
#define BATCH      400 /* operations while a graph is locked */
#define MAGIC      UINT64_C(0x5eed0bec7ab1e000)

struct node {
    struct node *edge[EDGES];
    uint64_t id;
    uint64_t seal; /* MAGIC ^ id: clobbered memory shows */
};
TRI_TYPE(node_type, struct node, edge);

struct roots {
    struct node *root[ROOTS];
};
TRI_TYPE(roots_type, struct roots, root);

/* Outside the heap: numbers only. */
struct shadow {
    uint32_t root[ROOTS];
    uint32_t edge[IDS][EDGES];
    bool used[IDS];
    uint32_t free_hint;
};

static struct graph {
    struct tri_mutex lock;
    struct roots *roots; /* a static root */
    struct shadow *shadow;
} graphs[GRAPHS];

static struct tri_waitgroup done;
static int64_t deadline;
static uint64_t operations;

/* A node out of the graph, held by a stack only, with its shadow number. */
struct hand {
    struct node *node;
    uint32_t id;
};

static void
check_node(const struct node *node, uint32_t id)
{
    EXPECT_F(node != NULL, "node %u is gone: its pointer is NULL", id);
    EXPECT_F(node->id == id && node->seal == (MAGIC ^ id),
             "node %u at %p reads id %llx seal %llx: freed or overwritten", id,
             (const void *)node, (unsigned long long)node->id,
             (unsigned long long)node->seal);
}

/* ---- the shadow --------------------------------------------------------------- */

static void
shadow_visit(const struct shadow *shadow, bool *seen, uint32_t *stack,
             uint32_t from)
{
    uint32_t count = 0;
    if (from != 0 && !seen[from]) {
        seen[from] = true;
        stack[count++] = from;
    }
    while (count != 0) {
        uint32_t id = stack[--count];
        for (int e = 0; e < EDGES; e++) {
            uint32_t to = shadow->edge[id][e];
            if (to != 0 && !seen[to]) {
                seen[to] = true;
                stack[count++] = to;
            }
        }
    }
}

/* Numbers of nodes that neither roots nor this goroutine's hands reach are free
 * again: the nodes themselves are the collector's. */
static void
shadow_collect(struct shadow *shadow, const struct hand *hands)
{
    bool *seen = calloc(IDS, sizeof(bool));
    uint32_t *stack = calloc(IDS, sizeof(uint32_t));
    EXPECT(seen != NULL && stack != NULL);
    for (int r = 0; r < ROOTS; r++)
        shadow_visit(shadow, seen, stack, shadow->root[r]);
    for (int h = 0; h < HANDS; h++)
        shadow_visit(shadow, seen, stack, hands[h].id);
    memcpy(shadow->used, seen, IDS * sizeof(bool));
    free(seen);
    free(stack);
}

/* 0: none is free. */
static uint32_t
shadow_new(struct shadow *shadow)
{
    for (uint32_t n = 0; n < IDS - 1; n++) {
        uint32_t id = 1 + (shadow->free_hint + n) % (IDS - 1);
        if (!shadow->used[id]) {
            shadow->used[id] = true;
            shadow->free_hint = id;
            memset(shadow->edge[id], 0, sizeof(shadow->edge[id]));
            return id;
        }
    }
    return 0;
}

/* ---- operations, each on both sides --------------------------------------------- */

/* A random walk that checks every node it meets; NULL if it falls off. */
static struct node *
walk(struct graph *graph, uint32_t *id)
{
    uint64_t r = test_random_below(ROOTS);
    struct node *node = graph->roots->root[r];
    *id = graph->shadow->root[r];
    for (uint64_t steps = test_random_below(12); *id != 0 && steps > 0;
         steps--) {
        check_node(node, *id);
        uint64_t e = test_random_below(EDGES);
        uint32_t next = graph->shadow->edge[*id][e];
        if (next == 0)
            break;
        node = node->edge[e];
        *id = next;
    }
    if (*id == 0)
        return NULL;
    check_node(node, *id);
    return node;
}

static void
fill_hand(struct graph *graph, struct hand *hand, const struct hand *hands)
{
    uint32_t id = shadow_new(graph->shadow);
    if (id == 0) {
        shadow_collect(graph->shadow, hands);
        return;
    }
    struct node *node = tri_new(&node_type);
    for (int e = 0; e < EDGES; e++)
        EXPECT_F(node->edge[e] == NULL, "fresh memory at %p is not zero",
                 (void *)node);
    node->id = id;
    node->seal = MAGIC ^ id;
    *hand = (struct hand){ node, id };
}

/* From the hand into the graph: only the new edge refers to it then. */
static void
put(struct graph *graph, struct hand *hand)
{
    check_node(hand->node, hand->id);
    uint32_t id;
    struct node *to = walk(graph, &id);
    uint64_t e = test_random_below(EDGES);
    if (to == NULL || test_random_below(8) == 0) {
        uint64_t r = test_random_below(ROOTS);
        TRI_STORE(&graph->roots->root[r], hand->node);
        graph->shadow->root[r] = hand->id;
    } else {
        TRI_STORE(&to->edge[e], hand->node);
        graph->shadow->edge[id][e] = hand->id;
    }
    *hand = (struct hand){ NULL, 0 };
}

/* Unlinks an edge into an empty hand: the heap forgets, the stack remembers. */
static void
take(struct graph *graph, struct hand *hand)
{
    uint32_t id;
    struct node *from = walk(graph, &id);
    uint64_t e = test_random_below(EDGES);
    if (from == NULL || graph->shadow->edge[id][e] == 0)
        return;
    hand->node = from->edge[e];
    hand->id = graph->shadow->edge[id][e];
    TRI_STORE(&from->edge[e], NULL);
    graph->shadow->edge[id][e] = 0;
    check_node(hand->node, hand->id);
}

/* Copies an edge to another node: cycles and sharing. */
static void
copy_edge(struct graph *graph)
{
    uint32_t from_id;
    struct node *from = walk(graph, &from_id);
    uint32_t to_id;
    struct node *to = walk(graph, &to_id);
    if (from == NULL || to == NULL)
        return;
    uint64_t e = test_random_below(EDGES);
    TRI_STORE(&to->edge[e], from);
    graph->shadow->edge[to_id][e] = from_id;
}

static void
drop_root(struct graph *graph)
{
    uint64_t r = test_random_below(ROOTS);
    TRI_STORE(&graph->roots->root[r], NULL);
    graph->shadow->root[r] = 0;
}

static void
operate(struct graph *graph, struct hand *hands)
{
    struct hand *hand = &hands[test_random_below(HANDS)];
    uint64_t dice = test_random_below(100);
    if (dice < 50) {
        if (hand->id == 0)
            fill_hand(graph, hand, hands);
        else
            put(graph, hand);
    } else if (dice < 75) {
        if (hand->id == 0)
            take(graph, hand);
        else
            check_node(hand->node, hand->id);
    } else if (dice < 97) {
        copy_edge(graph);
    } else {
        drop_root(graph);
    }
}

/* A graph is left with empty hands: they belong to the stack of one visit. */
static void
empty_hands(struct graph *graph, struct hand *hands)
{
    for (int h = 0; h < HANDS; h++)
        if (hands[h].id != 0)
            put(graph, &hands[h]);
}

static void
mutate(void *arg)
{
    test_random_seed_thread((uint64_t)(uintptr_t)arg);
    struct hand hands[HANDS] = { { NULL, 0 } };
    while (test_now_ns() < deadline) {
        struct graph *graph = &graphs[test_random_below(GRAPHS)];
        tri_mutex_lock(&graph->lock);
        for (int i = 0; i < BATCH; i++)
            operate(graph, hands);
        empty_hands(graph, hands);
        tri_mutex_unlock(&graph->lock);
        __atomic_fetch_add(&operations, BATCH, __ATOMIC_RELAXED);
    }
    tri_waitgroup_done(&done);
}

/* Cycles without pause, so that marking is nearly always on. */
static void
collect(void *unused)
{
    (void)unused;
    while (test_now_ns() < deadline)
        tri_gc();
    tri_waitgroup_done(&done);
}

static double
metric(const char *name)
{
    double value = 0;
    EXPECT_EQ(tri_metric_read(name, &value), 0);
    return value;
}

TEST(rewired_graphs_equal_their_shadows)
{
    deadline = test_now_ns() + (int64_t)(test_seconds(4) * 1e9);
    for (int g = 0; g < GRAPHS; g++) {
        graphs[g].shadow = calloc(1, sizeof(struct shadow));
        EXPECT(graphs[g].shadow != NULL);
        struct roots *roots = tri_new(&roots_type);
        TRI_STORE(&graphs[g].roots, roots);
    }
    tri_waitgroup_add(&done, GOROUTINES + 1);
    for (uintptr_t i = 0; i < GOROUTINES; i++)
        tri_go(mutate, (void *)(i + 1));
    tri_go(collect, NULL);
    tri_waitgroup_wait(&done);
    double cycles = metric("/gc/cycles/total:gc-cycles");
    EXPECT_F(cycles >= 3, "only %g collections ran: nothing was tested",
             cycles);
    EXPECT_F(operations > 1000, "only %llu operations ran",
             (unsigned long long)operations);
    for (int g = 0; g < GRAPHS; g++)
        free(graphs[g].shadow);
}

int
main(int argc, char **argv)
{
    test_begin(argc, argv);
    return tri_main(test_run_all, NULL, NULL);
}
