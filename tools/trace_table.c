/* SPDX-License-Identifier: MIT */
/* tools/trace_table.c: open addressing, linear probing, at most half full. */
#include "tools/trace_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct slot {
    uint64_t key;
    uint64_t used;
};

static size_t
slot_bytes(const struct trace_table *table)
{
    return sizeof(struct slot) + ((table->value_bytes + 7) & ~(size_t)7);
}

static struct slot *
slot_at(const struct trace_table *table, size_t index)
{
    return (struct slot *)(void *)(table->slots + index * slot_bytes(table));
}

/* The slot of `key`, or the free one where it belongs. */
static struct slot *
probe(const struct trace_table *table, uint64_t key)
{
    size_t index = (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 20);
    for (;; index++) {
        struct slot *slot = slot_at(table, index & (table->capacity - 1));
        if (!slot->used || slot->key == key)
            return slot;
    }
}

static void
grow(struct trace_table *table)
{
    struct trace_table old = *table;
    table->capacity = old.capacity == 0 ? 64 : old.capacity * 2;
    table->slots = calloc(table->capacity, slot_bytes(table));
    if (table->slots == NULL) {
        fputs("tricolor trace: out of memory\n", stderr);
        exit(3);
    }
    for (size_t i = 0; i < old.capacity; i++) {
        struct slot *slot = slot_at(&old, i);
        if (slot->used)
            memcpy(probe(table, slot->key), slot, slot_bytes(table));
    }
    free(old.slots);
}

void *
trace_table_at(struct trace_table *table, uint64_t key, bool *is_new)
{
    if (table->count * 2 >= table->capacity)
        grow(table);
    struct slot *slot = probe(table, key);
    *is_new = !slot->used;
    if (!slot->used) {
        slot->used = 1;
        slot->key = key;
        table->count++;
    }
    return slot + 1;
}

void *
trace_table_find(const struct trace_table *table, uint64_t key)
{
    if (table->capacity == 0)
        return NULL;
    struct slot *slot = probe(table, key);
    return slot->used ? slot + 1 : NULL;
}

void
trace_table_each(const struct trace_table *table,
                 void (*fn)(uint64_t key, void *value, void *arg), void *arg)
{
    for (size_t i = 0; i < table->capacity; i++) {
        struct slot *slot = slot_at(table, i);
        if (slot->used)
            fn(slot->key, slot + 1, arg);
    }
}

void
trace_table_free(struct trace_table *table)
{
    free(table->slots);
    table->slots = NULL;
    table->count = 0;
    table->capacity = 0;
}
