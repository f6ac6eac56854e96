/* SPDX-License-Identifier: MIT */
/*
 * tests/support/sequence_stores.c: compiled with SEQUENCE_STORES, the name of the
 * function.  Unrolled: each copy of the sequence has its own row.
 */
#include "tests/support/sequence_stores.h"

uint64_t
SEQUENCE_STORES(void **slots, uint64_t from)
{
    for (int round = 0; round < 4096; round++)
        for (int i = 0; i < SEQUENCE_SLOTS; i++)
            TRI_STORE(&slots[i], (void *)++from);
    return from;
}
