/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/release_memory.c: memory the program no longer needs goes back
 * to the system by itself, while it sleeps.
 * To see it fail: run with TRI_DEBUG=scavenge=0.
 */
#include <stdio.h>
#include <stdlib.h>

#include <tricolor/tricolor.h>

#include "tests/support/test.h"

#define BYTES ((size_t)192 << 20)

static void *volatile block;

static size_t
resident_bytes(void)
{
    char line[256] = "";
    FILE *file = fopen("/proc/self/statm", "r");
    EXPECT(file != NULL);
    EXPECT(fgets(line, sizeof(line), file) != NULL);
    (void)fclose(file);
    char *rest = line;
    (void)strtoul(rest, &rest, 10);
    return strtoul(rest, NULL, 10) * 4096;
}

static __attribute__((noinline)) void
hold(void)
{
    block = tri_alloc_noscan(BYTES);
    memset(block, 1, BYTES);
}

TEST(memory_no_longer_needed_goes_back_while_the_program_sleeps)
{
    hold();
    tri_gc();
    size_t before = resident_bytes();
    EXPECT(before >= BYTES);
    block = NULL;
    tri_gc();
    tri_gc(); /* the goal has come down */
    double released = 0;
    int64_t end_ns = test_now_ns() + INT64_C(30000000000);
    while (test_now_ns() < end_ns && resident_bytes() > before - BYTES / 2)
        tri_sleep(10000000);
    EXPECT_F(resident_bytes() <= before - BYTES / 2, "%zu MiB are resident",
             resident_bytes() >> 20);
    EXPECT_EQ(tri_metric_read("/memory/classes/heap/released:bytes", &released),
              0);
    EXPECT(released >= BYTES / 2);
    /* And is there again when wanted. */
    hold();
    for (size_t i = 0; i < BYTES; i += 4096)
        EXPECT(((char *)block)[i] == 1);
}

int
main(int argc, char **argv)
{
    test_begin(argc, argv);
    return tri_main(test_run_all, NULL, NULL);
}
