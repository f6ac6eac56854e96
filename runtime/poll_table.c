/* SPDX-License-Identifier: MIT */
/*
 * runtime/poll_table.c: one entry for each descriptor.  They lie in chunks, made as
 * numbers come up, and stay: an event that is late finds an entry, and sees by its
 * number that it is not meant (POLL-4).
 */
#include "runtime/poll_table.h"

#include "base/check.h"
#include "base/os.h"
#include "base/persist.h"
#include "runtime/poll.h"
#include "runtime/sched.h"

#define CHUNK_FILES 256u
#define CHUNKS      65536u /* 16 million descriptors; the kernel's default is one */

static struct {
    struct tri_lock lock;
    TRI_ATOMIC(struct tri_poll_file *)
    *chunks;                   /* under the lock once, then constant */
    TRI_ATOMIC(uint32_t) made; /* chunks is there */
} table = { .lock = TRI_LOCK_INIT(POLL) };

struct tri_poll_file *
tri_poll_find(int fd)
{
    uint32_t chunk = (uint32_t)fd / CHUNK_FILES;
    /* Acquire pairs with the releases in make. */
    if (fd < 0 || chunk >= CHUNKS || tri_load_acquire(&table.made) == 0)
        return NULL;
    struct tri_poll_file *files = tri_load_acquire(&table.chunks[chunk]);
    return files == NULL ? NULL : &files[(uint32_t)fd % CHUNK_FILES];
}

static void
make_locked(uint32_t chunk)
{
    if (table.chunks == NULL)
        table.chunks = tri_os_map(CHUNKS * sizeof(*table.chunks));
    /* Relaxed: written under the lock. */
    if (table.chunks == NULL || tri_load_relaxed(&table.chunks[chunk]) != NULL)
        return;
    struct tri_poll_file *files =
        tri_persist_alloc(CHUNK_FILES * sizeof(*files), 64);
    if (files == NULL)
        return;
    for (uint32_t i = 0; i < CHUNK_FILES; i++)
        tri_lock_init(&files[i].lock, TRI_RANK_POLL_FILE);
    /* Releases pair with the acquires in find. */
    tri_store_release(&table.chunks[chunk], files);
    tri_store_release(&table.made, 1);
}

struct tri_poll_file *
tri_poll_find_or_make(int fd)
{
    struct tri_poll_file *file = tri_poll_find(fd);
    uint32_t chunk = (uint32_t)fd / CHUNK_FILES;
    if (file != NULL || fd < 0 || chunk >= CHUNKS)
        return file;
    tri_lock(&table.lock);
    make_locked(chunk);
    tri_unlock(&table.lock);
    return tri_poll_find(fd);
}

/* Relaxed, both: whoever believes it wrongly is a system call slower. */
bool
tri_poll_no_socket(int fd)
{
    struct tri_poll_file *file = tri_poll_find(fd);
    return file != NULL && tri_load_relaxed(&file->no_socket) != 0;
}

void
tri_poll_note_socket(int fd, bool is_socket)
{
    struct tri_poll_file *file =
        is_socket ? tri_poll_find(fd) : tri_poll_find_or_make(fd);
    if (file != NULL)
        tri_store_relaxed(&file->no_socket, !is_socket);
}
