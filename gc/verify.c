/* SPDX-License-Identifier: MIT */
/*
 * gc/verify.c: the second marker; see verify.h.  It shares with the first only
 * how a word is classified, so an error in scanning, ordering, the barrier or
 * black allocation cannot hide itself.
 *
 * It keeps its own bits in tables of the same shape as the mark tables, off the
 * heap, mapped at first use and given back after each run, and its own stack,
 * which grows by doubling.
 *
 *   VERIFY-1  A word of a stack, a register or static data counts only if it is
 *             the very address that an allocation returned, and, if that object
 *             is white, no marked one ends there and no span begins there;
 *             otherwise half an old word with a byte written over it, the end of
 *             an array, and what the sweeper works on would pass for references.
 *             What is lost and only referred to by such words shows when it is
 *             used (clobberfree), or when its address itself lies about.
 */
#include "gc/verify.h"

#include <string.h>

#include "alloc/span.h"
#include "base/check.h"
#include "base/os.h"
#include "gc/gc.h"
#include "gc/mark.h"
#include "gc/phase.h"
#include "gc/root.h"
#include "gc/type.h"

#define STACK_FIRST ((size_t)1 << 16)

struct visit {
    uintptr_t word;
    uintptr_t from; /* where it was found: a slot, or a root word's address */
};

static struct {
    uint8_t *tables[TRI_MARK_TABLES]; /* twins of tri_space.mark_tables */
    struct visit *stack;
    size_t capacity;
    size_t count;
    uint64_t objects;
} verify;

static size_t
table_bytes(int table)
{
    return (tri_space.bytes >> TRI_PAGE_SHIFT) << (table + TRI_MARK_SHIFT_MIN);
}

static void
map_tables(void)
{
    for (int i = 0; i < TRI_MARK_TABLES && verify.tables[i] == NULL; i++) {
        verify.tables[i] = tri_os_map(table_bytes(i));
        TRI_CHECK(verify.tables[i] != NULL,
                  "gccheckmark: no address space for the second mark bits");
    }
    if (verify.stack == NULL) {
        verify.stack = tri_os_map(STACK_FIRST * sizeof(struct visit));
        TRI_CHECK(verify.stack != NULL, "gccheckmark: out of memory");
        verify.capacity = STACK_FIRST;
    }
}

static void
grow_stack(void)
{
    size_t bytes = verify.capacity * sizeof(struct visit);
    struct visit *bigger = tri_os_grow(verify.stack, bytes, bytes * 2);
    TRI_CHECK(bigger != NULL, "gccheckmark: out of memory");
    verify.stack = bigger;
    verify.capacity *= 2;
}

static void
push(uintptr_t word, uintptr_t from)
{
    if (verify.count == verify.capacity)
        grow_stack();
    verify.stack[verify.count++] = (struct visit){ word, from };
}

/* The second bit of a target; true if it was clear. */
static bool
set_second_mark(const struct tri_target *target)
{
    int table = tri_kinds[target->kind].mark_shift - TRI_MARK_SHIFT_MIN;
    size_t at =
        (size_t)((uint8_t *)target->mark_word - tri_space.mark_tables[table]);
    uint64_t *word = (uint64_t *)(void *)(verify.tables[table] + at);
    bool fresh = (*word & target->mark_bit) == 0;
    *word |= target->mark_bit;
    return fresh;
}

static TRI_COLD TRI_NORETURN void
report_white(const struct visit *visit, const struct tri_target *target)
{
    const struct tri_kind *kind = &tri_kinds[target->kind];
    tri_fatal("gccheckmark: the object at %p (kind %u, %u bytes, found through "
              "%p, referred to from %p) is reachable but was not marked in "
              "cycle %u: a lost object",
              (void *)target->slot, target->kind, kind->slot_bytes,
              (void *)visit->word, (void *)visit->from,
              tri_load(&tri_collector.cycle));
}

/* A word of untyped memory counts only if it hits an allocated slot. */
static TRI_NO_SANITIZE bool
hits_object(uintptr_t word)
{
    struct tri_span *span = tri_span_of(word);
    return span != NULL
        && tri_span_slot_allocated(span, tri_span_slot_index(span, word));
}

static void
push_if_object(uintptr_t word, uintptr_t from)
{
    if (hits_object(word))
        push(word, from);
}

static TRI_NO_SANITIZE uintptr_t
read_word(uintptr_t at)
{
    return *(const volatile uintptr_t *)at;
}

static void
push_elements(uintptr_t lo, uintptr_t hi, const struct tri_type_info *info)
{
    if (info->conservative) {
        for (uintptr_t at = lo; at + 8 <= hi; at += 8)
            push_if_object(read_word(at), lo);
        return;
    }
    for (uintptr_t e = lo; e + info->bytes <= hi; e += info->bytes)
        for (size_t w = 0; w < info->pointer_words; w++)
            if ((info->mask[w / 64] >> (w % 64) & 1) != 0)
                push(read_word(e + w * 8), e);
}

/* Everything an object's slot refers to. */
static void
push_children(const struct tri_target *target)
{
    const struct tri_kind *kind = &tri_kinds[target->kind];
    uintptr_t slot = target->slot;
    if (kind->scan == TRI_SCAN_MASK) {
        for (uint32_t w = 0; w < 64; w++)
            if ((kind->pointer_mask >> w & 1) != 0)
                push(read_word(slot + w * 8), slot);
    } else if (kind->scan == TRI_SCAN_HEADER) {
        const struct tri_type_info *info =
            (const struct tri_type_info *)read_word(slot);
        if (info != NULL)
            push_elements(slot + 8, slot + kind->slot_bytes, info);
    } else if (kind->scan == TRI_SCAN_LARGE) {
        struct tri_span *span = tri_span_of(slot);
        const struct tri_type_info *info = tri_load(&span->large_type);
        if (info != NULL)
            push_elements(slot, slot + span->large_bytes, info);
    }
}

static void
visit_one(const struct visit *visit)
{
    struct tri_target target;
    if (!tri_mark_resolve(visit->word, &target) || !set_second_mark(&target))
        return;
    verify.objects++;
    if (!tri_mark_is_marked(visit->word))
        report_white(visit, &target);
    push_children(&target);
}

static void
drain(void)
{
    while (verify.count != 0) {
        struct visit visit = verify.stack[--verify.count];
        visit_one(&visit);
    }
}

/* VERIFY-1. */
static bool
is_an_address(uintptr_t word)
{
    struct tri_target target;
    if (!hits_object(word) || !tri_mark_resolve(word, &target))
        return false;
    uintptr_t header = tri_kinds[target.kind].scan == TRI_SCAN_HEADER ? 8 : 0;
    if (word != target.slot + header)
        return false;
    if (tri_mark_is_marked(word))
        return true;
    uintptr_t below = target.slot - 1;
    return target.slot != tri_span_of(word)->base
        && !(hits_object(below) && tri_mark_is_marked(below));
}

static void
visit_range(uintptr_t lo, uintptr_t hi, void *unused)
{
    (void)unused;
    for (uintptr_t at = lo; at + 8 <= hi; at += 8) {
        uintptr_t word = read_word(at);
        if (is_an_address(word))
            push(word, at);
        drain();
    }
}

static void
visit_through(uintptr_t object, void *unused)
{
    (void)unused;
    struct tri_target target;
    if (tri_mark_resolve(object, &target))
        push_children(&target);
    drain();
}

/*
 * Slots in an allocation cache count as allocated and are black, but are cleared
 * only when they are handed out.  A stale word on a stack may lead to one, and
 * what its last object referred to may be gone; the marker never looks inside
 * (it finds them black), we would.
 */
static void
clear_reserved_slots(void)
{
    for (int i = 0; i < tri_host_proc_count(); i++) {
        struct tri_pcache *cache = tri_gc_p_cache(tri_host_proc(i));
        for (uint32_t kind = 0; kind < TRI_KIND_MAX; kind++) {
            const struct tri_slot_cache *slots = &cache->slot[kind];
            uint64_t in_hand = slots->free | slots->reserved;
            for (uint64_t f = in_hand; f != 0; f &= f - 1) {
                uint64_t index = (uint64_t)__builtin_ctzll(f);
                memset((void *)(slots->base + index * slots->slot_bytes), 0,
                       slots->slot_bytes);
            }
        }
    }
}

void
tri_verify_marks(void)
{
    map_tables();
    clear_reserved_slots();
    tri_root_visit_all(visit_range, visit_through, NULL);
    for (int i = 0; i < TRI_MARK_TABLES; i++)
        tri_os_release(verify.tables[i], table_bytes(i));
}

uint64_t
tri_verify_objects_total(void)
{
    return verify.objects;
}
