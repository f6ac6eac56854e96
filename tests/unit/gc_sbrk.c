/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/gc_sbrk.c: TRI_DEBUG=sbrk=1, the mood in which nothing is ever freed:
 * no cycle runs whoever asks, no slot is handed out twice, what was written stays,
 * and cleanups, finalizers and weak pointers are what they are for objects that
 * live for ever: armed, stopped exactly, never run, never NULL.
 * To see it fail: let wanted() in gc/cycle.c forget the mood, or tri_add_cleanup
 * give a no-op handle in it.
 */
#include "tests/support/collect.h"

#include <stdlib.h>

enum {
    SIZES = 40,
    SMALL_SIZES = 30,
    EACH = 500,
    EACH_LARGE = 20
};

struct cell {
    struct cell *next;
    uint64_t value;
};
TRI_TYPE(cell_type, struct cell, next);

static uint64_t calls;

static void
count_call(void *unused)
{
    (void)unused;
    __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
}

static size_t
size_of(int i)
{
    return i < SMALL_SIZES ? (size_t)(8 + i * 56) : (size_t)1 << (i - 18);
}

static int
each(int i)
{
    return i < SMALL_SIZES ? EACH : EACH_LARGE;
}

/* Complements, outside the heap: nothing keeps these objects alive. */
static uintptr_t *hidden;

static void
fill_and_forget(void *unused)
{
    (void)unused;
    for (int i = 0; i < SIZES; i++)
        for (int n = 0; n < each(i); n++) {
            size_t bytes = size_of(i) < 4096 ? size_of(i) : 4096;
            unsigned char *object = tri_alloc_noscan(size_of(i));
            for (size_t at = 0; at < bytes; at++)
                EXPECT(object[at] == 0);
            memset(object, i + 1, bytes);
            hidden[i * EACH + n] = ~(uintptr_t)object;
        }
}

static int
compare(const void *a, const void *b)
{
    uintptr_t x = *(const uintptr_t *)a;
    uintptr_t y = *(const uintptr_t *)b;
    return x < y ? -1 : x > y;
}

TEST(no_slot_is_handed_out_twice_and_nothing_changes)
{
    hidden = calloc((size_t)SIZES * EACH, sizeof(*hidden));
    apart(fill_and_forget, NULL);
    for (int i = 0; i < 5; i++)
        tri_gc();
    EXPECT_EQ(metric("/gc/cycles/total:gc-cycles"), 0);
    for (int i = 0; i < SIZES; i++)
        for (int n = 0; n < each(i); n++) {
            const unsigned char *object =
                (const unsigned char *)~hidden[i * EACH + n];
            size_t bytes = size_of(i) < 4096 ? size_of(i) : 4096;
            for (size_t at = 0; at < bytes; at++)
                EXPECT(object[at] == i + 1);
        }
    size_t count = (size_t)SIZES * EACH;
    size_t empty = (SIZES - SMALL_SIZES) * (EACH - EACH_LARGE);
    qsort(hidden, count, sizeof(*hidden), compare);
    for (size_t i = empty + 1; i < count; i++)
        EXPECT(hidden[i] != hidden[i - 1]);
    free(hidden);
}

static struct tri_cleanup cleanups[100];
static struct tri_weak weak;

static void
arm_and_forget(void *unused)
{
    (void)unused;
    for (int i = 0; i < 100; i++)
        cleanups[i] = tri_add_cleanup(tri_new(&cell_type), count_call, NULL);
    tri_set_finalizer(tri_new(&cell_type), count_call);
    weak = tri_weak_make(tri_new(&cell_type));
}

TEST(cleanups_are_armed_stopped_exactly_and_never_run)
{
    apart(arm_and_forget, NULL);
    tri_gc();
    EXPECT(tri_cleanup_drain(TEN_SECONDS));
    EXPECT_EQ(metric("/gc/cleanups/added:cleanups"), 100);
    EXPECT_EQ(metric("/gc/cleanups/armed:cleanups"), 100);
    for (int i = 0; i < 40; i++)
        EXPECT(tri_cleanup_stop(cleanups[i]));
    for (int i = 0; i < 40; i++)
        EXPECT(!tri_cleanup_stop(cleanups[i]));
    tri_gc();
    expect_balance();
    EXPECT_EQ(metric("/gc/cleanups/armed:cleanups"), 60);
    EXPECT_EQ(metric("/gc/cleanups/executed:cleanups"), 0);
    EXPECT_EQ(__atomic_load_n(&calls, __ATOMIC_SEQ_CST), 0);
    EXPECT(tri_weak_get(weak) != NULL);
}

static void
churn(void *done)
{
    for (int i = 0; i < 20000; i++) {
        struct cell *cell = tri_new(&cell_type);
        EXPECT(cell->next == NULL && cell->value == 0);
        TRI_STORE(&cell->next, cell);
        cell->value = (uint64_t)i;
    }
    tri_waitgroup_done(done);
}

TEST(goroutines_share_the_heap_as_ever)
{
    struct tri_waitgroup done = { 0 };
    tri_waitgroup_add(&done, 8);
    for (int i = 0; i < 8; i++)
        tri_go(churn, &done);
    tri_waitgroup_wait(&done);
    EXPECT_EQ(metric("/gc/cycles/total:gc-cycles"), 0);
}

RUNTIME_TEST_MAIN
