/* SPDX-License-Identifier: MIT */
/*
 * alloc/bits.h: searches and counts in one 64-bit word.
 *
 * The library is built for the baseline of x86-64, which has no popcnt; the
 * compiler's own fallback is a call and a table.  Here it is a dozen
 * instructions in registers.
 */
#ifndef TRI_ALLOC_BITS_H
#define TRI_ALLOC_BITS_H

#include "base/compiler.h"

static inline uint32_t
tri_bits_count(uint64_t word)
{
#if defined(__POPCNT__) || defined(__aarch64__)
    return (uint32_t)__builtin_popcountll(word);
#else
    word -= word >> 1 & UINT64_C(0x5555555555555555);
    word = (word & UINT64_C(0x3333333333333333))
         + (word >> 2 & UINT64_C(0x3333333333333333));
    word = (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (uint32_t)(word * UINT64_C(0x0101010101010101) >> 56);
#endif
}

/* Number of zeros below the lowest set bit; 64 for 0. */
static inline uint32_t
tri_bits_trailing(uint64_t word)
{
    return word == 0 ? 64 : (uint32_t)__builtin_ctzll(word);
}

/* Number of zeros above the highest set bit; 64 for 0. */
static inline uint32_t
tri_bits_leading(uint64_t word)
{
    return word == 0 ? 64 : (uint32_t)__builtin_clzll(word);
}

/* Bits [first, first + count) set; first + count <= 64, count > 0. */
static inline uint64_t
tri_bits_mask(uint32_t first, uint32_t count)
{
    return UINT64_MAX >> (64 - count) % 64 << first;
}

/*
 * Bit i of the result: the bits [i, i + count) of `word` are all set; 0 < count
 * <= 64.  Halves the run to be looked for at each step: log2(count) steps.
 */
static inline uint64_t
tri_bits_runs(uint64_t word, uint32_t count)
{
    while (count > 1 && word != 0) {
        uint32_t half = count / 2;
        word &= word >> half;
        count -= half;
    }
    return word;
}

#endif /* TRI_ALLOC_BITS_H */
