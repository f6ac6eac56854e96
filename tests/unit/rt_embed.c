/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_embed.c: the runtime started by tri_init, on a main thread that has
 * a stack of its own kind, in a process that is short of what attaching takes, or
 * closes what is not its own.
 *
 * To see it fail: let may_reach_down_to (stack_scan.c) return g->stack.lo (SCAN-4);
 * leave has_our_memory out of read_by_file (os_linux.c); let tri_thread_set_exit_key
 * (thread.c) or tri_m_find_stack (m.c) abort where something is short; leave
 * load_unwinder out of lttng_provider.c.
 */
#include <tricolor/tricolor.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"
#include "base/sanitize.h"
#include "tests/support/filter.h"
#include "tests/support/fork.h"
#include "tests/support/test.h"

#define MAGIC UINT64_C(0x600dda7a600dda7a)

static const struct tri_options clobber = { .procs = 2,
                                            .debug = "clobberfree=1" };

struct item {
    uint64_t magic[4];
};

static struct item *
make_item(void)
{
    struct item *item = tri_alloc_noscan(sizeof(*item));
    for (int i = 0; i < 4; i++)
        item->magic[i] = MAGIC;
    return item;
}

/* What is freed is overwritten or somebody else's. */
static void
collect(void)
{
    for (int i = 0; i < 3; i++)
        tri_gc();
}

static void
expect_alive(const struct item *item)
{
    for (int i = 0; i < 4; i++)
        EXPECT(item->magic[i] == MAGIC);
}

/* ---- the main thread's stack ---------------------------------------------------- */

enum {
    DEEP_KIB = 24 << 10,
    LIMIT = 64 << 20
};

static __attribute__((noinline)) int
descend(int left)
{
    volatile char frame[1024];
    struct item *volatile item = make_item();
    frame[0] = 1;
    if (left == 0)
        collect();
    else
        frame[1] = (char)descend(left - 1);
    expect_alive(item);
    return frame[0];
}

static void
go_deep(void)
{
    struct rlimit limit;
    EXPECT_EQ(tri_init(&clobber), 0);
    EXPECT_EQ(getrlimit(RLIMIT_STACK, &limit), 0);
    limit.rlim_cur = LIMIT;
    EXPECT_EQ(setrlimit(RLIMIT_STACK, &limit), 0);
    EXPECT_EQ(descend(DEEP_KIB), 1);
}

TEST(a_main_threads_stack_whose_limit_is_raised_is_scanned_to_its_end)
{
    struct rlimit limit;
    if (TRI_ASAN || TRI_TSAN) {
        test_skip("the sanitizer has a limit of its own");
        return;
    }
    EXPECT_EQ(getrlimit(RLIMIT_STACK, &limit), 0);
    if (limit.rlim_cur > DEEP_KIB * (rlim_t)1024 || limit.rlim_max < LIMIT)
        test_skip("the limit on stacks cannot be raised past what is needed");
    else
        test_in_child(go_deep);
}

/* ---- nothing left ---------------------------------------------------------------- */

static void
start_without_descriptors(void)
{
    struct rlimit none = { 0, 0 };
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    EXPECT_EQ(tri_init(&clobber), -EAGAIN);
    EXPECT_EQ(tri_init(&clobber), -EALREADY);
}

TEST(a_main_thread_that_gets_no_descriptor_is_told)
{
    test_in_child(start_without_descriptors);
}

static void *
attach(void *expected)
{
    EXPECT_EQ(tri_thread_attach(), (intptr_t)expected);
    if (expected == NULL) {
        expect_alive(make_item());
        tri_thread_detach();
    }
    return NULL;
}

static void
attach_on_a_thread(int expected)
{
    pthread_t thread;
    EXPECT_EQ(pthread_create(&thread, NULL, attach, (void *)(intptr_t)expected),
              0);
    EXPECT_EQ(pthread_join(thread, NULL), 0);
}

static pthread_key_t last_key;

static int
attach_without_keys(void *unused)
{
    (void)unused;
    tri_blocking_begin();
    attach_on_a_thread(-EAGAIN);
    EXPECT_EQ(pthread_key_delete(last_key), 0);
    attach_on_a_thread(0);
    attach_on_a_thread(0);
    tri_blocking_end();
    return 0;
}

/* The runtime's own threads do without; LTTng's do not. */
static void
run_without_keys(void)
{
    int count = 0;
    EXPECT_EQ(setenv("TRI_LTTNG_PROVIDER", "none", 1), 0);
    for (pthread_key_t key; pthread_key_create(&key, NULL) == 0; count++)
        last_key = key;
    EXPECT(count > 0);
    EXPECT_EQ(tri_main(attach_without_keys, NULL, &clobber), 0);
}

TEST(a_thread_that_gets_no_key_is_told_and_may_try_again)
{
    test_in_child(run_without_keys);
}

#if defined(LTTNG_PROVIDER)
static int
leave_no_descriptors(void *unused)
{
    (void)unused;
    const struct rlimit none = { 0, 0 };
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    return 0;
}

static void
end_without_descriptors(void)
{
    EXPECT_EQ(setenv("TRI_LTTNG_PROVIDER", LTTNG_PROVIDER, 1), 0);
    exit(tri_main(leave_no_descriptors, NULL, &clobber));
}

TEST(a_program_that_has_no_descriptor_left_ends_beside_the_tracer)
{
    test_in_child(end_without_descriptors);
}
#endif

/* ---- the runtime's own descriptor -------------------------------------------------- */

/* process_vm_readv is forbidden, as a container may have it. */
static bool
forbid_call(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
    };
    return TEST_FILTER_CALLS(code);
}

enum {
    COUNT = 500
};

/* A library's data are read by the kernel. */
static struct item **
library_slots(void)
{
    void *library = dlopen(ROOT_LIBRARY_A, RTLD_NOW | RTLD_LOCAL);
    EXPECT_F(library != NULL, "%s", dlerror());
    struct item **slots = dlsym(library, "root_library_slots");
    EXPECT(slots != NULL);
    return slots;
}

static __attribute__((noinline)) void
fill(struct item **slots)
{
    for (size_t i = 0; i < COUNT; i++)
        TRI_STORE(&slots[i], make_item());
}

static void
collect_and_look(struct item *const *slots)
{
    collect();
    for (size_t i = 0; i < COUNT; i++)
        expect_alive(slots[i]);
}

/* As a daemon does that thinks it owns them all. */
static void
close_all(void)
{
    for (int fd = 3; fd < 100; fd++)
        close(fd);
}

static struct item **
start_with_file(void)
{
    EXPECT_EQ(tri_init(&clobber), 0);
    struct item **slots = library_slots();
    fill(slots);
    collect_and_look(slots);
    return slots;
}

static void
close_and_go_on(void)
{
    if (!forbid_call())
        return;
    struct item **slots = start_with_file();
    close_all();
    collect_and_look(slots);
    close_all();
    for (int i = 0; i < 20; i++)
        (void)open("/dev/null", O_RDONLY | O_CLOEXEC);
    collect_and_look(slots);
}

TEST(what_a_library_holds_lives_though_the_runtimes_file_was_closed)
{
    test_in_child(close_and_go_on);
}

static void
close_for_good(void *unused)
{
    (void)unused;
    struct rlimit none = { 0, 0 };
    if (!forbid_call())
        tri_fatal("is no longer the runtime's /proc/self/mem? No seccomp");
    struct item **slots = start_with_file();
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    close_all();
    collect_and_look(slots);
}

TEST(or_the_program_is_told_where_it_cannot_be_opened_again)
{
    EXPECT_DEATH(close_for_good, NULL,
                 "no longer the runtime's /proc/self/mem");
}

TEST_MAIN
