/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/mix.c: everything a program does, at once, while the heap is
 * collected without pause: lists of nodes go from goroutine to goroutine and to
 * attached threads that come and go, through channels, a table under a mutex,
 * and the arguments of new goroutines.  Every list is checked node by node
 * wherever it arrives, and as many arrive as were sent.
 *
 * What tests/stress/graph.c cannot find: a reference that only a parked sender's
 * stack, a channel's buffer, a goroutine not yet run, or the registers of a
 * thread in a blocking call hold.
 *
 * To see it fail: leave tri_gc_shade out of tri_spawn (runtime/spawn.c), or
 * m->regs out of tri_signal_scan (runtime/signal.c).
 */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include <tricolor/tricolor.h>

#include "tests/support/test.h"

enum {
    THREADS = 3,
    PRODUCERS = 3,
    MOVERS = 2,
    CONSUMERS = 2,
    KEPT = 64,
    NODES_MAX = 12,
    OPERATIONS = 60 /* of a thread between attaching and detaching */
};

struct node {
    struct node *next;
    uint64_t seed;
    uint64_t number;
    uint64_t sum;
};
TRI_TYPE(node_type, struct node, next);

struct table {
    struct node *list[KEPT];
};

static struct tri_chan *fresh;   /* from producers and threads */
static struct tri_chan *checked; /* from movers; unbuffered */
static struct table *table;
static struct tri_mutex table_mutex;
static struct tri_waitgroup producers, movers, consumers, children;
static volatile int over;
static volatile uint64_t sent, received;

#define COUNT(variable) __atomic_fetch_add(&(variable), 1, __ATOMIC_RELAXED)
#define IS_OVER         (__atomic_load_n(&over, __ATOMIC_ACQUIRE) != 0)

static uint64_t
sum_of(const struct node *node)
{
    return (node->seed ^ node->number) * UINT64_C(0x9e3779b97f4a7c15);
}

/* In front of `next`. */
static struct node *
add_node(struct node *next, uint64_t seed)
{
    struct node *node = tri_new(&node_type);
    EXPECT(node->next == NULL && node->seed == 0 && node->sum == 0);
    node->seed = seed;
    node->number = next == NULL ? 0 : next->number + 1;
    node->sum = sum_of(node);
    TRI_STORE(&node->next, next);
    return node;
}

static struct node *
make_list(void)
{
    uint64_t seed = test_random();
    struct node *list = NULL;
    for (uint64_t n = 1 + test_random_below(NODES_MAX); n > 0; n--)
        list = add_node(list, seed);
    COUNT(sent);
    return list;
}

static void
check_list(const struct node *list)
{
    uint64_t seed = list->seed;
    uint64_t number = list->number;
    for (; list != NULL; list = list->next, number--) {
        EXPECT_EQ(list->seed, seed);
        EXPECT_EQ(list->number, number);
        EXPECT_EQ(list->sum, sum_of(list));
    }
    EXPECT_EQ(number, UINT64_MAX);
}

static void
arrive(struct node *list)
{
    check_list(list);
    COUNT(received);
}

/* Puts a list into the table; what lay there arrives. */
static void
swap_in_table(struct node *list)
{
    check_list(list);
    size_t i = test_random_below(KEPT);
    tri_mutex_lock(&table_mutex);
    struct node *before = table->list[i];
    TRI_STORE(&table->list[i], list);
    tri_mutex_unlock(&table_mutex);
    if (before != NULL)
        arrive(before);
}

/* ---- goroutines --------------------------------------------------------------- */

/* Its argument is all that holds the list until it runs. */
static void
child(void *list)
{
    check_list(list);
    tri_yield();
    arrive(list);
    tri_waitgroup_done(&children);
}

static void
produce(void *number)
{
    test_random_seed_thread((uint64_t)(uintptr_t)number);
    while (!IS_OVER) {
        struct node *list = make_list();
        switch (test_random_below(8)) {
        case 0:
            tri_waitgroup_add(&children, 1);
            tri_go(child, list);
            break;
        case 1:
            while (!tri_chan_try_send(fresh, &list))
                tri_yield();
            break;
        case 2:
            swap_in_table(list);
            break;
        default:
            tri_chan_send(fresh, &list);
        }
    }
    tri_waitgroup_done(&producers);
}

static void
move(void *number)
{
    test_random_seed_thread((uint64_t)(uintptr_t)number);
    struct node *list;
    while (tri_chan_recv(fresh, &list)) {
        check_list(list);
        list = add_node(list, list->seed);
        if (test_random_below(4) == 0)
            tri_sleep(1000);
        tri_chan_send(checked, &list);
    }
    tri_waitgroup_done(&movers);
}

static void
consume(void *number)
{
    test_random_seed_thread((uint64_t)(uintptr_t)number);
    struct node *list;
    while (tri_chan_recv(checked, &list)) {
        if (test_random_below(3) == 0)
            swap_in_table(list);
        else
            arrive(list);
    }
    tri_waitgroup_done(&consumers);
}

static void
collect(void *unused)
{
    (void)unused;
    while (!IS_OVER)
        tri_gc();
    tri_waitgroup_done(&producers);
}

/* ---- threads ------------------------------------------------------------------ */

/* Only this frame, or a callee-saved register, has the list meanwhile. */
static void
hold_while_blocked(struct node *list)
{
    tri_blocking_begin();
    usleep((useconds_t)test_random_below(300));
    tri_blocking_end();
    arrive(list);
}

static void
operate(void)
{
    struct node *list;
    bool ok;
    switch (test_random_below(5)) {
    case 0:
        hold_while_blocked(make_list());
        break;
    case 1:
        swap_in_table(make_list());
        break;
    case 2:
        if (tri_chan_try_recv(fresh, &list, &ok) && ok)
            arrive(list);
        break;
    case 3:
        if (tri_chan_try_recv(checked, &list, &ok) && ok)
            hold_while_blocked(list);
        break;
    default:
        list = make_list();
        if (!tri_chan_try_send(fresh, &list))
            arrive(list);
    }
}

static void *
come_and_go(void *number)
{
    test_random_seed_thread((uint64_t)(uintptr_t)number);
    while (!IS_OVER) {
        EXPECT_EQ(tri_thread_attach(), 0);
        for (int i = 0; i < OPERATIONS && !IS_OVER; i++)
            operate();
        tri_thread_detach();
    }
    return NULL;
}

/* ---- the test ----------------------------------------------------------------- */

static void
start(void (*fn)(void *), int count, struct tri_waitgroup *group)
{
    static uintptr_t number = 100;
    tri_waitgroup_add(group, count);
    for (int i = 0; i < count; i++)
        tri_go(fn, (void *)number++);
}

static void
empty_the_table(void)
{
    for (int i = 0; i < KEPT; i++)
        if (table->list[i] != NULL)
            arrive(table->list[i]);
}

TEST(what_is_sent_arrives_whole)
{
    fresh = tri_chan_make(sizeof(struct node *), 8);
    checked = tri_chan_make(sizeof(struct node *), 0);
    table = tri_alloc_conservative(sizeof(*table));
    start(consume, CONSUMERS, &consumers);
    start(move, MOVERS, &movers);
    start(produce, PRODUCERS, &producers);
    start(collect, 1, &producers);
    pthread_t thread[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        EXPECT_EQ(pthread_create(&thread[i], NULL, come_and_go, (void *)i), 0);
    tri_sleep((int64_t)(test_seconds(3) * 1e9));
    __atomic_store_n(&over, 1, __ATOMIC_RELEASE);
    tri_blocking_begin();
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    tri_blocking_end();
    tri_waitgroup_wait(&producers);
    tri_waitgroup_wait(&children);
    tri_chan_close(fresh);
    tri_waitgroup_wait(&movers);
    tri_chan_close(checked);
    tri_waitgroup_wait(&consumers);
    empty_the_table();
    printf("# %llu lists\n", (unsigned long long)sent);
    EXPECT(sent > 100);
    EXPECT_EQ(received, sent);
}

int
main(int argc, char **argv)
{
    test_begin(argc, argv);
    return tri_main(test_run_all, NULL, NULL);
}
