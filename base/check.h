/* SPDX-License-Identifier: MIT */
/*
 * base/check.h: how the runtime dies, and who is to blame.
 *
 *   tri_fatal    our fault: a broken invariant.  File, line, message, backtrace
 *                addresses, abort.  Never returns, never allocates.
 *   tri_panic    the caller's fault: misuse of the API.  One sentence through
 *                the panic handler (tri_set_panic_handler), then abort.  The
 *                caller holds no runtime lock and is in no critical section.
 *   TRI_CHECK    stays in release builds: cheap, and what it guards is memory.
 *   TRI_DCHECK   checked builds only (TRI_CHECKED=1); still compiled otherwise.
 *
 * Formats are base/format.h's.
 */
#ifndef TRI_BASE_CHECK_H
#define TRI_BASE_CHECK_H

#include <stdbool.h>

#include "base/compiler.h"

#ifndef TRI_CHECKED
#    define TRI_CHECKED 0
#endif

TRI_NORETURN TRI_COLD void tri_fatal_at(const char *file, int line,
                                        const char *format, ...)
    TRI_PRINTF(3, 4);
TRI_NORETURN TRI_COLD void tri_panic(const char *format, ...) TRI_PRINTF(1, 2);

/* What tri_panic calls first; NULL: nothing.  Returns the one before.  It may
 * leave by longjmp; if it returns, the program aborts. */
typedef void (*tri_panic_fn)(const char *message);
tri_panic_fn tri_panic_handler_swap(tri_panic_fn fn);

/* From now on every tri_panic says this, behind the name of the call that its own
 * sentence begins with: for a process in which no call works any more. */
void tri_panic_instead(const char *sentence);
bool tri_panics_instead(void);
/* In such a process: panics.  For who is about to wait for others. */
void tri_check_usable(const char *call);

#define tri_fatal(...) tri_fatal_at(__FILE__, __LINE__, __VA_ARGS__)

#define TRI_CHECK(condition, ...)                                              \
    do {                                                                       \
        if (TRI_UNLIKELY(!(condition)))                                        \
            tri_fatal_at(__FILE__, __LINE__, __VA_ARGS__);                     \
    } while (0)

#define TRI_DCHECK(condition, ...)                                             \
    do {                                                                       \
        if (TRI_CHECKED && TRI_UNLIKELY(!(condition)))                         \
            tri_fatal_at(__FILE__, __LINE__, __VA_ARGS__);                     \
    } while (0)

/* Called by tri_fatal and an unhandled tri_panic before abort; set once by
 * the runtime to print what only it knows (goroutine, last events). */
extern void (*tri_fatal_hook)(void);

#endif /* TRI_BASE_CHECK_H */
