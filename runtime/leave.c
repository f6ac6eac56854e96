/* SPDX-License-Identifier: MIT */
/*
 * runtime/leave.c: goroutines that are left by the wrong door: pthread_exit in one,
 * pthread_cancel of the thread that runs one, an exception nobody catches.
 *
 *   LEAVE-1  Who is unwound to a goroutine's first frame panics there: the frame has
 *            a personality, which unwinders call (context_*.S).  Otherwise the
 *            thread ends while the tables have it, and the next stop waits for it
 *            for ever.
 *   LEAVE-2  Unwinders do not get there over a frame without tables, and some C
 *            libraries end threads without one: so the thread's own end, by the
 *            destructor of a key, says the same (thread.c).  Otherwise as LEAVE-1.
 *   LEAVE-3  An exception goes on, to the end of the stack, as it would in a thread:
 *            C++ calls std::terminate then, which knows what it was.  We say before
 *            which goroutine that is; otherwise nobody learns it, as the core has a
 *            goroutine's stack and not its origin.
 *
 * Not otherwise: to take it for tri_exit.  glibc has marked the thread as one that
 * ends, and cancels it no more, but the next goroutines would run on it; who waits
 * with pthread_join waits for a thread that is detached and lives on; and whom a
 * cancellation hits is chance, since threads are nobody's.
 */
#include <unwind.h>

#include "base/check.h"
#include "base/format.h"
#include "runtime/sched.h"

#define SENTENCE                                                                \
    "pthread_exit: a goroutine's thread is the runtime's, and neither ends so " \
    "nor by pthread_cancel; end the goroutine with tri_exit, or by returning"

/* The personality of tri_context_boot.  Nobody catches: never a handler here. */
_Unwind_Reason_Code tri_context_unwound(int version, _Unwind_Action actions,
                                        _Unwind_Exception_Class class,
                                        struct _Unwind_Exception *exception,
                                        struct _Unwind_Context *context);

_Unwind_Reason_Code
tri_context_unwound(int version, _Unwind_Action actions,
                    _Unwind_Exception_Class class,
                    struct _Unwind_Exception *exception,
                    struct _Unwind_Context *context)
{
    (void)version, (void)class, (void)exception, (void)context;
    if ((actions & _UA_FORCE_UNWIND) != 0)
        tri_panic(SENTENCE); /* LEAVE-1 */
    if ((actions & _UA_SEARCH_PHASE) != 0) {
        tri_print("tricolor: nobody catches an exception\n");
        tri_fatal_hook(); /* LEAVE-3 */
    }
    return _URC_CONTINUE_UNWIND;
}

/* No handler of the program's: it might jump to frames that the thread has left. */
void
tri_thread_ends_ours(void)
{
    tri_panic_handler_swap(NULL);
    tri_panic(SENTENCE);
}
