/* SPDX-License-Identifier: MIT */
/*
 * special_life: what happens to records, one step at a time: states, order,
 * roots, barriers, accounting, refusals.  Over the fake collector.
 *
 * To see it fail, break one thing: leave out the shade in tri_special_free
 * (LIFE-4) or in arm; do not clear weak handles; queue a revived object's
 * cleanups in sweep_slot; free the record in Stop without unlinking it; leave
 * out tri_special_records_flush, or the publishing, in tri_special_p_retire (LIFE-5);
 * take no lock in drop_stopped (SPEC-1), or, in checked builds, keep arg in a free record
 * (LIFE-3).
 */
#include <errno.h>

#include "base/os.h"
#include "gc/cleanup.h"
#include "gc/special.h"
#include "gc/special_record.h"
#include "tests/support/fake_collector.h"
#include "tests/support/test.h"

#define KIND_64 tri_kind_noscan(tri_size_class_of(64))

static TRI_ATOMIC(uint32_t) ran;

static void
count_run(void *arg)
{
    (void)arg;
    tri_add(&ran, 1);
}

static void
sum_data(const void *data)
{
    const uint64_t *words = data;
    EXPECT_EQ((uintptr_t)data % 8, 0);
    tri_add(&ran, (uint32_t)(words[0] + words[1]));
}

static char *
slot_address(struct tri_span *span, uint32_t slot)
{
    return (char *)tri_span_slot_address(span, slot);
}

/* added == stopped + queued + armed, queued == executed + pending, and the
 * records agree. */
static void
expect_balance(void)
{
    struct tri_cleanup_stats stats;
    struct tri_specials_census census;
    tri_cleanup_stats_read(&stats);
    tri_specials_census(&census);
    uint64_t *cleanups = census.count[TRI_SPECIAL_CLEANUP];
    EXPECT_EQ(stats.armed, cleanups[TRI_SPECIAL_ARMED]);
    EXPECT_EQ(stats.pending,
              cleanups[TRI_SPECIAL_QUEUED] + cleanups[TRI_SPECIAL_RUNNING]);
    EXPECT_EQ(cleanups[TRI_SPECIAL_STOPPED], 0);
    EXPECT_EQ(stats.added, stats.stopped + stats.queued + stats.armed);
}

static void
settle(void)
{
    EXPECT(tri_cleanup_drain(INT64_C(20000000000)));
    expect_balance();
}

/* First, while the process has one thread. */
static void
misuse(void *arg)
{
    fake_begin();
    struct tri_span *span = fake_span(KIND_64, 0);
    char *object = slot_address(span, 1);
    uint8_t data[32] = { 0 };
    switch (*(int *)arg) {
    case 0:
        (void)tri_add_cleanup(NULL, count_run, NULL);
        break;
    case 1:
        (void)tri_add_cleanup(object, count_run, object);
        break;
    case 2:
        (void)tri_add_cleanup(object, count_run, object + 8);
        break;
    case 3:
        (void)tri_add_cleanup(data, count_run, NULL);
        break;
    case 4:
        (void)tri_add_cleanup_data(object, sum_data, data, 17);
        break;
    case 5:
        (void)tri_add_cleanup_data(object, sum_data, NULL, 1);
        break;
    case 6:
        (void)tri_add_cleanup(object, NULL, NULL);
        break;
    case 7:
        tri_set_finalizer(object + 8, count_run);
        break;
    case 8:
        tri_set_finalizer(object, count_run);
        tri_set_finalizer(object, count_run);
        break;
    case 9:
        (void)tri_weak_make(data);
        break;
    case 10:
        fake_thread_end();
        (void)tri_add_cleanup(object, count_run, NULL);
        break;
    default:
        break;
    }
}

TEST(misuse_dies_with_one_sentence)
{
    static const char *const words[] = {
        "tri_add_cleanup: ptr is NULL",
        "tri_add_cleanup: ptr is equal to arg",
        "tri_add_cleanup: arg points into the object of ptr",
        "tri_add_cleanup: ptr is not in a live object",
        "tri_add_cleanup_data: more than 16 bytes",
        "tri_add_cleanup_data: data is NULL",
        "tri_add_cleanup: fn is NULL",
        "tri_set_finalizer: ptr points into the middle",
        "tri_set_finalizer: ptr has a finalizer already",
        "tri_weak_make: ptr is not in a live object",
        "tri_add_cleanup: called from a thread that is not attached",
    };
    for (int i = 0; i < (int)TRI_ARRAY_COUNT(words); i++)
        EXPECT_DEATH(misuse, &i, words[i]);
}

TEST(a_cleanup_runs_once_after_its_object_died)
{
    fake_begin();
    struct tri_span *span = fake_span(KIND_64, 0);
    tri_store(&ran, 0);
    (void)tri_add_cleanup(slot_address(span, 3) + 17, count_run, NULL);
    settle();
    EXPECT_EQ(tri_load(&ran), 0);
    fake_turn();
    fake_mark(span, 3);
    EXPECT(fake_sweep(span)); /* alive */
    settle();
    EXPECT_EQ(tri_load(&ran), 0);
    fake_turn();
    EXPECT(fake_sweep(span)); /* dead, and the span with it */
    settle();
    EXPECT_EQ(tri_load(&ran), 1);
    settle();
    EXPECT_EQ(tri_load(&ran), 1);
}

TEST(stop_answers_exactly)
{
    fake_begin();
    struct tri_span *span = fake_span(KIND_64, 0);
    tri_store(&ran, 0);
    void *object = slot_address(span, 0);
    struct tri_cleanup a = tri_add_cleanup(object, count_run, NULL);
    struct tri_cleanup b = tri_add_cleanup(object, count_run, NULL);
    struct tri_cleanup c = tri_add_cleanup(object, count_run, NULL);
    EXPECT(b.id != a.id && c.id != b.id);
    EXPECT(tri_cleanup_stop(b));
    EXPECT(!tri_cleanup_stop(b));
    expect_balance();
    fake_turn();
    (void)fake_sweep(span);
    EXPECT(!tri_cleanup_stop(a));
    settle();
    EXPECT_EQ(tri_load(&ran), 2);
    EXPECT(!tri_cleanup_stop(a));
    EXPECT(!tri_cleanup_stop(c));
    /* A record used again does not answer to the old handle. */
    span = fake_span(KIND_64, 0);
    struct tri_cleanup d[64];
    for (int i = 0; i < 64; i++)
        d[i] = tri_add_cleanup(slot_address(span, 1), count_run, NULL);
    EXPECT(!tri_cleanup_stop(a) && !tri_cleanup_stop(b)
           && !tri_cleanup_stop(c));
    for (int i = 0; i < 64; i++)
        EXPECT(tri_cleanup_stop(d[i]));
    expect_balance();
    fake_turn();
    (void)fake_sweep(span);
    settle();
    EXPECT_EQ(tri_load(&ran), 2);
}

TEST(no_handle_whatever_it_holds_does_harm)
{
    fake_begin();
    struct tri_span *span = fake_span(KIND_64, 0);
    struct tri_cleanup good =
        tri_add_cleanup(slot_address(span, 0), count_run, NULL);
    EXPECT(!tri_cleanup_stop((struct tri_cleanup){ 0 }));
    EXPECT(!tri_cleanup_stop((struct tri_cleanup){ 7, NULL }));
    EXPECT(!tri_cleanup_stop((struct tri_cleanup){ 7, &good }));
    EXPECT(!tri_cleanup_stop((struct tri_cleanup){ good.id, &good }));
    EXPECT(!tri_cleanup_stop((struct tri_cleanup){ 0, good.record }));
    EXPECT(!tri_cleanup_stop(
        (struct tri_cleanup){ good.id, (char *)good.record + 8 }));
    EXPECT(!tri_cleanup_stop((struct tri_cleanup){ good.id + 1, good.record }));
    EXPECT(!tri_cleanup_stop((struct tri_cleanup){ 1, tri_special_base }));
    EXPECT(tri_cleanup_stop(good));
}

TEST(data_of_0_to_16_bytes_is_copied_when_added)
{
    fake_begin();
    for (size_t bytes = 0; bytes <= 16; bytes++) {
        struct tri_span *span = fake_span(KIND_64, 0);
        uint8_t data[16];
        uint64_t words[2] = { 0, 0 };
        for (size_t i = 0; i < 16; i++)
            data[i] = i % 8 == 0 ? (uint8_t)(i + bytes + 1) : 0;
        memcpy(words, data, bytes);
        tri_store(&ran, 0);
        (void)tri_add_cleanup_data(slot_address(span, 0), sum_data, data,
                                   bytes);
        memset(data, 0xff, sizeof(data));
        fake_turn();
        (void)fake_sweep(span);
        settle();
        EXPECT_EQ(tri_load(&ran), words[0] + words[1]);
    }
}

/* ---- finalizers and weak pointers beside cleanups ---- */

static struct tri_weak watched;

static void
expect_weak_gone(void *arg)
{
    EXPECT(tri_weak_get(watched) == arg);
    tri_add(&ran, 1);
}

TEST(a_finalizer_revives_and_comes_before_the_cleanup)
{
    fake_begin();
    struct tri_span *span = fake_span(KIND_64, 0);
    char *object = slot_address(span, 5);
    tri_store(&ran, 0);
    (void)tri_add_cleanup(object, count_run, NULL);
    tri_set_finalizer(object, count_run);
    watched = tri_weak_make(object + 8);
    EXPECT(tri_weak_get(watched) == object + 8);
    fake_turn();
    EXPECT(fake_sweep(span));
    settle();
    EXPECT_EQ(tri_load(&ran), 1);
    EXPECT(tri_weak_get(watched) == NULL);
    EXPECT_EQ(span->used_count, 1);
    EXPECT(tri_span_slot_allocated(span, 5));
    /* Revived: another weak pointer is another handle, another finalizer may
     * be set. */
    struct tri_weak again = tri_weak_make(object + 8);
    EXPECT(again.handle != watched.handle);
    tri_set_finalizer(object, count_run);
    tri_set_finalizer(object, NULL);
    tri_set_finalizer(object, NULL);
    fake_turn();
    EXPECT(fake_sweep(span));
    settle();
    EXPECT_EQ(tri_load(&ran), 2);
    EXPECT(tri_weak_get(again) == NULL);
}

TEST(a_cleanup_never_sees_its_object_through_a_weak_pointer)
{
    fake_begin();
    struct tri_span *span = fake_span(KIND_64, 0);
    tri_store(&ran, 0);
    (void)tri_add_cleanup(slot_address(span, 0), expect_weak_gone, NULL);
    watched = tri_weak_make(slot_address(span, 0));
    (void)tri_add_cleanup(slot_address(span, 0), expect_weak_gone, NULL);
    fake_turn();
    (void)fake_sweep(span);
    settle();
    EXPECT_EQ(tri_load(&ran), 2);
}

TEST(weak_handles_are_one_per_address)
{
    fake_begin();
    struct tri_span *span = fake_span(KIND_64, 0);
    char *object = slot_address(span, 0);
    struct tri_weak a = tri_weak_make(object);
    EXPECT(a.handle == tri_weak_make(object).handle);
    EXPECT(a.handle != tri_weak_make(object + 1).handle);
    EXPECT(tri_weak_make(NULL).handle == NULL);
    EXPECT(tri_weak_get(tri_weak_make(NULL)) == NULL);
    /* Static data: immortal, canonical. */
    static int in_bss[4];
    static int in_data[4] = { 1, 2, 3, 4 };
    struct tri_weak bss = tri_weak_make(&in_bss[1]);
    EXPECT(bss.handle == tri_weak_make(&in_bss[1]).handle);
    EXPECT(bss.handle != tri_weak_make(&in_bss[2]).handle);
    EXPECT(tri_weak_get(bss) == &in_bss[1]);
    EXPECT(tri_weak_get(tri_weak_make(in_data)) == in_data);
    fake_turn();
    (void)fake_sweep(span);
    EXPECT(tri_weak_get(a) == NULL);
    settle();
}

/* ---- roots ---- */

static uintptr_t scanned[16];
static size_t scanned_count;
static uintptr_t through[16];
static size_t through_count;

static void
note_scan(uintptr_t lo, uintptr_t hi, void *arg)
{
    (void)arg;
    for (const uintptr_t *word = (const uintptr_t *)lo;
         word < (const uintptr_t *)hi; word++) {
        EXPECT(scanned_count < TRI_ARRAY_COUNT(scanned));
        scanned[scanned_count++] = *word;
    }
}

static void
note_through(uintptr_t object, void *arg)
{
    (void)arg;
    EXPECT(through_count < TRI_ARRAY_COUNT(through));
    through[through_count++] = object;
}

static void
scan_roots(void)
{
    scanned_count = 0;
    through_count = 0;
    for (size_t i = 0; i < tri_specials_root_jobs(); i++)
        tri_specials_root_job(i, note_scan, note_through, NULL);
}

static bool
is_among(const uintptr_t *words, size_t count, const void *pointer)
{
    for (size_t i = 0; i < count; i++)
        if (words[i] == (uintptr_t)pointer)
            return true;
    return false;
}

#define ROOTS(pointer) is_among(scanned, scanned_count, pointer)

static TRI_ATOMIC(uint32_t) hold;

static void
hold_until_told(void *arg)
{
    (void)arg;
    while (tri_load(&hold) != 0)
        tri_os_sleep_ns(100000);
    tri_add(&ran, 1);
}

TEST(an_argument_is_a_root_from_add_until_the_callback_returned)
{
    fake_begin();
    settle();
    struct tri_span *span = fake_span(KIND_64, 0);
    struct tri_span *args = fake_span(KIND_64, 0);
    void *arg = slot_address(args, 2);
    void *other = slot_address(args, 3);
    tri_store(&hold, 1);
    (void)tri_add_cleanup(slot_address(span, 0), hold_until_told, arg);
    struct tri_cleanup stopped =
        tri_add_cleanup(slot_address(span, 0), count_run, other);
    scan_roots();
    EXPECT(ROOTS(arg) && ROOTS(other));
    EXPECT_EQ(scanned_count, 2);
    EXPECT(tri_cleanup_stop(stopped));
    scan_roots();
    EXPECT(ROOTS(arg) && !ROOTS(other));
    fake_turn();
    (void)fake_sweep(span);
    scan_roots(); /* queued */
    EXPECT(ROOTS(arg));
    tri_enter();
    tri_specials_publish(&tri_host_current_p()->special);
    tri_leave();
    struct tri_cleanup_pool_stats stats;
    do
        tri_cleanup_pool_read(&stats);
    while (stats.running == 0);
    scan_roots();
    EXPECT(ROOTS(arg));
    tri_store(&hold, 0);
    settle();
    scan_roots();
    EXPECT_EQ(scanned_count, 0);
}

TEST(what_a_finalizer_brings_back_is_scanned_through_then_a_root)
{
    fake_begin();
    settle();
    struct tri_span *span = fake_span(KIND_64, 0);
    void *object = slot_address(span, 0);
    tri_store(&hold, 1);
    tri_set_finalizer(object, hold_until_told);
    scan_roots();
    EXPECT(!ROOTS(object));
    EXPECT(is_among(through, through_count, object));
    fake_turn();
    (void)fake_sweep(span);
    scan_roots();
    EXPECT(ROOTS(object));
    EXPECT_EQ(through_count, 0);
    tri_store(&hold, 0);
    settle();
    scan_roots();
    EXPECT_EQ(scanned_count, 0);
}

TEST(plain_records_are_never_visited_by_the_marker)
{
    fake_begin();
    settle();
    struct tri_span *span = fake_span(KIND_64, 0);
    uint64_t data[2] = { (uintptr_t)slot_address(span, 1), 0 };
    (void)tri_add_cleanup_data(slot_address(span, 0), sum_data, data, 16);
    (void)tri_add_cleanup(slot_address(span, 0), count_run, &data);
    scan_roots();
    EXPECT_EQ(scanned_count, 0);
    fake_turn();
    fake_mark(span, 0);
    (void)fake_sweep(span);
    expect_balance();
}

TEST(records_that_come_or_go_while_marking_shade)
{
    fake_begin();
    struct tri_span *span = fake_span(KIND_64, 0);
    struct tri_span *args = fake_span(KIND_64, 0);
    void *arg = slot_address(args, 2);
    fake_set_phase(TRI_GC_MARK);
    struct tri_cleanup a =
        tri_add_cleanup(slot_address(span, 0), count_run, arg);
    EXPECT_EQ(tri_load(&fake_shaded_count), 1); /* */
    EXPECT_EQ(tri_load(&fake_shaded[0]), (uintptr_t)arg);
    EXPECT(tri_cleanup_stop(a));
    EXPECT_EQ(tri_load(&fake_shaded_count), 2); /* LIFE-4 */
    EXPECT_EQ(tri_load(&fake_shaded[1]), (uintptr_t)arg);
    fake_set_phase(TRI_GC_MARK);
    tri_set_finalizer(slot_address(span, 1), count_run);
    EXPECT_EQ(tri_load(&fake_shaded_count), 1); /* C-115 */
    fake_set_phase(TRI_GC_MARK);
    struct tri_weak weak = tri_weak_make(slot_address(span, 1));
    EXPECT(tri_load(&fake_shaded_count) >= 1); /* D-013 */
    EXPECT_EQ(tri_load(&fake_shaded[0]), (uintptr_t)weak.handle);
    fake_set_phase(TRI_GC_MARK);
    EXPECT(tri_weak_get(weak) == slot_address(span, 1));
    EXPECT_EQ(tri_load(&fake_shaded_count), 1); /* WEAK-2 */
    EXPECT_EQ(tri_load(&fake_shaded[0]), (uintptr_t)slot_address(span, 1));
    fake_set_phase(TRI_GC_OFF);
    tri_set_finalizer(slot_address(span, 1), NULL);
    EXPECT_EQ(tri_load(&fake_shaded_count), 0);
    fake_turn();
    (void)fake_sweep(span);
    settle();
}

static void
get_once(int number, void *arg)
{
    struct tri_weak *weak = arg;
    if (number == 0) {
        EXPECT(tri_weak_get(*weak) != NULL);
        tri_add(&ran, 1);
        return;
    }
    /* Until the other waits, or has got what it must not. */
    int64_t give_up = test_now_ns() + INT64_C(20000000000);
    while (tri_load(&fake_waiting) == 0 && tri_load(&ran) == 0) {
        EXPECT(test_now_ns() < give_up);
        tri_os_sleep_ns(100000);
    }
    EXPECT_EQ(tri_load(&ran), 0); /* WEAK-3 */
    tri_weak_unblock();
}

TEST(a_get_waits_while_mark_termination_is_tried)
{
    fake_begin();
    struct tri_span *span = fake_span(KIND_64, 0);
    struct tri_weak weak = tri_weak_make(slot_address(span, 1));
    tri_store(&ran, 0);
    tri_weak_block();
    fake_threads(2, get_once, &weak);
    EXPECT_EQ(tri_load(&ran), 1);
    fake_turn();
    (void)fake_sweep(span);
}

/* ---- refusals ---- */

static int
try_add(void *ptr, void (*fn)(void *), void *arg)
{
    struct tri_cleanup cleanup = { 1, &cleanup };
    int error = tri_try_add_cleanup(&cleanup, ptr, fn, arg);
    if (error != 0)
        EXPECT(cleanup.id == 0 && cleanup.record == NULL);
    return error;
}

TEST(misuse_is_refused_and_changes_nothing)
{
    fake_begin();
    struct tri_span *span = fake_span(KIND_64, 0);
    char *object = slot_address(span, 7);
    int on_stack = 0;
    static int in_bss;
    struct tri_cleanup_stats before;
    struct tri_cleanup_stats after;
    tri_cleanup_stats_read(&before);
    EXPECT_EQ(try_add(NULL, count_run, NULL), -EINVAL);
    EXPECT_EQ(try_add(object, NULL, NULL), -EINVAL);
    EXPECT_EQ(try_add(&on_stack, count_run, NULL), -EINVAL);
    EXPECT_EQ(try_add((void *)(tri_space.base + tri_space.bytes - 8), count_run,
                      NULL),
              -EINVAL);
    EXPECT_EQ(try_add(object, count_run, object), -EINVAL);
    EXPECT_EQ(try_add(object, count_run, object + 63), -EINVAL);
    EXPECT_EQ(try_add(object + 9, count_run, object), -EINVAL);
    EXPECT_EQ(try_add(&in_bss, count_run, NULL), 0); /* a no-op handle */
    span->alloc_bits[0] &= ~(UINT64_C(1) << 8);
    EXPECT_EQ(try_add(object + 64, count_run, NULL), -EINVAL); /* a free slot */
    span->alloc_bits[0] |= UINT64_C(1) << 8;
    tri_cleanup_stats_read(&after);
    EXPECT_EQ(after.added, before.added);
    EXPECT_EQ(try_add(object, count_run, object + 64), 0); /* the neighbour */
    fake_turn();
    (void)fake_sweep(span);
    settle();
}

TEST(blocks_of_tiny_objects_may_hold_the_argument_too)
{
    fake_begin();
    struct tri_span *span =
        fake_span(tri_kind_noscan(tri_size_class_of(TRI_TINY_BYTES)), 0);
    char *block = slot_address(span, 0);
    EXPECT_EQ(try_add(block, count_run, block + 8), 0);
    EXPECT_EQ(try_add(block + 8, count_run, block + 8), -EINVAL);
    fake_turn();
    (void)fake_sweep(span);
    settle();
}

TEST(without_memory_an_add_is_refused_and_the_object_is_unharmed)
{
    fake_begin();
    settle();
    struct tri_span *span = fake_span(KIND_64, 0);
    tri_store(&ran, 0);
    uint32_t added = 0;
    uint32_t refused = 0;
    /* Enough that records, index cells and tables all have to be got. */
    while (added < 70000) {
        tri_store(&tri_os_fail_countdown, 1);
        int error = try_add(slot_address(span, added % span->slot_count),
                            count_run, NULL);
        tri_store(&tri_os_fail_countdown, 0);
        EXPECT(error == 0 || error == -ENOMEM);
        if (error == 0) {
            added++;
            continue;
        }
        refused++;
        EXPECT_EQ(try_add(slot_address(span, added % span->slot_count),
                          count_run, NULL),
                  0);
        added++;
    }
    EXPECT(refused > 0);
    expect_balance();
    fake_turn();
    (void)fake_sweep(span);
    settle();
    EXPECT_EQ(tri_load(&ran), added);
}

TEST(a_p_that_goes_leaves_nothing_behind)
{
    fake_begin();
    settle();
    struct tri_special_p *p = &tri_host_current_p()->special;
    struct tri_span *span = fake_span(KIND_64, 0);
    tri_store(&ran, 0);
    for (int i = 0; i < 40; i++)
        (void)tri_add_cleanup(slot_address(span, 0), count_run, NULL);
    fake_turn();
    (void)fake_sweep(span);
    EXPECT_EQ(p->queue_count, 40);
    fake_thread_end(); /* D-002 */
    fake_thread_begin();
    EXPECT_EQ(p->queue_count, 0);
    for (int class = 0; class < TRI_SPECIAL_CLASSES; class ++) {
        EXPECT_EQ(p->magazine[class].count, 0);
        EXPECT_EQ(p->magazine[class].spare_count, 0);
    }
    settle();
    EXPECT_EQ(tri_load(&ran), 40);
}

TEST_MAIN
