/* SPDX-License-Identifier: MIT */
/*
 * runtime/once.c: the slow half of tri_once_do; the fast one, a single load, is
 * in tricolor.h.
 *
 *   ONCE-1  `done` is set after fn has returned, and who finds it 0 waits for the
 *           mutex; otherwise the second caller goes on before the work is done.
 */
#include "base/check.h"
#include "runtime/sched.h"

TRI_API void
tri_once_do_slow(struct tri_once *once, void (*fn)(void *), void *arg)
{
    tri_check_caller("tri_once_do");
    if (fn == NULL)
        tri_panic("tri_once_do: the function is NULL; pass the one to be "
                  "called once");
    TRI_ATOMIC(uint32_t) *done = tri_atomic_cast(uint32_t, &once->done);
    tri_mutex_lock(&once->mutex);
    /* Relaxed: it is set under the mutex. */
    if (tri_load_relaxed(done) == 0) {
        fn(arg);
        /* Release pairs with the acquire in tri_once_do. */
        tri_store_release(done, 1);
    }
    tri_mutex_unlock(&once->mutex);
}
