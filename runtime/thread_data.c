/* SPDX-License-Identifier: MIT */
/*
 * runtime/thread_data.c: thread-local variables as roots, of attached threads
 * alone: a goroutine changes threads, and what it left in such a variable is
 * another's.  They are scanned with the thread's stack, at the same stop, since the
 * thread moves pointers between the two without a barrier.
 *
 *   TDATA-1  The thread asks the loader itself, when it attaches; otherwise the
 *            addresses are another thread's.
 *   TDATA-2  Read by copies: a library's block may be freed, with the library or by
 *            the thread's end; otherwise the scanner faults.
 *
 * A library loaded after the thread attached is not among them (tricolor.h): its
 * block comes to be at its first use, and nobody tells.
 */
#include "runtime/thread_data.h"

#include <errno.h>
#include <link.h>
#include <stdbool.h>

#include "base/check.h"
#include "base/persist.h"
#include "runtime/images.h"

/* This library's variables in the calling thread; false: none, or none yet. */
static bool
block_of(const struct dl_phdr_info *info, size_t bytes,
         struct tri_data_range *range)
{
    if (bytes < offsetof(struct dl_phdr_info, dlpi_tls_data)
                    + sizeof(info->dlpi_tls_data)
        || info->dlpi_tls_data == NULL)
        return false;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_TLS) {
            uintptr_t lo = (uintptr_t)info->dlpi_tls_data;
            uintptr_t hi = lo + info->dlpi_phdr[i].p_memsz;
            *range = (struct tri_data_range){ (lo + sizeof(lo) - 1)
                                                  & ~(sizeof(lo) - 1),
                                              hi & ~(sizeof(lo) - 1) };
            return range->lo < range->hi;
        }
    }
    return false;
}

/* As many as there is room for; count has them all. */
static int
note_one(struct dl_phdr_info *info, size_t bytes, void *arg)
{
    struct tri_thread_data *data = arg;
    struct tri_data_range range;
    if (block_of(info, bytes, &range)) {
        if (data->count < data->slots)
            data->range[data->count] = range;
        data->count++;
    }
    return 0;
}

int
tri_thread_data_note(struct tri_thread_data *data)
{
    for (;;) {
        data->count = 0;
        dl_iterate_phdr(note_one, data);
        if (data->count <= data->slots)
            return 0;
        /* The smaller one is never freed: an M's data grow once or twice. */
        uint32_t slots = 2 * data->count;
        data->range = tri_persist_alloc(slots * sizeof(*data->range), 8);
        data->slots = data->range == NULL ? 0 : slots;
        data->count = 0;
        if (data->range == NULL)
            return -ENOMEM;
    }
}

void
tri_thread_data_scan(const struct tri_thread_data *data,
                     void (*scan)(uintptr_t lo, uintptr_t hi, void *arg),
                     void *arg)
{
    for (uint32_t i = 0; i < data->count; i++)
        (void)tri_scan_copies(data->range[i].lo, data->range[i].hi, scan, arg);
}
