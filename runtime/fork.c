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
 *
 * vfork, posix_spawn and a bare clone do not come by here; their children run on
 * the parent's memory, or do no more than exec.
 */
#include <pthread.h>
#include <stdlib.h>

#include "base/check.h"
#include "runtime/poll.h"
#include "runtime/sched.h"

static void
in_child(void)
{
    struct tri_local *local = tri_local_get();
    local->cache = &tri_cache_none;
    local->g = NULL;
    local->m = NULL;
    tri_poll_in_child(); /* POLL-8 */
    tri_panic_instead("this process was forked from a running runtime, whose "
                      "threads it does not have; exec or _exit in the child, "
                      "or fork before the runtime starts");
}

void
tri_fork_init(void)
{
    int error = pthread_atfork(NULL, NULL, in_child);
    TRI_CHECK(error == 0, "pthread_atfork failed (error %d)", error);
}

void
tri_fork_leave(int result)
{
    if (tri_panics_instead())
        exit(result);
}
