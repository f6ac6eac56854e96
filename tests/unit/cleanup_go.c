/* SPDX-License-Identifier: MIT */
/*
 * cleanup_go: the contract of Go's runtime.AddCleanup and Cleanup.Stop, of
 * finalizers and of weak pointers, on the real runtime.  Tests that stand for
 * one of Go's own say which (G001 ...: docs/reference/go-map.md).
 *
 * To see it fail: queue a cleanup of a revived object (sweep_slot), let Stop
 * unlink by address instead of by record, free a record twice, or leave the
 * argument out of the root jobs.
 */
#include <errno.h>

#include "tests/support/collect.h"

struct node {
    struct node *next;
    struct node *other;
    long values[4];
};
TRI_TYPE(node_type, struct node, next, other);

static uint32_t ran;
static long sum;

static void
bump(uint32_t *counter)
{
    (void)__atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST);
}

static uint32_t
count(uint32_t *counter)
{
    return __atomic_exchange_n(counter, 0, __ATOMIC_SEQ_CST);
}

static void
add_number(void *number)
{
    (void)__atomic_add_fetch(&sum, (long)(intptr_t)number, __ATOMIC_SEQ_CST);
    bump(&ran);
}

/* Collections until `counter` says so many, which it then is exactly.  More
 * than one may be needed: a register of some other thread may have been saved
 * when it held the object, and is scanned conservatively until it is saved
 * again. */
static void
collect_until(uint32_t *counter, uint32_t wanted)
{
    for (int i = 0; i < 200; i++) {
        collect();
        if (__atomic_load_n(counter, __ATOMIC_SEQ_CST) >= wanted)
            break;
        tri_sleep(100000);
    }
    EXPECT_EQ(count(counter), wanted);
}

static long
total(void)
{
    return __atomic_exchange_n(&sum, 0, __ATOMIC_SEQ_CST);
}

/* ---- cleanups ---- */

static void
one_interior(void *unused)
{
    (void)unused;
    struct node *node = tri_new(&node_type);
    (void)tri_add_cleanup(&node->values[1], add_number, (void *)97531);
}

TEST(g001_a_cleanup_runs_with_its_argument)
{
    apart(one_interior, NULL);
    collect_until(&ran, 1);
    EXPECT_EQ(total(), 97531);
}

static void
three_on_one(void *unused)
{
    (void)unused;
    struct node *node = tri_new(&node_type);
    for (int i = 0; i < 3; i++)
        (void)tri_add_cleanup(node, add_number, (void *)1);
}

TEST(g002_all_cleanups_of_an_object_run)
{
    apart(three_on_one, NULL);
    collect_until(&ran, 3);
    collect();
    EXPECT_EQ(count(&ran), 0);
    (void)total();
}

TEST(g003_zero_size_and_static_objects_give_a_handle_that_does_nothing)
{
    static int in_data = 5;
    static int in_bss[3];
    void *none[] = { tri_alloc_noscan(0), &in_data, in_bss };
    for (int i = 0; i < 3; i++) {
        struct tri_cleanup cleanup = tri_add_cleanup(none[i], add_number, NULL);
        EXPECT(cleanup.id == 0);
        EXPECT(!tri_cleanup_stop(cleanup));
        tri_set_finalizer(none[i], add_number); /* G017, G020 */
        tri_set_finalizer(none[i], NULL);
    }
    collect();
    EXPECT_EQ(count(&ran), 0);
}

static struct node *kept; /* a root */
static uint32_t finalized;

static void
keep(void *object)
{
    TRI_STORE(&kept, object);
    bump(&finalized);
}

static void
finalizer_and_cleanup(void *unused)
{
    (void)unused;
    struct node *node = tri_new(&node_type);
    node->values[2] = 4711;
    (void)tri_add_cleanup(node, add_number, (void *)2);
    tri_set_finalizer(node, keep);
}

TEST(g004_the_finalizer_runs_first_and_the_cleanup_in_a_later_cycle)
{
    apart(finalizer_and_cleanup, NULL);
    collect_until(&finalized, 1);
    EXPECT_EQ(count(&ran), 0);
    EXPECT_EQ(kept->values[2], 4711); /* G016: unchanged, and alive */
    collect();
    EXPECT_EQ(count(&ran), 0);
    EXPECT_EQ(kept->values[2], 4711);
    TRI_STORE(&kept, NULL);
    collect_until(&ran, 1);
    EXPECT_EQ(count(&finalized), 0);
    EXPECT_EQ(total(), 2);
}

static void
three_fields(void *unused)
{
    (void)unused;
    struct node *node = tri_new(&node_type);
    (void)tri_add_cleanup(&node->next, add_number, (void *)1);
    (void)tri_add_cleanup(&node->values[0], add_number, (void *)10);
    (void)tri_add_cleanup(&node->values[3], add_number, (void *)100);
}

TEST(g005_cleanups_on_fields_run_when_the_object_dies)
{
    apart(three_fields, NULL);
    collect_until(&ran, 3);
    EXPECT_EQ(total(), 111);
}

static void
stopped_once_and_thrice(void *unused)
{
    (void)unused;
    struct node *node = tri_new(&node_type);
    struct tri_cleanup a = tri_add_cleanup(node, add_number, NULL);
    EXPECT(tri_cleanup_stop(a));
    struct tri_cleanup b = tri_add_cleanup(node, add_number, NULL);
    EXPECT(tri_cleanup_stop(b));
    EXPECT(!tri_cleanup_stop(b));
    EXPECT(!tri_cleanup_stop(b));
}

TEST(g006_g007_a_stopped_cleanup_never_runs)
{
    apart(stopped_once_and_thrice, NULL);
    collect();
    collect();
    EXPECT_EQ(count(&ran), 0);
    expect_balance();
}

static void
interleaved(void *unused)
{
    (void)unused;
    struct node *node = tri_new(&node_type);
    (void)tri_add_cleanup(node, add_number, (void *)1);
    struct tri_cleanup a = tri_add_cleanup(node, add_number, (void *)100);
    EXPECT(tri_cleanup_stop(a));
    (void)tri_add_cleanup(node, add_number, (void *)1);
    struct tri_cleanup b = tri_add_cleanup(node, add_number, (void *)100);
    EXPECT(tri_cleanup_stop(b));
    (void)tri_add_cleanup(node, add_number, (void *)1);
}

TEST(g008_stop_takes_its_own_and_leaves_its_siblings)
{
    apart(interleaved, NULL);
    collect_until(&ran, 3);
    EXPECT_EQ(total(), 3);
}

/* A handle holds nothing alive, so it may lie anywhere. */
static struct tri_cleanup late;

static void
stop_myself(void *unused)
{
    (void)unused;
    EXPECT(!tri_cleanup_stop(late));
    bump(&ran);
}

static void
stops_itself(void *unused)
{
    (void)unused;
    struct node *node = tri_new(&node_type);
    late = tri_add_cleanup(node, stop_myself, NULL);
}

TEST(g009_stop_after_and_during_the_run_says_false)
{
    apart(stops_itself, NULL);
    collect_until(&ran, 1);
    for (int i = 0; i < 3; i++)
        EXPECT(!tri_cleanup_stop(late));
    expect_balance();
}

static void
arg_is_object(void *node)
{
    (void)tri_add_cleanup(node, add_number, node);
}

static void
arg_in_object(void *arg)
{
    struct node *node = arg;
    (void)tri_add_cleanup(node, add_number, &node->values[3]);
}

static void
ptr_is_null(void *unused)
{
    (void)unused;
    (void)tri_add_cleanup(NULL, add_number, NULL);
}

static void
ptr_on_stack(void *unused)
{
    (void)unused;
    int local = 0;
    (void)tri_add_cleanup(&local, add_number, NULL);
}

TEST(g010_g012_g013_an_argument_that_keeps_its_object_is_refused)
{
    struct node *node = tri_new(&node_type);
    EXPECT_PANIC(arg_is_object, node,
                 "tri_add_cleanup: ptr is equal to arg, so the object could "
                 "never die");
    EXPECT_PANIC(arg_in_object, node,
                 "tri_add_cleanup: arg points into the object of ptr");
    EXPECT_PANIC(ptr_is_null, NULL, "tri_add_cleanup: ptr is NULL");
    EXPECT_PANIC(ptr_on_stack, NULL, "tri_add_cleanup: ptr is not in a live");
    struct tri_cleanup cleanup;
    EXPECT_EQ(tri_try_add_cleanup(&cleanup, node, add_number, node), -EINVAL);
    EXPECT_EQ(tri_try_add_cleanup(&cleanup, node, NULL, NULL), -EINVAL);
    EXPECT_EQ(tri_try_add_cleanup(&cleanup, node, add_number, NULL), 0);
    EXPECT(tri_cleanup_stop(cleanup));
    expect_balance();
}

#define MANY 10000

static void
many(void *group)
{
    for (int i = 0; i < MANY; i++) {
        struct node *node = tri_new(&node_type);
        (void)tri_add_cleanup(node, add_number, (void *)1);
    }
    tri_waitgroup_done(group);
}

TEST(g011_no_cleanup_is_lost)
{
    int procs = tri_set_procs(0);
    struct tri_waitgroup group = { 0 };
    tri_waitgroup_add(&group, procs);
    for (int i = 0; i < procs; i++)
        tri_go(many, &group);
    tri_waitgroup_wait(&group);
    /* The last ones may linger on a stack that was not wiped. */
    for (int i = 0; i < 3; i++)
        collect();
    int64_t armed = metric("/gc/cleanups/armed:cleanups");
    EXPECT_F(armed <= 2L * procs, "%" PRId64 " objects did not die", armed);
    EXPECT_EQ((int64_t)count(&ran) + armed, (int64_t)procs * MANY);
    expect_balance();
    (void)total();
}

/* ---- what stays alive, and what does not ---- */

/* Leaves no copy of its argument anywhere. */
static void
only_count(void *arg)
{
    (void)arg;
    bump(&ran);
}

static void
argument_with_cleanup(void *stop)
{
    struct node *node = tri_new(&node_type);
    struct node *arg = tri_new(&node_type);
    (void)tri_add_cleanup(arg, add_number, (void *)1000);
    late = tri_add_cleanup(node, only_count, arg);
    if (stop != NULL)
        EXPECT(tri_cleanup_stop(late));
}

TEST(an_argument_lives_until_its_callback_returned)
{
    apart(argument_with_cleanup, NULL);
    collect_until(&ran, 1);
    EXPECT_EQ(total(), 0);
    collect_until(&ran, 1);
    EXPECT_EQ(total(), 1000);
}

TEST(an_argument_is_let_go_by_stop)
{
    apart(argument_with_cleanup, &late);
    collect_until(&ran, 1);
    EXPECT_EQ(total(), 1000);
}

static void
cycle_of_two(void *unused)
{
    (void)unused;
    struct node *a = tri_new(&node_type);
    struct node *b = tri_new(&node_type);
    TRI_STORE(&a->next, b);
    TRI_STORE(&b->next, a);
    (void)tri_add_cleanup(a, add_number, (void *)1);
    (void)tri_add_cleanup(b, add_number, (void *)2);
}

TEST(objects_that_refer_to_each_other_die_together)
{
    apart(cycle_of_two, NULL);
    collect_until(&ran, 2);
    EXPECT_EQ(total(), 3);
}

static void
large_object(void *unused)
{
    (void)unused;
    char *large = tri_alloc_noscan(300000);
    (void)tri_add_cleanup(large + 299999, add_number, (void *)1);
    (void)tri_add_cleanup(large, add_number, (void *)2);
}

TEST(large_objects_have_cleanups_too)
{
    apart(large_object, NULL);
    collect_until(&ran, 2);
    EXPECT_EQ(total(), 3);
}

/* ---- callbacks may do anything ---- */

static void
does_everything(void *unused)
{
    (void)unused;
    struct node *node = tri_new(&node_type);
    (void)tri_add_cleanup(node, add_number, (void *)1);
    EXPECT(tri_cleanup_stop(tri_add_cleanup(node, add_number, NULL)));
    tri_gc(); /* X012 */
    tri_yield();
    tri_sleep(1000000);
    EXPECT(tri_cleanup_drain(TEN_SECONDS)); /* does not wait for us */
    tri_gc();
    bump(&ran);
}

static void
with_busy_cleanups(void *unused)
{
    (void)unused;
    struct node *node = tri_new(&node_type);
    (void)tri_add_cleanup(node, does_everything, NULL);
    (void)tri_add_cleanup(node, does_everything, NULL);
    struct node *other = tri_new(&node_type);
    tri_set_finalizer(other, does_everything);
}

TEST(x012_callbacks_add_stop_collect_sleep_and_drain)
{
    apart(with_busy_cleanups, NULL);
    collect();
    collect_until(&ran, 6);
    expect_balance();
    (void)total();
}

static void
exits(void *unused)
{
    (void)unused;
    tri_exit();
}

static void
try_to_exit(void *unused)
{
    EXPECT_PANIC(exits, unused, "tri_exit: this goroutine is the runtime's");
    bump(&ran);
}

static void
with_exit(void *unused)
{
    (void)unused;
    (void)tri_add_cleanup(tri_new(&node_type), try_to_exit, NULL);
}

TEST(a_callback_cannot_end_its_runner)
{
    apart(with_exit, NULL);
    collect_until(&ran, 1);
}

/* ---- finalizers ---- */

static uint32_t order[3];
static uint32_t order_count;

static void
note_order(void *object)
{
    struct node *node = object;
    order[__atomic_fetch_add(&order_count, 1, __ATOMIC_SEQ_CST)] =
        (uint32_t)node->values[0];
}

static void
chain_of_finalizers(void *unused)
{
    (void)unused;
    struct node *next = NULL;
    for (int i = 2; i >= 0; i--) {
        struct node *node = tri_new(&node_type);
        node->values[0] = i;
        TRI_STORE(&node->next, next);
        tri_set_finalizer(node, note_order);
        next = node;
    }
}

TEST(finalizers_run_in_the_order_of_references)
{
    apart(chain_of_finalizers, NULL);
    for (uint32_t i = 0; i < 3; i++) {
        EXPECT_EQ(order_count, i);
        for (int n = 0; n < 200 && order_count == i; n++)
            collect();
        EXPECT_EQ(order_count, i + 1);
        EXPECT_EQ(order[i], i);
    }
}

static void
cycle_with_finalizer(void *unused)
{
    (void)unused;
    struct node *a = tri_new(&node_type);
    struct node *b = tri_new(&node_type);
    TRI_STORE(&a->next, b);
    TRI_STORE(&b->next, a);
    tri_set_finalizer(a, keep);
}

TEST(a_cycle_through_a_finalized_object_never_dies)
{
    apart(cycle_with_finalizer, NULL);
    for (int i = 0; i < 3; i++)
        collect();
    EXPECT_EQ(count(&finalized), 0);
}

static void
set_and_clear(void *unused)
{
    (void)unused;
    struct node *node = tri_new(&node_type);
    tri_set_finalizer(node, NULL);
    tri_set_finalizer(node, keep);
    tri_set_finalizer(node, NULL);
    tri_set_finalizer(tri_new_array(&node_type, 3), keep);
    tri_set_finalizer(tri_alloc_noscan(40000), keep);
    tri_set_finalizer(tri_alloc_conservative(48), keep);
}

TEST(a_finalizer_may_be_taken_off_and_set_on_any_kind_of_object)
{
    apart(set_and_clear, NULL);
    collect_until(&finalized, 3);
    TRI_STORE(&kept, NULL);
}

static void
finalizer_inside(void *arg)
{
    struct node *node = arg;
    tri_set_finalizer(&node->values[0], keep);
}

static void
finalizer_twice(void *node)
{
    tri_set_finalizer(node, keep);
    tri_set_finalizer(node, keep);
}

TEST(misused_finalizers_panic)
{
    struct node *node = tri_new(&node_type);
    EXPECT_PANIC(finalizer_inside, node, "points into the middle of an object");
    EXPECT_PANIC(finalizer_twice, node, "has a finalizer already");
    tri_set_finalizer(node, NULL);
}

/* ---- weak pointers ---- */

static struct tri_weak weak[8]; /* in .bss: the handles are roots */

static void
make_weak(void *unused)
{
    (void)unused;
    struct node *node = tri_new(&node_type);
    TRI_STORE(&kept, node);
    TRI_STORE(&weak[0].handle, tri_weak_make(node).handle);
    TRI_STORE(&weak[1].handle, tri_weak_make(&node->values[1]).handle);
    TRI_STORE(&weak[2].handle, tri_weak_make(node).handle);
}

static void
expect_weak_alive(void *unused)
{
    (void)unused;
    EXPECT(tri_weak_get(weak[0]) == kept);
    EXPECT(tri_weak_get(weak[1]) == &kept->values[1]);
}

/* Collections until the weak pointer has ended. */
static void
collect_weak(struct tri_weak *which)
{
    for (int i = 0; i < 200 && tri_weak_get(*which) != NULL; i++)
        collect();
    EXPECT(tri_weak_get(*which) == NULL);
}

TEST(a_weak_pointer_follows_its_object_and_ends_with_it)
{
    apart(make_weak, NULL);
    collect();
    apart(expect_weak_alive, NULL);
    EXPECT(weak[0].handle == weak[2].handle);
    EXPECT(weak[0].handle != weak[1].handle);
    TRI_STORE(&kept, NULL);
    collect_weak(&weak[0]);
    EXPECT(tri_weak_get(weak[1]) == NULL); /* the same object: the same time */
    EXPECT(weak[0].handle == weak[2].handle); /* equal after death too */
}

static void
check_weak_is_gone(void *unused)
{
    (void)unused;
    EXPECT(tri_weak_get(weak[3]) == NULL);
    bump(&ran);
}

static void
weak_and_cleanup(void *unused)
{
    (void)unused;
    struct node *node = tri_new(&node_type);
    TRI_STORE(&weak[3].handle, tri_weak_make(node).handle);
    (void)tri_add_cleanup(node, check_weak_is_gone, NULL);
}

TEST(a_cleanup_finds_weak_pointers_to_its_object_gone)
{
    apart(weak_and_cleanup, NULL);
    collect_until(&ran, 1);
}

static void
weak_and_finalizer(void *unused)
{
    (void)unused;
    struct node *node = tri_new(&node_type);
    TRI_STORE(&weak[4].handle, tri_weak_make(node).handle);
    tri_set_finalizer(node, keep);
}

TEST(a_weak_pointer_ends_when_the_finalizer_is_queued)
{
    apart(weak_and_finalizer, NULL);
    collect_until(&finalized, 1);
    EXPECT(tri_weak_get(weak[4]) == NULL);
    struct tri_weak again = tri_weak_make(kept);
    EXPECT(again.handle != weak[4].handle);
    EXPECT(tri_weak_get(again) == kept);
    TRI_STORE(&kept, NULL);
}

static void
far_offsets(void *unused)
{
    (void)unused;
    char *large = tri_alloc_noscan(1 << 20);
    TRI_STORE(&kept, (struct node *)(void *)large);
    for (size_t i = 0; i < 3; i++)
        TRI_STORE(&weak[5 + i].handle,
                  tri_weak_make(large + (i << 18) + 8).handle);
    EXPECT(weak[5].handle != weak[6].handle); /* D-015 */
    EXPECT(tri_weak_make(large + (2 << 18) + 8).handle == weak[7].handle);
    EXPECT(tri_weak_get(weak[7]) == large + (2 << 18) + 8);
}

TEST(weak_pointers_tell_far_offsets_apart)
{
    apart(far_offsets, NULL);
    TRI_STORE(&kept, NULL);
    for (size_t i = 5; i < 8; i++)
        collect_weak(&weak[i]);
}

#define TINY 1000
static struct tri_weak tiny[TINY];

static void
make_tiny(void *unused)
{
    (void)unused;
    for (int i = 0; i < TINY; i++)
        TRI_STORE(&tiny[i].handle, tri_weak_make(tri_alloc_noscan(4)).handle);
}

TEST(most_weak_pointers_to_tiny_objects_end_at_once)
{
    apart(make_tiny, NULL);
    collect();
    int gone = 0;
    for (int i = 0; i < TINY; i++) {
        gone += tri_weak_get(tiny[i]) == NULL;
        TRI_STORE(&tiny[i].handle, NULL);
    }
    EXPECT_F(gone >= TINY * 3 / 4, "only %d of %d are gone", gone, TINY);
}

TEST(everything_balances_at_the_end)
{
    collect();
    expect_balance();
}

RUNTIME_TEST_MAIN
