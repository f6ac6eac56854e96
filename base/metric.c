/* SPDX-License-Identifier: MIT */
/* base/metric.c: looking metrics up; see metric.h and tricolor.h. */
#include "base/metric.h"

#include <errno.h>

#include <tricolor/tricolor.h>

#include "base/check.h"

static struct {
    const struct tri_metric *metrics;
    size_t count;
} tables[TRI_METRIC_TABLES_MAX];
static TRI_ATOMIC(size_t) table_count;

void
tri_metrics_register(const struct tri_metric *table, size_t count)
{
    size_t n = tri_load_relaxed(&table_count); /* one thread, at start */
    TRI_CHECK(n < TRI_METRIC_TABLES_MAX,
              "too many metric tables: raise TRI_METRIC_TABLES_MAX");
    tables[n].metrics = table;
    tables[n].count = count;
    /* Release pairs with the acquires of the readers below. */
    tri_store_release(&table_count, n + 1);
}

static const struct tri_metric *
at_index(size_t i)
{
    size_t n = tri_load_acquire(&table_count); /* pairs with register */
    for (size_t t = 0; t < n; t++) {
        if (i < tables[t].count)
            return &tables[t].metrics[i];
        i -= tables[t].count;
    }
    return NULL;
}

static const struct tri_metric *
find(const char *name)
{
    const struct tri_metric *metric;
    for (size_t i = 0; (metric = at_index(i)) != NULL; i++)
        if (name != NULL && strcmp(metric->name, name) == 0)
            return metric;
    return NULL;
}

const char *
tri_metric_name(size_t i)
{
    const struct tri_metric *metric = at_index(i);
    return metric == NULL ? NULL : metric->name;
}

int
tri_metric_read(const char *name, double *value)
{
    const struct tri_metric *metric = find(name);
    if (metric == NULL)
        return -ENOENT;
    if (metric->read == NULL || value == NULL)
        return -EINVAL;
    *value = metric->read();
    return 0;
}

int
tri_metric_histogram(const char *name, uint64_t *counts, double *bounds,
                     size_t max)
{
    const struct tri_metric *metric = find(name);
    if (metric == NULL)
        return -ENOENT;
    if (metric->histogram == NULL)
        return -EINVAL;
    for (uint32_t b = 0; b < TRI_HISTOGRAM_BUCKETS && b < max; b++) {
        counts[b] = tri_load_relaxed(&metric->histogram->counts[b]);
        bounds[b] = (double)tri_histogram_bound_ns(b) * 1e-9;
    }
    return TRI_HISTOGRAM_BUCKETS;
}
