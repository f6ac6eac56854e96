/* SPDX-License-Identifier: MIT */
/*
 * tests/support/roots.h: what tests of roots outside stacks share: items that show
 * that they were freed, and stacks with nothing stale on them.  For tests of the layer
 * runtime, with clobberfree.
 */
#ifndef TRI_TESTS_SUPPORT_ROOTS_H
#define TRI_TESTS_SUPPORT_ROOTS_H

#include <tricolor/tricolor.h>

#include "base/compiler.h"
#include "gc/host.h"
#include "runtime/images.h"
#include "tests/support/test.h"

#define MAGIC     UINT64_C(0x600dda7a600dda7a)
#define US        INT64_C(1000)
#define MS        INT64_C(1000000)
#define PIECE_MAX TRI_ROOT_PIECE_BYTES

/* Freed, it is poisoned (clobberfree) or somebody else's. */
struct item {
    struct item *self;
    uint64_t magic;
};
TRI_TYPE(item_type, struct item, self);

static inline struct item *
make_item(void)
{
    struct item *item = tri_new(&item_type);
    TRI_STORE(&item->self, item);
    item->magic = MAGIC;
    return item;
}

static inline void
expect_alive(const struct item *item)
{
    EXPECT(item->magic == MAGIC);
    EXPECT(item->self == item);
}

/* Nothing stale below: it would keep the object. */
static __attribute__((noinline, unused)) TRI_NO_SANITIZE void
wipe_stack(void)
{
    volatile uintptr_t words[2048];
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        words[i] = 0;
}

/* ---- roots by number ---------------------------------------------------------- */

static volatile uintptr_t secret = 0x5eed0fca11ab1e00;
static size_t secrets_seen;

static __attribute__((unused)) TRI_NO_SANITIZE void
look(uintptr_t lo, uintptr_t hi, void *arg)
{
    (void)arg;
    EXPECT(hi - lo <= PIECE_MAX);
    for (uintptr_t at = lo; at + 8 <= hi; at += 8)
        if (*(const volatile uintptr_t *)at - secret - 1 < 1000)
            secrets_seen++;
}

static inline size_t
count_secrets(void)
{
    secrets_seen = 0;
    for (size_t i = 0; i < tri_host_root_count(); i++)
        EXPECT(tri_host_root_scan(i, look, NULL) <= PIECE_MAX);
    return secrets_seen;
}

/* ---- a collection on a goroutine of its own ------------------------------------ */

static inline void
collect_for(void *group)
{
    tri_gc();
    tri_waitgroup_done(group);
}

#endif /* TRI_TESTS_SUPPORT_ROOTS_H */
