/* SPDX-License-Identifier: MIT */
/*
 * runtime/roots.c: roots outside stacks: the writable segments of the program
 * and its libraries, and ranges the program registers.
 *
 *   ROOT-1  The segments are listed while the world runs (dl_iterate_phdr takes
 *           the loader's lock) into a table that marking reads by index.
 *   ROOT-4  The runtime's own data holds no roots: a static of the library that
 *           must keep an object alive registers itself.
 *   ROOT-2  A range registered while the collector marks is shaded at once;
 *           otherwise what was moved into it behind the marker is lost.
 *   ROOT-3  A range is unregistered only while the collector rests: the caller
 *           may unmap it, and a marker may be reading it.
 */
#include <errno.h>
#include <link.h>

#include "alloc/space.h"
#include "base/check.h"
#include "base/os.h"
#include "base/persist.h"
#include "gc/gc.h"
#include "runtime/sched.h"

#define PIECE_BYTES  ((uintptr_t)256 << 10)
#define SEGMENTS_MAX 4096
#define RANGES_MAX   65536

struct range {
    uintptr_t lo;
    uintptr_t hi;
};

/* Keys: [r] who refreshes, before a cycle; [l] lock. */
static struct {
    struct tri_lock lock;
    struct range *piece;            /* [c] the array */
    size_t piece_count;             /* [r] */
    size_t piece_slots;             /* [r] */
    struct range *range;            /* [c] registered ones */
    TRI_ATOMIC(size_t) range_count; /* [l] to write */
} roots = { .lock = TRI_LOCK_INIT(ROOTS) };

void
tri_roots_init(void)
{
    roots.piece_slots = SEGMENTS_MAX;
    roots.piece = tri_os_map(roots.piece_slots * sizeof(struct range));
    roots.range = tri_os_map(RANGES_MAX * sizeof(struct range));
    TRI_CHECK(roots.piece != NULL && roots.range != NULL,
              "no memory for the table of roots");
}

/* Cuts [lo, hi) into pieces, growing the table as need be. */
static void
add_segment(uintptr_t lo, uintptr_t hi)
{
    lo = (lo + 7) & ~(uintptr_t)7;
    hi &= ~(uintptr_t)7;
    while (lo < hi) {
        if (roots.piece_count == roots.piece_slots) {
            size_t bytes = roots.piece_slots * sizeof(struct range);
            struct range *more = tri_os_map(2 * bytes);
            TRI_CHECK(more != NULL, "no memory for the table of roots");
            memcpy(more, roots.piece, bytes);
            tri_os_unmap(roots.piece, bytes);
            roots.piece = more;
            roots.piece_slots *= 2;
        }
        uintptr_t end = hi - lo > PIECE_BYTES ? lo + PIECE_BYTES : hi;
        roots.piece[roots.piece_count++] = (struct range){ lo, end };
        lo = end;
    }
}

/* [lo, hi) without the runtime's own heap descriptor: the address of the heap's
 * first byte is that of its first object. */
static void
add_data(uintptr_t lo, uintptr_t hi)
{
    uintptr_t own_lo = (uintptr_t)&tri_space;
    uintptr_t own_hi = own_lo + sizeof(tri_space);
    if (own_lo >= lo && own_hi <= hi) {
        add_segment(lo, own_lo);
        lo = own_hi;
    }
    add_segment(lo, hi);
}

/* The runtime as a shared library: its data holds no roots.  Linked into the
 * program, it cannot be told from the program's. */
static bool
is_runtime(const struct dl_phdr_info *info, uintptr_t lo, uintptr_t hi)
{
    uintptr_t own = (uintptr_t)&tri_sched;
    return info->dlpi_name != NULL && info->dlpi_name[0] != '\0' && own >= lo
        && own < hi;
}

/* Sanitizers' own data is large and holds nothing of ours. */
static bool
is_sanitizer(const char *name)
{
    return name != NULL
        && (strstr(name, "/libasan.") != NULL
            || strstr(name, "/libtsan.") != NULL
            || strstr(name, "/libubsan.") != NULL);
}

static int
visit_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size, (void)arg;
    if (is_sanitizer(info->dlpi_name))
        return 0;
    uintptr_t relro_lo = 0;
    uintptr_t relro_hi = 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type == PT_GNU_RELRO) {
            relro_lo = info->dlpi_addr + header->p_vaddr;
            relro_hi = relro_lo + header->p_memsz;
        }
    }
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_LOAD || (header->p_flags & PF_W) == 0)
            continue;
        uintptr_t lo = info->dlpi_addr + header->p_vaddr;
        uintptr_t hi = lo + header->p_memsz;
        /* What is read-only after relocation holds no heap pointer. */
        if (relro_lo <= lo && relro_hi > lo)
            lo = relro_hi;
        if (!is_runtime(info, lo, hi))
            add_data(lo, hi);
    }
    return 0;
}

void
tri_host_roots_refresh(void)
{
    TRI_DCHECK(tri_critical_depth() == 0, "ROOT-1: inside a section");
    roots.piece_count = 0;
    dl_iterate_phdr(visit_object, NULL);
}

size_t
tri_host_root_count(void)
{
    return roots.piece_count + tri_load(&roots.range_count);
}

void
tri_host_root(size_t i, uintptr_t *lo, uintptr_t *hi)
{
    const struct range *range = i < roots.piece_count
                                  ? &roots.piece[i]
                                  : &roots.range[i - roots.piece_count];
    *lo = range->lo;
    *hi = range->hi;
}

int
tri_roots_add(void *start, size_t bytes)
{
    uintptr_t lo = ((uintptr_t)start + 7) & ~(uintptr_t)7;
    uintptr_t hi = ((uintptr_t)start + bytes) & ~(uintptr_t)7;
    if (start == NULL || (uintptr_t)start + bytes < (uintptr_t)start
        || lo >= hi)
        return -EINVAL;
    int error = 0;
    tri_lock(&roots.lock);
    size_t count = tri_load(&roots.range_count);
    if (count == RANGES_MAX) {
        error = -ENOMEM;
    } else {
        roots.range[count] = (struct range){ lo, hi };
        tri_store(&roots.range_count, count + 1);
        tri_gc_shade_range((void *)lo, hi - lo); /* ROOT-2 */
    }
    tri_unlock(&roots.lock);
    return error;
}

/* The collector rests: true, with the lock held. */
static bool
lock_at_rest(void)
{
    tri_lock(&roots.lock);
    if (tri_gc_phase() == TRI_GC_OFF)
        return true;
    tri_unlock(&roots.lock);
    return false;
}

int
tri_roots_remove(void *start)
{
    enum {
        RETRY_NS = 200000
    };
    uintptr_t lo = ((uintptr_t)start + 7) & ~(uintptr_t)7;
    while (!lock_at_rest()) { /* ROOT-3 */
        TRI_ATOMIC(uint32_t) never = 0;
        tri_wait_in_place(&never, 0, RETRY_NS);
    }
    int error = -EINVAL;
    size_t count = tri_load(&roots.range_count);
    for (size_t i = 0; i < count; i++) {
        if (roots.range[i].lo != lo)
            continue;
        roots.range[i] = roots.range[count - 1];
        tri_store(&roots.range_count, count - 1);
        error = 0;
        break;
    }
    tri_unlock(&roots.lock);
    return error;
}
