/* SPDX-License-Identifier: MIT */
/*
 * base/backtrace.c: follows frame pointers (the whole library is built with
 * them).  Each frame is read by a system call that fails where a load would
 * crash, so a smashed stack ends the list instead of the report.  The names
 * come from /proc/self/maps: the loader's own tables are behind a lock that a
 * stopped thread may hold.
 */
#include "base/backtrace.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/uio.h>

#include "base/format.h"
#include "base/os.h"
#include "base/syscall.h"

#define FRAMES_MAX 32
#define PATH_BYTES 256

/* A saved frame pointer and the return address above it. */
struct frame {
    uintptr_t next;
    uintptr_t return_address;
};

/* Reads a file byte by byte. */
struct reader {
    long fd;
    long length;
    long at;
    char buffer[1024];
};

/* One line of /proc/self/maps. */
struct mapping {
    uintptr_t start;
    uintptr_t end;
    uintptr_t offset;
    char path[PATH_BYTES];
};

static bool
read_frame(uintptr_t at, struct frame *frame)
{
    struct iovec local = { .iov_base = frame, .iov_len = sizeof(*frame) };
    struct iovec remote = { .iov_base = (void *)at, .iov_len = sizeof(*frame) };
    return tri_syscall6(SYS_process_vm_readv, tri_os_pid(), (long)&local, 1,
                        (long)&remote, 1, 0)
        == (long)sizeof(*frame);
}

/* The next byte, or -1. */
static int
next_byte(struct reader *reader)
{
    if (reader->at == reader->length) {
        reader->length =
            tri_syscall3(SYS_read, reader->fd, (long)reader->buffer,
                         (long)sizeof(reader->buffer));
        reader->at = 0;
        if (reader->length <= 0) {
            reader->length = 0;
            return -1;
        }
    }
    return (unsigned char)reader->buffer[reader->at++];
}

/* Hexadecimal digits up to the byte that ends them. */
static uintptr_t
read_hex(struct reader *reader)
{
    uintptr_t value = 0;
    for (;;) {
        int c = next_byte(reader);
        if (c >= '0' && c <= '9')
            value = value << 4 | (uintptr_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value << 4 | (uintptr_t)(c - 'a' + 10);
        else
            return value;
    }
}

static int
skip_field(struct reader *reader)
{
    int c;
    do
        c = next_byte(reader);
    while (c != ' ' && c != '\n' && c != -1);
    return c;
}

/* "start-end perms offset dev inode   path\n" */
static bool
read_mapping(struct reader *reader, struct mapping *mapping)
{
    mapping->start = read_hex(reader);
    mapping->end = read_hex(reader);
    (void)skip_field(reader); /* permissions */
    mapping->offset = read_hex(reader);
    (void)skip_field(reader);   /* device */
    int c = skip_field(reader); /* inode */
    while (c == ' ')
        c = next_byte(reader);
    size_t length = 0;
    for (; c != '\n' && c != -1; c = next_byte(reader)) {
        if (length + 1 < sizeof(mapping->path))
            mapping->path[length++] = (char)c;
    }
    mapping->path[length] = 0;
    return c != -1;
}

/* The file mapping that holds `address`, if any. */
static bool
find_mapping(uintptr_t address, struct mapping *mapping)
{
    struct reader reader = { .length = 0 };
    reader.fd = tri_syscall6(SYS_openat, AT_FDCWD, (long)"/proc/self/maps",
                             O_RDONLY | O_CLOEXEC, 0, 0, 0);
    if (reader.fd < 0)
        return false;
    bool found = false;
    while (!found && read_mapping(&reader, mapping))
        found = address >= mapping->start && address < mapping->end;
    (void)tri_syscall3(SYS_close, reader.fd, 0, 0);
    return found && mapping->path[0] == '/';
}

static void
print_frame(int number, uintptr_t return_address)
{
    struct mapping mapping;
    /* The call, not what follows it. */
    uintptr_t call = return_address - 1;
    if (find_mapping(call, &mapping))
        tri_print("  #%d %p %s +0x%lx\n", number, (void *)return_address,
                  mapping.path, call - mapping.start + mapping.offset);
    else
        tri_print("  #%d %p\n", number, (void *)return_address);
}

TRI_NOINLINE void
tri_backtrace_print(int skip)
{
    uintptr_t at = (uintptr_t)__builtin_frame_address(0);
    for (int i = 0; i < FRAMES_MAX; i++) {
        struct frame frame = { 0 };
        if (at % sizeof(void *) != 0 || !read_frame(at, &frame)
            || frame.return_address == 0)
            break;
        if (i >= skip)
            print_frame(i - skip, frame.return_address);
        if (frame.next <= at)
            break; /* stacks grow down: anything else is no frame */
        at = frame.next;
    }
}
