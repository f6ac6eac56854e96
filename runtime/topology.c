/* SPDX-License-Identifier: MIT */
/*
 * runtime/topology.c: how many Ps by default: the CPUs this process may use
 * (hwloc, which honours affinity and cpusets), bounded by the cgroup's quota.
 */
#include <hwloc.h>

#include <fcntl.h>

#include "base/format.h"
#include "base/syscall.h"
#include "runtime/sched.h"

static int
bound_cpus(void)
{
    hwloc_topology_t topology;
    int count = -1;
    if (hwloc_topology_init(&topology) != 0)
        return -1;
    hwloc_topology_set_all_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_NONE);
    hwloc_bitmap_t set = hwloc_bitmap_alloc();
    if (set != NULL && hwloc_topology_load(topology) == 0) {
        if (hwloc_get_cpubind(topology, set, HWLOC_CPUBIND_THREAD) == 0)
            count = hwloc_bitmap_weight(set);
        if (count < 1)
            count = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU);
    }
    hwloc_bitmap_free(set);
    hwloc_topology_destroy(topology);
    return count;
}

/* cgroup v2: "quota period" or "max period"; CPUs, rounded up; 0: no limit. */
static int
quota_in(const char *path)
{
    char text[64];
    long fd = tri_syscall3(SYS_openat, AT_FDCWD, (long)path, O_RDONLY);
    if (fd < 0)
        return 0;
    long bytes = tri_syscall3(SYS_read, fd, (long)text, sizeof(text) - 1);
    tri_syscall3(SYS_close, fd, 0, 0);
    if (bytes <= 0)
        return 0;
    text[bytes] = '\0';
    long value[2] = { 0, 0 };
    const char *at = text;
    for (int i = 0; i < 2; i++) {
        while (*at >= '0' && *at <= '9')
            value[i] = value[i] * 10 + (*at++ - '0');
        while (*at == ' ')
            at++;
    }
    if (value[0] == 0 || value[1] == 0)
        return 0;
    return (int)((value[0] + value[1] - 1) / value[1]);
}

/* The process's own group and all above it: the smallest quota counts. */
static int
cgroup_quota(void)
{
    char line[512];
    long fd =
        tri_syscall3(SYS_openat, AT_FDCWD, (long)"/proc/self/cgroup", O_RDONLY);
    if (fd < 0)
        return 0;
    long bytes = tri_syscall3(SYS_read, fd, (long)line, sizeof(line) - 1);
    tri_syscall3(SYS_close, fd, 0, 0);
    if (bytes <= 0)
        return 0;
    line[bytes] = '\0';
    char *group = strstr(line, "0::");
    if (group == NULL)
        return 0;
    group += 3;
    group[strcspn(group, "\n")] = '\0';
    int least = 0;
    for (;;) {
        char path[600];
        tri_format(path, sizeof(path), "/sys/fs/cgroup%s/cpu.max", group);
        int quota = quota_in(path);
        if (quota > 0 && (least == 0 || quota < least))
            least = quota;
        char *slash = strrchr(group, '/');
        if (slash == NULL)
            return least;
        *slash = '\0';
    }
}

int
tri_topology_procs(void)
{
    int cpus = bound_cpus();
    if (cpus < 1) {
        cpu_set_t set;
        cpus =
            sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    }
    int quota = cgroup_quota();
    if (quota > 0 && quota < cpus)
        cpus = quota;
    return cpus > TRI_PROCS_MAX ? TRI_PROCS_MAX : cpus;
}
