/* SPDX-License-Identifier: MIT */
/*
 * tests/support/poll.h: whether somebody waits for a file, as the runtime's books have
 * it.  A test that goes on after some milliseconds instead is wrong on a busy machine.
 */
#ifndef TRI_TESTS_SUPPORT_POLL_H
#define TRI_TESTS_SUPPORT_POLL_H

#include <tricolor/tricolor.h>

#include "base/lock.h"
#include "runtime/poll.h"
#include "runtime/poll_table.h"
#include "runtime/sched.h"
#include "tests/support/test.h"

/* Armed, and not woken yet. */
static inline bool
is_waited_for(int fd)
{
    struct tri_poll_file *file = tri_poll_find(fd);
    if (file == NULL)
        return false;
    tri_enter();
    tri_lock(&file->lock);
    bool is = file->waiters != NULL;
    tri_unlock(&file->lock);
    tri_leave();
    return is;
}

/* One goroutine waits in all, for `fd`. */
static inline void
await_waiter(int fd)
{
    int64_t give_up = test_now_ns() + INT64_C(30000000000);
    while (tri_load(&tri_poll.waiting) != 1 || !is_waited_for(fd)) {
        EXPECT_F(test_now_ns() < give_up, "%u wait",
                 tri_load(&tri_poll.waiting));
        tri_sleep(100000);
    }
}

#endif /* TRI_TESTS_SUPPORT_POLL_H */
