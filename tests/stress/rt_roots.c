/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/rt_roots.c: static data and thread-local variables as roots: libraries
 * that come and go under the collector.  Ranges are in rt_root_ranges.
 *
 * To see it fail: read libraries' data in place (let image_of leave `headers`
 * 0: ROOT-6) or do not look at their headers (still_there returns true: ROOT-7);
 * list before begin_marking in start_in_turn (cycle.c: ROOT-5); scan no thread's
 * variables (leave out tri_thread_data_scan), or only those that it has used (leave
 * out make_blocks: TDATA-3), or those of the thread that attached first (TDATA-1), or
 * in place (TDATA-2: a crash).
 */
#include <tricolor/tricolor.h>

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/os.h"
#include "gc/gc.h"
#include "runtime/sched.h"
#include "tests/support/marking.h"
#include "tests/support/roots.h"

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

/* Attached all the while: its block goes with the library, as soon as it uses a
 * variable of another one. */
static void *
outlive_the_library(void *unused)
{
    (void)unused;
    struct library gone = load(ROOT_LIBRARY_A);
    void **(*own_of)(void);
    *(void **)&own_of = dlsym(gone.handle, "root_library_own");
    EXPECT(own_of != NULL && own_of() != NULL);
    uintptr_t block = (uintptr_t)own_of();
    EXPECT_EQ(tri_thread_attach(), 0);
    unload(&gone);
    struct library other = load(ROOT_LIBRARY_B);
    *(void **)&own_of = dlsym(other.handle, "root_library_own");
    EXPECT(own_of != NULL && own_of() != NULL);
    char byte;
    if (tri_os_read(&byte, block, 1))
        (void)printf("# the block is there still\n");
    for (int round = 0; round < 3; round++)
        tri_gc();
    unload(&other);
    tri_thread_detach();
    return NULL;
}

TEST(variables_may_go_before_their_thread)
{
    pthread_t thread;
    tri_blocking_begin();
    EXPECT_EQ(pthread_create(&thread, NULL, outlive_the_library, NULL), 0);
    EXPECT_EQ(pthread_join(thread, NULL), 0);
    tri_blocking_end();
}

int
main(int argc, char **argv)
{
    test_begin(argc, argv);
    struct tri_options options = { .procs = 4 };
    return tri_main(test_run_all, NULL, &options);
}
