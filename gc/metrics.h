/* SPDX-License-Identifier: MIT */
/* gc/metrics.h: the collector's and the heap's metrics. */
#ifndef TRI_GC_METRICS_H
#define TRI_GC_METRICS_H

/* Registers them; once, at start. */
void tri_gc_metrics_init(void);

#endif /* TRI_GC_METRICS_H */
