/* SPDX-License-Identifier: MIT */
/*
 * tools/machine.c: CPU, memory, kernel, limits and versions, as JSON.
 */
#include "tools/machine.h"

#include <gnu/libc-version.h>
#include <hwloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "runtime/topology.h"

#define LINE_BYTES 512

bool
machine_read_line(const char *path, char *line, size_t n)
{
    FILE *in = fopen(path, "re");
    if (in == NULL)
        return false;
    bool read = fgets(line, (int)n, in) != NULL;
    fclose(in);
    if (read)
        line[strcspn(line, "\n")] = '\0';
    return read;
}

bool
machine_chosen(const char *path, char *word, size_t n)
{
    char line[LINE_BYTES];
    if (!machine_read_line(path, line, sizeof(line)))
        return false;
    const char *open = strchr(line, '[');
    if (open == NULL)
        return false;
    snprintf(word, n, "%.*s", (int)strcspn(open + 1, "]"), open + 1);
    return true;
}

/* The file of this process's cgroup (v2), or of the root of its namespace. */
static bool
read_cgroup(const char *file, char *line, size_t n)
{
    char group[LINE_BYTES];
    char path[2 * LINE_BYTES];
    if (!machine_read_line("/proc/self/cgroup", group, sizeof(group))
        || strncmp(group, "0::", 3) != 0)
        return false;
    snprintf(path, sizeof(path), "/sys/fs/cgroup%s/%s", group + 3, file);
    if (machine_read_line(path, line, n))
        return true;
    snprintf(path, sizeof(path), "/sys/fs/cgroup/%s", file);
    return machine_read_line(path, line, n);
}

double
machine_cgroup_cpus(void)
{
    return tri_quota_thousandths() / 1000.0; /* as a run sees it */
}

uint64_t
machine_cgroup_bytes(void)
{
    char line[LINE_BYTES];
    return read_cgroup("memory.max", line, sizeof(line))
             ? strtoull(line, NULL, 10)
             : 0;
}

/* "key : value" of /proc/cpuinfo. */
static bool
read_cpuinfo(const char *key, char *value, size_t n)
{
    FILE *in = fopen("/proc/cpuinfo", "re");
    if (in == NULL)
        return false;
    char line[4096];
    bool found = false;
    while (!found && fgets(line, sizeof(line), in) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, key, strlen(key)) != 0 || colon == NULL)
            continue;
        snprintf(value, n, "%s", colon + 1 + strspn(colon + 1, " "));
        value[strcspn(value, "\n")] = '\0';
        found = true;
    }
    fclose(in);
    return found;
}

int
machine_numa_nodes(void)
{
    hwloc_topology_t topology;
    int nodes = 0;
    if (hwloc_topology_init(&topology) != 0)
        return 1;
    if (hwloc_topology_load(topology) == 0)
        nodes = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_NUMANODE);
    hwloc_topology_destroy(topology);
    return nodes < 1 ? 1 : nodes;
}

static void
add_topology(json_t *json)
{
    hwloc_topology_t topology;
    if (hwloc_topology_init(&topology) != 0)
        return;
    if (hwloc_topology_load(topology) != 0)
        goto destroy;
    static const struct {
        const char *name;
        hwloc_obj_type_t type;
    } levels[] = { { "packages", HWLOC_OBJ_PACKAGE },
                   { "numa_nodes", HWLOC_OBJ_NUMANODE },
                   { "cores", HWLOC_OBJ_CORE },
                   { "cpus", HWLOC_OBJ_PU } };
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        json_object_set_new(
            json, levels[i].name,
            json_integer(hwloc_get_nbobjs_by_type(topology, levels[i].type)));
    static const struct {
        const char *name;
        hwloc_obj_type_t type;
    } caches[] = { { "l1d_bytes", HWLOC_OBJ_L1CACHE },
                   { "l2_bytes", HWLOC_OBJ_L2CACHE },
                   { "l3_bytes", HWLOC_OBJ_L3CACHE } };
    for (size_t i = 0; i < sizeof(caches) / sizeof(caches[0]); i++) {
        hwloc_obj_t cache = hwloc_get_obj_by_type(topology, caches[i].type, 0);
        if (cache != NULL)
            json_object_set_new(
                json, caches[i].name,
                json_integer((json_int_t)cache->attr->cache.size));
    }
    char text[LINE_BYTES];
    if (hwloc_topology_export_synthetic(topology, text, sizeof(text), 0) > 0)
        json_object_set_new(json, "topology", json_string(text));
destroy:
    hwloc_topology_destroy(topology);
}

static void
add_kernel(json_t *json)
{
    struct utsname name;
    if (uname(&name) == 0) {
        json_object_set_new(json, "system", json_string(name.sysname));
        json_object_set_new(json, "kernel", json_string(name.release));
        json_object_set_new(json, "architecture", json_string(name.machine));
    }
    static const struct {
        const char *name;
        const char *path;
        bool chosen;
    } files[] = {
        { "huge_pages", "/sys/kernel/mm/transparent_hugepage/enabled", true },
        { "max_map_count", "/proc/sys/vm/max_map_count", false },
        { "governor", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
          false },
        { "load_average", "/proc/loadavg", false },
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char line[LINE_BYTES];
        if (files[i].chosen
                ? machine_chosen(files[i].path, line, sizeof(line))
                : machine_read_line(files[i].path, line, sizeof(line)))
            json_object_set_new(json, files[i].name, json_string(line));
    }
}

json_t *
machine_json(void)
{
    json_t *json = json_object();
    char line[LINE_BYTES];
    if (read_cpuinfo("model name", line, sizeof(line)))
        json_object_set_new(json, "cpu", json_string(line));
    add_topology(json);
    json_object_set_new(json, "memory_bytes",
                        json_integer((json_int_t)sysconf(_SC_PHYS_PAGES)
                                     * (json_int_t)sysconf(_SC_PAGESIZE)));
    json_object_set_new(json, "page_bytes",
                        json_integer((json_int_t)sysconf(_SC_PAGESIZE)));
    double cpus = machine_cgroup_cpus();
    json_object_set_new(json, "cgroup_cpus",
                        cpus > 0 ? json_real(cpus) : json_null());
    uint64_t bytes = machine_cgroup_bytes();
    json_object_set_new(json, "cgroup_memory_bytes",
                        bytes > 0 ? json_integer((json_int_t)bytes)
                                  : json_null());
    add_kernel(json);
    json_object_set_new(json, "libc",
                        json_sprintf("glibc %s", gnu_get_libc_version()));
#if defined(__clang__)
    json_object_set_new(json, "compiler", json_string(__VERSION__));
#else
    json_object_set_new(json, "compiler", json_string("gcc " __VERSION__));
#endif
    return json;
}
