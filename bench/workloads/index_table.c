/* SPDX-License-Identifier: MIT */
/*
 * bench/workloads/index_table.c: words of all files, with their postings.
 *
 * A hash table in 256 shards, each under its own mutex, so that workers seldom
 * meet; a shard doubles its buckets when it holds more words than buckets.
 * Chunks are typed objects whose only pointer is `next`: the collector reads
 * one word of each, whatever its size.
 */
#include "bench/workloads/index.h"

#include <stdlib.h>
#include <string.h>

#define SHARDS        256u /* by the top byte of the hash */
#define BUCKETS_FIRST 16u

struct bucket {
    struct index_word *first;
};
TRI_TYPE(bucket_type, struct bucket, first);

struct shard {
    struct bucket *buckets;
    size_t bucket_count; /* a power of two */
    size_t word_count;
    struct tri_mutex lock;
};
TRI_TYPE(shard_type, struct shard, buckets);

struct index_table {
    struct shard *shards;
};
TRI_TYPE(table_type, struct index_table, shards);

TRI_TYPE(word_type, struct index_word, next, text, head, tail);

/* A chunk of `total` bytes, header included. */
#define CHUNK(total)                                                           \
    struct chunk##total {                                                      \
        struct index_chunk *next;                                              \
        uint32_t used, capacity;                                               \
        unsigned char data[(total) - sizeof(struct index_chunk)];              \
    };                                                                         \
    TRI_TYPE(chunk##total##_type, struct chunk##total, next)
CHUNK(32);
CHUNK(64);
CHUNK(128);
CHUNK(256);
CHUNK(512);
CHUNK(1024);

static const struct tri_type *const chunk_types[] = {
    &chunk32_type,  &chunk64_type,  &chunk128_type,
    &chunk256_type, &chunk512_type, &chunk1024_type,
};
#define CHUNK_TYPES (sizeof(chunk_types) / sizeof(chunk_types[0]))

uint32_t
index_hash(const unsigned char *text, size_t bytes)
{
    uint64_t state = INDEX_HASH_START;
    for (size_t i = 0; i < bytes; i++)
        state = (state ^ text[i]) * INDEX_HASH_STEP;
    return index_hash_end(state);
}

size_t
index_put_number(unsigned char *to, uint64_t number)
{
    size_t bytes = 0;
    for (; number >= 0x80; number >>= 7)
        to[bytes++] = (unsigned char)(number | 0x80);
    to[bytes++] = (unsigned char)number;
    return bytes;
}

struct index_table *
index_table_new(void)
{
    struct index_table *table = tri_new(&table_type);
    TRI_STORE(&table->shards, tri_new_array(&shard_type, SHARDS));
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *shard = &table->shards[i];
        TRI_STORE(&shard->buckets, tri_new_array(&bucket_type, BUCKETS_FIRST));
        shard->bucket_count = BUCKETS_FIRST;
    }
    return table;
}

static struct shard *
shard_of(struct index_table *table, uint32_t hash)
{
    return &table->shards[hash >> 24];
}

static struct index_word *
find(const struct shard *shard, const unsigned char *text, size_t bytes,
     uint32_t hash)
{
    struct index_word *word =
        shard->buckets[hash & (shard->bucket_count - 1)].first;
    for (; word != NULL; word = word->next)
        if (word->hash == hash && word->bytes == bytes
            && memcmp(word->text, text, bytes) == 0)
            return word;
    return NULL;
}

/* Twice the buckets; the words move over one by one. */
static void
grow(struct shard *shard)
{
    size_t count = shard->bucket_count * 2;
    struct bucket *buckets = tri_new_array(&bucket_type, count);
    for (size_t i = 0; i < shard->bucket_count; i++) {
        struct index_word *word = shard->buckets[i].first;
        while (word != NULL) {
            struct index_word *next = word->next;
            struct bucket *bucket = &buckets[word->hash & (count - 1)];
            TRI_STORE(&word->next, bucket->first);
            TRI_STORE(&bucket->first, word);
            word = next;
        }
    }
    TRI_STORE(&shard->buckets, buckets);
    shard->bucket_count = count;
}

static struct index_word *
insert(struct shard *shard, const unsigned char *text, size_t bytes,
       uint32_t hash)
{
    if (shard->word_count >= shard->bucket_count)
        grow(shard);
    struct index_word *word = tri_new(&word_type);
    char *copy = tri_alloc_noscan(bytes);
    memcpy(copy, text, bytes);
    TRI_STORE(&word->text, copy);
    word->bytes = bytes;
    word->hash = hash;
    struct bucket *bucket = &shard->buckets[hash & (shard->bucket_count - 1)];
    TRI_STORE(&word->next, bucket->first);
    TRI_STORE(&bucket->first, word);
    shard->word_count++;
    return word;
}

/* A chunk of twice the size of the last one, up to the largest. */
static struct index_chunk *
add_chunk(struct index_word *word)
{
    size_t i = 0;
    if (word->tail != NULL) {
        size_t last = word->tail->capacity + sizeof(struct index_chunk);
        while (i + 1 < CHUNK_TYPES && chunk_types[i]->bytes <= last)
            i++;
    }
    struct index_chunk *chunk = tri_new(chunk_types[i]);
    chunk->capacity =
        (uint32_t)(chunk_types[i]->bytes - sizeof(struct index_chunk));
    if (word->tail == NULL)
        TRI_STORE(&word->head, chunk);
    else
        TRI_STORE(&word->tail->next, chunk);
    TRI_STORE(&word->tail, chunk);
    return chunk;
}

static void
append(struct index_word *word, const unsigned char *from, size_t bytes)
{
    struct index_chunk *chunk = word->tail;
    while (bytes > 0) {
        if (chunk == NULL || chunk->used == chunk->capacity)
            chunk = add_chunk(word);
        size_t room = chunk->capacity - chunk->used;
        size_t part = bytes < room ? bytes : room;
        memcpy(chunk->data + chunk->used, from, part);
        chunk->used += (uint32_t)part;
        from += part;
        bytes -= part;
    }
}

void
index_table_add(struct index_table *table, const unsigned char *text,
                size_t bytes, uint32_t hash, const unsigned char *posting,
                size_t posting_bytes, uint32_t count)
{
    struct shard *shard = shard_of(table, hash);
    tri_mutex_lock(&shard->lock);
    struct index_word *word = find(shard, text, bytes, hash);
    if (word == NULL)
        word = insert(shard, text, bytes, hash);
    append(word, posting, posting_bytes);
    word->count += count;
    tri_mutex_unlock(&shard->lock);
}

struct index_word *
index_table_find(struct index_table *table, const unsigned char *text,
                 size_t bytes)
{
    uint32_t hash = index_hash(text, bytes);
    return find(shard_of(table, hash), text, bytes, hash);
}

void
index_table_each(struct index_table *table,
                 void (*visit)(struct index_word *word, void *arg), void *arg)
{
    for (size_t i = 0; i < SHARDS; i++) {
        const struct shard *shard = &table->shards[i];
        for (size_t j = 0; j < shard->bucket_count; j++) {
            struct index_word *word = shard->buckets[j].first;
            for (; word != NULL; word = word->next)
                visit(word, arg);
        }
    }
}

struct index_cursor
index_cursor_of(const struct index_word *word)
{
    return (struct index_cursor){ .chunk = word->head };
}

/* The next byte of the stream, or -1. */
static int
next_byte(struct index_cursor *cursor)
{
    if (cursor->chunk != NULL && cursor->at == cursor->chunk->used) {
        cursor->chunk = cursor->chunk->next;
        cursor->at = 0;
    }
    return cursor->chunk == NULL ? -1 : cursor->chunk->data[cursor->at++];
}

bool
index_cursor_next(struct index_cursor *cursor, uint64_t *number)
{
    *number = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        int byte = next_byte(cursor);
        if (byte < 0)
            return false;
        *number |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return true;
    }
    return false;
}
