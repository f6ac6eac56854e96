/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/rt_procs.c: who gets a P: hogs are preempted in place, blocking
 * calls hand theirs over, who sleeps with one loses it soon, and who is in malloc a little
 * later; tri_set_procs strands nobody.
 * To see it fail: let sysmon's look() skip TRI_P_RUNNING (the first test never
 * ends) or TRI_P_SYSCALL (the second), or let retire_locked leave the queue; let
 * retake not look at how long a P was had (the one with short calls only), or
 * tri_p_hand_off ask those first who want a P, always (the one with threads that
 * pass it on); read
 * tri_sched.p_count relaxed (PROC-3; under TSan); let tri_world_set_procs_if not ask
 * again (FOLLOW-1); let tri_gc_rest_begin take no turn and stop_at_rest stop the world
 * until it meets the phase off, or never start what was refused (CYCLE-5: the last two
 * tests); stop threads in the sanitizer's code (SIG-5; under TSan: it hangs).
 * T-010: let find_work never look at the global queue first (the test that says so).
 * SCHED-8: let take_queued never note that it went before runnext (the one with who is
 * next), let find_work clear `preempt` and nothing else (both tests of it), or
 * tri_sched_take_local begin a slice where it inherits one (the first; it gives up
 * after 60 s).
 * SYSMON-1, SPARE-1: let computes_nothing or spare say no (the two tests of sleepers and
 * of malloc).
 * Leave out what counts a goroutine's end (tri_g_free, tri_thread_detach) or keeps a
 * retired P's sum (the last test).
 * Let sysmon's detach let go on who was stopped (SCHED-1: a crash); keep anything of a P
 * that ends (PROC-2, in checked builds: its queue, its dead goroutines; without them,
 * its timers: rt_timer; what the collector has of it: cleanup_pool).
 */
#include <tricolor/tricolor.h>

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/sanitize.h"
#include "gc/host.h"
#include "runtime/sched.h"
#include "runtime/signal.h"
#include "runtime/spare.h"
#include "tests/support/test.h"

static struct tri_waitgroup group;
static volatile int leave;

static void
loop_for_ever(void *arg)
{
    volatile uint64_t *turns = arg;
    while (GET(leave) == 0)
        SET(*turns, *turns + 1);
    tri_waitgroup_done(&group);
}

static bool
moves_on(volatile uint64_t *turns)
{
    uint64_t before = GET(*turns);
    int64_t give_up = test_now_ns() + INT64_C(20000000000);
    while (GET(*turns) == before && test_now_ns() < give_up)
        tri_sleep(5 * 1000 * 1000);
    return GET(*turns) != before;
}

TEST(a_loop_starves_nobody_on_one_p)
{
    static volatile uint64_t turns[2];
    SET(leave, 0);
    EXPECT(tri_set_procs(1) >= 1);
    tri_waitgroup_add(&group, 2);
    for (int i = 0; i < 2; i++)
        tri_go(loop_for_ever, (void *)(uintptr_t)&turns[i]);
    for (int i = 0; i < 20; i++)
        tri_yield();
    for (int i = 0; i < 5; i++)
        tri_gc();
    for (int i = 0; i < 5; i++)
        tri_sleep(1000 * 1000);
    /* Who is starved never moves; how soon a turn comes is the machine's. */
    for (int round = 0; round < 5; round++)
        for (int i = 0; i < 2; i++)
            EXPECT_F(moves_on(&turns[i]), "loop %d stood still", i);
    SET(leave, 1);
    tri_waitgroup_wait(&group);
    double preemptions;
    EXPECT_EQ(tri_metric_read("/sched/preemptions/in-place:preemptions",
                              &preemptions),
              0);
    EXPECT_F(preemptions >= 5, "only %g preemptions", preemptions);
}

/* ---- blocking calls ----------------------------------------------------------- */

enum {
    BLOCKERS = 8
};
static int ends[BLOCKERS][2];
static volatile int returned;

static void
block_in_read(void *arg)
{
    int number = (int)(intptr_t)arg;
    char byte;
    tri_blocking_begin();
    tri_blocking_begin(); /* nesting is allowed */
    ssize_t n = read(ends[number][0], &byte, 1);
    tri_blocking_end();
    tri_blocking_end();
    EXPECT_EQ(n, 1);
    __atomic_fetch_add(&returned, 1, __ATOMIC_RELAXED);
    tri_waitgroup_done(&group);
}

static void
count_to(void *arg)
{
    for (int i = 0; i < 1000; i++) {
        __atomic_fetch_add((int *)arg, 1, __ATOMIC_RELAXED);
        tri_yield();
    }
    tri_waitgroup_done(&group);
}

TEST(blocked_reads_leave_their_p_to_others)
{
    struct tri_waitgroup *all = &group;
    static int counted;
    tri_set_procs(1);
    tri_waitgroup_add(all, BLOCKERS);
    for (intptr_t i = 0; i < BLOCKERS; i++) {
        EXPECT_EQ(pipe(ends[i]), 0);
        tri_go(block_in_read, (void *)i);
    }
    for (int i = 0; i < 50; i++)
        tri_yield();
    tri_waitgroup_add(all, 4);
    for (int i = 0; i < 4; i++)
        tri_go(count_to, &counted);
    while (__atomic_load_n(&counted, __ATOMIC_RELAXED) < 4000)
        tri_yield();
    EXPECT_EQ(GET(returned), 0);
    tri_gc();
    for (int i = 0; i < BLOCKERS; i++)
        EXPECT_EQ(write(ends[i][1], "x", 1), 1);
    tri_waitgroup_wait(all);
    EXPECT_EQ(GET(returned), BLOCKERS);
    for (int i = 0; i < BLOCKERS; i++) {
        close(ends[i][0]);
        close(ends[i][1]);
    }
}

static void
note_that_it_ran(void *ran)
{
    SET(*(volatile int *)ran, 1);
}

/* Met in another call at each look, and hardly ever out of one. */
TEST(who_makes_short_calls_only_starves_nobody)
{
    enum {
        CALL_NS = 5000
    };
    tri_set_procs(1);
    for (int round = 0; round < 5; round++) {
        static volatile int ran;
        int64_t give_up = test_now_ns() + INT64_C(30000000000);
        SET(ran, 0);
        tri_go(note_that_it_ran, (void *)(uintptr_t)&ran);
        while (GET(ran) == 0 && test_now_ns() < give_up) {
            tri_blocking_begin();
            int64_t end = test_now_ns() + CALL_NS;
            while (test_now_ns() < end)
                ;
            tri_blocking_end();
        }
        EXPECT_F(GET(ran) != 0, "in round %d nobody else ran", round);
    }
}

static struct tri_chan *token[2];

/* Makes the other one ready, which wants the P then, and gives it up: for ever, the
 * P goes from thread to thread, and no scheduler decides anything. */
static void *
pass_the_p_on(void *number)
{
    size_t own = (uintptr_t)number;
    int64_t give_up = test_now_ns() + INT64_C(10000000000);
    EXPECT_EQ(tri_thread_attach(), 0);
    tri_waitgroup_done(&group);
    for (bool over = false; !over;) {
        tri_chan_recv(token[own], NULL);
        over = GET(leave) != 0;
        EXPECT_F(test_now_ns() < give_up, "the queue has no turn");
        tri_chan_send(token[1 - own], NULL);
    }
    tri_thread_detach();
    return NULL;
}

TEST(threads_that_pass_the_p_on_let_the_queue_have_its_turn)
{
    pthread_t thread[2];
    tri_set_procs(1);
    SET(leave, 0);
    tri_waitgroup_add(&group, 2);
    for (int i = 0; i < 2; i++)
        TRI_STORE(&token[i], tri_chan_make(0, 1));
    for (uintptr_t i = 0; i < 2; i++)
        EXPECT_EQ(pthread_create(&thread[i], NULL, pass_the_p_on, (void *)i),
                  0);
    tri_waitgroup_wait(&group);
    tri_chan_send(token[0], NULL);
    for (int i = 0; i < 1000; i++)
        tri_yield(); /* here we are in the queue */
    SET(leave, 1);
    tri_blocking_begin();
    for (int i = 0; i < 2; i++)
        EXPECT_EQ(pthread_join(thread[i], NULL), 0);
    tri_blocking_end();
    tri_set_procs(2);
}

/* ---- time slices: SCHED-8 ----------------------------------------------------- */

static int turns_taken;
static bool turns_are_over;

/* Hand a token to and fro, one of them computing; all the others wait in the queue.
 * On one P, so plain variables do. */
static void
take_turns(size_t own, void (*compute)(void))
{
    for (bool over = false; !over;) {
        tri_chan_recv(token[own], NULL);
        over = turns_are_over;
        turns_taken++;
        if (!over)
            compute();
        tri_chan_send(token[1 - own], NULL);
    }
    tri_waitgroup_done(&group);
}

/* How many turns the two had before the next in the queue, which is us. */
static int
turns_before_ours(void (*take)(void *number))
{
    for (int i = 0; i < 2; i++)
        TRI_STORE(&token[i], tri_chan_make(0, 1));
    turns_are_over = false;
    tri_waitgroup_add(&group, 2);
    for (uintptr_t i = 0; i < 2; i++)
        tri_go(take, (void *)i);
    tri_yield();
    tri_chan_send(token[0], NULL);
    turns_taken = 0;
    tri_yield();
    int taken = turns_taken;
    turns_are_over = true;
    tri_waitgroup_wait(&group);
    return taken;
}

static uint64_t
preemptions(void)
{
    return tri_load(&tri_sched.switches);
}

static void
compute_for_some_time(void)
{
    int64_t end = test_now_ns() + 3 * 1000 * 1000; /* less than a slice */
    while (test_now_ns() < end)
        ;
}

static void
take_short_turns(void *number)
{
    take_turns((uintptr_t)number, compute_for_some_time);
}

/* Of 16 turns, after which runnext is passed over anyhow, as few as a slice has, and
 * without a preemption; on a busy machine perhaps not at once. */
TEST(two_that_take_turns_share_one_slice)
{
    int64_t give_up = test_now_ns() + INT64_C(60000000000);
    uint64_t before;
    int taken;
    tri_set_procs(1);
    do {
        before = preemptions();
        taken = turns_before_ours(take_short_turns);
        EXPECT_F(test_now_ns() < give_up, "%d turns, %" PRIu64 " preemptions",
                 taken, preemptions() - before);
    } while (taken > 12 || preemptions() != before);
    tri_set_procs(2);
}

static void
compute_until_preempted(void)
{
    int64_t give_up = test_now_ns() + INT64_C(60000000000);
    uint64_t before = preemptions();
    while (preemptions() == before)
        EXPECT(test_now_ns() < give_up);
}

static void
take_long_turns(void *number)
{
    take_turns((uintptr_t)number, compute_until_preempted);
}

TEST(after_a_slice_the_queue_has_its_turn)
{
    tri_set_procs(1);
    uint64_t before = preemptions();
    int taken = turns_before_ours(take_long_turns);
    EXPECT_F(taken <= 2, "%d turns, %" PRIu64 " preemptions", taken,
             preemptions() - before);
    tri_set_procs(2);
}

/* ---- the global queue's turn ---------------------------------------------------- */

enum {
    PAIRS = 4,
    MANY_TURNS = 20000
};
static struct tri_chan *pair_token[PAIRS][2];

/* Of each pair one is ready: the pairs whose turn it is not wait in the local queue.
 * They leave in the end even if nobody else has a turn. */
static void
pass_for_ever(void *number)
{
    uintptr_t pair = (uintptr_t)number / 2, own = (uintptr_t)number % 2;
    for (bool over = false; !over;) {
        tri_chan_recv(pair_token[pair][own], NULL);
        over = turns_are_over || turns_taken > MANY_TURNS;
        turns_taken++;
        tri_chan_send(pair_token[pair][1 - own], NULL);
    }
    tri_waitgroup_done(&group);
}

/* As somebody would be who is made ready by a thread without a P. */
static bool
into_the_global_queue(struct tri_g *g, void *unused)
{
    (void)unused;
    tri_g_make_runnable(g);
    tri_sched_put_global(g);
    return true;
}

/* One P, so plain variables do.  Every 61st decision: what is counted is decisions of
 * those who pass tokens, so how fast the machine is does not matter.  Who is preempted
 * goes to the global queue, too; the others go on. */
TEST(the_global_queue_has_its_turn_beside_a_local_one_that_is_never_empty)
{
    tri_set_procs(1);
    turns_are_over = false;
    turns_taken = 0;
    tri_waitgroup_add(&group, 2 * PAIRS);
    for (uintptr_t i = 0; i < 2 * PAIRS; i++) {
        TRI_STORE(&pair_token[i / 2][i % 2], tri_chan_make(0, 1));
        if (i % 2 == 0)
            continue;
        tri_go(pass_for_ever, (void *)(i - 1));
        tri_go(pass_for_ever, (void *)i);
    }
    for (int i = 0; i < PAIRS; i++)
        tri_chan_send(pair_token[i][0], NULL);
    for (int round = 0; round < 50; round++) {
        turns_taken = 0;
        tri_park(into_the_global_queue, NULL, "the global queue");
        EXPECT_F(turns_taken < MANY_TURNS, "in round %d nobody looked", round);
    }
    turns_are_over = true;
    tri_waitgroup_wait(&group);
    tri_set_procs(2);
}

static void
short_calls(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20000; i++) {
        tri_blocking_begin();
        if (i % 500 == 0)
            usleep(200);
        tri_blocking_end();
    }
    tri_waitgroup_done(&group);
}

TEST(short_blocking_calls_on_many_goroutines_come_back)
{
    tri_set_procs(2);
    tri_waitgroup_add(&group, 6);
    for (int i = 0; i < 6; i++)
        tri_go(short_calls, NULL);
    tri_waitgroup_wait(&group);
}

/* ---- the number of Ps ---------------------------------------------------------- */

static TRI_ATOMIC(uint64_t) done_count;

struct node {
    struct node *next;
    uint64_t value;
};
TRI_TYPE(node_type, struct node, next);

static void
leaf(void *arg)
{
    struct node *node = arg;
    for (uint64_t i = 0; i < node->value % 5; i++)
        tri_yield();
    tri_add(&done_count, node->value - node->value + 1);
    tri_waitgroup_done(&group);
}

static void
spread(void *arg)
{
    (void)arg;
    for (uint64_t i = 0; i < 2000; i++) {
        struct node *node = tri_new(&node_type);
        node->value = i;
        tri_waitgroup_add(&group, 1);
        tri_go(leaf, node);
        if (i % 100 == 0)
            tri_yield();
        if (i % 400 == 0) {
            tri_blocking_begin();
            usleep(100);
            tri_blocking_end();
        }
    }
    tri_waitgroup_done(&group);
}

/* ---- PROC-3 ----------------------------------------------------------------- */

static void
walk_ps(void *unused)
{
    (void)unused;
    for (uint64_t n = 0; GET(leave) == 0; n++) {
        int count = tri_host_proc_count();
        for (int i = 0; i < count; i++)
            EXPECT_F(tri_host_proc(i) != NULL, "walk %" PRIu64 ", P %d", n, i);
    }
    tri_waitgroup_done(&group);
}

/* Outside any section, so stopped in place.  TSan is who complains. */
TEST(who_walks_the_ps_meets_whole_ones)
{
    enum {
        MANY = 48
    };
    SET(leave, 0);
    tri_set_procs(2);
    tri_waitgroup_add(&group, 1);
    tri_go(walk_ps, NULL);
    for (int procs = 3; procs <= MANY; procs++) {
        tri_sleep(1000 * 1000);
        EXPECT_EQ(tri_set_procs(procs), procs - 1);
    }
    SET(leave, 1);
    tri_waitgroup_wait(&group);
    tri_set_procs(2);
}

/* As if the program had said how many, after sysmon saw the machine change. */
TEST(whose_word_was_taken_back_changes_nothing)
{
    TRI_ATOMIC(uint32_t) still = 0;
    int before = tri_set_procs(3);
    EXPECT_EQ(tri_world_set_procs_if(5, &still), 3);
    EXPECT_EQ(tri_set_procs(0), 3);
    tri_store(&still, 1);
    EXPECT_EQ(tri_world_set_procs_if(5, &still), 3);
    EXPECT_EQ(tri_set_procs(0), 5);
    tri_set_procs(before);
}

TEST(changing_the_number_of_ps_strands_nobody)
{
    double seconds = test_seconds(2);
    int64_t end = test_now_ns() + (int64_t)(seconds * 1e9);
    uint64_t expected = 0;
    tri_store(&done_count, 0);
    while (test_now_ns() < end) {
        tri_waitgroup_add(&group, 3);
        for (int i = 0; i < 3; i++)
            tri_go(spread, NULL);
        for (int i = 0; i < 10; i++) {
            int procs = 1 + (int)test_random_below(8);
            tri_set_procs(procs);
            EXPECT_EQ(tri_set_procs(0), procs);
            tri_yield();
        }
        tri_waitgroup_wait(&group);
        expected += 3 * 2000;
        EXPECT_EQ(tri_load(&done_count), expected);
    }
    tri_set_procs(2);
}

/* ---- beside the collector ------------------------------------------------------ */

enum {
    COLLECTORS = 3,
    CHANGERS = 6,
    TURNS = 30
};

static volatile uint64_t collected[COLLECTORS], changed[CHANGERS];
static struct node *kept;

static void
collect_for_ever(void *count)
{
    while (GET(leave) == 0) {
        tri_gc();
        __atomic_fetch_add((volatile uint64_t *)count, 1, __ATOMIC_SEQ_CST);
    }
    tri_waitgroup_done(&group);
}

/* Marking takes most of the time. */
static void
keep_some(void)
{
    for (int i = 0; i < 20000; i++) {
        struct node *node = tri_new(&node_type);
        TRI_STORE(&node->next, kept);
        TRI_STORE(&kept, node);
    }
}

static uint64_t
cycles(void)
{
    double total;
    EXPECT_EQ(tri_metric_read("/gc/cycles/total:gc-cycles", &total), 0);
    return (uint64_t)total;
}

/* The one that is on, and one more if the last turn was ours, too; others only
 * where we are not run while we ask, or after it. */
TEST(who_changes_the_number_of_ps_waits_for_few_collections)
{
    int few = 0, many = 0;
    tri_set_procs(2);
    keep_some();
    SET(leave, 0);
    tri_waitgroup_add(&group, COLLECTORS);
    for (int i = 0; i < COLLECTORS; i++)
        tri_go(collect_for_ever, (void *)(uintptr_t)&collected[i]);
    while (few < TURNS) {
        tri_sleep((int64_t)test_random_below(1000 * 1000));
        uint64_t before = cycles();
        tri_set_procs(2 + (few + many) % 2);
        *(cycles() - before <= 2 ? &few : &many) += 1;
        EXPECT_F(many <= TURNS / 3, "%d times few cycles, %d times many", few,
                 many);
    }
    SET(leave, 1);
    tri_waitgroup_wait(&group);
    tri_set_procs(2);
}

static void
change_for_ever(void *count)
{
    while (GET(leave) == 0) {
        tri_set_procs(2 + (int)(test_random_below(3)));
        __atomic_fetch_add((volatile uint64_t *)count, 1, __ATOMIC_SEQ_CST);
    }
    tri_waitgroup_done(&group);
}

static void
wait_for_turns(volatile uint64_t *count)
{
    uint64_t before = GET(*count);
    int64_t give_up = test_now_ns() + INT64_C(60000000000);
    while (GET(*count) < before + TURNS) {
        tri_sleep(1000 * 1000);
        EXPECT_F(test_now_ns() < give_up, "%d turns in a minute",
                 (int)(GET(*count) - before));
    }
}

TEST(nor_do_collections_wait_for_those_who_do_it_all_the_time)
{
    tri_set_procs(2);
    SET(leave, 0);
    tri_waitgroup_add(&group, COLLECTORS + CHANGERS);
    for (int i = 0; i < COLLECTORS; i++)
        tri_go(collect_for_ever, (void *)(uintptr_t)&collected[i]);
    for (int i = 0; i < CHANGERS; i++)
        tri_go(change_for_ever, (void *)(uintptr_t)&changed[i]);
    for (int i = 0; i < COLLECTORS; i++)
        wait_for_turns(&collected[i]);
    for (int i = 0; i < CHANGERS; i++)
        wait_for_turns(&changed[i]);
    SET(leave, 1);
    tri_waitgroup_wait(&group);
    TRI_STORE(&kept, NULL);
    tri_set_procs(2);
}

/* ---- never more than there are Ps ------------------------------------------------ */

static volatile int inside, most_inside, entries;

/* In a section nobody loses his P, so who is counted has one. */
static void
be_counted(void)
{
    tri_enter();
    int count = __atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);
    if (count > GET(most_inside))
        SET(most_inside, count);
    for (volatile int i = 0; i < 200; i++)
        ;
    __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
    tri_leave();
    __atomic_fetch_add(&entries, 1, __ATOMIC_SEQ_CST);
}

static void
count_and_compute(void *number)
{
    for (int i = 0; GET(leave) == 0; i++) {
        be_counted();
        if (number != NULL && i % 64 == 0) {
            tri_blocking_begin();
            tri_blocking_end();
        }
    }
    tri_waitgroup_done(&group);
}

static void *
count_attached(void *unused)
{
    EXPECT_EQ(tri_thread_attach(), 0);
    while (GET(leave) == 0)
        be_counted();
    tri_thread_detach();
    return unused;
}

TEST(no_more_threads_run_than_there_are_ps)
{
    enum {
        GOROUTINES = 6,
        PREEMPTIONS = 5
    };
    pthread_t thread;
    double before, now;
    int procs = tri_set_procs(2);
    SET(leave, 0);
    SET(most_inside, 0);
    EXPECT_EQ(
        tri_metric_read("/sched/preemptions/in-place:preemptions", &before), 0);
    EXPECT_EQ(pthread_create(&thread, NULL, count_attached, NULL), 0);
    tri_waitgroup_add(&group, GOROUTINES);
    for (uintptr_t i = 0; i < GOROUTINES; i++)
        tri_go(count_and_compute, (void *)(i % 2));
    do {
        tri_sleep(1000000);
        EXPECT_EQ(
            tri_metric_read("/sched/preemptions/in-place:preemptions", &now),
            0);
    } while (now - before < PREEMPTIONS || GET(entries) < 1000);
    SET(leave, 1);
    tri_waitgroup_wait(&group);
    tri_blocking_begin();
    pthread_join(thread, NULL);
    tri_blocking_end();
    tri_set_procs(procs);
    EXPECT_F(GET(most_inside) <= 2, "%d at once, with two Ps",
             GET(most_inside));
}

/* Slices end all the time, and each time the queue has somebody. */

static void
raise_flag(void *flag)
{
    __atomic_store_n((int *)flag, 1, __ATOMIC_SEQ_CST);
}

TEST(who_is_next_is_not_passed_over_again_and_again)
{
    enum {
        YIELDS = 20 /* few, as every 61st goes another way */
    };
    static int flag;
    int procs = tri_set_procs(1);
    tri_go(raise_flag, &flag);
    for (int i = 0; i < YIELDS && GET(flag) == 0; i++) {
        tri_enter();
        tri_store(&tri_current_p()->preempt, 1);
        tri_leave();
        tri_yield();
    }
    EXPECT_EQ(GET(flag), 1);
    tri_set_procs(procs);
}

/* ---- in libc --------------------------------------------------------------------- */

#define FAR_NS INT64_C(20000000000)

/* Not announced. */
static void
sleep_long(void *unused)
{
    (void)unused;
    usleep(300000);
    tri_waitgroup_done(&group);
}

/* SYSMON-1.  A slice each would be 200 ms.  A loaded machine spoils single tries, so it
 * goes on until one is good. */
TEST(who_sleeps_with_a_p_has_it_for_a_moment)
{
    enum {
        SLEEPERS = 20
    };
    int64_t best = INT64_MAX;
    int64_t give_up = test_now_ns() + FAR_NS;
    int procs = tri_set_procs(1);
    while (best > INT64_C(120000000) && test_now_ns() < give_up) {
        tri_waitgroup_add(&group, SLEEPERS);
        int64_t begin = test_now_ns();
        for (int k = 0; k < SLEEPERS; k++)
            tri_go(sleep_long, NULL);
        tri_yield(); /* behind them */
        int64_t took = test_now_ns() - begin;
        best = took < best ? took : best;
        tri_waitgroup_wait(&group);
    }
    EXPECT_F(best <= INT64_C(120000000), "%lld us", (long long)(best / 1000));
    tri_set_procs(procs);
}

/* About half of the time. */
static void
allocate_and_compute(void *unused)
{
    (void)unused;
    while (GET(leave) == 0) {
        for (int i = 0; i < 50; i++) {
            void *volatile block = malloc(1000);
            free(block);
        }
        for (volatile int i = 0; i < 1000; i++)
            continue;
    }
    tri_waitgroup_done(&group);
}

/* There are threads that wait in calls, perhaps for a lock. */
static void
sleep_a_little(void *unused)
{
    (void)unused;
    while (GET(leave) == 0)
        usleep(5000);
    tri_waitgroup_done(&group);
}

/* Where the one that allocates lost its P; 0: it has it. */
static uintptr_t
preempted_at(void)
{
    uintptr_t pc = 0;
    tri_host_stop_world(TRI_STOP_TEST);
    for (uint32_t i = 0; i < tri_m_count(); i++) {
        struct tri_m *m = tri_m_at(i);
        struct tri_g *g = tri_load(&m->g);
        if (g != NULL && g->fn == allocate_and_compute && m->uc != NULL
            && tri_load(&m->p) == NULL)
            pc = tri_signal_pc(m->uc);
    }
    tri_host_start_world();
    return pc;
}

/* How often in malloc, of so many looks at it. */
static int
count_in_malloc(int looks, int64_t give_up)
{
    int met = 0, seen = 0;
    while (seen < looks && test_now_ns() < give_up) {
        tri_sleep(1000000);
        uintptr_t pc = preempted_at();
        seen += pc != 0;
        met += pc != 0 && tri_spare_is_there(pc);
    }
    return seen == looks ? met : looks;
}

/* SPARE-1.  As above, until one try is good. */
TEST(who_is_in_malloc_is_preempted_a_little_later)
{
    enum {
        LOOKS = 40
    };
    static volatile uint64_t turns;
    if (TRI_ASAN || TRI_TSAN) {
        test_skip("malloc is the sanitizer's");
        return;
    }
    int least = LOOKS;
    int64_t give_up = test_now_ns() + FAR_NS;
    int procs = tri_set_procs(1);
    SET(leave, 0);
    tri_waitgroup_add(&group, 3);
    tri_go(sleep_a_little, NULL);
    tri_go(allocate_and_compute, NULL);
    tri_go(loop_for_ever, (void *)(uintptr_t)&turns);
    while (least >= LOOKS / 5 && test_now_ns() < give_up) {
        int met = count_in_malloc(LOOKS, give_up);
        least = met < least ? met : least;
    }
    SET(leave, 1);
    tri_waitgroup_wait(&group);
    EXPECT_F(least < LOOKS / 5, "in malloc %d times of %d", least, LOOKS);
    tri_set_procs(procs);
}

/* ---- how many there are ------------------------------------------------------------ */

static double
live_count(void)
{
    double count;
    EXPECT_EQ(tri_metric_read("/sched/goroutines:goroutines", &count), 0);
    return count;
}

static void
say_done(void *unused)
{
    (void)unused;
    tri_yield(); /* it may end elsewhere */
    tri_waitgroup_done(&group);
}

static void *
attach_and_detach(void *unused)
{
    EXPECT_EQ(tri_thread_attach(), 0);
    tri_thread_detach();
    return unused;
}

TEST(goroutines_are_counted_wherever_they_are_born_and_end)
{
    enum {
        COUNT = 500
    };
    int procs = tri_set_procs(4);
    double before = live_count();
    for (int round = 0; round < 20; round++) {
        pthread_t thread;
        tri_waitgroup_add(&group, COUNT);
        for (int i = 0; i < COUNT; i++)
            tri_go(say_done, NULL);
        EXPECT_EQ(pthread_create(&thread, NULL, attach_and_detach, NULL), 0);
        tri_set_procs(1 + round % 4);
        tri_waitgroup_wait(&group);
        tri_blocking_begin();
        pthread_join(thread, NULL);
        tri_blocking_end();
    }
    /* The last may not be off its stack. */
    int64_t give_up = test_now_ns() + FAR_NS;
    while (live_count() > before && test_now_ns() < give_up)
        tri_sleep(1000000);
    tri_sleep(1000000);
    EXPECT_EQ((int64_t)live_count(), (int64_t)before);
    tri_set_procs(procs);
}

int
main(int argc, char **argv)
{
    test_begin(argc, argv);
    struct tri_options options = { .procs = 2 };
    return tri_main(test_run_all, NULL, &options);
}
