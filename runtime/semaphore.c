/* SPDX-License-Identifier: MIT */
/*
 * runtime/semaphore.c: counting semaphores, first come, first served.
 *
 * One word: the units that are free and, as its top bit, whether somebody waits.
 * Without waiters both directions are one CAS.  With them everything happens
 * under the lock of the semaphore's address, and a waiter is handed its units:
 * nothing is left to compete for when it wakes.
 *
 *   SEM-1  While WAITERS is set nobody takes units but by release, in the order
 *          of the queue; otherwise who wants many starves.
 *   SEM-2  WAITERS is set under the bucket's lock, in the word that release
 *          changes; otherwise the units come and the waiter sleeps on.
 */
#include "base/check.h"
#include "runtime/bucket.h"
#include "runtime/sched.h"

#define WAITERS (UINT64_C(1) << 63)

static TRI_ATOMIC(uint64_t) *
word_of(struct tri_sem *sem)
{
    return tri_atomic_cast(uint64_t, &sem->units);
}

/* False: too few are free, or others were first.  *word: what was seen. */
static bool
take(struct tri_sem *sem, uint64_t units, uint64_t *word)
{
    /* Relaxed: a look; the CAS decides. */
    *word = tri_load_relaxed(word_of(sem));
    while ((*word & WAITERS) == 0 && *word >= units) { /* SEM-1 */
        /* Acquire pairs with the releases in tri_sem_release. */
        if (tri_cas_acquire(word_of(sem), word, *word - units))
            return true;
    }
    return false;
}

static TRI_NOINLINE void
acquire_slow(struct tri_sem *sem, uint64_t units)
{
    struct tri_waiter self = { .g = tri_local_g(), .units = units };
    struct tri_lock *bucket = tri_bucket_lock(sem);
    uint64_t word;
    tri_lock(bucket);
    do {
        if (take(sem, units, &word)) {
            tri_unlock(bucket);
            return;
        }
        /* Relaxed: the queue itself is under the bucket's lock. */
    } while (!tri_cas_relaxed(word_of(sem), &word, word | WAITERS));
    tri_waiters_put(&sem->waiters, &self);
    tri_park_unlock(bucket, "semaphore");
}

TRI_API void
tri_sem_acquire(struct tri_sem *sem, uint64_t units)
{
    tri_check_caller("tri_sem_acquire");
    tri_schedpoint();
    if (TRI_UNLIKELY(units > TRI_SEM_MAX))
        tri_panic("tri_sem_acquire: %llu units are more than a semaphore ever "
                  "has; is the number negative?",
                  (unsigned long long)units);
    uint64_t word;
    if (!take(sem, units, &word))
        acquire_slow(sem, units);
}

TRI_API bool
tri_sem_try_acquire(struct tri_sem *sem, uint64_t units)
{
    tri_check_caller("tri_sem_try_acquire");
    tri_schedpoint();
    uint64_t word;
    return take(sem, units, &word);
}

static TRI_NORETURN void
panic_too_many(struct tri_sem *sem, uint64_t free, uint64_t units)
{
    tri_panic("tri_sem_release: %llu units in the semaphore at %p and %llu are "
              "more than it counts; release what was acquired",
              (unsigned long long)free, (void *)sem, (unsigned long long)units);
}

/* Serves those who wait, in their order, as far as the units go. */
static TRI_NOINLINE void
release_slow(struct tri_sem *sem, uint64_t units)
{
    struct tri_waiter *served = NULL;
    struct tri_waiter **end = &served;
    struct tri_waiter *first;
    struct tri_lock *bucket = tri_bucket_lock(sem);
    tri_lock(bucket);
    /* Relaxed: while WAITERS is set it changes under our lock alone; without,
     * the CAS decides. */
    uint64_t word = tri_load_relaxed(word_of(sem));
    uint64_t free;
    do {
        free = word & ~WAITERS;
        if (units > TRI_SEM_MAX - free) {
            tri_unlock(bucket);
            panic_too_many(sem, free, units);
        }
        free += units;
        /* The last waiter may have gone since; then this is all.  Release
         * pairs with the acquire in take. */
    } while ((word & WAITERS) == 0
             && !tri_cas_release(word_of(sem), &word, free));
    if ((word & WAITERS) != 0) {
        while ((first = sem->waiters) != NULL && first->units <= free) {
            free -= first->units;
            *end = tri_waiters_take(&sem->waiters);
            end = &first->next;
        }
        /* Release: as above. */
        tri_store_release(word_of(sem),
                          sem->waiters == NULL ? free : free | WAITERS);
    }
    tri_unlock(bucket);
    tri_waiters_ready(served);
}

TRI_API void
tri_sem_release(struct tri_sem *sem, uint64_t units)
{
    tri_check_caller("tri_sem_release");
    tri_schedpoint();
    /* Relaxed: a look; the CAS decides. */
    uint64_t word = tri_load_relaxed(word_of(sem));
    while ((word & WAITERS) == 0) {
        if (units > TRI_SEM_MAX - word)
            panic_too_many(sem, word, units);
        /* Release pairs with the acquire in take. */
        if (tri_cas_release(word_of(sem), &word, word + units))
            return;
    }
    release_slow(sem, units);
}
