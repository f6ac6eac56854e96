/* SPDX-License-Identifier: MIT */
/*
 * runtime/spare.c: see spare.h.  The program itself is not such code, nor what the
 * runtime is in, whatever is linked into them.
 */
#include "runtime/spare.h"

#include <link.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/sched.h"

/* [c] Where these objects are mapped, often the same; empty: not found. */
static struct range {
    uintptr_t lo, hi;
} allocator, libc;

static bool
is_in(const struct range *range, uintptr_t pc)
{
    return pc >= range->lo && pc < range->hi;
}

/* From the first byte that it has mapped to past the last. */
static struct range
extent_of(const struct dl_phdr_info *info)
{
    struct range range = { UINTPTR_MAX, 0 };
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t lo = info->dlpi_addr + part->p_vaddr;
        uintptr_t hi = lo + part->p_memsz;
        if (part->p_type != PT_LOAD)
            continue;
        range.lo = lo < range.lo ? lo : range.lo;
        range.hi = hi > range.hi ? hi : range.hi;
    }
    return range;
}

static int
note_object(struct dl_phdr_info *info, size_t bytes, void *arg)
{
    bool *is_program = arg; /* it comes first */
    struct range range = extent_of(info);
    (void)bytes;
    if (!*is_program && !is_in(&range, (uintptr_t)&tri_sched)) {
        if (is_in(&range, (uintptr_t)&malloc))
            allocator = range;
        if (is_in(&range, (uintptr_t)&fork))
            libc = range;
    }
    *is_program = false;
    return 0;
}

void
tri_spare_init(void)
{
    bool is_program = true;
    dl_iterate_phdr(note_object, &is_program);
}

bool
tri_spare_is_there(uintptr_t pc)
{
    return is_in(&allocator, pc) || is_in(&libc, pc);
}
