/* SPDX-License-Identifier: MIT */
/*
 * runtime/chan.c: channels, as Go's: a ring of elements and two queues of
 * waiters under one lock.  A channel is one conservatively scanned heap object,
 * header and ring together; it dies when nobody reaches it.
 *
 * An element changes hands directly when its partner waits already: copied to
 * or from the waiter's own buffer, by tri_copy, whose barrier makes it right
 * wherever the buffers lie: on a stack the collector has scanned already, in
 * the heap, or in a global.
 *
 *   CHAN-1  All under the channel's lock; a waiter is taken from its queue
 *           before it is made ready, and its node not touched after that
 *           (PARK-2); otherwise it is woken twice, or written to where its
 *           frame was.
 *   CHAN-2  What is cleared is shaded before: a receiver's element may lie in an
 *           object that is grey or white, and a black stack have taken what was in
 *           it; otherwise that is lost.  (A slot of the ring alone would not need
 *           it: what leaves the ring does so by tri_copy, which shades its source.)
 *   CHAN-3  An element has 64 KiB at most (Go's limit too); otherwise copying or
 *           clearing one, in a single section under the lock, delays a stop.
 *   CHAN-4  Whether it is ready, in one word with a number that grows at each
 *           change, is stored before the lock is given up (tri_chan_publish),
 *           and before somebody is woken by what made it ready; otherwise who
 *           may not wait (try, or a select with a default) finds nothing ready
 *           though something was at every moment.
 *   CHAN-5  Who was taken from a queue is made ready when the lock has been given up:
 *           that may wake a thread; otherwise others wait for the lock as long as a
 *           system call takes, and for all who waited when a channel is closed.
 */
#include "runtime/chan.h"
#include "base/check.h"
#include "gc/gc.h"

#define ELEMENT_BYTES_MAX ((size_t)64 << 10)

/* The first who still waits.  A select stands in several queues: who claims it
 * first has it, and the others go on to the next (SELECT-2). */
static struct tri_chan_waiter *
queue_take(struct tri_chan_queue *queue)
{
    struct tri_chan_waiter *waiter;
    while ((waiter = queue->head) != NULL) {
        tri_chan_queue_remove(queue, waiter);
        uint32_t open = 0;
        /* Relaxed: one of those who try succeeds, and that is all; the rest
         * is published by the locks and by tri_ready. */
        if (waiter->select == NULL
            || tri_cas_relaxed(&waiter->select->claimed, &open, 1))
            return waiter;
    }
    return NULL;
}

/* The waiter is out of its queue; the lock is held.  Who is to be made ready. */
static struct tri_g *
finish(struct tri_chan_waiter *waiter, bool completed)
{
    waiter->completed = completed;
    if (waiter->select != NULL)
        waiter->select->winner = waiter;
    return waiter->g;
}

static char *
slot_at(struct tri_chan *chan, size_t i)
{
    size_t at = chan->first + i;
    if (at >= chan->capacity)
        at -= chan->capacity;
    return chan->ring + at * chan->slot_bytes;
}

/* Inlined into a caller whose element is smaller, the compiler would warn of the
 * branch for 8 bytes. */
#define hide_size(at) __asm__("" : "+r"(at))

static void
copy_element(struct tri_chan *chan, void *to, const void *from)
{
    if (to == NULL)
        return;
    hide_size(to);
    if (TRI_UNLIKELY(tri_gc_active()))
        tri_copy(to, from, chan->element_bytes);
    else if (chan->element_bytes == sizeof(uint64_t))
        memcpy(to, from, sizeof(uint64_t)); /* most are; one instruction */
    else if (chan->element_bytes != 0)
        memcpy(to, from, chan->element_bytes);
}

static void
clear_element(struct tri_chan *chan, void *slot)
{
    hide_size(slot);
    /* CHAN-2; inside the lock's section, so that nothing comes between. */
    if (TRI_UNLIKELY(tri_gc_active()))
        tri_gc_shade_range(slot, chan->element_bytes);
    if (chan->element_bytes == sizeof(uint64_t))
        memset(slot, 0, sizeof(uint64_t));
    else
        memset(slot, 0, chan->element_bytes);
}

static void
ring_put(struct tri_chan *chan, const void *element)
{
    size_t count = tri_load_relaxed(&chan->count); /* relaxed: our lock's */
    copy_element(chan, slot_at(chan, count), element);
    tri_store_relaxed(&chan->count, count + 1);
}

static void
ring_take(struct tri_chan *chan, void *element)
{
    char *slot = slot_at(chan, 0);
    copy_element(chan, element, slot);
    clear_element(chan, slot);
    chan->first = chan->first + 1 == chan->capacity ? 0 : chan->first + 1;
    tri_store_relaxed(&chan->count, tri_load_relaxed(&chan->count) - 1);
}

/* ---- API -------------------------------------------------------------------- */

TRI_API struct tri_chan *
tri_chan_make(size_t element_bytes, size_t capacity)
{
    tri_check_caller("tri_chan_make");
    if (element_bytes > ELEMENT_BYTES_MAX) /* CHAN-3 */
        tri_panic("tri_chan_make: an element of %zu bytes is more than a "
                  "channel carries, 65536; send a pointer to it instead",
                  element_bytes);
    size_t slot_bytes = (element_bytes + 7) & ~(size_t)7;
    size_t ring_bytes;
    if (__builtin_mul_overflow(slot_bytes, capacity, &ring_bytes)
        || ring_bytes > PTRDIFF_MAX / 2)
        tri_panic("tri_chan_make: %zu elements of %zu bytes are more than "
                  "there is memory; make the channel smaller",
                  capacity, element_bytes);
    struct tri_chan *chan =
        tri_alloc_conservative(sizeof(struct tri_chan) + ring_bytes);
    tri_lock_init(&chan->lock, TRI_RANK_CHAN);
    chan->element_bytes = element_bytes;
    chan->slot_bytes = slot_bytes;
    chan->capacity = capacity;
    tri_chan_publish(chan);
    return chan;
}

bool
tri_chan_send_now(struct tri_chan *chan, const void *element,
                  struct tri_g **partner)
{
    struct tri_chan_waiter *receiver = queue_take(&chan->receivers);
    if (receiver != NULL) {
        copy_element(chan, receiver->element, element);
        *partner = finish(receiver, true);
        return true;
    }
    if (tri_load_relaxed(&chan->count) == chan->capacity)
        return false;
    ring_put(chan, element);
    return true;
}

void
tri_chan_check_element(const struct tri_chan *chan, const void *element,
                       const char *call)
{
    if (TRI_UNLIKELY(element == NULL && chan->element_bytes != 0))
        tri_panic("%s: the element is NULL; point at the %zu bytes to be sent",
                  call, chan->element_bytes);
}

void
tri_chan_panic_closed(const struct tri_chan *chan, const char *call)
{
    tri_panic("%s: the channel at %p is closed; only its last sender should "
              "close it",
              call, (const void *)chan);
}

static void
lock_open(struct tri_chan *chan, const char *call)
{
    tri_lock(&chan->lock);
    if (TRI_LIKELY(chan->closed == 0))
        return;
    tri_unlock(&chan->lock);
    tri_chan_panic_closed(chan, call);
}

TRI_API void
tri_chan_send(struct tri_chan *chan, const void *element)
{
    tri_check_caller("tri_chan_send");
    tri_schedpoint();
    if (chan == NULL)
        for (;;)
            tri_park(NULL, NULL, "send to a NULL channel");
    tri_chan_check_element(chan, element, "tri_chan_send");
    struct tri_g *partner = NULL;
    lock_open(chan, "tri_chan_send");
    if (tri_chan_send_now(chan, element, &partner)) {
        tri_chan_unlock_ready(chan, partner);
        return;
    }
    struct tri_chan_waiter self = { .g = tri_local_g(),
                                    .element = (void *)(uintptr_t)element };
    tri_chan_queue_put(&chan->senders, &self);
    tri_chan_publish(chan);
    tri_park_unlock(&chan->lock, "channel send");
    tri_keepalive(chan);
    if (!self.completed)
        tri_panic("tri_chan_send: the channel at %p was closed while this "
                  "goroutine waited to send",
                  (void *)chan);
}

TRI_API bool
tri_chan_try_send(struct tri_chan *chan, const void *element)
{
    tri_check_caller("tri_chan_try_send");
    tri_schedpoint();
    if (chan == NULL)
        return false;
    tri_chan_check_element(chan, element, "tri_chan_try_send");
    if ((tri_chan_looks(chan) & TRI_CHAN_SEND_READY) == 0)
        return false;
    struct tri_g *partner = NULL;
    lock_open(chan, "tri_chan_try_send");
    bool done = tri_chan_send_now(chan, element, &partner);
    tri_chan_unlock_ready(chan, partner);
    return done;
}

bool
tri_chan_receive_now(struct tri_chan *chan, void *element, bool *ok,
                     struct tri_g **partner)
{
    struct tri_chan_waiter *sender;
    if (tri_load_relaxed(&chan->count) > 0) {
        *ok = true;
        ring_take(chan, element);
        sender = queue_take(&chan->senders);
        if (sender != NULL) { /* the ring was full: its element comes next */
            ring_put(chan, sender->element);
            *partner = finish(sender, true);
        }
        return true;
    }
    sender = queue_take(&chan->senders);
    if (sender != NULL) {
        *ok = true;
        copy_element(chan, element, sender->element);
        *partner = finish(sender, true);
        return true;
    }
    if (chan->closed == 0)
        return false;
    *ok = false;
    if (element != NULL)
        clear_element(chan, element);
    return true;
}

TRI_API bool
tri_chan_recv(struct tri_chan *chan, void *element)
{
    tri_check_caller("tri_chan_recv");
    tri_schedpoint();
    if (chan == NULL)
        for (;;)
            tri_park(NULL, NULL, "receive from a NULL channel");
    bool ok;
    struct tri_g *partner = NULL;
    tri_lock(&chan->lock);
    if (tri_chan_receive_now(chan, element, &ok, &partner)) {
        tri_chan_unlock_ready(chan, partner);
        return ok;
    }
    struct tri_chan_waiter self = { .g = tri_local_g(), .element = element };
    tri_chan_queue_put(&chan->receivers, &self);
    tri_chan_publish(chan);
    tri_park_unlock(&chan->lock, "channel receive");
    tri_keepalive(chan);
    return self.completed;
}

TRI_API bool
tri_chan_try_recv(struct tri_chan *chan, void *element, bool *ok)
{
    tri_check_caller("tri_chan_try_recv");
    tri_schedpoint();
    bool received = false;
    bool done = false;
    if (chan != NULL && (tri_chan_looks(chan) & TRI_CHAN_RECV_READY) != 0) {
        struct tri_g *partner = NULL;
        tri_lock(&chan->lock);
        done = tri_chan_receive_now(chan, element, &received, &partner);
        tri_chan_unlock_ready(chan, partner);
    }
    if (ok != NULL)
        *ok = done && received;
    return done;
}

/* To those whom a close wakes. */
static void
append(struct tri_chan_waiter ***end, struct tri_chan_waiter *waiter)
{
    (void)finish(waiter, false);
    waiter->next = NULL;
    **end = waiter;
    *end = &waiter->next;
}

TRI_API void
tri_chan_close(struct tri_chan *chan)
{
    tri_check_caller("tri_chan_close");
    if (chan == NULL)
        tri_panic("tri_chan_close: the channel is NULL; make it first");
    lock_open(chan, "tri_chan_close");
    chan->closed = 1;
    tri_chan_publish(chan); /* before anybody is woken by it: CHAN-4 */
    struct tri_chan_waiter *waiter, *first = NULL, **end = &first;
    while ((waiter = queue_take(&chan->receivers)) != NULL) {
        if (waiter->element != NULL)
            clear_element(chan, waiter->element);
        append(&end, waiter);
    }
    while ((waiter = queue_take(&chan->senders)) != NULL)
        append(&end, waiter);
    tri_chan_unlock(chan);
    for (; first != NULL; first = waiter) {
        waiter = first->next; /* CHAN-1 */
        tri_enter();
        tri_ready(first->g);
        tri_leave();
    }
}

TRI_API size_t
tri_chan_len(const struct tri_chan *chan)
{
    tri_check_caller("tri_chan_len");
    if (chan == NULL)
        return 0;
    /* Relaxed: a number that is old when it is read. */
    return tri_load_relaxed(&((struct tri_chan *)(uintptr_t)chan)->count);
}

TRI_API size_t
tri_chan_cap(const struct tri_chan *chan)
{
    tri_check_caller("tri_chan_cap");
    return chan == NULL ? 0 : chan->capacity;
}
