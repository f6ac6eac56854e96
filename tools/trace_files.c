/* SPDX-License-Identifier: MIT */
/*
 * tools/trace_files.c: are the files of a trace all there, and whole?
 *
 * LTTng writes a stream for each channel and CPU, NAME_0, NAME_1 and so on, also
 * where a CPU has nothing to say, and beside each an index of its packets,
 * index/NAME_0.idx.  So a file that went missing leaves a gap in the numbers or
 * an index without a stream, and one that was cut is shorter than its index
 * says.  Babeltrace reads what is there and does not ask.  A trace without
 * indexes, as other tools write it, is only asked for gaps.
 */
#include "tools/trace_files.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INDEX_MAGIC UINT32_C(0xc1f1dcc1)
#define AGAIN       "copy the whole trace again, or record again"

/* Both big-endian (CTF index 1.0 and later); entries may be longer. */
struct index_header {
    uint32_t magic, major, minor, entry_bytes;
};
struct index_entry {
    uint64_t offset, packet_bits;
};

static const char *
base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* The bytes of all packets in an index; -1: it cannot be read as one. */
static int64_t
indexed_bytes(FILE *in)
{
    struct index_header header;
    struct index_entry entry;
    int64_t bytes = 0;
    if (fread(&header, sizeof(header), 1, in) != 1
        || be32toh(header.magic) != INDEX_MAGIC
        || be32toh(header.entry_bytes) < sizeof(entry)
        || be32toh(header.entry_bytes) > UINT16_MAX)
        return -1;
    long rest = (long)be32toh(header.entry_bytes) - (long)sizeof(entry);
    while (fread(&entry, sizeof(entry), 1, in) == 1) {
        bytes += (int64_t)(be64toh(entry.packet_bits) / 8);
        if (fseek(in, rest, SEEK_CUR) != 0)
            return -1;
    }
    return bytes;
}

static bool
stream_whole(const char *directory, const char *index, char *error, size_t n)
{
    char path[PATH_MAX];
    int name_bytes = (int)(strlen(index) - strlen(".idx"));
    snprintf(path, sizeof(path), "%s/index/%s", directory, index);
    FILE *in = fopen(path, "re");
    int64_t bytes = in != NULL ? indexed_bytes(in) : -1;
    if (in != NULL)
        fclose(in);
    snprintf(path, sizeof(path), "%s/%.*s", directory, name_bytes, index);
    struct stat status;
    if (stat(path, &status) != 0)
        snprintf(error, n, "the trace lacks its file %s: %s; " AGAIN, path,
                 strerror(errno));
    else if (bytes < 0)
        snprintf(
            error, n,
            "the trace is damaged or cut off: %s/index/%s is no index; " AGAIN,
            directory, index);
    else if (bytes != status.st_size)
        snprintf(error, n,
                 "the trace is damaged or cut off: %s has %lld bytes, its "
                 "index says %lld; " AGAIN,
                 path, (long long)status.st_size, (long long)bytes);
    else
        return true;
    return false;
}

static bool
ends_in(const char *text, const char *end)
{
    size_t text_bytes = strlen(text);
    size_t end_bytes = strlen(end);
    return text_bytes > end_bytes
        && strcmp(text + text_bytes - end_bytes, end) == 0;
}

static bool
indexed_streams_whole(const char *directory, char *error, size_t n)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/index", directory);
    DIR *stream = opendir(path);
    bool whole = true;
    if (stream == NULL)
        return true;
    for (struct dirent *entry; whole && (entry = readdir(stream)) != NULL;)
        if (ends_in(entry->d_name, ".idx"))
            whole = stream_whole(directory, entry->d_name, error, n);
    closedir(stream);
    return whole;
}

/* NAME_7, with its 7 above 0: is there NAME_6? */
static bool
predecessor_there(const char *directory, const char *name, char *error,
                  size_t n)
{
    const char *digits = strrchr(name, '_');
    if (digits == NULL || digits[1] < '0' || digits[1] > '9')
        return true;
    char *end;
    unsigned long number = strtoul(digits + 1, &end, 10);
    if (*end != '\0' || number == 0)
        return true;
    char path[PATH_MAX];
    struct stat status;
    snprintf(path, sizeof(path), "%s/%.*s_%lu", directory, (int)(digits - name),
             name, number - 1);
    if (stat(path, &status) == 0)
        return true;
    snprintf(error, n, "the trace has its file %s, but lacks %s: %s; " AGAIN,
             name, base_name(path), strerror(errno));
    return false;
}

static bool
numbers_without_gap(const char *directory, char *error, size_t n)
{
    DIR *stream = opendir(directory);
    bool whole = true;
    if (stream == NULL)
        return true;
    for (struct dirent *entry; whole && (entry = readdir(stream)) != NULL;)
        whole = predecessor_there(directory, entry->d_name, error, n);
    closedir(stream);
    return whole;
}

bool
trace_files_whole(const char *directory, char *error, size_t n)
{
    return indexed_streams_whole(directory, error, n)
        && numbers_without_gap(directory, error, n);
}
