/* SPDX-License-Identifier: MIT */
/*
 * gc/sweep.c: the sweep generation protocol: tokens, sweeping one span,
 * ensure_swept, the caches' flush.  The rules are in sweep.h; the policy of who
 * is made to sweep is in sweep_policy.c.
 */
#include "gc/sweep.h"

#include "base/check.h"
#include "base/option.h"
#include "base/os.h"
#include "gc/percpu.h"
#include "gc/phase.h"
#include "gc/special.h"
#include "gc/sweep_internal.h"
#include "trace/trace.h"

#define SPIN_NS 10000

struct tri_sweep_state tri_sweep;
TRI_ATOMIC(uint64_t) tri_swept_pages_total;

uint32_t
tri_sweep_gen(void)
{
    /* Relaxed: it changes only with the world stopped (PHASE-1). */
    return tri_load_relaxed(&tri_sweep.gen);
}

/* ---- tokens (SWEEP-2) ------------------------------------------------------ */

bool
tri_sweep_token_take(void)
{
    uint32_t state = tri_load_acquire(&tri_sweep.tokens);
    do {
        if ((state & TRI_SWEEP_DRAINED) != 0)
            return false;
        /* Acquire pairs with the release of the last token's return. */
    } while (!tri_cas_acquire(&tri_sweep.tokens, &state, state + 1));
    return true;
}

void
tri_sweep_token_return(void)
{
    /* Release pairs with tri_sweep_done's acquire: what we swept is seen. */
    uint32_t before = tri_sub_release(&tri_sweep.tokens, 1);
    TRI_CHECK((before & ~TRI_SWEEP_DRAINED) != 0,
              "SWEEP-2: a sweeper token was returned twice");
    if (before == (TRI_SWEEP_DRAINED | 1))
        tri_sweep_completed();
}

void
tri_sweep_drained(void)
{
    tri_or(&tri_sweep.tokens, TRI_SWEEP_DRAINED);
}

bool
tri_sweep_done(void)
{
    /* Acquire pairs with the release in tri_sweep_token_return. */
    return tri_load_acquire(&tri_sweep.tokens) == TRI_SWEEP_DRAINED;
}

/* ---- one span -------------------------------------------------------------- */

bool
tri_sweep_try_own(struct tri_span *span)
{
    uint32_t sg = tri_sweep_gen();
    uint32_t unswept = sg - 2;
    /* Relaxed: a guess that saves the CAS. */
    if (tri_load_relaxed(&span->sweep_gen) != unswept)
        return false;
    /* A span that died in the cycle before has that generation too, and nothing
     * to sweep.  One in use stays so until its sweeper has had it.  Acquire
     * pairs with the release of its birth (SPAN-1). */
    if (tri_load_acquire(&span->state) != TRI_SPAN_IN_USE)
        return false;
    /* Acquire pairs with the release of the last owner's relisting. */
    return tri_cas_acquire(&span->sweep_gen, &unswept, sg - 1);
}

/* TRI_DEBUG=clobberfree: what dies now reads as 0xdeadbeef. */
static TRI_COLD TRI_NO_SANITIZE void
clobber_dead(struct tri_span *span)
{
    for (uint32_t i = 0; i < span->slot_count; i++) {
        uint64_t bit = UINT64_C(1) << (i % 64);
        if ((span->alloc_bits[i / 64] & ~span->mark_bits[i / 64] & bit) == 0)
            continue;
        size_t bytes = span->slot_bytes != 0 ? span->slot_bytes
                                             : span->large_bytes & ~(size_t)7;
        volatile uint32_t *words =
            (volatile uint32_t *)tri_span_slot_address(span, i);
        for (size_t w = 0; w < bytes / 4; w++)
            words[w] = 0xdeadbeef;
        span->need_zero = 1;
    }
}

static void
wake_waiters(void)
{
    /* Sequentially consistent, as in wait_swept: either we see the waiter or it
     * sees the generation we stored. */
    if (tri_load(&tri_sweep.waiters) != 0) {
        tri_add(&tri_sweep.epoch, 1);
        tri_futex_wake(&tri_sweep.epoch, INT32_MAX);
    }
}

void
tri_sweep_relist(struct tri_span *span)
{
    uint32_t sg = tri_sweep_gen();
    TRI_DCHECK(tri_load_relaxed(&span->sweep_gen) == sg, /* our own store */
               "SWEEP-3: a span is listed before it counts as swept");
    if (span->used_count == span->slot_count)
        tri_span_set_push(tri_central_full_swept(span->kind, sg), span);
    else
        tri_span_set_push(tri_central_partial_swept(span->kind, sg), span);
}

/* Counts, swaps, and the zombie check (S-014). */
static uint32_t
settle_bits(struct tri_span *span)
{
    uint32_t zombies = 0;
    uint32_t before = span->used_count;
    uint32_t used = tri_span_swap_bits(span, &zombies);
    TRI_CHECK(zombies == 0,
              "found pointer to free object: %u marked but free slots in the "
              "span at %p (%u slots of %u bytes); something kept a pointer "
              "past the object's death",
              zombies, (void *)span->base, span->slot_count, span->slot_bytes);
    TRI_CHECK(used <= before,
              "sweep increased the allocation count of the span at %p from %u "
              "to %u",
              (void *)span->base, before, used);
    span->used_count = used;
    return before - used;
}

/* SWEEP-3: publishes, then frees or lists unless the caller keeps it. */
static void
publish(struct tri_span *span, bool keep)
{
    /* Sequentially consistent (a release and more): see wake_waiters. */
    tri_store(&span->sweep_gen, tri_sweep_gen());
    wake_waiters();
    if (keep)
        return;
    if (span->used_count == 0)
        tri_heap_free_span(span);
    else
        tri_sweep_relist(span);
}

void
tri_sweep_span(struct tri_span *span, bool keep)
{
    TRI_CHECK(tri_load_relaxed(&span->state) == TRI_SPAN_IN_USE
                  && tri_load_relaxed(&span->sweep_gen) == tri_sweep_gen() - 1,
              "SWEEP-1: sweeping a span that is not ours (%p, state %u, "
              "sweep_gen %u, heap %u)",
              (void *)span, tri_load_relaxed(&span->state),
              tri_load_relaxed(&span->sweep_gen), tri_sweep_gen());
    uint32_t pages = span->page_count;
    size_t slot_bytes =
        span->slot_bytes != 0 ? span->slot_bytes : span->large_bytes;

    if (tri_span_has_specials(span))
        tri_specials_sweep(span, tri_sweep.cycle);
    if (TRI_UNLIKELY(tri_debug.clobberfree))
        clobber_dead(span);
    uint32_t freed = settle_bits(span);
    tri_trace_span_sweep(span->base, span->kind, span->used_count, freed);
    if (freed != 0)
        span->need_zero = 1;
    tri_add_relaxed(&tri_collector.freed_bytes_total,
                    (int64_t)(freed * slot_bytes));
    publish(span, keep); /* the span may be gone from here on */
    tri_add_relaxed(&tri_sweep.swept_spans, 1);
    tri_add_relaxed(&tri_sweep.freed_bytes, freed * slot_bytes);
    tri_add_relaxed(&tri_sweep.swept_pages, pages);
    tri_add_relaxed(&tri_swept_pages_total, pages);
}

/* ---- ensure_swept ------------------------------------------------------------ */

static bool
is_swept(struct tri_span *span)
{
    uint32_t sg = tri_sweep_gen();
    /* Acquire pairs with the release in publish. */
    uint32_t gen = tri_load_acquire(&span->sweep_gen);
    return gen == sg || gen == sg + 3;
}

/* SWEEP-6: called and left inside the section, out of it meanwhile. */
static TRI_COLD void
wait_swept(struct tri_span *span)
{
    tri_leave();
    int64_t give_up = tri_os_now_ns() + SPIN_NS;
    while (tri_os_now_ns() < give_up && !is_swept(span))
        tri_cpu_relax();
    tri_add(&tri_sweep.waiters, 1);
    uint32_t epoch = tri_load(&tri_sweep.epoch);
    if (!is_swept(span))
        /* Bounded: a turn of the generation changes what we wait for. */
        tri_host_wait(&tri_sweep.epoch, epoch, 1000000);
    tri_sub(&tri_sweep.waiters, 1);
    tri_enter();
}

void
tri_sweep_ensure_swept(struct tri_span *span)
{
    TRI_DCHECK(tri_critical_depth() == 1,
               "SWEEP-6: ensure_swept in a section of depth %u",
               tri_critical_depth());
    while (!is_swept(span)) {
        /* Acquire: as in tri_sweep_try_own.  While we were out of the section
         * the span may have died, and the generation turned. */
        if (tri_load_acquire(&span->state) != TRI_SPAN_IN_USE)
            return;
        if (!tri_sweep_token_take()) {
            wait_swept(span);
            continue;
        }
        bool own = tri_sweep_try_own(span);
        if (own)
            tri_sweep_span(span, false);
        tri_sweep_token_return();
        if (!own && !is_swept(span))
            wait_swept(span);
    }
}

/* ---- a P's cache -------------------------------------------------------------- */

/* What stress mode holds back belongs to the word too. */
static void
merge_reserved(struct tri_slot_cache *slots)
{
    slots->free |= slots->reserved;
    slots->reserved = 0;
}

/* Bulk black allocation, undone for what was not handed out: the alloc bits
 * are exact now, so marks without them are ours alone. */
static void
unmark_unused(struct tri_span *span)
{
    for (uint32_t w = 0; w < tri_span_word_count(span); w++)
        /* Relaxed: neighbours' bits share no word; no marker runs or the bits
         * belong to free slots, which markers do not touch. */
        tri_and_relaxed(tri_atomic_cast(uint64_t, &span->mark_bits[w]),
                        span->alloc_bits[w]);
}

static void
flush_kind(struct tri_mcache *cache, uint32_t kind, uint32_t sg)
{
    struct tri_slot_cache *slots = &cache->slots.slot[kind];
    merge_reserved(slots);
    tri_gc_heap_grew(-(int64_t)((uint64_t)__builtin_popcountll(slots->free)
                                * slots->slot_bytes));
    struct tri_span *span = tri_mcache_remove(cache, kind);
    unmark_unused(span);
    /* Relaxed: only this P's owner changes a cached span's generation. */
    uint32_t gen = tri_load_relaxed(&span->sweep_gen);
    if (gen == sg + 1) {
        tri_store_relaxed(&span->sweep_gen, sg - 1); /* ours, no CAS needed */
        tri_sweep_span(span, false);
        return;
    }
    TRI_CHECK(gen == sg + 3, "SWEEP-1: a cached span has sweep_gen %u, heap %u",
              gen, sg);
    /* Release pairs with the acquire of the next owner. */
    tri_store_release(&span->sweep_gen, sg);
    if (span->used_count == 0 && !tri_gc_marking())
        tri_heap_free_span(span);
    else
        tri_sweep_relist(span);
}

void
tri_sweep_flush_all(struct tri_gc_p *p)
{
    struct tri_mcache *cache = &p->mcache;
    uint32_t sg = tri_sweep_gen();
    for (uint32_t k = tri_mcache_next_kind(cache, 0); k < TRI_KIND_MAX;
         k = tri_mcache_next_kind(cache, k + 1))
        flush_kind(cache, k, sg);
    tri_mcache_drop_tiny(cache);
    /* Relaxed: others read it as a hint (flush_all_by_proxy). */
    tri_store_relaxed(tri_atomic_cast(uint32_t, &cache->flush_gen), sg);
}

void
tri_sweep_flush_stale(struct tri_gc_p *p)
{
    uint32_t sg = tri_sweep_gen();
    if (p->mcache.flush_gen == sg)
        return;
    TRI_CHECK(p->mcache.flush_gen == sg - 2,
              "S-019: P %d missed a flush: its cache is of generation %u, the "
              "heap of %u",
              p->index, p->mcache.flush_gen, sg);
    /* tri_sweep_begin took a token for each stale cache, so that sweeping
     * cannot complete before it is flushed; it is returned here. */
    tri_sweep_flush_all(p);
    tri_heap_flush_pages(&p->mcache.pages);
    tri_specials_publish(&p->special);
    tri_sweep_token_return();
}
