/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/rt_tls.c: goroutines that change threads all the time, with
 * errno and thread-local state in between; meant for the preset lto (-O3
 * -flto), where a compiler keeps what it can in registers over a switch.
 * To see it fail: in impl/local.h read `tri_local_state.g` instead of the asm
 * (TLS-1), leave errno alone in tri_yield, or restore it there through what
 * tri_local_get returned before the switch (TLS-2).
 */
#include <tricolor/tricolor.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <stdlib.h>
#include <sys/syscall.h>

#include "tests/support/test.h"

enum {
    GOROUTINES = 24,
    SLOTS = 64
};

static struct tri_waitgroup group;
static volatile uint64_t switches, moves;
static int64_t deadline_ns;

/* The rule for programs: thread-local variables behind a function that is not
 * inlined, used between two switches. */
static __thread int thread_tid;

static inline __attribute__((always_inline)) int
tid_at(int *tid)
{
    if (*tid == 0)
        *tid = (int)syscall(SYS_gettid);
    return *tid;
}

#ifdef TRI_BREAK_TLS /* rt_broken_tls: what a compiler may make of it, inlined */
#    define tid_by_variable() tid_at(kept)
#else
static __attribute__((noinline)) int
tid_by_variable(void)
{
    return tid_at(&thread_tid);
}
#endif

static __attribute__((noinline)) int
tid_by_kernel(void)
{
    return (int)syscall(SYS_gettid);
}

static __attribute__((noinline)) void
set_errno(int value)
{
    errno = value;
}

static __attribute__((noinline)) int
get_errno(void)
{
    return errno;
}

struct node {
    struct node *next;
    uint64_t owner;
};
TRI_TYPE(node_type, struct node, next);

static void
wander(void *arg)
{
    int mine = 1 + (int)(intptr_t)arg;
    uint64_t id = tri_goid();
    uint64_t turns = 0;
    uint64_t moved = 0;
    int before = tid_by_kernel();
#ifdef TRI_BREAK_TLS
    int *kept = &thread_tid;
    __asm__("" : "+r"(kept)); /* this one computes it anew, others keep it */
#endif
    struct node *node = NULL;
    while (turns % 256 != 0 || test_now_ns() < deadline_ns) {
        set_errno(mine);
        tri_yield();
        EXPECT_EQ(get_errno(), mine);
        EXPECT_EQ(tri_goid(), id);
        /* Allocation takes from the cache of the thread it is on now. */
        if (turns % 8 == 0) {
            struct node *next = tri_new(&node_type);
            EXPECT(next->next == NULL && next->owner == 0);
            next->owner = id;
            TRI_STORE(&next->next, turns % 64 == 0 ? NULL : node);
            node = next;
        }
        EXPECT_EQ(node->owner, id);
        int now = tid_by_kernel();
        EXPECT_EQ(tid_by_variable(), now);
        moved += now != before;
        before = now;
        turns++;
    }
    __atomic_fetch_add(&switches, turns, __ATOMIC_RELAXED);
    __atomic_fetch_add(&moves, moved, __ATOMIC_RELAXED);
    tri_waitgroup_done(&group);
}

TEST(nothing_of_a_thread_follows_a_goroutine)
{
    deadline_ns = test_now_ns() + (int64_t)(test_seconds(4) * 1e9);
    tri_waitgroup_add(&group, GOROUTINES);
    for (intptr_t i = 0; i < GOROUTINES; i++)
        tri_go(wander, (void *)i);
    tri_waitgroup_wait(&group);
    printf("# %llu switches, %llu of them to another thread\n",
           (unsigned long long)switches, (unsigned long long)moves);
    /* Not a share of them: on a busy machine one thread has most turns. */
    EXPECT_F(moves > 1000, "only %llu of %llu switches changed the thread",
             (unsigned long long)moves, (unsigned long long)switches);
}

int
main(int argc, char **argv)
{
    test_begin(argc, argv);
    setenv("TRI_DEBUG", "schedfuzz=1", 0); /* yields go to other threads */
    struct tri_options options = { .procs = 4 };
    return tri_main(test_run_all, NULL, &options);
}
