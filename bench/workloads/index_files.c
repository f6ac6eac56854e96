/* SPDX-License-Identifier: MIT */
/*
 * bench/workloads/index_files.c: the tree, its files, their descriptors.
 *
 * The walk is a stack of directories in the heap, so its depth is bounded by
 * memory and not by a goroutine's stack.  Paths may be longer than PATH_MAX:
 * open_path goes down in pieces.
 *
 * A descriptor is a resource the collector does not know about: a program may
 * run out of them long before it runs out of memory.  So index_open counts, and
 * when `limit` are open, one worker collects and waits for the cleanups, while
 * the others that want a descriptor wait for that worker.
 */
#include "bench/workloads/index.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIST_FIRST      256u
#define BUFFER_MIN      4096u
#define BUFFER_MAX      (UINT32_C(128) << 10)
#define DRAIN_NS        INT64_C(10000000000)
#define EMFILE_ATTEMPTS 3

struct file_slot {
    struct index_file *file;
};
TRI_TYPE(file_slot_type, struct file_slot, file);
TRI_TYPE(file_type, struct index_file, path);
TRI_TYPE(open_type, struct index_open, buffer);

/* Closed by cleanups: they know nothing of a run, so it is one number. */
static _Atomic uint64_t closed_by_cleanup;

struct index_file *
index_files_add(struct index_files *files, const char *directory,
                const char *name)
{
    if (files->count == files->capacity) {
        size_t capacity = files->capacity ? files->capacity * 2 : LIST_FIRST;
        struct index_file **list = tri_new_array(&file_slot_type, capacity);
        if (files->count > 0)
            tri_copy(list, files->list, files->count * sizeof(*list));
        TRI_STORE(&files->list, list);
        files->capacity = capacity;
    }
    size_t head = strlen(directory);
    size_t tail = strlen(name);
    bool slash = head > 0 && tail > 0 && directory[head - 1] != '/';
    char *path = tri_alloc_noscan(head + slash + tail + 1);
    memcpy(path, directory, head);
    if (slash)
        path[head] = '/';
    memcpy(path + head + slash, name, tail + 1);

    struct index_file *file = tri_new(&file_type);
    TRI_STORE(&file->path, path);
    file->number = (uint32_t)files->count;
    TRI_STORE(&files->list[files->count], file);
    files->count++;
    return file;
}

/* open(2) for a path of any length; -errno.  Not inlined: INDEX-4. */
static __attribute__((noinline)) int
open_path(const char *path, int flags)
{
    int base = AT_FDCWD;
    int descriptor;
    while (strlen(path) >= PATH_MAX) {
        char piece[PATH_MAX];
        size_t bytes = PATH_MAX - 1;
        while (bytes > 1 && path[bytes - 1] != '/')
            bytes--;
        memcpy(piece, path, bytes);
        piece[bytes] = '\0';
        int next = openat(base, piece, O_PATH | O_DIRECTORY | O_CLOEXEC);
        int error = errno;
        if (base != AT_FDCWD)
            close(base);
        if (next < 0)
            return -error;
        base = next;
        path += bytes;
        path += strspn(path, "/");
    }
    descriptor = openat(base, *path ? path : ".", flags | O_CLOEXEC);
    if (descriptor < 0)
        descriptor = -errno;
    if (base != AT_FDCWD)
        close(base);
    return descriptor;
}

/* ---- the walk --------------------------------------------------------------- */

struct walk {
    struct index_files *files;
    struct index_files *unreadable;
    struct tri_chan *paths;
    struct workload_progress *progress;
    struct index_files pending; /* directories still to be read */
};

/* What an entry is, by a system call where readdir does not say. */
static unsigned char
entry_type(DIR *stream, const struct dirent *entry)
{
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type;
    struct stat status;
    if (fstatat(dirfd(stream), entry->d_name, &status, AT_SYMLINK_NOFOLLOW))
        return DT_UNKNOWN;
    return S_ISREG(status.st_mode) ? DT_REG
         : S_ISDIR(status.st_mode) ? DT_DIR
                                   : DT_UNKNOWN;
}

static void
take_entry(struct walk *walk, const struct index_file *directory, DIR *stream,
           const struct dirent *entry)
{
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
        return;
    unsigned char type = entry_type(stream, entry);
    if (type == DT_DIR) {
        index_files_add(&walk->pending, directory->path, entry->d_name);
    } else if (type == DT_REG) {
        struct index_file *file =
            index_files_add(walk->files, directory->path, entry->d_name);
        walk->progress->total = walk->files->count;
        tri_chan_send(walk->paths, &file);
    }
}

/* NULL, *error set, when it cannot be opened.  Not inlined: INDEX-4. */
static __attribute__((noinline)) DIR *
open_directory(const char *path, int flags, int *error)
{
    tri_blocking_begin();
    int descriptor = open_path(path, flags | O_RDONLY | O_DIRECTORY);
    DIR *stream = descriptor >= 0 ? fdopendir(descriptor) : NULL;
    *error = descriptor < 0 ? -descriptor : stream == NULL ? errno : 0;
    tri_blocking_end();
    if (stream == NULL && descriptor >= 0)
        close(descriptor);
    return stream;
}

/* NULL at the end or, *error set, on failure.  Not inlined: INDEX-4. */
static __attribute__((noinline)) const struct dirent *
next_entry(DIR *stream, int *error)
{
    tri_blocking_begin();
    errno = 0;
    const struct dirent *entry = readdir(stream);
    *error = errno;
    tri_blocking_end();
    return entry;
}

/* 0 or -errno. */
static int
read_directory(struct walk *walk, const struct index_file *directory, int flags)
{
    int error;
    DIR *stream = open_directory(directory->path, flags, &error);
    if (stream == NULL)
        return -error;
    const struct dirent *entry;
    while ((entry = next_entry(stream, &error)) != NULL)
        take_entry(walk, directory, stream, entry);
    closedir(stream);
    return -error;
}

int
index_walk(const char *directory, struct index_files *files,
           struct index_files *unreadable, struct tri_chan *paths,
           struct workload_progress *progress)
{
    struct walk walk = { .files = files,
                         .unreadable = unreadable,
                         .paths = paths,
                         .progress = progress };
    const struct index_file *root =
        index_files_add(&walk.pending, directory, "");
    /* The directory itself may be a link, as grep -r takes its argument. */
    walk.pending.count = 0;
    int error = read_directory(&walk, root, 0);
    while (walk.pending.count > 0) {
        const struct index_file *next = walk.pending.list[--walk.pending.count];
        int failed = read_directory(&walk, next, O_NOFOLLOW);
        if (failed != 0)
            index_files_add(unreadable, next->path, "")->error = -failed;
    }
    return error;
}

/* ---- descriptors -------------------------------------------------------------- */

static void
close_cleanup(const void *data)
{
    close(*(const int *)data);
    closed_by_cleanup++;
}

uint64_t
index_closed_by_cleanup(void)
{
    return closed_by_cleanup;
}

static uint64_t
open_now(const struct index_descriptors *descriptors)
{
    /* Closings first: the difference is never too small. */
    uint64_t closed = descriptors->closed_early + closed_by_cleanup
                    - descriptors->cleanup_base;
    return descriptors->opened - closed;
}

/* Collects, and waits for the cleanups that close; one worker at a time. */
static void
reclaim(struct index_descriptors *descriptors)
{
    tri_mutex_lock(&descriptors->reclaiming);
    if (open_now(descriptors) >= descriptors->limit) {
        descriptors->reclaims++;
        tri_gc();
        tri_cleanup_drain(DRAIN_NS);
    }
    tri_mutex_unlock(&descriptors->reclaiming);
}

static int
open_file(struct index_descriptors *descriptors, const char *path)
{
    if (open_now(descriptors) >= descriptors->limit)
        reclaim(descriptors);
    for (int attempt = 0;; attempt++) {
        /* Not blocking: a FIFO may have taken the file's place. */
        tri_blocking_begin();
        int descriptor =
            open_path(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        tri_blocking_end();
        if ((descriptor != -EMFILE && descriptor != -ENFILE)
            || attempt == EMFILE_ATTEMPTS)
            return descriptor;
        tri_gc();
        tri_cleanup_drain(DRAIN_NS);
    }
}

struct index_open *
index_open(struct index_descriptors *descriptors, const struct index_file *file,
           int *error)
{
    int descriptor = open_file(descriptors, file->path);
    *error = descriptor < 0 ? -descriptor : 0;
    if (descriptor < 0)
        return NULL;
    struct stat status;
    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
        close(descriptor);
        return NULL;
    }
    uint64_t bytes = (uint64_t)status.st_size + 1; /* and see the end */
    struct index_open *open = tri_new(&open_type);
    open->descriptor = descriptor;
    open->buffer_bytes = bytes < BUFFER_MIN ? BUFFER_MIN
                       : bytes > BUFFER_MAX ? BUFFER_MAX
                                            : bytes;
    TRI_STORE(&open->buffer, tri_alloc_noscan(open->buffer_bytes));
    descriptors->opened++;
    open->cleanup = tri_add_cleanup_data(open, close_cleanup, &descriptor,
                                         sizeof(descriptor));
    return open;
}

int64_t
index_read(struct index_open *open)
{
    int64_t length;
    do {
        tri_blocking_begin();
        length = read(open->descriptor, open->buffer, open->buffer_bytes);
        if (length < 0)
            length = -errno;
        tri_blocking_end();
    } while (length == -EINTR);
    tri_keepalive(open); /* INDEX-2 */
    return length;
}

/* A fixed mixing of seed and number, the same in every run (LOAD-2). */
static uint64_t
mix(uint64_t seed, uint32_t number)
{
    uint64_t word = seed * UINT64_C(0x9e3779b97f4a7c15) + number;
    word = (word ^ (word >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ (word >> 27)) * UINT64_C(0x94d049bb133111eb);
    return word ^ (word >> 31);
}

void
index_finish(struct index_descriptors *descriptors, struct index_open *open,
             uint32_t number)
{
    if (mix(descriptors->seed, number) % 100
        >= descriptors->close_early_percent)
        return; /* the collector will find it */
    if (!tri_cleanup_stop(open->cleanup)) {
        descriptors->not_cancelled++;
        return;
    }
    close(open->descriptor); /* INDEX-3: this call cancelled it */
    descriptors->closed_early++;
    tri_keepalive(open);
}

/* ---- what /proc says ------------------------------------------------------------ */

/* Descriptors whose file's name starts with `prefix` (NULL: all); the one it
 * reads them through is left out. */
static uint64_t
count_descriptors(const char *prefix)
{
    DIR *stream = opendir("/proc/self/fd");
    if (stream == NULL)
        return 0;
    uint64_t count = 0;
    size_t prefix_bytes = prefix != NULL ? strlen(prefix) : 0;
    for (const struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        char target[PATH_MAX];
        if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(stream))
            continue;
        ssize_t bytes =
            readlinkat(dirfd(stream), entry->d_name, target, sizeof(target));
        if (prefix == NULL
            || (bytes > (ssize_t)prefix_bytes
                && memcmp(target, prefix, prefix_bytes) == 0
                && (prefix_bytes == 1 || target[prefix_bytes] == '/')))
            count++;
    }
    closedir(stream);
    return count;
}

uint64_t
index_descriptors_below(const char *directory)
{
    char *real = realpath(directory, NULL);
    if (real == NULL)
        return 0;
    uint64_t count = count_descriptors(real);
    free(real);
    return count;
}

uint64_t
index_descriptors_all(void)
{
    return count_descriptors(NULL);
}
