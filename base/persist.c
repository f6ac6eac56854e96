/* SPDX-License-Identifier: MIT */
/*
 * base/persist.c: a bump allocator over large mappings.  What is big gets a
 * mapping of its own, so that it wastes no chunk.
 */
#include "base/persist.h"

#include "base/check.h"
#include "base/lock.h"
#include "base/os.h"

#define CHUNK_BYTES (256u << 10)
#define BIG_BYTES   (64u << 10)

static struct tri_lock lock = TRI_LOCK_INIT(PERSIST);
static uintptr_t chunk_next; /* [lock] */
static uintptr_t chunk_end;  /* [lock] */
static TRI_ATOMIC(size_t) mapped_bytes;

static void *
map(size_t bytes)
{
    void *start = tri_os_map(bytes);
    if (start == NULL)
        return NULL;
    tri_os_name(start, bytes, "tricolor: persist");
    /* Relaxed: a statistic. */
    (void)tri_add_relaxed(&mapped_bytes, bytes);
    return start;
}

void *
tri_persist_alloc(size_t bytes, size_t align)
{
    TRI_CHECK((align & (align - 1)) == 0 && align <= TRI_OS_PAGE_BYTES,
              "alignment %zu: a power of two up to the page size is needed",
              align);
    if (bytes >= BIG_BYTES) {
        size_t whole =
            (bytes + TRI_OS_PAGE_BYTES - 1) & ~(size_t)(TRI_OS_PAGE_BYTES - 1);
        return whole < bytes ? NULL : map(whole);
    }

    tri_lock(&lock);
    uintptr_t start = (chunk_next + align - 1) & ~(uintptr_t)(align - 1);
    if (start + bytes > chunk_end) {
        start = (uintptr_t)map(CHUNK_BYTES);
        if (start != 0)
            chunk_end = start + CHUNK_BYTES;
    }
    if (start != 0)
        chunk_next = start + bytes;
    tri_unlock(&lock);
    return (void *)start;
}

size_t
tri_persist_bytes(void)
{
    /* Relaxed: a statistic. */
    return tri_load_relaxed(&mapped_bytes);
}
