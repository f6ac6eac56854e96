/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/rt_roots.c: roots outside stacks: libraries that come and go
 * under the collector, and ranges registered while it marks.
 *
 * To see it fail: read libraries' data in place (let image_of leave `headers`
 * 0: ROOT-6) or do not look at their headers (still_there returns true: ROOT-7);
 * list before begin_marking in tri_cycle_start (ROOT-5); leave out the shading
 * in tri_roots_add (ROOT-2), or do it in one section (ROOT-8); leave out the grace
 * period in tri_roots_remove, or the phase in compact_locked (ROOT-3); scan no thread's
 * variables (leave out tri_thread_data_scan), or only those that it has used (leave
 * out make_blocks: TDATA-3).
 */
#include <tricolor/tricolor.h>

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/os.h"
#include "gc/gc.h"
#include "runtime/images.h"
#include "runtime/sched.h"
#include "tests/support/marking.h"
#include "tests/support/test.h"

#define GET(variable) __atomic_load_n(&(variable), __ATOMIC_SEQ_CST)
#define SET(variable, value)                                                   \
    __atomic_store_n(&(variable), value, __ATOMIC_SEQ_CST)

#define MAGIC     UINT64_C(0x600dda7a600dda7a)
#define US        INT64_C(1000)
#define MS        INT64_C(1000000)
#define PIECE_MAX TRI_ROOT_PIECE_BYTES

/* Freed, it is poisoned (clobberfree) or somebody else's. */
struct item {
    struct item *self;
    uint64_t magic;
};
TRI_TYPE(item_type, struct item, self);

static struct item *
make_item(void)
{
    struct item *item = tri_new(&item_type);
    TRI_STORE(&item->self, item);
    item->magic = MAGIC;
    return item;
}

static void
expect_alive(const struct item *item)
{
    EXPECT(item->magic == MAGIC);
    EXPECT(item->self == item);
}

/* ---- the library ------------------------------------------------------------ */

struct library {
    void *handle;
    void **slots;
    size_t count;
};

static struct library
load(const char *path)
{
    struct library library = { .handle = dlopen(path, RTLD_NOW | RTLD_LOCAL) };
    EXPECT_F(library.handle != NULL, "%s", dlerror());
    library.slots = dlsym(library.handle, "root_library_slots");
    const size_t *count = dlsym(library.handle, "root_library_count");
    EXPECT(library.slots != NULL && count != NULL);
    library.count = *count;
    return library;
}

static void
unload(const struct library *library)
{
    EXPECT_EQ(dlclose(library->handle), 0);
}

/* ---- one after the other ------------------------------------------------------ */

static volatile uintptr_t secret = 0x5eed0fca11ab1e00;
static size_t secrets_seen;

static TRI_NO_SANITIZE void
look(uintptr_t lo, uintptr_t hi, void *arg)
{
    (void)arg;
    EXPECT(hi - lo <= PIECE_MAX);
    for (uintptr_t at = lo; at + 8 <= hi; at += 8)
        if (*(const volatile uintptr_t *)at - secret - 1 < 1000)
            secrets_seen++;
}

static size_t
count_secrets(void)
{
    secrets_seen = 0;
    for (size_t i = 0; i < tri_host_root_count(); i++)
        EXPECT(tri_host_root_scan(i, look, NULL) <= PIECE_MAX);
    return secrets_seen;
}

TEST(a_library_that_is_gone_is_neither_read_nor_mistaken)
{
    int percent = tri_set_gc_percent(-1);
    struct library library = load(ROOT_LIBRARY_A);
    size_t pages = library.count * sizeof(void *) / 4096;
    char *place =
        (char *)(((uintptr_t)library.slots + 4095) & ~(uintptr_t)4095);
    for (size_t i = 0; i < library.count; i += library.count / 64)
        library.slots[i] = (void *)(secret + 1 + i % 64);
    tri_host_roots_refresh();
    EXPECT_EQ(count_secrets(), 64);
    unload(&library);
    EXPECT(dlopen(ROOT_LIBRARY_A, RTLD_NOW | RTLD_NOLOAD) == NULL);
    EXPECT_EQ(count_secrets(), 0);

    /* Somebody else's memory comes to lie there. */
    size_t bytes = (pages - 1) * 4096;
    void *other =
        mmap(place, bytes, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (other == place) {
        for (size_t at = 0; at < bytes; at += 4096)
            *(uintptr_t *)(void *)(place + at) = secret + 1;
        EXPECT_EQ(count_secrets(), 0);
    }
    if (other != MAP_FAILED)
        EXPECT_EQ(munmap(other, bytes), 0);
    tri_set_gc_percent(percent);
}

/* ---- loaded behind the list ----------------------------------------------------- */

static struct {
    volatile uintptr_t hidden; /* its complement: no reference */
    volatile int step;
    struct library library;
} late;

static __attribute__((noinline)) void
make_hidden(void)
{
    /* Not the first of its span: the cache's base keeps that one alive. */
    for (int i = 0; i < 5; i++)
        late.hidden = ~(uintptr_t)make_item();
    make_item();
}

static __attribute__((noinline)) void
store_hidden(void)
{
    late.library = load(ROOT_LIBRARY_A);
    TRI_STORE(&late.library.slots[1000], (void *)~late.hidden);
}

/* Nothing stale below: it would keep the object. */
static __attribute__((noinline)) TRI_NO_SANITIZE void
wipe_stack(void)
{
    volatile uintptr_t words[2048];
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        words[i] = 0;
}

/*
 * Inside a section, so that the pause which begins the cycle waits for it: what
 * was listed before that pause does not have the library, and the store is
 * before the barrier.
 */
static void *
load_in_the_last_moment(void *unused)
{
    (void)unused;
    EXPECT_EQ(tri_thread_attach(), 0);
    make_hidden();
    wipe_stack();
    tri_enter();
    SET(late.step, 1);
    while (!tri_m_asked(tri_local_m()))
        tri_cpu_relax();
    store_hidden();
    wipe_stack();
    tri_leave();
    tri_blocking_begin();
    while (GET(late.step) == 1)
        tri_os_sleep_ns(MS);
    tri_blocking_end();
    expect_alive(late.library.slots[1000]);
    unload(&late.library);
    tri_thread_detach();
    return NULL;
}

TEST(a_library_loaded_before_the_barrier_is_on_is_found)
{
    pthread_t thread;
    EXPECT_EQ(pthread_create(&thread, NULL, load_in_the_last_moment, NULL), 0);
    while (GET(late.step) == 0)
        tri_sleep(US);
    tri_gc();
    SET(late.step, 2);
    tri_blocking_begin();
    pthread_join(thread, NULL);
    tri_blocking_end();
}

/* ---- without pause ------------------------------------------------------------- */

static volatile int leave;

static void
use_library(void)
{
    enum {
        ITEMS = 16
    };
    struct library library = load(ROOT_LIBRARY_A);
    size_t stride = library.count / ITEMS;
    for (size_t i = 0; i < ITEMS; i++)
        TRI_STORE(&library.slots[i * stride], (void *)make_item());
    tri_sleep((int64_t)test_random_below(2000) * US);
    for (size_t i = 0; i < ITEMS; i++)
        expect_alive(library.slots[i * stride]);
    /* What is to outlive the library is taken out of it (tricolor.h). */
    struct item *taken = library.slots[stride];
    TRI_STORE(&library.slots[stride], (void *)NULL);
    unload(&library);
    tri_sleep((int64_t)test_random_below(500) * US);
    expect_alive(taken);
}

static void *
come_and_go(void *unused)
{
    (void)unused;
    EXPECT_EQ(tri_thread_attach(), 0);
    while (GET(leave) == 0)
        use_library();
    tri_thread_detach();
    return NULL;
}

/* A thread that no stop of the world holds. */
static void *
come_and_go_unknown(void *unused)
{
    (void)unused;
    while (GET(leave) == 0) {
        struct library library = load(ROOT_LIBRARY_B);
        library.slots[7] = &library;
        tri_os_sleep_ns((int64_t)test_random_below(1000) * US);
        unload(&library);
    }
    return NULL;
}

TEST(libraries_come_and_go_while_the_heap_is_collected)
{
    pthread_t known, unknown;
    SET(leave, 0);
    EXPECT_EQ(pthread_create(&known, NULL, come_and_go, NULL), 0);
    EXPECT_EQ(pthread_create(&unknown, NULL, come_and_go_unknown, NULL), 0);
    int64_t end = test_now_ns() + (int64_t)(test_seconds(3) * 1e9);
    while (test_now_ns() < end)
        tri_gc();
    SET(leave, 1);
    tri_blocking_begin();
    pthread_join(known, NULL);
    pthread_join(unknown, NULL);
    tri_blocking_end();
}

/* ---- while the collector marks ------------------------------------------------- */

static struct tri_waitgroup collected;

static void
collect_for(void *group)
{
    tri_gc();
    tri_waitgroup_done(group);
}

TEST(marking_waits_for_the_list_and_the_world_does_not)
{
    pthread_t thread = begin_marking();
    struct item *last = NULL;
    for (int i = 0; i < 300; i++) {
        last = make_item(); /* allocation goes on, assists and all */
        if (i % 64 == 0) {
            tri_host_stop_world(TRI_STOP_TEST);
            tri_host_start_world();
        }
    }
    EXPECT(is_marking());
    end_marking(thread);
    expect_alive(last);
}

/* ---- ranges -------------------------------------------------------------------- */

#define RANGE_BYTES ((size_t)256 << 20)
#define STOPS_MAX   100000

static volatile int inside; /* 1: the stopper is there; 2: fn runs; 3: leave */
static int64_t stop_ns[STOPS_MAX];
static size_t stop_count;
static struct tri_waitgroup stopped;

static int
compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Median time to stop the world, over the stops in stop_ns. */
static int64_t
median_stop(void)
{
    qsort(stop_ns, stop_count, sizeof(*stop_ns), compare);
    return stop_count == 0 ? INT64_MAX : stop_ns[stop_count / 2];
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

/* ---- thread-local variables ---------------------------------------------------- */

#define OWN_COUNT 500

static void **(*own_of_library)(void);

static __attribute__((noinline)) void
fill_own(void **own)
{
    for (size_t i = 0; i < OWN_COUNT; i++)
        own[i] = make_item();
}

/* What fill_own left on the stack is no reference. */
static __attribute__((noinline)) void
forget_stack(void)
{
    volatile char below[16384];
    for (size_t i = 0; i < sizeof(below); i++)
        below[i] = 0;
}

static void *
keep_in_variables(void *used_before)
{
    if (used_before != NULL)
        (void)own_of_library(); /* from here on this thread has them */
    EXPECT_EQ(tri_thread_attach(), 0);
    void **own = own_of_library();
    fill_own(own);
    forget_stack();
    for (int round = 0; round < 3; round++) {
        tri_gc(); /* with us running */
        for (size_t i = 0; i < OWN_COUNT; i++)
            expect_alive(own[i]);
        struct tri_waitgroup mine = { 0 };
        tri_waitgroup_add(&mine, 1);
        tri_go(collect_for, &mine);
        tri_waitgroup_wait(&mine); /* and waiting */
        for (size_t i = 0; i < OWN_COUNT; i++)
            expect_alive(own[i]);
    }
    tri_thread_detach();
    return NULL;
}

TEST(variables_of_attached_threads_are_roots)
{
    pthread_t thread[3];
    struct library library = load(ROOT_LIBRARY_A);
    *(void **)&own_of_library = dlsym(library.handle, "root_library_own");
    EXPECT(own_of_library != NULL);
    tri_blocking_begin();
    for (int i = 0; i < 3; i++)
        EXPECT_EQ(pthread_create(&thread[i], NULL, keep_in_variables,
                                 i == 0 ? NULL : &library),
                  0);
    for (int i = 0; i < 3; i++)
        EXPECT_EQ(pthread_join(thread[i], NULL), 0);
    tri_blocking_end();
    unload(&library);
}

int
main(int argc, char **argv)
{
    test_begin(argc, argv);
    struct tri_options options = { .procs = 4 };
    return tri_main(test_run_all, NULL, &options);
}
