/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/alloc_limits.c: what happens when the machine says no: little
 * address space, none left, and memory call number n failing, for every n.
 * To see it fail: do not halve in tri_heap_space_init; leave a mapping behind in
 * map_parts; in alloc/heap.c, lose the pages in give_back, or count growth
 * before the commit.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/option.h"
#include "base/os.h"
#include "base/persist.h"
#include "tests/support/alloc.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#    define SHADOWED 1
#else
#    define SHADOWED 0
#endif

static size_t
address_space(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    char line[256] = "";
    EXPECT(file != NULL);
    EXPECT(fgets(line, sizeof(line), file) != NULL);
    fclose(file);
    return strtoul(line, NULL, 10) * 4096;
}

/* Leaves `bytes` of address space beyond what is used. */
static void
limit_address_space(size_t bytes)
{
    struct rlimit limit = { .rlim_cur = address_space() + bytes };
    limit.rlim_max = limit.rlim_cur;
    EXPECT_EQ(setrlimit(RLIMIT_AS, &limit), 0);
}

static void
begin_with_too_little(void)
{
    limit_address_space((size_t)1 << 30);
    size_t before = address_space();
    EXPECT_EQ(tri_heap_space_init(), -ENOMEM);
    EXPECT_EQ(tri_space.bytes, 0);
    EXPECT_EQ(address_space(), before);
}

static void
begin_with_little(void)
{
    /* The heap of 2 GiB fits, but not its tables: they take an 1/16 of it. */
    size_t before = address_space();
    limit_address_space(((size_t)2 << 30) + ((size_t)70 << 20));
    heap_begin();
    EXPECT_EQ(tri_space.bytes, (size_t)1 << 30);
    EXPECT(address_space() - before < tri_space.bytes / 16 * 18);
    struct tri_span *span = tri_heap_alloc_span(1, 0, 0, NULL);
    EXPECT(span != NULL);
    memset((void *)span->base, 1, TRI_PAGE_BYTES);
}

TEST(the_reservation_shrinks_until_the_limits_allow_it)
{
    if (SHADOWED) {
        test_skip("the sanitizer's own address space is over any limit");
        return;
    }
    test_in_child(begin_with_too_little);
    test_in_child(begin_with_little);
}

/* Takes all there is in spans of `bytes`; returns how many.  Large ones without
 * the window, whose leftovers would make the number inexact. */
static size_t
exhaust(size_t bytes, struct tri_span **spans, size_t max,
        struct tri_page_cache *cache)
{
    size_t n = 0;
    for (; n < max; n++) {
        spans[n] =
            bytes > TRI_SMALL_BYTES_MAX
                ? tri_heap_alloc_span(TRI_KIND_LARGE_SCAN, bytes, 0, NULL)
                : tri_heap_alloc_span(tri_kind_noscan(tri_size_class_of(bytes)),
                                      0, 0, cache);
        if (spans[n] == NULL)
            break;
    }
    EXPECT(n < max);
    return n;
}

static void
exhaust_all(void)
{
    limit_address_space((size_t)2 << 30);
    heap_begin();
    static struct tri_span *spans[140000];
    static struct tri_page_cache cache;
    static const size_t sizes[] = { 8192, 32768, 100000, 3 << 20, 700 << 20 };
    size_t pages = tri_space_page_count();
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < TRI_ARRAY_COUNT(sizes); i++) {
            size_t n = exhaust(sizes[i], spans, 140000, &cache);
            size_t each = (sizes[i] + TRI_PAGE_BYTES - 1) / TRI_PAGE_BYTES;
            EXPECT_EQ(n, pages / each);
            EXPECT(tri_heap_alloc_span(TRI_KIND_LARGE_SCAN, SIZE_MAX, 0, NULL)
                   == NULL);
            EXPECT(tri_heap_alloc_span(TRI_KIND_LARGE_SCAN, tri_space.bytes + 1,
                                       0, NULL)
                   == NULL);
            tri_heap_flush_pages(&cache);
            heap_check();
            for (size_t k = 0; k < n; k++)
                span_drop(spans[k]);
            heap_check();
        }
    EXPECT_EQ(tri_load(&tri_heap_stats.reserved), (int64_t)tri_space.bytes);
    struct tri_span *span =
        tri_heap_alloc_span(TRI_KIND_LARGE_SCAN, tri_space.bytes, 0, NULL);
    EXPECT(span != NULL);
    EXPECT_EQ(span->page_count, pages);
}

TEST(the_last_page_is_had_and_then_null_cleanly)
{
    if (SHADOWED) {
        test_skip("the sanitizer's own address space is over any limit");
        return;
    }
    test_in_child(exhaust_all);
}

/* More spans than one chunk of off-heap memory has structs for, and a heap that
 * grows by more than an arena. */
#define FAULT_SPANS 2200
static struct tri_span *fault_spans[100 * FAULT_SPANS];
static size_t fault_count;

static uint32_t
allocate_with_fault(uint32_t n, struct tri_page_cache *cache)
{
    uint32_t refused = 0;
    tri_store(&tri_os_fail_countdown, n);
    for (uint32_t i = 0; i < FAULT_SPANS; i++) {
        struct tri_span *span =
            i % 1000 == 7
                ? tri_heap_alloc_span(TRI_KIND_LARGE_NOSCAN, 70 << 20, 0, cache)
                : tri_heap_alloc_span(1 + i % (TRI_KIND_LARGE_SCAN - 1), 0, 0,
                                      i % 2 == 0 ? cache : NULL);
        if (span == NULL)
            refused++;
        else
            fault_spans[fault_count++] = span;
    }
    return refused;
}

static void
fail_every_call(void)
{
    heap_begin();
    struct tri_page_cache cache = { 0 };
    uint32_t refused = 0;
    uint32_t n = 1;
    for (;; n++) {
        EXPECT(n < 100);
        refused += allocate_with_fault(n, &cache);
        bool spent = tri_load(&tri_os_fail_countdown) == 0;
        tri_store(&tri_os_fail_countdown, 0);
        tri_heap_flush_pages(&cache);
        heap_check();
        if (!spent)
            break; /* there is no call number n */
    }
    EXPECT(n > 10); /* two tables for each of five shifts, at least */
    EXPECT(refused > 0);
    while (fault_count > 0)
        span_drop(fault_spans[--fault_count]);
    heap_check();
}

TEST(memory_call_number_n_may_fail_for_every_n)
{
    test_in_child(fail_every_call);
}

/*
 * There are pages, but no struct for the span.  32 spans over `pages` pages, made
 * beforehand, decide whether a window of 64 pages and a handful of 32 structs
 * run out together or not when the structs' memory is refused.
 */
static void
fail_the_struct(size_t pages)
{
    heap_begin();
    /* Grow, so that the only memory call left is the structs'. */
    span_drop(tri_heap_alloc_span(TRI_KIND_LARGE_NOSCAN, 64 << 20, 0, NULL));
    for (size_t i = 0; i < 32; i++)
        fault_spans[fault_count++] = tri_heap_alloc_span(
            TRI_KIND_LARGE_NOSCAN, (i == 0 ? pages - 31 : 1) * TRI_PAGE_BYTES,
            0, NULL);
    while (tri_heap_scavenge(SIZE_MAX / 2) != 0)
        ;
    struct tri_page_cache cache = { 0 };
    tri_store(&tri_os_fail_countdown, 1);
    struct tri_span *span;
    while ((span = tri_heap_alloc_span(1, 0, 0, &cache)) != NULL)
        fault_spans[fault_count++] = span;
    EXPECT_EQ(tri_load(&tri_os_fail_countdown), 0);
    EXPECT(fault_count > 1000 && fault_count < 8000);
    EXPECT_EQ(cache.window.free != 0, pages == 64);

    span = tri_heap_alloc_span(1, 0, 0, &cache);
    EXPECT(span != NULL); /* it was that one time */
    span_drop(span);
    tri_heap_flush_pages(&cache);
    heap_check();
    while (fault_count > 0)
        span_drop(fault_spans[--fault_count]);
    heap_check();
}

static void
fail_the_struct_with_an_empty_window(void)
{
    fail_the_struct(32);
}

static void
fail_the_struct_with_pages_in_hand(void)
{
    fail_the_struct(64);
}

TEST(pages_without_a_struct_for_their_span_go_back)
{
    test_in_child(fail_the_struct_with_an_empty_window);
    test_in_child(fail_the_struct_with_pages_in_hand);
}

static void
fail_often(void)
{
    heap_begin();
    struct tri_span *span = tri_heap_alloc_span(1, 0, 0, NULL);
    size_t bytes = tri_persist_bytes();
    for (int i = 0; i < 10000; i++)
        EXPECT(
            tri_heap_alloc_span(TRI_KIND_LARGE_SCAN, tri_space.bytes, 0, NULL)
            == NULL);
    EXPECT_EQ(tri_persist_bytes(), bytes);
    span_drop(span);
    heap_check();
}

TEST(failures_cost_no_memory)
{
    test_in_child(fail_often);
}

/* The flags of the mapping the heap begins with: "rd wr ... hg". */
static void
heap_flags(char *flags, size_t bytes)
{
    char line[512];
    FILE *file = fopen("/proc/self/smaps", "r");
    EXPECT(file != NULL);
    bool here = false;
    flags[0] = 0;
    while (flags[0] == 0 && fgets(line, sizeof(line), file) != NULL) {
        char *after = line;
        uintptr_t from = strtoul(line, &after, 16);
        if (*after == '-')
            here = from == tri_space.base;
        if (here && strncmp(line, "VmFlags:", 8) == 0)
            snprintf(flags, bytes, "%s", line + 8);
    }
    fclose(file);
    EXPECT(flags[0] != 0);
}

static void
expect_advice(bool want)
{
    char flags[512];
    tri_debug.hugepages = want;
    heap_begin();
    EXPECT(tri_heap_alloc_span(1, 0, 0, NULL) != NULL); /* commits a part */
    heap_flags(flags, sizeof(flags));
    EXPECT(strstr(flags, " wr") != NULL);
    EXPECT(strstr(flags, want ? " hg" : " nh") != NULL);
}

static void
expect_huge(void)
{
    expect_advice(true);
}

static void
expect_small(void)
{
    expect_advice(false);
}

TEST(huge_pages_are_advised_unless_switched_off)
{
    if (access("/sys/kernel/mm/transparent_hugepage/enabled", F_OK) != 0) {
        test_skip("this kernel has no transparent huge pages");
        return;
    }
    test_in_child(expect_huge);
    test_in_child(expect_small);
}

static uint32_t fail_at;

static void
fail_the_beginning(void)
{
    tri_store(&tri_os_fail_countdown, fail_at);
    heap_begin(); /* makes do with half */
    EXPECT(tri_load(&tri_os_fail_countdown) == 0);
    EXPECT(tri_heap_alloc_span(1, 0, 0, NULL) != NULL);
}

TEST(a_refused_mapping_at_the_start_is_made_up_for)
{
    for (fail_at = 1; fail_at <= 4 + 2 * TRI_MARK_TABLES; fail_at++)
        test_in_child(fail_the_beginning);
}

TEST_MAIN
