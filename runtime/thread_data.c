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
 *   TDATA-3  A block that does not exist yet is made, by the first use that
 *            __tls_get_addr is; otherwise it comes to be at the thread's own first
 *            use, and nobody tells.
 *   TDATA-4  With none of the loader's locks held, and the library held by a
 *            reference; otherwise the two locks of a dlclose and ours are taken
 *            in two orders, or the loader looks for a block of a library that
 *            is gone.  Argued, no test: both need another thread at one
 *            instruction of the loader's.
 *
 * A library loaded after the thread attached is not among them (tricolor.h).
 */
#include "runtime/thread_data.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "base/persist.h"
#include "runtime/images.h"

/* The loader's: the address of a variable, as code without a fixed place for it
 * asks. */
struct variable {
    unsigned long module;
    unsigned long offset;
};
void *__tls_get_addr(struct variable *variable);

/* Is the block there, in the calling thread?  *bytes: 0, the library has none. */
static bool
has_block(const struct dl_phdr_info *info, size_t info_bytes, size_t *bytes)
{
    *bytes = 0;
    if (info_bytes < offsetof(struct dl_phdr_info, dlpi_tls_data)
                         + sizeof(info->dlpi_tls_data))
        return false;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_TLS)
            *bytes = info->dlpi_phdr[i].p_memsz;
    return info->dlpi_tls_data != NULL;
}

/* ---- those that are not there yet ------------------------------------------ */

/* The first library without its block, after `skip` others. */
struct absent {
    uint32_t skip;
    char name[PATH_MAX];
};

static int
find_absent(struct dl_phdr_info *info, size_t info_bytes, void *arg)
{
    struct absent *absent = arg;
    size_t bytes;
    if (has_block(info, info_bytes, &bytes) || bytes == 0
        || info->dlpi_name == NULL)
        return 0;
    size_t length = strnlen(info->dlpi_name, sizeof(absent->name));
    if (absent->skip > 0 || length == sizeof(absent->name)) {
        absent->skip -= absent->skip > 0;
        return 0;
    }
    memcpy(absent->name, info->dlpi_name, length + 1);
    return 1;
}

/* TDATA-4.  False: unloaded meanwhile.  (If all others have let it go, its
 * destructors run here.) */
static bool
make_block(const char *name)
{
    struct variable first = { 0, 0 };
    void *library = dlopen(name, RTLD_LAZY | RTLD_NOLOAD);
    if (library == NULL)
        return false;
    bool made = dlinfo(library, RTLD_DI_TLS_MODID, &first.module) == 0
             && first.module != 0 && __tls_get_addr(&first) != NULL;
    dlclose(library);
    return made;
}

static void
make_blocks(void)
{
    enum {
        MOST = 10000 /* more libraries than there are; ours is not to hang */
    };
    struct absent absent;
    uint32_t given_up = 0;
    for (int i = 0; i < MOST; i++) {
        absent.skip = given_up;
        if (dl_iterate_phdr(find_absent, &absent) == 0)
            return;
        if (!make_block(absent.name))
            given_up++;
    }
}

/* ---- all of them ------------------------------------------------------------ */

/* This library's variables in the calling thread; false: none. */
static bool
block_of(const struct dl_phdr_info *info, size_t info_bytes,
         struct tri_data_range *range)
{
    size_t bytes;
    if (!has_block(info, info_bytes, &bytes))
        return false;
    uintptr_t lo = (uintptr_t)info->dlpi_tls_data;
    uintptr_t hi = lo + bytes;
    *range = (struct tri_data_range){ (lo + sizeof(lo) - 1) & ~(sizeof(lo) - 1),
                                      hi & ~(sizeof(lo) - 1) };
    return range->lo < range->hi;
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
    make_blocks();
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
