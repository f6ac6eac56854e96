/* SPDX-License-Identifier: MIT */
/*
 * base/check.c: how the runtime dies.
 *
 * A dying runtime trusts nothing: no allocation, no stdio, no lock, no loader;
 * and it says why before it looks any further.
 */
#include "base/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/backtrace.h"
#include "base/format.h"
#include "base/os.h"

#define MESSAGE_BYTES 1024
#define OTHER_DIES_NS (INT64_C(2) * 1000 * 1000 * 1000)

void (*tri_fatal_hook)(void);

/* The thread that dies, 0 while all is well. */
static TRI_ATOMIC(int) dying_tid;

static TRI_ATOMIC(tri_panic_fn) panic_handler;

/* Not NULL: what every panic says. */
static TRI_ATOMIC(const char *) instead;

/* One thread dies; others that come here meanwhile let it finish, and a death
 * inside the hook ends at once. */
static void
die_once(void)
{
    int nobody = 0;
    int tid = tri_os_tid();
    if (tri_cas(&dying_tid, &nobody, tid))
        return;
    if (nobody != tid)
        tri_os_sleep_ns(OTHER_DIES_NS);
    abort();
}

/* Not inlined: the frames that the backtrace skips are always two. */
static TRI_NORETURN TRI_NOINLINE void
finish(void)
{
    tri_backtrace_print(2); /* from who called tri_fatal or tri_panic */
    if (tri_fatal_hook != NULL)
        tri_fatal_hook();
    abort();
}

void
tri_fatal_at(const char *file, int line, const char *format, ...)
{
    tri_enter(); /* nobody shall stop us on the way out */
    char message[MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    (void)tri_vformat(message, sizeof(message), format, args);
    va_end(args);
    die_once();
    tri_print("tricolor: fatal: %s:%d: %s\n", file, line, message);
    finish();
}

void
tri_panic_instead(const char *sentence)
{
    tri_store(&instead, sentence);
}

bool
tri_panics_instead(void)
{
    /* Relaxed: set where there is one thread. */
    return tri_load_relaxed(&instead) != NULL;
}

void
tri_check_usable(const char *call)
{
    if (TRI_UNLIKELY(tri_panics_instead()))
        tri_panic("%s: not usable", call);
}

/* Keeps the name before the colon. */
static void
replace(char *message)
{
    const char *sentence = tri_load(&instead);
    if (sentence == NULL)
        return;
    size_t name = strcspn(message, ":");
    if (message[name] == ':' && strcspn(message, " ") > name)
        tri_format(message + name, MESSAGE_BYTES - name, ": %s", sentence);
    else
        tri_format(message, MESSAGE_BYTES, "%s", sentence);
}

tri_panic_fn
tri_panic_handler_swap(tri_panic_fn fn)
{
    return tri_swap(&panic_handler, fn);
}

void
tri_panic(const char *format, ...)
{
    char message[MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    (void)tri_vformat(message, sizeof(message), format, args);
    va_end(args);
    replace(message);
    tri_panic_fn handler = tri_load(&panic_handler);
    if (handler != NULL)
        handler(message); /* may leave by longjmp */
    tri_enter();
    die_once();
    tri_print("tricolor: panic: %s\n", message);
    finish();
}
