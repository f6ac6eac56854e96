/* SPDX-License-Identifier: MIT */
/*
 * alloc/span_pool.h: span structs, type-stable (SPAN-2).
 *
 * Not base/fixpool: the structs travel in short lists, so that a P gets a
 * handful with the pages it allocates, under the heap lock it holds anyway, and
 * then makes spans without a lock; and no byte of a freed struct is overwritten.
 */
#ifndef TRI_ALLOC_SPAN_POOL_H
#define TRI_ALLOC_SPAN_POOL_H

#include "alloc/span.h"

/* Linked by span->next; all of them dead. */
struct tri_span_list {
    struct tri_span *first;
    uint32_t count;
};

static inline struct tri_span *
tri_span_list_pop(struct tri_span_list *list)
{
    struct tri_span *span = list->first;
    if (span != NULL) {
        list->first = span->next;
        list->count--;
    }
    return span;
}

static inline void
tri_span_list_push(struct tri_span_list *list, struct tri_span *span)
{
    span->next = list->first;
    list->first = span;
    list->count++;
}

/* Fills `list` up to `want` structs; stops short when memory does.  The first
 * life of a struct starts zeroed, its specials_lock ready.  Heap lock. */
void tri_span_pool_get(struct tri_span_list *list, uint32_t want);

/* Takes one, or a list, back.  Heap lock. */
void tri_span_pool_put(struct tri_span *span);
void tri_span_pool_put_list(struct tri_span_list *list);

#endif /* TRI_ALLOC_SPAN_POOL_H */
