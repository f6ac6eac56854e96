/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/rt_root_ranges.c: ranges that the program registers as roots, and takes
 * back, while the collector marks.
 *
 * To see it fail: leave out the shading in tri_roots_add (ROOT-2), or do it in one
 * section (ROOT-8); leave out the grace period in tri_roots_remove, or the phase in
 * compact_locked (ROOT-3); or the cycle in close_range (ROOT-10); or show the verifier
 * every range (ROOT-9).
 */
#include <tricolor/tricolor.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "gc/gc.h"
#include "gc/root.h"
#include "runtime/sched.h"
#include "tests/support/marking.h"
#include "tests/support/roots.h"

static struct tri_waitgroup collected;

/* ---- ranges -------------------------------------------------------------------- */

#define RANGE_BYTES ((size_t)256 << 20)
#define STOPS_MAX   100000

static volatile int inside; /* 1: the stopper is there; 2: fn runs; 3: leave */
static int64_t stop_ns[STOPS_MAX];
static size_t stop_count;
static struct tri_waitgroup stopped;

/* Median time to stop the world, over the stops in stop_ns. */
static int64_t
median_stop(void)
{
    int64_t median = test_sort(stop_ns, stop_count);
    return stop_count == 0 ? INT64_MAX : median;
}

static void
one_stop(void)
{
    int before = GET(inside);
    int64_t begin = test_now_ns();
    tri_host_stop_world(TRI_STOP_TEST);
    int64_t took = test_now_ns() - begin;
    /* fn ran when we asked, and is not done. */
    if (before == 2 && GET(inside) == 2 && stop_count < STOPS_MAX)
        stop_ns[stop_count++] = took;
    tri_host_start_world();
}

static void
stop_all_the_time(void *unused)
{
    (void)unused;
    SET(inside, 1);
    while (GET(inside) != 3)
        one_stop();
    tri_waitgroup_done(&stopped);
}

static int64_t
stops_while(void (*fn)(void *arg), void *arg)
{
    stop_count = 0;
    SET(inside, 0);
    tri_waitgroup_add(&stopped, 1);
    tri_go(stop_all_the_time, NULL);
    while (GET(inside) == 0)
        tri_yield();
    SET(inside, 2);
    fn(arg);
    SET(inside, 3);
    tri_waitgroup_wait(&stopped);
    return median_stop();
}

static void
compute(void *unused)
{
    (void)unused;
    int64_t end = test_now_ns() + 100 * MS;
    while (test_now_ns() < end)
        ;
}

static void
register_range(void *range)
{
    EXPECT_EQ(tri_root_add(range, RANGE_BYTES), 0);
}

/* While it marks; true: many stops came in between, and none was long.  On a busy
 * machine the stopper may have no turn meanwhile. */
static bool
is_registered_between_stops(void *range, int64_t baseline)
{
    enum {
        ENOUGH = 10
    };
    int64_t median = stops_while(register_range, range);
    bool is = stop_count >= ENOUGH && median < 20 * baseline + 5 * MS;
    printf("# %zu stops meanwhile, of %lld us; of %lld us without\n",
           stop_count, (long long)(stop_count == 0 ? 0 : median / US),
           (long long)(baseline / US));
    if (!is)
        EXPECT_EQ(tri_root_remove(range), 0);
    return is;
}

TEST(a_long_range_is_registered_between_stops)
{
    char *range = mmap(NULL, RANGE_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    EXPECT(range != MAP_FAILED);
    int64_t give_up = test_now_ns() + 30000 * MS;
    bool good = false;
    while (!good && test_now_ns() < give_up) {
        int64_t baseline = stops_while(compute, NULL);
        if (stop_count == 0)
            continue; /* no stop to compare with */
        pthread_t thread = begin_marking();
        good = is_registered_between_stops(range, baseline);
        end_marking(thread);
    }
    EXPECT_F(good, "no stops while 256 MiB are registered");
    (void)count_secrets(); /* no piece is too long */
    EXPECT_EQ(tri_root_remove(range), 0);
    EXPECT_EQ(munmap(range, RANGE_BYTES), 0);
}

/* Made before the cycle, known to the registering goroutine's stack alone, moved
 * into a range and forgotten before that stack is scanned. */
static void *cell[1024];

static __attribute__((noinline)) void
fill_range(void **range)
{
    struct item *item = make_item();
    tri_waitgroup_add(&collected, 1);
    tri_go(collect_for, &collected);
    for (int i = 0; i < 1000000 && !is_marking(); i++)
        tri_yield();
    range[512] = item; /* no root yet: a plain store */
    EXPECT_EQ(tri_root_add(range, sizeof(cell)), 0);
}

TEST(what_a_range_holds_when_it_is_registered_while_marking_lives)
{
    int64_t end = test_now_ns() + (int64_t)(test_seconds(2) * 1e9);
    void **range = malloc(sizeof(cell));
    for (int round = 0; test_now_ns() < end || round < 10; round++) {
        memset(range, 0, sizeof(cell));
        fill_range(range);
        wipe_stack();
        tri_waitgroup_wait(&collected);
        tri_gc();
        expect_alive(range[512]);
        EXPECT_EQ(tri_root_remove(range), 0);
    }
    free(range);
}

TEST(a_range_goes_while_the_collector_marks)
{
    char *range = mmap(NULL, RANGE_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    EXPECT(range != MAP_FAILED);
    EXPECT_EQ(tri_root_add(range, RANGE_BYTES), 0);
    pthread_t thread = begin_marking();
    EXPECT_EQ(tri_root_remove(range), 0);
    EXPECT_EQ(munmap(range, RANGE_BYTES), 0);
    EXPECT_EQ(tri_root_remove(range), -EINVAL);
    EXPECT(is_marking());
    end_marking(thread);
}

static volatile int reading; /* 1: a marker is at it; 2: it is through */

static void
read_slowly(uintptr_t lo, uintptr_t hi, void *arg)
{
    (void)lo, (void)hi, (void)arg;
    SET(reading, 1);
    int64_t end = test_now_ns() + 30 * MS;
    while (test_now_ns() < end)
        ;
    SET(reading, 2);
}

/* The list of images is begun, and held up by the loader's lock: the number of pieces
 * stays as it is until end_marking. */
static pthread_t
begin_listing(void)
{
    pthread_t thread = begin_marking();
    while (tri_images_piece_count() != 0)
        tri_sleep(1000);
    return thread;
}

static void
scan_last_piece(void *group)
{
    tri_enter();
    (void)tri_host_root_scan(tri_host_root_count() - 1, read_slowly, NULL);
    tri_leave();
    tri_waitgroup_done(group);
}

/* What follows would be munmap. */
TEST(a_range_does_not_go_under_who_reads_it)
{
    static void *range[64];
    if (TRI_TSAN) {
        test_skip("the number of pieces is asked for while the list is made");
        return;
    }
    struct tri_waitgroup scanned = { 0 };
    EXPECT_EQ(tri_root_add(range, sizeof(range)), 0);
    pthread_t thread = begin_listing();
    SET(reading, 0);
    tri_waitgroup_add(&scanned, 1);
    tri_go(scan_last_piece, &scanned);
    while (GET(reading) == 0)
        tri_yield();
    EXPECT_EQ(tri_root_remove(range), 0);
    EXPECT_EQ(GET(reading), 2);
    tri_waitgroup_wait(&scanned);
    end_marking(thread);
}

TEST(pieces_keep_their_numbers_while_the_collector_marks)
{
    static uintptr_t going[64];
    static uintptr_t staying[64];
    if (TRI_TSAN) {
        test_skip("the number of pieces is asked for while the list is made");
        return;
    }
    EXPECT_EQ(tri_root_add(going, sizeof(going)), 0);
    EXPECT_EQ(tri_root_add(staying, sizeof(staying)), 0);
    staying[7] = secret + 7;
    pthread_t thread = begin_listing();
    size_t pieces = tri_host_root_count();
    EXPECT_EQ(tri_root_remove(going), 0);
    EXPECT_EQ(tri_host_root_count(), pieces);
    secrets_seen = 0;
    EXPECT(tri_host_root_scan(pieces - 1, look, NULL) == sizeof(staying));
    EXPECT_EQ(secrets_seen, 1);
    end_marking(thread);
    staying[7] = 0;
    EXPECT_EQ(tri_root_remove(staying), 0);
}

/* Only the range knows the item when the cycle begins; then only a stack that
 * may have been scanned does (ROOT-10). */
static __attribute__((noinline)) struct item *
take_from_range(void **range, int round)
{
    tri_waitgroup_add(&collected, 1);
    tri_go(collect_for, &collected);
    for (int i = 0; i < 1000000 && !is_marking(); i++)
        tri_yield();
    for (int i = 0; i < round % 16; i++)
        tri_yield();
    struct item *item = range[512];
    EXPECT_EQ(tri_root_remove(range), 0);
    memset(range, 0, sizeof(cell));
    return item;
}

TEST(what_is_loaded_from_a_range_that_goes_lives)
{
    int64_t end = test_now_ns() + (int64_t)(test_seconds(2) * 1e9);
    void **range = malloc(sizeof(cell));
    for (int round = 0; test_now_ns() < end || round < 10; round++) {
        memset(range, 0, sizeof(cell));
        EXPECT_EQ(tri_root_add(range, sizeof(cell)), 0);
        TRI_STORE(&range[512], make_item());
        wipe_stack();
        struct item *item = take_from_range(range, round);
        tri_waitgroup_wait(&collected);
        expect_alive(item);
    }
    free(range);
}

TEST(ranges_are_found_by_number_as_they_come_and_go)
{
    static uintptr_t words[40][16];
    int percent = tri_set_gc_percent(-1);
    tri_host_roots_refresh();
    size_t before = count_secrets();
    for (size_t i = 0; i < 40; i++) {
        uintptr_t *heap = malloc(3 * PIECE_MAX);
        memset(heap, 0, 3 * PIECE_MAX);
        size_t bytes = (i % 3) * PIECE_MAX + 64;
        heap[0] = heap[bytes / 8 - 1] = secret + 1;
        words[i][0] = (uintptr_t)heap;
        EXPECT_EQ(tri_root_add(heap, bytes), 0);
        EXPECT_EQ(count_secrets(), before + 2 * (i + 1));
    }
    for (size_t n = 40; n-- > 0;) {
        size_t i = (n * 7 + 3) % 40; /* from the middle */
        EXPECT_EQ(tri_root_remove((void *)words[i][0]), 0);
        free((void *)words[i][0]);
        EXPECT_EQ(count_secrets(), before + 2 * n);
    }
    tri_set_gc_percent(percent);
}

/* ---- what the verifier is shown --------------------------------------------------- */

static volatile uintptr_t stale; /* its complement: no reference */

static __attribute__((noinline)) void
put_stale(char *range)
{
    for (int i = 0; i < 5; i++) /* not the first of its span (VERIFY-1) */
        stale = ~(uintptr_t)make_item();
    make_item();
    *(volatile uintptr_t *)(void *)(range + RANGE_BYTES - 64) = ~stale;
}

/* An item that nobody knows, but a word at the end of a range.  That is registered
 * when the roots of the cycle are numbered already, and so shaded alone; true: the
 * cycle was over before the end was. */
static bool
cycle_ends_while_registering(char *range)
{
    put_stale(range);
    wipe_stack();
    tri_waitgroup_add(&collected, 1);
    tri_go(collect_for, &collected);
    for (int i = 0; i < 1000000 && !(is_marking() && tri_root_listed()); i++)
        tri_yield();
    bool before = is_marking();
    EXPECT_EQ(tri_root_add(range, RANGE_BYTES), 0);
    bool in_time = before && !is_marking();
    tri_waitgroup_wait(&collected);
    EXPECT_EQ(tri_root_remove(range), 0);
    return in_time;
}

static char *
map_range(size_t bytes)
{
    char *range = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    EXPECT(range != MAP_FAILED);
    return range;
}

TEST(a_range_half_shaded_is_not_verified)
{
    enum {
        MARKED_BYTES = RANGE_BYTES / 8 /* it keeps the cycle busy meanwhile */
    };
    int64_t give_up = test_now_ns() + 30000 * MS;
    char *marked = map_range(MARKED_BYTES);
    EXPECT_EQ(tri_root_add(marked, MARKED_BYTES), 0);
    for (int times = 0; times < 3;) {
        EXPECT_F(test_now_ns() < give_up, "%d cycles ended in time", times);
        char *range = map_range(RANGE_BYTES);
        times += cycle_ends_while_registering(range);
        EXPECT_EQ(munmap(range, RANGE_BYTES), 0);
    }
    EXPECT_EQ(tri_root_remove(marked), 0);
    EXPECT_EQ(munmap(marked, MARKED_BYTES), 0);
}

int
main(int argc, char **argv)
{
    test_begin(argc, argv);
    struct tri_options options = { .procs = 4 };
    return tri_main(test_run_all, NULL, &options);
}
