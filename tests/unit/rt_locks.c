/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_locks.c: reader-writer mutexes, conditions, semaphores, once.
 * Those named after a test of Go's are ported from it.
 * To see it fail, in runtime/: let tri_rwmutex_rlock_slow return at once, or
 * tri_rwmutex_rlock (tricolor.h) take whatever is above the readers' count for a
 * writer (RW-1; the second hangs), wait for one reader less (RW-2), forget `admitted`
 * (RW-3, with schedfuzz: hangs) or QUEUED (RW-4: hangs), count in
 * tri_rwmutex_rlock_checked before the caller is checked, or subtract in
 * tri_rwmutex_runlock_slow first and look then (RW-5, the latter mostly); stand in
 * tri_cond_wait's queue after the unlock (COND-1) or make ready whoever tell() finds
 * (COND-2, with schedfuzz: "made ready in state"); let take() not look at WAITERS
 * (SEM-1), or acquire_slow not set it (SEM-2: hangs); set `done` before fn is called
 * (ONCE-1).
 */
#include <tricolor/tricolor.h>

#include "runtime/bucket.h"
#include "tests/support/runtime.h"
#include "tests/support/test.h"

static struct tri_waitgroup group;

/* Until `wanted` stand in a queue of the object: they wait, however long it took
 * them to get there. */
static void
await_queue(const void *object, void *const *queue, int wanted)
{
    struct tri_lock *bucket = tri_bucket_lock(object);
    for (;;) {
        int count = 0;
        tri_lock(bucket);
        for (struct tri_waiter *waiter = *queue; waiter != NULL;
             waiter = waiter->next)
            count++;
        tri_unlock(bucket);
        if (count == wanted)
            return;
        tri_yield();
    }
}

/* ---- reader-writer mutex ---------------------------------------------------------- */

static struct tri_rwmutex rw;
static int activity; /* readers, and 10000 for each writer */

enum {
    WRITER = 10000
};

static void
linger(uint64_t i)
{
    if (i % 64 == 0)
        tri_yield();
    for (volatile int spin = 0; spin < 100; spin++)
        ;
}

static void
read_often(void *rounds)
{
    for (uintptr_t i = 0; i < (uintptr_t)rounds; i++) {
        if (i % 4 != 0 || !tri_rwmutex_tryrlock(&rw))
            tri_rwmutex_rlock(&rw);
        int now = __atomic_add_fetch(&activity, 1, __ATOMIC_RELAXED);
        EXPECT_F(now >= 1 && now < WRITER, "a reader came in at %d", now);
        linger(i);
        __atomic_sub_fetch(&activity, 1, __ATOMIC_RELAXED);
        tri_rwmutex_runlock(&rw);
    }
    tri_waitgroup_done(&group);
}

static long written;

static void
write_often(void *rounds)
{
    for (uintptr_t i = 0; i < (uintptr_t)rounds; i++) {
        if (i % 4 != 0 || !tri_rwmutex_trylock(&rw))
            tri_rwmutex_lock(&rw);
        int now = __atomic_add_fetch(&activity, WRITER, __ATOMIC_RELAXED);
        EXPECT_F(now == WRITER, "a writer came in at %d", now);
        written++; /* under the mutex: tsan looks */
        linger(i);
        __atomic_sub_fetch(&activity, WRITER, __ATOMIC_RELAXED);
        tri_rwmutex_unlock(&rw);
    }
    tri_waitgroup_done(&group);
}

static void
hammer(int procs, int readers, int writers, uintptr_t rounds)
{
    int before = tri_set_procs(procs);
    written = 0;
    tri_waitgroup_add(&group, readers + writers);
    for (int i = 0; i < readers; i++) {
        if (i < writers)
            tri_go(write_often, (void *)rounds);
        tri_go(read_often, (void *)rounds);
    }
    for (int i = readers; i < writers; i++)
        tri_go(write_often, (void *)rounds);
    tri_waitgroup_wait(&group);
    EXPECT_EQ(written, (long)rounds * writers);
    tri_set_procs(before);
    /* As at first, so nothing is owed to anybody. */
    EXPECT_EQ(rw.word, 0);
    EXPECT_EQ(rw.admitted, 0);
    EXPECT_EQ(rw.leaving, 0);
    EXPECT(rw.readers == NULL && rw.writers == NULL && rw.next_writer == NULL);
}

TEST(readers_together_or_one_writer) /* TestRWMutex */
{
    static const int procs[] = { 1, 4, 10 };
    for (size_t i = 0; i < sizeof(procs) / sizeof(*procs); i++) {
        hammer(procs[i], 1, 2, 500);
        hammer(procs[i], 3, 2, 500);
        hammer(procs[i], 10, 2, 500);
        hammer(procs[i], 5, 5, 500);
        hammer(procs[i], 0, 6, 500);
    }
}

TEST(tries_say_no_where_it_would_wait) /* TestRWMutex, its beginning */
{
    tri_rwmutex_lock(&rw);
    EXPECT(!tri_rwmutex_trylock(&rw));
    EXPECT(!tri_rwmutex_tryrlock(&rw));
    tri_rwmutex_unlock(&rw);
    EXPECT(tri_rwmutex_tryrlock(&rw));
    EXPECT(tri_rwmutex_tryrlock(&rw));
    EXPECT(!tri_rwmutex_trylock(&rw));
    tri_rwmutex_runlock(&rw);
    EXPECT(!tri_rwmutex_trylock(&rw));
    tri_rwmutex_runlock(&rw);
    EXPECT(tri_rwmutex_trylock(&rw));
    tri_rwmutex_unlock(&rw);
}

static char order[8];
static int order_count;

static void
read_and_note(void *unused)
{
    (void)unused;
    tri_rwmutex_rlock(&rw);
    order[__atomic_fetch_add(&order_count, 1, __ATOMIC_RELAXED)] = 'r';
    tri_rwmutex_runlock(&rw);
    tri_waitgroup_done(&group);
}

static void
write_and_note(void *unused)
{
    (void)unused;
    tri_rwmutex_lock(&rw);
    order[__atomic_fetch_add(&order_count, 1, __ATOMIC_RELAXED)] = 'W';
    tri_rwmutex_unlock(&rw);
    tri_waitgroup_done(&group);
}

static void
begin_order(int goroutines)
{
    memset(order, 0, sizeof(order));
    order_count = 0;
    tri_waitgroup_add(&group, goroutines);
}

TEST(a_writer_that_waits_keeps_readers_out_and_they_go_before_the_next)
{
    begin_order(5);
    tri_rwmutex_rlock(&rw);
    tri_go(write_and_note, NULL);
    await_queue(&rw, &rw.next_writer, 1);
    EXPECT(!tri_rwmutex_tryrlock(&rw));
    tri_go(read_and_note, NULL);
    tri_go(read_and_note, NULL);
    await_queue(&rw, &rw.readers, 2);
    tri_go(write_and_note, NULL);
    await_queue(&rw, &rw.writers, 1);
    tri_go(read_and_note, NULL);
    await_queue(&rw, &rw.readers, 3);
    EXPECT_EQ(order_count, 0);
    tri_rwmutex_runlock(&rw);
    tri_waitgroup_wait(&group);
    EXPECT_STR(order, "WrrrW");
}

enum {
    QUEUED_ALONE = 2 /* the word's upper half: writers queue, and none is in */
};

/* Two writers wait, the one who holds it unlocks, and the first of the two, which
 * was woken, has not run yet, since there is one P. */
static bool
between_writers(void)
{
    begin_order(2);
    tri_rwmutex_lock(&rw);
    tri_go(write_and_note, NULL);
    tri_go(write_and_note, NULL);
    await_queue(&rw, &rw.writers, 2);
    tri_rwmutex_unlock(&rw);
    return __atomic_load_n(&rw.word, __ATOMIC_RELAXED) >> 32 == QUEUED_ALONE;
}

/* A writer that waited for a millisecond is handed the mutex: then it is not that. */
static void
read_between_writers(bool (*enter)(void))
{
    int procs = tri_set_procs(1);
    for (bool seen = false; !seen;) {
        bool between = between_writers();
        if (enter()) {
            bool in = order_count == 0;
            tri_yield();
            tri_yield();
            if (in)
                EXPECT_EQ(order_count, 0); /* both wait for us */
            tri_rwmutex_runlock(&rw);
            seen = between && in;
        }
        tri_waitgroup_wait(&group);
        EXPECT_EQ(rw.word, 0);
    }
    tri_set_procs(procs);
}

static bool
enter_by_rlock(void)
{
    tri_rwmutex_rlock(&rw);
    return true;
}

static bool
enter_by_tryrlock(void)
{
    return tri_rwmutex_tryrlock(&rw);
}

TEST(a_reader_goes_in_where_writers_queue_and_none_is_in)
{
    read_between_writers(enter_by_rlock);
    read_between_writers(enter_by_tryrlock);
}

static int stop;

static void
read_on_and_on(void *unused)
{
    (void)unused;
    while (__atomic_load_n(&stop, __ATOMIC_SEQ_CST) == 0) {
        tri_rwmutex_rlock(&rw);
        int64_t until = test_now_ns() + 50 * 1000;
        while (test_now_ns() < until)
            ;
        tri_rwmutex_runlock(&rw);
    }
    tri_waitgroup_done(&group);
}

TEST(a_writer_is_not_starved_by_readers)
{
    stop = 0;
    tri_waitgroup_add(&group, 4);
    for (int i = 0; i < 4; i++)
        tri_go(read_on_and_on, NULL);
    for (int i = 0; i < 20; i++) {
        tri_rwmutex_lock(&rw);
        tri_rwmutex_unlock(&rw);
        tri_yield();
    }
    __atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
    tri_waitgroup_wait(&group);
}

/* ---- condition ------------------------------------------------------------------------ */

static struct tri_mutex mutex;
static struct tri_cond cond;
static int running;
static int woken[200];
static int woken_count;

static void
wait_once(void *arg)
{
    tri_mutex_lock(&mutex);
    running++;
    tri_cond_wait(&cond, &mutex);
    woken[woken_count++] = (int)(intptr_t)arg;
    tri_mutex_unlock(&mutex);
    tri_waitgroup_done(&group);
}

/* Until `wanted` are counted in `what`, which the mutex guards. */
static void
await(const int *what, int wanted)
{
    for (;;) {
        tri_mutex_lock(&mutex);
        bool there = *what == wanted;
        tri_mutex_unlock(&mutex);
        if (there)
            return;
        tri_yield();
    }
}

static void
expect_no_more(const int *what, int wanted)
{
    let_wait();
    tri_mutex_lock(&mutex);
    EXPECT_EQ(*what, wanted);
    tri_mutex_unlock(&mutex);
}

TEST(a_signal_wakes_the_one_who_waited_longest)
{ /* TestCondSignal, TestCondSignalGenerations */
    running = woken_count = 0;
    tri_cond_signal(&cond); /* nobody: not kept */
    tri_waitgroup_add(&group, 100);
    for (int i = 0; i < 100; i++) {
        tri_go(wait_once, (void *)(intptr_t)i);
        await(&running, i + 1);
    }
    for (int i = 0; i < 100; i++) {
        if (i % 2 == 0) {
            tri_mutex_lock(&mutex);
            EXPECT_EQ(woken_count, i);
            tri_cond_signal(&cond);
            tri_mutex_unlock(&mutex);
        } else {
            tri_cond_signal(&cond);
        }
        await(&woken_count, i + 1);
        EXPECT_EQ(woken[i], i);
    }
    tri_waitgroup_wait(&group);
    EXPECT(cond.waiting == 0 && cond.waiters == NULL);
}

TEST(a_broadcast_wakes_all_who_wait_and_nobody_later) /* TestCondBroadcast */
{
    for (int round = 0; round < 50; round++) {
        running = woken_count = 0;
        tri_waitgroup_add(&group, 31);
        for (int i = 0; i < 30; i++)
            tri_go(wait_once, NULL);
        await(&running, 30);
        tri_cond_broadcast(&cond);
        tri_go(wait_once, NULL);
        await(&woken_count, 30);
        await(&running, 31);
        expect_no_more(&woken_count, 30);
        tri_cond_broadcast(&cond);
        tri_waitgroup_wait(&group);
    }
}

static int finished;

static void
wait_until_finished(void *unused)
{
    (void)unused;
    tri_mutex_lock(&mutex);
    while (finished == 0)
        tri_cond_wait(&cond, &mutex);
    tri_mutex_unlock(&mutex);
    tri_waitgroup_done(&group);
}

static void
broadcast(void *unused)
{
    (void)unused;
    tri_cond_broadcast(&cond);
    tri_waitgroup_done(&group);
}

TEST(a_later_waiter_does_not_steal_the_wake_up) /* TestCondSignalStealing */
{
    for (int round = 0; round < 1000; round++) {
        finished = running = woken_count = 0;
        tri_waitgroup_add(&group, 3);
        tri_go(wait_once, NULL);
        await(&running, 1);
        tri_go(broadcast, NULL);
        tri_go(wait_until_finished, NULL);
        await(&woken_count, 1);
        tri_mutex_lock(&mutex);
        finished = 1;
        tri_mutex_unlock(&mutex);
        tri_cond_broadcast(&cond);
        tri_waitgroup_wait(&group);
    }
}

static struct tri_cond other_cond;
static int items;
static long consumed;

enum {
    ROOM = 3,
    PRODUCED = 5000
};

static void
produce(void *unused)
{
    (void)unused;
    for (int i = 0; i < PRODUCED; i++) {
        tri_mutex_lock(&mutex);
        while (items == ROOM)
            tri_cond_wait(&other_cond, &mutex);
        items++;
        if (i % 2 == 0)
            tri_cond_signal(&cond);
        tri_mutex_unlock(&mutex);
        if (i % 2 != 0)
            tri_cond_signal(&cond);
    }
    tri_waitgroup_done(&group);
}

static void
consume(void *unused)
{
    (void)unused;
    for (int i = 0; i < PRODUCED; i++) {
        tri_mutex_lock(&mutex);
        while (items == 0)
            tri_cond_wait(&cond, &mutex);
        items--;
        consumed++;
        tri_cond_signal(&other_cond);
        tri_mutex_unlock(&mutex);
    }
    tri_waitgroup_done(&group);
}

TEST(no_signal_is_lost_between_producers_and_consumers)
{
    consumed = 0;
    tri_waitgroup_add(&group, 6);
    for (int i = 0; i < 3; i++) {
        tri_go(produce, NULL);
        tri_go(consume, NULL);
    }
    tri_waitgroup_wait(&group);
    EXPECT_EQ(consumed, 3L * PRODUCED);
}

/* ---- semaphore ---------------------------------------------------------------------------- */

static struct tri_sem sem = TRI_SEM_INIT(10);
static int inside;

static void
take_some(void *arg)
{
    int units = (int)(intptr_t)arg;
    for (int i = 0; i < 1000; i++) {
        if (i % 5 != 0 || !tri_sem_try_acquire(&sem, (uint64_t)units))
            tri_sem_acquire(&sem, (uint64_t)units);
        int now = __atomic_add_fetch(&inside, units, __ATOMIC_RELAXED);
        EXPECT_F(now >= 1 && now <= 10, "%d units of 10 are out", now);
        linger((uint64_t)i);
        __atomic_sub_fetch(&inside, units, __ATOMIC_RELAXED);
        tri_sem_release(&sem, (uint64_t)units);
    }
    tri_waitgroup_done(&group);
}

TEST(no_more_units_are_out_than_there_are)
{
    tri_waitgroup_add(&group, 12);
    for (intptr_t i = 0; i < 12; i++)
        tri_go(take_some, (void *)(i % 10 + 1));
    tri_waitgroup_wait(&group);
    EXPECT_EQ(sem.units, 10);
    EXPECT(!tri_sem_try_acquire(&sem, 11));
    EXPECT(tri_sem_try_acquire(&sem, 10));
    EXPECT(!tri_sem_try_acquire(&sem, 1));
    EXPECT(tri_sem_try_acquire(&sem, 0));
    tri_sem_release(&sem, 10);
}

static void
take_and_note(void *arg)
{
    int units = (int)(intptr_t)arg;
    tri_sem_acquire(&sem, (uint64_t)units);
    tri_mutex_lock(&mutex);
    woken[woken_count++] = units;
    tri_mutex_unlock(&mutex);
    tri_waitgroup_done(&group);
}

TEST(who_wants_many_is_not_passed_by_who_wants_few)
{
    static const int wants[] = { 8, 1, 2, 9, 1 };
    woken_count = 0;
    tri_sem_acquire(&sem, 5);
    tri_waitgroup_add(&group, 5);
    for (int i = 0; i < 5; i++) {
        tri_go(take_and_note, (void *)(intptr_t)wants[i]);
        await_queue(&sem, &sem.waiters, i + 1);
    }
    expect_no_more(&woken_count, 0); /* 5 are free, and the first wants 8 */
    EXPECT(!tri_sem_try_acquire(&sem, 1));
    tri_sem_release(&sem, 2);
    expect_no_more(&woken_count, 0);
    tri_sem_release(&sem, 3); /* 10: for 8, and 1 */
    await(&woken_count, 2);
    tri_sem_release(&sem, 4); /* 5: for 2, and not for 9 */
    await(&woken_count, 3);
    expect_no_more(&woken_count, 3);
    EXPECT_EQ(woken[2], 2);
    tri_sem_release(&sem, 7); /* 10: for 9, and 1 */
    tri_waitgroup_wait(&group);
    EXPECT_EQ(sem.units, 0);
    tri_sem_release(&sem, 10);
}

/* ---- once ------------------------------------------------------------------------------------ */

static struct tri_once once;
static int calls;

static void
call_slowly(void *arg)
{
    tri_yield();
    tri_sleep(1000 * 1000);
    *(int *)arg += 1;
}

static void
do_once(void *unused)
{
    (void)unused;
    for (int i = 0; i < 100; i++) {
        tri_once_do(&once, call_slowly, &calls);
        EXPECT_EQ(calls, 1);
    }
    tri_waitgroup_done(&group);
}

TEST(once_is_done_when_any_of_them_returns) /* TestOnce */
{
    for (int round = 0; round < 20; round++) {
        once = (struct tri_once){ 0 };
        calls = 0;
        tri_waitgroup_add(&group, 10);
        for (int i = 0; i < 10; i++)
            tri_go(do_once, NULL);
        tri_waitgroup_wait(&group);
    }
}

/* ---- misuse ------------------------------------------------------------------------------------ */

TEST(misuse_is_refused_and_changes_nothing)
{
    EXPECT_REFUSAL(tri_rwmutex_unlock(&rw), "not locked for writing");
    EXPECT_REFUSAL(tri_rwmutex_runlock(&rw), "not locked for reading");
    tri_rwmutex_rlock(&rw);
    EXPECT_REFUSAL(tri_rwmutex_unlock(&rw), "not locked for writing");
    tri_rwmutex_runlock(&rw);
    tri_rwmutex_lock(&rw);
    EXPECT_REFUSAL(tri_rwmutex_runlock(&rw), "not locked for reading");
    tri_waitgroup_add(&group, 1);
    tri_go(read_and_note, NULL);
    await_queue(&rw, &rw.readers, 1);
    EXPECT_REFUSAL(tri_rwmutex_runlock(&rw), "not locked for reading");
    order_count = 0;
    tri_rwmutex_unlock(&rw);
    tri_waitgroup_wait(&group);
    EXPECT_EQ(rw.word, 0);
    tri_rwmutex_rlock(&rw);
    tri_waitgroup_add(&group, 1);
    tri_go(write_and_note, NULL);
    await_queue(&rw, &rw.next_writer, 1);
    EXPECT_REFUSAL(tri_rwmutex_unlock(&rw), "not locked for writing");
    EXPECT_EQ(order_count, 1);
    tri_rwmutex_runlock(&rw);
    tri_waitgroup_wait(&group);
    EXPECT_EQ(rw.word, 0);

    EXPECT_REFUSAL(tri_cond_wait(&cond, &mutex), "lock it before");
    EXPECT(cond.waiters == NULL);
    EXPECT_REFUSAL(tri_sem_release(&sem, TRI_SEM_MAX - 9),
                   "more than it counts");
    EXPECT_EQ(sem.units, 10);
    once = (struct tri_once){ 0 };
    EXPECT_REFUSAL(tri_once_do(&once, NULL, NULL), "the function is NULL");
}

static void
read_in_a_blocking_section(void)
{
    static uint64_t word;
    word = rw.word;
    tri_blocking_begin();
    EXPECT_REFUSAL(tri_rwmutex_rlock(&rw), "tri_blocking_end");
    EXPECT_REFUSAL(tri_rwmutex_tryrlock(&rw), "tri_blocking_end");
    tri_blocking_end();
    EXPECT_EQ(rw.word, word);
}

TEST(who_may_not_read_is_not_counted)
{
    read_in_a_blocking_section();
    tri_rwmutex_lock(&rw);
    read_in_a_blocking_section();
    tri_rwmutex_unlock(&rw);
    hammer(2, 2, 2, 10); /* nobody waits for the one who was refused */
}

static int tries;

static void
try_to_read(void *unused)
{
    (void)unused;
    while (__atomic_load_n(&stop, __ATOMIC_SEQ_CST) == 0) {
        EXPECT(!tri_rwmutex_tryrlock(&rw));
        __atomic_add_fetch(&tries, 1, __ATOMIC_RELAXED);
    }
    tri_waitgroup_done(&group);
}

TEST(an_unlock_that_is_refused_lets_nobody_in)
{
    int procs = tri_set_procs(2);
    stop = tries = 0;
    tri_rwmutex_lock(&rw);
    tri_waitgroup_add(&group, 1);
    tri_go(try_to_read, NULL);
    while (__atomic_load_n(&tries, __ATOMIC_RELAXED) == 0)
        tri_yield();
    for (int i = 0; i < 20000; i++)
        EXPECT_REFUSAL(tri_rwmutex_runlock(&rw), "not locked for reading");
    __atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
    tri_waitgroup_wait(&group);
    tri_rwmutex_unlock(&rw);
    tri_set_procs(procs);
}

int
main(int argc, char **argv)
{
    test_begin(argc, argv);
    return tri_main(test_run_all, NULL, NULL);
}
