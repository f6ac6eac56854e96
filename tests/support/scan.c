/* SPDX-License-Identifier: MIT */
/* tests/support/scan.c: see scan.h. */
#include "tests/support/scan.h"

#include <tricolor/tricolor.h>

#include "base/check.h"
#include "base/compiler.h"
#include "gc/host.h"
#include "runtime/sched.h"
#include "tests/support/test.h"

volatile uint64_t secret = 0x5eed0fca11ab1e00;
bool found[VALUES];
volatile uint64_t their_id;
volatile int ready;
volatile int leave;

TRI_NO_SANITIZE void
look(uintptr_t lo, uintptr_t hi, void *arg)
{
    (void)arg;
    for (uintptr_t at = lo; at + 8 <= hi; at += 8) {
        uint64_t word = *(const volatile uint64_t *)at;
        if (word - secret < VALUES)
            found[word - secret] = true;
    }
}

void
pretend_active(bool active)
{
    tri_host_stop_world(TRI_STOP_TEST);
    tri_store(tri_atomic_cast(uint32_t, &tri_barrier_on), active);
    tri_host_start_world();
}

size_t
index_of(uint64_t id)
{
    size_t at = 0;
    while (at < tri_g_count() && tri_g_at(at)->id != id)
        at++;
    TRI_CHECK(at < tri_g_count(), "there is no goroutine %llu",
              (unsigned long long)id);
    return at;
}

void
scan_goroutine(uint64_t id)
{
    memset(found, 0, sizeof(found));
    size_t at = index_of(id);
    pretend_active(true);
    for (;;) {
        tri_enter();
        bool done = tri_host_stack_scan(at, look, NULL);
        tri_leave();
        if (done)
            break;
        tri_yield();
    }
    pretend_active(false);
}
void
start(void (*fn)(void *))
{
    SET(ready, 0);
    SET(leave, 0);
    tri_go(fn, NULL);
    while (GET(ready) == 0)
        tri_yield();
}
void
stop(void)
{
    SET(leave, 1);
    while (GET(ready) != 2)
        tri_yield();
}
