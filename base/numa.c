/* SPDX-License-Identifier: MIT */
/*
 * base/numa.c: mbind(2), by hand.
 *
 * Not hwloc_set_area_membind: it allocates, wants a picture of the machine (tens of
 * milliseconds), and names the nodes that there are now.  All nodes there can be are
 * asked for instead: the kernel takes those that the process may use, and does so
 * again when its cpuset changes (MPOL_F_STATIC_NODES).
 */
#include "base/numa.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <string.h>

#include "base/syscall.h"

#define NODES_MAX 1024u /* no kernel knows more */

static long
set_policy(void *start, size_t bytes, int mode, const unsigned long *nodes,
           unsigned node_count)
{
    /* The kernel takes one bit less than it is told. */
    return tri_syscall6(SYS_mbind, (long)(uintptr_t)start, (long)bytes, mode,
                        (long)(uintptr_t)nodes,
                        nodes == NULL ? 0 : (long)node_count + 1, 0);
}

static long
interleave(void *start, size_t bytes)
{
    unsigned long nodes[NODES_MAX / (8 * sizeof(unsigned long))];
    memset(nodes, 0xff, sizeof(nodes));
    long error = -EINVAL;
    /* More than this kernel was built for is invalid. */
    for (unsigned count = NODES_MAX; error == -EINVAL && count > 0; count /= 2)
        error = set_policy(start, bytes, MPOL_INTERLEAVE | MPOL_F_STATIC_NODES,
                           nodes, count);
    return error;
}

int
tri_numa_place(void *start, size_t bytes, enum tri_numa numa)
{
    if (numa == TRI_NUMA_INTERLEAVE)
        return (int)interleave(start, bytes);
    /* Preferring no node means the local one, to every kernel; MPOL_LOCAL is
     * younger. */
    return (int)set_policy(
        start, bytes, numa == TRI_NUMA_LOCAL ? MPOL_PREFERRED : MPOL_DEFAULT,
        NULL, 0);
}
