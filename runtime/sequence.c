/* SPDX-License-Identifier: MIT */
/*
 * runtime/sequence.c: the table of restartable sequences of all objects of the
 * process: sorted ranges of code, made anew whenever an object comes or goes.
 *
 * An object's rows are copied, since a handler looks while a library may be
 * unloaded; and sorted, since linkers do not keep code in the order of its rows
 * (hot and cold parts), and repeat rows of functions they folded.
 *
 *   SEQ-7  A table that was replaced is given back once nobody was seen to read:
 *          who reads says so before he takes the table.  Otherwise a handler reads
 *          memory that is not there.  Nobody waits for that: a library may be
 *          unloaded in the child of a fork, where the readers are not.
 *   SEQ-8  A library's rows go when it is unloaded; otherwise other code that comes
 *          to lie there is thrown back in the middle of things.
 *   SEQ-9  At exit they stay, though destructors run then too: goroutines run on
 *          until the process is gone, and are stopped; otherwise the last
 *          collection of a program may lose what it stored.
 */
#include "runtime/sequence.h"

#if TRI_SEQUENCES_SERVED

#    include <errno.h>
#    include <stdlib.h>

#    include "base/atomic.h"
#    include "base/check.h"
#    include "base/lock.h"
#    include "base/os.h"

/* Longer than any: whoever adds one says so here. */
#    define SEQUENCE_BYTES_MAX 64

struct range {
    uintptr_t start;
    uintptr_t end;
    const void *object; /* its rows */
};

/* Constant once published. */
struct tri_sequence_table {
    size_t bytes; /* of the mapping */
    size_t count;
    struct tri_sequence_table *next; /* [l] in the list of replaced ones */
    struct range range[];
};

/* Keys: [l] under the lock; [a] atomic. */
static struct {
    struct tri_lock lock;
    TRI_ATOMIC(struct tri_sequence_table *) table; /* [a] NULL: none yet */
    TRI_ATOMIC(uint32_t) readers;                  /* [a] SEQ-7 */
    TRI_ATOMIC(uint32_t) exiting;                  /* [a] SEQ-9 */
    struct tri_sequence_table *replaced;           /* [l] */
} sequences = { .lock = TRI_LOCK_INIT(SEQUENCES) };

/* ---- in handlers ----------------------------------------------------------- */

TRI_NO_SANITIZE const struct tri_sequence_table *
tri_sequences_hold(void)
{
    /* Relaxed: whoever runs a sequence knows that its object is registered. */
    if (tri_load_relaxed(&sequences.table) == NULL)
        return NULL;
    /* Sequentially consistent, with publish: either it sees us, or we its table
     * (SEQ-7). */
    tri_add(&sequences.readers, 1);
    return tri_load(&sequences.table);
}

TRI_NO_SANITIZE void
tri_sequences_drop(void)
{
    /* Release pairs with the load in publish. */
    tri_sub_release(&sequences.readers, 1);
}

TRI_NO_SANITIZE uintptr_t
tri_sequence_around(const struct tri_sequence_table *table, uintptr_t pc)
{
    /* below: how many start before pc; the last of these is the one. */
    size_t below = 0;
    size_t above = table->count;
    while (below < above) {
        size_t middle = below + (above - below) / 2;
        if (table->range[middle].start < pc)
            below = middle + 1;
        else
            above = middle;
    }
    if (below == 0 || pc >= table->range[below - 1].end)
        return 0;
    return table->range[below - 1].start;
}

/* ---- making tables ----------------------------------------------------------- */

static void
sift_down(struct range *range, size_t at, size_t count)
{
    struct range moved = range[at];
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && range[child + 1].start > range[child].start)
            child++;
        if (range[child].start <= moved.start)
            break;
        range[at] = range[child];
    }
    range[at] = moved;
}

/* Heapsort: libc's qsort may call malloc. */
static void
sort(struct range *range, size_t count)
{
    for (size_t i = count / 2; i-- > 0;)
        sift_down(range, i, count);
    for (size_t left = count; left > 1;) {
        struct range last = range[--left];
        range[left] = range[0];
        range[0] = last;
        sift_down(range, 0, left);
    }
}

static void
drop_doubles(struct tri_sequence_table *table)
{
    size_t kept = 0;
    for (size_t i = 0; i < table->count; i++)
        if (kept == 0 || table->range[kept - 1].start != table->range[i].start)
            table->range[kept++] = table->range[i];
    table->count = kept;
}

/* The ranges of `old` (or NULL) but those of `without`, and room for `more`. */
static struct tri_sequence_table *
copy_table(const struct tri_sequence_table *old, const void *without,
           size_t more)
{
    size_t count = old == NULL ? 0 : old->count;
    size_t bytes = sizeof(*old) + (count + more) * sizeof(old->range[0]);
    struct tri_sequence_table *table = tri_os_map(bytes);
    TRI_CHECK(table != NULL,
              "no memory for a table of %zu restartable sequences; raise "
              "`ulimit -v`",
              count + more);
    table->bytes = bytes;
    for (size_t i = 0; i < count; i++)
        if (old->range[i].object != without)
            table->range[table->count++] = old->range[i];
    return table;
}

static void
publish(struct tri_sequence_table *table)
{
    struct tri_sequence_table *old = tri_swap(&sequences.table, table);
    if (old != NULL) {
        old->next = sequences.replaced;
        sequences.replaced = old;
    }
    /* SEQ-7.  With readers, the next change looks again. */
    if (tri_load(&sequences.readers) != 0)
        return;
    while ((old = sequences.replaced) != NULL) {
        sequences.replaced = old->next;
        tri_os_unmap(old, old->bytes);
    }
}

static bool
is_registered(const struct tri_sequence_table *table, const void *object)
{
    for (size_t i = 0; table != NULL && i < table->count; i++)
        if (table->range[i].object == object)
            return true;
    return false;
}

static void
add_rows(struct tri_sequence_table *table, const struct tri_sequence *first,
         const struct tri_sequence *end)
{
    for (const struct tri_sequence *row = first; row < end; row++) {
        uintptr_t start =
            (uintptr_t)&row->start + (uintptr_t)(intptr_t)row->start;
        TRI_CHECK(row->bytes > 0 && row->bytes <= SEQUENCE_BYTES_MAX,
                  "SEQ-1: a sequence of %u bytes", row->bytes);
        table->range[table->count++] =
            (struct range){ start, start + row->bytes, first };
    }
    sort(table->range, table->count);
    drop_doubles(table);
}

TRI_API void
tri_sequences_register(const struct tri_sequence *first,
                       const struct tri_sequence *end, uintptr_t known)
{
    tri_lock(&sequences.lock);
    /* Relaxed, here and below: written under the lock. */
    const struct tri_sequence_table *old = tri_load_relaxed(&sequences.table);
    if (!is_registered(old, first)) {
        size_t count = first == NULL ? 0 : (size_t)(end - first);
        struct tri_sequence_table *table = copy_table(old, NULL, count);
        add_rows(table, first, first + count);
        publish(table);
    }
    bool found =
        tri_sequence_around(tri_load_relaxed(&sequences.table), known + 1)
        == known;
    tri_unlock(&sequences.lock);
    if (!found) /* SEQ-3 */
        tri_panic("TRI_STORE cannot be used: the linker dropped the section "
                  "tri_sequences of this program or library; keep it, or "
                  "compile without TRI_PROTECT_SEQUENCE");
}

TRI_API void
tri_sequences_unregister(const struct tri_sequence *first)
{
    if (tri_load(&sequences.exiting) != 0) /* SEQ-9 */
        return;
    tri_lock(&sequences.lock);
    const struct tri_sequence_table *old = tri_load_relaxed(&sequences.table);
    if (is_registered(old, first))
        publish(copy_table(old, first, 0));
    tri_unlock(&sequences.lock);
}

size_t
tri_sequences_count(void)
{
    const struct tri_sequence_table *table = tri_sequences_hold();
    if (table == NULL)
        return 0;
    size_t count = table->count;
    tri_sequences_drop();
    return count;
}

bool
tri_sequences_hide(uintptr_t pc)
{
    const struct tri_sequence_table *table = tri_sequences_hold();
    if (table == NULL)
        return false;
    bool inside = tri_sequence_around(table, pc) != 0;
    tri_sequences_drop();
    return inside;
}

static void
note_exit(void)
{
    tri_store(&sequences.exiting, 1);
}

int
tri_sequences_init(void)
{
    /* What exit() calls comes before the destructors of objects. */
    return atexit(note_exit) == 0 ? 0 : -ENOMEM;
}

#endif
