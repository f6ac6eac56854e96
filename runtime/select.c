/* SPDX-License-Identifier: MIT */
/*
 * runtime/select.c: waiting for several channels, of which one case happens.
 * Go's selectgo in what it means; three ways, the cheapest first:
 *
 *   1. Look at all channels without a lock and do one that looks ready under
 *      its own lock.  Which one is drawn first, so each has the same chance.
 *   2. None looks ready and the caller may not wait: look again.  If no channel
 *      changed between, there was a moment when none was ready (SELECT-4).
 *   3. Lock all channels, look once more, stand in all queues, wait.  Who brings
 *      the other half claims the select (chan.c) and completes one case; the
 *      goroutine then takes itself out of the other queues, one by one.
 *
 *   SELECT-1  All channels are locked, in the order of their addresses (LOCK-2),
 *             from the look that finds nothing until the goroutine waits;
 *             otherwise two that want each other both look before either stands
 *             in a queue, and wait for ever.
 *   SELECT-2  Who takes a select from a queue claims it before anything else, and
 *             goes on to the next waiter if it was claimed; otherwise two cases
 *             of one select happen, and it is made ready twice.
 *   SELECT-3  The goroutine returns only when it has had the lock of every case
 *             but the one that happened, and unlocking reads its frame only while
 *             a lock is left; otherwise others use a frame that is gone.
 *   SELECT-4  "None" takes two looks at all channels with no change between them;
 *             otherwise a case that became ready behind the first look while
 *             another, seen late, was taken is missed.
 *   SELECT-5  256 cases at most; otherwise the section with all locks held delays
 *             a stop.
 *
 * Not otherwise: a lock at a time, with a claim that can be taken back: whoever
 * meets the select in between drops it from his queue, or has to wait for it.
 */
#include "base/check.h"
#include "runtime/chan.h"

#define FEW 16 /* waiters that lie on the stack: 1 KiB */

/* One call that has to wait; on its stack. */
struct call {
    struct tri_select_case *cases;
    struct tri_chan_waiter *waiters; /* as in `order` */
    struct tri_select select;
    struct tri_g *partner;         /* to be made ready, or NULL */
    uint32_t count;                /* of those with a channel */
    uint8_t order[TRI_SELECT_MAX]; /* cases, by their channels' addresses */
};

/* What one look at all channels, without their locks, saw. */
struct look {
    uint32_t ready;
    uint32_t ops; /* of all, by or: more than TRI_SELECT_SEND if one is wrong */
    size_t last;  /* the last that was */
    uint64_t sum; /* grows if a channel changes, since each one's word does */
};

static bool
looks_ready(const struct tri_select_case *one, uint64_t looks)
{
    bool send = one->op == TRI_SELECT_SEND;
    return (looks & (send ? TRI_CHAN_SEND_READY : TRI_CHAN_RECV_READY)) != 0;
}

static struct look
look_at(const struct tri_select_case *cases, size_t count)
{
    struct look look = { .last = count };
    for (size_t i = 0; i < count; i++) {
        if (cases[i].chan == NULL)
            continue;
        uint64_t looks = tri_chan_looks(cases[i].chan);
        look.sum += looks;
        look.ops |= (uint32_t)cases[i].op;
        if (looks_ready(&cases[i], looks)) {
            look.ready++;
            look.last = i;
        }
    }
    return look;
}

static uint32_t
random_below(uint32_t below)
{
    tri_enter();
    uint64_t random = tri_p_random(tri_current_p());
    tri_leave();
    return (uint32_t)(random * below >> 32);
}

/* One of those that look ready, or count: none does. */
static size_t
draw(const struct tri_select_case *cases, size_t count, struct look *look)
{
    *look = look_at(cases, count);
    if (look->ready <= 1)
        return look->last;
    uint32_t nth = random_below(look->ready);
    for (size_t i = 0; i < look->last; i++) {
        if (cases[i].chan != NULL
            && looks_ready(&cases[i], tri_chan_looks(cases[i].chan))
            && nth-- == 0)
            return i;
    }
    return look->last;
}

/* ---- doing one case ----------------------------------------------------------- */

enum outcome {
    NOT_READY,
    DONE,
    CLOSED
};

static TRI_NORETURN void
panic_closed(const struct tri_select_case *cases, size_t i)
{
    tri_panic("tri_select: case %zu sends to the channel at %p, which is "
              "closed; only its last sender should close it",
              i, (void *)cases[i].chan);
}

static void
check_case(const struct tri_select_case *cases, size_t i)
{
    const struct tri_select_case *one = &cases[i];
    if (one->op == TRI_SELECT_SEND)
        tri_chan_check_element(one->chan, one->element, "tri_select");
    else if (TRI_UNLIKELY(one->op != TRI_SELECT_RECV))
        tri_panic("tri_select: case %zu has the operation %d; set it to "
                  "TRI_SELECT_RECV or TRI_SELECT_SEND",
                  i, (int)one->op);
}

/* Whether the wrong one is ready or not. */
static void
check_ops(const struct tri_select_case *cases, size_t count,
          const struct look *look)
{
    if (TRI_UNLIKELY(look->ops > TRI_SELECT_SEND))
        for (size_t i = 0; i < count; i++)
            if (cases[i].chan != NULL)
                check_case(cases, i);
}

/* With the channel's lock held.  *partner is to be made ready without (CHAN-5). */
static enum outcome
attempt(struct tri_select_case *one, struct tri_g **partner)
{
    bool done;
    if (one->op == TRI_SELECT_RECV) {
        done = tri_chan_receive_now(one->chan, one->element, &one->ok, partner);
    } else {
        if (one->chan->closed != 0)
            return CLOSED;
        done = tri_chan_send_now(one->chan, one->element, partner);
        if (done)
            one->ok = true;
    }
    return done ? DONE : NOT_READY;
}

/* Does case i under its channel's lock alone; false: it is ready no more. */
static bool
do_alone(struct tri_select_case *cases, size_t i)
{
    check_case(cases, i);
    struct tri_chan *chan = cases[i].chan;
    struct tri_g *partner = NULL;
    tri_lock(&chan->lock);
    enum outcome outcome = attempt(&cases[i], &partner);
    tri_chan_unlock_ready(chan, partner);
    if (TRI_UNLIKELY(outcome == CLOSED))
        panic_closed(cases, i);
    return outcome == DONE;
}

/* ---- all channels at once ------------------------------------------------------- */

static struct tri_chan *
chan_at(const struct call *call, uint32_t k)
{
    return call->cases[call->order[k]].chan;
}

/* Shuffled first, so cases of one channel stand in its queue in any order.  By
 * insertion: they are few, and no lock is held yet. */
static void
put_in_order(struct call *call, struct tri_select_case *cases, size_t count)
{
    uint32_t n = 0;
    call->cases = cases;
    for (size_t i = 0; i < count; i++) {
        if (cases[i].chan == NULL)
            continue;
        check_case(cases, i);
        uint32_t j = random_below(n + 1);
        if (j != n)
            call->order[n] = call->order[j];
        call->order[j] = (uint8_t)i;
        n++;
    }
    call->count = n;
    call->partner = NULL;
    for (uint32_t k = 1; k < n; k++) {
        uint8_t i = call->order[k];
        uint32_t at = k;
        for (; at > 0
               && (uintptr_t)chan_at(call, at - 1) > (uintptr_t)cases[i].chan;
             at--)
            call->order[at] = call->order[at - 1];
        call->order[at] = i;
    }
}

static void
lock_all(const struct call *call)
{
    struct tri_chan *below = chan_at(call, 0);
    tri_lock(&below->lock);
    for (uint32_t k = 1; k < call->count; k++) {
        struct tri_chan *chan = chan_at(call, k);
        if (chan == below)
            continue;
        tri_lock_above(&chan->lock, &below->lock);
        below = chan;
    }
}

/* From the top.  SELECT-3: call is not read after the last one. */
static void
unlock_all(const struct call *call)
{
    uint32_t k = call->count - 1;
    for (struct tri_chan *chan = chan_at(call, k), *below;; chan = below) {
        while (k > 0 && chan_at(call, k - 1) == chan)
            k--;
        if (k == 0) {
            tri_unlock(&chan->lock);
            return;
        }
        below = chan_at(call, --k);
        tri_unlock_above(&chan->lock, &below->lock);
    }
}

/* Takes all locks.  The case it did, or count: none is ready, and then, if the caller
 * is to wait, he has the locks.  Each turn but the last takes waiters away that were
 * claimed elsewhere. */
static size_t
do_one(struct call *call, size_t count, bool wait)
{
    struct look look;
    enum outcome outcome = NOT_READY;
    size_t i;
    lock_all(call);
    while (outcome == NOT_READY
           && (i = draw(call->cases, count, &look)) != count) {
        outcome = attempt(&call->cases[i], &call->partner);
        tri_chan_publish(call->cases[i].chan);
    }
    if (i == count && wait)
        return count;
    tri_enter();
    unlock_all(call);
    if (call->partner != NULL)
        tri_ready(call->partner);
    tri_leave();
    if (outcome == CLOSED)
        panic_closed(call->cases, i);
    return i;
}

/* ---- waiting ---------------------------------------------------------------------- */

static struct tri_chan_queue *
queue_of(const struct tri_select_case *one)
{
    return one->op == TRI_SELECT_SEND ? &one->chan->senders
                                      : &one->chan->receivers;
}

/* With all locks held. */
static void
enqueue_all(struct call *call)
{
    struct tri_g *g = tri_local_g();
    /* Relaxed: published by the locks. */
    tri_store_relaxed(&call->select.claimed, 0);
    for (uint32_t k = 0; k < call->count; k++) {
        struct tri_select_case *one = &call->cases[call->order[k]];
        struct tri_chan_waiter *self = &call->waiters[k];
        self->g = g;
        self->select = &call->select;
        self->completed = false;
        /* No barrier, though many waiters are a heap object: until we return
         * the caller's cases keep it alive. */
        self->element = one->element;
        tri_chan_queue_put(queue_of(one), self);
        tri_chan_publish(one->chan);
    }
}

static bool
commit_unlock_all(struct tri_g *g, void *call)
{
    (void)g;
    unlock_all(call);
    return true;
}

/* Out of the queues of the cases that did not happen (SELECT-3). */
static void
dequeue_all(struct call *call)
{
    for (uint32_t k = 0; k < call->count; k++) {
        struct tri_chan_waiter *self = &call->waiters[k];
        struct tri_select_case *one = &call->cases[call->order[k]];
        if (self == call->select.winner)
            continue;
        tri_lock(&one->chan->lock);
        if (self->queued)
            tri_chan_queue_remove(queue_of(one), self);
        tri_chan_unlock(one->chan);
    }
}

/* Does one, or waits for one. */
static size_t
do_or_wait(struct call *call, size_t count)
{
    size_t i = do_one(call, count, true);
    if (i != count)
        return i;
    enqueue_all(call);
    tri_park(commit_unlock_all, call, "select");
    tri_schedpoint();
    dequeue_all(call);
    const struct tri_chan_waiter *winner = call->select.winner;
    i = call->order[winner - call->waiters];
    call->cases[i].ok = winner->completed;
    if (!winner->completed && call->cases[i].op == TRI_SELECT_SEND)
        panic_closed(call->cases, i);
    return i;
}

static TRI_NOINLINE size_t
select_slow(struct tri_select_case *cases, size_t count)
{
    struct tri_chan_waiter few[FEW];
    struct call call;
    tri_schedpoint();
    put_in_order(&call, cases, count);
    call.waiters = few;
    if (call.count == 0)
        for (;;)
            tri_park(NULL, NULL, "select without channels");
    if (call.count > FEW)
        call.waiters = tri_alloc_conservative(call.count * sizeof(few[0]));
    size_t i = do_or_wait(&call, count);
    tri_keepalive(call.waiters);
    return i;
}

static TRI_NOINLINE size_t
try_select_slow(struct tri_select_case *cases, size_t count)
{
    struct call call;
    tri_schedpoint();
    put_in_order(&call, cases, count);
    if (call.count == 0)
        return count;
    return do_one(&call, count, false);
}

/* ---- API ---------------------------------------------------------------------------- */

static void
check_call(size_t count, const char *call)
{
    tri_check_caller(call);
    tri_schedpoint();
    if (TRI_UNLIKELY(count > TRI_SELECT_MAX)) /* SELECT-5 */
        tri_panic("%s: %zu cases are more than one call takes, 256; let "
                  "goroutines forward some of the channels into one",
                  call, count);
}

TRI_API size_t
tri_select(struct tri_select_case *cases, size_t count)
{
    check_call(count, "tri_select");
    struct look look;
    size_t i = draw(cases, count, &look);
    check_ops(cases, count, &look);
    if (i != count && do_alone(cases, i))
        return i;
    return select_slow(cases, count);
}

TRI_API size_t
tri_try_select(struct tri_select_case *cases, size_t count)
{
    check_call(count, "tri_try_select");
    struct look look;
    size_t i = draw(cases, count, &look);
    check_ops(cases, count, &look);
    if (i == count) { /* SELECT-4 */
        tri_schedpoint();
        if (look_at(cases, count).sum == look.sum)
            return count;
    } else if (do_alone(cases, i)) {
        return i;
    }
    return try_select_slow(cases, count);
}
