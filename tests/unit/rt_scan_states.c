/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_scan_states.c: a goroutine that is scanned while it runs, parks and is
 * made ready: no frame of it is hidden at any moment, and it does not run meanwhile.
 *
 * To see it fail: give the state up before `sp` is written (G-1), or let
 * tri_g_make_runnable or make_running store the state while the collector is active
 * (G-4, G-2).
 */
#include <tricolor/tricolor.h>

#include "base/compiler.h"
#include "gc/host.h"
#include "runtime/sched.h"
#include "tests/support/scan.h"
#include "tests/support/test.h"

/* Runs, parks and is made ready all the time: no moment in which its frames are
 * not seen (G-1). */
static void
flicker(void *arg)
{
    (void)arg;
    SET(their_id, tri_goid());
    volatile uint64_t words[4];
    for (unsigned i = 0; i < 4; i++)
        words[i] = secret + i;
    SET(ready, 1);
    while (GET(leave) == 0)
        tri_yield();
    __asm__ volatile("" : : "r"(words) : "memory");
    for (unsigned i = 0; i < 4; i++)
        words[i] = 0;
    SET(ready, 2);
}

TEST(no_moment_between_running_and_parked_hides_a_frame)
{
    start(flicker);
    for (int n = 0; n < 3000; n++) {
        scan_goroutine(GET(their_id));
        for (int i = 0; i < 4; i++)
            EXPECT_F(found[i], "value %d was not found in scan %d", i, n);
    }
    stop();
}

static volatile uint64_t flicks;

static void
flick_by_yield(void *arg)
{
    (void)arg;
    SET(their_id, tri_goid());
    SET(ready, 1);
    while (GET(leave) == 0) {
        flicks++;
        tri_yield();
    }
    SET(ready, 2);
}

static struct tri_chan *flick_chan;

static void
flick_by_park(void *arg)
{
    (void)arg;
    SET(their_id, tri_goid());
    SET(ready, 1);
    while (GET(leave) == 0) {
        flicks++;
        tri_chan_recv(flick_chan, NULL);
    }
    SET(ready, 2);
}

static void
send_flicks(void *group)
{
    while (GET(ready) != 2) {
        tri_chan_try_send(flick_chan, NULL);
        tri_yield();
    }
    tri_waitgroup_done(group);
}

/* A scanner who takes his time. */
static TRI_NO_SANITIZE void
watch(uintptr_t lo, uintptr_t hi, void *moved)
{
    (void)lo, (void)hi;
    uint64_t before = flicks;
    int64_t end = test_now_ns() + 100000;
    while (test_now_ns() < end)
        ;
    if (flicks != before)
        *(bool *)moved = true;
}

static void
scan_slowly(void)
{
    bool moved = false;
    size_t at = index_of(GET(their_id));
    pretend_active(true);
    for (int n = 0; n < 500; n++) {
        tri_enter();
        (void)tri_host_stack_scan(at, watch, &moved);
        tri_leave();
        EXPECT_F(!moved, "it ran while it was scanned, the time %d", n);
        if (n % 8 == 0)
            tri_yield();
    }
    pretend_active(false);
}

TEST(nobody_runs_whose_stack_is_scanned)
{
    struct tri_waitgroup sender = { 0 };
    start(flick_by_yield);
    scan_slowly();
    stop();

    flick_chan = tri_chan_make(0, 0);
    start(flick_by_park);
    tri_waitgroup_add(&sender, 1);
    tri_go(send_flicks, &sender);
    scan_slowly();
    stop();
    tri_waitgroup_wait(&sender);
}

TEST(with_the_world_stopped_every_stack_can_be_had)
{
    start(flicker);
    for (int n = 0; n < 200; n++) {
        memset(found, 0, sizeof(found));
        tri_host_stop_world(TRI_STOP_TEST);
        for (size_t i = 0; i < tri_g_count(); i++)
            EXPECT(tri_host_stack_scan(i, look, NULL));
        tri_host_start_world();
        for (int i = 0; i < 4; i++)
            EXPECT_F(found[i], "value %d was not found in scan %d", i, n);
        tri_yield();
    }
    stop();
}

int
main(int argc, char **argv)
{
    test_begin(argc, argv);
    struct tri_options options = { .procs = 2 };
    return tri_main(test_run_all, NULL, &options);
}
