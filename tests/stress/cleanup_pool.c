/* SPDX-License-Identifier: MIT */
/*
 * cleanup_pool: who runs callbacks when some of them block, when the number of
 * Ps changes, when everything is added, stopped and collected at once.
 *
 *   cleanup_pool [--seconds N]
 *
 * To see it fail: let relieve() never start a runner (X010); leave out
 * tri_specials_publish in tri_special_p_retire (X002, LIFE-5); leave out the shade in
 * arm, with TRI_DEBUG=gccheckmark=1 (X005); let tri_weak_get not look again
 * after tri_special_ensure_swept, with TRI_DEBUG=clobberfree=1 (X006); under tsan, let the stop
 * signal's handler sleep for 20 ms once it has answered, and not tell TSan (SIG-7).
 */
#include <stdio.h>

#include "tests/support/collect.h"

struct node {
    struct node *next;
    uint64_t magic[7];
};
TRI_TYPE(node_type, struct node, next);

#define MAGIC UINT64_C(0x7472692d6e6f6465)

static uint32_t ran;

static void
count_run(void *unused)
{
    (void)unused;
    (void)__atomic_add_fetch(&ran, 1, __ATOMIC_SEQ_CST);
}

static uint32_t
ran_so_far(void)
{
    return __atomic_load_n(&ran, __ATOMIC_SEQ_CST);
}

/* ---- X010 ---- */

#define BLOCKERS 12

static struct tri_chan *gate; /* a root */

static void
block(void *unused)
{
    (void)tri_chan_recv(gate, NULL);
    count_run(unused);
}

static void
add_blockers(void *unused)
{
    (void)unused;
    for (int i = 0; i < BLOCKERS; i++)
        (void)tri_add_cleanup(tri_new(&node_type), block, NULL);
}

static void
add_quick(void *unused)
{
    (void)unused;
    for (int i = 0; i < 100; i++)
        (void)tri_add_cleanup(tri_new(&node_type), count_run, NULL);
}

TEST(x010_callbacks_that_block_do_not_hold_up_the_others)
{
    TRI_STORE(&gate, tri_chan_make(0, 0));
    apart(add_blockers, NULL);
    tri_gc();
    EXPECT(!tri_cleanup_drain(50000000));
    __atomic_store_n(&ran, 0, __ATOMIC_SEQ_CST);
    apart(add_quick, NULL);
    tri_gc();
    int64_t start = test_now_ns();
    while (ran_so_far() < 95) {
        EXPECT_F(test_now_ns() - start < 6 * TEN_SECONDS, "only %u ran",
                 ran_so_far());
        tri_sleep(100000);
    }
    (void)printf("# %u of 100 beside %d blocked ones after %.1f ms\n",
                 ran_so_far(), BLOCKERS, (double)(test_now_ns() - start) / 1e6);
    tri_chan_close(gate);
    expect_balance();
    TRI_STORE(&gate, NULL);
}

/* ---- X002, X007 ---- */

static uint32_t quit;

static bool
quitting(void)
{
    return __atomic_load_n(&quit, __ATOMIC_ACQUIRE) != 0;
}

static void
add_and_drop(void *group)
{
    struct tri_cleanup kept[16] = { { 0 } };
    for (uint32_t n = 0; !quitting(); n++) {
        struct tri_cleanup cleanup =
            tri_add_cleanup(tri_new(&node_type), count_run, NULL);
        if (n % 3 == 0)
            kept[n % 16] = cleanup;
        (void)tri_cleanup_stop(kept[n * 7 % 16]);
    }
    tri_waitgroup_done(group);
}

static void
collect_always(void *group)
{
    while (!quitting())
        tri_gc();
    tri_waitgroup_done(group);
}

static void
run_for(double seconds, void (*const *bodies)(void *), int count)
{
    struct tri_waitgroup group = { 0 };
    __atomic_store_n(&quit, 0, __ATOMIC_RELEASE);
    tri_waitgroup_add(&group, count);
    for (int i = 0; i < count; i++)
        tri_go(bodies[i], &group);
    tri_sleep((int64_t)(test_seconds(seconds) * 1e9));
    __atomic_store_n(&quit, 1, __ATOMIC_RELEASE);
    tri_waitgroup_wait(&group);
}

static void
resize(void *group)
{
    int before = tri_set_procs(0);
    for (int n = 0; !quitting(); n++) {
        (void)tri_set_procs(1 + n % 8);
        tri_sleep(300000);
    }
    (void)tri_set_procs(before);
    tri_waitgroup_done(group);
}

static void
resize_storm(void *unused)
{
    (void)unused;
    static void (*const bodies[])(void *) = { add_and_drop, add_and_drop,
                                              collect_always, resize };
    run_for(2, bodies, 4);
}

TEST(x002_x007_no_cleanup_is_stranded_when_ps_come_and_go)
{
    int64_t executed = metric("/gc/cleanups/executed:cleanups");
    __atomic_store_n(&ran, 0, __ATOMIC_SEQ_CST);
    apart(resize_storm, NULL);
    for (int i = 0; i < 3; i++)
        collect();
    expect_balance();
    EXPECT_EQ(metric("/gc/cleanups/executed:cleanups") - executed,
              ran_so_far());
    EXPECT_F(metric("/gc/cleanups/armed:cleanups") <= 64,
             "%" PRId64 " still armed", metric("/gc/cleanups/armed:cleanups"));
}

/* ---- X005: arguments that nothing else keeps ---- */

static void
check_argument(void *arg)
{
    struct node *node = arg;
    for (struct node *n = node; n != NULL; n = n->next)
        for (int i = 0; i < 7; i++)
            EXPECT_EQ(n->magic[i], MAGIC);
    count_run(NULL);
}

static struct node *
chain(int length)
{
    struct node *first = NULL;
    for (int i = 0; i < length; i++) {
        struct node *node = tri_new(&node_type);
        for (int w = 0; w < 7; w++)
            node->magic[w] = MAGIC;
        TRI_STORE(&node->next, first);
        first = node;
    }
    return first;
}

static void
add_with_arguments(void *group)
{
    struct tri_cleanup last = { 0 };
    for (uint32_t n = 0; !quitting(); n++) {
        struct node *object = tri_new(&node_type);
        last = tri_add_cleanup(object, check_argument, chain(1 + (int)n % 5));
        if (n % 4 == 0)
            (void)tri_cleanup_stop(last);
    }
    tri_waitgroup_done(group);
}

static void
argument_storm(void *unused)
{
    (void)unused;
    static void (*const bodies[])(
        void *) = { add_with_arguments, add_with_arguments, collect_always };
    run_for(2, bodies, 3);
}

TEST(x005_arguments_are_whole_when_their_callback_runs)
{
    __atomic_store_n(&ran, 0, __ATOMIC_SEQ_CST);
    apart(argument_storm, NULL);
    for (int i = 0; i < 3; i++)
        collect();
    expect_balance();
    EXPECT(ran_so_far() > 0);
}

/* ---- X006 ---- */

#define WEAK 512
static struct tri_weak weak[WEAK];

static void
make_weak(void *group)
{
    for (uint32_t n = 0; !quitting(); n++) {
        struct node *node = chain(1 + (int)n % 40);
        TRI_STORE(&weak[test_random_below(WEAK)].handle,
                  tri_weak_make(node).handle);
        if (n % 64 == 0)
            tri_yield();
    }
    tri_waitgroup_done(group);
}

static void
get_weak(void *group)
{
    uint64_t found = 0;
    for (uint32_t n = 0; !quitting(); n++) {
        struct tri_weak one = { __atomic_load_n(
            &weak[test_random_below(WEAK)].handle, __ATOMIC_ACQUIRE) };
        struct node *node = tri_weak_get(one);
        for (struct node *next = node; next != NULL; next = next->next) {
            EXPECT_EQ(next->magic[0], MAGIC);
            EXPECT_EQ(next->magic[6], MAGIC);
            found++;
        }
    }
    EXPECT(found > 0);
    tri_waitgroup_done(group);
}

static void
weak_storm(void *unused)
{
    (void)unused;
    static void (*const bodies[])(void *) = { make_weak, make_weak, get_weak,
                                              collect_always };
    run_for(2, bodies, 4);
}

TEST(x006_a_weak_pointer_gives_a_whole_object_or_none)
{
    apart(weak_storm, NULL);
    for (int i = 0; i < WEAK; i++)
        TRI_STORE(&weak[i].handle, NULL);
    collect();
}

RUNTIME_TEST_MAIN
