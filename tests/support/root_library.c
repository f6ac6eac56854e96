/* SPDX-License-Identifier: MIT */
/*
 * tests/support/root_library.c: a library with static data, for rt_roots to load
 * and unload under the collector.
 */
#include <stddef.h>

/* Large, so that a marker is often in the middle of it. */
#define SLOTS ((size_t)1 << 18)

__attribute__((visibility("default"))) void *root_library_slots[SLOTS];
__attribute__((visibility("default"))) const size_t root_library_count = SLOTS;

/* A variable of each thread's; too large for the room that threads have for those
 * of libraries loaded late, so it lies elsewhere than their stacks, and for malloc's
 * heap, so it is unmapped when the library goes. */
#define OWN_SLOTS ((size_t)1 << 16)
static __thread void *own[OWN_SLOTS];

__attribute__((visibility("default"))) void **root_library_own(void);
__attribute__((visibility("default"))) void **
root_library_own(void)
{
    return own;
}
