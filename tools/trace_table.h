/* SPDX-License-Identifier: MIT */
/*
 * tools/trace_table.h: a hash table from 64-bit keys to values of one size,
 * zeroed when they are new.  Nothing is ever removed.
 */
#ifndef TRICOLOR_TRACE_TABLE_H
#define TRICOLOR_TRACE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trace_table {
    size_t value_bytes;
    size_t count;
    size_t capacity; /* 0 or a power of two */
    unsigned char *slots;
};

/* The value of `key`, made if it is new; good until the next call.  Ends the
 * program when memory is out: a check cannot go on without. */
void *trace_table_at(struct trace_table *table, uint64_t key, bool *is_new);
/* NULL: there is none. */
void *trace_table_find(const struct trace_table *table, uint64_t key);
/* Calls fn for every key. */
void trace_table_each(const struct trace_table *table,
                      void (*fn)(uint64_t key, void *value, void *arg),
                      void *arg);
void trace_table_free(struct trace_table *table);

#endif /* TRICOLOR_TRACE_TABLE_H */
