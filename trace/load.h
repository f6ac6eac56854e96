/* SPDX-License-Identifier: MIT */
/*
 * trace/load.h: finds and loads the LTTng provider, a module of its own, so
 * that the library needs nothing of LTTng's: neither to build nor to start.
 */
#ifndef TRI_TRACE_LOAD_H
#define TRI_TRACE_LOAD_H

struct tri_trace_backend;

/* NULL: none; tri_trace_status says why.  Never unloaded. */
const struct tri_trace_backend *tri_trace_load_backend(void);

#endif /* TRI_TRACE_LOAD_H */
