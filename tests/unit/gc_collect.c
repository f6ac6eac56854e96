/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/gc_collect.c: the collector on its own, over the fake host: what is
 * reachable stays, what is not goes, in every kind of memory.
 * To see it fail: in gc/mark.c, let leave_ring not scan what it marks (the first
 * test), or resolve refuse a word that is not a slot's first (the fourth
 * crashes); scan what was marked already (MARK-2: "a_ring..." hangs); leave the look
 * at alloc_bits out of tri_mark_consider (MARK-3), the zeroing out of take_slot
 * (ALLOC-2), or the `+ 3` out of refill (CACHE-1: SWEEP-1 dies).  In checked builds
 * assertions die here of CYCLE-1 and WORK-2 (count nobody in tri_cycle_drain), CYCLE-4
 * (no tri_weak_block) and SWEEP-3 (list first in publish).  Let alloc_small enter with
 * enter_with_p (POPULATE-1: no byte), or tell_fresh tell of windows alone.
 */
#include "alloc/heap.h"
#include "base/option.h"
#include "gc/cycle.h"
#include "gc/gc.h"
#include "gc/mark.h"
#include "gc/phase.h"
#include "gc/verify.h"
#include "tests/support/fake_host.h"
#include "tests/support/test.h"

struct node {
    struct node *left;
    uint64_t value;
    struct node *right;
};
TRI_TYPE(node_type, struct node, left, right);

struct wide { /* more than 64 words: a header */
    uint64_t pad[90];
    struct node *node;
    uint64_t more[9];
};
TRI_TYPE(wide_type, struct wide, node);

struct plain {
    uint64_t a;
    uint32_t b;
};
TRI_TYPE(plain_type, struct plain);

static void *global; /* in .bss: a root */

/* Leaves no stray copies of pointers on the stack. */
static __attribute__((noinline)) void
scrub_stack(void)
{
    volatile char junk[16384];
    for (size_t i = 0; i < sizeof(junk); i++)
        junk[i] = 0;
}

static int64_t
live_after_gc(void)
{
    scrub_stack();
    tri_gc_collect();
    return tri_load(&tri_collector.marked_bytes);
}

static __attribute__((noinline)) struct node *
make_list(int length)
{
    struct node *head = NULL;
    for (int i = 0; i < length; i++) {
        struct node *node = tri_new(&node_type);
        node->value = (uint64_t)i;
        TRI_STORE(&node->right, head);
        head = node;
    }
    return head;
}

static void
check_list(const struct node *head, int length)
{
    for (int i = length - 1; i >= 0; i--, head = head->right) {
        EXPECT(head != NULL);
        EXPECT_EQ(head->value, i);
    }
    EXPECT(head == NULL);
}

TEST(a_list_from_a_static_root_survives_and_dies_with_it)
{
    int64_t before = live_after_gc();
    global = make_list(10000);
    int64_t with = live_after_gc();
    check_list(global, 10000);
    EXPECT(with - before >= 10000 * 24);
    TRI_STORE((struct node **)&global, NULL);
    int64_t after = live_after_gc();
    EXPECT_F(after - before < 24 * 100, "%lld bytes are left of the list",
             (long long)(after - before));
}

TEST(a_list_on_the_stack_survives)
{
    struct node *list = make_list(1000);
    live_after_gc();
    check_list(list, 1000);
}

/* What is scanned by who finds it marked already is scanned for ever. */
TEST(a_ring_is_marked_once)
{
    struct node *ring = make_list(3);
    TRI_STORE(&ring->right->right->right, ring);
    global = ring;
    live_after_gc();
    EXPECT(ring->right->right->right == ring);
    TRI_STORE(&ring->right->right->right, NULL);
    TRI_STORE((struct node **)&global, NULL);
}

TEST(an_interior_pointer_keeps_the_whole_object)
{
    tri_debug.clobberfree = 1; /* what was freed is not to look alive */
    struct wide *wide = tri_new(&wide_type);
    TRI_STORE(&wide->node, make_list(3));
    global = &wide->more[4];
    wide = NULL;
    live_after_gc();
    struct wide *again =
        (struct wide *)(void *)((char *)global
                                - offsetof(struct wide, more[4]));
    check_list(again->node, 3);
    global = NULL;
    tri_debug.clobberfree = 0;
}

TEST(arrays_scan_every_element)
{
    const struct tri_type *type = &node_type;
    for (size_t count = 1; count < 9000; count = count * 3 + 1) {
        struct node *array = tri_new_array(type, count);
        global = array;
        for (size_t i = 0; i < count; i += 1 + count / 7)
            TRI_STORE(&array[i].right, make_list(2));
        TRI_STORE(&array[count - 1].left, make_list(4));
        live_after_gc();
        check_list(array[count - 1].left, 4);
        for (size_t i = 0; i < count; i += 1 + count / 7)
            check_list(array[i].right, 2);
    }
    global = NULL;
}

TEST(conservative_memory_keeps_what_its_words_hit)
{
    static const size_t sizes[] = { 8, 64, 600, 20000, 300000 };
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        size_t words = sizes[s] / 8;
        struct node **memory = tri_alloc_conservative(sizes[s]);
        global = memory;
        TRI_STORE(&memory[words - 1], make_list(5));
        TRI_STORE(&memory[0], memory[words - 1]);
        live_after_gc();
        check_list(memory[0], 5);
        check_list(memory[words - 1], 5);
    }
    global = NULL;
}

static __attribute__((noinline)) void
hide_list(uintptr_t *memory)
{
    memory[3] = (uintptr_t)make_list(5000);
}

TEST(noscan_memory_keeps_nothing)
{
    int64_t before = live_after_gc();
    uintptr_t *memory = tri_alloc_noscan(64);
    global = memory;
    hide_list(memory);
    int64_t after = live_after_gc();
    EXPECT(after - before < 5000 * 24);
    global = NULL;
}

TEST(fresh_memory_is_zero_in_every_size)
{
    for (int round = 0; round < 3; round++) {
        for (size_t bytes = 1; bytes < 70000; bytes += 1 + bytes / 9) {
            unsigned char *p = tri_alloc_noscan(bytes);
            unsigned char *q = tri_alloc_conservative(bytes);
            for (size_t i = 0; i < bytes; i++)
                EXPECT_F(p[i] == 0 && q[i] == 0, "%zu bytes, at %zu", bytes, i);
            memset(p, 0xa5, bytes);
            memset(q, 0xa5, bytes);
        }
        live_after_gc();
    }
}

TEST(tiny_objects_share_a_slot_and_do_not_overlap)
{
    unsigned char *tiny[64];
    for (int i = 0; i < 64; i++) {
        tiny[i] = tri_alloc_noscan(3);
        memset(tiny[i], i, 3);
    }
    tri_gc_collect();
    for (int i = 0; i < 64; i++)
        for (int b = 0; b < 3; b++)
            EXPECT_EQ(tiny[i][b], i);
    EXPECT(tiny[1] - tiny[0] == 3 || tiny[2] - tiny[1] == 3);
}

TEST(a_zero_size_object_is_the_shared_byte)
{
    EXPECT(tri_alloc_noscan(0) == tri_alloc_noscan(0));
    EXPECT(tri_new_array(&node_type, 0) == tri_alloc_noscan(0));
}

TEST(memory_is_reused_and_the_heap_stays_small)
{
    int64_t most = 0;
    for (int i = 0; i < 3000000; i++) {
        struct plain *plain = tri_new(&plain_type);
        plain->a = 1;
        int64_t live = tri_load(&tri_collector.heap_live_bytes);
        most = live > most ? live : most;
    }
    EXPECT_F(most < 64 << 20, "the heap reached %lld MiB for 48 MiB of garbage",
             (long long)(most >> 20));
    EXPECT(tri_load(&tri_collector.cycles_total) > 2);
}

TEST(the_verifier_agrees_and_was_there)
{
    tri_debug.gccheckmark = 1;
    struct node *list = make_list(20000);
    live_after_gc();
    check_list(list, 20000);
    EXPECT(tri_verify_objects_total() >= 20000);
    tri_debug.gccheckmark = 0;
}

TEST(stress_collects_at_every_slow_allocation)
{
    uint64_t before = tri_load(&tri_collector.cycles_total);
    tri_debug.gcstress = 3;
    tri_debug.clobberfree = 1;
    struct node *list = NULL;
    for (int i = 0; i < 300; i++) {
        list = make_list(5);
        fake_host_yield();
        check_list(list, 5);
    }
    tri_debug.gcstress = 0;
    tri_debug.clobberfree = 0;
    EXPECT(tri_load(&tri_collector.cycles_total) > before + 100);
}

TEST(gcstoptheworld_collects_in_one_pause)
{
    for (int mode = 1; mode <= 2; mode++) {
        tri_debug.gcstoptheworld = mode;
        global = make_list(1000);
        live_after_gc();
        check_list(global, 1000);
        global = NULL;
    }
    tri_debug.gcstoptheworld = 0;
}

static int cleanups_seen;
static void
count_cleanup(void *arg)
{
    cleanups_seen += (int)(intptr_t)arg;
}

static __attribute__((noinline)) void
add_to_garbage(int count)
{
    for (int i = 0; i < count; i++)
        tri_add_cleanup(make_list(1), count_cleanup, (void *)(intptr_t)1);
}

TEST(cleanups_of_dead_objects_run_once)
{
    add_to_garbage(1000);
    live_after_gc();
    EXPECT(tri_cleanup_drain(5000000000));
    scrub_stack();
    EXPECT_F(cleanups_seen >= 995 && cleanups_seen <= 1000, "%d of 1000 ran",
             cleanups_seen);
}

/* POPULATE-1: the fake host wants no section around it, either.  In spans of one
 * page, and of several. */
TEST(small_objects_lie_on_memory_that_is_there)
{
    static const size_t sizes[] = { 64, 800, 1408, 3072, 6144, 10240 };
    enum {
        BYTES = 48 << 20 /* more than other tests have left */
    };
    for (size_t s = 0; s < TRI_ARRAY_COUNT(sizes); s++) {
        uint64_t before = tri_load(&fake_host_populated_bytes);
        void **last = NULL;
        for (size_t done = 0; done < BYTES; done += sizes[s]) {
            void **block = tri_alloc_conservative(sizes[s]);
            TRI_STORE(block, last);
            last = block;
            TRI_STORE(&global, block);
        }
        uint64_t populated = tri_load(&fake_host_populated_bytes) - before;
        EXPECT_F(populated > BYTES / 2, "%zu bytes each: %llu bytes", sizes[s],
                 (unsigned long long)populated);
        TRI_STORE(&global, NULL);
        last = NULL;
        (void)live_after_gc();
        (void)live_after_gc(); /* what the first one was too late to free */
        while (tri_heap_scavenge(SIZE_MAX / 2) != 0)
            ;
    }
}

int
main(int argc, char **argv)
{
    char error[256];
    if (tri_options_parse(NULL, error, sizeof(error)) != 0)
        return 2;
    fake_host_start(__builtin_frame_address(0));
    return test_main(argc, argv);
}
