/* SPDX-License-Identifier: MIT */
/* gc/special_index.c: index cells, and their tables by powers of two. */
#include "gc/special_index.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/fixpool.h"
#include "base/os.h"

/* A cell a span: 2^27 spans of one page are a terabyte of heap. */
#define CELLS_MAX    (UINT32_C(1) << 27)
#define CELLS_MIN    (UINT32_C(1) << 14)
#define COMMIT_CELLS (UINT32_C(1) << 13) /* 512 KiB a system call */

static struct {
    struct tri_lock lock;
    struct tri_index *base; /* [c] */
    uint32_t cells_max;     /* [c] */
    uint32_t committed;     /* [l] */
    uint32_t free;          /* [l] number of the first free cell, 0: none */
    TRI_ATOMIC(uint32_t)
    used; /* [a] cells ever handed out; written under lock */
} cells = { .lock = TRI_LOCK_INIT(RECORD_POOL) };

#define TABLE_BYTES(capacity)                                                  \
    (sizeof(struct tri_index_table) + (capacity) * sizeof(uint32_t))
#define TABLE_LOG2_MIN 3

/* By log2 of the capacity: 8, 16, ... 1024 slots. */
static struct tri_fixpool tables[] = {
    TRI_FIXPOOL_INIT(TABLE_BYTES(8)),   TRI_FIXPOOL_INIT(TABLE_BYTES(16)),
    TRI_FIXPOOL_INIT(TABLE_BYTES(32)),  TRI_FIXPOOL_INIT(TABLE_BYTES(64)),
    TRI_FIXPOOL_INIT(TABLE_BYTES(128)), TRI_FIXPOOL_INIT(TABLE_BYTES(256)),
    TRI_FIXPOOL_INIT(TABLE_BYTES(512)), TRI_FIXPOOL_INIT(TABLE_BYTES(1024)),
};

static struct tri_fixpool *
table_pool(uint32_t capacity)
{
    return &tables[__builtin_ctz(capacity) - TABLE_LOG2_MIN];
}

int
tri_index_init(void)
{
    size_t most = (size_t)CELLS_MAX * sizeof(struct tri_index);
    size_t count = tri_os_share(most, 1) / sizeof(struct tri_index);
    void *base;
    for (;;) {
        base = tri_os_reserve(count * sizeof(struct tri_index), 1u << 16);
        if (base != NULL)
            break;
        count /= 2;
        if (count < CELLS_MIN)
            return -ENOMEM;
    }
    cells.base = base;
    cells.cells_max = (uint32_t)count;
    return 0;
}

/* A cell never used before, 0: no memory.  Cell 0 stays unused.  Lock held. */
static uint32_t
cut_cell_locked(void)
{
    /* Relaxed: written only under the lock, which we hold. */
    uint32_t number = tri_load_relaxed(&cells.used);
    if (number == 0)
        number = 1;
    if (number >= cells.cells_max)
        return 0;
    if (number >= cells.committed) {
        size_t bytes = COMMIT_CELLS * sizeof(struct tri_index);
        if (tri_os_commit(cells.base + cells.committed, bytes) != 0)
            return 0;
        cells.committed += COMMIT_CELLS;
    }
    /* Release pairs with the acquire in tri_index_each_span. */
    tri_store_release(&cells.used, number + 1);
    return number;
}

struct tri_index *
tri_index_new(struct tri_span *span, uint32_t slot_count)
{
    TRI_CHECK(slot_count >= 1 && slot_count <= TRI_INDEX_SLOTS_MAX,
              "a span of %u slots", slot_count);
    tri_lock(&cells.lock);
    uint32_t number = cells.free;
    if (number != 0)
        cells.free = cells.base[number].free_next;
    else
        number = cut_cell_locked();
    tri_unlock(&cells.lock);
    if (number == 0)
        return NULL;

    struct tri_index *index = cells.base + number;
    index->table = NULL;
    index->slot_count = slot_count;
    index->used = 0;
    /* Release pairs with the acquire in tri_index_each_span. */
    tri_store_release(&index->span, span);
    return index;
}

void
tri_index_free(struct tri_index *index)
{
    TRI_CHECK(index->used == 0, "IDX-1: an index in use is freed");
    /* Relaxed: a walker that still sees the span meets a stale one (S-007). */
    tri_store_relaxed(&index->span, NULL);
    if (index->table != NULL)
        tri_fixpool_free(table_pool(index->table->capacity), index->table);
    index->table = NULL;
    tri_lock(&cells.lock);
    index->free_next = cells.free;
    cells.free = (uint32_t)(index - cells.base);
    tri_unlock(&cells.lock);
}

/* Where `slot` stands among the few, or -1. */
static int
find_few(const struct tri_index *index, uint32_t slot)
{
    for (uint32_t i = 0; i < index->used; i++)
        if (index->slot[i] == slot)
            return (int)i;
    return -1;
}

uint32_t
tri_index_get(const struct tri_index *index, uint32_t slot)
{
    if (index->table != NULL)
        return index->table->first[slot];
    int i = find_few(index, slot);
    return i < 0 ? 0 : index->first[i];
}

static void
put_table(struct tri_index_table *table, uint32_t slot, uint32_t record)
{
    table->bits[slot / 64] |= UINT64_C(1) << (slot % 64);
    table->first[slot] = record;
}

/* Moves the few into a table. */
TRI_NOINLINE static bool
grow(struct tri_index *index)
{
    uint32_t capacity = 1u << TABLE_LOG2_MIN;
    while (capacity < index->slot_count)
        capacity *= 2;
    struct tri_index_table *table = tri_fixpool_alloc(table_pool(capacity));
    if (table == NULL)
        return false;
    memset(table, 0, TABLE_BYTES(capacity));
    table->capacity = capacity;
    for (uint32_t i = 0; i < index->used; i++)
        put_table(table, index->slot[i], index->first[i]);
    index->table = table;
    return true;
}

bool
tri_index_put(struct tri_index *index, uint32_t slot, uint32_t record)
{
    TRI_DCHECK(slot < index->slot_count, "slot %u of %u", slot,
               index->slot_count);
    if (index->table == NULL) {
        int i = find_few(index, slot);
        if (i >= 0) {
            index->first[i] = record;
            return true;
        }
        if (index->used < TRI_INDEX_FEW) {
            index->slot[index->used] = (uint16_t)slot;
            index->first[index->used++] = record;
            return true;
        }
        if (!grow(index))
            return false;
    }
    if (index->table->first[slot] == 0)
        index->used++;
    put_table(index->table, slot, record);
    return true;
}

void
tri_index_drop(struct tri_index *index, uint32_t slot)
{
    struct tri_index_table *table = index->table;
    if (table != NULL) {
        TRI_DCHECK(table->first[slot] != 0, "slot %u carries none", slot);
        table->bits[slot / 64] &= ~(UINT64_C(1) << (slot % 64));
        table->first[slot] = 0;
        index->used--;
        return;
    }
    int i = find_few(index, slot);
    TRI_CHECK(i >= 0, "slot %u carries none", slot);
    index->used--;
    index->slot[i] = index->slot[index->used];
    index->first[i] = index->first[index->used];
}

uint64_t
tri_index_word(const struct tri_index *index, uint32_t word)
{
    if (index->table != NULL)
        return index->table->bits[word];
    uint64_t bits = 0;
    for (uint32_t i = 0; i < index->used; i++)
        if (index->slot[i] / 64u == word)
            bits |= UINT64_C(1) << (index->slot[i] % 64u);
    return bits;
}

void
tri_index_each_span(void (*visit)(struct tri_span *span))
{
    /* Acquire pairs with the release in cut_cell_locked. */
    uint32_t used = tri_load_acquire(&cells.used);
    for (uint32_t i = 1; i < used; i++) {
        /* Acquire pairs with the release in tri_index_new. */
        struct tri_span *span = tri_load_acquire(&cells.base[i].span);
        if (span != NULL)
            visit(span);
    }
}
