/* SPDX-License-Identifier: MIT */
/* alloc/page_bits.c: searches, counts and summaries of one chunk's bits. */
#include "alloc/page_bits.h"

#include "alloc/bits.h"

/* The longest run of set bits in `word`, if it is more than `known`. */
static uint32_t
longest_in_word(uint64_t word, uint32_t known)
{
    uint64_t runs = tri_bits_runs(word, known + 1);
    while (runs != 0) {
        known++;
        runs &= word >> known;
    }
    return known;
}

struct tri_page_sum
tri_page_bits_summarize(const struct tri_page_bits *bits)
{
    const uint32_t none = UINT32_MAX;
    uint32_t start = none;
    uint32_t longest = 0;
    uint32_t run = 0; /* of clear bits, up to here */
    for (uint32_t w = 0; w < TRI_CHUNK_WORDS; w++) {
        uint64_t used = bits->word[w];
        if (used == 0) {
            run += 64;
            continue;
        }
        run += tri_bits_trailing(used);
        if (start == none)
            start = run;
        if (run > longest)
            longest = run;
        run = tri_bits_leading(used);
    }
    if (start == none)
        start = run;
    if (run > longest)
        longest = run;

    /* Runs strictly inside one word are at most 62 long. */
    for (uint32_t w = 0; w < TRI_CHUNK_WORDS && longest < 62; w++)
        longest = longest_in_word(~bits->word[w], longest);
    return (struct tri_page_sum){ start, longest, run };
}

uint32_t
tri_page_bits_find(const struct tri_page_bits *bits, uint32_t count,
                   uint32_t from, uint32_t *first)
{
    bool found_first = false;
    uint32_t run = 0; /* of clear bits, up to here */
    uint64_t mask = UINT64_MAX << (from % 64);
    for (uint32_t w = from / 64; w < TRI_CHUNK_WORDS; w++, mask = UINT64_MAX) {
        uint64_t free = ~bits->word[w] & mask;
        if (free == 0) {
            run = 0;
            continue;
        }
        if (!found_first) {
            *first = w * 64 + tri_bits_trailing(free);
            found_first = true;
        }
        uint32_t low = tri_bits_trailing(~free);
        if (run + low >= count)
            return w * 64 - run;
        if (low == 64) {
            run += 64;
            continue;
        }
        if (count < 64) {
            uint64_t runs = tri_bits_runs(free, count);
            if (runs != 0)
                return w * 64 + tri_bits_trailing(runs);
        }
        run = tri_bits_leading(~free);
    }
    return TRI_CHUNK_NONE;
}

void
tri_page_bits_set(struct tri_page_bits *bits, uint32_t first, uint32_t count)
{
    while (count > 0) {
        uint32_t bit = first % 64;
        uint32_t n = count < 64 - bit ? count : 64 - bit;
        bits->word[first / 64] |= tri_bits_mask(bit, n);
        first += n;
        count -= n;
    }
}

void
tri_page_bits_clear(struct tri_page_bits *bits, uint32_t first, uint32_t count)
{
    while (count > 0) {
        uint32_t bit = first % 64;
        uint32_t n = count < 64 - bit ? count : 64 - bit;
        bits->word[first / 64] &= ~tri_bits_mask(bit, n);
        first += n;
        count -= n;
    }
}

uint32_t
tri_page_bits_count(const struct tri_page_bits *bits, uint32_t first,
                    uint32_t count)
{
    uint32_t total = 0;
    while (count > 0) {
        uint32_t bit = first % 64;
        uint32_t n = count < 64 - bit ? count : 64 - bit;
        total += tri_bits_count(bits->word[first / 64] & tri_bits_mask(bit, n));
        first += n;
        count -= n;
    }
    return total;
}

uint32_t
tri_page_bits_run_around(const struct tri_page_bits *bits, uint32_t first,
                         uint32_t count, uint32_t *end)
{
    uint32_t low = first;
    while (low > 0) {
        uint32_t below = (low - 1) % 64 + 1; /* bits of the word below low */
        uint64_t word = bits->word[(low - 1) / 64] << (64 - below);
        if (word != 0) {
            low -= tri_bits_leading(word);
            break;
        }
        low -= below;
    }
    uint32_t high = first + count;
    while (high < TRI_CHUNK_PAGES) {
        uint64_t word = bits->word[high / 64] >> (high % 64);
        if (word != 0) {
            high += tri_bits_trailing(word);
            break;
        }
        high += 64 - high % 64;
    }
    *end = high;
    return low;
}

/* Pages of a 2 MiB huge page; a chunk holds two. */
#define HUGE_PAGES 256u

/* The start of the huge page that `first` lies in if all of it is free, else
 * `first`. */
static uint32_t
keep_huge_page_whole(const struct tri_page_chunk *chunk, uint32_t first)
{
    uint32_t huge = first / HUGE_PAGES * HUGE_PAGES;
    if (tri_page_bits_count(&chunk->used, huge, HUGE_PAGES) != 0)
        return first;
    return huge;
}

uint32_t
tri_page_chunk_find_backed(const struct tri_page_chunk *chunk, uint32_t max,
                           uint32_t *count)
{
    struct tri_page_bits busy; /* used, or nothing to release */
    uint32_t end = 0;
    for (uint32_t w = 0; w < TRI_CHUNK_WORDS; w++) {
        busy.word[w] = chunk->used.word[w] | chunk->released.word[w];
        if (busy.word[w] != UINT64_MAX)
            end = w * 64 + 64 - tri_bits_leading(~busy.word[w]);
    }
    if (end == 0)
        return TRI_CHUNK_NONE;
    uint32_t first = tri_page_bits_run_around(&busy, end - 1, 1, &end);
    if (end - first > max)
        first = keep_huge_page_whole(chunk, end - max);
    *count = end - first;
    return first;
}
