/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/base_symbol.c: names of functions, also of files that change meanwhile.
 * To see it fail: read from a mapping of the file in base/symbol.c (SYM-1: SIGBUS in
 * the last test; so it was), or let search() skip a symbol of each block.
 */
#include "base/symbol.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/mapping.h"
#include "tests/support/test.h"

static __attribute__((noinline)) int
a_static_function_of_ours(int n)
{
    return n + 1;
}

TEST(a_function_is_named)
{
    struct tri_symbol symbol;
    uintptr_t at = (uintptr_t)a_static_function_of_ours;
    EXPECT(a_static_function_of_ours(1) == 2);
    EXPECT(tri_symbol_find(at, &symbol));
    EXPECT_STR(symbol.name, "a_static_function_of_ours");
    EXPECT_EQ(symbol.offset, 0);
    EXPECT(tri_symbol_find(at + 1, &symbol));
    EXPECT_STR(symbol.name, "a_static_function_of_ours");
    EXPECT_EQ(symbol.offset, 1);
    EXPECT(!tri_symbol_find(8, &symbol));
}

/* ---- a file that changes ------------------------------------------------------- */

static char copy_path[] = "/tmp/base_symbol.XXXXXX";
static char *own; /* this program's file */
static size_t own_bytes;
static TRI_ATOMIC(uint32_t) over;

static void
read_own_file(void)
{
    struct stat status;
    int fd = open("/proc/self/exe", O_RDONLY);
    EXPECT(fd >= 0);
    EXPECT_EQ(fstat(fd, &status), 0);
    own_bytes = (size_t)status.st_size;
    own = malloc(own_bytes);
    EXPECT(own != NULL);
    for (size_t done = 0; done < own_bytes;) {
        ssize_t got = read(fd, own + done, own_bytes - done);
        EXPECT(got > 0);
        done += (size_t)got;
    }
    close(fd);
}

static void
write_copy(int fd, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t put = pwrite(fd, own + done, bytes - done, (off_t)done);
        EXPECT(put > 0);
        done += (size_t)put;
    }
}

static void *
cut_and_mend(void *file)
{
    for (uint64_t i = 0; tri_load(&over) == 0; i++) {
        EXPECT_EQ(ftruncate(*(int *)file, (off_t)test_random_below(own_bytes)),
                  0);
        write_copy(*(int *)file, own_bytes);
    }
    return NULL;
}

TEST(a_file_that_is_cut_short_meanwhile_names_nothing_or_the_right_function)
{
    struct tri_symbol symbol;
    struct tri_mapping mapping;
    pthread_t thread;
    uintptr_t at = (uintptr_t)a_static_function_of_ours;
    read_own_file();
    int fd = mkstemp(copy_path);
    EXPECT(fd >= 0);
    write_copy(fd, own_bytes);
    char *start = mmap(NULL, own_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    EXPECT(start != MAP_FAILED);
    EXPECT(tri_mapping_find(at, &mapping));
    uintptr_t copied = (uintptr_t)start + mapping.offset + (at - mapping.start);
    EXPECT_EQ(pthread_create(&thread, NULL, cut_and_mend, &fd), 0);
    int named = 0;
    int64_t end = test_now_ns() + (int64_t)(test_seconds(1) * 1e9);
    do {
        EXPECT(tri_symbol_find(copied, &symbol));
        bool right = strcmp(symbol.name, "a_static_function_of_ours") == 0;
        EXPECT_F(right || symbol.name[0] == 0, "named %s", symbol.name);
        named += right;
    } while (test_now_ns() < end);
    tri_store(&over, 1);
    pthread_join(thread, NULL);
    printf("# named %d times\n", named);
    munmap(start, own_bytes);
    close(fd);
    unlink(copy_path);
    free(own);
}

TEST_MAIN
