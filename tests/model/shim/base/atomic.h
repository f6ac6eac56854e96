/* SPDX-License-Identifier: MIT */
/*
 * tests/model/shim/base/atomic.h: base/atomic.h over Relacy's atomics.  First
 * on the include path of the model tests, so that they compile the very text
 * of the lock-free headers and explore its interleavings and its orders.
 */
#ifndef TRI_BASE_ATOMIC_H
#define TRI_BASE_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

#include <relacy/relacy.hpp>

#define TRI_ATOMIC(T) rl::atomic<T>

/* Faults that tests put in: every release, or every acquire, as relaxed. */
#ifdef MODEL_WEAK_RELEASE
#    define MODEL_RELEASE rl::mo_relaxed
#else
#    define MODEL_RELEASE rl::mo_release
#endif
#ifdef MODEL_WEAK_ACQUIRE
#    define MODEL_ACQUIRE rl::mo_relaxed
#else
#    define MODEL_ACQUIRE rl::mo_acquire
#endif
#if defined(MODEL_WEAK_ACQUIRE)
#    define MODEL_ACQ_REL MODEL_RELEASE
#elif defined(MODEL_WEAK_RELEASE)
#    define MODEL_ACQ_REL MODEL_ACQUIRE
#else
#    define MODEL_ACQ_REL rl::mo_acq_rel
#endif

/* `($)` tells Relacy the place in the source, for its histories. */
#define tri_load(p)         (*(p))($).load(rl::mo_seq_cst)
#define tri_load_acquire(p) (*(p))($).load(MODEL_ACQUIRE)
#define tri_load_relaxed(p) (*(p))($).load(rl::mo_relaxed)

#define tri_store(p, v)         (*(p))($).store(v, rl::mo_seq_cst)
#define tri_store_release(p, v) (*(p))($).store(v, MODEL_RELEASE)
#define tri_store_relaxed(p, v) (*(p))($).store(v, rl::mo_relaxed)

#define tri_swap(p, v)         (*(p))($).exchange(v, rl::mo_seq_cst)
#define tri_swap_acquire(p, v) (*(p))($).exchange(v, MODEL_ACQUIRE)
#define tri_swap_release(p, v) (*(p))($).exchange(v, MODEL_RELEASE)
#define tri_add(p, v)          (*(p))($).fetch_add(v, rl::mo_seq_cst)
#define tri_add_relaxed(p, v)  (*(p))($).fetch_add(v, rl::mo_relaxed)

#define MODEL_CAS(p, expected, v, success, failure)                            \
    (*(p))($).compare_exchange_strong(*(expected), v, success, failure)
#define tri_cas(p, e, v) MODEL_CAS(p, e, v, rl::mo_seq_cst, rl::mo_seq_cst)
#define tri_cas_acquire(p, e, v)                                               \
    MODEL_CAS(p, e, v, MODEL_ACQUIRE, MODEL_ACQUIRE)
#define tri_cas_release(p, e, v)                                               \
    MODEL_CAS(p, e, v, MODEL_RELEASE, rl::mo_relaxed)
#define tri_cas_acq_rel(p, e, v)                                               \
    MODEL_CAS(p, e, v, MODEL_ACQ_REL, MODEL_ACQUIRE)
#define tri_cas_relaxed(p, e, v)                                               \
    MODEL_CAS(p, e, v, rl::mo_relaxed, rl::mo_relaxed)

/* In a loop that waits: lets the others go on. */
static inline void
tri_cpu_relax(void)
{
    rl::yield(1, $);
}

#endif /* TRI_BASE_ATOMIC_H */
