/* SPDX-License-Identifier: MIT */
/*
 * runtime/bucket.h: locks for the queues of waiters of user objects that have
 * no room for one: the lock of an address, out of a fixed table.
 *
 *   BUCKET-1  One at a time (LOCK-2): no code takes a second bucket; otherwise
 *             two threads that hold one each wait for each other.
 */
#ifndef TRI_RUNTIME_BUCKET_H
#define TRI_RUNTIME_BUCKET_H

#include "base/lock.h"

void tri_sync_init(void);
struct tri_lock *tri_bucket_lock(const void *address);

#endif /* TRI_RUNTIME_BUCKET_H */
