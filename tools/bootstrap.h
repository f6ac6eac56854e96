/* SPDX-License-Identifier: MIT */
/*
 * tools/bootstrap.h: how sure a ratio of two medians is.
 *
 * Pure arithmetic: samples in, an interval out, the same every time.
 */
#ifndef TRICOLOR_TOOLS_BOOTSTRAP_H
#define TRICOLOR_TOOLS_BOOTSTRAP_H

#include <stdbool.h>
#include <stddef.h>

struct ratio {
    double a, b;      /* medians */
    double ratio;     /* b / a */
    double low, high; /* 95 % interval of the ratio; valid if `interval` */
    bool interval;    /* there were at least two samples on each side */
};

/* Middle value, or the mean of the two in the middle.  count > 0. */
double median(const double *samples, size_t count);

/*
 * The ratio of the medians with its percentile-bootstrap interval: both sides
 * are resampled with replacement 10 000 times, by a fixed sequence of random
 * numbers.  False: a side is empty, or a median of `a` is 0.
 */
bool bootstrap_ratio(const double *a, size_t a_count, const double *b,
                     size_t b_count, struct ratio *result);

#endif /* TRICOLOR_TOOLS_BOOTSTRAP_H */
