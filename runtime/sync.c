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
 *   WG-1     Count and number of waiters are one word, and who brings the
 *            count to 0 with nobody waiting does not touch the group again;
 *            otherwise a group on its waiter's stack is used after its end.
 *   WG-2     Nobody adds to a count of 0 while some wait still, which is from the
 *            last done until wake_all has the lock; otherwise who waits for the
 *            new count is woken with the old one's.  It is the caller's to see to
 *            (Go's too), and refused where it happens.
 */
#include "base/check.h"
#include "base/os.h"
#include "runtime/bucket.h"
#include "runtime/sched.h"

#define LOCKED  1u
#define WAITERS 2u
#define SPINS   40

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
        /* Acquire pairs with the releases in tri_mutex_unlock. */
        if (tri_cas_acquire(word_of(mutex), &word, word | LOCKED))
            return true;
    }
    return false;
}

/* Under the bucket's lock: takes the mutex, or says that somebody waits. */
static bool
take_or_announce(struct tri_mutex *mutex)
{
    /* Relaxed: a look; the CAS decides. */
    uint32_t word = tri_load_relaxed(word_of(mutex));
    for (;;) {
        if ((word & LOCKED) == 0) {
            /* Acquire pairs with the releases in tri_mutex_unlock. */
            if (tri_cas_acquire(word_of(mutex), &word, word | LOCKED))
                return true;
            /* Relaxed: the queue itself is under the bucket's lock. */
        } else if (tri_cas_relaxed(word_of(mutex), &word, word | WAITERS)) {
            return false;
        }
    }
}

static TRI_NOINLINE void
lock_slow(struct tri_mutex *mutex)
{
    struct tri_waiter self = { .g = tri_local_g() };
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
        if (tri_waiters_compete(&mutex->waiters, &self, woken, bucket, "mutex"))
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

bool
tri_mutex_is_locked(struct tri_mutex *mutex)
{
    /* Relaxed: for who holds it, or makes a mistake. */
    return (tri_load_relaxed(word_of(mutex)) & LOCKED) != 0;
}

static TRI_NOINLINE void
unlock_slow(struct tri_mutex *mutex)
{
    struct tri_lock *bucket = tri_bucket_lock(mutex);
    tri_lock(bucket);
    struct tri_waiter *waiter = tri_waiters_take(&mutex->waiters);
    uint32_t word = 0;
    if (waiter != NULL) {
        waiter->handed = tri_os_now_ns() - waiter->since_ns > TRI_STARVING_NS;
        word = (waiter->handed ? LOCKED : 0)
             | (mutex->waiters != NULL ? WAITERS : 0);
    }
    /* Only we hold it, and WAITERS changes under the bucket's lock.  Release
     * pairs with the same acquires as in tri_mutex_unlock. */
    tri_store_release(word_of(mutex), word);
    tri_unlock(bucket);
    tri_waiters_ready(waiter);
}

TRI_API void
tri_mutex_unlock(struct tri_mutex *mutex)
{
    tri_check_caller("tri_mutex_unlock");
    uint32_t word = LOCKED;
    /* Release pairs with the acquires in try_lock and take_or_announce. */
    if (tri_cas_release(word_of(mutex), &word, 0))
        return;
    if ((word & LOCKED) == 0)
        tri_panic("tri_mutex_unlock: the mutex at %p is not locked; unlock "
                  "once for each lock",
                  (void *)mutex);
    unlock_slow(mutex);
}

/* ---- wait group -------------------------------------------------------------
 */

/* One word: the count in the upper half, how many wait in the lower (WG-1). */
static TRI_ATOMIC(int64_t) *
state_of(struct tri_waitgroup *group)
{
    return tri_atomic_cast(int64_t, &group->count);
}

#define ONE_COUNT  (INT64_C(1) << 32)
#define WAITERS_OF INT64_C(0xffffffff)

/* The count is 0 and somebody waits, so the group lives until he is woken. */
static void
wake_all(struct tri_waitgroup *group)
{
    struct tri_lock *bucket = tri_bucket_lock(group);
    tri_lock(bucket);
    struct tri_waiter *first = tri_waiters_take_all(&group->waiters);
    tri_and(state_of(group), ~WAITERS_OF);
    tri_unlock(bucket);
    tri_waiters_ready(first);
}

/* Before a refusal.  Who came meanwhile and waits for our count is woken. */
static void
take_back(struct tri_waitgroup *group, int64_t change)
{
    int64_t state = tri_sub(state_of(group), change) - change;
    if (state > 0 && state < ONE_COUNT)
        wake_all(group);
}

TRI_API void
tri_waitgroup_add(struct tri_waitgroup *group, int64_t delta)
{
    tri_check_caller("tri_waitgroup_add");
    if (delta != (int32_t)delta)
        tri_panic("tri_waitgroup_add: %lld is more than a group counts; keep "
                  "below 2^31",
                  (long long)delta);
    int64_t change = delta * ONE_COUNT;
    int64_t before = tri_add(state_of(group), change);
    int64_t state = before + change;
    if (TRI_UNLIKELY(state < 0)) {
        take_back(group, change);
        tri_panic("tri_waitgroup_add: the count of the group at %p falls "
                  "below 0; add before the goroutine starts, done once in it",
                  (void *)group);
    }
    if (TRI_UNLIKELY(before > 0 && before < ONE_COUNT && delta > 0)) {
        take_back(group, change); /* WG-2 */
        tri_panic("tri_waitgroup_add: those who waited for the group at %p "
                  "are just being woken; add when their waits have returned",
                  (void *)group);
    }
    if (state < ONE_COUNT && state != 0)
        wake_all(group);
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
    struct tri_waiter self = { .g = tri_local_g() };
    struct tri_lock *bucket = tri_bucket_lock(group);
    int64_t state = tri_load(state_of(group));
    if (state < ONE_COUNT)
        return;
    tri_lock(bucket);
    state = tri_load(state_of(group));
    do {
        if (state < ONE_COUNT) {
            tri_unlock(bucket);
            return;
        }
    } while (!tri_cas(state_of(group), &state, state + 1));
    /* Who brings the count to 0 from here on sees us, and waits for the lock
     * that our parking releases. */
    tri_waiters_put(&group->waiters, &self);
    tri_park_unlock(bucket, "wait group");
}
