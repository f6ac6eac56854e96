/* SPDX-License-Identifier: MIT */
/*
 * base/numa.h: from which node the kernel takes the pages of a mapping, as they are
 * touched.  The policy is the mapping's: it outlives a change of protection, and
 * giving pages back.
 */
#ifndef TRI_BASE_NUMA_H
#define TRI_BASE_NUMA_H

#include <stddef.h>

enum tri_numa {
    TRI_NUMA_DEFAULT, /* as the thread's policy says that touches it: numactl's */
    TRI_NUMA_LOCAL,   /* the node of the CPU that touches it */
    TRI_NUMA_INTERLEAVE /* all that the process may use, in turns */
};

/* 0 or -errno: -ENOSYS from a kernel without NUMA, -EPERM in most containers. */
int tri_numa_place(void *start, size_t bytes, enum tri_numa numa);

#endif /* TRI_BASE_NUMA_H */
