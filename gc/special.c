/* SPDX-License-Identifier: MIT */
/*
 * gc/special.c: specials as the collector sees them: the pass a sweep makes
 * over a span's dead objects, the root jobs, and the count of all.
 *
 * The pass works under the span's specials_lock and only moves records to a
 * private chain; tracing and queueing come after the lock is released, so that
 * adders wait for neither, still in the sweeper's critical section.
 */
#include "gc/special.h"

#include "base/check.h"
#include "gc/cleanup.h"
#include "gc/gc.h"
#include "gc/special_index.h"
#include "gc/special_link.h"
#include "trace/trace.h"

int
tri_specials_init(void)
{
    int error = tri_special_records_init();
    if (error == 0)
        error = tri_index_init();
    return error;
}

/* ---- every P there ever was: counters outlive a P ---- */

static TRI_ATOMIC(struct tri_special_p *) all_ps;

void
tri_special_p_init(struct tri_special_p *p)
{
    if (p->listed)
        return;
    p->listed = 1;
    /* Relaxed: a guess, the CAS decides. */
    struct tri_special_p *old = tri_load_relaxed(&all_ps);
    do {
        p->all_next = old;
        /* Release pairs with the acquire in tri_cleanup_stats_read. */
    } while (!tri_cas_release(&all_ps, &old, p));
}

void
tri_special_p_retire(struct tri_special_p *p)
{
    tri_specials_publish(p);
    tri_special_records_flush(p);
}

static uint64_t
sum_counter(size_t offset)
{
    uint64_t sum = 0;
    /* Acquire pairs with the release in tri_special_p_init. */
    for (struct tri_special_p *p = tri_load_acquire(&all_ps); p != NULL;
         p = p->all_next) {
        TRI_ATOMIC(uint64_t) *counter = (void *)((char *)p + offset);
        /* Acquire pairs with the release in tri_special_count. */
        sum += tri_load_acquire(counter);
    }
    return sum;
}

#define SUM(counter) sum_counter(offsetof(struct tri_special_p, counter))

void
tri_cleanup_stats_read(struct tri_cleanup_stats *stats)
{
    /* The last step first: each is counted after its cause, so a cause read
     * later is never the smaller one, and no level is negative. */
    stats->finalizers_executed = SUM(finalizers_executed);
    stats->finalizers_queued = SUM(finalizers_queued);
    stats->executed = SUM(executed);
    stats->queued = SUM(queued);
    stats->stopped = SUM(stopped);
    stats->added = SUM(added);
    stats->armed = stats->added - stats->queued - stats->stopped;
    stats->pending = stats->queued - stats->executed;
}

/* ---- the sweep pass ---- */

/* What a pass took off: chains by `next`. */
struct taken {
    struct tri_special *queued;
    struct tri_special *freed;
};

static void
push(struct tri_special **chain, struct tri_special *record)
{
    record->next = *chain == NULL ? 0 : tri_special_number(*chain);
    *chain = record;
}

static struct tri_special *
pop(struct tri_special **chain)
{
    struct tri_special *record = *chain;
    if (record != NULL)
        *chain = record->next == 0 ? NULL : tri_special_at(record->next);
    return record;
}

/* The object of this weak handle is dead: forget where it was. */
static void
clear_weak(struct tri_special *record)
{
    /* Relaxed: the record is ours; its handle is alive, a root of the cycle. */
    uintptr_t handle = (uintptr_t)tri_load_relaxed(&record->arg[0]);
    /* Release: whoever sees the span swept (tri_sweep_ensure_swept acquires)
     * sees this too. */
    tri_store_release(tri_atomic_cast(uintptr_t, (void *)handle), 0);
}

/* A record of a dead object, or a finalizer's: off the span, and on its way. */
static void
take(struct tri_span *span, struct tri_special *record, struct taken *taken)
{
    tri_special_unlink_locked(span, record);
    /* Relaxed: constant until we free it. */
    if (tri_load_relaxed(&record->kind) == TRI_SPECIAL_WEAK) {
        clear_weak(record);
        push(&taken->freed, record);
        return;
    }
    /* Relaxed: a guess, the CAS decides. */
    uint64_t word = tri_load_relaxed(&record->word);
    uint64_t queued =
        tri_special_word(tri_special_word_id(word), TRI_SPECIAL_QUEUED);
    if (tri_special_word_state(word) == TRI_SPECIAL_ARMED
        && tri_cas_acq_rel(&record->word, &word, queued)) {
        push(&taken->queued, record);
        return;
    }
    /* Stop won: it will find the record gone (LIFE-2). */
    TRI_CHECK(tri_special_word_state(word) == TRI_SPECIAL_STOPPED,
              "LIFE-1: a linked record in state %u",
              (unsigned)tri_special_word_state(word));
    push(&taken->freed, record);
}

static bool
is_kind(const struct tri_special *record, enum tri_special_kind kind)
{
    /* Relaxed: constant while linked. */
    return tri_load_relaxed(&record->kind) == kind;
}

static void
set_mark(struct tri_span *span, uint32_t slot)
{
    /* Relaxed: the sweeper owns the bits; the word's neighbours may be read by
     * conservative scanners. */
    tri_or_relaxed(tri_atomic_cast(uint64_t, &span->mark_bits[slot / 64]),
                   UINT64_C(1) << (slot % 64));
}

/* A dead slot that carries specials: C-041, C-042. */
static void
sweep_slot(struct tri_span *span, struct tri_index *index, uint32_t slot,
           struct taken *taken)
{
    bool revived = false;
    struct tri_special *record;
    for (uint32_t n = tri_index_get(index, slot); n != 0; n = record->next) {
        record = tri_special_at(n);
        revived = revived || is_kind(record, TRI_SPECIAL_FINALIZER);
    }
    if (revived)
        set_mark(span, slot);
    /* Weak handles go before anything is queued, and before a callback can
     * run; a revived object keeps its cleanups. */
    uint32_t next;
    for (uint32_t n = tri_index_get(index, slot); n != 0; n = next) {
        record = tri_special_at(n);
        next = record->next;
        if (!revived || !is_kind(record, TRI_SPECIAL_CLEANUP))
            take(span, record, taken);
    }
}

/* What was taken off is traced, queued, freed; the lock is not held. */
static void
settle(struct taken *taken, uint64_t cycle)
{
    struct tri_special_p *p = tri_special_here();
    TRI_CHECK(p != NULL, "specials are swept without a P");
    struct tri_special *record;
    while ((record = pop(&taken->freed)) != NULL)
        tri_special_free(p, record);
    while ((record = pop(&taken->queued)) != NULL) {
        if (is_kind(record, TRI_SPECIAL_CLEANUP)) {
            tri_special_count(&p->queued, 1);
            /* Relaxed: constant from ARMED to FREE. */
            tri_trace_cleanup_queue(
                tri_special_word_id(tri_load_relaxed(&record->word)),
                tri_load_relaxed(&record->object), cycle);
        } else {
            tri_special_count(&p->finalizers_queued, 1);
        }
        tri_cleanup_enqueue(p, record);
    }
}

void
tri_specials_sweep(struct tri_span *span, uint64_t cycle)
{
    struct taken taken = { NULL, NULL };
    tri_lock(&span->specials_lock);
    /* Relaxed: changes only under the lock we hold. */
    struct tri_index *index = tri_load_relaxed(&span->specials);
    if (index == NULL) {
        tri_unlock(&span->specials_lock);
        return;
    }
    uint32_t words = tri_span_word_count(span);
    for (uint32_t w = 0; w < words; w++) {
        /* Relaxed: marking ended in a stopped world. */
        uint64_t dead =
            tri_index_word(index, w)
            & ~tri_load_relaxed(tri_atomic_cast(uint64_t, &span->mark_bits[w]));
        for (; dead != 0; dead &= dead - 1)
            sweep_slot(span, index, w * 64 + (uint32_t)__builtin_ctzll(dead),
                       &taken);
    }
    if (index->used == 0) {
        tri_store_relaxed(&span->specials, NULL);
        tri_index_free(index);
    }
    tri_unlock(&span->specials_lock);
    settle(&taken, cycle);
}

void
tri_specials_each_span(void (*visit)(struct tri_span *span))
{
    tri_index_each_span(visit);
}

/* ---- root jobs ---- */

size_t
tri_specials_root_jobs(void)
{
    return tri_special_slab_count();
}

/* Pointers of records, gathered so that one call scans many. */
struct batch {
    uintptr_t words[64];
    size_t count;
    void (*scan)(uintptr_t lo, uintptr_t hi, void *arg);
    void *arg;
};

static void
flush(struct batch *batch)
{
    uintptr_t lo = (uintptr_t)batch->words;
    if (batch->count != 0)
        batch->scan(lo, lo + batch->count * sizeof(batch->words[0]),
                    batch->arg);
    batch->count = 0;
}

/*
 * The record may be freed and used again while we look (LIFE-3): then what we
 * read is 0, or a pointer the one who freed or armed it shades, or one that was
 * alive when this marking began.  None of them is freed before it ends.
 */
static void
scan_record(struct tri_special *record, struct batch *batch,
            void (*mark_through)(uintptr_t object, void *arg))
{
    /* Acquire pairs with the release that armed the record. */
    uint64_t word = tri_load_acquire(&record->word);
    enum tri_special_state state = tri_special_word_state(word);
    if (state == TRI_SPECIAL_FREE || state == TRI_SPECIAL_STOPPED)
        return;
    uintptr_t root = (uintptr_t)tri_load_relaxed(&record->arg[0]);
    if (is_kind(record, TRI_SPECIAL_FINALIZER)) {
        root = tri_load_relaxed(&record->object);
        if (state == TRI_SPECIAL_ARMED) {
            if (root != 0)
                mark_through(root, batch->arg);
            return;
        }
    }
    if (root == 0)
        return;
    batch->words[batch->count++] = root;
    if (batch->count == TRI_ARRAY_COUNT(batch->words))
        flush(batch);
}

void
tri_specials_root_job(size_t job,
                      void (*scan)(uintptr_t lo, uintptr_t hi, void *arg),
                      void (*mark_through)(uintptr_t object, void *arg),
                      void *arg)
{
    uint32_t slab = (uint32_t)job;
    if (tri_special_slab_class(slab) == TRI_SPECIAL_PLAIN)
        return;
    struct batch batch = { .count = 0, .scan = scan, .arg = arg };
    for (uint32_t i = 1; i < TRI_SLAB_RECORDS; i++)
        scan_record(tri_special_at(slab * TRI_SLAB_RECORDS + i), &batch,
                    mark_through);
    flush(&batch);
}

void
tri_specials_census(struct tri_specials_census *census)
{
    *census = (struct tri_specials_census){ 0 };
    uint32_t slabs = tri_special_slab_count();
    for (uint32_t n = 0; n < slabs * TRI_SLAB_RECORDS; n++) {
        if (n % TRI_SLAB_RECORDS == 0)
            continue;
        struct tri_special *record = tri_special_at(n);
        /* Acquire pairs with the release that armed the record. */
        uint64_t word = tri_load_acquire(&record->word);
        uint8_t kind = tri_load_relaxed(&record->kind);
        if (word != 0)
            census->count[kind][tri_special_word_state(word)]++;
    }
}
