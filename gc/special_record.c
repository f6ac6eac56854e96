/* SPDX-License-Identifier: MIT */
/*
 * gc/special_record.c: records: slabs, batches, magazines, ids.
 *
 * A P allocates and frees in its own magazine, two chains per class.  Whole
 * batches move to and from a common stack under one lock: the first record of a
 * batch links to the next batch by `prev` and holds the count in `count`.  Slabs
 * are cut from the reservation when the stack is empty, and are for ever.
 */
#include "gc/special_record.h"

#include <errno.h>

#include "base/check.h"
#include "base/lock.h"
#include "base/os.h"
#include "gc/gc.h"

/* 2^28 records are 16 GiB of address space: more than a heap of a terabyte can
 * carry.  Where less address space is to be had, half, and so on. */
#define RECORDS_MAX (UINT32_C(1) << 28)
#define RECORDS_MIN (UINT32_C(1) << 15)
/* Slabs are made usable by this many: one system call per MiB. */
#define COMMIT_SLABS 32u
#define SLAB_BYTES   (TRI_SLAB_RECORDS * TRI_SPECIAL_BYTES)
/* Ids leave the common counter in ranges: one shared add per 1024 cleanups. */
#define ID_RANGE 1024u

/* Keys: [l] `lock`; [a] atomic; [c] constant after init. */
struct pool {
    struct tri_lock lock;
    uint32_t batch[TRI_SPECIAL_CLASSES];   /* [l] stack of batches */
    uint32_t cut[TRI_SPECIAL_CLASSES];     /* [l] next record never used */
    uint32_t cut_end[TRI_SPECIAL_CLASSES]; /* [l] */
    uint32_t slabs_max;                    /* [c] */
    uint32_t slabs_committed;              /* [l] */
    TRI_ATOMIC(uint32_t) slab_count;       /* [a] written under lock */
    TRI_ATOMIC(uint64_t) next_id;          /* [a] */
};

static struct pool pool = { .lock = TRI_LOCK_INIT(RECORD_POOL), .next_id = 1 };

struct tri_special *tri_special_base;

int
tri_special_records_init(void)
{
    size_t most = (size_t)RECORDS_MAX * TRI_SPECIAL_BYTES;
    size_t count = tri_os_share(most, 1) / TRI_SPECIAL_BYTES;
    void *base;
    for (;;) {
        base = tri_os_reserve(count * TRI_SPECIAL_BYTES, SLAB_BYTES);
        if (base != NULL)
            break;
        count /= 2;
        if (count < RECORDS_MIN)
            return -ENOMEM;
    }
    tri_os_name(base, count * TRI_SPECIAL_BYTES, "tricolor: specials");
    tri_special_base = base;
    pool.slabs_max = (uint32_t)(count / TRI_SLAB_RECORDS);
    return 0;
}

/* A new slab of this class to cut from.  False: no memory.  Lock held. */
static bool add_slab_locked(enum tri_special_class class)
{
    /* Relaxed: written only under the lock, which we hold. */
    uint32_t slab = tri_load_relaxed(&pool.slab_count);
    if (slab == pool.slabs_max)
        return false;
    struct tri_special *head = tri_special_at(slab * TRI_SLAB_RECORDS);
    if (slab == pool.slabs_committed) {
        uint32_t count = pool.slabs_max - slab;
        if (count > COMMIT_SLABS)
            count = COMMIT_SLABS;
        if (tri_os_commit(head, (size_t)count * SLAB_BYTES) != 0)
            return false;
        pool.slabs_committed += count;
    }
    head->class = (uint8_t) class;
    pool.cut[class] = slab * TRI_SLAB_RECORDS + 1;
    pool.cut_end[class] = (slab + 1) * TRI_SLAB_RECORDS;
    /* Release pairs with the acquire in tri_special_slab_count. */
    tri_store_release(&pool.slab_count, slab + 1);
    return true;
}

/* Up to a batch of records never used before.  Lock held. */
static void
cut_batch_locked(struct tri_magazine *magazine, enum tri_special_class class)
{
    if (pool.cut[class] == pool.cut_end[class] && !add_slab_locked(class))
        return;
    uint32_t count = pool.cut_end[class] - pool.cut[class];
    if (count > TRI_SPECIAL_BATCH)
        count = TRI_SPECIAL_BATCH;
    uint32_t first = pool.cut[class];
    for (uint32_t i = 0; i < count; i++) {
        struct tri_special *record = tri_special_at(first + i);
        record->class = (uint8_t) class;
        record->next = i + 1 < count ? first + i + 1 : 0;
    }
    pool.cut[class] += count;
    magazine->head = first;
    magazine->count = count;
}

TRI_NOINLINE static void
refill(struct tri_magazine *magazine, enum tri_special_class class)
{
    tri_lock(&pool.lock);
    uint32_t first = pool.batch[class];
    if (first != 0) {
        struct tri_special *record = tri_special_at(first);
        pool.batch[class] = record->prev;
        magazine->head = first;
        magazine->count = record->count;
    } else {
        cut_batch_locked(magazine, class);
    }
    tri_unlock(&pool.lock);
}

/* A chain of count records goes to the common stack. */
TRI_NOINLINE static void
give_back(enum tri_special_class class, uint32_t first, uint32_t count)
{
    struct tri_special *record = tri_special_at(first);
    record->count = count;
    tri_lock(&pool.lock);
    record->prev = pool.batch[class];
    pool.batch[class] = first;
    tri_unlock(&pool.lock);
}

struct tri_special *
tri_special_alloc(struct tri_special_p *p, enum tri_special_class class)
{
    struct tri_magazine *magazine = &p->magazine[class];
    if (TRI_UNLIKELY(magazine->count == 0)) {
        magazine->head = magazine->spare;
        magazine->count = magazine->spare_count;
        magazine->spare = 0;
        magazine->spare_count = 0;
        if (magazine->count == 0)
            refill(magazine, class);
        if (magazine->count == 0)
            return NULL;
    }
    struct tri_special *record = tri_special_at(magazine->head);
    /* Relaxed: nobody else writes a free one. */
    TRI_DCHECK(tri_load_relaxed(&record->word) == 0
                   && tri_load_relaxed(&record->object) == 0
                   && tri_load_relaxed(&record->arg[0]) == 0,
               "LIFE-3: a free record keeps something of its last life");
    magazine->head = record->next;
    magazine->count--;
    return record;
}

static void
put_in_magazine(struct tri_special_p *p, struct tri_special *record)
{
    struct tri_magazine *magazine = &p->magazine[record->class];
    if (TRI_UNLIKELY(magazine->count == TRI_SPECIAL_BATCH)) {
        if (magazine->spare_count != 0)
            give_back((enum tri_special_class)record->class, magazine->spare,
                      magazine->spare_count);
        magazine->spare = magazine->head;
        magazine->spare_count = magazine->count;
        magazine->head = 0;
        magazine->count = 0;
    }
    record->next = magazine->head;
    magazine->head = tri_special_number(record);
    magazine->count++;
}

void
tri_special_free(struct tri_special_p *p, struct tri_special *record)
{
    /* Relaxed throughout: the record is ours alone, but for markers, to which
     * any mix of the old life and none is harmless (LIFE-3). */
    TRI_DCHECK(tri_load_relaxed(&record->span) == NULL,
               "LIFE-2: a linked record is freed");
    if (record->class == TRI_SPECIAL_POINTER && tri_gc_phase() != TRI_GC_OFF) {
        uintptr_t rooted = (uintptr_t)tri_load_relaxed(&record->arg[0]);
        if (tri_load_relaxed(&record->kind) == TRI_SPECIAL_FINALIZER)
            rooted = tri_load_relaxed(&record->object);
        tri_gc_shade((const void *)rooted); /* LIFE-4 */
    }
    /* The word first: who finds the id still there reads its object too. */
    tri_store_relaxed(&record->word, 0);
    tri_store_release(&record->object, 0); /* pairs with tri_cleanup_stop */
    tri_store_relaxed(&record->arg[0], 0);
    tri_store_relaxed(&record->arg[1], 0);
    tri_store_relaxed(&record->kind, TRI_SPECIAL_NONE);
    put_in_magazine(p, record);
}

uint64_t
tri_special_next_id(struct tri_special_p *p)
{
    if (TRI_UNLIKELY(p->id_next == p->id_end)) {
        /* Relaxed: only the numbers matter. */
        p->id_next = tri_add_relaxed(&pool.next_id, ID_RANGE);
        p->id_end = p->id_next + ID_RANGE;
    }
    return p->id_next++;
}

void
tri_special_records_flush(struct tri_special_p *p)
{
    for (int class = 0; class < TRI_SPECIAL_CLASSES; class ++) {
        struct tri_magazine *magazine = &p->magazine[class];
        if (magazine->count != 0)
            give_back((enum tri_special_class) class, magazine->head,
                      magazine->count);
        if (magazine->spare_count != 0)
            give_back((enum tri_special_class) class, magazine->spare,
                      magazine->spare_count);
        *magazine = (struct tri_magazine){ 0 };
    }
}

struct tri_special *
tri_special_of_handle(void *pointer)
{
    uintptr_t offset = (uintptr_t)pointer - (uintptr_t)tri_special_base;
    uintptr_t limit = (uintptr_t)tri_special_slab_count() * SLAB_BYTES;
    if (offset >= limit || offset % TRI_SPECIAL_BYTES != 0
        || offset % SLAB_BYTES == 0)
        return NULL;
    return pointer;
}

uint32_t
tri_special_slab_count(void)
{
    /* Acquire pairs with the release in add_slab_locked. */
    return tri_load_acquire(&pool.slab_count);
}

enum tri_special_class
tri_special_slab_class(uint32_t slab)
{
    return (enum tri_special_class)tri_special_at(slab * TRI_SLAB_RECORDS)
        ->class;
}
