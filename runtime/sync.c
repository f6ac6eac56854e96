/* SPDX-License-Identifier: MIT */
/*
 * runtime/sync.c: mutex and wait group.
 *
 * Mutex.  Free or held is one bit, so the uncontended pair costs two CAS.  A
 * waiter that is woken competes with whoever comes by (no convoys), unless it
 * waited for a millisecond: then unlock hands it the mutex (no starvation; Go's
 * starvation mode).  Waiters are nodes on their own stacks; the queue is
 * guarded by the lock of the mutex's address.
 *
 *   MUTEX-1  WAITERS is set under the bucket's lock before the waiter parks,
 *            and unlock looks at it in the same word it clears; otherwise the
 *            last holder leaves without waking anybody.
 *   WG-1     A waiter counts itself before it looks at the count once more,
 *            and who brings the count to 0 looks for waiters afterwards.
 */
#include "base/check.h"
#include "base/os.h"
#include "runtime/bucket.h"
#include "runtime/sched.h"

#define LOCKED      1u
#define WAITERS     2u
#define STARVING_NS INT64_C(1000000)
#define BUCKETS     64u
#define SPINS       40

/* On the waiter's stack, in a queue under the bucket's lock. */
struct waiter {
    struct tri_g *g;
    struct waiter *next;
    int64_t since_ns;
    bool handed; /* the mutex is ours already */
};

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

static bool
commit_unlock(struct tri_g *g, void *lock)
{
    (void)g;
    tri_unlock(lock);
    return true;
}

/* ---- mutex ----------------------------------------------------------------- */

static TRI_ATOMIC(uint32_t) *
word_of(struct tri_mutex *mutex)
{
    return tri_atomic_cast(uint32_t, &mutex->word);
}

static bool
try_lock(struct tri_mutex *mutex)
{
    /* Relaxed: a look; the CAS decides. */
    uint32_t word = tri_load_relaxed(word_of(mutex));
    while ((word & LOCKED) == 0) {
        /* Acquire pairs with the release in tri_mutex_unlock. */
        if (tri_cas_acquire(word_of(mutex), &word, word | LOCKED))
            return true;
    }
    return false;
}

/* Under the bucket's lock: takes the mutex, or says that somebody waits. */
static bool
take_or_announce(struct tri_mutex *mutex)
{
    uint32_t word = tri_load_relaxed(word_of(mutex));
    for (;;) {
        if ((word & LOCKED) == 0) {
            if (tri_cas_acquire(word_of(mutex), &word, word | LOCKED))
                return true;
        } else if (tri_cas_acquire(word_of(mutex), &word, word | WAITERS)) {
            return false;
        }
    }
}

static void
enqueue(void **queue, struct waiter *waiter, bool first)
{
    struct waiter **at = (struct waiter **)queue;
    while (!first && *at != NULL)
        at = &(*at)->next;
    waiter->next = *at;
    *at = waiter;
}

static TRI_NOINLINE void
lock_slow(struct tri_mutex *mutex)
{
    struct waiter self = { .g = tri_local_g() };
    struct tri_lock *bucket = tri_bucket_lock(mutex);
    for (int i = 0; i < SPINS; i++) {
        if (try_lock(mutex))
            return;
        tri_cpu_relax();
    }
    for (bool woken = false;; woken = true) {
        tri_lock(bucket);
        if (take_or_announce(mutex)) {
            tri_unlock(bucket);
            return;
        }
        if (!woken)
            self.since_ns = tri_os_now_ns();
        enqueue(&mutex->waiters, &self, woken);
        tri_park(commit_unlock, bucket, "mutex");
        if (self.handed)
            return;
    }
}

TRI_API void
tri_mutex_lock(struct tri_mutex *mutex)
{
    tri_check_caller("tri_mutex_lock");
    tri_schedpoint();
    if (!try_lock(mutex))
        lock_slow(mutex);
}

TRI_API bool
tri_mutex_trylock(struct tri_mutex *mutex)
{
    tri_check_caller("tri_mutex_trylock");
    return try_lock(mutex);
}

static TRI_NOINLINE void
unlock_slow(struct tri_mutex *mutex)
{
    struct tri_lock *bucket = tri_bucket_lock(mutex);
    tri_lock(bucket);
    struct waiter *waiter = mutex->waiters;
    struct tri_g *g = NULL;
    uint32_t word = 0;
    if (waiter != NULL) {
        mutex->waiters = waiter->next;
        g = waiter->g;
        waiter->handed = tri_os_now_ns() - waiter->since_ns > STARVING_NS;
        word = (waiter->handed ? LOCKED : 0)
             | (waiter->next != NULL ? WAITERS : 0);
    }
    /* Only we hold it, and WAITERS changes under the bucket's lock.  Release
     * pairs with the acquire in try_lock. */
    tri_store_release(word_of(mutex), word);
    tri_unlock(bucket);
    if (g != NULL) {
        tri_enter();
        tri_ready(g);
        tri_leave();
    }
}

TRI_API void
tri_mutex_unlock(struct tri_mutex *mutex)
{
    tri_check_caller("tri_mutex_unlock");
    uint32_t word = LOCKED;
    if (tri_cas_release(word_of(mutex), &word, 0))
        return;
    if ((word & LOCKED) == 0)
        tri_panic("tri_mutex_unlock: the mutex at %p is not locked; unlock "
                  "once for each lock",
                  (void *)mutex);
    unlock_slow(mutex);
}

/* ---- wait group ------------------------------------------------------------- */

static TRI_ATOMIC(int64_t) *
count_of(struct tri_waitgroup *group)
{
    return tri_atomic_cast(int64_t, &group->count);
}

/* How many wait: the `lock` word. */
static TRI_ATOMIC(uint32_t) *
waiting_of(struct tri_waitgroup *group)
{
    return tri_atomic_cast(uint32_t, &group->lock);
}

static void
wake_all(struct tri_waitgroup *group)
{
    struct tri_lock *bucket = tri_bucket_lock(group);
    tri_lock(bucket);
    struct waiter *waiter = group->waiters;
    group->waiters = NULL;
    tri_store(waiting_of(group), 0);
    while (waiter != NULL) {
        struct waiter *next = waiter->next;
        tri_ready(waiter->g);
        waiter = next;
    }
    tri_unlock(bucket);
}

TRI_API void
tri_waitgroup_add(struct tri_waitgroup *group, int64_t delta)
{
    tri_check_caller("tri_waitgroup_add");
    int64_t count = tri_add(count_of(group), delta) + delta;
    if (count < 0)
        tri_panic("tri_waitgroup_add: the count of the group at %p falls "
                  "below 0; add before the goroutine starts, done once in it",
                  (void *)group);
    if (count == 0 && tri_load(waiting_of(group)) != 0)
        wake_all(group); /* WG-1 */
}

TRI_API void
tri_waitgroup_done(struct tri_waitgroup *group)
{
    tri_waitgroup_add(group, -1);
}

TRI_API void
tri_waitgroup_wait(struct tri_waitgroup *group)
{
    tri_check_caller("tri_waitgroup_wait");
    tri_schedpoint();
    if (tri_load(count_of(group)) == 0)
        return;
    struct waiter self = { .g = tri_local_g() };
    struct tri_lock *bucket = tri_bucket_lock(group);
    tri_lock(bucket);
    tri_add(waiting_of(group), 1);
    if (tri_load(count_of(group)) == 0) {
        /* Who made it 0 may have seen us count; then he finds no node. */
        tri_sub(waiting_of(group), 1);
        tri_unlock(bucket);
        return;
    }
    enqueue(&group->waiters, &self, false);
    tri_park(commit_unlock, bucket, "wait group");
}
