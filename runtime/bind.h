/* SPDX-License-Identifier: MIT */
/* runtime/bind.h: on which CPU a P's thread runs (TRI_BIND). */
#ifndef TRI_RUNTIME_BIND_H
#define TRI_RUNTIME_BIND_H

#include <stdbool.h>
#include <stdint.h>

struct hwloc_topology;
struct tri_m;
struct tri_p;

/* TRI_BIND asks for something. */
bool tri_bind_wanted(void);
/* The order of all CPUs that it asks for.  Before the first thread. */
void tri_bind_init(struct hwloc_topology *topology);
/* The i-th of that order; -1: there are no more.  For tests. */
int tri_bind_order(int i);
/* The CPUs changed that this process may use: sysmon. */
void tri_bind_again(void);
/* The calling thread has p now: it moves to p's CPU, if it is a scheduler's. */
void tri_bind_thread(struct tri_m *m, const struct tri_p *p);

#endif /* TRI_RUNTIME_BIND_H */
