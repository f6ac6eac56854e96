/* SPDX-License-Identifier: MIT */
/*
 * tests/support/fake_local.c: the thread-local state of
 * include/tricolor/impl/local.h for tests that run without the runtime.  No
 * thread is ever stopped, so critical sections only count.
 */
#include <tricolor/impl/local.h>

#include "base/check.h"

__thread struct tri_local tri_local_state = { .cache = &tri_cache_none };
struct tri_pcache tri_cache_none;

void
tri_critical_honour(void)
{
    tri_fatal("a stop was asked, though nobody here asks for stops");
}

#if defined(__SANITIZE_THREAD__)

void
tri_critical_tsan_enter(void)
{
}

void
tri_critical_tsan_leave(void)
{
}
#endif
const char TRI_CRIT_KIND = 1;
