/* SPDX-License-Identifier: MIT */
/*
 * runtime/bind.c: which CPU each P has (TRI_BIND), by hwloc's picture of the
 * machine: `compact` fills cores, caches and nodes one after the other, so that
 * neighbours share; `scatter` spreads over them, so that each has most for itself.
 *
 * A P has a CPU, and a scheduler's thread moves there when it gets another P.  So a
 * P's goroutines and mark workers stay where its cache and memory are, whichever
 * thread runs them; a thread that keeps its P makes no system call.
 *
 * What such a thread starts (a pthread, a process) inherits its one CPU.
 *
 *   BIND-1  Only threads that the runtime made are moved: an attached thread's
 *           place is the program's.
 *
 * Not otherwise: threads bound for good; a blocking call hands the P to another
 * thread, which would have to be one of that CPU.
 */
#include "runtime/bind.h"

#include <hwloc.h>
#include <limits.h>

#include "base/format.h"
#include "base/option.h"
#include "base/syscall.h"
#include "runtime/sched.h"

#define CPUS_MAX 8192

/* [c] after tri_bind_init. */
static struct {
    int count;              /* of CPUs; 0: nobody is bound */
    int cpu[TRI_PROCS_MAX]; /* the system's numbers, in the order of Ps */
} places;

/* A thread that cannot be moved runs where it may; said once. */
static TRI_ATOMIC(uint32_t) complained;

static void
list_compact(hwloc_topology_t topology, hwloc_const_bitmap_t allowed)
{
    int all = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU);
    for (int i = 0; i < all && places.count < TRI_PROCS_MAX; i++) {
        hwloc_obj_t pu =
            hwloc_get_obj_by_type(topology, HWLOC_OBJ_PU, (unsigned)i);
        if (pu != NULL && hwloc_bitmap_isset(allowed, pu->os_index) != 0)
            places.cpu[places.count++] = (int)pu->os_index;
    }
}

/* hwloc_distrib leaves out no CPU, and so far as there are any gives each its own;
 * of those the process may not use it takes the next. */
static void
list_scattered(hwloc_topology_t topology, hwloc_const_bitmap_t allowed)
{
    int weight = hwloc_bitmap_weight(allowed);
    unsigned want = weight < 1             ? 0
                  : weight < TRI_PROCS_MAX ? (unsigned)weight
                                           : (unsigned)TRI_PROCS_MAX;
    hwloc_obj_t root = hwloc_get_root_obj(topology);
    hwloc_bitmap_t left = hwloc_bitmap_dup(allowed);
    hwloc_bitmap_t set[TRI_PROCS_MAX] = { NULL };
    if (want != 0 && left != NULL
        && hwloc_distrib(topology, &root, 1, set, want, INT_MAX, 0) == 0) {
        for (unsigned i = 0; i < want; i++) {
            hwloc_bitmap_and(set[i], set[i], left);
            int cpu = hwloc_bitmap_first(set[i]);
            if (cpu < 0)
                cpu = hwloc_bitmap_first(left);
            hwloc_bitmap_clr(left, (unsigned)cpu);
            places.cpu[places.count++] = cpu;
        }
    }
    for (unsigned i = 0; i < want; i++)
        hwloc_bitmap_free(set[i]);
    hwloc_bitmap_free(left);
}

void
tri_bind_init(void)
{
    hwloc_topology_t topology;
    if (tri_config.bind == TRI_BIND_NONE || hwloc_topology_init(&topology) != 0)
        return;
    hwloc_bitmap_t allowed = hwloc_bitmap_alloc();
    if (allowed != NULL && hwloc_topology_load(topology) == 0
        && hwloc_get_cpubind(topology, allowed, HWLOC_CPUBIND_THREAD) == 0) {
        if (tri_config.bind == TRI_BIND_COMPACT)
            list_compact(topology, allowed);
        else
            list_scattered(topology, allowed);
    }
    hwloc_bitmap_free(allowed);
    hwloc_topology_destroy(topology);
    if (places.count == 0)
        tri_print("tricolor: TRI_BIND: this machine does not say which CPUs "
                  "there are; no thread is bound\n");
}

/* Where it may run, the kernel takes from what it is asked for: with all CPUs
 * asked for, wherever the process may. */
static void
move_to(int cpu)
{
    unsigned long mask[CPUS_MAX / (8 * sizeof(unsigned long))] = { 0 };
    if (cpu < CPUS_MAX)
        mask[(unsigned)cpu / (8 * sizeof(mask[0]))] |=
            1ul << (unsigned)cpu % (8 * sizeof(mask[0]));
    long error = tri_syscall3(SYS_sched_setaffinity, 0, sizeof(mask),
                              (long)(uintptr_t)mask);
    if (error >= 0)
        return;
    memset(mask, 0xff, sizeof(mask));
    tri_syscall3(SYS_sched_setaffinity, 0, sizeof(mask), (long)(uintptr_t)mask);
    if (tri_swap(&complained, 1) == 0)
        tri_print("tricolor: TRI_BIND: no thread may run on CPU %d any more "
                  "(error %ld); those meant for it run where they may\n",
                  cpu, -error);
}

void
tri_bind_thread(struct tri_m *m, const struct tri_p *p)
{
    if (TRI_LIKELY(places.count == 0) || m->on_cpu == TRI_M_NOT_OURS)
        return; /* BIND-1 */
    int cpu = places.cpu[p->index % places.count];
    if (m->on_cpu == cpu)
        return;
    m->on_cpu = cpu;
    move_to(cpu);
}
