/* SPDX-License-Identifier: MIT */
/*
 * bench/workloads/index_scan.c: the words of one file, batched.
 *
 * Going to the shared table for every word would take a lock 90 million times
 * for /usr/share.  So a worker gathers up to BATCH words of one file in a table
 * of its own, with no pointers in it, and hands each distinct word over once,
 * with all its positions.
 *
 *   slots   hash table of the batch's distinct words; `used` lists the full
 *           ones, so that emptying it costs what the batch cost, not its size
 *   hits    one entry per word read; a word's hits are a list in file order
 *   text    the distinct words' letters; the word being read grows behind them,
 *           so a word may cross any number of pieces and be of any length
 */
#include "bench/workloads/index.h"

#include <string.h>

#define BATCH      (UINT32_C(1) << 15)
#define SLOTS      (BATCH * 2)
#define TEXT_FIRST (UINT32_C(1) << 16)
#define TEXT_BATCH (UINT32_C(1) << 20) /* hand over when so many letters */
#define SPAN_BATCH (UINT64_C(1) << 31) /* or so far from the first one */
#define NUMBER_MAX 10u                 /* bytes of one varint */

struct slot {
    size_t text; /* offset of its letters */
    size_t bytes;
    uint32_t hash;
    uint32_t count;       /* 0: the slot is empty */
    uint32_t first, last; /* hits */
};

struct hit {
    uint32_t next;
    uint32_t offset; /* from the batch's first byte */
};

struct index_scan {
    struct index_table *table;
    struct slot *slots;
    uint32_t *used;
    struct hit *hits;
    unsigned char *text;
    unsigned char *posting; /* room for one posting of a whole batch */
    size_t text_capacity;
    size_t text_bytes;    /* of finished words */
    size_t word_bytes;    /* of the word being read */
    uint64_t word_hash;   /* its hash so far */
    uint64_t position;    /* of the next byte in the file */
    uint64_t batch_start; /* position of the batch's first byte */
    uint64_t word_total;  /* in this file */
    uint32_t file;
    uint32_t used_count;
    uint32_t hit_count;
};
TRI_TYPE(scan_type, struct index_scan, table, slots, used, hits, text, posting);

/* Letters to lower case, all else to 0.  ASCII by definition of the task. */
static const unsigned char fold[256] = {
    ['A'] = 'a', ['B'] = 'b', ['C'] = 'c', ['D'] = 'd', ['E'] = 'e',
    ['F'] = 'f', ['G'] = 'g', ['H'] = 'h', ['I'] = 'i', ['J'] = 'j',
    ['K'] = 'k', ['L'] = 'l', ['M'] = 'm', ['N'] = 'n', ['O'] = 'o',
    ['P'] = 'p', ['Q'] = 'q', ['R'] = 'r', ['S'] = 's', ['T'] = 't',
    ['U'] = 'u', ['V'] = 'v', ['W'] = 'w', ['X'] = 'x', ['Y'] = 'y',
    ['Z'] = 'z', ['a'] = 'a', ['b'] = 'b', ['c'] = 'c', ['d'] = 'd',
    ['e'] = 'e', ['f'] = 'f', ['g'] = 'g', ['h'] = 'h', ['i'] = 'i',
    ['j'] = 'j', ['k'] = 'k', ['l'] = 'l', ['m'] = 'm', ['n'] = 'n',
    ['o'] = 'o', ['p'] = 'p', ['q'] = 'q', ['r'] = 'r', ['s'] = 's',
    ['t'] = 't', ['u'] = 'u', ['v'] = 'v', ['w'] = 'w', ['x'] = 'x',
    ['y'] = 'y', ['z'] = 'z',
};

struct index_scan *
index_scan_new(struct index_table *table)
{
    struct index_scan *scan = tri_new(&scan_type);
    TRI_STORE(&scan->table, table);
    TRI_STORE(&scan->slots, tri_alloc_noscan(SLOTS * sizeof(struct slot)));
    TRI_STORE(&scan->used, tri_alloc_noscan(BATCH * sizeof(uint32_t)));
    TRI_STORE(&scan->hits, tri_alloc_noscan(BATCH * sizeof(struct hit)));
    TRI_STORE(&scan->posting, tri_alloc_noscan((BATCH + 2) * NUMBER_MAX));
    TRI_STORE(&scan->text, tri_alloc_noscan(TEXT_FIRST));
    scan->text_capacity = TEXT_FIRST;
    return scan;
}

/* One distinct word of the batch goes to the table. */
static void
hand_over(struct index_scan *scan, const struct slot *slot)
{
    unsigned char *to = scan->posting;
    to += index_put_number(to, scan->file);
    to += index_put_number(to, slot->count);
    uint64_t before = 0;
    uint32_t at = slot->first;
    for (uint32_t i = 0; i < slot->count; i++) {
        uint64_t position = scan->batch_start + scan->hits[at].offset;
        to += index_put_number(to, position - before);
        before = position;
        at = scan->hits[at].next;
    }
    index_table_add(scan->table, scan->text + slot->text, slot->bytes,
                    slot->hash, scan->posting, (size_t)(to - scan->posting),
                    slot->count);
}

/* Empties the batch; the word being read stays. */
static void
flush(struct index_scan *scan)
{
    for (uint32_t i = 0; i < scan->used_count; i++) {
        struct slot *slot = &scan->slots[scan->used[i]];
        hand_over(scan, slot);
        slot->count = 0;
    }
    memmove(scan->text, scan->text + scan->text_bytes, scan->word_bytes);
    scan->used_count = 0;
    scan->hit_count = 0;
    scan->text_bytes = 0;
}

/* The slot of the word just read, made if it is new. */
static struct slot *
slot_of_word(struct index_scan *scan, uint32_t hash)
{
    const unsigned char *word = scan->text + scan->text_bytes;
    uint32_t i = hash & (SLOTS - 1);
    for (; scan->slots[i].count != 0; i = (i + 1) & (SLOTS - 1)) {
        struct slot *slot = &scan->slots[i];
        if (slot->hash == hash && slot->bytes == scan->word_bytes
            && memcmp(scan->text + slot->text, word, scan->word_bytes) == 0)
            return slot;
    }
    struct slot *slot = &scan->slots[i];
    slot->hash = hash;
    slot->bytes = scan->word_bytes;
    slot->text = scan->text_bytes;
    scan->text_bytes += scan->word_bytes;
    scan->used[scan->used_count++] = i;
    return slot;
}

/* The word that ended before `end` is complete. */
static void
finish_word(struct index_scan *scan, uint64_t end)
{
    uint64_t start = end - scan->word_bytes;
    if (scan->hit_count > 0 && start - scan->batch_start >= SPAN_BATCH)
        flush(scan); /* a word after gigabytes without any */
    if (scan->hit_count == 0)
        scan->batch_start = start;
    struct slot *slot = slot_of_word(scan, index_hash_end(scan->word_hash));
    uint32_t hit = scan->hit_count++;
    scan->hits[hit].offset = (uint32_t)(start - scan->batch_start);
    if (slot->count++ == 0)
        slot->first = hit;
    else
        scan->hits[slot->last].next = hit;
    slot->last = hit;
    scan->word_total++;
    scan->word_bytes = 0;
    scan->word_hash = INDEX_HASH_START;
    if (scan->hit_count == BATCH || scan->text_bytes >= TEXT_BATCH)
        flush(scan);
}

/* Room for `more` letters behind the word being read. */
static void
reserve(struct index_scan *scan, size_t more)
{
    size_t need = scan->text_bytes + scan->word_bytes + more;
    if (need <= scan->text_capacity)
        return;
    size_t capacity = scan->text_capacity;
    while (capacity < need)
        capacity *= 2;
    unsigned char *text = tri_alloc_noscan(capacity);
    memcpy(text, scan->text, scan->text_bytes + scan->word_bytes);
    TRI_STORE(&scan->text, text);
    scan->text_capacity = capacity;
}

void
index_scan_begin(struct index_scan *scan, uint32_t file)
{
    scan->file = file;
    scan->position = 0;
    scan->word_total = 0;
    scan->word_bytes = 0;
    scan->word_hash = INDEX_HASH_START;
}

void
index_scan_bytes(struct index_scan *scan, const unsigned char *bytes,
                 size_t length)
{
    reserve(scan, length);
    size_t i = 0;
    while (i < length) {
        unsigned char *to = scan->text + scan->text_bytes;
        size_t word_bytes = scan->word_bytes;
        uint64_t hash = scan->word_hash;
        for (; i < length && fold[bytes[i]] != 0; i++) {
            to[word_bytes++] = fold[bytes[i]];
            hash = (hash ^ fold[bytes[i]]) * INDEX_HASH_STEP;
        }
        scan->word_bytes = word_bytes;
        scan->word_hash = hash;
        if (i == length)
            break; /* the word may go on in the next piece */
        if (word_bytes > 0)
            finish_word(scan, scan->position + i);
        while (i < length && fold[bytes[i]] == 0)
            i++;
    }
    scan->position += length;
}

uint64_t
index_scan_end(struct index_scan *scan)
{
    if (scan->word_bytes > 0)
        finish_word(scan, scan->position);
    flush(scan);
    return scan->word_total;
}
