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
 *   BIND-3  `scatter` takes no CPU of a node, cache or core that has one while the
 *           machine has another without any; otherwise two Ps share a core, and one
 *           is idle.
 *
 * hwloc's order of all CPUs is made once; places are those of it that may be used, as
 * the kernel tells.
 *
 * Not otherwise: threads bound for good; a blocking call hands the P to another
 * thread, which would have to be one of that CPU.
 */

#include <hwloc.h>

#include "base/format.h"
#include "base/option.h"
#include "base/syscall.h"
#include "runtime/bind.h"
#include "runtime/sched.h"
#include "runtime/topology.h"

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

int
tri_bind_order(int i)
{
    return i < order.count ? order.cpu[i] : -1;
}

/* CPUs of this object that are in the order: userdata is the user's own. */
static uintptr_t
taken_in(hwloc_obj_t object)
{
    return (uintptr_t)object->userdata;
}

/* Of its parts that have room, the one with the fewest; NULL: it has no parts. */
static hwloc_obj_t
emptiest_part(hwloc_obj_t object)
{
    hwloc_obj_t best = NULL;
    for (unsigned i = 0; i < object->arity; i++) {
        hwloc_obj_t part = object->children[i];
        uintptr_t all = (uintptr_t)hwloc_bitmap_weight(part->cpuset);
        if (taken_in(part) < all
            && (best == NULL || taken_in(part) < taken_in(best)))
            best = part;
    }
    return best;
}

/* BIND-3.  Not hwloc_distrib: it splits the machine for one number of threads, and
 * the first so many of a split for more lie side by side. */
static void
list_scattered(hwloc_topology_t topology)
{
    int all = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU);
    while (order.count < all && order.count < TRI_CPUS_MAX) {
        hwloc_obj_t at = hwloc_get_root_obj(topology);
        hwloc_obj_t part = at;
        for (; part != NULL; part = emptiest_part(at)) {
            at = part;
            at->userdata = (void *)(taken_in(at) + 1);
        }
        order.cpu[order.count++] = (int)at->os_index;
    }
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
