/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_chan.c: channels against what Go says of them.
 * To see it fail: make a woken receiver ready before its element is copied, or let
 * close forget the receivers, or ready the partner before the unlock (CHAN-5, in checked
 * builds).  CHAN-2 is in rt_marking, CHAN-1 in rt_select.
 */
#include <setjmp.h>

#include <tricolor/tricolor.h>

#include "tests/support/test.h"

static struct tri_waitgroup group;

static void
send_numbers(void *arg)
{
    struct tri_chan *chan = arg;
    for (int i = 0; i < 1000; i++)
        tri_chan_send(chan, &i);
    tri_chan_close(chan);
}

static void
expect_in_order(size_t capacity)
{
    struct tri_chan *chan = tri_chan_make(sizeof(int), capacity);
    EXPECT_EQ(tri_chan_cap(chan), capacity);
    tri_go(send_numbers, chan);
    int got = -1;
    for (int i = 0; i < 1000; i++) {
        EXPECT(tri_chan_recv(chan, &got));
        EXPECT_EQ(got, i);
    }
    EXPECT(!tri_chan_recv(chan, &got));
    EXPECT_EQ(got, 0);
}

TEST(elements_arrive_in_order_whatever_the_capacity)
{
    size_t capacities[] = { 0, 1, 2, 7, 999, 1000, 5000 };
    for (size_t i = 0; i < sizeof(capacities) / sizeof(*capacities); i++)
        expect_in_order(capacities[i]);
}

TEST(try_says_no_instead_of_waiting)
{
    struct tri_chan *chan = tri_chan_make(sizeof(long), 1);
    long value = 5;
    bool ok = true;
    EXPECT(!tri_chan_try_recv(chan, &value, &ok));
    EXPECT(!ok);
    EXPECT(tri_chan_try_send(chan, &value));
    EXPECT_EQ(tri_chan_len(chan), 1);
    EXPECT(!tri_chan_try_send(chan, &value));
    value = 0;
    EXPECT(tri_chan_try_recv(chan, &value, &ok));
    EXPECT(ok);
    EXPECT_EQ(value, 5);
    tri_chan_close(chan);
    EXPECT(tri_chan_try_recv(chan, &value, &ok));
    EXPECT(!ok);
    EXPECT_EQ(value, 0);
}

TEST(a_closed_channel_is_drained_first)
{
    struct tri_chan *chan = tri_chan_make(1, 3);
    char byte = 'a';
    tri_chan_send(chan, &byte);
    byte = 'b';
    tri_chan_send(chan, &byte);
    tri_chan_close(chan);
    EXPECT(tri_chan_recv(chan, &byte));
    EXPECT_EQ(byte, 'a');
    EXPECT(tri_chan_recv(chan, NULL));
    EXPECT(!tri_chan_recv(chan, &byte));
    EXPECT_EQ(byte, 0);
}

static void
receive_end(void *arg)
{
    char byte = 'x';
    EXPECT(!tri_chan_recv(arg, &byte));
    EXPECT_EQ(byte, 0);
    tri_waitgroup_done(&group);
}

TEST(close_wakes_every_receiver)
{
    struct tri_chan *chan = tri_chan_make(1, 0);
    tri_waitgroup_add(&group, 50);
    for (int i = 0; i < 50; i++)
        tri_go(receive_end, chan);
    for (int i = 0; i < 20; i++)
        tri_yield();
    tri_chan_close(chan);
    tri_waitgroup_wait(&group);
}

static void
ping(void *arg)
{
    struct tri_chan **pair = arg;
    while (tri_chan_recv(pair[0], NULL))
        tri_chan_send(pair[1], NULL);
    tri_waitgroup_done(&group);
}

TEST(elements_without_size_only_say_when)
{
    static struct tri_chan *pair[2];
    for (int i = 0; i < 2; i++) {
        struct tri_chan *chan = tri_chan_make(0, 0);
        TRI_STORE(&pair[i], chan);
    }
    tri_waitgroup_add(&group, 1);
    tri_go(ping, pair);
    for (int i = 0; i < 5000; i++) {
        tri_chan_send(pair[0], NULL);
        EXPECT(tri_chan_recv(pair[1], NULL));
    }
    tri_chan_close(pair[0]);
    tri_waitgroup_wait(&group);
}

/* ---- many to many, with objects of the heap -------------------------------- */

enum {
    SENDERS = 4,
    RECEIVERS = 4,
    EACH = 3000
};

struct parcel {
    struct parcel *inside;
    uint64_t number;
};
TRI_TYPE(parcel_type, struct parcel, inside);

static struct tri_chan *parcels;
static struct tri_waitgroup senders;
static uint8_t arrived[SENDERS * EACH];

static void
send_parcels(void *arg)
{
    uint64_t base = (uint64_t)(uintptr_t)arg * EACH;
    for (uint64_t i = 0; i < EACH; i++) {
        struct parcel *outer = tri_new(&parcel_type);
        struct parcel *inner = tri_new(&parcel_type);
        inner->number = ~(base + i);
        outer->number = base + i;
        TRI_STORE(&outer->inside, inner);
        inner = NULL;
        tri_chan_send(parcels, &outer);
    }
    tri_waitgroup_done(&senders);
}

static void
receive_parcels(void *arg)
{
    (void)arg;
    struct parcel *parcel;
    while (tri_chan_recv(parcels, &parcel)) {
        if (parcel->number % 64 == 0)
            tri_yield();
        EXPECT_EQ(parcel->inside->number, ~parcel->number);
        EXPECT_EQ(
            __atomic_fetch_add(&arrived[parcel->number], 1, __ATOMIC_RELAXED),
            0);
    }
    tri_waitgroup_done(&group);
}

static void
collect(void *arg)
{
    (void)arg;
    for (int i = 0; i < 30; i++)
        tri_gc();
    tri_waitgroup_done(&group);
}

static void
send_many(size_t capacity)
{
    memset(arrived, 0, sizeof(arrived));
    struct tri_chan *chan = tri_chan_make(sizeof(void *), capacity);
    TRI_STORE(&parcels, chan);
    struct tri_waitgroup *all = &group;
    tri_waitgroup_add(all, 1);
    tri_waitgroup_add(&senders, SENDERS);
    tri_go(collect, NULL);
    for (uintptr_t i = 0; i < SENDERS; i++)
        tri_go(send_parcels, (void *)i);
    for (int i = 0; i < RECEIVERS - 1; i++) {
        tri_waitgroup_add(all, 1);
        tri_go(receive_parcels, NULL);
    }
    /* This goroutine receives too, until all are there. */
    uint64_t total = 0;
    while (total < SENDERS * EACH) {
        struct parcel *parcel;
        bool ok;
        if (tri_chan_try_recv(chan, &parcel, &ok) && ok) {
            EXPECT_EQ(parcel->inside->number, ~parcel->number);
            __atomic_fetch_add(&arrived[parcel->number], 1, __ATOMIC_RELAXED);
        } else {
            tri_yield();
        }
        total = 0;
        for (size_t i = 0; i < SENDERS * EACH; i += 97)
            total += __atomic_load_n(&arrived[i], __ATOMIC_RELAXED);
        if (total == (SENDERS * EACH + 96) / 97)
            break;
    }
    /* The other receivers take the rest; who sends to a closed channel dies. */
    tri_waitgroup_wait(&senders);
    tri_chan_close(chan);
    tri_waitgroup_wait(all);
    for (size_t i = 0; i < SENDERS * EACH; i++)
        EXPECT_EQ(arrived[i], 1);
}

TEST(parcels_arrive_once_and_whole_while_the_collector_runs)
{
    send_many(0);
    send_many(16);
}

/* ---- CHAN-3 ------------------------------------------------------------------ */

static jmp_buf refused;

static void
expect_refusal(const char *message)
{
    EXPECT(strstr(message, "send a pointer to it instead") != NULL);
    longjmp(refused, 1);
}

TEST(an_element_has_64_kib_at_most)
{
    enum {
        MOST = 64 << 10
    };
    static char out[MOST];
    static char in[MOST];
    memset(out, 'x', MOST);
    struct tri_chan *chan = tri_chan_make(MOST, 1);
    tri_chan_send(chan, out);
    EXPECT(tri_chan_recv(chan, in));
    EXPECT(memcmp(in, out, MOST) == 0);

    EXPECT(tri_set_panic_handler(expect_refusal) == NULL);
    if (setjmp(refused) == 0) {
        tri_chan_make(MOST + 1, 0);
        EXPECT(!"a channel of larger elements was made");
    }
    EXPECT(tri_set_panic_handler(NULL) == expect_refusal);
}

int
main(int argc, char **argv)
{
    test_begin(argc, argv);
    return tri_main(test_run_all, NULL, NULL);
}
