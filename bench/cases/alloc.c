/* SPDX-License-Identifier: MIT */
/*
 * bench/cases/alloc.c: what an allocation costs, dropped at once.
 *
 * Sizes are constants in the source, as they are in programs, so small ones
 * take the inline path.  128 MiB of pointer-free heap lie beside, so that at
 * GC 100 a collection comes every 128 MiB: the figure is the path itself, its
 * refills, and the sweeping that pays for them; marking is nearly free.
 */
#include <stdlib.h>

#include "bench/bench.h"

#define LIVE_BYTES ((size_t)128 << 20)

/* ---- without pointers ---------------------------------------------------- */

#define NOSCAN_CASE(size)                                                      \
    TRI_BENCH(noscan_##size, .name = "alloc/noscan/" #size,                    \
              .live_bytes = LIVE_BYTES)                                        \
    {                                                                          \
        TRI_BENCH_LOOP(state)                                                  \
        tri_keepalive(tri_alloc_noscan(size));                                 \
        tri_bench_bytes(state, size);                                          \
    }

NOSCAN_CASE(8) /* the tiny allocator: two to a slot */
NOSCAN_CASE(16)
NOSCAN_CASE(32)
NOSCAN_CASE(64)
NOSCAN_CASE(256)
NOSCAN_CASE(1024)
NOSCAN_CASE(32768)   /* the largest size with a class */
NOSCAN_CASE(1048576) /* spans of its own */

/* ---- with pointers --------------------------------------------------------- */

struct words_2 {
    struct words_2 *link;
    uint64_t data;
};
struct words_8 {
    struct words_8 *link[2];
    uint64_t data[6];
};
struct words_32 {
    struct words_32 *link[4];
    uint64_t data[28];
};
struct words_128 {
    struct words_128 *link[4];
    uint64_t data[124];
};
TRI_TYPE(words_2_type, struct words_2, link);
TRI_TYPE(words_8_type, struct words_8, link);
TRI_TYPE(words_32_type, struct words_32, link);
TRI_TYPE(words_128_type, struct words_128, link);

#define TYPED_CASE(words, size)                                                \
    TRI_STATIC_ASSERT(sizeof(struct words_##words) == (size), "as named");     \
    TRI_BENCH(typed_##size, .name = "alloc/typed/" #size,                      \
              .live_bytes = LIVE_BYTES)                                        \
    {                                                                          \
        TRI_BENCH_LOOP(state)                                                  \
        tri_keepalive(tri_new(&words_##words##_type));                         \
        tri_bench_bytes(state, size);                                          \
    }

TYPED_CASE(2, 16)
TYPED_CASE(8, 64)
TYPED_CASE(32, 256)
TYPED_CASE(128, 1024)

/* ---- other ways in ---------------------------------------------------------- */

/* A count that the compiler does not know: the out-of-line path. */
TRI_BENCH(array_64, .name = "alloc/array/4x16", .live_bytes = LIVE_BYTES)
{
    size_t count = 4;
    __asm__ volatile("" : "+r"(count));
    TRI_BENCH_LOOP(state)
    tri_keepalive(tri_new_array(&words_2_type, count));
    tri_bench_bytes(state, 64);
}

TRI_BENCH(conservative_64, .name = "alloc/conservative/64",
          .live_bytes = LIVE_BYTES)
{
    TRI_BENCH_LOOP(state)
    tri_keepalive(tri_alloc_conservative(64));
    tri_bench_bytes(state, 64);
}

/* ---- two at once -------------------------------------------------------------- */

static void
allocate_16(void *unused, int64_t passes)
{
    (void)unused;
    for (; passes > 0; passes--)
        tri_keepalive(tri_new(&words_2_type));
}

static void
allocate_64(void *unused, int64_t passes)
{
    (void)unused;
    for (; passes > 0; passes--)
        tri_keepalive(tri_new(&words_8_type));
}

TRI_BENCH(two_16, .name = "alloc/typed/16/goroutines:2", .goroutines = 2,
          .live_bytes = LIVE_BYTES)
{
    tri_bench_parallel(state, allocate_16, NULL);
    tri_bench_bytes(state, 16);
}

TRI_BENCH(two_64, .name = "alloc/typed/64/goroutines:2", .goroutines = 2,
          .live_bytes = LIVE_BYTES)
{
    tri_bench_parallel(state, allocate_64, NULL);
    tri_bench_bytes(state, 64);
}

/* ---- for scale ------------------------------------------------------------------ */

/* malloc and free of the C library: no collector, no zeroing. */
TRI_BENCH(malloc_64, .name = "alloc/malloc_free/64")
{
    TRI_BENCH_LOOP(state)
    {
        void *memory = malloc(64);
        tri_keepalive(memory);
        free(memory);
    }
    tri_bench_bytes(state, 64);
}
