/* SPDX-License-Identifier: MIT */
/* alloc/span_pool.c: where span structs come from. */
#include "alloc/span_pool.h"

#include "base/persist.h"

#define SLAB_SPANS 32u

/* Under the heap lock. */
static struct tri_span_list pool;

static bool
add_slab(void)
{
    struct tri_span *slab = tri_persist_alloc(SLAB_SPANS * sizeof(*slab), 64);
    if (slab == NULL)
        return false;
    for (uint32_t i = SLAB_SPANS; i-- > 0;) {
        tri_lock_init(&slab[i].specials_lock, TRI_RANK_SPECIAL);
        tri_span_list_push(&pool, &slab[i]);
    }
    return true;
}

void
tri_span_pool_get(struct tri_span_list *list, uint32_t want)
{
    while (list->count < want && (pool.first != NULL || add_slab()))
        tri_span_list_push(list, tri_span_list_pop(&pool));
}

void
tri_span_pool_put(struct tri_span *span)
{
    tri_span_list_push(&pool, span);
}

void
tri_span_pool_put_list(struct tri_span_list *list)
{
    while (list->first != NULL)
        tri_span_list_push(&pool, tri_span_list_pop(list));
}
