/* SPDX-License-Identifier: MIT */
/*
 * runtime/chan.h: what a channel is, for chan.c and for who waits for several
 * of them (select.c).
 */
#ifndef TRI_RUNTIME_CHAN_H
#define TRI_RUNTIME_CHAN_H

#include "base/lock.h"
#include "runtime/sched.h"

/* A select that waits, on its goroutine's stack. */
struct tri_select {
    TRI_ATOMIC(uint32_t) claimed;   /* 1: one of its cases has won */
    struct tri_chan_waiter *winner; /* by who claimed it, before he wakes it */
};

/* Who waits for a channel: on his stack, or, of a select with many cases, in a
 * heap object his stack refers to.  Under the channel's lock. */
struct tri_chan_waiter {
    struct tri_g *g;
    struct tri_chan_waiter *next;
    struct tri_chan_waiter *prev;
    void *element;             /* where to, or from where; NULL: nowhere */
    struct tri_select *select; /* NULL: waits for this channel alone */
    bool queued;
    bool completed; /* a partner came; false: the channel was closed */
};

struct tri_chan_queue {
    struct tri_chan_waiter *head;
    struct tri_chan_waiter *tail;
};

/* What a look without the lock sees: two bits and, above them, a number that
 * grows whenever they change (CHAN-4).  "Ready" may be wrong, since waiters may
 * be selects that were claimed elsewhere; "not ready" is right. */
#define TRI_CHAN_RECV_READY UINT64_C(1)
#define TRI_CHAN_SEND_READY UINT64_C(2)
#define TRI_CHAN_READY      UINT64_C(3)

/* Keys: [c] constant; [l] lock. */
struct tri_chan {
    struct tri_lock lock;
    uint32_t closed;                 /* [l] */
    TRI_ATOMIC(uint64_t) looks;      /* [l] to write: CHAN-4 */
    size_t element_bytes;            /* [c] */
    size_t slot_bytes;               /* [c] element_bytes in whole words */
    size_t capacity;                 /* [c] */
    TRI_ATOMIC(size_t) count;        /* [l] to write */
    size_t first;                    /* [l] the oldest element's slot */
    struct tri_chan_queue receivers; /* [l] */
    struct tri_chan_queue senders;   /* [l] */
    char ring[];                     /* [l] */
};

/* ---- under the channel's lock ---- */

/* True: done.  The channel is open.  *partner: who waited for it and is to be made
 * ready, without the lock (CHAN-5); left alone if nobody did. */
bool tri_chan_send_now(struct tri_chan *chan, const void *element,
                       struct tri_g **partner);
/* The same.  True: *ok says what came; otherwise *ok is left alone. */
bool tri_chan_receive_now(struct tri_chan *chan, void *element, bool *ok,
                          struct tri_g **partner);

static inline void
tri_chan_queue_put(struct tri_chan_queue *queue, struct tri_chan_waiter *waiter)
{
    waiter->next = NULL;
    waiter->prev = queue->tail;
    waiter->queued = true;
    if (queue->tail == NULL)
        queue->head = waiter;
    else
        queue->tail->next = waiter;
    queue->tail = waiter;
}

static inline void
tri_chan_queue_remove(struct tri_chan_queue *queue,
                      struct tri_chan_waiter *waiter)
{
    if (waiter->prev == NULL)
        queue->head = waiter->next;
    else
        waiter->prev->next = waiter->next;
    if (waiter->next == NULL)
        queue->tail = waiter->prev;
    else
        waiter->next->prev = waiter->prev;
    waiter->queued = false;
}

/* Before the lock is given up, whatever was done under it. */
static inline void
tri_chan_publish(struct tri_chan *chan)
{
    /* Relaxed: our lock's. */
    size_t count = tri_load_relaxed(&chan->count);
    uint64_t before = tri_load_relaxed(&chan->looks);
    bool closed = chan->closed != 0;
    uint64_t ready = 0;
    if (count > 0 || chan->senders.head != NULL || closed)
        ready |= TRI_CHAN_RECV_READY;
    if (count < chan->capacity || chan->receivers.head != NULL || closed)
        ready |= TRI_CHAN_SEND_READY;
    /* Release pairs with the acquire in tri_chan_looks. */
    if ((before & TRI_CHAN_READY) != ready)
        tri_store_release(&chan->looks, (before | TRI_CHAN_READY) + 1 + ready);
}

static inline void
tri_chan_unlock(struct tri_chan *chan)
{
    tri_chan_publish(chan);
    tri_unlock(&chan->lock);
}

/* And then makes the partner ready, if there is one. */
static inline void
tri_chan_unlock_ready(struct tri_chan *chan, struct tri_g *partner)
{
    if (partner == NULL) {
        tri_chan_unlock(chan);
        return;
    }
    tri_enter();
    tri_chan_unlock(chan);
    tri_ready(partner);
    tri_leave();
}

/* ---- without it ---- */

static inline uint64_t
tri_chan_looks(struct tri_chan *chan)
{
    /* Acquire pairs with the release in tri_chan_publish: who sees that a
     * channel is no longer ready sees what was done before on others. */
    return tri_load_acquire(&chan->looks);
}

/* Panics if there is nothing to be sent. */
void tri_chan_check_element(const struct tri_chan *chan, const void *element,
                            const char *call);
TRI_NORETURN void tri_chan_panic_closed(const struct tri_chan *chan,
                                        const char *call);

#endif /* TRI_RUNTIME_CHAN_H */
