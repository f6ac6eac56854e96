/* SPDX-License-Identifier: MIT */
/* gc/special_link.c: lists of records by slot, under the span's lock. */
#include "gc/special_link.h"

#include <link.h>

#include "base/check.h"
#include "gc/special.h"
#include "gc/special_index.h"
#include "gc/sweep.h"

static struct tri_index *
index_of(struct tri_span *span)
{
    /* Relaxed: written only under specials_lock, which we hold. */
    return tri_load_relaxed(&span->specials);
}

static uint32_t
slot_of(struct tri_span *span, const struct tri_special *record)
{
    /* Relaxed: constant while the record is linked. */
    return tri_span_slot_index(span, tri_load_relaxed(&record->object));
}

struct tri_special *
tri_special_find_locked(struct tri_span *span, uintptr_t object,
                        enum tri_special_kind kind)
{
    tri_lock_assert_held(&span->specials_lock);
    struct tri_index *index = index_of(span);
    if (index == NULL)
        return NULL;
    uint32_t number = tri_index_get(index, tri_span_slot_index(span, object));
    while (number != 0) {
        struct tri_special *record = tri_special_at(number);
        /* Relaxed: constant while linked. */
        if (tri_load_relaxed(&record->object) == object
            && tri_load_relaxed(&record->kind) == kind)
            return record;
        number = record->next;
    }
    return NULL;
}

bool
tri_special_link_locked(struct tri_span *span, struct tri_special *record,
                        uint64_t id)
{
    tri_lock_assert_held(&span->specials_lock);
    /* Relaxed: it is swept, in this section. */
    uint32_t behind = tri_sweep_gen() - tri_load_relaxed(&span->sweep_gen);
    TRI_DCHECK(behind == 0 || behind == UINT32_C(0) - 3,
               "SPEC-1: a special is added to a span that is not swept");
    struct tri_index *index = index_of(span);
    if (index == NULL) {
        index = tri_index_new(span, span->slot_count);
        if (index == NULL)
            return false;
        /* Relaxed: tri_span_has_specials says why. */
        tri_store_relaxed(&span->specials, index);
    }
    uint32_t slot = slot_of(span, record);
    uint32_t first = tri_index_get(index, slot);
    if (!tri_index_put(index, slot, tri_special_number(record)))
        return false; /* an empty index stays for the sweeper (IDX-1) */
    record->next = first;
    record->prev = 0;
    if (first != 0)
        tri_special_at(first)->prev = tri_special_number(record);
    /* Release pairs with the acquire in tri_cleanup_stop. */
    tri_store_release(&record->span, span);
    /* Release pairs with the acquire in scan_record and Stop's CAS. */
    tri_store_release(&record->word, tri_special_word(id, TRI_SPECIAL_ARMED));
    return true;
}

void
tri_special_unlink_locked(struct tri_span *span, struct tri_special *record)
{
    tri_lock_assert_held(&span->specials_lock);
    /* Relaxed: changes only under the lock we hold (LIFE-2). */
    TRI_CHECK(tri_load_relaxed(&record->span) == span,
              "LIFE-2: a record is unlinked from a span it is not in");
    struct tri_index *index = index_of(span);
    if (record->next != 0)
        tri_special_at(record->next)->prev = record->prev;
    if (record->prev != 0) {
        tri_special_at(record->prev)->next = record->next;
    } else if (record->next != 0) {
        bool replaced =
            tri_index_put(index, slot_of(span, record), record->next);
        TRI_CHECK(replaced, "replacing a slot's first record failed");
    } else {
        tri_index_drop(index, slot_of(span, record));
    }
    record->next = 0;
    record->prev = 0;
    tri_store_relaxed(&record->span, NULL);
}

void
tri_special_ensure_swept(struct tri_span *span)
{
    tri_sweep_ensure_swept(span);
    struct tri_special_p *p = tri_special_here();
    if (p->queue_count != 0)
        tri_specials_publish(p);
}

struct tri_span *
tri_special_span_of(uintptr_t object)
{
    struct tri_span *span = tri_span_of(object);
    if (span == NULL)
        return NULL;
    tri_special_ensure_swept(span);
    if (!tri_span_slot_allocated(span, tri_span_slot_index(span, object)))
        return NULL;
    return span;
}

/* Is the address in a loaded segment of this object? */
static int
in_loaded_object(struct dl_phdr_info *info, size_t bytes, void *arg)
{
    (void)bytes;
    uintptr_t address = *(uintptr_t *)arg;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_LOAD
            && address - (info->dlpi_addr + info->dlpi_phdr[i].p_vaddr)
                   < info->dlpi_phdr[i].p_memsz)
            return 1;
    }
    return 0;
}

bool
tri_special_is_static(const void *pointer)
{
    uintptr_t address = (uintptr_t)pointer;
    return dl_iterate_phdr(in_loaded_object, &address) != 0;
}
