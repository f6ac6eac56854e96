/* SPDX-License-Identifier: MIT */
/*
 * runtime/images.c: the writable segments of the program and its libraries, as
 * roots.  Libraries come and go at any moment, also by threads the runtime does
 * not know, which no stop of the world holds.
 *
 *   ROOT-1  They are listed with the world running and in no critical section:
 *           dl_iterate_phdr takes the loader's lock; otherwise the collector
 *           waits for a lock whose holder it has stopped.
 *   ROOT-4  The runtime's own data holds no roots: a static of the library that
 *           must keep an object alive registers itself; otherwise the object is
 *           freed where the runtime is a shared library.  Argued, no test: none
 *           of it does, so what is to be scanned is nothing
 *           (tri_host_scan_runtime).
 *   ROOT-5  They are listed after the barrier is on, and marking does not end
 *           before (JOBS-1 in gc/root.h).  What is loaded after that gets its
 *           heap pointers through the barrier, which shades them; otherwise a
 *           library loaded between the list and the barrier holds the only
 *           pointer to an object, and nobody looks there.
 *   ROOT-6  A library's data are read by the kernel (tri_os_read), never by a
 *           load; otherwise a dlclose kills the marker.
 *   ROOT-7  What was read counts only if the library's program headers are still
 *           in their place afterwards; otherwise what was mapped where a library
 *           was is taken for roots, and gccheckmark, which reads it later, takes
 *           a stale word there for a lost object.
 *
 * The program itself is never unloaded, and its data, which may be large, are
 * read in place.
 *
 * A copy may tear a word under a concurrent store.  That loses nothing: while
 * the collector marks, the store recorded the old value and the new one.
 *
 * Deadlocks.  Whoever lists holds no runtime lock, is in no section, and may be
 * stopped; he waits for the loader's lock as the program's own dlopen does.  Its
 * holder, if stopped, is let go without the list being there: no stop and no
 * allocation waits for the end of marking (an assist waits 2 ms at a time, and
 * not for ever).  What does wait for it (tri_gc, tri_cleanup_drain) is forbidden
 * in a callback of dl_iterate_phdr, the one place where a program's code runs
 * under that lock.
 *
 * Not otherwise: *reading under the loader's lock*, piece by piece inside the
 * callback: a mark worker is in a section, and would wait for a stopped thread.
 * *A handler of SIGSEGV that skips the load*: programs install their own.
 * *Listing in the pause*: ROOT-1.
 */
#include "runtime/images.h"

#include <link.h>
#include <string.h>

#include "alloc/space.h"
#include "base/check.h"
#include "base/os.h"
#include "gc/host.h"
#include "runtime/sched.h"

#define PIECES_FIRST 4096
#define COPY_BYTES   4096u
#define HEADERS_MAX  1024u /* bytes of program headers that are compared */

struct piece {
    uintptr_t lo;
    uintptr_t hi;
    uintptr_t headers; /* 0: the program, never unloaded */
    uint32_t header_bytes;
    uint64_t headers_hash;
};

/* Written by who lists, before marking gets the number of pieces. */
static struct {
    struct piece *piece;
    size_t count;
    size_t slots;
} list;

static uint64_t
hash(const unsigned char *bytes, size_t count)
{
    uint64_t value = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (size_t i = 0; i < count; i++)
        value = (value ^ bytes[i]) * UINT64_C(0x100000001b3);
    return value;
}

/* ---- the list --------------------------------------------------------------- */

void
tri_images_init(void)
{
    list.slots = PIECES_FIRST;
    list.piece = tri_os_map(list.slots * sizeof(struct piece));
    TRI_CHECK(list.piece != NULL, "no memory for the table of roots");
}

static void
grow(void)
{
    size_t bytes = list.slots * sizeof(struct piece);
    struct piece *more = tri_os_grow(list.piece, bytes, 2 * bytes);
    TRI_CHECK(more != NULL, "no memory for the table of roots");
    list.piece = more;
    list.slots *= 2;
}

/* Cuts [lo, hi) into pieces like `image`. */
static void
add_segment(const struct piece *image, uintptr_t lo, uintptr_t hi)
{
    lo = (lo + 7) & ~(uintptr_t)7;
    hi &= ~(uintptr_t)7;
    while (lo < hi) {
        if (list.count == list.slots)
            grow();
        struct piece *piece = &list.piece[list.count++];
        *piece = *image;
        piece->lo = lo;
        piece->hi =
            hi - lo > TRI_ROOT_PIECE_BYTES ? lo + TRI_ROOT_PIECE_BYTES : hi;
        lo = piece->hi;
    }
}

/* [lo, hi) without the runtime's own heap descriptor: the address of the heap's
 * first byte is that of its first object. */
static void
add_data(const struct piece *image, uintptr_t lo, uintptr_t hi)
{
    uintptr_t own_lo = (uintptr_t)&tri_space;
    uintptr_t own_hi = own_lo + sizeof(tri_space);
    if (own_lo >= lo && own_hi <= hi) {
        add_segment(image, lo, own_lo);
        lo = own_hi;
    }
    add_segment(image, lo, hi);
}

static bool
is_program(const struct dl_phdr_info *info)
{
    return info->dlpi_name == NULL || info->dlpi_name[0] == '\0';
}

/* The runtime as a shared library: its data holds no roots.  Linked into the
 * program, it cannot be told from the program's. */
static bool
is_runtime(const struct dl_phdr_info *info, uintptr_t lo, uintptr_t hi)
{
    uintptr_t own = (uintptr_t)&tri_sched;
    return !is_program(info) && own >= lo && own < hi;
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

/* What tells this image from whatever may come in its place (ROOT-7). */
static struct piece
image_of(const struct dl_phdr_info *info)
{
    struct piece image = { 0 };
    if (is_program(info))
        return image;
    size_t bytes = info->dlpi_phnum * sizeof(ElfW(Phdr));
    image.headers = (uintptr_t)info->dlpi_phdr;
    image.header_bytes = (uint32_t)(bytes < HEADERS_MAX ? bytes : HEADERS_MAX);
    image.headers_hash =
        hash((const unsigned char *)info->dlpi_phdr, image.header_bytes);
    return image;
}

static int
visit_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size, (void)arg;
    if (is_sanitizer(info->dlpi_name))
        return 0;
    struct piece image = image_of(info);
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
            add_data(&image, lo, hi);
    }
    return 0;
}

void
tri_images_list(void)
{
    TRI_CHECK(tri_critical_depth() == 0,
              "ROOT-1: the loader's lock is taken inside a critical section");
    list.count = 0;
    dl_iterate_phdr(visit_object, NULL);
}

size_t
tri_images_piece_count(void)
{
    return list.count;
}

/* ---- reading ---------------------------------------------------------------- */

/* ROOT-7. */
static bool
still_there(const struct piece *piece)
{
    if (piece->headers == 0)
        return true; /* the program's own */
    unsigned char now[HEADERS_MAX];
    return tri_os_read(now, piece->headers, piece->header_bytes)
        && hash(now, piece->header_bytes) == piece->headers_hash;
}

/* What must not lie about on a stack that is scanned: foreign memory's words. */
static void
wipe(uintptr_t *copy, size_t words)
{
    for (size_t i = 0; i < words; i++)
        ((volatile uintptr_t *)copy)[i] = 0;
}

/* Page by page, up to the first that cannot be read; with `piece`, static data,
 * that one is left out: data may have a guard in their middle. */
static size_t
scan_copies(const struct piece *piece, uintptr_t lo, uintptr_t hi,
            void (*scan)(uintptr_t lo, uintptr_t hi, void *arg), void *arg)
{
    uintptr_t copy[COPY_BYTES / sizeof(uintptr_t)];
    uintptr_t at = lo;
    size_t bytes;
    for (; at < hi; at += bytes) {
        bytes = COPY_BYTES - at % COPY_BYTES;
        bytes = hi - at < bytes ? hi - at : bytes;
        bool read = tri_os_read(copy, at, bytes);
        if (piece == NULL ? !read : !still_there(piece)) {
            wipe(copy, TRI_ARRAY_COUNT(copy));
            break;
        }
        if (read)
            scan((uintptr_t)copy, (uintptr_t)copy + bytes, arg);
        else
            wipe(copy, TRI_ARRAY_COUNT(copy));
    }
    return at - lo;
}

size_t
tri_scan_copies(uintptr_t lo, uintptr_t hi,
                void (*scan)(uintptr_t lo, uintptr_t hi, void *arg), void *arg)
{
    return scan_copies(NULL, lo, hi, scan, arg);
}

size_t
tri_images_scan(size_t i, void (*scan)(uintptr_t lo, uintptr_t hi, void *arg),
                void *arg)
{
    const struct piece *piece = &list.piece[i];
    return scan_copies(piece, piece->lo, piece->hi, scan, arg);
}
