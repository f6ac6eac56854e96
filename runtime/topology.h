/* SPDX-License-Identifier: MIT */
/*
 * runtime/topology.h: the machine as this process may use it: its CPUs, their nodes,
 * the control groups' quota; and how many Ps there are to be, also when that changes.
 */
#ifndef TRI_RUNTIME_TOPOLOGY_H
#define TRI_RUNTIME_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>

/* ---- topology.c ---- */

struct tri_machine {
    int cpus;       /* this process may use */
    uint64_t which; /* a digest of their numbers, by tri_machine_glance */
    int quota_cpus; /* of its control groups, rounded up; 0: none */
    int numa_nodes; /* they belong to */
};
/* As hwloc sees it; tens of milliseconds.  Tells tri_bind_init. */
struct tri_machine tri_machine_look(void);
/* The same, but for the nodes, by two system calls and a few small files. */
struct tri_machine tri_machine_glance(void);
int tri_machine_procs(struct tri_machine machine);
/* The calling thread's affinity; false: the kernel does not tell. */
#define TRI_CPUS_MAX  8192
#define TRI_CPU_WORDS (TRI_CPUS_MAX / (8 * sizeof(unsigned long)))
bool tri_machine_affinity(unsigned long *mask);

/* ---- quota.c ---- */

/* CPUs' time that the control groups allow, rounded up; 0: all. */
int tri_quota_cpus(void);
int tri_quota_thousandths(void); /* of a CPU */
/* Test hook: in front of the paths of their files. */
extern const char *tri_quota_root;

/* ---- follow.c ---- */

/* Test hook: how often sysmon looks. */
extern int64_t tri_follow_period_ns;

/* Once each: what tri_machine_glance says before sysmon runs (FOLLOW-2), and the
 * goroutine that changes the number of Ps. */
void tri_follow_note(struct tri_machine now);
void tri_follow_start(void);
/* The program says how many Ps there are: no longer for us to change. */
void tri_follow_no_more(void);
/* sysmon, in no section. */
void tri_follow_look(int64_t now_ns);

#endif /* TRI_RUNTIME_TOPOLOGY_H */
