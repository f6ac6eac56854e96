/* SPDX-License-Identifier: MIT */
/* runtime/poll_table.h: the poller's entry for a descriptor, and who waits in it; for
 * poll_file.c, and poll_table.c, which finds it. */
#ifndef TRI_RUNTIME_POLL_TABLE_H
#define TRI_RUNTIME_POLL_TABLE_H

#include "base/lock.h"
#include "runtime/timer.h"

struct tri_poll_waiter;

/* Keys: [l] lock; [a] atomic. */
struct tri_poll_file {
    struct tri_lock lock;
    struct tri_poll_waiter *waiters; /* [l] first come */
    uint32_t arming;                 /* [l] the last one's number: POLL-4 */
    uint32_t closings;               /* [l] */
    bool known;                      /* [l] epoll has had the number */
    TRI_ATOMIC(uint8_t) no_socket;   /* [a] a hint */
    struct tri_poll_waiter
        *turn_waiters; /* [l] for who has the turn to leave it */
    uint32_t turn;     /* [l] grows with each file: POLL-9 */
    bool turn_taken;   /* [l] */
};

/* NULL: never made. */
struct tri_poll_file *tri_poll_find(int fd);
/* NULL: no memory, or no such number. */
struct tri_poll_file *tri_poll_find_or_make(int fd);

#endif /* TRI_RUNTIME_POLL_TABLE_H */
