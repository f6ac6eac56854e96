/* SPDX-License-Identifier: MIT */
/* gc/root.c: claiming and doing root jobs; see root.h. */
#include "gc/root.h"

#include "base/atomic.h"
#include "base/check.h"
#include "base/lock.h"
#include "base/option.h"
#include "gc/gc.h"
#include "gc/host.h"
#include "gc/mark.h"
#include "gc/special.h"

/*
 * Job numbers: 0 the runtime's own words; then specials; then static data; then
 * stacks.  [w] counts are written with the world stopped; `data` grows from 0
 * once, when the list is there (JOBS-1).
 *
 *   JOBS-2  The count of claimed jobs never passes the number there is; otherwise
 *           two markers at its end skip a number, and the piece of static data
 *           that gets it when the list is there is scanned by nobody.
 */
static struct {
    size_t own;              /* [w] 0 or 1 */
    size_t specials;         /* [w] */
    size_t stacks;           /* [w] */
    bool stacks_first;       /* [w] */
    TRI_ATOMIC(size_t) data; /* [a] */
    TRI_ATOMIC(uint32_t) listed;
    TRI_ATOMIC(size_t) next_other; /* claimed jobs that are not stacks */
    TRI_ATOMIC(size_t) next_stack;
    TRI_ATOMIC(int64_t) stack_bytes;
    TRI_ATOMIC(int64_t) data_bytes;
    TRI_ATOMIC(size_t) retry_count;
} jobs;

/* Stacks to be tried again.  At most one entry per thread that could be in
 * somebody's hands, so 64 suffice; when full, the worker keeps trying. */
#define RETRY_MAX 64
static struct tri_lock retry_lock = TRI_LOCK_INIT(GC_WORK);
static size_t retries[RETRY_MAX];

void
tri_root_begin(void)
{
    TRI_CHECK(tri_host_world_stopped(), "root jobs begin in a running world");
    jobs.own = jobs.specials = jobs.stacks = 0;
    tri_store(&jobs.data, 0);
    tri_store(&jobs.listed, 0);
    tri_store(&jobs.next_other, 0);
    tri_store(&jobs.next_stack, 0);
    tri_store(&jobs.stack_bytes, 0);
    tri_store(&jobs.data_bytes, 0);
    tri_store(&jobs.retry_count, 0);
}

void
tri_root_prepare(void)
{
    TRI_CHECK(tri_host_world_stopped(), "root jobs counted in a running world");
    jobs.own = 1;
    jobs.specials = tri_specials_root_jobs();
    jobs.stacks = tri_host_stacks_snapshot();
    jobs.stacks_first = tri_debug.gccheckmark != 0 && !jobs.stacks_first;
}

void
tri_root_list_data(void)
{
    TRI_CHECK(tri_gc_phase() == TRI_GC_MARK,
              "JOBS-1: static data are listed before marking began");
    tri_host_roots_refresh();
}

void
tri_root_add_data(void)
{
    TRI_CHECK(jobs.own != 0, "jobs are numbered from the others on");
    tri_store(&jobs.data, tri_host_root_count());
    /* Sequentially consistent, after `data`: who sees it sees the jobs. */
    tri_store(&jobs.listed, 1);
}

bool
tri_root_listed(void)
{
    return tri_load(&jobs.listed) != 0;
}

static size_t
other_count(void)
{
    return jobs.own + jobs.specials + tri_load(&jobs.data);
}

static void
scan_through(uintptr_t object, void *arg)
{
    struct tri_target target;
    if (tri_mark_resolve(object, &target))
        tri_mark_scan_slot(arg, target.slot, target.kind);
}

static void
scan_stack_range(uintptr_t lo, uintptr_t hi, void *arg)
{
    tri_add_relaxed(&jobs.stack_bytes, (int64_t)(hi - lo));
    tri_mark_scan_conservative(lo, hi, arg);
}

static void
do_other(size_t job, struct tri_work_p *work)
{
    if (job == 0) {
        tri_host_scan_runtime(tri_mark_scan_conservative, work);
    } else if (job <= jobs.specials) {
        tri_specials_root_job(job - 1, tri_mark_scan_conservative, scan_through,
                              work);
    } else {
        size_t bytes = tri_host_root_scan(job - 1 - jobs.specials,
                                          tri_mark_scan_conservative, work);
        tri_add_relaxed(&jobs.data_bytes, (int64_t)bytes); /* a figure */
    }
}

static bool
take_retry(size_t *stack)
{
    if (tri_load(&jobs.retry_count) == 0)
        return false;
    bool got = false;
    tri_lock(&retry_lock);
    size_t n = tri_load_relaxed(&jobs.retry_count); /* under the lock */
    if (n != 0) {
        *stack = retries[n - 1];
        tri_store(&jobs.retry_count, n - 1);
        got = true;
    }
    tri_unlock(&retry_lock);
    return got;
}

static bool
put_retry(size_t stack)
{
    tri_lock(&retry_lock);
    size_t n = tri_load_relaxed(&jobs.retry_count); /* under the lock */
    bool room = n < RETRY_MAX;
    if (room) {
        retries[n] = stack;
        tri_store(&jobs.retry_count, n + 1);
    }
    tri_unlock(&retry_lock);
    return room;
}

/* So far ahead a stack's words are asked for: each lies on a page of its own, so
 * reading it is three misses, of the page's translation too. */
#define AHEAD 6

static bool
do_stack(struct tri_work_p *work)
{
    size_t stack = 0;
    bool fresh = false;
    /* Tested first so that the counter cannot run away. */
    if (tri_load(&jobs.next_stack) < jobs.stacks) {
        stack = tri_add(&jobs.next_stack, 1);
        fresh = stack < jobs.stacks;
        tri_host_stack_soon(stack + AHEAD);
    }
    if (!fresh && !take_retry(&stack))
        return false;
    while (!tri_host_stack_scan(stack, scan_stack_range, work)) {
        if (put_retry(stack))
            break;
        tri_cpu_relax();
    }
    return true;
}

static bool
do_one_other(struct tri_work_p *work)
{
    size_t job = tri_load(&jobs.next_other);
    do {
        if (job >= other_count())
            return false;
    } while (!tri_cas(&jobs.next_other, &job, job + 1));
    TRI_DCHECK(tri_load(&jobs.next_other) <= other_count(),
               "JOBS-2: a job was claimed that there is not");
    do_other(job, work);
    return true;
}

/*
 * Stacks last: what the heap and the globals lead to is marked by then, so most
 * of what a stack holds is marked already.  Under gccheckmark every other cycle
 * has them first, since the two orders expose different halves of a broken
 * barrier.
 */
bool
tri_root_do_one(struct tri_work_p *work)
{
    if (jobs.stacks_first)
        return do_stack(work) || do_one_other(work);
    return do_one_other(work) || do_stack(work);
}

bool
tri_root_available(void)
{
    return tri_load(&jobs.next_other) < other_count()
        || tri_load(&jobs.next_stack) < jobs.stacks
        || tri_load(&jobs.retry_count) != 0;
}

/* ---- everything at once, for the verifier ------------------------------------- */

void
tri_root_visit_all(void (*range)(uintptr_t, uintptr_t, void *),
                   void (*through)(uintptr_t, void *), void *arg)
{
    TRI_CHECK(tri_host_world_stopped(),
              "tri_root_visit_all needs a stopped world");
    tri_host_scan_runtime(range, arg);
    for (size_t i = 0; i < tri_specials_root_jobs(); i++)
        tri_specials_root_job(i, range, through, arg);
    for (size_t i = 0; i < tri_host_root_count(); i++)
        (void)tri_host_root_scan(i, range, arg);
    size_t stacks = tri_host_stacks_snapshot();
    for (size_t i = 0; i < stacks; i++)
        TRI_CHECK(tri_host_stack_scan(i, range, arg),
                  "HOST-3: a stack cannot be had with the world stopped");
}

int64_t
tri_root_stack_bytes(void)
{
    return tri_load(&jobs.stack_bytes);
}

int64_t
tri_root_data_bytes(void)
{
    return tri_load(&jobs.data_bytes);
}
