/* SPDX-License-Identifier: MIT */
/*
 * tools/bootstrap.c: percentile bootstrap of a ratio of medians.
 */
#include "tools/bootstrap.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define RESAMPLES 10000u
#define TAIL      (RESAMPLES / 40) /* 2.5 % at each end */

static int
ascending(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of a scratch copy, which it sorts. */
static double
median_in_place(double *samples, size_t count)
{
    qsort(samples, count, sizeof(*samples), ascending);
    return count % 2 == 1 ? samples[count / 2]
                          : (samples[count / 2 - 1] + samples[count / 2]) / 2;
}

double
median(const double *samples, size_t count)
{
    double *copy = calloc(count, sizeof(*copy));
    if (copy == NULL)
        abort();
    memcpy(copy, samples, count * sizeof(*copy));
    double middle = median_in_place(copy, count);
    free(copy);
    return middle;
}

/* splitmix64: any start gives a good sequence. */
static uint64_t
next_random(uint64_t *state)
{
    uint64_t word = *state += UINT64_C(0x9e3779b97f4a7c15);
    word = (word ^ (word >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ (word >> 27)) * UINT64_C(0x94d049bb133111eb);
    return word ^ (word >> 31);
}

static double
resampled_median(const double *samples, size_t count, double *scratch,
                 uint64_t *random)
{
    for (size_t i = 0; i < count; i++)
        scratch[i] = samples[next_random(random) % count];
    return median_in_place(scratch, count);
}

static void
find_interval(const double *a, size_t a_count, const double *b, size_t b_count,
              struct ratio *result)
{
    size_t most = a_count > b_count ? a_count : b_count;
    double *scratch = calloc(most, sizeof(*scratch));
    double *ratios = calloc(RESAMPLES, sizeof(*ratios));
    if (scratch == NULL || ratios == NULL)
        abort();
    uint64_t random = 1;
    size_t count = 0;
    for (size_t i = 0; i < RESAMPLES; i++) {
        double from = resampled_median(a, a_count, scratch, &random);
        double to = resampled_median(b, b_count, scratch, &random);
        if (from != 0)
            ratios[count++] = to / from;
    }
    qsort(ratios, count, sizeof(*ratios), ascending);
    result->interval = count == RESAMPLES;
    if (result->interval) {
        result->low = ratios[TAIL];
        result->high = ratios[count - 1 - TAIL];
    }
    free(ratios);
    free(scratch);
}

bool
bootstrap_ratio(const double *a, size_t a_count, const double *b,
                size_t b_count, struct ratio *result)
{
    *result = (struct ratio){ .interval = false };
    if (a_count == 0 || b_count == 0)
        return false;
    result->a = median(a, a_count);
    result->b = median(b, b_count);
    if (result->a == 0)
        return false;
    result->ratio = result->b / result->a;
    if (a_count > 1 && b_count > 1)
        find_interval(a, a_count, b, b_count, result);
    return true;
}
