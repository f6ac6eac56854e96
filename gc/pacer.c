/* SPDX-License-Identifier: MIT */
/* gc/pacer.c: see pacer.h; each function names the statements it follows. */
#include "gc/pacer.h"

#include <string.h>

#define MIN_TRIGGER_NUMERATOR 45 /* of 64: not before 0.70 of the way */
#define MAX_TRIGGER_NUMERATOR 61 /* of 64: nor after 0.95 */
#define ASSIST_WORK_MIN       1000
#define LIMIT_HEADROOM_MIN    ((int64_t)1 << 20)

static int64_t
max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t
min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* a + b, stopping at INT64_MAX. */
static int64_t
add_saturated(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

void
tri_pacer_init(struct tri_pacer *pacer, int gc_percent, int64_t memory_limit,
               int procs)
{
    memset(pacer, 0, sizeof(*pacer));
    pacer->gc_percent = gc_percent;
    pacer->memory_limit = memory_limit;
    pacer->procs = procs;
    /* As if the last cycle had ended at the heap minimum's base. */
    if (gc_percent >= 0)
        pacer->marked_bytes =
            (int64_t)((double)TRI_HEAP_MINIMUM_BYTES * gc_percent / 100
                      / (1 + (double)gc_percent / 100));
    tri_pacer_commit(pacer, 0, true);
}

/* P-001 */
static int64_t
percent_goal(const struct tri_pacer *pacer)
{
    if (pacer->gc_percent < 0)
        return INT64_MAX;
    double base = (double)(pacer->marked_bytes + pacer->stack_bytes
                           + pacer->globals_bytes);
    double goal =
        (double)pacer->marked_bytes + base * pacer->gc_percent / 100.0;
    double least = (double)TRI_HEAP_MINIMUM_BYTES * pacer->gc_percent / 100.0;
    goal = goal > least ? goal : least;
    return goal >= 9.2e18 ? INT64_MAX : (int64_t)goal;
}

/* P-002 */
static int64_t
limit_goal(const struct tri_pacer *pacer)
{
    if (pacer->memory_limit == INT64_MAX)
        return INT64_MAX;
    int64_t overage = max64(pacer->mapped_bytes - pacer->memory_limit, 0);
    int64_t beside = pacer->overhead_bytes + overage;
    if (beside >= pacer->memory_limit)
        return pacer->marked_bytes;
    int64_t goal = pacer->memory_limit - beside;
    int64_t headroom = max64(goal / 100 * 3, LIMIT_HEADROOM_MIN);
    goal = goal - headroom < headroom ? headroom : goal - headroom;
    return max64(goal, pacer->marked_bytes);
}

/* P-004: what mutators allocate while the background marks alone. */
static int64_t
runway(const struct tri_pacer *pacer)
{
    double work =
        (double)(pacer->scan_bytes + pacer->stack_bytes + pacer->globals_bytes);
    return (int64_t)(pacer->cons_mark_used * (1 - TRI_BACKGROUND_SHARE)
                     / TRI_BACKGROUND_SHARE * work);
}

/* P-005 */
static int64_t
trigger_for(const struct tri_pacer *pacer, int64_t goal, int64_t floor)
{
    int64_t marked = pacer->marked_bytes;
    if (marked >= goal)
        return goal;
    int64_t step = (goal - marked) / 64;
    int64_t lower =
        max64(max64(floor, marked), marked + step * MIN_TRIGGER_NUMERATOR);
    lower = min64(lower, goal);
    int64_t upper = marked + step * MAX_TRIGGER_NUMERATOR;
    if (goal > TRI_HEAP_MINIMUM_BYTES)
        upper = max64(upper, goal - TRI_HEAP_MINIMUM_BYTES);
    upper = max64(upper, lower);
    int64_t way = runway(pacer);
    int64_t trigger = way > goal ? lower : goal - way;
    return min64(max64(trigger, lower), upper);
}

void
tri_pacer_commit(struct tri_pacer *pacer, int64_t heap_live_bytes,
                 bool sweep_done)
{
    int64_t by_percent = percent_goal(pacer);
    int64_t by_limit = limit_goal(pacer);
    int64_t floor = 0;
    if (by_percent <= by_limit && by_percent != INT64_MAX && !sweep_done) {
        /* P-003: sweeping needs room to finish before the next trigger. */
        floor = add_saturated(heap_live_bytes, TRI_SWEEP_HEADROOM_BYTES);
        by_percent = max64(by_percent, floor);
    }
    pacer->goal_bytes = min64(by_percent, by_limit);
    pacer->trigger_bytes = pacer->goal_bytes == INT64_MAX
                             ? INT64_MAX
                             : trigger_for(pacer, pacer->goal_bytes, floor);
}

/* P-007, P-008 */
void
tri_pacer_start(struct tri_pacer *pacer, int64_t heap_live_bytes,
                bool time_triggered)
{
    pacer->triggered_bytes = heap_live_bytes;
    double want = pacer->procs * TRI_BACKGROUND_SHARE;
    int dedicated = (int)(want + 0.5);
    double error = dedicated / want - 1;
    pacer->fractional_share = 0;
    if (error < -0.3 || error > 0.3) {
        if ((double)dedicated > want)
            dedicated--;
        pacer->fractional_share = (want - dedicated) / pacer->procs;
    }
    pacer->dedicated_workers = dedicated;
    pacer->idle_workers_max = pacer->procs - dedicated;
    if (time_triggered)
        pacer->idle_workers_max = dedicated > 0 ? 0 : 1;
    /* P-003: a little runway even when triggered beyond the goal. */
    if (pacer->goal_bytes != INT64_MAX)
        pacer->goal_bytes = max64(pacer->goal_bytes,
                                  heap_live_bytes + TRI_TRIGGER_RUNWAY_BYTES);
}

/* P-009 */
double
tri_pacer_assist_ratio(const struct tri_pacer *pacer, int64_t heap_live_bytes,
                       int64_t work_done)
{
    double goal = pacer->goal_bytes == INT64_MAX ? (double)heap_live_bytes * 2
                                                 : (double)pacer->goal_bytes;
    double expected =
        (double)(pacer->scan_bytes + pacer->stack_bytes + pacer->globals_bytes);
    double worst = (double)heap_live_bytes + (double)pacer->stack_bytes
                 + (double)pacer->globals_bytes;
    if ((double)work_done > expected) {
        /* More than last time: assume all of it is live, and let the goal grow
         * in proportion, to a hard limit. */
        double percent = pacer->gc_percent < 0 ? 100 : pacer->gc_percent;
        double start = (double)pacer->triggered_bytes;
        double stretched =
            expected <= 0 ? goal : start + (goal - start) / expected * worst;
        double hard = (1 + percent / 100) * goal;
        goal = stretched > goal ? stretched : goal;
        goal = goal < hard ? goal : hard;
        expected = worst;
    }
    if ((double)heap_live_bytes > goal) {
        goal = (double)heap_live_bytes * 1.1;
        expected = worst;
    }
    double work = expected - (double)work_done;
    double heap = goal - (double)heap_live_bytes;
    work = work < ASSIST_WORK_MIN ? ASSIST_WORK_MIN : work;
    heap = heap < 1 ? 1 : heap;
    return work / heap;
}

/* P-006 */
static void
update_cons_mark(struct tri_pacer *pacer, const struct tri_pacer_cycle *cycle)
{
    if (cycle->duration_ns <= 0 || cycle->scan_bytes <= 0
        || cycle->heap_live_bytes <= pacer->triggered_bytes)
        return;
    double total = (double)cycle->duration_ns * pacer->procs;
    double share = TRI_BACKGROUND_SHARE + (double)cycle->assist_ns / total;
    double idle = (double)cycle->idle_ns / total;
    share = share > 0.95 ? 0.95 : share;
    double allocated =
        (double)(cycle->heap_live_bytes - pacer->triggered_bytes);
    double work =
        (double)(cycle->scan_bytes + cycle->stack_bytes + cycle->globals_bytes);
    double now = allocated * (share + idle) / (work * (1 - share));
    double most = now;
    for (int i = 0; i < TRI_CONS_MARK_HISTORY; i++)
        most = pacer->cons_mark[i] > most ? pacer->cons_mark[i] : most;
    memmove(&pacer->cons_mark[1], &pacer->cons_mark[0],
            sizeof(double) * (TRI_CONS_MARK_HISTORY - 1));
    pacer->cons_mark[0] = now;
    pacer->cons_mark_used = most;
}

void
tri_pacer_end(struct tri_pacer *pacer, const struct tri_pacer_cycle *cycle)
{
    update_cons_mark(pacer, cycle);
    pacer->marked_bytes = cycle->marked_bytes;
    pacer->scan_bytes = cycle->scan_bytes;
    pacer->stack_bytes = cycle->stack_bytes;
    pacer->globals_bytes = cycle->globals_bytes;
}

double
tri_pacer_sweep_ratio(int64_t unswept_pages, int64_t trigger_bytes,
                      int64_t heap_live_bytes)
{
    if (trigger_bytes == INT64_MAX)
        return 0;
    int64_t room = trigger_bytes - heap_live_bytes - TRI_SWEEP_HEADROOM_BYTES;
    room = max64(room, 8192);
    return (double)unswept_pages / (double)room;
}
