/* SPDX-License-Identifier: MIT */
/*
 * base/metric.h: the registry behind tri_metric_read: a layer describes its
 * figures in a static table and registers it once, at start.  Names are Go's
 * where Go has them ("/path/name:unit").
 */
#ifndef TRI_BASE_METRIC_H
#define TRI_BASE_METRIC_H

#include "base/histogram.h"

/* [c] One figure: a number read by a function, or a histogram. */
struct tri_metric {
    const char *name;
    double (*read)(void); /* NULL: a histogram */
    const struct tri_histogram *histogram;
};

#define TRI_METRIC_TABLES_MAX 8

/* The table is kept, not copied.  At start, from one thread. */
void tri_metrics_register(const struct tri_metric *table, size_t count);

#endif /* TRI_BASE_METRIC_H */
