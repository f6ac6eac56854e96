/* SPDX-License-Identifier: MIT */
/*
 * gc/sweep_policy.c: who is made to sweep.
 *
 *   allocation   a cache that needs a span sweeps one (in place of growing)
 *   debt         allocation pays in proportion, so that sweeping is over when
 *                the next cycle is due (S-020)
 *   background   a goroutine: spans with specials first, then the rest
 *   the next cycle's start sweeps what is left
 */
#include "base/check.h"
#include "base/option.h"
#include "gc/gc.h"
#include "gc/percpu.h"
#include "gc/phase.h"
#include "gc/special.h"
#include "gc/sweep.h"
#include "gc/sweep_internal.h"
#include "trace/trace.h"

#define TRY_SPANS_MAX    100 /* spans tried before growing */
#define BACKGROUND_BATCH 10

static double
ratio_load(void)
{
    /* Relaxed: a figure, not a message. */
    uint64_t bits = tri_load_relaxed(&tri_sweep.ratio_bits);
    double ratio;
    memcpy(&ratio, &bits, sizeof(ratio));
    return ratio;
}

static void
ratio_store(double ratio)
{
    uint64_t bits;
    memcpy(&bits, &ratio, sizeof(bits));
    tri_store_relaxed(&tri_sweep.ratio_bits, bits);
}

/* ---- one more span ------------------------------------------------------------ */

/* Pops from the unswept sets of all kinds, full ones first, behind a shared
 * cursor that only grows within a cycle. */
static struct tri_span *
pop_unswept(void)
{
    uint32_t sg = tri_sweep_gen();
    for (;;) {
        uint32_t at = tri_load_relaxed(&tri_sweep.cursor); /* a hint */
        if (at >= TRI_KIND_MAX * 2)
            return NULL;
        struct tri_span_set *set = at % 2 == 0
                                     ? tri_central_full_unswept(at / 2, sg)
                                     : tri_central_partial_unswept(at / 2, sg);
        struct tri_span *span = tri_span_set_pop(set);
        if (span != NULL)
            return span;
        tri_cas_relaxed(&tri_sweep.cursor, &at, at + 1);
    }
}

/* Inside a section. */
static bool
sweep_one_inside(void)
{
    if (!tri_sweep_token_take())
        return false;
    struct tri_span *span;
    bool found = false;
    while ((span = pop_unswept()) != NULL) {
        if (!tri_sweep_try_own(span))
            continue; /* SWEEP-4 */
        tri_sweep_span(span, false);
        found = true;
        break;
    }
    if (!found)
        tri_sweep_drained();
    struct tri_gc_p *p = tri_host_current_p();
    if (p != NULL)
        tri_specials_publish(&p->special);
    tri_sweep_token_return();
    return found;
}

bool
tri_sweep_one(void)
{
    tri_enter();
    bool found = sweep_one_inside();
    tri_leave();
    return found;
}

/* ---- allocation ---------------------------------------------------------------- */

/* A span with room from an unswept set, swept by us and kept; full ones are
 * listed and passed over. */
static struct tri_span *
sweep_for_room(struct tri_span_set *set, int *budget)
{
    struct tri_span *span;
    while (*budget > 0 && (span = tri_span_set_pop(set)) != NULL) {
        (*budget)--;
        if (!tri_sweep_try_own(span))
            continue; /* SWEEP-4, A-034 */
        tri_sweep_span(span, true);
        if (span->used_count < span->slot_count)
            return span;
        tri_sweep_relist(span);
    }
    return NULL;
}

struct tri_span *
tri_sweep_acquire_span(struct tri_gc_p *p, uint32_t kind)
{
    uint32_t sg = tri_sweep_gen();
    struct tri_span *span =
        tri_span_set_pop(tri_central_partial_swept(kind, sg));
    if (span != NULL) {
        TRI_CHECK(tri_load_relaxed(&span->sweep_gen) == sg
                      && tri_load_relaxed(&span->state) == TRI_SPAN_IN_USE,
                  "SET-1: the span at %p in a swept set has sweep_gen %u, the "
                  "heap %u",
                  (void *)span->base, tri_load_relaxed(&span->sweep_gen), sg);
        return span;
    }
    if (tri_sweep_token_take()) {
        int budget = TRY_SPANS_MAX;
        span = sweep_for_room(tri_central_partial_unswept(kind, sg), &budget);
        if (span == NULL)
            span = sweep_for_room(tri_central_full_unswept(kind, sg), &budget);
        tri_specials_publish(&p->special);
        tri_sweep_token_return();
    }
    if (span == NULL)
        span = tri_heap_alloc_span(kind, 0, sg, &p->mcache.pages);
    return span;
}

/* Pages that are to be swept before `bytes` are allocated. */
static double
due_pages(size_t bytes)
{
    double ratio = ratio_load();
    if (ratio == 0)
        return 0;
    int64_t grown = tri_load_relaxed(&tri_collector.heap_live_bytes)
                  - tri_load_relaxed(&tri_sweep.basis_live);
    grown = grown < 0 ? 0 : grown; /* D-020: a basis above the live heap */
    return ratio * (double)((int64_t)bytes + grown);
}

bool
tri_sweep_owes(size_t bytes)
{
    return (double)tri_load_relaxed(&tri_sweep.swept_pages) < due_pages(bytes);
}

void
tri_sweep_pay_debt(size_t bytes)
{
    double target = due_pages(bytes);
    while ((double)tri_load_relaxed(&tri_sweep.swept_pages) < target)
        if (!tri_sweep_one()) {
            ratio_store(0);
            return;
        }
}

/* ---- the turn of a cycle --------------------------------------------------------- */

static void
reset_unswept_sets(uint32_t sg)
{
    for (uint32_t k = 1; k < TRI_KIND_MAX; k++) {
        tri_span_set_reset(tri_central_full_unswept(k, sg));
        tri_span_set_reset(tri_central_partial_unswept(k, sg));
    }
}

void
tri_sweep_begin(uint64_t cycle)
{
    TRI_CHECK(tri_host_world_stopped(), "PHASE-1: tri_sweep_begin needs a "
                                        "stopped world");
    uint32_t sg = tri_sweep_gen();
    reset_unswept_sets(sg);
    tri_store(&tri_sweep.gen, sg + 2);
    tri_sweep.cycle = cycle;
    tri_store(&tri_sweep.cursor, 2);
    tri_store(&tri_sweep.swept_pages, 0);
    tri_store(&tri_sweep.swept_spans, 0);
    tri_store(&tri_sweep.freed_bytes, 0);
    tri_store(&tri_sweep.announced, 0);
    int64_t live = tri_load(&tri_collector.heap_live_bytes);
    tri_store(&tri_sweep.basis_live, live);
    int64_t pages = tri_load(&tri_heap_stats.in_use_pages);
    ratio_store(tri_pacer_sweep_ratio(
        pages, tri_load(&tri_collector.trigger_bytes), live));
    /* S-019: one token for each P's stale cache. */
    tri_store(&tri_sweep.tokens, (uint32_t)tri_host_proc_count());
    tri_trace_sweep_begin(cycle,
                          (uint64_t)tri_load(&tri_heap_stats.span_count));
}

void
tri_sweep_completed(void)
{
    if (tri_swap(&tri_sweep.announced, 1) != 0)
        return;
    tri_trace_sweep_end(tri_sweep.cycle, tri_load(&tri_sweep.swept_spans),
                        tri_load(&tri_sweep.freed_bytes));
}

/* ---- finishing --------------------------------------------------------------------- */

static void
flush_by_proxy(struct tri_gc_p *p, void *unused)
{
    (void)unused;
    tri_sweep_flush_stale(p);
}

/* Flushes the caches that are stale still; stops nobody if none is. */
static void
flush_all_by_proxy(void)
{
    uint32_t sg = tri_sweep_gen();
    for (int i = 0; i < tri_host_proc_count(); i++) {
        struct tri_gc_p *p = tri_host_proc(i);
        /* Relaxed: a hint; a flush seen is a flush done. */
        if (tri_load_relaxed(tri_atomic_cast(uint32_t, &p->mcache.flush_gen))
            == sg)
            continue;
        tri_host_each_p(flush_by_proxy, NULL);
        return;
    }
}

void
tri_sweep_finish(void)
{
    while (tri_sweep_one())
        ;
    flush_all_by_proxy();
    while (!tri_sweep_done())
        tri_host_wait(&tri_sweep.epoch, tri_load(&tri_sweep.epoch), 200000);
}

void
tri_sweep_finish_stw(void)
{
    for (int i = 0; i < tri_host_proc_count(); i++)
        tri_sweep_flush_stale(tri_host_proc(i));
    while (sweep_one_inside())
        ;
    TRI_CHECK(tri_sweep_done(),
              "SWEEP-5: the world is stopped and a sweeper "
              "is still out (tokens %x)",
              tri_load(&tri_sweep.tokens));
}

/* ---- the background sweeper ----------------------------------------------------------- */

static TRI_ATOMIC(uint32_t) background_parked;
static struct tri_g *background_g;

static bool
commit_park(struct tri_g *g, void *unused)
{
    (void)unused;
    background_g = g;
    tri_store(&background_parked, 1);
    /* Re-check: a cycle may have turned since we looked. */
    if (tri_sweep_done())
        return true;
    uint32_t parked = 1;
    return !tri_cas(&background_parked, &parked, 0);
}

void
tri_sweep_wake_background(void)
{
    uint32_t parked = 1;
    if (tri_cas(&background_parked, &parked, 0))
        tri_host_ready(background_g);
}

static void
sweep_directly(struct tri_span *span)
{
    tri_enter();
    if (tri_sweep_token_take()) {
        if (tri_sweep_try_own(span))
            tri_sweep_span(span, false);
        struct tri_gc_p *p = tri_host_current_p();
        tri_specials_publish(&p->special);
        tri_sweep_token_return();
    }
    tri_leave();
}

void
tri_sweep_background(void *unused)
{
    (void)unused;
    for (;;) {
        if (!tri_sweep_done()) {
            flush_all_by_proxy();
            tri_specials_each_span(sweep_directly);
        }
        while (tri_sweep_one())
            for (int i = 0; i < BACKGROUND_BATCH; i++)
                if (!tri_sweep_one())
                    break;
                else if (i == BACKGROUND_BATCH - 1)
                    tri_host_yield();
        if (tri_sweep_done())
            tri_host_park(commit_park, NULL, "sweep wait");
        else
            tri_host_yield(); /* D-018: another sweeper is still out */
    }
}
