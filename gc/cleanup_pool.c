/* SPDX-License-Identifier: MIT */
/*
 * gc/cleanup_pool.c: the queue of due callbacks, and who runs them.
 *
 * The queue is the records themselves, linked by `next`: queueing needs no
 * memory, so a sweep cannot fail in it.  First come, first run: a lock-free
 * stack would let the oldest starve under load.  A runner takes one record at
 * a time, so a callback that blocks holds up nobody behind it.
 *
 * Runners are system goroutines.  One is started with the first cleanup.  A
 * runner that leaves work behind wakes the next idle one, or starts one while
 * there are fewer than half as many as Ps: callbacks share the machine with the
 * program.  Beyond that a keeper looks every 10 ms: if work waits and not one
 * record was taken since, the runners are all blocked or slow, and it starts
 * more: doubling them while they are few, then one a look, up to 256 (slow ones
 * that only compute should not crowd out the program).  After a second without
 * work it lets all but one go, and parks.
 */
#include "gc/cleanup.h"

#include "base/check.h"
#include "base/os.h"
#include "gc/gc.h"
#include "gc/special.h"
#include "gc/special_link.h"
#include "trace/trace.h"

#define RUNNERS_MAX 256u
/* A chain this long is published at once; shorter ones at the batch's end. */
#define CHAIN_MAX 64u
/* How often the keeper looks: long against a callback, short against a person. */
#define KEEPER_NS INT64_C(10000000)
/* Looks without work before surplus runners go and the keeper parks. */
#define KEEPER_QUIET 100u

/* Keys: [l] `lock`; [a] atomic; [c] constant while it lives. */
struct runner {
    struct tri_g *g;          /* [c] */
    struct runner *idle_next; /* [l] */
    bool alive;               /* [l] the struct is in use */
    bool leave;               /* [l] woken to end */
};

static struct {
    struct tri_lock lock;
    uint32_t head;                   /* [l] the oldest record, 0: none */
    uint32_t tail;                   /* [l] */
    TRI_ATOMIC(uint32_t) hidden;     /* [a] due, in the chain of a P */
    TRI_ATOMIC(uint32_t) ready;      /* [a] in the queue; written under lock */
    TRI_ATOMIC(uint32_t) running;    /* [a] taken; raised under lock */
    TRI_ATOMIC(uint32_t) draining;   /* [a] of them, waiting in a drain */
    TRI_ATOMIC(uint32_t) started;    /* [a] the pool exists */
    TRI_ATOMIC(uint32_t) idle_count; /* [a] written under lock */
    struct runner *idle;             /* [l] */
    uint32_t runner_count;           /* [l] */
    uint64_t taken;                  /* [l] records taken, ever: progress */
    struct tri_g *keeper;            /* [l] parked; NULL: awake */
    struct runner runners[RUNNERS_MAX];
} pool TRI_CACHE_ALIGNED = { .lock = TRI_LOCK_INIT(CLEANUP_POOL) };

static void runner_main(void *arg);

/* ---- in ---- */

/* An idle runner to be readied by the caller, after the lock; NULL: none. */
static struct runner *
pop_idle_locked(void)
{
    struct runner *runner = pool.idle;
    if (runner != NULL) {
        pool.idle = runner->idle_next;
        tri_sub(&pool.idle_count, 1);
    }
    return runner;
}

/* Readies a runner if work waits and one sleeps. */
static void
wake_one(void)
{
    tri_lock(&pool.lock);
    struct runner *runner = NULL;
    /* Relaxed: written under the lock we hold. */
    if (tri_load_relaxed(&pool.ready) != 0)
        runner = pop_idle_locked();
    tri_unlock(&pool.lock);
    if (runner != NULL)
        tri_host_ready(runner->g);
}

static void
publish_chain(struct tri_special_p *p)
{
    uint32_t count = p->queue_count;
    if (count == 0)
        return;
    tri_lock(&pool.lock);
    if (pool.head == 0)
        pool.head = p->queue_head;
    else
        tri_special_at(pool.tail)->next = p->queue_head;
    pool.tail = p->queue_tail;
    tri_add(&pool.ready, count); /* before hidden falls: QUEUE-1 */
    tri_unlock(&pool.lock);
    tri_sub(&pool.hidden, count);
    p->queue_head = 0;
    p->queue_tail = 0;
    p->queue_count = 0;
    /* While the world is stopped nobody may be made ready; the schedulers ask
     * tri_gc_poll_cleanups when it starts. */
    if (!tri_host_world_stopped())
        wake_one();
}

void
tri_specials_publish(struct tri_special_p *p)
{
    publish_chain(p);
    /* Who sweeps by proxy for another P queues on its own. */
    struct tri_special_p *here = tri_special_here();
    if (here != NULL)
        publish_chain(here);
}

void
tri_cleanup_enqueue(struct tri_special_p *p, struct tri_special *record)
{
    record->next = 0;
    tri_add(&pool.hidden, 1);
    if (p->queue_head == 0)
        p->queue_head = tri_special_number(record);
    else
        tri_special_at(p->queue_tail)->next = tri_special_number(record);
    p->queue_tail = tri_special_number(record);
    if (++p->queue_count >= CHAIN_MAX)
        publish_chain(p);
}

void
tri_gc_poll_cleanups(void)
{
    /* Relaxed: a runner that is about to sleep looks again under the lock
     * (QUEUE-2); a chain we miss now is seen at our next decision. */
    if (TRI_LIKELY(tri_load_relaxed(&pool.hidden) == 0
                   && tri_load_relaxed(&pool.ready) == 0))
        return;
    tri_enter();
    struct tri_special_p *p = tri_special_here();
    if (p != NULL && p->queue_count != 0)
        tri_specials_publish(p);
    else if (tri_load_relaxed(&pool.ready) != 0
             && tri_load_relaxed(&pool.idle_count) != 0)
        wake_one();
    tri_leave();
}

/* ---- out ---- */

/* A struct for one more runner, counted; NULL: there are enough. */
static struct runner *
claim_runner_locked(uint32_t limit)
{
    if (pool.runner_count >= limit)
        return NULL;
    for (uint32_t i = 0; i < RUNNERS_MAX; i++) {
        struct runner *runner = &pool.runners[i];
        if (!runner->alive) {
            *runner = (struct runner){ .alive = true };
            pool.runner_count++;
            return runner;
        }
    }
    return NULL;
}

static void
start_runner(struct runner *runner)
{
    tri_host_go_system(runner_main, runner, "cleanup runner");
}

static uint32_t
usual_runners(void)
{
    return ((uint32_t)tri_host_proc_count() + 1) / 2;
}

/* The oldest due record, now this runner's; NULL: none.  Hands work that is
 * left to another runner, and sees to it that the keeper is awake. */
static struct tri_special *
take(void)
{
    struct runner *idle = NULL;
    struct runner *fresh = NULL;
    struct tri_g *keeper = NULL;
    tri_lock(&pool.lock);
    struct tri_special *record = NULL;
    if (pool.head != 0) {
        record = tri_special_at(pool.head);
        pool.head = record->next;
        record->next = 0;
        pool.taken++;
        tri_add(&pool.running, 1); /* before ready falls: QUEUE-1 */
        if (tri_sub(&pool.ready, 1) > 1) {
            idle = pop_idle_locked();
            if (idle == NULL)
                fresh = claim_runner_locked(usual_runners());
        }
        keeper = pool.keeper;
        pool.keeper = NULL;
    }
    tri_unlock(&pool.lock);
    if (idle != NULL || keeper != NULL) {
        tri_enter();
        if (idle != NULL)
            tri_host_ready(idle->g);
        if (keeper != NULL)
            tri_host_ready(keeper);
        tri_leave();
    }
    if (fresh != NULL)
        start_runner(fresh);
    return record;
}

/*
 * What a callback needs, out of its record.  Not the object's address, unless
 * it is a finalizer's: a cleanup's object is gone, its slot may be another's by
 * now, and a stack is scanned conservatively.
 */
struct call {
    uintptr_t fn;
    uintptr_t revived; /* a finalizer's object */
    bool has_data;
    uint64_t arg[2];
};

/* Out of line: the object's address is to be in no register of a frame in which
 * this thread may stop. */
static TRI_NOINLINE void
trace_begin(const struct tri_special *record, uint64_t id)
{
    tri_trace_cleanup_begin(id, tri_load_relaxed(&record->object),
                            tri_host_goid());
}

static TRI_NOINLINE void
trace_end(const struct tri_special *record, uint64_t id)
{
    tri_trace_cleanup_end(id, tri_load_relaxed(&record->object),
                          tri_host_goid());
}

/* QUEUED -> RUNNING.  The record stays, and roots the argument, until the end. */
TRI_NOINLINE static struct call
begin(struct tri_special *record)
{
    tri_enter();
    /* Relaxed: only we touch the record now; a guess for the CAS. */
    uint64_t word = tri_load_relaxed(&record->word);
    uint64_t id = tri_special_word_id(word);
    TRI_CHECK(tri_special_word_state(word) == TRI_SPECIAL_QUEUED
                  && tri_cas_acq_rel(&record->word, &word,
                                     tri_special_word(id, TRI_SPECIAL_RUNNING)),
              "LIFE-1: a record in the queue is in state %u",
              (unsigned)tri_special_word_state(word));
    struct call call = {
        .fn = record->fn,
        .has_data = record->has_data != 0,
        .arg = { tri_load_relaxed(&record->arg[0]),
                 tri_load_relaxed(&record->arg[1]) },
    };
    if (tri_load_relaxed(&record->kind) == TRI_SPECIAL_FINALIZER)
        call.revived = tri_load_relaxed(&record->object);
    else
        trace_begin(record, id);
    tri_leave();
    return call;
}

TRI_NOINLINE static void
end(struct tri_special *record)
{
    tri_enter();
    struct tri_special_p *p = tri_special_here();
    /* Relaxed: the record is ours. */
    if (tri_load_relaxed(&record->kind) == TRI_SPECIAL_FINALIZER) {
        tri_special_count(&p->finalizers_executed, 1);
    } else {
        trace_end(record, tri_special_word_id(tri_load_relaxed(&record->word)));
        tri_special_count(&p->executed, 1);
    }
    tri_special_free(p, record);
    tri_sub(&pool.running, 1); /* last: a drain then reads exact counts */
    tri_leave();
}

TRI_NOINLINE static void
run(struct tri_special *record)
{
    struct call call = begin(record);
    if (call.revived != 0)
        ((void (*)(void *))call.fn)((void *)call.revived);
    else if (call.has_data)
        ((void (*)(const void *))call.fn)(call.arg);
    else
        ((void (*)(void *))call.fn)((void *)(uintptr_t)call.arg[0]);
    end(record);
}

/* Commit of a runner's park: it is idle, unless work came meanwhile. */
static bool
become_idle(struct tri_g *g, void *arg)
{
    struct runner *self = arg;
    (void)g;
    tri_lock(&pool.lock);
    /* Relaxed: written under the lock we hold (QUEUE-2). */
    bool sleep = tri_load_relaxed(&pool.ready) == 0;
    if (sleep) {
        self->idle_next = pool.idle;
        pool.idle = self;
        tri_add(&pool.idle_count, 1);
    }
    tri_unlock(&pool.lock);
    return sleep;
}

/* The frames below ours held arguments of callbacks; a parked stack is scanned
 * conservatively, so wipe what the park's own frames would leave in place. */
TRI_NOINLINE static void
wipe_dead_frames(void)
{
    volatile uintptr_t words[128];
    for (size_t i = 0; i < TRI_ARRAY_COUNT(words); i++)
        words[i] = 0;
}

static void
runner_main(void *arg)
{
    struct runner *self = arg;
    tri_lock(&pool.lock);
    self->g = tri_host_current_g();
    tri_unlock(&pool.lock);
    while (!self->leave) {
        struct tri_special *record = take();
        if (record != NULL) {
            run(record);
            continue;
        }
        wipe_dead_frames();
        tri_host_park(become_idle, self, "cleanup wait");
    }
    tri_lock(&pool.lock);
    self->g = NULL;
    self->alive = false;
    tri_unlock(&pool.lock);
}

/* ---- the keeper ---- */

static bool
keeper_may_park(struct tri_g *g, void *arg)
{
    (void)arg;
    tri_lock(&pool.lock);
    /* Relaxed: both are raised under the lock we hold. */
    bool sleep = tri_load_relaxed(&pool.ready) == 0
              && tri_load_relaxed(&pool.running) == 0;
    if (sleep)
        pool.keeper = g;
    tri_unlock(&pool.lock);
    return sleep;
}

/* Work waits and nothing moved since the last look: more runners. */
static void
relieve(uint64_t *taken_before)
{
    uint32_t wanted = 0;
    tri_lock(&pool.lock);
    /* Relaxed: written under the lock we hold. */
    uint32_t ready = tri_load_relaxed(&pool.ready);
    if (ready != 0 && pool.taken == *taken_before && pool.idle == NULL) {
        wanted = pool.runner_count;
        if (wanted == 0 || wanted > 4 * usual_runners())
            wanted = 1;
        if (wanted > ready)
            wanted = ready;
    }
    *taken_before = pool.taken;
    tri_unlock(&pool.lock);
    while (wanted-- > 0) {
        tri_lock(&pool.lock);
        struct runner *fresh = claim_runner_locked(RUNNERS_MAX);
        tri_unlock(&pool.lock);
        if (fresh == NULL)
            return;
        start_runner(fresh);
    }
}

/* Sends idle runners home, all but one.  They are not counted from here on:
 * counted until they are gone, the last one would be sent away too. */
static void
dismiss(void)
{
    for (;;) {
        tri_lock(&pool.lock);
        struct runner *runner = NULL;
        if (pool.runner_count > 1)
            runner = pop_idle_locked();
        if (runner != NULL) {
            runner->leave = true;
            pool.runner_count--;
        }
        tri_unlock(&pool.lock);
        if (runner == NULL)
            return;
        tri_enter();
        tri_host_ready(runner->g);
        tri_leave();
    }
}

static void
keeper_main(void *arg)
{
    (void)arg;
    uint64_t taken = 0;
    for (;;) {
        tri_host_park(keeper_may_park, NULL, "cleanup keeper idle");
        uint32_t quiet = 0;
        while (quiet < KEEPER_QUIET) {
            tri_host_sleep(KEEPER_NS);
            relieve(&taken);
            /* Relaxed: only a hint; parking looks again under the lock. */
            bool busy = tri_load_relaxed(&pool.ready) != 0
                     || tri_load_relaxed(&pool.running) != 0;
            quiet = busy ? 0 : quiet + 1;
        }
        dismiss();
    }
}

void
tri_cleanup_pool_start(void)
{
    /* Acquire pairs with the CAS of whoever starts it. */
    uint32_t not_yet = tri_load_acquire(&pool.started);
    if (TRI_LIKELY(not_yet != 0))
        return;
    if (!tri_cas(&pool.started, &not_yet, 1))
        return;
    tri_lock(&pool.lock);
    struct runner *runner = claim_runner_locked(1);
    tri_unlock(&pool.lock);
    start_runner(runner);
    tri_host_go_system(keeper_main, NULL, "cleanup keeper");
}

/* ---- drain ---- */

static void
publish_p(struct tri_gc_p *p, void *arg)
{
    (void)arg;
    tri_specials_publish(&p->special);
}

/* Nothing due anywhere, but for callbacks that wait in a drain themselves. */
static bool
nothing_pending(void)
{
    tri_lock(&pool.lock);
    /* In the order in which a record moves (QUEUE-1). */
    bool nothing = tri_load(&pool.hidden) == 0 && tri_load(&pool.ready) == 0
                && tri_load(&pool.running) <= tri_load(&pool.draining);
    tri_unlock(&pool.lock);
    return nothing;
}

static struct runner *
runner_of(struct tri_g *g)
{
    if (g == NULL)
        return NULL;
    struct runner *found = NULL;
    tri_lock(&pool.lock);
    for (uint32_t i = 0; i < RUNNERS_MAX && found == NULL; i++)
        if (pool.runners[i].alive && pool.runners[i].g == g)
            found = &pool.runners[i];
    tri_unlock(&pool.lock);
    return found;
}

bool
tri_cleanup_drain(int64_t timeout_ns)
{
    int64_t start = tri_os_now_ns();
    int64_t pause_ns = 20000;
    struct runner *self = runner_of(tri_host_current_g());
    if (self != NULL)
        tri_add(&pool.draining, 1);
    bool nothing;
    for (;;) {
        if (tri_load(&pool.hidden) != 0)
            tri_host_each_p(publish_p, NULL);
        nothing = nothing_pending();
        int64_t left = timeout_ns - (tri_os_now_ns() - start);
        if (nothing || (timeout_ns >= 0 && left <= 0))
            break;
        /* Short at first: most drains wait for one cheap callback. */
        tri_host_sleep(timeout_ns >= 0 && left < pause_ns ? left : pause_ns);
        if (pause_ns < 1000000)
            pause_ns *= 2;
    }
    if (self != NULL)
        tri_sub(&pool.draining, 1);
    return nothing;
}

void
tri_cleanup_pool_read(struct tri_cleanup_pool_stats *stats)
{
    tri_lock(&pool.lock);
    stats->hidden = tri_load(&pool.hidden);
    stats->ready = tri_load(&pool.ready);
    stats->running = tri_load(&pool.running);
    stats->idle = tri_load(&pool.idle_count);
    stats->runners = pool.runner_count;
    tri_unlock(&pool.lock);
}
