/* SPDX-License-Identifier: MIT */
/* tests/support/marking.c: see marking.h. */
#include "tests/support/marking.h"

#include <tricolor/tricolor.h>

#include <link.h>

#include "base/os.h"
#include "gc/cycle.h"
#include "gc/gc.h"
#include "tests/support/test.h"

#define US INT64_C(1000)
#define MS INT64_C(1000000)

static volatile int lock_step; /* 1: held; 2: let go */
static struct tri_waitgroup collected;

static int
hold_lock(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)info, (void)size, (void)arg;
    SET(lock_step, 1);
    while (GET(lock_step) == 1)
        tri_os_sleep_ns(MS);
    return 1;
}

static void *
loader_thread(void *unused)
{
    (void)unused;
    dl_iterate_phdr(hold_lock, NULL);
    return NULL;
}

static void
collect(void *unused)
{
    (void)unused;
    tri_gc();
    tri_waitgroup_done(&collected);
}

bool
is_marking(void)
{
    tri_enter();
    bool is = tri_gc_phase() == TRI_GC_MARK;
    tri_leave();
    return is;
}

pthread_t
begin_marking(void)
{
    pthread_t thread;
    SET(lock_step, 0);
    EXPECT_EQ(pthread_create(&thread, NULL, loader_thread, NULL), 0);
    while (GET(lock_step) == 0)
        tri_sleep(US);
    tri_waitgroup_add(&collected, 1);
    tri_go(collect, NULL);
    while (!is_marking())
        tri_sleep(US);
    return thread;
}

void
end_marking(pthread_t thread)
{
    SET(lock_step, 2);
    tri_waitgroup_wait(&collected);
    tri_blocking_begin();
    pthread_join(thread, NULL);
    tri_blocking_end();
}

void
await_all_but_data(void)
{
    for (int quiet = 0; quiet < 20;) {
        quiet = tri_cycle_work_available() ? 0 : quiet + 1;
        tri_sleep(MS);
    }
    EXPECT(is_marking());
}
