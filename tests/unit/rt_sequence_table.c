/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_sequence_table.c: which code counts as inside a sequence, while
 * objects come and go.
 * To see it fail: do not sort (sequence.c: add_rows), let tri_sequences_unregister
 * do nothing (SEQ-8) or look at no flag (SEQ-9), never give tables back (SEQ-7), or
 * take `known` on trust (SEQ-3).
 */
#include "tests/support/sequence_stores.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/sequence.h"
#include "tests/support/test.h"

uint32_t sequence_flag;

void
sequence_store_slow(void **slot, void *value)
{
    __atomic_store_n(slot, value, __ATOMIC_RELEASE);
}

void
sequence_store_again(void **slot, void *value)
{
    __atomic_store_n(slot, value, __ATOMIC_RELEASE);
}

#if TRI_SEQUENCES_SERVED

static uintptr_t
around(uintptr_t pc)
{
    const struct tri_sequence_table *table = tri_sequences_hold();
    uintptr_t start = table == NULL ? 0 : tri_sequence_around(table, pc);
    if (table != NULL)
        tri_sequences_drop();
    return start;
}

/* Rows as the linker would leave them, for code that is only addresses. */
static struct tri_sequence rows[5];

static uintptr_t
make_row(int i, uintptr_t place, uint32_t bytes)
{
    uintptr_t start = (uintptr_t)rows + (place << 12);
    rows[i].start = (int32_t)(start - (uintptr_t)&rows[i].start);
    rows[i].bytes = bytes;
    return start;
}

TEST(only_what_is_strictly_inside_goes_back)
{
    size_t before = tri_sequences_count();
    uintptr_t start[4];
    /* Not in the order of addresses, and one of them twice. */
    for (uintptr_t i = 0; i < 4; i++)
        start[i] = make_row((int)i, (uintptr_t[]){ 7, 3, 9, 5 }[i], 20);
    make_row(4, 3, 20);
    tri_sequences_register(rows, rows + 5, start[2]);
    tri_sequences_register(rows, rows + 5, start[2]);
    EXPECT_EQ(tri_sequences_count(), before + 4);
    for (int i = 0; i < 4; i++) {
        EXPECT_EQ(around(start[i] - 1), 0);
        EXPECT_EQ(around(start[i]), 0);
        EXPECT_EQ(around(start[i] + 1), start[i]);
        EXPECT_EQ(around(start[i] + 19), start[i]);
        EXPECT_EQ(around(start[i] + 20), 0);
    }
    tri_sequences_unregister(rows);
    EXPECT_EQ(tri_sequences_count(), before);
    EXPECT_EQ(around(start[0] + 1), 0);
    tri_sequences_unregister(rows);
    EXPECT_EQ(tri_sequences_count(), before);
}

static void
register_nothing(void *known)
{
    tri_sequences_register(NULL, NULL, (uintptr_t)known);
}

static void
register_others(void *known)
{
    make_row(0, 7, 20);
    tri_sequences_register(rows, rows + 1, (uintptr_t)known);
}

TEST(an_object_without_its_table_is_refused)
{
    EXPECT_DEATH(register_nothing, (void *)rows, "dropped the section");
    EXPECT_DEATH(register_others, (void *)rows, "dropped the section");
}

/* The process's address space. */
static long
mapped_pages(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    EXPECT(file != NULL);
    EXPECT_EQ(fscanf(file, "%ld", &pages), 1);
    fclose(file);
    return pages;
}

/* How many addresses of the function's first bytes are inside sequences. */
static int
count_inside(uintptr_t function)
{
    int inside = 0;
    for (uintptr_t pc = function; pc < function + 1024; pc++)
        inside += around(pc) != 0;
    return inside;
}

TEST(a_library_brings_its_sequences_and_takes_them_away)
{
    size_t before = tri_sequences_count();
    long pages = 0;
    for (int i = 0; i < 200; i++) {
        void *library = dlopen(SEQUENCE_LIBRARY, RTLD_NOW | RTLD_LOCAL);
        EXPECT_F(library != NULL, "%s", dlerror());
        uintptr_t stores = (uintptr_t)dlsym(library, "sequence_stores_so");
        EXPECT(stores != 0);
        EXPECT_EQ(tri_sequences_count() > before, TRI_SEQUENCES);
        EXPECT_EQ(count_inside(stores) > 0, TRI_SEQUENCES);
        EXPECT_EQ(dlclose(library), 0);
        EXPECT(dlopen(SEQUENCE_LIBRARY, RTLD_NOW | RTLD_NOLOAD) == NULL);
        EXPECT_EQ(tri_sequences_count(), before);
        EXPECT_EQ(count_inside(stores), 0);
        if (i == 10)
            pages = mapped_pages();
    }
    EXPECT(mapped_pages() < pages + 100);
}

static volatile int over;

static void
read_or_change(int number, void *unused)
{
    (void)unused;
    static struct tri_sequence mine[2];
    while (number == 0 && !__atomic_load_n(&over, __ATOMIC_SEQ_CST))
        EXPECT_EQ(around((uintptr_t)&around), 0);
    for (int i = 0; number == 1 && i < 20000; i++) {
        mine[0].bytes = 8;
        tri_sequences_register(mine, mine + 1, (uintptr_t)mine);
        tri_sequences_unregister(mine);
    }
    __atomic_store_n(&over, 1, __ATOMIC_SEQ_CST);
}

/* Who reads holds a table that is there: a fault otherwise. */
TEST(tables_are_read_while_they_change)
{
    long pages = mapped_pages();
    test_threads(2, read_or_change, NULL);
    EXPECT(mapped_pages() < pages + 20000); /* two threads' heaps, at most */
}

/* After main, behind what exit() calls and before the rows of the program go. */
static size_t at_exit;

__attribute__((destructor(102))) static void
keep_sequences_at_exit(void)
{
    if (at_exit == 0)
        return; /* the child of EXPECT_DEATH */
    tri_sequences_unregister(rows);
    if (tri_sequences_count() != at_exit) {
        fprintf(stderr, "SEQ-9: %zu sequences at exit, %zu before\n",
                tri_sequences_count(), at_exit);
        abort();
    }
}

int
main(int argc, char **argv)
{
    int status = test_main(argc, argv);
    EXPECT_EQ(tri_sequences_init(), 0);
    uintptr_t start = make_row(0, 7, 20);
    tri_sequences_register(rows, rows + 1, start);
    at_exit = tri_sequences_count();
    return status;
}

#else

TEST(no_sequences_here)
{
    test_skip("this library serves none");
}

TEST_MAIN

#endif
