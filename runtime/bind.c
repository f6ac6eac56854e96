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
 *           place is the program's; otherwise it is found where nobody put it.
 *   BIND-2  Places are made anew when the CPUs change that the process may use, and
 *           who was bound before looks again; otherwise new Ps share the old CPUs.
 *
 * hwloc's order of all CPUs is made once; places are those of it that may be used, as
 * the kernel tells.
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

#define WORD_BITS (8 * sizeof(unsigned long))

/* [c] after tri_bind_init: the system's numbers, in the order of places. */
static struct {
    int count; /* 0: nobody is bound */
    int cpu[TRI_CPUS_MAX];
} order;

/* [a], written by sysmon.  Relaxed: who reads some of the old ones looks again, since
 * tri_sched.places grows afterwards. */
static struct {
    TRI_ATOMIC(int32_t) count;
    TRI_ATOMIC(int32_t) cpu[TRI_PROCS_MAX];
} places;

/* A thread that cannot be moved runs where it may; said once. */
static TRI_ATOMIC(uint32_t) complained;

static void
list_compact(hwloc_topology_t topology)
{
    int all = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU);
    for (int i = 0; i < all && order.count < TRI_CPUS_MAX; i++) {
        hwloc_obj_t pu =
            hwloc_get_obj_by_type(topology, HWLOC_OBJ_PU, (unsigned)i);
        if (pu != NULL)
            order.cpu[order.count++] = (int)pu->os_index;
    }
}

/* hwloc_distrib for one, two, four... CPUs, and of each what is new: so the first few
 * lie far from each other, however many are used. */
static void
list_scattered(hwloc_topology_t topology)
{
    hwloc_obj_t root = hwloc_get_root_obj(topology);
    hwloc_bitmap_t left = hwloc_bitmap_dup(root->cpuset);
    hwloc_bitmap_t set[TRI_PROCS_MAX];
    for (unsigned want = 1; left != NULL && want <= TRI_PROCS_MAX
                            && hwloc_bitmap_iszero(left) == 0;
         want *= 2) {
        if (hwloc_distrib(topology, &root, 1, set, want, INT_MAX, 0) != 0)
            break;
        for (unsigned i = 0; i < want; i++) {
            hwloc_bitmap_and(set[i], set[i], left);
            int cpu = hwloc_bitmap_first(set[i]);
            hwloc_bitmap_free(set[i]);
            if (cpu < 0 || order.count == TRI_CPUS_MAX)
                continue;
            hwloc_bitmap_clr(left, (unsigned)cpu);
            order.cpu[order.count++] = cpu;
        }
    }
    hwloc_bitmap_free(left);
}

bool
tri_bind_wanted(void)
{
    return tri_config.bind != TRI_BIND_NONE;
}

void
tri_bind_init(hwloc_topology_t topology)
{
    if (tri_config.bind == TRI_BIND_COMPACT)
        list_compact(topology);
    else if (tri_config.bind == TRI_BIND_SCATTER)
        list_scattered(topology);
    else
        return;
    tri_bind_again();
    /* Relaxed: our own. */
    if (tri_load_relaxed(&places.count) == 0)
        tri_print("tricolor: TRI_BIND: this machine does not say which CPUs "
                  "there are; no thread is bound\n");
}

void
tri_bind_again(void)
{
    unsigned long mask[TRI_CPU_WORDS];
    int count = 0;
    if (order.count == 0 || !tri_machine_affinity(mask))
        return;
    for (int i = 0; i < order.count && count < TRI_PROCS_MAX; i++) {
        unsigned cpu = (unsigned)order.cpu[i];
        if (cpu < TRI_CPUS_MAX
            && (mask[cpu / WORD_BITS] >> cpu % WORD_BITS & 1) != 0)
            tri_store_relaxed(&places.cpu[count++], (int)cpu);
    }
    tri_store_relaxed(&places.count, count);
    /* Release pairs with the acquire in tri_bind_thread. */
    tri_store_release(&tri_sched.places,
                      tri_load_relaxed(&tri_sched.places) + 1);
}

/* Where it may run, the kernel takes from what it is asked for: with all CPUs
 * asked for, wherever the process may. */
static void
move_to(int cpu)
{
    unsigned long mask[TRI_CPU_WORDS] = { 0 };
    mask[(unsigned)cpu / WORD_BITS] |= 1ul << (unsigned)cpu % WORD_BITS;
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
    /* Acquire pairs with the release in tri_bind_again. */
    uint32_t turn = tri_load_acquire(&tri_sched.places);
    int count = tri_load_relaxed(&places.count);
    bool again = m->places != turn; /* BIND-2 */
    m->places = turn;
    if (count == 0 || m->on_cpu == TRI_M_NOT_OURS)
        return; /* BIND-1 */
    int cpu = tri_load_relaxed(&places.cpu[p->index % count]);
    if (m->on_cpu == cpu && !again)
        return;
    m->on_cpu = cpu;
    move_to(cpu);
}
