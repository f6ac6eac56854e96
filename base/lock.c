/* SPDX-License-Identifier: MIT */
/*
 * base/lock.c: the futex mutex of base/lock.h, and the check of its ranks.
 *
 * Three states in one word, as Ulrich Drepper's "Futexes are tricky" has them:
 * free, held, held with sleepers.  Who has slept takes it as "with sleepers",
 * because it cannot know whether it was the only one.  The spin before sleeping
 * is bounded by time, not by turns: the holder may have lost its CPU, and a
 * pause instruction takes from 10 to 150 cycles.
 *
 * Why not a fair lock: holders are quick and waiters few; handing over to a
 * thread that still has to be woken makes every contended section as long as a
 * context switch.
 */
#include "base/lock.h"

#include "base/check.h"
#include "base/os.h"

#define FREE          0u
#define HELD          1u
#define HELD_SLEEPERS 2u

/* About one context switch: longer than any section, shorter than a sleep. */
#define SPIN_NS 4000
#ifndef SPIN_TURNS /* the model test has no patience */
#    define SPIN_TURNS 32
#endif

/* Room for the deepest nesting of base/lock_ranks.def, with tests. */
#define HELD_MAX 16

struct rank_row {
    const char *name;
    const char *what;
};

#define TRI_LOCK_RANK(rank_name, rank_what)                                    \
    { .name = #rank_name, .what = (rank_what) },
static const struct rank_row rank_rows[] = {
#include "base/lock_ranks.def"
};
#undef TRI_LOCK_RANK

/* Of the calling thread, in the order they were taken. */
static __thread const struct tri_lock *held_locks[HELD_MAX];
static __thread uint32_t held_count;
static __thread bool forbidden;

/* A goroutine may have moved since the last lock, so none of these may be
 * inlined: each computes the addresses of thread-local variables anew, and
 * between them no switch happens (the caller is in a critical section). */
static TRI_NOINLINE void
check_rank(const struct tri_lock *lock)
{
    TRI_CHECK(lock->rank < TRI_ARRAY_COUNT(rank_rows), "lock %p: rank %u",
              (const void *)lock, lock->rank);
    TRI_CHECK(!forbidden, "TRACE-2: taking %s inside an event",
              rank_rows[lock->rank].name);
    const struct tri_lock *last = NULL;
    for (uint32_t i = 0; i < held_count; i++) {
        if (last == NULL || held_locks[i]->rank > last->rank)
            last = held_locks[i];
    }
    if (TRI_LIKELY(last == NULL || lock->rank > last->rank))
        return;
    const struct rank_row *wanted = &rank_rows[lock->rank];
    const struct rank_row *have = &rank_rows[last->rank];
    tri_fatal("LOCK-2: taking %s (%s) while holding %s (%s), which comes %s",
              wanted->name, wanted->what, have->name, have->what,
              lock->rank == last->rank ? "at the same rank" : "after it");
}

static TRI_NOINLINE void
note_held(const struct tri_lock *lock)
{
    TRI_CHECK(tri_critical_depth() > 0, "LOCK-1: %s is held outside a section",
              rank_rows[lock->rank].name);
    TRI_CHECK(held_count < HELD_MAX, "%u locks held at once", held_count);
    held_locks[held_count++] = lock;
}

static TRI_NOINLINE void
note_released(const struct tri_lock *lock)
{
    uint32_t i = held_count;
    while (i > 0 && held_locks[i - 1] != lock)
        i--;
    if (i == 0)
        tri_fatal("lock %s is released by a thread that does not hold it",
                  rank_rows[lock->rank].name);
    for (; i < held_count; i++)
        held_locks[i - 1] = held_locks[i];
    held_count--;
}

/* Of locks that nest in the order of their addresses, the one taken last stands
 * for all: the table need not have room for them. */
static TRI_NOINLINE void
note_above(const struct tri_lock *lock, const struct tri_lock *below)
{
    TRI_CHECK(held_count > 0 && held_locks[held_count - 1] == below,
              "LOCK-2: taking %s above a lock that was not taken last",
              rank_rows[lock->rank].name);
    if (lock->rank != below->rank || (uintptr_t)lock <= (uintptr_t)below)
        tri_fatal("LOCK-2: taking %s (%s) above %s at a higher address",
                  rank_rows[lock->rank].name, rank_rows[lock->rank].what,
                  rank_rows[below->rank].name);
    held_locks[held_count - 1] = lock;
}

static TRI_NOINLINE void
note_released_above(const struct tri_lock *lock, const struct tri_lock *below)
{
    TRI_CHECK(held_count > 0 && held_locks[held_count - 1] == lock,
              "lock %s is released and is not the highest of those held",
              rank_rows[lock->rank].name);
    held_locks[held_count - 1] = below;
}

static TRI_NOINLINE bool
is_held_here(const struct tri_lock *lock)
{
    for (uint32_t i = 0; i < held_count; i++) {
        if (held_locks[i] == lock)
            return true;
    }
    return false;
}

void
tri_lock_init(struct tri_lock *lock, enum tri_lock_rank rank)
{
    /* Relaxed: nobody else knows it yet. */
    tri_store_relaxed(&lock->word, FREE);
    lock->rank = rank;
}

static bool
try_take(struct tri_lock *lock)
{
    uint32_t expected = FREE;
    /* Acquire pairs with the release in tri_unlock. */
    return tri_cas_acquire(&lock->word, &expected, HELD);
}

/* True if the lock was had by waiting a little. */
static bool
spin(struct tri_lock *lock)
{
    int64_t deadline_ns = tri_os_now_ns() + SPIN_NS;
    do {
        for (int i = 0; i < SPIN_TURNS; i++) {
            /* Relaxed: only a guess, try_take decides. */
            if (tri_load_relaxed(&lock->word) == FREE && try_take(lock))
                return true;
            tri_cpu_relax();
        }
    } while (tri_os_now_ns() < deadline_ns);
    return false;
}

static TRI_COLD void
lock_slow(struct tri_lock *lock)
{
    if (spin(lock))
        return;
    tri_check_usable("waiting"); /* FORK-2 (runtime/fork.c) */
    /* Acquire pairs with the release in tri_unlock. */
    while (tri_swap_acquire(&lock->word, HELD_SLEEPERS) != FREE)
        tri_futex_wait(&lock->word, HELD_SLEEPERS, -1);
}

void
tri_lock(struct tri_lock *lock)
{
    tri_enter();
    if (TRI_CHECKED)
        check_rank(lock);
    if (TRI_UNLIKELY(!try_take(lock)))
        lock_slow(lock);
    if (TRI_CHECKED)
        note_held(lock);
}

bool
tri_try_lock(struct tri_lock *lock)
{
    tri_enter();
    /* A try cannot deadlock, so its rank may be anything; but what is taken
     * while holding it is checked against it. */
    if (!try_take(lock)) {
        tri_leave();
        return false;
    }
    if (TRI_CHECKED)
        note_held(lock);
    return true;
}

void
tri_lock_above(struct tri_lock *lock, const struct tri_lock *below)
{
    tri_enter();
    if (TRI_CHECKED)
        note_above(lock, below);
    if (TRI_UNLIKELY(!try_take(lock)))
        lock_slow(lock);
}

static inline void
release(struct tri_lock *lock)
{
    /* Release pairs with the acquires in try_take and lock_slow. */
    uint32_t before = tri_swap_release(&lock->word, FREE);
    TRI_CHECK(before != FREE, "lock %s is released while it is free",
              rank_rows[lock->rank].name);
    if (TRI_UNLIKELY(before == HELD_SLEEPERS))
        tri_futex_wake(&lock->word, 1);
    tri_leave();
}

void
tri_unlock(struct tri_lock *lock)
{
    if (TRI_CHECKED)
        note_released(lock);
    release(lock);
}

void
tri_unlock_above(struct tri_lock *lock, const struct tri_lock *below)
{
    if (TRI_CHECKED)
        note_released_above(lock, below);
    release(lock);
}

void
tri_lock_assert_held(const struct tri_lock *lock)
{
    if (TRI_CHECKED && !is_held_here(lock))
        tri_fatal("lock %s is not held here", rank_rows[lock->rank].name);
}

TRI_NOINLINE bool
tri_lock_holds_rank(enum tri_lock_rank rank)
{
    for (uint32_t i = 0; TRI_CHECKED && i < held_count; i++) {
        if (held_locks[i]->rank == rank)
            return true;
    }
    return false;
}

TRI_NOINLINE void
tri_lock_forbid(bool forbid)
{
    TRI_CHECK(!forbid || tri_critical_depth() > 0,
              "TRACE-1: an event outside a section");
    forbidden = forbid;
}
