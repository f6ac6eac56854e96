/* SPDX-License-Identifier: MIT */
/* base/mapping.c: reading /proc/self/maps; see mapping.h. */
#include "base/mapping.h"

#include <fcntl.h>

#include "base/syscall.h"

/* Reads a file byte by byte. */
struct reader {
    long fd;
    long length;
    long at;
    char buffer[1024];
};

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
read_mapping(struct reader *reader, struct tri_mapping *mapping)
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

bool
tri_mapping_find(uintptr_t address, struct tri_mapping *mapping)
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
    return found;
}
