/* SPDX-License-Identifier: MIT */
/*
 * alloc/span_set.c: the concurrent bag of spans.
 *
 * Pushes take places 0, 1, 2 ... with one fetch-and-add on the low half of
 * `index`; pops take them in the same order with a CAS on the high half.  Both
 * halves lie in one word, so a pop that finds pops < pushes and wins its CAS
 * owns a place that some push owns too: if the span is not there yet it will be
 * in a moment (the pusher is in a critical section, so no signal parks it).
 *
 * Place i is slot i % 512 of block i / 512.  The pusher that takes the first
 * place of a block adds the block; pushers of its other places wait for that.
 * The pop that empties the last place of a block retires it.
 */
#include "alloc/span_set.h"

#include "base/check.h"
#include "base/lfstack.h"
#include "base/os.h"
#include "base/persist.h"

#define BLOCK_SPANS 512u
#define SPINE_FIRST 16u
#define REST_NS     INT64_C(50000)

/* Type-stable, off-heap: on `free_blocks` or in one set's spine. */
struct block {
    struct tri_lfnode node;
    TRI_ATOMIC(uint32_t) popped; /* [a] places taken out so far */
    TRI_ATOMIC(struct tri_span *) span[BLOCK_SPANS] TRI_CACHE_ALIGNED; /* [a] */
} TRI_CACHE_ALIGNED;

static struct tri_lfstack free_blocks;

/* Spins a while, then sleeps, and does not yield (STW-5): what we wait for is a few
 * instructions of a thread that the system may have put aside. */
static void
back_off(uint32_t *turn)
{
    if (++*turn < 64)
        tri_cpu_relax();
    else
        tri_os_sleep_ns(REST_NS);
}

static struct block *
block_new(void)
{
    struct tri_lfnode *node = tri_lfstack_pop(&free_blocks);
    if (node != NULL)
        return TRI_CONTAINER_OF(node, struct block, node);
    struct block *block = tri_persist_alloc(sizeof(*block), 64);
    TRI_CHECK(block != NULL, "out of memory: a block of a span set");
    return block;
}

/* All its places were popped, or it never had any taken. */
static void
block_free(struct block *block)
{
    /* Relaxed: published by the push below. */
    tri_store_relaxed(&block->popped, 0);
    tri_lfstack_push(&free_blocks, &block->node);
}

static TRI_ATOMIC(struct block *) *
spine_entry(void *spine, uint32_t i)
{
    return (TRI_ATOMIC(struct block *) *)spine + i;
}

/* A spine twice as long, with the same blocks. */
static void
grow_spine(struct tri_span_set *set)
{
    uint32_t old = set->spine_capacity;
    uint32_t capacity = old == 0 ? SPINE_FIRST : 2 * old;
    void *spine = tri_persist_alloc(capacity * sizeof(struct block *), 64);
    TRI_CHECK(spine != NULL, "out of memory: the spine of a span set");
    /* Relaxed: written under grow_lock, which we hold. */
    void *from = tri_load_relaxed(&set->spine);
    for (uint32_t i = 0; i < old; i++)
        /* Relaxed: published by the release of `spine`. */
        tri_store_relaxed(spine_entry(spine, i),
                          tri_load_relaxed(spine_entry(from, i)));
    set->spine_capacity = capacity;
    /* Release pairs with the acquire in block_at. */
    tri_store_release(&set->spine, spine);
}

/* Adds blocks until there is number `i`. */
static TRI_COLD void
add_blocks(struct tri_span_set *set, uint32_t i)
{
    uint32_t turn = 0;
    /* Acquire pairs with the release of the lock below. */
    while (tri_swap_acquire(&set->grow_lock, 1) != 0)
        back_off(&turn);
    /* Relaxed: written under the lock. */
    uint32_t length = tri_load_relaxed(&set->spine_length);
    for (; length <= i; length++) {
        if (length == set->spine_capacity)
            grow_spine(set);
        /* Release pairs with the acquire in block_at. */
        tri_store_release(spine_entry(tri_load_relaxed(&set->spine), length),
                          block_new());
        /* Release pairs with the acquire in block_at. */
        tri_store_release(&set->spine_length, length + 1);
    }
    tri_store_release(&set->grow_lock, 0);
}

/* Block number `i`, or NULL: not added yet. */
static inline struct block *
block_at(struct tri_span_set *set, uint32_t i)
{
    /* Acquire pairs with the releases in add_blocks: below the length, the
     * spine and its entry are there. */
    if (TRI_UNLIKELY(tri_load_acquire(&set->spine_length) <= i))
        return NULL;
    void *spine = tri_load_acquire(&set->spine);
    return tri_load_acquire(spine_entry(spine, i));
}

void
tri_span_set_push(struct tri_span_set *set, struct tri_span *span)
{
    /* Relaxed: only claims the place; the span goes with the release below. */
    uint32_t place = (uint32_t)tri_add_relaxed(&set->index, 1);
    TRI_CHECK(place != UINT32_MAX, "span set: 2^32 pushes without a reset");
    struct block *block = block_at(set, place / BLOCK_SPANS);
    if (TRI_UNLIKELY(block == NULL)) {
        add_blocks(set, place / BLOCK_SPANS);
        block = block_at(set, place / BLOCK_SPANS);
    }
    /* Release pairs with the acquire in tri_span_set_pop. */
    tri_store_release(&block->span[place % BLOCK_SPANS], span);
}

/* Claims the next place to pop; false: the set is empty. */
static inline bool
claim_place(struct tri_span_set *set, uint32_t *place)
{
    /* Relaxed: a guess, the CAS decides. */
    uint64_t index = tri_load_relaxed(&set->index);
    do {
        *place = (uint32_t)(index >> 32);
        if (*place == (uint32_t)index)
            return false;
        /* Relaxed: the span comes with the acquire in tri_span_set_pop. */
    } while (
        !tri_cas_relaxed(&set->index, &index, index + (UINT64_C(1) << 32)));
    return true;
}

struct tri_span *
tri_span_set_pop(struct tri_span_set *set)
{
    uint32_t place = 0;
    if (!claim_place(set, &place))
        return NULL;
    uint32_t turn = 0;
    struct block *block;
    while ((block = block_at(set, place / BLOCK_SPANS)) == NULL)
        back_off(&turn);
    TRI_ATOMIC(struct tri_span *) *slot = &block->span[place % BLOCK_SPANS];
    struct tri_span *span;
    /* Acquire pairs with the release in tri_span_set_push. */
    while ((span = tri_load_acquire(slot)) == NULL)
        back_off(&turn);
    /* Relaxed: the next writer of this place gets it through `popped`. */
    tri_store_relaxed(slot, NULL);

    /* Both ways: releases our emptying of the place, and the last of the 512
     * acquires all of them.  The spine's entry may stay: nobody looks at it
     * again before add_blocks overwrites it. */
    if (tri_add(&block->popped, 1) + 1 == BLOCK_SPANS)
        block_free(block);
    return span;
}

bool
tri_span_set_empty(struct tri_span_set *set)
{
    uint64_t index = tri_load(&set->index);
    return index >> 32 == (uint32_t)index;
}

void
tri_span_set_reset(struct tri_span_set *set)
{
    TRI_CHECK(tri_span_set_empty(set),
              "span set: reset with spans in it (SET-2)");
    uint64_t index = tri_load(&set->index);
    if (index == 0)
        return;
    /* The block of the last places is left if not all of them were used. */
    uint32_t i = (uint32_t)index / BLOCK_SPANS;
    struct block *block = block_at(set, i);
    if (block != NULL) {
        /* Relaxed here and below: nobody else is about (SET-2). */
        TRI_CHECK(tri_load_relaxed(&block->popped)
                      == (uint32_t)index % BLOCK_SPANS,
                  "span set: reset during a push or pop (SET-2)");
        block_free(block);
    }
    tri_store_relaxed(&set->spine_length, 0);
    tri_store(&set->index, 0);
}
