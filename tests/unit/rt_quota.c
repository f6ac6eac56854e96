/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_quota.c: how many CPUs the control groups leave this process, of a
 * tree of files as the kernel has them; and that the number of Ps follows.
 * To see it fail: in quota.c, round down, begin above the process's own group, take
 * the largest quota, or leave out one version; leave quota_cpus out of what
 * tri_follow_look compares, or out of tri_machine_procs.
 */
#include <tricolor/tricolor.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compiler.h"
#include "runtime/topology.h"
#include "tests/support/fork.h"
#include "tests/support/test.h"
#include "trace/record.h"

#define MS       INT64_C(1000000)
#define PATIENCE 600 /* times 50 ms */

/* ---- a tree of our own --------------------------------------------------------- */

static char root[64];

/* What a reader meets is the old text or the new. */
static void
put(const char *path, const char *text)
{
    char file[PATH_MAX], new_file[PATH_MAX + 8];
    (void)snprintf(file, sizeof(file), "%s/%s", root, path);
    for (char *at = file + strlen(root) + 1; (at = strchr(at, '/')) != NULL;
         at++) {
        *at = '\0';
        (void)mkdir(file, 0700);
        *at = '/';
    }
    (void)snprintf(new_file, sizeof(new_file), "%s.new", file);
    FILE *out = fopen(new_file, "we");
    EXPECT(out != NULL && fputs(text, out) >= 0 && fclose(out) == 0);
    EXPECT_EQ(rename(new_file, file), 0);
}

static void
plant(void)
{
    (void)snprintf(root, sizeof(root), "/tmp/tricolor-quota-XXXXXX");
    EXPECT(mkdtemp(root) != NULL);
    tri_quota_root = root;
}

static void
fell(void)
{
    char command[sizeof(root) + 16];
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", root);
    EXPECT_EQ(system(command), 0); /* NOLINT(cert-env33-c): our own directory */
}

/* ---- what there may be ----------------------------------------------------------- */

#define V2(group)       "sys/fs/cgroup" group "/cpu.max"
#define V1(group, what) "sys/fs/cgroup/cpu" group "/cpu.cfs_" what "_us"
/* More than a short buffer holds. */
#define FAR                                                                    \
    "/a-group-with-a-name-as-container-managers-give-it-of-which-there-are-"   \
    "many-in-one-path-0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
    const char *groups;
    const char *file[3][2];
    int thousandths;
} cases[] = {
    { "0::/a/b\n", { { V2("/a/b"), "150000 100000\n" } }, 1500 },
    { "0::/a/b\n", { { V2("/a/b"), "50000 100000\n" } }, 500 },
    { "0::/a/b\n", { { V2("/a/b"), "10001 10000\n" } }, 1001 },
    { "0::/a/b\n", { { V2("/a/b"), "max 100000\n" } }, 0 },
    { "0::/a/b\n", { { NULL } }, 0 },
    { "0::/a/b\n",
      { { V2("/a/b"), "400000 100000\n" }, { V2("/a"), "30000 10000\n" } },
      3000 },
    { "0::/a/b\n",
      { { V2("/a/b"), "200000 100000\n" }, { V2("/a"), "900000 100000\n" } },
      2000 },
    { "0::/a/b\n",
      { { V2("/a/b"), "max 100000\n" }, { V2("/a"), "700000 100000\n" } },
      7000 },
    /* The path is the host's, the mount the container's. */
    { "0::/docker/1234\n", { { V2(""), "500000 100000\n" } }, 5000 },
    { "0::/\n", { { V2(""), "600000 100000\n" } }, 6000 },
    { "9:memory:/x\n3:cpu,cpuacct:/x\n0::/\n",
      { { V1("/x", "quota"), "250000\n" }, { V1("/x", "period"), "100000\n" } },
      2500 },
    { "3:cpuacct,cpu:/x/y\n",
      { { V1("/x", "quota"), "100000\n" }, { V1("/x", "period"), "100000\n" } },
      1000 },
    { "3:cpu:/x\n",
      { { V1("/x", "quota"), "-1\n" }, { V1("/x", "period"), "100000\n" } },
      0 },
    { "3:cpu:/x\n", { { V1("/x", "quota"), "250000\n" } }, 0 },
    /* No CPU time is shared out by these. */
    { "3:cpuset,cpuacct:/x\n",
      { { V1("/x", "quota"), "250000\n" }, { V1("/x", "period"), "100000\n" } },
      0 },
    /* Both versions. */
    { "2:cpu:/x\n0::/a\n",
      { { V1("/x", "quota"), "800000\n" },
        { V1("/x", "period"), "100000\n" },
        { V2("/a"), "400000 100000\n" } },
      4000 },
    { "9:memory:" FAR FAR FAR "\n8:pids:" FAR FAR FAR "\n0::" FAR "\n",
      { { V2(FAR), "200000 100000\n" } },
      2000 },
    { "nonsense\n::\n", { { V2(""), "nonsense\n" } }, 0 },
};

TEST(the_last_line_counts_where_one_read_does_not_reach)
{
    static char groups[8192];
    size_t length = 0;
    for (int i = 9; length < 5000; i++)
        length += (size_t)snprintf(groups + length, sizeof(groups) - length,
                                   "%d:memory:" FAR FAR FAR FAR "\n", i);
    (void)snprintf(groups + length, sizeof(groups) - length, "0::/late\n");
    plant();
    put("proc/self/cgroup", groups);
    put(V2("/late"), "300000 100000\n");
    EXPECT_EQ(tri_quota_thousandths(), 3000);
    fell();
}

TEST(the_smallest_quota_of_all_groups_counts_rounded_up)
{
    for (size_t i = 0; i < TRI_ARRAY_COUNT(cases); i++) {
        plant();
        put("proc/self/cgroup", cases[i].groups);
        for (int k = 0; k < 3 && cases[i].file[k][0] != NULL; k++)
            put(cases[i].file[k][0], cases[i].file[k][1]);
        EXPECT_F(tri_quota_thousandths() == cases[i].thousandths,
                 "case %zu: %d thousandths, not %d", i, tri_quota_thousandths(),
                 cases[i].thousandths);
        EXPECT_EQ(tri_quota_cpus(), (cases[i].thousandths + 999) / 1000);
        fell();
    }
}

/* ---- the number of Ps --------------------------------------------------------------- */

static int cpus;

static void
expect_procs(int procs)
{
    for (int i = 0; i < PATIENCE && tri_set_procs(0) != procs; i++)
        tri_sleep(50 * MS);
    EXPECT_EQ(tri_set_procs(0), procs);
}

static int
live(void *unused)
{
    (void)unused;
    EXPECT_EQ(tri_set_procs(0), 1);
    put(V2("/job"), "max 100000\n");
    expect_procs(cpus);
    put(V2("/job"), "80000 100000\n");
    expect_procs(1);
    put(V2("/job"), "9900000 100000\n"); /* more than there are */
    expect_procs(cpus);
    return 0;
}

static void
expect_trace(void)
{
    static const uint64_t changes[] = { 0, 1, 0 }; /* 1: downwards */
    size_t seen = 0;
    for (size_t i = 0; i < tri_record_count(); i++) {
        const struct tri_record *record = tri_record_get(i);
        if (tri_record_event(record) == TRI_TRACE_EV_machine) {
            EXPECT_EQ(record->field[0], cpus);
            EXPECT_EQ(record->field[1], 1);
        } else if (tri_record_event(record) == TRI_TRACE_EV_procs_changed) {
            EXPECT(seen < 3);
            uint64_t down = changes[seen++];
            EXPECT_EQ(record->field[down], 1);
            EXPECT_EQ(record->field[1 - down], cpus);
        }
    }
    EXPECT_EQ(seen, 3);
}

static void
start(void)
{
    cpus = tri_machine_glance().cpus;
    tri_follow_period_ns = 20 * MS;
    put("proc/self/cgroup", "0::/job\n");
    put(V2("/job"), "100000 100000\n");
    EXPECT_EQ(tri_record_start(1 << 20), 0);
    EXPECT_EQ(tri_main(live, NULL, NULL), 0);
    tri_record_stop();
    expect_trace();
}

TEST(procs_follow_the_quota_and_the_trace_tells)
{
    if (tri_machine_glance().cpus < 2) {
        test_skip("there is one CPU");
        return;
    }
    EXPECT_EQ(unsetenv("TRI_PROCS"), 0);
    plant();
    test_in_child(start);
    fell();
}

TEST_MAIN
