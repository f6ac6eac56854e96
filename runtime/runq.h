/* SPDX-License-Identifier: MIT */
/*
 * runtime/runq.h: a P's queue of runnable goroutines: 256 slots in a ring.
 * The owner puts at the tail; owner and thieves take at the head, both with a
 * compare-and-swap.  Go's protocol, not Chase-Lev: no fences, FIFO, and a thief
 * takes half at once.  It needs base/atomic.h and nothing else, so its test
 * (rt_runq, and model_runq under a model checker) is the queue alone.
 *
 *   RUNQ-1  Only the owner writes `tail` and slots; a slot in [head, tail) is
 *           never overwritten, since put checks the distance to a head that
 *           can only have grown.  Otherwise an item is lost.
 *   RUNQ-2  An item is read before the CAS on head that claims it, and used
 *           only after that CAS succeeded; otherwise two take the same one.
 */
#ifndef TRI_RUNTIME_RUNQ_H
#define TRI_RUNTIME_RUNQ_H

#include "base/atomic.h"

#define TRI_RUNQ_SLOTS 256u

/* Keys: [a] atomic; [o] written by the owner only. */
struct tri_runq {
    TRI_ATOMIC(uint32_t) head;               /* [a] */
    TRI_ATOMIC(uint32_t) tail;               /* [a][o] */
    TRI_ATOMIC(void *) slot[TRI_RUNQ_SLOTS]; /* [a][o] */
};

/* Owner.  False: full. */
static inline bool
tri_runq_put(struct tri_runq *queue, void *item)
{
    /* Acquire pairs with the release CAS of takers: their reads of the slot
     * are over before it is written again. */
    uint32_t head = tri_load_acquire(&queue->head);
    /* Relaxed: our own. */
    uint32_t tail = tri_load_relaxed(&queue->tail);
    if (tail - head >= TRI_RUNQ_SLOTS)
        return false;
    /* Relaxed: published by the release of tail below. */
    tri_store_relaxed(&queue->slot[tail % TRI_RUNQ_SLOTS], item);
    /* Release pairs with the acquire of tail in tri_runq_steal. */
    tri_store_release(&queue->tail, tail + 1);
    return true;
}

/* The same, before a look at who could take it (SCHED-2): the tail is written
 * sequentially consistent. */
static inline bool
tri_runq_put_seen(struct tri_runq *queue, void *item)
{
    /* As in tri_runq_put. */
    uint32_t head = tri_load_acquire(&queue->head);
    uint32_t tail = tri_load_relaxed(&queue->tail);
    if (tail - head >= TRI_RUNQ_SLOTS)
        return false;
    tri_store_relaxed(&queue->slot[tail % TRI_RUNQ_SLOTS], item);
    tri_store(&queue->tail, tail + 1);
    return true;
}

/* Owner.  NULL: empty. */
static inline void *
tri_runq_take(struct tri_runq *queue)
{
    /* Acquire pairs with the release CAS of takers, as in tri_runq_put. */
    uint32_t head = tri_load_acquire(&queue->head);
    for (;;) {
        /* Relaxed: our own. */
        uint32_t tail = tri_load_relaxed(&queue->tail);
        if (tail == head)
            return 0;
        /* Relaxed: only the owner writes slots, and we are the owner. */
        void *item = tri_load_relaxed(&queue->slot[head % TRI_RUNQ_SLOTS]);
        if (tri_cas_acq_rel(&queue->head, &head, head + 1))
            return item;
    }
}

/*
 * Anyone: takes up to half (at least one, at most `max`) of what is queued into
 * out[], oldest first; returns how many.
 */
static inline uint32_t
tri_runq_steal(struct tri_runq *queue, void **out, uint32_t max)
{
    /* Acquire pairs with the release CAS of takers: the tail read next is no
     * older than the one that the last of them saw. */
    uint32_t head = tri_load_acquire(&queue->head);
    for (;;) {
        /* Acquire pairs with the release in tri_runq_put: the slots below
         * this tail are visible. */
        uint32_t tail = tri_load_acquire(&queue->tail);
        uint32_t count = tail - head;
        count -= count / 2;
        if (count == 0)
            return 0;
        if (count > TRI_RUNQ_SLOTS / 2) { /* head and tail do not match */
            head = tri_load_acquire(&queue->head); /* as above */
            continue;
        }
        if (count > max)
            count = max;
        for (uint32_t i = 0; i < count; i++) {
            /* Relaxed: ordered by tail's acquire; void if the CAS fails. */
            out[i] =
                tri_load_relaxed(&queue->slot[(head + i) % TRI_RUNQ_SLOTS]);
        }
        if (tri_cas_acq_rel(&queue->head, &head, head + count))
            return count;
    }
}

/* A guess for anyone; exact for the owner while nobody steals. */
static inline uint32_t
tri_runq_count(struct tri_runq *queue)
{
    for (;;) {
        uint32_t head = tri_load(&queue->head);
        uint32_t tail = tri_load(&queue->tail);
        if (head == tri_load(&queue->head))
            return tail - head;
    }
}

/* Owner.  True: nothing to take, but for what a thief leaves. */
static inline bool
tri_runq_empty(struct tri_runq *queue)
{
    /* Relaxed: a look. */
    return tri_load_relaxed(&queue->head) == tri_load_relaxed(&queue->tail);
}

#endif /* TRI_RUNTIME_RUNQ_H */
