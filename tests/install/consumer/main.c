/* SPDX-License-Identifier: MIT */
/*
 * A whole program of a user: allocates a list, drops most of it, collects, and
 * counts the cleanups that ran: exactly one for each dropped node.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <tricolor/tricolor.h>

#define NODES 1000
#define KEPT  10

struct node {
    struct node *next;
    int number;
};
TRI_TYPE(node_type, struct node, next);

static atomic_int dropped;

static void
count(void *arg)
{
    (void)arg;
    atomic_fetch_add(&dropped, 1);
}

/* Not inlined: its frame, with the dropped nodes in it, is gone afterwards. */
__attribute__((noinline)) static struct node *
build(void)
{
    struct node *kept = NULL;
    for (int i = 0; i < NODES; i++) {
        struct node *node = tri_new(&node_type);
        node->number = i;
        (void)tri_add_cleanup(node, count, NULL);
        if (i % (NODES / KEPT) == 0) {
            TRI_STORE(&node->next, kept);
            kept = node;
        }
    }
    return kept;
}

__attribute__((noinline)) static void
clear_stack(void)
{
    char zeroes[4096];
    memset(zeroes, 0, sizeof(zeroes));
    __asm__ volatile("" : : "r"(zeroes) : "memory");
}

static atomic_int over;
static struct tri_waitgroup stores;

/* Stops are asked of it inside inlined sections. */
static void
store_for_ever(void *unused)
{
    (void)unused;
    struct node *node = tri_new(&node_type);
    while (atomic_load(&over) == 0)
        TRI_STORE(&node->next, node);
    tri_waitgroup_done(&stores);
}

static void
collect_beside_stores(void)
{
    tri_waitgroup_add(&stores, 1);
    tri_go(store_for_ever, NULL);
    for (int i = 0; i < 50; i++)
        tri_gc();
    atomic_store(&over, 1);
    tri_waitgroup_wait(&stores);
}

static int
run(void *arg)
{
    (void)arg;
    collect_beside_stores();
    struct node *kept = build();
    clear_stack();
    tri_gc();
    tri_gc();
    if (!tri_cleanup_drain(INT64_C(10000000000)))
        return 1;

    int found = 0;
    for (struct node *node = kept; node != NULL; node = node->next)
        found += node->number % (NODES / KEPT) == 0;
    int ran = atomic_load(&dropped);
    printf("tricolor %s: kept %d, dropped %d\n", tri_version(), found, ran);
    /* Stacks are scanned conservatively: a stale word may keep a few. */
    bool ok = found == KEPT && ran <= NODES - KEPT && ran >= NODES - KEPT - 5;
    return ok ? 0 : 1;
}

int
main(void)
{
    return tri_main(run, NULL, NULL);
}
