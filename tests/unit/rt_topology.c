/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_topology.c: the number of Ps follows the CPUs that the process may
 * use, and TRI_BIND gives each P one of them.
 * To see it fail: leave tri_follow_look out of sysmon, let it ignore `on`
 * (FOLLOW-1), take no thread for TRI_M_NOT_OURS in tri_bind_thread (BIND-1), leave
 * tri_bind_again out of follow.c (BIND-2), let both orders begin with the same CPU
 * twice, leave the threads of one P where they are (tri_bind_thread), or take the
 * first part with room (BIND-3); note nothing at the start (FOLLOW-2, in checked
 * builds).
 */
#include <tricolor/tricolor.h>

#include <dirent.h>
#include <hwloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/option.h"
#include "runtime/bind.h"
#include "runtime/topology.h"
#include "tests/support/test.h"
#include "trace/record.h"

#define MS       INT64_C(1000000)
#define SPINNERS 8
#define PATIENCE 600 /* times 50 ms */

static cpu_set_t usable;

/* As `taskset -ap` does. */
static void
set_affinity_of_all(const cpu_set_t *set)
{
    DIR *tasks = opendir("/proc/self/task");
    EXPECT(tasks != NULL);
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
        int tid = atoi(task->d_name);
        if (tid != 0)
            EXPECT_EQ(sched_setaffinity(tid, sizeof(*set), set), 0);
    }
    EXPECT_EQ(closedir(tasks), 0);
}

static cpu_set_t
one_of(const cpu_set_t *set)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    for (size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, set))
            CPU_SET(i, &one);
    return one;
}

static bool
procs_become(int procs)
{
    for (int i = 0; i < PATIENCE && tri_set_procs(0) != procs; i++)
        tri_sleep(50 * MS);
    return tri_set_procs(0) == procs;
}

static int
follow(void *unused)
{
    (void)unused;
    cpu_set_t one = one_of(&usable);
    int procs = CPU_COUNT(&usable);
    EXPECT_EQ(tri_set_procs(0), procs);
    for (int round = 0; round < 2; round++) {
        set_affinity_of_all(&one);
        EXPECT(procs_become(1));
        set_affinity_of_all(&usable);
        EXPECT(procs_become(procs));
    }
    return 0;
}

struct start {
    int (*fn)(void *);
    struct tri_options options;
};

static void
in_runtime(void *arg)
{
    const struct start *start = arg;
    tri_quota_root = "/proc/self/no-such-place"; /* rt_quota's affair */
    tri_follow_period_ns = 50 * MS;
    if (tri_main(start->fn, NULL, &start->options) == 0)
        (void)dprintf(2, "all is well");
    abort(); /* a child of EXPECT_DEATH ends so */
}

static void
in_runtime_on_one_cpu(void *arg)
{
    cpu_set_t one = one_of(&usable);
    EXPECT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
    in_runtime(arg);
}

/* There are CPUs to choose from. */
static bool
may_choose(void)
{
    EXPECT_EQ(sched_getaffinity(0, sizeof(usable), &usable), 0);
    if (CPU_COUNT(&usable) < 2)
        test_skip("there is one CPU");
    return CPU_COUNT(&usable) >= 2;
}

TEST(procs_follow_the_affinity_unless_they_were_set)
{
    struct start start = { .fn = follow };
    if (may_choose())
        EXPECT_DEATH(in_runtime, &start, "all is well");
}

/* Bound when there was one CPU to use, and then there are more: until each of so
 * many turns is on a thread that was given a place anew, so sysmon has looked. */
static void
await_places(void)
{
    enum {
        TURNS = 100
    };
    int64_t give_up = test_now_ns() + 30000 * MS;
    set_affinity_of_all(&usable);
    for (int turn = 0; turn < TURNS; turn++) {
        cpu_set_t set;
        EXPECT_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
        if (CPU_COUNT(&set) != 1)
            turn = 0;
        EXPECT_F(test_now_ns() < give_up, "no place");
        tri_sleep(MS / 2);
    }
}

enum {
    MORE = 5 /* Ps than CPUs that are asked for */
};

/* That the places followed tells when the Ps would have. */
static int
stay(void *unused)
{
    (void)unused;
    int procs = CPU_COUNT(&usable) + MORE;
    if (tri_set_procs(0) != procs)
        tri_set_procs(procs);
    await_places();
    EXPECT_EQ(tri_set_procs(0), procs);
    return 0;
}

TEST(procs_that_were_asked_for_stay)
{
    if (!may_choose())
        return;
    struct start start = { .fn = stay, .options = { .bind = "compact" } };
    EXPECT_DEATH(in_runtime_on_one_cpu, &start, "all is well");
    start.options.procs = CPU_COUNT(&usable) + MORE;
    EXPECT_DEATH(in_runtime_on_one_cpu, &start, "all is well");
}

/* ---- binding ------------------------------------------------------------------- */

static struct tri_waitgroup group;
static volatile int there, over;
static int cpu_count[CPU_SETSIZE]; /* turns of spinners there */
static volatile int unbound;

static void
spin_and_look(void *unused)
{
    (void)unused;
    __atomic_fetch_add(&there, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&over, __ATOMIC_SEQ_CST) == 0) {
        cpu_set_t set;
        EXPECT_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
        if (CPU_COUNT(&set) != 1)
            __atomic_fetch_add(&unbound, 1, __ATOMIC_SEQ_CST);
        for (size_t i = 0; i < CPU_SETSIZE; i++)
            if (CPU_ISSET(i, &set))
                __atomic_fetch_add(&cpu_count[i], 1, __ATOMIC_SEQ_CST);
        tri_yield();
    }
    tri_waitgroup_done(&group);
}

static int
used_cpus(void)
{
    int used = 0;
    for (size_t i = 0; i < CPU_SETSIZE; i++)
        used += __atomic_load_n(&cpu_count[i], __ATOMIC_SEQ_CST) != 0;
    return used;
}

static void *
look_attached(void *unused)
{
    (void)unused;
    cpu_set_t set;
    EXPECT_EQ(tri_thread_attach(), 0);
    for (int i = 0; i < 100; i++)
        tri_yield();
    EXPECT_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
    EXPECT(CPU_EQUAL(&set, &usable)); /* BIND-1 */
    tri_thread_detach();
    return NULL;
}

static int
look_bound(void *unused)
{
    (void)unused;
    pthread_t thread;
    pthread_attr_t attributes;
    EXPECT_EQ(pthread_attr_init(&attributes), 0);
    EXPECT_EQ(pthread_attr_setaffinity_np(&attributes, sizeof(usable), &usable),
              0);
    EXPECT_EQ(pthread_create(&thread, &attributes, look_attached, NULL), 0);
    tri_waitgroup_add(&group, SPINNERS);
    for (int i = 0; i < SPINNERS; i++)
        tri_go(spin_and_look, NULL);
    while (__atomic_load_n(&there, __ATOMIC_SEQ_CST) < SPINNERS)
        tri_sleep(MS);
    /* The kernel may let the second thread wait. */
    for (int i = 0; i < PATIENCE && used_cpus() < 2; i++)
        tri_sleep(50 * MS);
    tri_sleep(50 * MS);
    __atomic_store_n(&over, 1, __ATOMIC_SEQ_CST);
    tri_waitgroup_wait(&group);
    tri_blocking_begin();
    EXPECT_EQ(pthread_join(thread, NULL), 0);
    tri_blocking_end();
    EXPECT_EQ(unbound, 0);
    EXPECT_F(used_cpus() == 2, "two Ps ran on %d CPUs", used_cpus());
    return 0;
}

TEST(each_p_has_a_cpu_of_its_own)
{
    if (!may_choose())
        return;
    struct start start = { .fn = look_bound,
                           .options = { .procs = 2, .bind = "compact" } };
    EXPECT_DEATH(in_runtime, &start, "all is well");
    start.options.bind = "scatter";
    EXPECT_DEATH(in_runtime, &start, "all is well");
}

/* ---- orders, on machines of our own --------------------------------------------- */

struct machine {
    const char *synthetic;
    enum tri_bind bind;
    int cpu[16]; /* up to -1 */
};

static const struct machine *machine;

static void
list(void)
{
    hwloc_topology_t topology;
    EXPECT_EQ(hwloc_topology_init(&topology), 0);
    EXPECT_EQ(hwloc_topology_set_synthetic(topology, machine->synthetic), 0);
    EXPECT_EQ(hwloc_topology_load(topology), 0);
    tri_config.bind = machine->bind;
    tri_bind_init(topology);
    for (int i = 0; i == 0 || machine->cpu[i - 1] != -1; i++)
        EXPECT_F(tri_bind_order(i) == machine->cpu[i],
                 "%s: CPU %d, not %d, is number %d", machine->synthetic,
                 tri_bind_order(i), machine->cpu[i], i);
    hwloc_topology_destroy(topology);
}

/* BIND-3 */
TEST(compact_fills_cores_and_nodes_and_scatter_goes_round)
{
    static const struct machine machines[] = {
        { "node:2 core:2 pu:2",
          TRI_BIND_COMPACT,
          { 0, 1, 2, 3, 4, 5, 6, 7, -1 } },
        { "node:2 core:2 pu:2",
          TRI_BIND_SCATTER,
          { 0, 4, 2, 6, 1, 5, 3, 7, -1 } },
        /* The system's numbers: siblings are far apart, as on most servers. */
        { "node:2 core:2 pu:2(indexes=0,4,1,5,2,6,3,7)",
          TRI_BIND_COMPACT,
          { 0, 4, 1, 5, 2, 6, 3, 7, -1 } },
        { "node:2 core:2 pu:2(indexes=0,4,1,5,2,6,3,7)",
          TRI_BIND_SCATTER,
          { 0, 2, 1, 3, 4, 6, 5, 7, -1 } },
        { "pack:3 l3:2 core:1 pu:2",
          TRI_BIND_SCATTER,
          { 0, 4, 8, 2, 6, 10, 1, 5, 9, 3, 7, 11, -1 } },
        { "pack:1 core:3 pu:1", TRI_BIND_SCATTER, { 0, 1, 2, -1 } },
    };
    for (size_t i = 0; i < TRI_ARRAY_COUNT(machines); i++) {
        machine = &machines[i];
        test_in_child(list);
    }
}

/* ---- mark workers ---------------------------------------------------------------- */

#define THREADS 64

/* What the records say: which P a thread had last, and where the kernel says that it
 * may run.  False: something has moved meanwhile, or not all was seen. */
static bool
workers_are_placed(void)
{
    static struct {
        int32_t thread;
        int proc;
    } last[THREADS];
    int place[2] = { -1, -1 };
    int worked[2] = { 0, 0 };
    size_t count = 0, known;
    memset(last, 0, sizeof(last));
    for (size_t i = 0; i < tri_record_count(); i++) {
        const struct tri_record *record = tri_record_get(i);
        enum tri_trace_event event = tri_record_event(record);
        if (event != TRI_TRACE_EV_proc_start
            && event != TRI_TRACE_EV_worker_begin)
            continue;
        for (known = 0; known < count && last[known].thread != record->thread;)
            known++;
        if (event == TRI_TRACE_EV_worker_begin) {
            int proc = (int)(int32_t)record->field[1];
            EXPECT(known < count && last[known].proc == proc);
            worked[proc]++;
            continue;
        }
        EXPECT(known < THREADS);
        count += known == count;
        last[known].thread = record->thread;
        last[known].proc = (int)(int32_t)record->field[0];
    }
    for (size_t i = 0; i < count; i++) {
        cpu_set_t set;
        int cpu = 0;
        if (sched_getaffinity(last[i].thread, sizeof(set), &set) != 0
            || CPU_COUNT(&set) != 1)
            return false;
        while (!CPU_ISSET((size_t)cpu, &set))
            cpu++;
        if (place[last[i].proc] != -1 && place[last[i].proc] != cpu)
            return false;
        place[last[i].proc] = cpu;
    }
    return worked[0] > 0 && worked[1] > 0 && place[0] != place[1];
}

static int
mark_bound(void *unused)
{
    (void)unused;
    int64_t give_up = test_now_ns() + 30000 * MS;
    do {
        for (int i = 0; i < 10; i++)
            tri_gc();
        tri_sleep(MS);
        EXPECT_F(test_now_ns() < give_up, "a mark worker is elsewhere");
    } while (!workers_are_placed());
    return 0;
}

TEST(mark_workers_are_where_their_p_is)
{
    if (!may_choose())
        return;
    struct start start = { .fn = mark_bound,
                           .options = { .procs = 2, .bind = "compact" } };
    EXPECT_EQ(tri_record_start(1 << 18), 0);
    EXPECT_DEATH(in_runtime, &start, "all is well");
    start.options.bind = "scatter";
    EXPECT_DEATH(in_runtime, &start, "all is well");
    tri_record_stop();
}

static int
look_bound_later(void *unused)
{
    await_places();
    return look_bound(unused);
}

TEST(places_follow_the_cpus_that_may_be_used)
{
    if (!may_choose())
        return;
    struct start start = { .fn = look_bound_later,
                           .options = { .procs = 2, .bind = "compact" } };
    EXPECT_DEATH(in_runtime_on_one_cpu, &start, "all is well");
    start.options.bind = "scatter";
    EXPECT_DEATH(in_runtime_on_one_cpu, &start, "all is well");
}

TEST(a_wrong_word_is_told)
{
    struct start start = { .fn = look_bound, .options = { .bind = "tight" } };
    EXPECT_DEATH(in_runtime, &start,
                 "tri_options.bind: \"tight\" is not valid; it takes none, "
                 "compact or scatter");
}

TEST_MAIN
