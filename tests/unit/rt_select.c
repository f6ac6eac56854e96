/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_select.c: select against what Go says of it; those named after
 * a test of Go's are ported from it.  Storms are in rt_select_storm.
 * To see it fail: take the claim out of queue_take (SELECT-2), let dequeue_all
 * do nothing (SELECT-3: the last test hangs), let draw return `last`
 * ("each_ready_case...") or shuffle nothing ("waiting_cases..."), compare no sums
 * in tri_try_select (SELECT-4: "a_default...", two or more processors), allow
 * one case more (SELECT-5), publish in tri_chan_close after the waking (CHAN-4:
 * "who_is_woken_by_a_close..."), or read a waiter's `next` after he was made ready
 * (CHAN-1: crashes), or take few[] for more than 16 (a crash).
 */
#include <tricolor/tricolor.h>

#include <pthread.h>
#include <stdlib.h>

#include "base/sanitize.h"
#include "tests/support/runtime.h"
#include "tests/support/test.h"

static struct tri_waitgroup group;

/* ---- what is ready ------------------------------------------------------------ */

TEST(the_only_ready_case_happens)
{
    struct tri_chan *full = tri_chan_make(sizeof(int), 1);
    struct tri_chan *free = tri_chan_make(sizeof(int), 1);
    int one = 1, two = 2, got = 0;
    tri_chan_send(full, &one);
    /* No room here, nothing there, nobody: then receive, then send. */
    struct tri_select_case cases[] = { give(full, &two), receive(free, &got),
                                       receive(NULL, &got), receive(full, &got),
                                       give(NULL, &two) };
    EXPECT_EQ(tri_select(cases, 5), 3);
    EXPECT(cases[3].ok);
    EXPECT_EQ(got, 1);
    EXPECT_EQ(tri_try_select(cases, 1), 0);
    EXPECT(cases[0].ok);
    EXPECT_EQ(tri_chan_len(full), 1);
    EXPECT_EQ(tri_try_select(&cases[1], 2), 2);
    EXPECT_EQ(tri_try_select(NULL, 0), 0);
    EXPECT_EQ(tri_try_select(cases, 1), 1); /* full again */
}

TEST(a_closed_channel_is_always_ready_to_be_received_from)
{
    struct tri_chan *chan = tri_chan_make(sizeof(long), 2);
    struct tri_chan *never = tri_chan_make(1, 0);
    long value = 5;
    tri_chan_send(chan, &value);
    tri_chan_close(chan);
    struct tri_select_case cases[] = { receive(never, NULL),
                                       receive(chan, &value) };
    value = 0;
    EXPECT_EQ(tri_select(cases, 2), 1);
    EXPECT(cases[1].ok);
    EXPECT_EQ(value, 5);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(i == 1 ? tri_try_select(cases, 2) : tri_select(cases, 2), 1);
        EXPECT(!cases[1].ok);
        EXPECT_EQ(value, 0);
    }
    cases[1].element = NULL;
    EXPECT_EQ(tri_select(cases, 2), 1);
}

/* ---- each ready case has the same chance (TestSelectFairness, more strictly) --- */

static void
expect_even(const int *times, int kinds, int draws)
{
    /* 6 standard deviations and more. */
    int mean = draws / kinds;
    for (int i = 0; i < kinds; i++)
        EXPECT_F(abs(times[i] - mean) < mean / 10, "%d: %d of %d, not %d", i,
                 times[i], draws, mean);
}

enum {
    DRAWS = 60000
};

TEST(each_ready_case_has_the_same_chance)
{
    struct tri_select_case cases[6];
    int times[6] = { 0 };
    int even[3];
    int value = 1;
    for (int i = 0; i < 6; i++)
        cases[i] = receive(tri_chan_make(sizeof(int), 1), &value);
    for (int i = 1; i < 6; i += 2)
        tri_chan_send(cases[i].chan, &value);
    for (int i = 0; i < DRAWS; i++) {
        size_t which =
            i % 2 == 0 ? tri_select(cases, 6) : tri_try_select(cases, 6);
        times[which]++;
        tri_chan_send(cases[which].chan, &value);
    }
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(times[2 * i], 0);
        even[i] = times[2 * i + 1];
    }
    expect_even(even, 3, DRAWS);
}

static void
send_nothing(void *arg)
{
    tri_chan_send(arg, NULL);
}

/* Two cases on one channel; nobody is there before the select waits. */
TEST(waiting_cases_of_one_channel_have_the_same_chance)
{
    enum {
        WAITS = 4000
    };
    struct tri_chan *chan = tri_chan_make(0, 0);
    struct tri_chan *other = tri_chan_make(0, 0);
    struct tri_select_case cases[] = { receive(chan, NULL),
                                       receive(other, NULL),
                                       receive(chan, NULL) };
    int times[3] = { 0 };
    int procs = tri_set_procs(1);
    for (int i = 0; i < WAITS; i++) {
        tri_go(send_nothing, chan);
        times[tri_select(cases, 3)]++;
    }
    tri_set_procs(procs);
    EXPECT_EQ(times[1], 0);
    times[1] = times[2];
    expect_even(times, 2, WAITS);
}

/* ---- waiting -------------------------------------------------------------------- */

struct pair {
    struct tri_chan *one;
    struct tri_chan *two;
    struct tri_chan *done;
};

static struct pair
make_pair(size_t element_bytes, size_t capacity)
{
    return (struct pair){ tri_chan_make(element_bytes, capacity),
                          tri_chan_make(element_bytes, capacity),
                          tri_chan_make(sizeof(int), 1) };
}

static void
select_both(void *arg)
{
    struct pair *pair = arg;
    int in = 7, out = 9, result;
    struct tri_select_case cases[] = { receive(pair->one, &in),
                                       give(pair->two, &out) };
    size_t which = tri_select(cases, 2);
    result = (int)which * 1000 + (cases[which].ok ? 100 : 0) + in;
    tri_chan_send(pair->done, &result);
}

TEST(a_waiting_select_is_woken_by_whatever_comes)
{
    for (int what = 0; what < 3; what++) {
        struct pair pair = make_pair(sizeof(int), 0);
        int value = 42, result;
        tri_go(select_both, &pair);
        let_wait();
        if (what == 0) {
            tri_chan_send(pair.one, &value);
        } else if (what == 1) {
            EXPECT(tri_chan_recv(pair.two, &value));
            EXPECT_EQ(value, 9);
        } else {
            tri_chan_close(pair.one);
        }
        EXPECT(tri_chan_recv(pair.done, &result));
        EXPECT_EQ(result, what == 0 ? 142 : what == 1 ? 1107 : 0);
        /* Nobody stands in the queue of what lost. */
        EXPECT(!tri_chan_try_recv(pair.two, &value, NULL));
        if (what == 1)
            EXPECT(!tri_chan_try_send(pair.one, &value));
    }
}

static void
take_one(void *arg)
{
    EXPECT(tri_chan_recv(arg, NULL));
    tri_waitgroup_done(&group);
}

static void
lose_then_take(void *arg)
{
    struct pair *pair = arg;
    struct tri_select_case cases[] = { receive(pair->one, NULL),
                                       receive(pair->one, NULL),
                                       receive(pair->two, NULL) };
    EXPECT_EQ(tri_select(cases, 3), 2);
    int nothing = 0;
    tri_chan_send(pair->done, &nothing);
    take_one(pair->one);
}

/* select6.go (issue 2075), TestSelectDuplicateChannel: the waiter in the middle
 * of a queue, and at its end, goes; those before and behind stay. */
TEST(a_case_that_lost_leaves_its_queue_whole)
{
    for (int before = 0; before < 2; before++) {
        struct pair pair = make_pair(0, 0);
        tri_waitgroup_add(&group, 3);
        if (before == 1)
            tri_go(take_one, pair.one);
        let_wait();
        tri_go(lose_then_take, &pair);
        let_wait();
        if (before == 0)
            tri_go(take_one, pair.one);
        tri_go(take_one, pair.one);
        let_wait();
        tri_chan_send(pair.two, NULL);
        EXPECT(tri_chan_recv(pair.done, NULL));
        for (int i = 0; i < 3; i++)
            tri_chan_send(pair.one, NULL);
        tri_waitgroup_wait(&group);
        EXPECT(!tri_chan_try_send(pair.one, NULL));
    }
}

static void
meet_itself(void *arg)
{
    struct pair *pair = arg;
    static int number;
    int mine = __atomic_add_fetch(&number, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < 1000; i++) {
        int got = 0;
        struct tri_select_case cases[] = { give(pair->one, &mine),
                                           receive(pair->one, &got) };
        if (tri_select(cases, 2) == 1 && tri_chan_cap(pair->one) == 0)
            EXPECT(got != mine);
    }
    tri_waitgroup_done(&group);
}

TEST(a_select_never_meets_itself) /* TestSelfSelect */
{
    for (size_t capacity = 0; capacity <= 10; capacity += 10) {
        struct pair pair = make_pair(sizeof(int), capacity);
        tri_waitgroup_add(&group, 2);
        tri_go(meet_itself, &pair);
        tri_go(meet_itself, &pair);
        tri_waitgroup_wait(&group);
    }
}

/* ---- with a default ---------------------------------------------------------------- */

enum {
    ROUNDS = TRI_TSAN ? 500 : 6000,
    LAST = TRI_SELECT_MAX - 1
};

/* Much lies between the two that matter: so there is time for what may go wrong
 * between the looks at them. */
static struct tri_select_case wide[TRI_SELECT_MAX];
static int asked;
static int answered;
static bool none_was_ready;

static void
await_round(const int *what, int round)
{
    for (int i = 1; __atomic_load_n(what, __ATOMIC_SEQ_CST) != round; i++)
        if (i % 1000 == 0)
            tri_yield();
}

static void
try_each_round(void *unused)
{
    (void)unused;
    for (int round = 1; round <= ROUNDS; round++) {
        await_round(&asked, round);
        none_was_ready = tri_try_select(wide, TRI_SELECT_MAX) == TRI_SELECT_MAX;
        __atomic_store_n(&answered, round, __ATOMIC_SEQ_CST);
    }
    tri_waitgroup_done(&group);
}

/* TestNonblockSelectRace, TestNonblockSelectRace2: at each moment one of the two
 * is ready, so the default may not be taken. */
TEST(a_default_is_taken_only_if_none_was_ready_at_one_moment)
{
    for (size_t i = 1; i < LAST; i++) {
        wide[i] = receive(NULL, NULL);
        struct tri_chan *chan = tri_chan_make(0, 0);
        TRI_STORE(&wide[i].chan, chan);
    }
    tri_waitgroup_add(&group, 1);
    tri_go(try_each_round, NULL);
    for (int round = 1; round <= ROUNDS; round++) {
        struct pair pair = make_pair(sizeof(int), 1);
        int value = 1;
        bool turned = round % 4 < 2;
        TRI_STORE(&wide[turned ? LAST : 0].chan, pair.one);
        TRI_STORE(&wide[turned ? 0 : LAST].chan, pair.two);
        tri_chan_send(pair.one, &value);
        __atomic_store_n(&asked, round, __ATOMIC_SEQ_CST);
        uint64_t wait = test_random_below(1000);
        for (volatile uint64_t spin = 0; spin < wait; spin++)
            ;
        if (round % 2 == 0)
            tri_chan_send(pair.two, &value);
        else
            tri_chan_close(pair.two);
        tri_chan_try_recv(pair.one, NULL, NULL);
        await_round(&answered, round);
        EXPECT_F(!none_was_ready, "round %d: no channel was ready", round);
    }
    tri_waitgroup_wait(&group);
}

static void
receive_the_end(void *arg)
{
    for (int i = 0; i < 2; i++) {
        bool ok = true;
        struct tri_select_case one = receive(arg, NULL);
        if (i == 0)
            EXPECT(!tri_chan_recv(arg, NULL));
        EXPECT(tri_chan_try_recv(arg, NULL, &ok));
        EXPECT(!ok);
        EXPECT_EQ(tri_try_select(&one, 1), 0);
    }
    tri_waitgroup_done(&group);
}

TEST(who_is_woken_by_a_close_finds_it_closed)
{
    for (int i = 0; i < (TRI_TSAN ? 40 : 200); i++) {
        struct tri_chan *chan = tri_chan_make(1, 0);
        tri_waitgroup_add(&group, 100);
        for (int j = 0; j < 100; j++)
            tri_go(receive_the_end, chan);
        let_wait();
        tri_chan_close(chan);
        tri_waitgroup_wait(&group);
    }
}

/* ---- misuse -------------------------------------------------------------------------- */

static void
close_later(void *arg)
{
    let_wait();
    tri_chan_close(arg);
}

TEST(sending_to_a_closed_channel_panics_and_leaves_no_lock)
{
    static char byte = 'x';
    struct tri_chan *closed = tri_chan_make(1, 1);
    struct tri_chan *never = tri_chan_make(1, 0);
    struct tri_chan *later = tri_chan_make(1, 0);
    struct tri_select_case cases[] = { receive(never, NULL),
                                       give(closed, &byte) };
    tri_chan_close(closed);
    EXPECT_REFUSAL(tri_try_select(cases, 2), "case 1 sends to the channel");
    EXPECT_REFUSAL(tri_select(cases, 2), "case 1 sends to the channel");
    cases[1].chan = later;
    tri_go(close_later, later);
    EXPECT_REFUSAL(tri_select(cases, 2), "case 1 sends to the channel");
    EXPECT(!tri_chan_try_send(never, &byte));
}

TEST(wrong_cases_are_refused_before_anything_happens)
{
    static struct tri_select_case cases[TRI_SELECT_MAX + 1];
    struct tri_chan *chan = tri_chan_make(4, 1);
    EXPECT_REFUSAL(tri_try_select(cases, TRI_SELECT_MAX + 1),
                   "more than one call");
    cases[0] = give(chan, NULL);
    EXPECT_REFUSAL(tri_select(cases, 1), "point at the 4 bytes");
    cases[0] =
        (struct tri_select_case){ .chan = chan, .op = (enum tri_select_op)7 };
    EXPECT_REFUSAL(tri_select(cases, 1), "has the operation 7");
    EXPECT_REFUSAL(tri_try_select(cases, 1), "has the operation 7");
    /* Nor is it overlooked where another case is ready. */
    tri_chan_send(chan, &(int){ 5 });
    cases[1] = cases[0];
    cases[0] = receive(chan, NULL);
    cases[1].chan = tri_chan_make(4, 0);
    EXPECT_REFUSAL(tri_try_select(cases, 2), "case 1 has the operation 7");
    EXPECT_REFUSAL(tri_select(cases, 2), "case 1 has the operation 7");
    EXPECT_EQ(tri_chan_len(chan), 1);
}

/* ---- from a thread, and many cases ------------------------------------------------------ */

static struct pair thread_pair;

static void *
select_on_a_thread(void *unused)
{
    EXPECT_EQ(tri_thread_attach(), 0);
    select_both(&thread_pair);
    tri_thread_detach();
    return unused;
}

TEST(an_attached_thread_selects_too)
{
    struct pair pair = make_pair(sizeof(int), 0);
    TRI_STORE(&thread_pair.one, pair.one);
    TRI_STORE(&thread_pair.two, pair.two);
    TRI_STORE(&thread_pair.done, pair.done);
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        int value = 11, result;
        EXPECT_EQ(pthread_create(&thread, NULL, select_on_a_thread, NULL), 0);
        if (i % 2 == 0)
            let_wait();
        tri_chan_send(pair.one, &value);
        EXPECT(tri_chan_recv(pair.done, &result));
        EXPECT_EQ(result, 111);
        tri_blocking_begin();
        pthread_join(thread, NULL);
        tri_blocking_end();
    }
}

static void
send_number(void *arg)
{
    struct tri_select_case *one = arg;
    let_wait();
    int number = 5;
    tri_chan_send(one->chan, &number);
}

/* What a waiting goroutine keeps alive is in a heap object there. */
TEST(as_many_cases_as_are_allowed_wait_while_the_collector_runs)
{
    static const size_t counts[] = { 16, 17, 100, TRI_SELECT_MAX };
    for (size_t n = 0; n < sizeof(counts) / sizeof(*counts); n++) {
        static struct tri_select_case cases[TRI_SELECT_MAX];
        size_t count = counts[n];
        for (size_t i = 0; i < count; i++) {
            static int got[TRI_SELECT_MAX];
            struct tri_chan *chan = tri_chan_make(sizeof(int), 0);
            cases[i] = receive(NULL, &got[i]);
            TRI_STORE(&cases[i].chan, chan);
        }
        for (size_t i = 0; i < 20; i++) {
            size_t which = test_random_below(count);
            tri_go(send_number, &cases[which]);
            EXPECT_EQ(tri_select(cases, count), which);
            EXPECT_EQ(*(int *)cases[which].element, 5);
            if (i % 8 == 0)
                tri_gc();
        }
        for (size_t i = 0; i < count; i++)
            EXPECT(!tri_chan_try_send(cases[i].chan, &count));
    }
}

int
main(int argc, char **argv)
{
    test_begin(argc, argv);
    return tri_main(test_run_all, NULL, NULL);
}
