/* SPDX-License-Identifier: MIT */
/*
 * runtime/thread.c: other people's threads: attach, detach, and the end of a
 * thread that forgot to.
 *
 * An attached thread gets an M and a goroutine of its own that runs on the
 * thread's own stack and never leaves it; it borrows a P while it runs.
 *
 *   ATT-1  Registered BLOCKED under the scheduler's lock, never while a stop is
 *          on (STW-2); runs (tri_m_unblock) before it touches anything else;
 *          otherwise it works in a stopped world.
 *   ATT-2  Its goroutine is born when it has a P, in the same section: until
 *          then its stack is no root, and after that all it finds comes to it
 *          through barriers; otherwise it holds what no scan looks for.
 *   ATT-3  On the way out: P given away, goroutine dead, BLOCKED, then the
 *          thread-local m is NULL, and only then the signal stack goes;
 *          otherwise a stop waits for it for ever, or its signal finds no stack.
 */
#include <errno.h>
#include <pthread.h>

#include "base/check.h"
#include "base/os.h"
#include "gc/gc.h"
#include "runtime/sched.h"
#include "trace/trace.h"

static TRI_ATOMIC(uint32_t) exit_key; /* plus 1; 0: none yet */

static void
on_thread_exit(void *unused)
{
    (void)unused;
    struct tri_m *m = tri_local_m();
    if (m == NULL)
        return;
    if (tri_local_g() == NULL || tri_local_g()->bound == NULL)
        tri_thread_ends_ours(); /* LEAVE-2 */
    if (m->blocking_depth > 0) {
        m->blocking_depth = 1;
        tri_blocking_end();
    }
    tri_thread_detach();
}

/* What makes a thread detach that ends attached, and sees one of ours end; a program
 * may have used up all keys, and may give one back. */
int
tri_thread_set_exit_key(struct tri_m *m)
{
    /* Acquire pairs with the CAS below: the key is made. */
    uint32_t key = tri_load_acquire(&exit_key);
    if (key == 0) {
        pthread_key_t mine;
        if (pthread_key_create(&mine, on_thread_exit) != 0)
            return -EAGAIN;
        if (tri_cas(&exit_key, &key, (uint32_t)mine + 1))
            key = (uint32_t)mine + 1;
        else
            pthread_key_delete(mine); /* somebody else was first */
    }
    return -pthread_setspecific(key - 1, m);
}

static void
unset_exit_key(void)
{
    /* Relaxed: this thread has set it. */
    pthread_setspecific(tri_load_relaxed(&exit_key) - 1, NULL);
}

/* An M, not while the world stops; NULL: none left. */
static struct tri_m *
register_thread(void)
{
    for (;;) {
        tri_lock(&tri_sched.lock);
        bool stopping = tri_load(&tri_sched.stopping) != 0;
        struct tri_m *m = stopping ? NULL : tri_m_new();
        tri_unlock(&tri_sched.lock);
        if (!stopping)
            return m;
        tri_futex_wait(&tri_sched.stopping, 1, -1);
    }
}

/*
 * gccheckmark: who comes while the collector marks is not scanned, having no
 * references yet.  What lies on its stack from an earlier visit is none, but the
 * verifier cannot tell.
 */
static void
scan_past(struct tri_m *m)
{
    enum {
        DEPTH = 256 << 10 /* below us: no further do calls reach */
    };
    uintptr_t sp = (uintptr_t)tri_context_sp() & ~(uintptr_t)7;
    uintptr_t room = sp - m->stack_lo;
    tri_gc_scan_now(room > DEPTH ? sp - DEPTH : sp - (room & ~(uintptr_t)7),
                    m->stack_hi);
}

int
tri_thread_adopt(void)
{
    struct tri_m *m = register_thread();
    if (m == NULL)
        return -ENOMEM;
    int error = tri_m_find_stack(m);
    if (error == 0)
        error = tri_thread_data_note(&m->data);
    if (error == 0)
        error = tri_thread_set_exit_key(m);
    if (error != 0) {
        tri_m_unborn(m);
        return error;
    }
    tri_trace_thread_start();
    tri_m_adopt(m);
    tri_enter();
    tri_m_unblock(m, false);
    m->may_lose_p = 0;
    m->blocking_depth = 0;
    tri_trace_thread_begin((uint32_t)tri_os_tid(), 1);
    tri_m_await_p(m);
    tri_local_get()->g = tri_spawn_bound(m);
    if (TRI_UNLIKELY(tri_debug.gccheckmark != 0))
        scan_past(m);
    tri_leave();
    return 0;
}

TRI_API int
tri_thread_attach(void)
{
    if (tri_load(&tri_sched.started) == 0)
        return -ENXIO;
    tri_check_usable("tri_thread_attach");
    if (tri_local_m() != NULL)
        return -EALREADY;
    tri_store(&tri_sched.foreign, 1);
    return tri_thread_adopt();
}

TRI_API void
tri_thread_detach(void)
{
    struct tri_m *m = tri_local_m();
    if (m == NULL || tri_local_g() == NULL || tri_local_g()->bound == NULL)
        tri_panic("tri_thread_detach: this thread is not attached; only a "
                  "thread that called tri_thread_attach may detach");
    if (m->blocking_depth > 0)
        tri_panic("tri_thread_detach: inside a blocking call; call "
                  "tri_blocking_end first");
    struct tri_local *local = tri_local_get();
    struct tri_g *g = local->g;
    tri_enter();
    tri_trace_goroutine_end(g->id, tri_load(&m->p)->index);
    tri_trace_thread_end((uint32_t)tri_os_tid());
    tri_p_count_live(tri_load(&m->p), -1);
    tri_p_hand_off(tri_p_uninstall(m));
    tri_store(&g->m, NULL);
    tri_store(&m->g, NULL);
    tri_store(&g->state, TRI_G_DEAD);
    tri_store(&m->local, NULL); /* it ends with the thread */
    tri_m_block(m);
    local->g = NULL;
    local->m = NULL; /* a stray signal after this returns at once */
    tri_leave();
    unset_exit_key();
    tri_signal_thread_end(m);
    tri_m_free(m);
}

TRI_NORETURN void
tri_bad_caller(const char *call)
{
    if (tri_local_m() == NULL || tri_local_g() == NULL)
        tri_panic("%s: this thread is unknown to the runtime; run the code in "
                  "a goroutine, or call tri_thread_attach first",
                  call);
    tri_panic("%s: between tri_blocking_begin and tri_blocking_end; move the "
              "call behind tri_blocking_end",
              call);
}
