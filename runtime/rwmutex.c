/* SPDX-License-Identifier: MIT */
/*
 * runtime/rwmutex.c: many readers or one writer, in turns, as Go's RWMutex.
 *
 * One word: the readers, those who wait included, and WRITER.  Without WRITER a
 * reader counts itself and is in.  With it, it counts itself too, and waits; the
 * writer's unlock lets in exactly those who are counted then, and they go before
 * the next writer.  A writer sets WRITER and waits until those who were counted
 * before have left.  So each of the four, where nobody is in its way, is one
 * atomic operation.
 *
 * Writers compete among themselves as for a mutex (sync.c): no convoys, and no
 * starvation, since who has waited for a millisecond is handed WRITER.
 *
 *   RW-1  Who is counted while WRITER is clear is in, who is counted while it is
 *         set waits until it has been cleared or handed on; otherwise a reader
 *         and a writer are in together.
 *   RW-2  A writer waits for as many to leave as the word counted at the moment
 *         it got WRITER; otherwise it goes in too early, or waits for ever.
 *   RW-3  Who was let in before he stood in the queue finds that in `admitted`;
 *         otherwise he waits for a wake-up that came already.
 *   RW-4  QUEUED is set under the bucket's lock before a writer waits for WRITER,
 *         in the word that unlock changes; otherwise nobody wakes it.
 *   RW-5  A call that is refused has changed nothing; otherwise others see a count
 *         that is none, a reader comes in beside a writer, or who caught the panic
 *         stays counted.
 *
 * The readers' half of that is inline in tricolor.h; who is not known to the runtime,
 * or in a blocking section, is refused when he locks, and when he has to wait or
 * wake.
 *
 * The states, n and L not 0 (`leaving` is L there and 0 elsewhere):
 *
 *     word               in               wait
 *     n                  n readers        -
 *     W                  a writer         -
 *     W + n              a writer         n readers
 *     W + n, L           L readers        the next writer, n - L readers
 *     Q, Q + n           n readers        writers, of whom one was woken and has not
 *                                         come back: he takes WRITER, with n too
 *     W + Q ...          as without Q     writers besides
 *
 * In are those, too, who were let in and have not run since.  What changes it:
 *
 *     readers + 1        rlock, tryrlock (W clear): in if W is clear then
 *     readers - 1        W clear: runlock, by CAS; L: runlock_slow, with L - 1, under
 *                        the lock.  Else nobody reads: refused
 *     W set              no readers: lock, trylock, by CAS.  With n: take_or_announce,
 *                        L = n, under the lock; so W stays clear while a reader has it
 *     W cleared          alone: unlock, by CAS.  Else unlock_slow, under the lock, or
 *                        W stays and L = n: handed on.  L: nobody writes: refused
 *     Q set, cleared     take_or_announce while W is set; unlock_slow.  Both under
 *                        the lock, with the queue
 *
 * So Q without W is a state of its own, and only writers look at it.
 *
 * Not otherwise: readers that take themselves back when they see a writer (they
 * hold it up, and may do so for ever); a mutex among writers beside the word
 * (Go's: twice the atomics for each writer); runlock by subtraction, as Go's, which
 * is faster, the more readers the more so (RW-5: one too many borrows from WRITER).
 *
 * Fields, under the bucket's lock but for the word: `leaving`, how many readers
 * the next writer waits for; `admitted`, how many were let in before they stood in
 * a queue, or, below 0, how many stand there; the queues `readers` and `writers`;
 * `next_writer`, which has WRITER and waits for readers to leave.
 */
#include "base/check.h"
#include "base/os.h"
#include "runtime/bucket.h"
#include "runtime/sched.h"

#define WRITER  TRI_RWMUTEX_WRITER  /* a writer is in, or is next */
#define QUEUED  (UINT64_C(1) << 33) /* others stand in `writers` */
#define READERS UINT64_C(0xffffffff)
#define SPINS   40

static TRI_ATOMIC(uint64_t) *
word_of(struct tri_rwmutex *mutex)
{
    return tri_atomic_cast(uint64_t, &mutex->word);
}

/* ---- readers ---------------------------------------------------------------- */

/* The fast halves are the header's; here, for who calls them by address. */
extern inline void tri_rwmutex_rlock(struct tri_rwmutex *mutex);
extern inline void tri_rwmutex_runlock(struct tri_rwmutex *mutex);

TRI_API void
tri_rwmutex_rlock_slow(struct tri_rwmutex *mutex)
{
    struct tri_waiter self = { .g = tri_local_g() };
    struct tri_lock *bucket = tri_bucket_lock(mutex);
    tri_schedpoint();
    tri_lock(bucket);
    if (mutex->admitted-- > 0) { /* RW-3; perhaps another's, who then waits */
        tri_unlock(bucket);
        return;
    }
    tri_waiters_put(&mutex->readers, &self);
    tri_park_unlock(bucket, "rwmutex read");
}

TRI_API void
tri_rwmutex_rlock_checked(struct tri_rwmutex *mutex)
{
    tri_check_caller("tri_rwmutex_rlock"); /* RW-5: before he is counted */
    tri_schedpoint();
    /* Acquire pairs as in tri_rwmutex_rlock. */
    if ((tri_add_acquire(word_of(mutex), 1) & WRITER) != 0)
        tri_rwmutex_rlock_slow(mutex);
}

TRI_API bool
tri_rwmutex_tryrlock(struct tri_rwmutex *mutex)
{
    tri_check_caller("tri_rwmutex_tryrlock");
    tri_schedpoint();
    /* Relaxed: a look; the CAS decides. */
    uint64_t word = tri_load_relaxed(word_of(mutex));
    while ((word & WRITER) == 0) {
        /* Acquire pairs as in tri_rwmutex_rlock. */
        if (tri_cas_acquire(word_of(mutex), &word, word + 1))
            return true;
    }
    return false;
}

/* A writer waits for us, or this is a mistake: who reads while WRITER is set is
 * among the `leaving`. */
TRI_API void
tri_rwmutex_runlock_slow(struct tri_rwmutex *mutex)
{
    tri_check_caller("tri_rwmutex_runlock");
    struct tri_lock *bucket = tri_bucket_lock(mutex);
    struct tri_waiter *writer = NULL;
    tri_lock(bucket);
    if (mutex->leaving == 0) { /* RW-5 */
        tri_unlock(bucket);
        tri_panic("tri_rwmutex_runlock: the mutex at %p is not locked for "
                  "reading; unlock once for each lock, with the same kind",
                  (void *)mutex);
    }
    /* Relaxed: the writer sees what we did by the lock, and by who makes him
     * ready. */
    tri_sub_relaxed(word_of(mutex), 1);
    if (--mutex->leaving == 0) { /* RW-2 */
        writer = mutex->next_writer;
        mutex->next_writer = NULL;
    }
    tri_unlock(bucket);
    tri_waiters_ready(writer);
}

/* ---- writers ---------------------------------------------------------------- */

static bool
try_lock(struct tri_rwmutex *mutex)
{
    /* Relaxed: a look; the CAS decides. */
    uint64_t word = tri_load_relaxed(word_of(mutex));
    while ((word & (WRITER | READERS)) == 0) {
        /* Acquire pairs with the releases of who unlocked. */
        if (tri_cas_acquire(word_of(mutex), &word, word | WRITER))
            return true;
    }
    return false;
}

/* Under the bucket's lock: gets WRITER, with *readers to wait for, or says that
 * somebody wants it (RW-4). */
static bool
take_or_announce(struct tri_rwmutex *mutex, uint32_t *readers)
{
    /* Relaxed: a look; the CAS decides. */
    uint64_t word = tri_load_relaxed(word_of(mutex));
    for (;;) {
        if ((word & WRITER) == 0) {
            /* Acquire pairs with the releases of who unlocked. */
            if (tri_cas_acquire(word_of(mutex), &word, word | WRITER)) {
                *readers = (uint32_t)(word & READERS);
                return true;
            }
            /* Relaxed: the queue itself is under the bucket's lock. */
        } else if (tri_cas_relaxed(word_of(mutex), &word, word | QUEUED)) {
            return false;
        }
    }
}

/* With WRITER and the bucket's lock, which it gives up: in, when those who were
 * in before have left. */
static void
wait_for_readers(struct tri_rwmutex *mutex, struct tri_lock *bucket,
                 struct tri_waiter *self, uint32_t readers)
{
    if (readers == 0) {
        tri_unlock(bucket);
        return;
    }
    mutex->leaving = readers; /* RW-2 */
    self->next = NULL;
    mutex->next_writer = self;
    /* Those who leave from now on come by the bucket's lock. */
    tri_park_unlock(bucket, "rwmutex write");
}

static TRI_NOINLINE void
lock_slow(struct tri_rwmutex *mutex)
{
    struct tri_waiter self = { .g = tri_local_g() };
    struct tri_lock *bucket = tri_bucket_lock(mutex);
    uint32_t readers;
    for (int i = 0; i < SPINS; i++) {
        if (try_lock(mutex))
            return;
        tri_cpu_relax();
    }
    for (bool woken = false;; woken = true) {
        tri_lock(bucket);
        if (take_or_announce(mutex, &readers)) {
            wait_for_readers(mutex, bucket, &self, readers);
            return;
        }
        if (tri_waiters_compete(&mutex->writers, &self, woken, bucket,
                                "rwmutex write"))
            return;
    }
}

TRI_API void
tri_rwmutex_lock(struct tri_rwmutex *mutex)
{
    tri_check_caller("tri_rwmutex_lock");
    tri_schedpoint();
    uint64_t word = 0;
    /* Acquire pairs with the releases of who unlocked. */
    if (!tri_cas_acquire(word_of(mutex), &word, WRITER))
        lock_slow(mutex);
}

TRI_API bool
tri_rwmutex_trylock(struct tri_rwmutex *mutex)
{
    tri_check_caller("tri_rwmutex_trylock");
    tri_schedpoint();
    return try_lock(mutex);
}

static TRI_NORETURN void
panic_not_writing(struct tri_rwmutex *mutex)
{
    tri_panic("tri_rwmutex_unlock: the mutex at %p is not locked for "
              "writing; unlock once for each lock, with the same kind",
              (void *)mutex);
}

/* Somebody waits.  WRITER goes to the first writer if readers go in before him, or
 * if he has waited long; otherwise he is woken to compete for it. */
static TRI_NOINLINE void
unlock_slow(struct tri_rwmutex *mutex)
{
    struct tri_lock *bucket = tri_bucket_lock(mutex);
    tri_lock(bucket);
    /* Relaxed: with WRITER set readers only come, and what was done under the
     * mutex is published by the lock and by who makes them ready. */
    uint64_t word = tri_load_relaxed(word_of(mutex));
    if ((word & WRITER) == 0 || mutex->leaving != 0) { /* RW-5 */
        tri_unlock(bucket);
        panic_not_writing(mutex);
    }
    struct tri_waiter *writer = tri_waiters_take(&mutex->writers);
    uint64_t gone = mutex->writers == NULL ? QUEUED : 0;
    bool hand = writer != NULL
             && ((word & READERS) != 0
                 || tri_os_now_ns() - writer->since_ns > TRI_STARVING_NS);
    /* Release pairs with the acquires of who comes next.  RW-1: this is the
     * moment that says who is let in. */
    word = tri_and(word_of(mutex), ~(gone | (hand ? 0 : WRITER)));
    uint32_t readers = (uint32_t)(word & READERS);
    /* Of those some may not stand in the queue yet (RW-3). */
    struct tri_waiter *admitted = tri_waiters_take_all(&mutex->readers);
    mutex->admitted += (int32_t)readers;
    if (hand) {
        writer->handed = true;
        mutex->leaving = readers;
        if (readers > 0) {
            mutex->next_writer = writer;
            writer = NULL;
        }
    }
    tri_unlock(bucket);
    tri_waiters_ready(admitted);
    tri_waiters_ready(writer);
}

TRI_API void
tri_rwmutex_unlock(struct tri_rwmutex *mutex)
{
    tri_check_caller("tri_rwmutex_unlock");
    uint64_t word = WRITER;
    /* Release pairs with the acquires of who locks next. */
    if (tri_cas_release(word_of(mutex), &word, 0))
        return;
    if ((word & WRITER) == 0)
        panic_not_writing(mutex);
    unlock_slow(mutex);
}
