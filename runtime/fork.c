/* SPDX-License-Identifier: MIT */
/*
 * runtime/fork.c: the child of a fork.
 *
 * It has one thread, and everything else as it was in the middle of things: locks
 * held by threads that are not there, a cycle that nobody finishes, Ps that nobody
 * gives back.  To mend all that would mean a lock of forks around every section.
 * So the child may do what POSIX promises it, exec, _exit, exit, and what is safe
 * in a signal handler; every call of the runtime that would need the others dies
 * with a sentence that says so.
 *
 *   FORK-1  In the child the thread is at once unknown to the runtime: no M, no
 *           goroutine, the empty cache.  So each call ends in the check that
 *           threads which never attached end in, and no fast path has an
 *           instruction more; otherwise it allocates from a P for which nobody
 *           sweeps, or waits for threads that are not there.
 *   FORK-2  What waits without asking who calls (a lock of the runtime) asks
 *           before it sleeps; otherwise it sleeps for ever.
 *   FORK-3  A main goroutine that returns in the child ends the process with its
 *           result; otherwise nobody does: the thread that waits in tri_main is
 *           not there.
 *   FORK-4  No fork while a thread registers with liburcu; otherwise the lock it
 *           holds in there stays held in the child, whose exit waits for it in
 *           liburcu's destructor.  (liburcu's own urcu_bp_before_fork does not take
 *           that lock.)  A newborn waits for a fork that is under way, but not for
 *           long: a fork may be waiting for a lock of malloc, whose holder waits
 *           for a P.  What is left of the hole: such a fork, and the end of a
 *           thread, which holds that lock for some nanoseconds.
 *
 * vfork, posix_spawn and a bare clone do not come by here; their children run on
 * the parent's memory, or do no more than exec.  The parent's thread waits for that
 * in the kernel, where the stop signal does not reach it: in a blocking call it is
 * stopped by its word, as in any; outside of one every stop waits (straggler.c says
 * so after a second).
 */
#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/os.h"
#include "base/syscall.h"
#include "runtime/dump.h"
#include "runtime/poll.h"
#include "runtime/sched.h"

/* Keys: [a] atomic. */
static struct {
    TRI_ATOMIC(uint32_t) forks;  /* [a] under way */
    TRI_ATOMIC(uint32_t) births; /* [a] threads that hold forks off */
} both;

#define PATIENCE_NS INT64_C(50000000)

#if TRI_TSAN
/* This thread forks, and so holds the sanitizer's locks (SIG-5). */
static __thread volatile bool forking
    __attribute__((tls_model("initial-exec")));

TRI_NO_SANITIZE bool
tri_fork_is_ours(void)
{
    return forking;
}
#    define NOTE_FORKING(yes) (forking = (yes))
#else
#    define NOTE_FORKING(yes) ((void)0)
#endif

void
tri_fork_hold_off(void)
{
    int64_t end = tri_os_now_ns() + PATIENCE_NS;
    for (;;) {
        /* Sequentially consistent, here and in before: one sees the other. */
        tri_add(&both.births, 1);
        uint32_t forks = tri_load(&both.forks);
        int64_t left = end - tri_os_now_ns();
        if (forks == 0 || left <= 0)
            return;
        tri_fork_let();
        tri_futex_wait(&both.forks, forks, left);
    }
}

void
tri_fork_let(void)
{
    if (tri_sub(&both.births, 1) == 1 && tri_load(&both.forks) != 0)
        tri_futex_wake(&both.births, INT32_MAX);
}

static void
before(void)
{
    uint32_t births;
    NOTE_FORKING(true);
    tri_add(&both.forks, 1);
    /* Under TSan a newborn may want a lock that this thread holds. */
    int64_t end = tri_os_now_ns() + (TRI_TSAN ? PATIENCE_NS : INT64_MAX / 2);
    int64_t left;
    while ((births = tri_load(&both.births)) != 0
           && (left = end - tri_os_now_ns()) > 0)
        tri_futex_wait(&both.births, births, left);
}

static void
after(void)
{
    tri_sub(&both.forks, 1);
    tri_futex_wake(&both.forks, INT32_MAX);
    NOTE_FORKING(false);
}

static void
in_child(void)
{
    NOTE_FORKING(false);
    /* Relaxed: there is one thread. */
    tri_store_relaxed(&both.forks, 0);
    tri_store_relaxed(&both.births, 0);
    struct tri_local *local = tri_local_get();
    local->cache = &tri_cache_none;
    local->g = NULL;
    local->m = NULL;
    tri_poll_in_child(); /* POLL-8 */
    tri_dump_in_child();
    tri_panic_instead("this process was forked from a running runtime, whose "
                      "threads it does not have; exec or _exit in the child, "
                      "or fork before the runtime starts");
}

void
tri_fork_init(void)
{
    int error = pthread_atfork(before, after, in_child);
    TRI_CHECK(error == 0, "pthread_atfork failed (error %d)", error);
}

void
tri_fork_leave(int result)
{
    if (tri_panics_instead())
        exit(result);
}
