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

/* [c] The objects' code: the one with malloc in it, and libc, often the same. */
static struct range {
    uintptr_t lo, hi;
} ranges[2];

static bool
is_in(const struct range *range, uintptr_t pc)
{
    return pc >= range->lo && pc < range->hi;
}

/* Where the object is mapped, and whether as code or data does not matter. */
static struct range
whole(const struct dl_phdr_info *info)
{
    struct range range = { UINTPTR_MAX, 0 };
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t lo = info->dlpi_addr + part->p_vaddr;
        if (part->p_type != PT_LOAD)
            continue;
        range.lo = lo < range.lo ? lo : range.lo;
        range.hi =
            lo + part->p_memsz > range.hi ? lo + part->p_memsz : range.hi;
    }
    return range;
}

static int
find(struct dl_phdr_info *info, size_t bytes, void *program_too)
{
    bool *is_first = program_too;
    struct range range = whole(info);
    (void)bytes;
    if (!*is_first && !is_in(&range, (uintptr_t)&tri_sched)) {
        if (is_in(&range, (uintptr_t)&malloc))
            ranges[0] = range;
        if (is_in(&range, (uintptr_t)&fork))
            ranges[1] = range;
    }
    *is_first = false;
    return 0;
}

void
tri_spare_init(void)
{
    bool is_first = true; /* the program */
    dl_iterate_phdr(find, &is_first);
}

bool
tri_spare_is_there(uintptr_t pc)
{
    return is_in(&ranges[0], pc) || is_in(&ranges[1], pc);
}
