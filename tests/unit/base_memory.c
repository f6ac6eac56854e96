/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/base_memory.c: base/os.h, persist and fixpool: alignment, zeroes,
 * type stability, and every memory call failing in turn.
 * To see it fail: leave the trimming out of tri_os_reserve, or clear objects in
 * tri_fixpool_free.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fixpool.h"
#include "base/os.h"
#include "base/persist.h"
#include "tests/support/filter.h"
#include "tests/support/test.h"

static bool
is_zero(const void *start, size_t bytes)
{
    const unsigned char *at = start;
    for (size_t i = 0; i < bytes; i++) {
        if (at[i] != 0)
            return false;
    }
    return true;
}

/* How much address space the process has mapped. */
static size_t
mapped_pages(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    EXPECT(file != NULL && fscanf(file, "%lu", &pages) == 1);
    (void)fclose(file);
    return pages;
}

TEST(a_reservation_is_aligned_and_costs_only_its_size)
{
    size_t bytes = (size_t)3 << 20;
    size_t before = mapped_pages();
    char *start = tri_os_reserve(bytes, (size_t)64 << 20);
    EXPECT(start != NULL);
    EXPECT_EQ((uintptr_t)start % ((size_t)64 << 20), 0);
    EXPECT_EQ(mapped_pages() - before, bytes / TRI_OS_PAGE_BYTES);
    EXPECT_EQ(tri_os_commit(start + 8192, 8192), 0);
    EXPECT(is_zero(start + 8192, 8192));
    memset(start + 8192, 1, 8192);
    tri_os_release(start + 8192, 4096);
    EXPECT(is_zero(start + 8192, 4096));
    EXPECT(start[8192 + 4096] == 1);
    EXPECT_EQ(tri_os_protect_none(start + 8192, 4096), 0);
    tri_os_unmap(start, bytes);
    EXPECT_EQ(mapped_pages(), before);
}

TEST(too_much_address_space_is_refused_not_fatal)
{
    EXPECT(tri_os_reserve((size_t)1 << 60, 4096) == NULL);
    EXPECT(tri_os_reserve(SIZE_MAX - 4096, (size_t)1 << 30) == NULL);
    EXPECT(tri_persist_alloc(SIZE_MAX - 100, 8) == NULL);
    EXPECT(tri_os_commit((void *)(uintptr_t)4096, 4096) == -ENOMEM);
}

TEST(memory_calls_leave_errno_alone)
{
    errno = EDOM;
    EXPECT(tri_os_reserve((size_t)1 << 60, 4096) == NULL);
    EXPECT(tri_os_signal_thread(-1, 0) == -EINVAL);
    TRI_ATOMIC(uint32_t) word = 1;
    tri_futex_wait(&word, 2, -1);
    EXPECT_EQ(errno, EDOM);
}

TEST(a_futex_wait_ends_by_value_by_time_and_by_wake)
{
    TRI_ATOMIC(uint32_t) word = 1;
    tri_futex_wait(&word, 2, -1); /* other value: returns at once */
    int64_t start_ns = tri_os_now_ns();
    tri_futex_wait(&word, 1, 2000000);
    EXPECT(tri_os_now_ns() - start_ns >= 1500000);
    tri_futex_wake(&word, 1); /* nobody there */
}

TEST(sleeping_lasts_as_long_as_asked)
{
    int64_t start_ns = tri_os_now_ns();
    tri_os_sleep_ns(3000000);
    EXPECT(tri_os_now_ns() - start_ns >= 3000000);
    tri_os_sleep_ns(0);
    tri_os_sleep_ns(-5);
    EXPECT(tri_os_process_cpu_ns() > 0);
    EXPECT(tri_os_thread_cpu_ns() > 0);
    EXPECT_EQ(tri_os_pid(), getpid());
}

TEST(persistent_memory_is_zero_aligned_and_apart)
{
    uintptr_t last_end = 0;
    for (int i = 0; i < 20000; i++) {
        size_t bytes = 1 + test_random_below(i % 100 == 0 ? 100000 : 300);
        size_t align = (size_t)1 << test_random_below(13);
        char *start = tri_persist_alloc(bytes, align);
        EXPECT(start != NULL);
        EXPECT_EQ((uintptr_t)start % align, 0);
        EXPECT(is_zero(start, bytes));
        /* Written all over: an overlap with an earlier one would not be 0. */
        memset(start, 0xff, bytes);
        last_end += bytes;
    }
    EXPECT(tri_persist_bytes() >= last_end);
    EXPECT(tri_persist_bytes() < 2 * last_end + (1u << 20));
}

TEST(pool_objects_are_type_stable)
{
    static struct tri_fixpool pool = TRI_FIXPOOL_INIT(192);
    static char *objects[500];
    for (int i = 0; i < 500; i++) {
        objects[i] = tri_fixpool_alloc(&pool);
        EXPECT(objects[i] != NULL && is_zero(objects[i], 192));
        EXPECT_EQ((uintptr_t)objects[i] % 64, 0);
        memset(objects[i], i, 192);
    }
    EXPECT_EQ(pool.live_count, 500);
    size_t total = pool.total_bytes;
    for (int i = 0; i < 500; i++)
        tri_fixpool_free(&pool, objects[i]);
    EXPECT_EQ(pool.live_count, 0);
    for (int i = 499; i >= 0; i--) {
        char *object = tri_fixpool_alloc(&pool);
        EXPECT(object == objects[i]);
        EXPECT(object[8] == (char)i && object[191] == (char)i);
    }
    EXPECT_EQ(pool.total_bytes, total);
}

static void
take_and_give(int number, void *arg)
{
    struct tri_fixpool *pool = arg;
    uint64_t *held[20] = { NULL };
    for (int i = 0; i < 20000; i++) {
        size_t k = test_random_below(20);
        if (held[k] == NULL) {
            held[k] = tri_fixpool_alloc(pool);
            EXPECT(held[k] != NULL && held[k][1] == 0);
            held[k][1] = (uint64_t)number + 1;
        } else {
            EXPECT(held[k][1] == (uint64_t)number + 1);
            held[k][1] = 0;
            tri_fixpool_free(pool, held[k]);
            held[k] = NULL;
        }
    }
}

TEST(threads_never_get_the_same_object)
{
    static struct tri_fixpool pool = TRI_FIXPOOL_INIT(24);
    test_threads(8, take_and_give, &pool);
}

/* A bit of everything; the number of the call that failed shows in nothing but
 * the NULL. */
/* ---- reading what may not be there ---- */

static void
read_across_a_hole(void)
{
    char *start = tri_os_map(3 * TRI_OS_PAGE_BYTES);
    EXPECT(start != NULL);
    memset(start, 7, 3 * TRI_OS_PAGE_BYTES);
    char *hole = start + TRI_OS_PAGE_BYTES;
    tri_os_unmap(hole, TRI_OS_PAGE_BYTES);
    char copy[64] = { 0 };
    EXPECT(tri_os_read(copy, (uintptr_t)hole - 64, 64));
    EXPECT(copy[0] == 7 && copy[63] == 7);
    EXPECT(!tri_os_read(copy, (uintptr_t)hole - 32, 64));
    EXPECT(!tri_os_read(copy, (uintptr_t)hole, 64));
    EXPECT(!tri_os_read(copy, (uintptr_t)hole + TRI_OS_PAGE_BYTES - 32, 64));
    EXPECT(tri_os_read(copy, (uintptr_t)hole + TRI_OS_PAGE_BYTES, 64));
    tri_os_unmap(start, TRI_OS_PAGE_BYTES);
    tri_os_unmap(hole + TRI_OS_PAGE_BYTES, TRI_OS_PAGE_BYTES);
}

/* Old sandboxes forbid process_vm_readv. */
static void
read_in_a_sandbox(void *unused)
{
    (void)unused;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    if (TEST_FILTER_CALLS(code))
        read_across_a_hole();
    (void)dprintf(2, "read in a sandbox\n");
    abort(); /* a child of EXPECT_DEATH ends so */
}

TEST(memory_that_is_gone_is_not_read)
{
    EXPECT_DEATH(read_in_a_sandbox, NULL, "read in a sandbox");
    read_across_a_hole();
}

static bool
use_memory(struct tri_fixpool *pool)
{
    void *reserved = tri_os_reserve(1 << 20, 1 << 20);
    if (reserved == NULL)
        return false;
    bool ok = tri_os_commit(reserved, 4096) == 0
           && tri_os_protect_none(reserved, 4096) == 0;
    tri_os_unmap(reserved, 1 << 20);
    return ok && tri_persist_alloc(300000, 8) != NULL
        && tri_fixpool_alloc(pool) != NULL;
}

TEST(each_memory_call_may_fail_and_nothing_breaks)
{
    static struct tri_fixpool pool = TRI_FIXPOOL_INIT(100000);
    uint32_t n = 1;
    for (;; n++) {
        tri_store(&tri_os_fail_countdown, n);
        bool ok = use_memory(&pool);
        uint32_t left = tri_load(&tri_os_fail_countdown);
        tri_store(&tri_os_fail_countdown, 0);
        EXPECT(ok == (left != 0));
        if (ok)
            break;
    }
    EXPECT(n >= 5);
}

TEST_MAIN
