/* SPDX-License-Identifier: MIT */
/* runtime/bind.h: on which CPU a P's thread runs, and how many Ps there are to be
 * when the machine changes. */
#ifndef TRI_RUNTIME_BIND_H
#define TRI_RUNTIME_BIND_H

#include <stdint.h>

struct tri_m;
struct tri_p;

/* What TRI_BIND asks for, from the machine.  Before the first thread. */
void tri_bind_init(void);
/* The calling thread has p now: it moves to p's CPU, if it is a scheduler's. */
void tri_bind_thread(struct tri_m *m, const struct tri_p *p);

/* ---- topology.c ---- */

struct tri_machine {
    int cpus;       /* this process may use */
    int quota_cpus; /* of its control groups, rounded up; 0: none */
    int numa_nodes; /* they belong to */
};
/* As hwloc sees it; tens of milliseconds. */
struct tri_machine tri_machine_look(void);
/* The same, but for the nodes, by two system calls and a few small files. */
struct tri_machine tri_machine_glance(void);
int tri_machine_procs(struct tri_machine machine);

/* ---- follow.c ---- */

/* Once, with what tri_machine_glance said at the start. */
void tri_follow_init(struct tri_machine now);
/* The program says how many Ps there are: no longer for us to change. */
void tri_follow_no_more(void);
/* sysmon, in no section. */
void tri_follow_look(int64_t now_ns);

#endif /* TRI_RUNTIME_BIND_H */
