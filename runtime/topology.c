/* SPDX-License-Identifier: MIT */
/*
 * runtime/topology.c: the machine as this process may use it: its CPUs (hwloc, which
 * honours affinity and cpusets), their NUMA nodes, and the control groups' quota
 * (quota.c).
 */
#include <hwloc.h>

#include "base/syscall.h"
#include "runtime/bind.h"
#include "runtime/sched.h"
#include "runtime/topology.h"

/* CPUs this process may use, and the nodes they belong to; -1: hwloc cannot tell. */
static int
bound_cpus(int *nodes)
{
    hwloc_topology_t topology;
    int count = -1;
    *nodes = 1;
    if (hwloc_topology_init(&topology) != 0)
        return -1;
    if (tri_bind_wanted()) /* those that it may not use yet, and what they share */
        hwloc_topology_set_flags(topology,
                                 HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
    else
        hwloc_topology_set_all_types_filter(topology,
                                            HWLOC_TYPE_FILTER_KEEP_NONE);
    hwloc_bitmap_t set = hwloc_bitmap_alloc();
    hwloc_bitmap_t node_set = hwloc_bitmap_alloc();
    if (set != NULL && node_set != NULL && hwloc_topology_load(topology) == 0) {
        if (hwloc_get_cpubind(topology, set, HWLOC_CPUBIND_THREAD) == 0)
            count = hwloc_bitmap_weight(set);
        if (count < 1)
            count = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU);
        else if (hwloc_cpuset_to_nodeset(topology, set, node_set) == 0
                 && hwloc_bitmap_weight(node_set) > 0)
            *nodes = hwloc_bitmap_weight(node_set);
        tri_bind_init(topology);
    }
    hwloc_bitmap_free(node_set);
    hwloc_bitmap_free(set);
    hwloc_topology_destroy(topology);
    return count;
}

bool
tri_machine_affinity(unsigned long *mask)
{
    memset(mask, 0, TRI_CPUS_MAX / 8);
    return tri_syscall3(SYS_sched_getaffinity, 0, TRI_CPUS_MAX / 8,
                        (long)(uintptr_t)mask)
         > 0;
}

static int
affine_cpus(uint64_t *which)
{
    unsigned long mask[TRI_CPU_WORDS];
    int count = 0;
    *which = 1;
    if (!tri_machine_affinity(mask))
        return 1;
    for (size_t i = 0; i < TRI_ARRAY_COUNT(mask); i++) {
        count += __builtin_popcountl(mask[i]);
        *which = (*which ^ mask[i]) * UINT64_C(0x9e3779b97f4a7c15);
        *which ^= *which >> 29;
    }
    return count < 1 ? 1 : count;
}

struct tri_machine
tri_machine_look(void)
{
    struct tri_machine machine = { .quota_cpus = tri_quota_cpus() };
    machine.cpus = bound_cpus(&machine.numa_nodes);
    if (machine.cpus < 1)
        machine.cpus = affine_cpus(&machine.which);
    return machine;
}

struct tri_machine
tri_machine_glance(void)
{
    struct tri_machine machine = { .quota_cpus = tri_quota_cpus() };
    machine.cpus = affine_cpus(&machine.which);
    return machine;
}

int
tri_machine_procs(struct tri_machine machine)
{
    int procs = machine.cpus;
    if (machine.quota_cpus > 0 && machine.quota_cpus < procs)
        procs = machine.quota_cpus;
    return procs > TRI_PROCS_MAX ? TRI_PROCS_MAX : procs;
}
