/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/base_format.c: tri_format against snprintf, which is the
 * specification of all that base/format.h promises.
 * To see it fail: change the rounding in scaled_fraction (base/format.c).
 */
#include "base/format.h"

#include <fcntl.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/support/test.h"

/* Both formatters, the whole text and cut to 8 bytes. */
#define SAME(...)                                                              \
    do {                                                                       \
        char ours[512];                                                        \
        char libc[512];                                                        \
        size_t n = tri_format(ours, sizeof(ours), __VA_ARGS__);                \
        int m = snprintf(libc, sizeof(libc), __VA_ARGS__);                     \
        EXPECT_STR(ours, libc);                                                \
        EXPECT_EQ(n, m);                                                       \
        char cut[8];                                                           \
        EXPECT_EQ(tri_format(cut, sizeof(cut), __VA_ARGS__), n);               \
        EXPECT(strlen(cut) == (n < 7 ? n : 7));                                \
        EXPECT(memcmp(cut, ours, strlen(cut)) == 0);                           \
    } while (0)

TEST(integers_of_every_size_and_sign)
{
    SAME("%d %i %u %x", 0, INT_MIN, UINT_MAX, 0xdeadbeefu);
    SAME("%ld %lu %lx", LONG_MIN, ULONG_MAX, ULONG_MAX);
    SAME("%lld %llu %llx", LLONG_MIN, ULLONG_MAX, 1ULL);
    SAME("%hhd %hhu %hd %hu", (signed char)-7, (unsigned char)200, (short)-300,
         (unsigned short)65535);
    SAME("%zu %zd %jd %ju %td", SIZE_MAX, (ssize_t)-1, INTMAX_MIN, UINTMAX_MAX,
         (ptrdiff_t)-5);
}

TEST(widths_flags_and_text)
{
    SAME("[%5d|%-5d|%05d|%05d|%-5x]", 42, 42, 42, -42, 0x42u);
    SAME("[%*d|%*d|%.*s]", 6, 1, -6, 2, 3, "abcdef");
    SAME("[%10s|%-10s|%.2s|%s|%c%%]", "right", "left", "cut", "", 'x');
    SAME("[%3s|%-12.4s|%.0s]", "longer", "abcdefgh", "gone");
    SAME("%p", (void *)(uintptr_t)0x1234abcd);
}

TEST(floats_at_the_edges)
{
    static const double values[] = { 0.0,
                                     -0.0,
                                     0.5,
                                     1.5,
                                     2.5,
                                     0.125,
                                     0.375,
                                     999999.9999995,
                                     1e15,
                                     1e19,
                                     1.8446744073709552e19,
                                     1e22,
                                     1e100,
                                     DBL_MAX,
                                     -DBL_MAX,
                                     DBL_MIN,
                                     4.9e-324,
                                     0.0000005,
                                     0.00000049999,
                                     0.9999995,
                                     123456789.123456789,
                                     3.999999999999,
                                     4503599627370497.5,
                                     0.1,
                                     0.2,
                                     0.3 };
    for (size_t i = 0; i < TRI_ARRAY_COUNT(values); i++) {
        SAME("%f|%.0f|%.1f|%.3f|%.6f", values[i], values[i], values[i],
             values[i], values[i]);
        SAME("%12.2f|%-12.2f|%012.2f", values[i], values[i], values[i]);
    }
    SAME("%f %f %6.1f %06f", (double)INFINITY, -(double)INFINITY, (double)NAN,
         (double)INFINITY);
}

TEST(floats_at_random)
{
    for (int i = 0; i < 200000; i++) {
        uint64_t bits = test_random();
        /* Mostly exponents where digits before and after the point matter. */
        if (i % 4 != 0)
            bits = (bits & ~(UINT64_C(0x7ff) << 52))
                 | (1023 - 60 + test_random_below(140)) << 52;
        double value;
        memcpy(&value, &bits, sizeof(value));
        if (isnan(value))
            continue;
        int precision = (int)test_random_below(7);
        char ours[512];
        char libc[512];
        (void)tri_format(ours, sizeof(ours), "%.*f", precision, value);
        (void)snprintf(libc, sizeof(libc), "%.*f", precision, value);
        EXPECT_STR(ours, libc);
    }
}

TEST(null_strings_and_unknown_conversions_do_no_harm)
{
    char text[64];
    const char *volatile null = NULL; /* the compiler is not to know */
    (void)tri_format(text, sizeof(text), "%s %p", null, (void *)0);
    EXPECT_STR(text, "(null) 0x0");
    const char *bad = "%q 100%";
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)tri_format(text, sizeof(text), bad, 0);
#pragma GCC diagnostic pop
    EXPECT_STR(text, "%q 100%");
    EXPECT_EQ(tri_format(NULL, 0, "%d", 12345), 5);
}

TEST(tri_print_cuts_what_is_too_long_and_writes_once)
{
    int ends[2];
    EXPECT(pipe(ends) == 0);
    int saved = dup(2);
    EXPECT(dup2(ends[1], 2) == 2);
    tri_print("%2000d", 1);
    EXPECT(dup2(saved, 2) == 2);
    char text[4096];
    EXPECT_EQ(read(ends[0], text, sizeof(text)), 1023);
    (void)close(ends[0]);
    (void)close(ends[1]);
    (void)close(saved);
}

TEST_MAIN
