/* SPDX-License-Identifier: MIT */
/*
 * base/atomic.h: the only file that names a memory order.
 *
 * The order is in the name of the operation, so a call site reads as its
 * argument: tri_store_release pairs with a tri_load_acquire that its comment
 * names; tri_load_relaxed has a comment that says why that is enough; a name
 * without an order (tri_load, tri_cas...) is sequentially consistent.  There
 * are no fences: TSan cannot see them.
 *
 * Every operation takes a pointer to a TRI_ATOMIC(T) object; tri_atomic_cast
 * looks at plain memory (heap words, bit tables) as one.
 */
#ifndef TRI_BASE_ATOMIC_H
#define TRI_BASE_ATOMIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define TRI_ATOMIC(T) _Atomic(T)

/* The TRI_ATOMIC view of the plain object at `p`, which is of type T. */
#define tri_atomic_cast(T, p) ((_Atomic(T) *)(void *)(p))

#define tri_load(p)         atomic_load(p)
#define tri_load_acquire(p) atomic_load_explicit(p, memory_order_acquire)
#define tri_load_relaxed(p) atomic_load_explicit(p, memory_order_relaxed)

#define tri_store(p, v) atomic_store(p, v)
#define tri_store_release(p, v)                                                \
    atomic_store_explicit(p, v, memory_order_release)
#define tri_store_relaxed(p, v)                                                \
    atomic_store_explicit(p, v, memory_order_relaxed)

/* These return the value before. */
#define tri_swap(p, v) atomic_exchange(p, v)
#define tri_swap_acquire(p, v)                                                 \
    atomic_exchange_explicit(p, v, memory_order_acquire)
#define tri_swap_release(p, v)                                                 \
    atomic_exchange_explicit(p, v, memory_order_release)
#define tri_add(p, v) atomic_fetch_add(p, v)
#define tri_add_acquire(p, v)                                                  \
    atomic_fetch_add_explicit(p, v, memory_order_acquire)
#define tri_add_relaxed(p, v)                                                  \
    atomic_fetch_add_explicit(p, v, memory_order_relaxed)
#define tri_sub(p, v) atomic_fetch_sub(p, v)
#define tri_sub_relaxed(p, v)                                                  \
    atomic_fetch_sub_explicit(p, v, memory_order_relaxed)
#define tri_sub_release(p, v)                                                  \
    atomic_fetch_sub_explicit(p, v, memory_order_release)
#define tri_or(p, v) atomic_fetch_or(p, v)
#define tri_or_relaxed(p, v)                                                   \
    atomic_fetch_or_explicit(p, v, memory_order_relaxed)
#define tri_and(p, v) atomic_fetch_and(p, v)
#define tri_and_relaxed(p, v)                                                  \
    atomic_fetch_and_explicit(p, v, memory_order_relaxed)

/*
 * Strong compare-and-swap: true if *p was *expected and is now v; otherwise
 * *expected is what was found.  The order is that of success; failure is
 * relaxed but for the plain and the acquire forms, which acquire.
 */
#define tri_cas(p, expected, v) atomic_compare_exchange_strong(p, expected, v)
#define tri_cas_acquire(p, expected, v)                                        \
    atomic_compare_exchange_strong_explicit(                                   \
        p, expected, v, memory_order_acquire, memory_order_acquire)
#define tri_cas_release(p, expected, v)                                        \
    atomic_compare_exchange_strong_explicit(                                   \
        p, expected, v, memory_order_release, memory_order_relaxed)
#define tri_cas_acq_rel(p, expected, v)                                        \
    atomic_compare_exchange_strong_explicit(                                   \
        p, expected, v, memory_order_acq_rel, memory_order_acquire)
#define tri_cas_relaxed(p, expected, v)                                        \
    atomic_compare_exchange_strong_explicit(                                   \
        p, expected, v, memory_order_relaxed, memory_order_relaxed)

/* In a spinning loop: lets the sibling hardware thread have the core. */
static inline __attribute__((always_inline)) void
tri_cpu_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif /* TRI_BASE_ATOMIC_H */
