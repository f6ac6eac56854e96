/* SPDX-License-Identifier: MIT */
/*
 * tests/support/sequence_stores.h: loops of TRI_STORE whose flag and slow paths are
 * a test's own; compiled into the test, and as a library.
 */
#ifndef TRI_TESTS_SUPPORT_SEQUENCE_STORES_H
#define TRI_TESTS_SUPPORT_SEQUENCE_STORES_H

#ifndef TRI_PROTECT_SEQUENCE
#    define TRI_PROTECT_SEQUENCE
#endif
/* The header's inline code is taken as it is, with other names in it. */
#define tri_barrier_on  sequence_flag
#define tri_store_slow  sequence_store_slow
#define tri_store_again sequence_store_again
#include <tricolor/tricolor.h>

#define SEQUENCE_SLOTS 16

/* Stores from + 1, from + 2, ... into the slots in turn; returns the last. */
typedef uint64_t sequence_stores_fn(void **slots, uint64_t from);
TRI_API sequence_stores_fn SEQUENCE_STORES;

#endif /* TRI_TESTS_SUPPORT_SEQUENCE_STORES_H */
