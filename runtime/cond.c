/* SPDX-License-Identifier: MIT */
/*
 * runtime/cond.c: condition variables: a queue, first come, first served.
 *
 * A waiter stands in the queue before it unlocks the mutex, so it may be told
 * before it waits.  One word of its node settles that: the teller writes TOLD,
 * and the waiter's commit ASLEEP, if it was not told yet.
 *
 *   COND-1  The waiter is in the queue, and counted, when the mutex is unlocked;
 *           otherwise a signal given under the mutex right after is lost.
 *   COND-2  Who finds ASLEEP makes the waiter ready, who finds AWAKE leaves it
 *           alone and does not touch its node again; otherwise it is made ready
 *           while it runs, or its frame is used after its end.
 *
 * Not otherwise: a second turn under the bucket's lock to wait, since the swap
 * and the CAS do without; numbers instead of a word, as Go has them: the node is
 * there already.
 */
#include "base/check.h"
#include "runtime/bucket.h"
#include "runtime/sched.h"

/* tri_waiter.told */
#define AWAKE  0u
#define ASLEEP 1u
#define TOLD   2u

/* How many are in the queue: changed under the bucket's lock, read without it. */
static TRI_ATOMIC(uint64_t) *
waiting_of(struct tri_cond *cond)
{
    return tri_atomic_cast(uint64_t, &cond->waiting);
}

static bool
commit_asleep(struct tri_g *g, void *waiter)
{
    (void)g;
    uint32_t awake = AWAKE;
    /* Acquire pairs with the swap in tell: told already, so we go on. */
    return tri_cas_acq_rel(&((struct tri_waiter *)waiter)->told, &awake,
                           ASLEEP);
}

/* Of one that was taken out of the queue. */
static void
tell(struct tri_waiter *waiter)
{
    struct tri_g *g = waiter->g; /* COND-2: read before */
    tri_enter();
    if (tri_swap(&waiter->told, TOLD) == ASLEEP)
        tri_ready(g);
    tri_leave();
}

TRI_API void
tri_cond_wait(struct tri_cond *cond, struct tri_mutex *mutex)
{
    tri_check_caller("tri_cond_wait");
    if (!tri_mutex_is_locked(mutex)) /* before we stand in the queue */
        tri_panic("tri_cond_wait: the mutex at %p is not locked; lock it "
                  "before the condition is looked at",
                  (void *)mutex);
    struct tri_waiter self = { .g = tri_local_g() };
    struct tri_lock *bucket = tri_bucket_lock(cond);
    tri_lock(bucket);
    tri_waiters_put(&cond->waiters, &self);
    /* Relaxed: who has to see it sees it by the mutex. */
    tri_add_relaxed(waiting_of(cond), 1);
    tri_unlock(bucket);
    tri_mutex_unlock(mutex); /* COND-1 */
    tri_schedpoint();
    /* Acquire pairs with the swap in tell. */
    if (tri_load_acquire(&self.told) != TOLD)
        tri_park(commit_asleep, &self, "condition");
    tri_mutex_lock(mutex);
}

TRI_API void
tri_cond_signal(struct tri_cond *cond)
{
    tri_check_caller("tri_cond_signal");
    tri_schedpoint();
    /* Relaxed: who waits since before we had the mutex is counted. */
    if (tri_load_relaxed(waiting_of(cond)) == 0)
        return;
    struct tri_lock *bucket = tri_bucket_lock(cond);
    tri_lock(bucket);
    struct tri_waiter *waiter = tri_waiters_take(&cond->waiters);
    if (waiter != NULL)
        tri_sub_relaxed(waiting_of(cond), 1); /* relaxed: as above */
    tri_unlock(bucket);
    if (waiter != NULL)
        tell(waiter);
}

TRI_API void
tri_cond_broadcast(struct tri_cond *cond)
{
    tri_check_caller("tri_cond_broadcast");
    tri_schedpoint();
    /* Relaxed: as in tri_cond_signal. */
    if (tri_load_relaxed(waiting_of(cond)) == 0)
        return;
    struct tri_lock *bucket = tri_bucket_lock(cond);
    tri_lock(bucket);
    struct tri_waiter *waiter = tri_waiters_take_all(&cond->waiters);
    tri_store_relaxed(waiting_of(cond), 0); /* relaxed: as above */
    tri_unlock(bucket);
    while (waiter != NULL) {
        struct tri_waiter *next = waiter->next; /* COND-2 */
        tell(waiter);
        waiter = next;
    }
}
