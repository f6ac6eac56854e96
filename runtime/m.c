/* SPDX-License-Identifier: MIT */
/*
 * runtime/m.c: threads: the table, births, the spawner.
 *
 * Schedulers run inside critical sections, and pthread_create takes locks of
 * libc that a thread stopped in place may hold.  So a thread of its own, which
 * is no M and is never stopped, creates threads on request.
 *
 *   BORN-1  pthread_create is called by the spawner alone, once the runtime
 *           runs; otherwise a stop waits for a scheduler that waits for a lock
 *           of a thread that is stopped.
 *   BORN-2  An M is in the table, BLOCKED, before its thread exists, so that a
 *           stop counts it at every moment of its life; otherwise the thread
 *           runs in a stopped world.
 *   BORN-3  No P is given to an M before its thread runs; otherwise its birth
 *           waits for a lock of libc's whose holder, preempted in place in the
 *           middle of malloc or fork, waits for that P.
 *   BORN-4  One that the world's stopper makes (he may find work for an idle P) is
 *           born stopped, and let go with the others; otherwise its thread, of
 *           which the stop knew nothing, runs in a stopped world.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <urcu/urcu-bp.h>

#include "base/check.h"
#include "base/os.h"
#include "base/persist.h"
#include "runtime/sched.h"
#include "trace/trace.h"

#define THREAD_STACK_BYTES ((size_t)1 << 20)
#define RETRY_NS           INT64_C(10000000)
#define RETRIES            500
#define SIGNALS            64 /* one bit each in birth_mask, the last too */

/* Keys: [l] scheduler's lock; [a] atomic; [c] constant. */
static struct {
    struct tri_m **m;                  /* [c] the table, off the heap */
    TRI_ATOMIC(uint32_t) count;        /* [a], written under [l] */
    struct tri_m *unused;              /* [l] attached threads that left */
    TRI_ATOMIC(uint32_t) threads;      /* [a] of the process that are ours */
    TRI_ATOMIC(struct tri_m *) births; /* [a] a stack; linked by birth_link */
    TRI_ATOMIC(uint32_t) births_word;  /* [a] 1: there are some */
} all;

void
tri_m_init(void)
{
    all.m = tri_os_map(TRI_M_MAX * sizeof(*all.m));
    TRI_CHECK(all.m != NULL, "no memory for the table of threads");
}

uint32_t
tri_m_count(void)
{
    return tri_load(&all.count);
}

struct tri_m *
tri_m_at(uint32_t i)
{
    return all.m[i];
}

uint32_t
tri_m_thread_count(void)
{
    return tri_load(&all.threads);
}

struct tri_m *
tri_m_new(void)
{
    tri_lock_assert_held(&tri_sched.lock);
    struct tri_m *m = all.unused;
    if (m != NULL) {
        all.unused = m->link;
    } else {
        uint32_t count = tri_load(&all.count);
        if (count == TRI_M_MAX)
            return NULL;
        m = tri_persist_alloc(sizeof(*m), 64);
        if (m == NULL)
            return NULL;
        /* M-4, BORN-4. */
        bool stopped = tri_world_stopped();
        tri_store(&m->state, stopped ? TRI_M_BSTOP : TRI_M_BLOCKED);
        tri_store(&m->claim, stopped ? TRI_CLAIM_HELD : TRI_CLAIM_FREE);
        m->world_holds = stopped;
        m->index = (int)count;
        all.m[count] = m;
        /* Sequentially consistent: STW-2. */
        tri_store(&all.count, count + 1);
    }
    m->link = NULL;
    m->newborn = 1;
    m->may_lose_p = 1;
    tri_store(&m->note, 0);
    tri_store(&m->in_use, 1);
    return m;
}

void
tri_m_unborn(struct tri_m *m)
{
    uint32_t state = tri_load(&m->state);
    TRI_DCHECK(state == TRI_M_BLOCKED || state == TRI_M_BSTOP,
               "M-4: thread %d ends in state %u", tri_load_relaxed(&m->tid),
               state); /* a message */
    tri_store(&m->in_use, 0);
    tri_lock(&tri_sched.lock);
    m->link = all.unused;
    all.unused = m;
    tri_unlock(&tri_sched.lock);
}

void
tri_m_free(struct tri_m *m)
{
    tri_sub(&all.threads, 1);
    tri_m_unborn(m);
}

int
tri_m_find_stack(struct tri_m *m)
{
    pthread_attr_t attributes;
    void *lo = NULL;
    size_t bytes = 0;
    /* For the main thread it reads a file. */
    int error = pthread_getattr_np(pthread_self(), &attributes);
    if (error != 0)
        return error == ENOMEM ? -ENOMEM : -EAGAIN;
    pthread_attr_getstack(&attributes, &lo, &bytes);
    pthread_attr_destroy(&attributes);
    m->stack_lo = (uintptr_t)lo;
    m->stack_hi = (uintptr_t)lo + bytes;
    return 0;
}

void
tri_m_adopt(struct tri_m *m)
{
    /* Relaxed: published by the state (M-5). */
    tri_store_relaxed(&m->tid, tri_os_tid());
    m->newborn = 0;
    m->on_cpu = TRI_M_NOT_OURS;
    tri_fork_hold_off();
    urcu_bp_register_thread(); /* not first in a section: it takes locks */
    tri_fork_let();
    tri_san_thread(&m->san, (void *)m->stack_lo, m->stack_hi - m->stack_lo);
    struct tri_local *local = tri_local_get();
    local->cache = &tri_cache_none;
    local->g = NULL;
    local->errno_at = &errno;
    /* Release pairs with the acquire in tri_host_divert_caches. */
    tri_store_release(&m->local, local);
    local->m = m; /* from here on a stop signal finds us */
    tri_signal_thread_start(m);
    tri_add(&all.threads, 1);
}

/* One that the spawner made. */
static void
adopt_own(struct tri_m *m)
{
    int error = tri_m_find_stack(m);
    TRI_CHECK(error == 0,
              "the stack of a thread of the runtime's is not to be "
              "found (error %d)",
              -error);
    (void)tri_thread_set_exit_key(m); /* LEAVE-2; without keys, without */
    tri_m_adopt(m);
}

/* ---- threads of our own --------------------------------------------------- */

static void
restore_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    for (int i = 1; i <= SIGNALS; i++)
        if ((tri_sched.birth_mask >> (i - 1) & 1) != 0)
            sigaddset(&set, i);
    pthread_sigmask(SIG_SETMASK, &set, NULL);
}

/* Just born: no stop may be in doubt about m, nor a signal find it unready. */
static void
check_newborn(struct tri_m *m)
{
    uint32_t state = tri_load(&m->state);
    sigset_t set;
    if (!TRI_CHECKED)
        return;
    TRI_DCHECK(tri_m_at((uint32_t)m->index) == m
                   && (state == TRI_M_BLOCKED || state == TRI_M_BSTOP),
               "BORN-2: a thread is born as one that runs, or as none");
    pthread_sigmask(SIG_BLOCK, NULL, &set);
    TRI_DCHECK(sigismember(&set, SIGURG) == 1
                   && sigismember(&set, SIGUSR1) == 1,
               "SIG-3: a thread is born with signals let in");
}

static void *
scheduler_thread(void *arg)
{
    struct tri_m *m = arg;
    check_newborn(m);
    pthread_setname_np(pthread_self(), "tri-sched");
    prctl(PR_SET_TIMERSLACK, 1000ul, 0ul, 0ul, 0ul); /* it wakes who sleeps */
    tri_trace_thread_start();
    adopt_own(m);
    m->on_cpu = TRI_M_UNBOUND;
    restore_signals();
    tri_enter();
    tri_trace_thread_begin((uint32_t)tri_os_tid(), 0);
    tri_m_unblock(m, false);
    tri_sched_born(m);
    tri_sched_loop(m);
}

static void *
sysmon_thread(void *arg)
{
    struct tri_m *m = arg;
    check_newborn(m);
    pthread_setname_np(pthread_self(), "tri-sysmon");
    tri_trace_thread_start();
    adopt_own(m);
    tri_enter();
    tri_m_unblock(m, false);
    tri_trace_thread_begin((uint32_t)tri_os_tid(), 0);
    tri_leave();
    tri_sysmon_loop(m);
    return NULL;
}

/* With all signals blocked; the newborn unblocks them (SIG-3). */
static int
create(void *(*fn)(void *), struct tri_m *m)
{
    TRI_DCHECK(tri_local_m() == NULL,
               "BORN-1: a thread that can be stopped creates another");
    pthread_t thread;
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error != 0)
        return -error;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
    error = pthread_create(&thread, &attributes, fn, m);
    pthread_attr_destroy(&attributes);
    return -error;
}

static void
create_or_die(struct tri_m *m)
{
    int error = 0;
    for (int i = 0; i < RETRIES; i++) {
        error = create(scheduler_thread, m);
        if (error == 0)
            return;
        tri_os_sleep_ns(RETRY_NS);
    }
    tri_fatal("no thread for a P after %d tries (error %d): raise the limit "
              "on threads (ulimit -u, cgroup pids.max)",
              RETRIES, -error);
}

static void *
spawner_thread(void *arg)
{
    (void)arg;
    pthread_setname_np(pthread_self(), "tri-spawner");
    tri_add(&all.threads, 1);
    for (;;) {
        tri_futex_wait(&all.births_word, 0, -1);
        tri_store(&all.births_word, 0);
        struct tri_m *m = tri_swap(&all.births, NULL);
        while (m != NULL) {
            struct tri_m *next = m->birth_link;
            create_or_die(m);
            m = next;
        }
    }
    return NULL;
}

void
tri_m_start_thread(struct tri_m *m)
{
    struct tri_m *first = tri_load(&all.births);
    do {
        m->birth_link = first;
    } while (!tri_cas(&all.births, &first, m));
    if (tri_swap(&all.births_word, 1) == 0)
        tri_futex_wake(&all.births_word, 1);
}

int
tri_m_start_helpers(void)
{
    sigset_t all_signals, before;
    sigfillset(&all_signals);
    pthread_sigmask(SIG_SETMASK, &all_signals, &before);
    tri_sched.birth_mask = 0;
    for (int i = 1; i <= SIGNALS; i++)
        if (sigismember(&before, i) == 1 && i != SIGURG)
            tri_sched.birth_mask |= UINT64_C(1) << (i - 1);
    tri_lock(&tri_sched.lock);
    struct tri_m *m = tri_m_new();
    tri_unlock(&tri_sched.lock);
    int error = m == NULL ? -ENOMEM : create(spawner_thread, NULL);
    if (error == 0)
        error = create(sysmon_thread, m);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}
