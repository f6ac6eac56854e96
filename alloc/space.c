/* SPDX-License-Identifier: MIT */
/*
 * alloc/space.c: reserving the heap's address space and its side tables, and
 * making them usable step by step.
 *
 * Everything is one list of parts, so that a refusal half way can give back
 * what was had and try again with half.
 */
#include "alloc/space.h"

#include <errno.h>

#include "alloc/page_alloc.h"
#include "base/check.h"
#include "base/option.h"
#include "base/os.h"

struct tri_heap_space tri_space;

#define SPACE_BYTES_MAX  ((size_t)1 << 40)
#define SPACE_BYTES_MIN  ((size_t)1 << 30)
#define SPACE_SIXTEENTHS 10u /* of the address space; the tables are extra */

/* Bytes of mark table `i` for a heap of `heap_bytes`. */
static size_t
mark_table_bytes(uint32_t i, size_t heap_bytes)
{
    return heap_bytes >> TRI_PAGE_SHIFT << (TRI_MARK_SHIFT_MIN + i);
}

_Static_assert((TRI_ARENA_BYTES >> TRI_PAGE_SHIFT << TRI_MARK_SHIFT_MIN)
                       % ((size_t)64 << 10)
                   == 0,
               "an arena's part of a mark table is whole pages of the system");

/* One mapping: `where` gets its address. */
struct part {
    void **where;
    size_t bytes;
    size_t align; /* 0: mapped usable at once, else reserved only */
    const char *name;
};

#define PART_COUNT (4 + 2 * TRI_MARK_TABLES)

static void
list_parts(struct part parts[PART_COUNT], void *addresses[PART_COUNT],
           size_t bytes)
{
    size_t pages = bytes >> TRI_PAGE_SHIFT;
    uint32_t n = 0;
    parts[n++] =
        (struct part){ NULL, bytes, TRI_ARENA_BYTES, "tricolor: heap" };
    parts[n++] = (struct part){ NULL, pages, 0, "tricolor: page kinds" };
    parts[n++] = (struct part){ NULL, pages * sizeof(struct tri_span *), 0,
                                "tricolor: page spans" };
    parts[n++] = (struct part){ NULL, tri_page_alloc_table_bytes(pages), 0,
                                "tricolor: page allocator" };
    for (uint32_t i = 0; i < TRI_MARK_TABLES; i++) {
        size_t table = mark_table_bytes(i, bytes);
        parts[n++] =
            (struct part){ NULL, table, TRI_PAGE_BYTES, "tricolor: mark bits" };
        parts[n++] = (struct part){ NULL, table, TRI_PAGE_BYTES,
                                    "tricolor: alloc bits" };
    }
    for (uint32_t i = 0; i < PART_COUNT; i++)
        parts[i].where = &addresses[i];
}

/* All parts or none. */
static bool
map_parts(const struct part parts[PART_COUNT])
{
    uint32_t done = 0;
    for (; done < PART_COUNT; done++) {
        const struct part *part = &parts[done];
        *part->where = part->align == 0
                         ? tri_os_map(part->bytes)
                         : tri_os_reserve(part->bytes, part->align);
        if (*part->where == NULL)
            break;
    }
    if (done == PART_COUNT)
        return true;
    while (done-- > 0)
        tri_os_unmap(*parts[done].where, parts[done].bytes);
    return false;
}

/* SPACE-2.  The tables, too: any thread that marks or allocates reads and writes
 * them, as it does the heap. */
static void
choose_nodes(const struct part parts[PART_COUNT])
{
    enum tri_numa numa = tri_config.numa;
    int error = 0;
    uint32_t done = 0;
    if (numa == TRI_NUMA_DEFAULT)
        return;
    TRI_CHECK(tri_space.committed == 0, "SPACE-2: memory is in use already");
    for (; done < PART_COUNT && error == 0; done++)
        error = tri_numa_place(*parts[done].where, parts[done].bytes, numa);
    tri_space.numa_error = error;
    if (error == 0)
        tri_space.numa = numa;
    else
        while (done-- > 0)
            (void)tri_numa_place(*parts[done].where, parts[done].bytes,
                                 TRI_NUMA_DEFAULT);
}

int
tri_heap_space_init(void)
{
    TRI_CHECK(tri_space.bytes == 0, "the heap's space is reserved twice");
    struct part parts[PART_COUNT];
    void *address[PART_COUNT];
    size_t bytes = tri_os_share(SPACE_BYTES_MAX, SPACE_SIXTEENTHS);
    for (;; bytes /= 2) {
        if (bytes < SPACE_BYTES_MIN)
            return -ENOMEM;
        list_parts(parts, address, bytes);
        if (map_parts(parts))
            break;
    }
    for (uint32_t i = 0; i < PART_COUNT; i++)
        tri_os_name(address[i], parts[i].bytes, parts[i].name);
    choose_nodes(parts);

    tri_space.base = (uintptr_t)address[0];
    tri_space.bytes = bytes;
    tri_space.page_kind = address[1];
    tri_space.page_span = address[2];
    tri_space.page_alloc_tables = address[3];
    for (uint32_t i = 0; i < TRI_MARK_TABLES; i++) {
        tri_space.mark_tables[i] = address[4 + 2 * i];
        tri_space.alloc_tables[i] = address[5 + 2 * i];
    }
    /* The advice stays with the mapping as its parts become usable. */
    tri_os_huge_pages(address[0], bytes, tri_debug.hugepages != 0);
    return 0;
}

/* The mark tables' part for heap bytes [from, to), both at arenas' borders. */
static int
commit_tables(size_t from, size_t to)
{
    for (uint32_t i = 0; i < TRI_MARK_TABLES; i++) {
        size_t start = mark_table_bytes(i, from);
        size_t bytes = mark_table_bytes(i, to) - start;
        int error = tri_os_commit(tri_space.mark_tables[i] + start, bytes);
        if (error == 0)
            error = tri_os_commit(tri_space.alloc_tables[i] + start, bytes);
        if (error != 0)
            return error;
    }
    return 0;
}

int
tri_heap_space_commit(size_t bytes)
{
    if (bytes <= tri_space.committed)
        return 0;
    /* Tables first: a failure after them only leaves some usable in advance. */
    size_t mask = TRI_ARENA_BYTES - 1;
    size_t have = (tri_space.committed + mask) & ~mask;
    size_t want = (bytes + mask) & ~mask;
    if (have < want) {
        int error = commit_tables(have, want);
        if (error != 0)
            return error;
    }
    int error = tri_os_commit((void *)(tri_space.base + tri_space.committed),
                              bytes - tri_space.committed);
    if (error == 0)
        tri_space.committed = bytes;
    return error;
}
