/* SPDX-License-Identifier: MIT */
/*
 * runtime/quota.c: how many CPUs' time the control groups leave this process: its own
 * group and all above it, in version 2 (cpu.max) and version 1 (cpu.cfs_quota_us).
 * Go: internal/runtime/cgroup, which looks at the process's own group only.
 *
 * They are looked for where everybody mounts them, below /sys/fs/cgroup.  In a
 * container /proc/self/cgroup may name the host's path; what is mounted is then the
 * container's group, where the way up ends.
 */
#include <fcntl.h>

#include "base/format.h"
#include "base/syscall.h"
#include "runtime/sched.h"
#include "runtime/topology.h"

#define GROUPS_BYTES 16384 /* /proc/self/cgroup: a line for each hierarchy */
#define PATH_BYTES   1024  /* a longer one is not looked at */
#define NUMBER_MAX                                                             \
    (INT64_MAX / 20000) /* of microseconds: the kernel has fewer */

const char *tri_quota_root = "";

/* The beginning of a file, with a zero behind it; false: there is nothing. */
static bool
read_text(const char *path, char *text, size_t size)
{
    long fd =
        tri_syscall3(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    size_t length = 0;
    long bytes; /* of one read: procfs has a page at most */
    while (length + 1 < size
           && (bytes = tri_syscall3(SYS_read, fd, (long)(text + length),
                                    (long)(size - 1 - length)))
                  > 0)
        length += (size_t)bytes;
    tri_syscall3(SYS_close, fd, 0, 0);
    text[length] = '\0';
    return length > 0;
}

/* The number at *at, which goes behind it and the space that follows; 0: a word is
 * there ("max"), or a minus. */
static int64_t
take_number(const char **at)
{
    int64_t value = 0;
    while (**at >= '0' && **at <= '9' && value < NUMBER_MAX)
        value = value * 10 + (*(*at)++ - '0');
    while (**at == ' ' || **at == '\n')
        (*at)++;
    return value;
}

/* "quota period", in two files or one; thousandths of a CPU, rounded up; 0: no
 * limit. */
static int
thousandths_of(const char *text)
{
    int64_t quota = take_number(&text);
    int64_t period = take_number(&text);
    if (quota == 0 || period == 0)
        return 0;
    int64_t share = (quota * 1000 + period - 1) / period;
    int64_t most = INT64_C(1000) * TRI_PROCS_MAX;
    return (int)(share > most ? most : share);
}

static int
quota_in(const char *group, bool first_version)
{
    char path[PATH_BYTES];
    char text[128];
    tri_format(path, sizeof(path), "%s/sys/fs/cgroup%s%s/%s", tri_quota_root,
               first_version ? "/cpu" : "", group,
               first_version ? "cpu.cfs_quota_us" : "cpu.max");
    if (!read_text(path, text, sizeof(text) / 2))
        return 0;
    if (first_version) {
        tri_format(path, sizeof(path), "%s/sys/fs/cgroup/cpu%s/%s",
                   tri_quota_root, group, "cpu.cfs_period_us");
        size_t length = strlen(text);
        if (!read_text(path, text + length, sizeof(text) - length))
            return 0;
    }
    return thousandths_of(text);
}

/* The group and all above it: the smallest quota counts. */
static int
least_quota(char *group, bool first_version)
{
    int least = 0;
    for (;;) {
        int quota = quota_in(group, first_version);
        if (quota > 0 && (least == 0 || quota < least))
            least = quota;
        char *slash = strrchr(group, '/');
        if (slash == NULL)
            return least;
        *slash = '\0';
    }
}

/* "cpu" is one of "cpu,cpuacct". */
static bool
has_cpu(const char *controllers)
{
    while (*controllers != '\0') {
        size_t length = strcspn(controllers, ",");
        if (length == 3 && memcmp(controllers, "cpu", 3) == 0)
            return true;
        controllers += length;
        controllers += *controllers == ',';
    }
    return false;
}

/* Of a line "number:controllers:group": version 2 has no controllers there. */
static int
quota_of_line(char *line)
{
    char *controllers = strchr(line, ':');
    char *group = controllers == NULL ? NULL : strchr(controllers + 1, ':');
    if (group == NULL)
        return 0;
    *group++ = '\0';
    controllers++;
    if (*controllers == '\0')
        return least_quota(group, false);
    return has_cpu(controllers) ? least_quota(group, true) : 0;
}

int
tri_quota_thousandths(void)
{
    char text[GROUPS_BYTES];
    char path[PATH_BYTES];
    int least = 0;
    tri_format(path, sizeof(path), "%s/proc/self/cgroup", tri_quota_root);
    if (!read_text(path, text, sizeof(text)))
        return 0;
    for (char *line = text; *line != '\0';) {
        char *next = line + strcspn(line, "\n");
        if (*next != '\0')
            *next++ = '\0';
        int quota = quota_of_line(line);
        if (quota > 0 && (least == 0 || quota < least))
            least = quota;
        line = next;
    }
    return least;
}

int
tri_quota_cpus(void)
{
    return (tri_quota_thousandths() + 999) / 1000;
}
