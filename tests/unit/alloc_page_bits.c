/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/alloc_page_bits.c: searches in one chunk's bits, against loops over
 * one bit at a time.
 * To see it fail: change a `<` in alloc/page_bits.c or the halving in
 * tri_bits_runs.
 */
#include "alloc/page_bits.h"

#include "alloc/bits.h"
#include "tests/support/test.h"

static bool
bit(const struct tri_page_bits *bits, uint32_t i)
{
    return (bits->word[i / 64] >> (i % 64) & 1) != 0;
}

/* Bits in runs of random lengths: the short and the long in one chunk. */
static void
randomize(struct tri_page_bits *bits)
{
    uint64_t scale = UINT64_C(1) << test_random_below(9);
    memset(bits, 0, sizeof(*bits));
    bool set = test_random_below(2) != 0;
    uint32_t i = 0;
    while (i < TRI_CHUNK_PAGES) {
        uint64_t n = 1 + test_random_below(2 * scale);
        for (; n > 0 && i < TRI_CHUNK_PAGES; n--, i++) {
            if (set)
                bits->word[i / 64] |= UINT64_C(1) << (i % 64);
        }
        set = !set;
    }
}

static struct tri_page_sum
naive_sum(const struct tri_page_bits *bits)
{
    struct tri_page_sum sum = { 0, 0, 0 };
    uint32_t run = 0;
    for (uint32_t i = 0; i < TRI_CHUNK_PAGES; i++) {
        run = bit(bits, i) ? 0 : run + 1;
        if (run == i + 1)
            sum.start = run;
        if (run > sum.longest)
            sum.longest = run;
    }
    sum.end = run;
    return sum;
}

static void
check_sum(const struct tri_page_bits *bits)
{
    struct tri_page_sum want = naive_sum(bits);
    struct tri_page_sum got = tri_page_bits_summarize(bits);
    EXPECT_EQ(got.start, want.start);
    EXPECT_EQ(got.longest, want.longest);
    EXPECT_EQ(got.end, want.end);
}

TEST(a_summary_of_random_bits_is_what_a_slow_count_gives)
{
    for (int round = 0; round < 20000; round++) {
        struct tri_page_bits bits;
        randomize(&bits);
        check_sum(&bits);
    }
}

/* Used ranges {first, count}, up to three, and the summary. */
static const struct sum_case {
    uint32_t used[3][2];
    struct tri_page_sum want;
} sum_cases[] = {
    { { { 0, 0 } }, { 512, 512, 512 } },
    { { { 0, 512 } }, { 0, 0, 0 } },
    { { { 0, 1 } }, { 0, 511, 511 } },
    { { { 511, 1 } }, { 511, 511, 0 } },
    { { { 63, 1 } }, { 63, 448, 448 } },
    { { { 64, 1 } }, { 64, 447, 447 } },
    { { { 63, 2 } }, { 63, 447, 447 } },
    { { { 0, 1 }, { 63, 1 }, { 64, 448 } }, { 0, 62, 0 } },
    { { { 0, 65 }, { 127, 385 } }, { 0, 62, 0 } },
    { { { 0, 64 }, { 128, 384 } }, { 0, 64, 0 } },
    { { { 1, 1 }, { 4, 507 } }, { 1, 2, 1 } },
    { { { 10, 10 }, { 500, 2 } }, { 10, 480, 10 } },
    { { { 256, 1 } }, { 256, 256, 255 } },
};

TEST(summaries_of_fixed_patterns)
{
    for (size_t i = 0; i < TRI_ARRAY_COUNT(sum_cases); i++) {
        const struct sum_case *c = &sum_cases[i];
        struct tri_page_bits bits = { { 0 } };
        for (int r = 0; r < 3; r++)
            tri_page_bits_set(&bits, c->used[r][0], c->used[r][1]);
        check_sum(&bits);
        struct tri_page_sum got = tri_page_bits_summarize(&bits);
        EXPECT_EQ(got.start, c->want.start);
        EXPECT_EQ(got.longest, c->want.longest);
        EXPECT_EQ(got.end, c->want.end);
    }
}

TEST(a_packed_summary_keeps_its_three_numbers)
{
    static const uint32_t lengths[] = { 0,   1,   2,       511,
                                        512, 513, 1 << 20, TRI_SUM_MAX - 1 };
    for (size_t a = 0; a < 8; a++)
        for (size_t b = 0; b < 8; b++)
            for (size_t c = 0; c < 8; c++) {
                uint64_t sum = tri_page_sum_pack((struct tri_page_sum){
                    lengths[a], lengths[b], lengths[c] });
                EXPECT_EQ(tri_page_sum_start(sum), lengths[a]);
                EXPECT_EQ(tri_page_sum_longest(sum), lengths[b]);
                EXPECT_EQ(tri_page_sum_end(sum), lengths[c]);
            }
    uint64_t all = tri_page_sum_pack(
        (struct tri_page_sum){ TRI_SUM_MAX, TRI_SUM_MAX, TRI_SUM_MAX });
    EXPECT_EQ(tri_page_sum_start(all), TRI_SUM_MAX);
    EXPECT_EQ(tri_page_sum_longest(all), TRI_SUM_MAX);
    EXPECT_EQ(tri_page_sum_end(all), TRI_SUM_MAX);
    EXPECT_EQ(tri_page_sum_pack((struct tri_page_sum){ 512, 512, 512 }),
              TRI_CHUNK_SUM_FREE);
}

static void
check_find(const struct tri_page_bits *bits, uint32_t count, uint32_t from)
{
    uint32_t want_first = TRI_CHUNK_NONE;
    uint32_t want = TRI_CHUNK_NONE;
    uint32_t run = 0;
    for (uint32_t i = from; i < TRI_CHUNK_PAGES && want == TRI_CHUNK_NONE;
         i++) {
        run = bit(bits, i) ? 0 : run + 1;
        if (run == 1 && want_first == TRI_CHUNK_NONE)
            want_first = i;
        if (run == count)
            want = i + 1 - count;
    }
    uint32_t first = TRI_CHUNK_NONE;
    EXPECT_EQ(tri_page_bits_find(bits, count, from, &first), want);
    EXPECT_EQ(first, want_first);
}

TEST(a_search_finds_the_lowest_run_that_is_long_enough)
{
    for (int round = 0; round < 4000; round++) {
        struct tri_page_bits bits;
        randomize(&bits);
        for (int i = 0; i < 20; i++) {
            uint32_t most = 1 + (uint32_t)test_random_below(512);
            check_find(&bits, 1 + (uint32_t)test_random_below(most),
                       (uint32_t)test_random_below(512));
        }
        check_find(&bits, tri_page_bits_summarize(&bits).longest | 1, 0);
    }
}

TEST(a_search_finds_runs_of_every_length_at_every_place)
{
    for (uint32_t count = 1; count <= TRI_CHUNK_PAGES; count++)
        for (uint32_t at = 0; at + count <= TRI_CHUNK_PAGES; at += 1 + at % 7) {
            struct tri_page_bits bits;
            memset(&bits, 0xff, sizeof(bits));
            tri_page_bits_clear(&bits, at, count);
            uint32_t first = 0;
            EXPECT_EQ(tri_page_bits_find(&bits, count, 0, &first), at);
            EXPECT_EQ(first, at);
            EXPECT_EQ(tri_page_bits_find(&bits, count, at, &first), at);
            if (count < TRI_CHUNK_PAGES)
                EXPECT_EQ(tri_page_bits_find(&bits, count + 1, 0, &first),
                          TRI_CHUNK_NONE);
        }
}

TEST(ranges_are_set_cleared_and_counted_to_the_bit)
{
    for (int round = 0; round < 5000; round++) {
        struct tri_page_bits bits;
        randomize(&bits);
        struct tri_page_bits before = bits;
        uint32_t first = (uint32_t)test_random_below(512);
        uint32_t count = (uint32_t)test_random_below(513 - first);
        bool set = test_random_below(2) != 0;
        uint32_t ones = 0;
        for (uint32_t i = first; i < first + count; i++)
            ones += bit(&bits, i);
        EXPECT_EQ(tri_page_bits_count(&bits, first, count), ones);
        if (set)
            tri_page_bits_set(&bits, first, count);
        else
            tri_page_bits_clear(&bits, first, count);
        for (uint32_t i = 0; i < TRI_CHUNK_PAGES; i++)
            EXPECT_EQ(bit(&bits, i), i - first < count ? set : bit(&before, i));
    }
}

TEST(runs_in_a_word_are_those_a_slow_look_finds)
{
    for (int round = 0; round < 20000; round++) {
        uint64_t word = 0;
        for (int i = 0; i < round % 7; i++) /* ever denser */
            word |= test_random();
        if (round == 0)
            word = UINT64_MAX;
        for (uint32_t n = 1; n <= 64; n++) {
            uint64_t want = 0;
            for (uint32_t i = 0; i + n <= 64; i++)
                if ((word & tri_bits_mask(i, n)) == tri_bits_mask(i, n))
                    want |= UINT64_C(1) << i;
            uint64_t got = tri_bits_runs(word, n);
            EXPECT(got == want);
        }
        EXPECT_EQ(tri_bits_count(word), __builtin_popcountll(word));
    }
    EXPECT_EQ(tri_bits_trailing(0), 64);
    EXPECT_EQ(tri_bits_leading(0), 64);
}

/* What tri_page_chunk_find_backed must find, by one page at a time. */
static uint32_t
naive_backed(const struct tri_page_chunk *chunk, uint32_t max, uint32_t *count)
{
    uint32_t end = TRI_CHUNK_PAGES;
    while (end > 0
           && (bit(&chunk->used, end - 1) || bit(&chunk->released, end - 1)))
        end--;
    if (end == 0)
        return TRI_CHUNK_NONE;
    uint32_t first = end;
    while (first > 0 && !bit(&chunk->used, first - 1)
           && !bit(&chunk->released, first - 1))
        first--;
    if (end - first > max) {
        first = end - max;
        bool whole = true;
        for (uint32_t i = first & ~255u; i < (first & ~255u) + 256; i++)
            whole &= !bit(&chunk->used, i);
        if (whole)
            first &= ~255u;
    }
    *count = end - first;
    return first;
}

TEST(the_run_to_release_is_the_highest_and_keeps_huge_pages_whole)
{
    for (int round = 0; round < 30000; round++) {
        struct tri_page_chunk chunk;
        randomize(&chunk.used);
        randomize(&chunk.released);
        if (round % 4 == 0)
            memset(&chunk.used, 0, sizeof(chunk.used) / 2);
        if (round % 8 == 0)
            memset(&chunk.released, 0, sizeof(chunk.released));
        for (uint32_t w = 0; w < TRI_CHUNK_WORDS; w++)
            chunk.released.word[w] &= ~chunk.used.word[w];
        uint32_t max = 1 + (uint32_t)test_random_below(512);
        uint32_t want_count = 0;
        uint32_t count = 0;
        uint32_t want = naive_backed(&chunk, max, &want_count);
        EXPECT_EQ(tri_page_chunk_find_backed(&chunk, max, &count), want);
        EXPECT_EQ(count, want_count);
    }
}

TEST_MAIN
