/* SPDX-License-Identifier: MIT */
/*
 * tools/command_doctor.c: `tricolor doctor`: what this machine can and cannot
 * do for the runtime, and how to mend it.
 *
 * Each probe tries the thing itself instead of comparing version numbers.
 *   ok       as it should be
 *   note     works, but something is slower, smaller or less exact
 *   missing  a part of Tricolor cannot work; status 3
 */
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <linux/membarrier.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/numa.h"
#include "tools/command.h"
#include "tools/machine.h"

#define GUARD_INSTALL  102 /* MADV_GUARD_INSTALL, Linux 6.13 */
#define MAPS_WANTED    65530
#define FILES_WANTED   4096
#define RESERVE_BYTES  (UINT64_C(1) << 40)
#define LINE_BYTES     256
#define SENTENCE_BYTES 512
#define MEBIBYTE       1048576.0

enum finding {
    FINDING_OK,
    FINDING_NOTE,
    FINDING_MISSING
};
static const char *const finding_names[] = { "ok", "note", "missing" };

struct report {
    enum finding finding;
    char text[SENTENCE_BYTES];
    char mend[SENTENCE_BYTES];
};

__attribute__((format(printf, 4, 5))) static void
set(struct report *report, enum finding finding, const char *mend,
    const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(report->text, sizeof(report->text), format, arguments);
    va_end(arguments);
    snprintf(report->mend, sizeof(report->mend), "%s", mend);
    report->finding = finding;
}

static void
probe_kernel(struct report *report)
{
    struct utsname name;
    uname(&name);
#if defined(__x86_64__) || defined(__aarch64__)
    set(report, FINDING_OK, "", "%s %s on %s", name.sysname, name.release,
        name.machine);
#else
    set(report, FINDING_MISSING, "use an x86-64 or aarch64 machine",
        "%s: no context switch was written for it", name.machine);
#endif
}

static void
probe_address_space(struct report *report)
{
    void *map = mmap(NULL, RESERVE_BYTES, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map != MAP_FAILED) {
        munmap(map, RESERVE_BYTES);
        set(report, FINDING_OK, "", "1 TiB can be reserved for the heap");
    } else {
        set(report, FINDING_NOTE,
            "raise `ulimit -v`, or set vm.overcommit_memory to 0 or 1",
            "1 TiB cannot be reserved (%s): the heap takes what it gets",
            strerror(errno));
    }
}

static void
probe_guard(struct report *report)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool works = map != MAP_FAILED && madvise(map, page, GUARD_INSTALL) == 0;
    if (map != MAP_FAILED)
        munmap(map, 2 * page);
    if (works)
        set(report, FINDING_OK, "",
            "stack guards cost no mapping (MADV_GUARD_INSTALL)");
    else
        set(report, FINDING_NOTE, "Linux 6.13 or later has it",
            "no MADV_GUARD_INSTALL: stacks are guarded by mprotect as far as "
            "vm.max_map_count reaches, and not beyond");
}

static void
probe_maps(struct report *report)
{
    char line[LINE_BYTES];
    if (!machine_read_line("/proc/sys/vm/max_map_count", line, sizeof(line)))
        set(report, FINDING_NOTE, "mount /proc",
            "vm.max_map_count cannot be read");
    else if (atol(line) < MAPS_WANTED)
        set(report, FINDING_NOTE, "sysctl vm.max_map_count=65530",
            "vm.max_map_count is %s", line);
    else
        set(report, FINDING_OK, "", "vm.max_map_count is %s", line);
}

static void
probe_huge_pages(struct report *report)
{
    static const char path[] = "/sys/kernel/mm/transparent_hugepage/enabled";
    char word[LINE_BYTES];
    if (!machine_chosen(path, word, sizeof(word)))
        set(report, FINDING_NOTE,
            "use a kernel with CONFIG_TRANSPARENT_HUGEPAGE",
            "no transparent huge pages: marking large heaps is slower");
    else if (strcmp(word, "never") == 0)
        set(report, FINDING_NOTE,
            "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
            "transparent huge pages are off: marking large heaps is slower");
    else
        set(report, FINDING_OK, "", "transparent huge pages: %s", word);
}

/* liburcu uses it, where registered root ranges are read (runtime/roots.c), and
 * LTTng, at each event that is recorded: with it their readers need no fence. */
static void
probe_membarrier(struct report *report)
{
    long commands = syscall(__NR_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    if (commands >= 0 && (commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0)
        set(report, FINDING_OK, "", "membarrier(2), expedited");
    else
        set(report, FINDING_NOTE, "use Linux 4.14 or later",
            "no expedited membarrier(2): scanning a registered root range and "
            "recording an event cost a fence more");
}

static void
probe_cpus(struct report *report)
{
    double quota = machine_cgroup_cpus();
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    if (quota > 0 && quota < (double)online)
        set(report, FINDING_NOTE,
            "raise the cgroup's cpu.max; the default of --procs honours it",
            "%ld CPUs, of which the cgroup allows %.2f", online, quota);
    else if (online < 2)
        set(report, FINDING_NOTE, "give the machine a second CPU",
            "one CPU: collecting and running take turns");
    else
        set(report, FINDING_OK, "", "%ld CPUs, no quota", online);
}

/* A run finds out in the same way. */
static void
probe_numa(struct report *report)
{
    int nodes = machine_numa_nodes();
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *map = mmap(NULL, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int error = map == MAP_FAILED
                  ? -ENOMEM
                  : tri_numa_place(map, page, TRI_NUMA_INTERLEAVE);
    if (map != MAP_FAILED)
        munmap(map, page);
    if (error != 0)
        set(report, FINDING_NOTE,
            "in a container, allow CAP_SYS_NICE; else use a kernel with "
            "CONFIG_NUMA",
            "mbind(2) is refused (%s): TRI_NUMA has no effect, on %d NUMA "
            "node%s",
            strerror(-error), nodes, nodes == 1 ? "" : "s");
    else if (nodes == 1)
        set(report, FINDING_OK, "",
            "one NUMA node: TRI_NUMA is taken, and changes nothing");
    else
        set(report, FINDING_OK, "",
            "%d NUMA nodes: TRI_NUMA says where the heap is", nodes);
}

static void
probe_memory(struct report *report)
{
    double physical = (double)sysconf(_SC_PHYS_PAGES)
                    * (double)sysconf(_SC_PAGESIZE) / MEBIBYTE;
    uint64_t limit = machine_cgroup_bytes();
    if (limit > 0)
        set(report, FINDING_NOTE,
            "set TRI_MEMORY_LIMIT to about nine tenths of it",
            "%.0f MiB, of which the cgroup allows %.0f", physical,
            (double)limit / MEBIBYTE);
    else
        set(report, FINDING_OK, "", "%.0f MiB of memory, no limit", physical);
}

static void
probe_files(struct report *report)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < FILES_WANTED)
        set(report, FINDING_NOTE, "ulimit -Hn 4096",
            "at most %" PRIu64 " open files: `index` collects often",
            (uint64_t)limit.rlim_max);
    else
        set(report, FINDING_OK, "", "up to %" PRIu64 " open files",
            (uint64_t)limit.rlim_max);
}

static void
probe_library(struct report *report, const char *library, const char *what,
              const char *mend)
{
    void *handle = dlopen(library, RTLD_LAZY | RTLD_LOCAL);
    if (handle != NULL)
        set(report, FINDING_OK, "", "%s (%s)", what, library);
    else
        set(report, FINDING_NOTE, mend, "no %s: runs go on untraced", what);
}

static void
probe_ust(struct report *report)
{
    probe_library(report, "liblttng-ust.so.1", "LTTng tracepoints",
                  "apt-get install liblttng-ust1");
}

static void
probe_ctl(struct report *report)
{
    probe_library(report, "liblttng-ctl.so.0", "LTTng session control",
                  "apt-get install liblttng-ctl0");
}

/* Is `program` on the PATH? */
static bool
on_path(const char *program)
{
    const char *path = getenv("PATH");
    char *copy = strdup(path != NULL ? path : "/usr/bin:/bin");
    bool found = false;
    char *rest = copy;
    for (char *at; !found && (at = strsep(&rest, ":")) != NULL;) {
        char file[LINE_BYTES];
        snprintf(file, sizeof(file), "%s/%s", at, program);
        found = access(file, X_OK) == 0;
    }
    free(copy);
    return found;
}

static void
probe_daemon(struct report *report)
{
    if (on_path("lttng-sessiond"))
        set(report, FINDING_OK, "",
            "LTTng session daemon (started when --trace needs it)");
    else
        set(report, FINDING_NOTE, "apt-get install lttng-tools",
            "no lttng-sessiond: `tricolor run --trace` cannot work");
}

static void
probe_shared_memory(struct report *report)
{
    if (access("/dev/shm", W_OK) == 0)
        set(report, FINDING_OK, "", "/dev/shm for trace buffers");
    else
        set(report, FINDING_NOTE, "mount -t tmpfs tmpfs /dev/shm",
            "/dev/shm is not writable: tracing cannot work");
}

static const struct {
    const char *name;
    void (*run)(struct report *report);
} probes[] = {
    { "kernel", probe_kernel },
    { "cpus", probe_cpus },
    { "numa", probe_numa },
    { "memory", probe_memory },
    { "address-space", probe_address_space },
    { "stack-guards", probe_guard },
    { "mappings", probe_maps },
    { "huge-pages", probe_huge_pages },
    { "membarrier", probe_membarrier },
    { "open-files", probe_files },
    { "lttng-ust", probe_ust },
    { "lttng-ctl", probe_ctl },
    { "lttng-daemon", probe_daemon },
    { "shared-memory", probe_shared_memory },
};

static void
print_report(const char *name, const struct report *report)
{
    printf("%-8s %-14s %s\n", finding_names[report->finding], name,
           report->text);
    if (report->mend[0] != '\0')
        printf("%24smend: %s\n", "", report->mend);
}

int
command_doctor(int argc, char **argv)
{
    bool as_json;
    if (!command_json_option(argc, argv, &as_json))
        return COMMAND_USAGE;
    if (optind < argc)
        return command_usage("doctor", "takes no argument, but got '%s'",
                             argv[optind]);
    json_t *list = json_array();
    enum finding worst = FINDING_OK;
    for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
        struct report report = { .finding = FINDING_OK };
        probes[i].run(&report);
        if (report.finding > worst)
            worst = report.finding;
        if (!as_json)
            print_report(probes[i].name, &report);
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:s}", "name", probes[i].name,
                            "finding", finding_names[report.finding], "text",
                            report.text, "mend", report.mend));
    }
    if (as_json) {
        json_dumpf(list, stdout, JSON_INDENT(1));
        putchar('\n');
    }
    json_decref(list);
    return worst == FINDING_MISSING ? COMMAND_ENVIRONMENT : COMMAND_DONE;
}
