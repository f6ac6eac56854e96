/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/rt_world.c: stopping the world while threads do everything that
 * C programs do, and nobody may run while it is stopped (HOST-1).
 * To see it fail: let the handler return without answering when it is not in a
 * section (a loop then runs on, and stops hang), let tri_critical_honour forget
 * the request (CRIT-3), let register_thread not look at `stopping` (ATT-1, STW-2; that
 * threads are counted after it is set matters for a few instructions only, which
 * tests/model/world.pml has), let tri_m_new not ask whether the world is stopped
 * (BORN-4), or take the Ps of those who are stopped (STW-4: "both Ps were held").
 * In checked builds assertions die here of ATT-2 (the goroutine before the P in
 * tri_thread_adopt), ATT-3 (the signal stack first in tri_thread_detach), BORN-1
 * (tri_m_start_thread creates), BORN-2 (born as RUN), M-4 (no tri_m_block in
 * tri_thread_detach), M-5 (tid after tri_m_unblock), SIG-3 (birth with the mask as it
 * is), SCHED-4 (no tri_enter in scheduler_thread) and STW-3 (each waited for).
 */
#include <tricolor/tricolor.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "gc/host.h"
#include "runtime/sched.h"
#include "tests/support/test.h"

enum {
    KINDS = 9,
    SAMPLES_MAX = 100000
};

static const char *const names[KINDS] = {
    "loop",        "malloc",   "printf",   "read", "nanosleep",
    "page faults", "sections", "allocate", "yield"
};

/* One cache line each; counted by its goroutine with plain stores. */
static struct {
    volatile uint64_t turns;
    char pad[56];
} did[KINDS];

static volatile int leave;
static struct tri_waitgroup group;
static int pipe_ends[2];

struct node {
    struct node *next;
    uint64_t value;
};
TRI_TYPE(node_type, struct node, next);

static void
fault_pages(char *pages)
{
    for (int i = 0; i < 64; i++)
        pages[i << 12] = 1;
    madvise(pages, 64 << 12, MADV_DONTNEED);
}

static void
one_turn(int kind, char *pages)
{
    char text[128];
    switch (kind) {
    case 0:
        for (volatile int i = 0; i < 1000; i++)
            ;
        break;
    case 1:
        for (size_t i = 1; i < 40; i++)
            free(malloc(i * 40));
        break;
    case 2:
        snprintf(text, sizeof(text), "%d %s %.17g", kind, "text", 1.1 * kind);
        break;
    case 3: { /* no tri_blocking_begin: the signal must get it out */
        ssize_t n = read(pipe_ends[0], text, 1);
        EXPECT(n == 1 || errno == EINTR);
        break;
    }
    case 4: {
        struct timespec time = { 0, 200000 };
        nanosleep(&time, NULL);
        break;
    }
    case 5:
        fault_pages(pages);
        break;
    case 6:
        tri_enter();
        for (volatile int i = 0; i < 100; i++)
            ;
        tri_leave();
        break;
    case 7: {
        struct node *node = tri_new(&node_type);
        node->value = 1;
        EXPECT(node->next == NULL);
        break;
    }
    default:
        tri_yield();
        break;
    }
}

static void
keep_busy(void *arg)
{
    int kind = (int)(intptr_t)arg;
    char *pages = mmap(NULL, 64 << 12, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT(pages != MAP_FAILED);
    while (GET(leave) == 0) {
        one_turn(kind, pages);
        SET(did[kind].turns, did[kind].turns + 1);
    }
    munmap(pages, 64 << 12);
    tri_waitgroup_done(&group);
}

static void *
feed_pipe(void *unused)
{
    while (GET(leave) == 0) {
        struct timespec time = { 0, 500000 };
        if (write(pipe_ends[1], "x", 1) != 1)
            break;
        nanosleep(&time, NULL);
    }
    EXPECT_EQ(write(pipe_ends[1], "xxxx", 4), 4);
    return unused;
}

/* Not instrumented: a thread stopped in place may be inside the sanitizer, on
 * the very words looked at here. */
static TRI_NO_SANITIZE void
expect_nobody_moves(void)
{
    uint64_t before[KINDS];
    for (int i = 0; i < KINDS; i++)
        before[i] = GET(did[i].turns);
    int64_t until = test_now_ns() + 30 * 1000;
    while (test_now_ns() < until)
        ;
    for (int i = 0; i < KINDS; i++)
        EXPECT_F(GET(did[i].turns) == before[i],
                 "the goroutine that does \"%s\" ran in a stopped world",
                 names[i]);
}

static void
report(int64_t *ns, size_t count)
{
    double median = (double)test_sort(ns, count);
    printf("# %zu stops: p50 %.1f us, p99 %.1f us, max %.1f us\n", count,
           median / 1e3, (double)ns[count * 99 / 100] / 1e3,
           (double)ns[count - 1] / 1e3);
    /* How long is the machine's affair; but a stop that waits for a loop to end
     * would wait for ever. */
}

/* Constant stops leave 9 goroutines on 2 Ps few slices: each has its turn, but
 * not within any given second. */
static void
wait_for_everybody(void)
{
    int64_t give_up = test_now_ns() + INT64_C(60000000000);
    for (int i = 0; i < KINDS; i++)
        while (GET(did[i].turns) == 0 && test_now_ns() < give_up)
            tri_sleep(10 * 1000 * 1000);
}

/* The first goroutine on a thread that loops must be preempted for the others
 * to run at all: that is tested here as well, with 2 Ps for 9 of them. */
TEST(nobody_runs_while_the_world_is_stopped)
{
    static int64_t ns[SAMPLES_MAX];
    pthread_t feeder;
    EXPECT_EQ(pipe(pipe_ends), 0);
    EXPECT_EQ(pthread_create(&feeder, NULL, feed_pipe, NULL), 0);
    SET(leave, 0);
    tri_waitgroup_add(&group, KINDS);
    for (intptr_t i = 0; i < KINDS; i++)
        tri_go(keep_busy, (void *)i);
    int64_t end = test_now_ns() + (int64_t)(test_seconds(3) * 1e9);
    size_t count = 0;
    while (test_now_ns() < end && count < SAMPLES_MAX) {
        int64_t begin = test_now_ns();
        tri_host_stop_world(TRI_STOP_TEST);
        ns[count++] = test_now_ns() - begin;
        EXPECT(tri_host_world_stopped());
        expect_nobody_moves();
        tri_host_start_world();
        if (count % 4 == 0)
            tri_sleep(100 * 1000);
    }
    wait_for_everybody();
    SET(leave, 1);
    tri_waitgroup_wait(&group);
    tri_blocking_begin();
    pthread_join(feeder, NULL);
    tri_blocking_end();
    report(ns, count);
    for (int i = 0; i < KINDS; i++)
        EXPECT_F(GET(did[i].turns) > 0,
                 "the goroutine that does \"%s\" never ran", names[i]);
}

/* ---- threads that come and go ------------------------------------------------ */

static volatile uint64_t attached_turns;
static volatile int storm_over;

static void *
come_and_go(void *unused)
{
    unsigned count = 0;
    while (GET(storm_over) == 0) {
        EXPECT_EQ(tri_thread_attach(), 0);
        EXPECT_EQ(tri_thread_attach(), -EALREADY);
        struct node *node = tri_new(&node_type);
        node->value = count;
        if (count % 3 == 0)
            tri_yield();
        if (count % 5 == 0)
            tri_sleep(1000);
        EXPECT_EQ(node->value, count);
        __atomic_fetch_add(&attached_turns, 1, __ATOMIC_RELAXED);
        if (++count % 2 == 0) {
            tri_thread_detach();
            continue;
        }
        tri_blocking_begin();
        tri_blocking_end();
        tri_thread_detach();
    }
    return unused;
}

static TRI_NO_SANITIZE uint64_t
peek(volatile uint64_t *word)
{
    return *word;
}

/* Ends attached: its exit detaches it. */
static void *
forget_to_detach(void *unused)
{
    EXPECT_EQ(tri_thread_attach(), 0);
    tri_new(&node_type);
    return unused;
}

TEST(threads_attach_and_detach_while_the_world_stops)
{
    enum {
        THREADS = 4
    };
    pthread_t thread[THREADS];
    SET(storm_over, 0);
    for (int i = 0; i < THREADS; i++)
        EXPECT_EQ(pthread_create(&thread[i], NULL, come_and_go, NULL), 0);
    int64_t end = test_now_ns() + (int64_t)(test_seconds(2) * 1e9);
    int64_t give_up = end + INT64_C(60000000000);
    for (int n = 0; test_now_ns() < end
                    || (GET(attached_turns) <= 10 && test_now_ns() < give_up);
         n++) {
        tri_host_stop_world(TRI_STOP_TEST);
        uint64_t before = peek(&attached_turns);
        int64_t until = test_now_ns() + 20 * 1000;
        while (test_now_ns() < until)
            ;
        EXPECT_EQ(peek(&attached_turns), before);
        tri_host_start_world();
        if (n % 16 == 0) {
            pthread_t one;
            EXPECT_EQ(pthread_create(&one, NULL, forget_to_detach, NULL), 0);
            tri_blocking_begin();
            pthread_join(one, NULL);
            tri_blocking_end();
        }
        tri_yield();
    }
    SET(storm_over, 1);
    tri_blocking_begin();
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    tri_blocking_end();
    EXPECT(GET(attached_turns) > 10);
}

static volatile int attach_step; /* 1: attach; 2: it is */

static void *
attach_when_told(void *unused)
{
    while (GET(attach_step) == 0)
        ;
    EXPECT_EQ(tri_thread_attach(), 0);
    SET(attach_step, 2);
    tri_thread_detach();
    return unused;
}

static TRI_NO_SANITIZE unsigned
registered(void)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < tri_m_count(); i++)
        count += tri_load(&tri_m_at(i)->in_use) != 0;
    return count;
}

TEST(nobody_registers_in_a_stopped_world)
{
    pthread_t thread;
    SET(attach_step, 0);
    EXPECT_EQ(pthread_create(&thread, NULL, attach_when_told, NULL), 0);
    tri_host_stop_world(TRI_STOP_TEST);
    unsigned before = registered();
    SET(attach_step, 1);
    int64_t until = test_now_ns() + 30 * 1000 * 1000;
    while (test_now_ns() < until)
        ;
    EXPECT_EQ(registered(), before);
    EXPECT_EQ(GET(attach_step), 1);
    tri_host_start_world();
    tri_blocking_begin();
    pthread_join(thread, NULL);
    tri_blocking_end();
    EXPECT_EQ(GET(attach_step), 2);
}

/* As a collector does that marks in a pause and has work for others (BORN-4).  More Ps
 * than threads: some are to be made. */
TEST(a_thread_that_the_stopper_asks_for_is_born_stopped)
{
    int procs = tri_set_procs((int)tri_m_count() + 4);
    uint32_t made = 0;
    int64_t give_up = test_now_ns() + INT64_C(30000000000);
    while (made == 0) {
        EXPECT_F(test_now_ns() < give_up, "nobody was asked for");
        tri_host_stop_world(TRI_STOP_TEST);
        uint32_t before = tri_m_count();
        tri_host_wake_workers();
        made = tri_m_count() - before;
        for (uint32_t i = before; i < before + made; i++) {
            uint32_t state = tri_load(&tri_m_at(i)->state);
            EXPECT_F(state == TRI_M_BSTOP || state == TRI_M_ASLEEP, "state %u",
                     state);
        }
        tri_host_start_world();
        tri_yield();
    }
    tri_set_procs(procs);
}

/* ---- what a stop leaves alone --------------------------------------------------- */

static volatile int hog_runs;

static void
hog(void *unused)
{
    (void)unused;
    SET(hog_runs, 1);
    while (GET(leave) == 0)
        ;
    tri_waitgroup_done(&group);
}

/* In the stopped world: the Ps that are held by who holds them. */
static TRI_NO_SANITIZE int
held_ps(void)
{
    int held = 0;
    for (int i = 0; i < tri_sched_p_count(); i++) {
        struct tri_m *m = tri_load(&tri_sched.p[i]->m);
        held += tri_load(&tri_sched.p[i]->status) == TRI_P_RUNNING && m != NULL
             && tri_load(&m->p) == tri_sched.p[i];
    }
    return held;
}

/* Two Ps, one of which is the hog's, and the other ours: nobody else wants one. */
TEST(threads_keep_their_ps_while_they_are_stopped)
{
    SET(leave, 0);
    SET(hog_runs, 0);
    tri_waitgroup_add(&group, 1);
    tri_go(hog, NULL);
    while (GET(hog_runs) == 0)
        tri_yield();
    int both = 0;
    int64_t give_up = test_now_ns() + INT64_C(30000000000);
    while (both < 20) {
        EXPECT_F(test_now_ns() < give_up, "both Ps were held in %d stops",
                 both);
        tri_host_stop_world(TRI_STOP_TEST);
        both += held_ps() == 2;
        tri_host_start_world();
    }
    SET(leave, 1);
    tri_waitgroup_wait(&group);
}

/* ---- the ragged barrier -------------------------------------------------------- */

static uint32_t visits[64];

static void
visit(struct tri_gc_p *p, void *arg)
{
    (void)arg;
    EXPECT(tri_critical_depth() > 0);
    for (int i = 0; i < tri_host_proc_count(); i++)
        if (tri_host_proc(i) == p)
            __atomic_fetch_add(&visits[i], 1, __ATOMIC_RELAXED);
}

static void
mix(void *arg)
{
    uint64_t turns = 0;
    (void)arg;
    while (GET(leave) == 0) {
        if (++turns % 8 == 0)
            tri_yield();
        if (turns % 32 == 0) {
            tri_blocking_begin();
            usleep(50);
            tri_blocking_end();
        }
        for (volatile int i = 0; i < 2000; i++)
            ;
    }
    tri_waitgroup_done(&group);
}

TEST(the_ragged_barrier_visits_every_p_once)
{
    SET(leave, 0);
    tri_waitgroup_add(&group, 5);
    for (int i = 0; i < 5; i++)
        tri_go(mix, NULL);
    for (uint32_t n = 1; n <= 500; n++) {
        tri_host_each_p(visit, NULL);
        for (int i = 0; i < tri_host_proc_count(); i++)
            EXPECT_EQ(visits[i], n);
        if (n % 10 == 0)
            tri_yield();
    }
    SET(leave, 1);
    tri_waitgroup_wait(&group);
}

int
main(int argc, char **argv)
{
    test_begin(argc, argv);
    struct tri_options options = { .procs = 2 };
    return tri_main(test_run_all, NULL, &options);
}
