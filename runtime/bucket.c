/* SPDX-License-Identifier: MIT */
/*
 * runtime/bucket.c: the table of locks behind runtime/bucket.h.
 *
 * Not otherwise: a lock in each object would make a mutex larger than it is by
 * half, and every wait for one takes a microsecond anyway.
 */
#include "runtime/bucket.h"

#include "base/os.h"
#include "runtime/sched.h"

#define BUCKETS 64u

static struct {
    struct tri_lock lock;
} TRI_CACHE_ALIGNED buckets[BUCKETS];

void
tri_sync_init(void)
{
    for (uint32_t i = 0; i < BUCKETS; i++)
        tri_lock_init(&buckets[i].lock, TRI_RANK_SYNC);
}

struct tri_lock *
tri_bucket_lock(const void *address)
{
    uint64_t hash = (uintptr_t)address * UINT64_C(0x9e3779b97f4a7c15);
    return &buckets[hash >> 58].lock;
}

bool
tri_waiters_compete(void **queue, struct tri_waiter *self, bool woken,
                    struct tri_lock *bucket, const char *reason)
{
    if (woken) {
        tri_waiters_put_first(queue, self);
    } else {
        self->since_ns = tri_os_now_ns();
        tri_waiters_put(queue, self);
    }
    tri_park_unlock(bucket, reason);
    return self->handed;
}

void
tri_waiters_ready(struct tri_waiter *first)
{
    while (first != NULL) {
        struct tri_waiter *next = first->next; /* BUCKET-2 */
        tri_enter();
        tri_ready(first->g);
        tri_leave();
        first = next;
    }
}
