/* SPDX-License-Identifier: MIT */
/*
 * runtime/bucket.h: who waits for an object of the user that has no room for a
 * lock: a queue in one pointer, under the lock of the object's address, out of
 * a fixed table.
 *
 *   BUCKET-1  One at a time (LOCK-2): no code takes a second bucket; otherwise
 *             two threads that hold one each wait for each other.
 *   BUCKET-2  A waiter's node is not touched after he was made ready (PARK-2);
 *             otherwise it is written to where his frame was.
 */
#ifndef TRI_RUNTIME_BUCKET_H
#define TRI_RUNTIME_BUCKET_H

#include "base/lock.h"

/* Who has waited longer is handed what he waits for, and nobody who comes by
 * may take it: Go's starvation mode. */
#define TRI_STARVING_NS INT64_C(1000000)

struct tri_g;

/* On the waiter's stack; under the bucket's lock until it is taken out. */
struct tri_waiter {
    struct tri_g *g;
    struct tri_waiter *next;
    struct tri_waiter *tail; /* of the queue's first only */
    union {
        int64_t since_ns;          /* mutexes */
        uint64_t units;            /* semaphores: how many it wants */
        TRI_ATOMIC(uint32_t) told; /* conditions: see cond.c */
    };
    bool handed; /* what it waited for is its own already */
};

struct tri_mutex;

void tri_sync_init(void);
/* By whom it does not say. */
bool tri_mutex_is_locked(struct tri_mutex *mutex);
struct tri_lock *tri_bucket_lock(const void *address);

/* First come, first served.  Each in constant time. */
static inline void
tri_waiters_put(void **queue, struct tri_waiter *waiter)
{
    struct tri_waiter *first = *queue;
    waiter->next = NULL;
    if (first == NULL) {
        waiter->tail = waiter;
        *queue = waiter;
    } else {
        first->tail->next = waiter;
        first->tail = waiter;
    }
}

/* For one that was first before. */
static inline void
tri_waiters_put_first(void **queue, struct tri_waiter *waiter)
{
    struct tri_waiter *first = *queue;
    waiter->next = first;
    waiter->tail = first == NULL ? waiter : first->tail;
    *queue = waiter;
}

static inline struct tri_waiter *
tri_waiters_take(void **queue)
{
    struct tri_waiter *first = *queue;
    if (first == NULL)
        return NULL;
    if (first->next != NULL)
        first->next->tail = first->tail;
    *queue = first->next;
    first->next = NULL;
    return first;
}

/* Takes all, or NULL; the first and by ->next the others. */
static inline struct tri_waiter *
tri_waiters_take_all(void **queue)
{
    struct tri_waiter *first = *queue;
    *queue = NULL;
    return first;
}

/* For who competes for a mutex and lost: stands in its queue, first if he was `woken`
 * before, gives the bucket up and waits.  True: it is his. */
bool tri_waiters_compete(void **queue, struct tri_waiter *self, bool woken,
                         struct tri_lock *bucket, const char *reason);
/* Makes ready who was taken out: each in a section of its own, since there may be
 * many.  Without the bucket's lock. */
void tri_waiters_ready(struct tri_waiter *first);

#endif /* TRI_RUNTIME_BUCKET_H */
