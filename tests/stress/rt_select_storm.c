/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/rt_select_storm.c: many goroutines select on the same channels;
 * each value arrives exactly once, while the collector runs.  Those named after
 * a test of Go's are ported from it.
 * To see it fail, in runtime/select.c and chan.c: queue_take without the claim
 * (SELECT-2: "made ready in state", or a value twice), give all locks up and take
 * them again between the last look and the waiting (SELECT-1: hangs), or let
 * dequeue_all skip one (SELECT-3: crashes).
 */
#include <tricolor/tricolor.h>

#include "tests/support/runtime.h"
#include "tests/support/test.h"

static struct tri_waitgroup group;

/* ---- TestSelectStress ----------------------------------------------------------- */

enum {
    CHANS = 4,
    EACH = 2000
};

static struct tri_chan *chans[CHANS];

static void
make_chans(const size_t *capacities, size_t element_bytes)
{
    for (int i = 0; i < CHANS; i++) {
        struct tri_chan *chan = tri_chan_make(element_bytes, capacities[i]);
        TRI_STORE(&chans[i], chan);
    }
}

static void
send_each(void *chan)
{
    for (int i = 0; i < EACH; i++)
        tri_chan_send(chan, &i);
    tri_waitgroup_done(&group);
}

static void
receive_each(void *chan)
{
    int got;
    for (int i = 0; i < EACH; i++)
        EXPECT(tri_chan_recv(chan, &got));
    tri_waitgroup_done(&group);
}

static void
select_each(bool send)
{
    static const int order[] = { 3, 2, 0, 1 };
    struct tri_select_case cases[CHANS];
    int times[CHANS] = { 0 };
    int value = 0;
    for (int i = 0; i < CHANS; i++) {
        struct tri_chan *chan = chans[send ? order[i] : i];
        cases[i] = send ? give(chan, &value) : receive(chan, &value);
    }
    for (int i = 0; i < CHANS * EACH; i++) {
        size_t which = tri_select(cases, CHANS);
        if (++times[which] == EACH)
            cases[which].chan = NULL;
    }
    tri_waitgroup_done(&group);
}

static void
select_sends(void *unused)
{
    (void)unused;
    select_each(true);
}

static void
select_receives(void *unused)
{
    (void)unused;
    select_each(false);
}

TEST(plain_and_selecting_partners_mix)
{
    static const size_t capacities[CHANS] = { 0, 0, 2, 3 };
    make_chans(capacities, sizeof(int));
    int procs = tri_set_procs(10);
    tri_waitgroup_add(&group, 2 * CHANS + 2);
    for (int i = 0; i < CHANS; i++) {
        tri_go(send_each, chans[i]);
        tri_go(receive_each, chans[i]);
    }
    tri_go(select_sends, NULL);
    tri_go(select_receives, NULL);
    tri_waitgroup_wait(&group);
    tri_set_procs(procs);
}

/* ---- two that want each other ------------------------------------------------------ */

static void
cross(bool turned)
{
    struct tri_chan *one = chans[turned ? 1 : 0];
    struct tri_chan *two = chans[turned ? 0 : 1];
    for (int i = 0; i < EACH; i++) {
        int mine = turned, got = -1;
        struct tri_select_case cases[] = { give(one, &mine),
                                           receive(two, &got) };
        if (tri_select(cases, 2) == 1)
            EXPECT_EQ(got, !turned);
    }
    tri_waitgroup_done(&group);
}

static void
cross_one_way(void *unused)
{
    (void)unused;
    cross(false);
}

static void
cross_the_other(void *unused)
{
    (void)unused;
    cross(true);
}

TEST(two_that_want_each_other_meet)
{
    static const size_t capacities[CHANS] = { 0 };
    for (int round = 0; round < 5; round++) {
        make_chans(capacities, sizeof(int));
        tri_waitgroup_add(&group, 2);
        tri_go(cross_one_way, NULL);
        tri_go(cross_the_other, NULL);
        tri_waitgroup_wait(&group);
    }
}

/* ---- doubleselect.go ------------------------------------------------------------------ */

static struct tri_chan *merged;

static void
send_to_any(void *unused)
{
    (void)unused;
    for (int i = 0; i < 4 * EACH; i++) {
        struct tri_select_case cases[CHANS];
        for (int j = 0; j < CHANS; j++)
            cases[j] = give(chans[j], &i);
        tri_select(cases, CHANS);
    }
    for (int j = 0; j < CHANS; j++)
        tri_chan_close(chans[j]);
}

static void
forward(void *chan)
{
    int value;
    while (tri_chan_recv(chan, &value))
        tri_chan_send(merged, &value);
    tri_waitgroup_done(&group);
}

static void
close_merged(void *unused)
{
    (void)unused;
    tri_waitgroup_wait(&group);
    tri_chan_close(merged);
}

TEST(a_value_is_sent_to_one_channel_only)
{
    static const size_t capacities[CHANS] = { 0 };
    static uint8_t seen[4 * EACH];
    memset(seen, 0, sizeof(seen));
    make_chans(capacities, sizeof(int));
    struct tri_chan *chan = tri_chan_make(sizeof(int), 0);
    TRI_STORE(&merged, chan);
    tri_waitgroup_add(&group, CHANS);
    for (int i = 0; i < CHANS; i++)
        tri_go(forward, chans[i]);
    tri_go(send_to_any, NULL);
    tri_go(close_merged, NULL);
    int value, count = 0;
    while (tri_chan_recv(chan, &value)) {
        EXPECT_EQ(seen[value]++, 0);
        count++;
    }
    EXPECT_EQ(count, 4 * EACH);
}

/* ---- heap objects, whatever the number of cases ----------------------------------------- */

enum {
    SENDERS = 6,
    RECEIVERS = 6,
    MANY = 24 /* more than wait on the stack */
};

struct parcel {
    struct parcel *inside;
    uint64_t number;
};
TRI_TYPE(parcel_type, struct parcel, inside);

static struct tri_chan *lines[MANY];
static struct tri_chan *ended;
static struct tri_waitgroup senders;
static uint8_t arrived[SENDERS * EACH];
static size_t case_count;

static struct parcel *
make_parcel(uint64_t number)
{
    struct parcel *outer = tri_new(&parcel_type);
    struct parcel *inner = tri_new(&parcel_type);
    inner->number = ~number;
    outer->number = number;
    TRI_STORE(&outer->inside, inner);
    return outer;
}

static void
send_parcels(void *arg)
{
    uint64_t base = (uint64_t)(uintptr_t)arg * EACH;
    struct tri_select_case cases[MANY];
    struct parcel *parcel;
    for (size_t i = 0; i < case_count; i++)
        cases[i] = give(lines[i], &parcel);
    for (uint64_t i = 0; i < EACH; i++) {
        parcel = make_parcel(base + i);
        if (i % 16 == 0)
            tri_chan_send(lines[i % case_count], &parcel);
        else if (i % 3 != 0 || tri_try_select(cases, case_count) == case_count)
            tri_select(cases, case_count);
    }
    tri_waitgroup_done(&senders);
}

static void
receive_parcels(void *unused)
{
    (void)unused;
    struct tri_select_case cases[MANY + 1];
    struct parcel *parcel;
    for (size_t i = 0; i < case_count; i++)
        cases[i] = receive(lines[i], &parcel);
    cases[case_count] = receive(ended, NULL);
    size_t which;
    while ((which = tri_select(cases, case_count + 1)) != case_count) {
        EXPECT(cases[which].ok);
        EXPECT_EQ(parcel->inside->number, ~parcel->number);
        EXPECT_EQ(
            __atomic_fetch_add(&arrived[parcel->number], 1, __ATOMIC_RELAXED),
            0);
        if (parcel->number % 64 == 0)
            tri_yield();
    }
    EXPECT(!cases[which].ok);
    tri_waitgroup_done(&group);
}

static int collecting;

static void
collect(void *unused)
{
    (void)unused;
    while (__atomic_load_n(&collecting, __ATOMIC_SEQ_CST) != 0)
        tri_gc();
    tri_waitgroup_done(&group);
}

static void
send_all(size_t count)
{
    case_count = count;
    memset(arrived, 0, sizeof(arrived));
    for (size_t i = 0; i < count; i++) {
        struct tri_chan *chan = tri_chan_make(sizeof(void *), i % 3);
        TRI_STORE(&lines[i], chan);
    }
    struct tri_chan *end = tri_chan_make(0, 0);
    TRI_STORE(&ended, end);
    collecting = 1;
    tri_waitgroup_add(&senders, SENDERS);
    tri_waitgroup_add(&group, RECEIVERS + 1);
    tri_go(collect, NULL);
    for (uintptr_t i = 0; i < SENDERS; i++)
        tri_go(send_parcels, (void *)i);
    for (int i = 0; i < RECEIVERS; i++)
        tri_go(receive_parcels, NULL);
    tri_waitgroup_wait(&senders);
    for (size_t i = 0; i < count; i++) /* what lies in the rings */
        while (tri_chan_len(lines[i]) > 0)
            tri_yield();
    tri_chan_close(end);
    __atomic_store_n(&collecting, 0, __ATOMIC_SEQ_CST);
    tri_waitgroup_wait(&group);
    for (size_t i = 0; i < SENDERS * EACH; i++)
        EXPECT_F(arrived[i] == 1, "parcel %zu arrived %d times", i, arrived[i]);
}

TEST(parcels_arrive_once_and_whole_while_the_collector_runs)
{
    int64_t end = test_now_ns() + (int64_t)(test_seconds(0.5) * 1e9);
    do {
        send_all(2);
        send_all(7);
        send_all(MANY);
    } while (test_now_ns() < end);
}

/* ---- TestChanSendSelectBarrier (G163), TestChanSendBarrier (G162) --------------------- */

struct request {
    struct tri_chan *answer;
    struct tri_chan *given_up;
    bool select;
};
TRI_TYPE(request_type, struct request, answer, given_up);

static void
answer_request(void *arg)
{
    struct request *request = arg;
    struct parcel *parcel = make_parcel(42);
    if (request->select) {
        struct tri_select_case cases[] = { give(request->answer, &parcel),
                                           receive(request->given_up, NULL) };
        EXPECT_EQ(tri_select(cases, 2), 0);
    } else {
        tri_chan_send(request->answer, &parcel);
    }
}

static void
make_requests(void *arg)
{
    for (int i = 0; i < EACH / 4; i++) {
        struct request *request = tri_new(&request_type);
        struct tri_chan *chan = tri_chan_make(sizeof(void *), 0);
        TRI_STORE(&request->answer, chan);
        struct tri_chan *never = tri_chan_make(0, 0);
        TRI_STORE(&request->given_up, never);
        request->select = (uintptr_t)arg % 2 == 0;
        tri_go(answer_request, request);
        struct parcel *parcel;
        EXPECT(tri_chan_recv(chan, &parcel));
        tri_yield();
        EXPECT_EQ(parcel->inside->number, ~UINT64_C(42));
        tri_keepalive(tri_alloc_noscan(1024));
    }
    tri_waitgroup_done(&senders);
}

TEST(what_is_sent_to_another_stack_is_kept_alive)
{
    collecting = 1;
    tri_waitgroup_add(&group, 1);
    tri_go(collect, NULL);
    tri_waitgroup_add(&senders, 8);
    for (uintptr_t i = 0; i < 8; i++)
        tri_go(make_requests, (void *)i);
    tri_waitgroup_wait(&senders);
    __atomic_store_n(&collecting, 0, __ATOMIC_SEQ_CST);
    tri_waitgroup_wait(&group);
}

/* ---- many that wait (G071) ------------------------------------------------------------- */

static void
wait_for_end(void *unused)
{
    (void)unused;
    struct tri_select_case cases[] = { receive(lines[0], NULL),
                                       receive(lines[1], NULL),
                                       receive(ended, NULL) };
    EXPECT_EQ(tri_select(cases, 3), 2);
    tri_waitgroup_done(&group);
}

TEST(a_thousand_wait_in_select_while_the_collector_runs)
{
    for (int i = 0; i < 3; i++) {
        struct tri_chan *chan = tri_chan_make(0, 0);
        TRI_STORE(i == 2 ? &ended : &lines[i], chan);
    }
    tri_waitgroup_add(&group, 1000);
    for (int i = 0; i < 1000; i++)
        tri_go(wait_for_end, NULL);
    for (int i = 0; i < 3; i++)
        tri_gc();
    tri_chan_close(ended);
    tri_waitgroup_wait(&group);
    EXPECT(!tri_chan_try_send(lines[0], NULL));
    EXPECT(!tri_chan_try_send(lines[1], NULL));
}

int
main(int argc, char **argv)
{
    test_begin(argc, argv);
    return tri_main(test_run_all, NULL, NULL);
}
