/* SPDX-License-Identifier: MIT */
/*
 * base/lock.h: the runtime's own lock, a ranked futex mutex.
 *
 * Held only inside a critical section, so a holder is never stopped, and
 * holders are quick: a waiter spins a little (bounded by time), then sleeps.
 * Locks nest in ascending rank (base/lock_ranks.def); checked builds keep the
 * held ranks per thread and die on a violation, naming both rows.
 *
 *   LOCK-1  Take a lock only inside a critical section (tri_lock enters one
 *           and tri_unlock leaves it); otherwise a stopped holder deadlocks
 *           the stopper.
 *   LOCK-2  Ascending rank only; equal ranks nest by tri_lock_above alone, in
 *           the order of their addresses; otherwise two threads that hold one
 *           each wait for each other.
 */
#ifndef TRI_BASE_LOCK_H
#define TRI_BASE_LOCK_H

#include "base/atomic.h"
#include "base/compiler.h"

#define TRI_LOCK_RANK(name, what) TRI_RANK_##name,
enum tri_lock_rank {
#include "base/lock_ranks.def"
};
#undef TRI_LOCK_RANK

/* word: 0 free, 1 held, 2 held with sleepers. */
struct tri_lock {
    TRI_ATOMIC(uint32_t) word;
    uint32_t rank;
};

#define TRI_LOCK_INIT(rank_name)                                               \
    {                                                                          \
        .word = 0, .rank = TRI_RANK_##rank_name                                \
    }

void tri_lock_init(struct tri_lock *lock, enum tri_lock_rank rank);

/* Enters a critical section and takes the lock. */
void tri_lock(struct tri_lock *lock);
bool tri_try_lock(struct tri_lock *lock);
/* Releases the lock and leaves the section (which may stop here). */
void tri_unlock(struct tri_lock *lock);
/* For several locks of one rank (LOCK-2): `below`, at a lower address, was the
 * last that this thread took, and so it is again after tri_unlock_above. */
void tri_lock_above(struct tri_lock *lock, const struct tri_lock *below);
void tri_unlock_above(struct tri_lock *lock, const struct tri_lock *below);
/* Dies unless this thread holds it; checked builds only. */
void tri_lock_assert_held(const struct tri_lock *lock);
/* Does this thread hold a lock of this rank?  Checked builds only; else no. */
bool tri_lock_holds_rank(enum tri_lock_rank rank);
/* Until told otherwise, tri_lock dies on this thread, in checked builds.  For
 * what may come under any lock.  In one critical section; does not nest. */
void tri_lock_forbid(bool forbid);

#endif /* TRI_BASE_LOCK_H */
