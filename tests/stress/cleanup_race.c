/* SPDX-License-Identifier: MIT */
/*
 * cleanup_race: the program that kills Go's runtime in seconds (D-001): one
 * object of 8 KiB a span, 24 cleanups each, every cleanup stops itself and
 * others, while the heap is collected without pause.  Here it must run for as
 * long as one likes, with every cleanup accounted for: each ran once, or one
 * Stop said true, never both; and once all objects are dead, never neither.
 *
 *   cleanup_race [--seconds N]
 *
 * To see it fail: let Stop find its record by the object's address, or let
 * drop_stopped trust the span it read before it had the lock; or let sweep_for_room take
 * a span that somebody else swept (SWEEP-4: SWEEP-1 dies), or tri_special_span_of not
 * sweep (SPEC-1, in checked builds).
 */
#include <stdio.h>

#include "tests/support/collect.h"

#define OBJECT_BYTES 8192
#define CLEANUPS     24u
#define MAKERS       3
#define RING         (1u << 16) /* cleanups that may be alive at a time */

/* Where one cleanup after the other is entered; seq is odd meanwhile. */
struct place {
    uint64_t fate; /* ticket << 2 | 0 armed, 1 ran, 2 stopped */
    uint64_t seq;
    uint64_t ticket;
    uint64_t id;
    void *record;
};

static struct place ring[RING];
static uint64_t tickets = 1; /* 0: an empty place */
static uint64_t ran;
static uint64_t stopped;

static uint64_t
load64(uint64_t *p)
{
    return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}

/* The handle that the place holds just now, perhaps of a cleanup long gone.
 * False: a mix of two, which Stop must not mind, but nothing can be said of
 * whom it stopped. */
static bool
read_place(struct place *place, struct tri_cleanup *handle, uint64_t *ticket)
{
    uint64_t seq = load64(&place->seq);
    handle->id = load64(&place->id);
    handle->record = __atomic_load_n(&place->record, __ATOMIC_SEQ_CST);
    *ticket = load64(&place->ticket);
    return seq % 2 == 0 && load64(&place->seq) == seq;
}

static void
write_place(struct place *place, struct tri_cleanup handle, uint64_t ticket)
{
    uint64_t seq = load64(&place->seq);
    if (seq % 2 == 1
        || !__atomic_compare_exchange_n(&place->seq, &seq, seq + 1, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return; /* another maker, a whole ring away, is here: so be it */
    __atomic_store_n(&place->id, handle.id, __ATOMIC_SEQ_CST);
    __atomic_store_n(&place->record, handle.record, __ATOMIC_SEQ_CST);
    __atomic_store_n(&place->ticket, ticket, __ATOMIC_SEQ_CST);
    __atomic_store_n(&place->seq, seq + 2, __ATOMIC_SEQ_CST);
}

/* The cleanup of this ticket meets its fate, unless its place was given to
 * another meanwhile. */
static void
meet(struct place *place, uint64_t ticket, uint64_t fate)
{
    uint64_t armed = ticket << 2;
    if (!__atomic_compare_exchange_n(&place->fate, &armed, ticket << 2 | fate,
                                     false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        EXPECT_F(armed >> 2 != ticket,
                 "cleanup %" PRIu64 " meets fate %" PRIu64
                 " after fate %" PRIu64,
                 ticket, fate, armed & 3);
}

static void
stop_somebody(uint64_t n)
{
    struct place *place =
        &ring[(n * UINT64_C(0x9e3779b97f4a7c15) >> 32) % RING];
    struct tri_cleanup handle;
    uint64_t ticket;
    bool whole = read_place(place, &handle, &ticket);
    if (!tri_cleanup_stop(handle))
        return;
    (void)__atomic_add_fetch(&stopped, 1, __ATOMIC_RELAXED);
    if (whole)
        meet(place, ticket, 2);
}

static void
callback(const void *data)
{
    uint64_t mine = *(const uint64_t *)data;
    struct place *place = &ring[mine % RING];
    (void)__atomic_add_fetch(&ran, 1, __ATOMIC_RELAXED);
    meet(place, mine, 1);
    struct tri_cleanup self;
    uint64_t ticket;
    if (read_place(place, &self, &ticket) && ticket == mine)
        EXPECT(!tri_cleanup_stop(self));
    for (uint64_t i = 1; i < 4; i++)
        stop_somebody(mine * 8 + i);
}

static void
add_one(void *object)
{
    uint64_t ticket = __atomic_fetch_add(&tickets, 1, __ATOMIC_RELAXED);
    struct place *place = &ring[ticket % RING];
    __atomic_store_n(&place->fate, ticket << 2, __ATOMIC_SEQ_CST);
    struct tri_cleanup handle =
        tri_add_cleanup_data(object, callback, &ticket, sizeof(ticket));
    write_place(place, handle, ticket);
}

static void
make_objects(void)
{
    for (uint64_t n = 0; !storm_is_over(); n++) {
        char *object = tri_alloc_noscan(OBJECT_BYTES);
        for (uint32_t i = 0; i < CLEANUPS; i++)
            add_one(object + i * 8);
        for (uint64_t i = 0; i < 8; i++)
            stop_somebody(n * 977 + i);
        if (n % 16 == 0)
            tri_yield();
    }
}

TEST(every_cleanup_has_one_fate_while_stop_races_with_the_sweeper)
{
    storm(make_objects, MAKERS, test_seconds(5));
    for (int i = 0; i < 4; i++)
        collect();
    expect_balance();
    int64_t armed = metric("/gc/cleanups/armed:cleanups");
    EXPECT_EQ(metric("/gc/cleanups/added:cleanups"), tickets - 1);
    EXPECT_EQ(metric("/gc/cleanups/stopped:cleanups"), stopped);
    EXPECT_EQ(metric("/gc/cleanups/executed:cleanups"), ran);
    /* A few objects may be held by words that only look like pointers. */
    EXPECT_F(armed <= 8 * (int64_t)CLEANUPS, "%" PRId64 " still armed", armed);
    EXPECT(stopped > 0 && ran > 0);
    (void)printf("# %" PRIu64 " cleanups: %" PRIu64 " ran, %" PRIu64
                 " stopped\n",
                 tickets - 1, ran, stopped);
}

RUNTIME_TEST_MAIN
