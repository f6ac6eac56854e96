/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_numa.c: TRI_NUMA, as the kernel tells it: of the heap and its tables,
 * at the start, when the heap has grown, when memory was given back; a kernel that
 * refuses; what the trace and the options say.
 * To see it fail: place only the first part in choose_nodes (space.c), unmap and map
 * again in tri_os_release (os_linux.c), leave out the way back in choose_nodes, ask
 * once in interleave (numa.c), or let the trace tell what was asked for twice.
 */
#include <tricolor/tricolor.h>

#include <errno.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "alloc/heap.h"
#include "alloc/space.h"
#include "base/check.h"
#include "base/option.h"
#include "runtime/sched.h"
#include "tests/support/collect.h"
#include "tests/support/filter.h"
#include "tests/support/fork.h"
#include "tests/support/test.h"
#include "trace/record.h"

#define BLOCK   (TRI_ARENA_BYTES + TRI_ARENA_BYTES / 2)
#define TOUCHED ((size_t)16 << 20)

static const char *const words[] = { "default", "local", "interleave" };

/* ---- what the kernel says -------------------------------------------------------- */

/* The mapping's policy, -1: the kernel does not tell. */
static int
policy_of(uintptr_t address)
{
    int mode;
    if (syscall(SYS_get_mempolicy, &mode, NULL, 0, address, MPOL_F_ADDR) != 0)
        return -1;
    return mode & ~MPOL_MODE_FLAGS;
}

/* This kernel has policies, and says which. */
static bool
has_policies(void)
{
    return policy_of((uintptr_t)words) >= 0;
}

static void
expect_at(uintptr_t address, enum tri_numa numa, const char *what)
{
    int mode = policy_of(address);
    bool right = numa == TRI_NUMA_INTERLEAVE ? mode == MPOL_INTERLEAVE
               : numa == TRI_NUMA_LOCAL
                   ? mode == MPOL_LOCAL || mode == MPOL_PREFERRED
                   : mode == MPOL_DEFAULT;
    EXPECT_F(right, "%s: policy %d, not %s", what, mode, words[numa]);
}

static void
expect_ends(uintptr_t start, size_t bytes, enum tri_numa numa, const char *what)
{
    expect_at(start, numa, what);
    expect_at(start + bytes - 1, numa, what);
}

/* Also what is not yet in use. */
static void
expect_all(enum tri_numa numa)
{
    const struct tri_heap_space *space = &tri_space;
    size_t pages = tri_space_page_count();
    expect_ends(space->base, space->bytes, numa, "the heap");
    expect_at(space->base + space->committed - 1, numa, "the heap in use");
    expect_ends((uintptr_t)space->page_kind, pages, numa, "page kinds");
    expect_ends((uintptr_t)space->page_span, pages * sizeof(void *), numa,
                "page spans");
    expect_at((uintptr_t)space->page_alloc_tables, numa, "the page allocator");
    for (size_t i = 0; i < TRI_MARK_TABLES; i++) {
        size_t bytes = pages << (TRI_MARK_SHIFT_MIN + i);
        expect_ends((uintptr_t)space->mark_tables[i], bytes, numa, "mark bits");
        expect_ends((uintptr_t)space->alloc_tables[i], bytes, numa,
                    "alloc bits");
    }
}

/* What follows `key` in the line of `path` that begins with `start`. */
static bool
read_word(const char *path, const char *start, const char *key, char *word)
{
    char line[512];
    bool found = false;
    FILE *file = fopen(path, "re");
    while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL) {
        const char *at = strstr(line, key);
        found = strncmp(line, start, strlen(start)) == 0 && at != NULL
             && sscanf(at + strlen(key), " %127s", word) == 1;
    }
    if (file != NULL)
        EXPECT_EQ(fclose(file), 0);
    return found;
}

/* All that the process may use, one or many. */
static void
expect_all_nodes(void)
{
    char start[32], used[128], usable[128];
    (void)snprintf(start, sizeof(start), "%lx ", (long)tri_space.base);
    if (!read_word("/proc/self/status", "Mems_allowed_list:", ":", usable)
        || access("/proc/self/numa_maps", R_OK) != 0)
        return;
    EXPECT(
        read_word("/proc/self/numa_maps", start, "interleave=static:", used));
    EXPECT_STR(used, usable);
}

static void
expect_option(enum tri_numa numa)
{
    char value[32];
    const char *name = "";
    for (size_t i = 0; name != NULL && strcmp(name, "numa") != 0; i++)
        name = tri_option_get(i, value, sizeof(value));
    EXPECT(name != NULL);
    EXPECT_STR(value, words[numa]);
}

/* ---- the heap's life -------------------------------------------------------------- */

static enum tri_numa asked, effect;

static struct {
    void *volatile held;
    volatile uintptr_t upside_down; /* where it was: no pointer to any scan */
    volatile size_t resident;       /* pages of what was touched */
} block;

static void
hold(void *unused)
{
    (void)unused;
    block.held = tri_alloc_noscan(BLOCK);
    block.upside_down = ~(uintptr_t)block.held;
    memset(block.held, 1, TOUCHED);
}

static void
expect_block(void *unused)
{
    (void)unused;
    expect_ends(~block.upside_down, BLOCK, effect, "a block");
}

static void
look_for_pages(void *unused)
{
    (void)unused;
    static unsigned char there[TOUCHED / 4096];
    size_t count = 0;
    EXPECT_EQ(mincore((void *)~block.upside_down, TOUCHED, there), 0);
    for (size_t i = 0; i < sizeof(there); i++)
        count += there[i] & 1u;
    block.resident = count;
}

/* By the test, and by the runtime's own scavenger. */
static void
release(void)
{
    int64_t give_up = test_now_ns() + INT64_C(30000000000);
    apart(look_for_pages, NULL);
    EXPECT(block.resident > 0);
    block.held = NULL;
    while (block.resident > 0) {
        tri_gc();
        tri_enter();
        (void)tri_heap_scavenge(BLOCK);
        tri_leave();
        apart(look_for_pages, NULL);
        EXPECT_F(test_now_ns() < give_up, "%zu pages are there still",
                 block.resident);
    }
}

static int
live(void *unused)
{
    (void)unused;
    expect_option(effect);
    expect_all(effect);
    expect_at((uintptr_t)tri_alloc_noscan(64), effect, "an object");
    expect_at((uintptr_t)&unused, TRI_NUMA_DEFAULT, "a stack");
    apart(hold, NULL);
    EXPECT(tri_space.committed > BLOCK);
    expect_all(effect);
    apart(expect_block, NULL);
    release();
    expect_all(effect);
    apart(expect_block, NULL);
    apart(hold, NULL); /* in what was released */
    apart(expect_block, NULL);
    if (effect == TRI_NUMA_INTERLEAVE)
        expect_all_nodes();
    return 0;
}

/* A policy of the process's own, as numactl gives it, stays where it may. */
static void
live_with(void)
{
    unsigned long nodes = 0;
    if (syscall(SYS_get_mempolicy, NULL, &nodes, 65, NULL, MPOL_F_MEMS_ALLOWED)
        == 0)
        EXPECT_EQ(syscall(SYS_set_mempolicy, MPOL_INTERLEAVE, &nodes, 65), 0);
    struct tri_options options = { .procs = 2, .numa = words[asked] };
    EXPECT_EQ(tri_main(live, NULL, &options), 0);
}

TEST(the_heap_and_its_tables_have_the_policy_all_their_life)
{
    if (!has_policies()) {
        test_skip("this kernel has no NUMA policies, or hides them");
        return;
    }
    for (asked = TRI_NUMA_DEFAULT; asked <= TRI_NUMA_INTERLEAVE; asked++) {
        effect = asked;
        test_in_child(live_with);
    }
}

/* ---- a kernel that refuses --------------------------------------------------------- */

enum {
    LENGTH = 1, /* arguments of mbind */
    MAX_NODE = 4
};

/* mbind fails with `error` where an argument's lower word is above `most`. */
static bool
forbid(uint32_t error, int argument, uint32_t most)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mbind, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                 (uint32_t)offsetof(struct seccomp_data, args)
                     + 8 * (uint32_t)argument),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, most, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
    };
    return TEST_FILTER_CALLS(code);
}

/* The heap's length, alone, has no bit in the lower word, unless it is short: so the
 * first part is placed, and the second not. */
static bool
forbid_tables(uint32_t error)
{
    return forbid(error, LENGTH, 0);
}

static int
go_on(void *unused)
{
    (void)unused;
    expect_option(TRI_NUMA_DEFAULT);
    if (has_policies())
        expect_all(TRI_NUMA_DEFAULT);
    apart(hold, NULL);
    release();
    return 0;
}

struct refusal {
    uint32_t error;
    const char *words;
};

static void
start_refused(void *arg)
{
    const struct refusal *refusal = arg;
    struct tri_options options = { .procs = 2, .numa = "local" };
    if (!forbid_tables(refusal->error))
        tri_fatal("no seccomp: %s, all is well", refusal->words);
    if (tri_main(go_on, NULL, &options) == 0)
        (void)dprintf(2, "all is well");
    abort();
}

TEST(a_refusal_is_told_in_one_sentence_and_the_program_goes_on)
{
    static struct refusal refusals[] = {
        { EPERM, "tricolor: TRI_NUMA: the kernel refuses mbind (error 1: in a "
                 "container, allow CAP_SYS_NICE); the heap keeps the process's "
                 "own policy\n" },
        { ENOSYS, "tricolor: TRI_NUMA: the kernel refuses mbind (error 38: it "
                  "was built without NUMA); the heap keeps the process's own "
                  "policy\n" },
    };
    for (size_t i = 0; i < TRI_ARRAY_COUNT(refusals); i++) {
        EXPECT_DEATH(start_refused, &refusals[i], refusals[i].words);
        EXPECT_DEATH(start_refused, &refusals[i], "all is well");
    }
}

static void
start_with_fewer_nodes(void)
{
    if (forbid(EINVAL, MAX_NODE, 65))
        live_with();
}

TEST(a_kernel_built_for_fewer_nodes_is_asked_for_those)
{
    asked = TRI_NUMA_INTERLEAVE;
    effect = asked;
    if (has_policies())
        test_in_child(start_with_fewer_nodes);
}

/* ---- what is said of it -------------------------------------------------------------- */

/* The one event of its kind, or NULL. */
static const struct tri_record *
recorded(enum tri_trace_event event)
{
    const struct tri_record *found = NULL;
    for (size_t i = 0; i < tri_record_count(); i++) {
        const struct tri_record *record = tri_record_get(i);
        if (tri_record_event(record) != event)
            continue;
        EXPECT(found == NULL);
        found = record;
    }
    return found;
}

static int
do_nothing(void *unused)
{
    (void)unused;
    expect_option(effect);
    return 0;
}

static void
record_a_run(void)
{
    struct tri_options options = { .procs = 2,
                                   .bind = "scatter",
                                   .numa = words[asked] };
    EXPECT_EQ(tri_record_start(1 << 16), 0);
    EXPECT_EQ(tri_main(do_nothing, NULL, &options), 0);
    tri_record_stop();
    const struct tri_record *machine = recorded(TRI_TRACE_EV_machine);
    EXPECT(machine != NULL);
    EXPECT(machine->field[0] >= 1 && machine->field[2] >= 1);
    EXPECT_EQ(machine->field[3], TRI_BIND_SCATTER);
    const struct tri_record *policy = recorded(TRI_TRACE_EV_numa_policy);
    EXPECT(policy != NULL);
    EXPECT_EQ(policy->field[0], asked);
    EXPECT_EQ(policy->field[1], effect);
}

static void
record_a_refused_run(void)
{
    if (!forbid_tables(EPERM))
        return;
    record_a_run();
}

TEST(the_trace_has_the_machine_the_binding_and_both_policies)
{
    asked = TRI_NUMA_INTERLEAVE;
    effect = TRI_NUMA_DEFAULT;
    test_in_child(record_a_refused_run);
    effect = has_policies() ? asked : TRI_NUMA_DEFAULT;
    test_in_child(record_a_run);
}

static void
start_wrong(void *unused)
{
    (void)unused;
    struct tri_options options = { .numa = "near" };
    EXPECT_EQ(tri_main(do_nothing, NULL, &options), 2);
    abort();
}

TEST(a_wrong_word_is_told)
{
    EXPECT_DEATH(start_wrong, NULL,
                 "tri_options.numa: \"near\" is not valid; it takes default, "
                 "local or interleave\n");
}

TEST_MAIN
