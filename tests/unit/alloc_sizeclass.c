/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/alloc_sizeclass.c: the size classes are Go's, and the look-ups
 * find the smallest that holds.
 * To see it fail: change a number in alloc/sizeclass_table.h, or a step in
 * tools/gen-sizeclasses (then the test alloc_sizeclass_generator fails too).
 */
#include "alloc/sizeclass.h"

#include "alloc/kind.h"
#include "tests/support/test.h"

/* Go 1.24 to 1.27, written out. */
static const uint32_t go_classes[][2] = {
    { 8, 1 },     { 16, 1 },    { 24, 1 },    { 32, 1 },    { 48, 1 },
    { 64, 1 },    { 80, 1 },    { 96, 1 },    { 112, 1 },   { 128, 1 },
    { 144, 1 },   { 160, 1 },   { 176, 1 },   { 192, 1 },   { 208, 1 },
    { 224, 1 },   { 240, 1 },   { 256, 1 },   { 288, 1 },   { 320, 1 },
    { 352, 1 },   { 384, 1 },   { 416, 1 },   { 448, 1 },   { 480, 1 },
    { 512, 1 },   { 576, 1 },   { 640, 1 },   { 704, 1 },   { 768, 1 },
    { 896, 1 },   { 1024, 1 },  { 1152, 1 },  { 1280, 1 },  { 1408, 2 },
    { 1536, 1 },  { 1792, 2 },  { 2048, 1 },  { 2304, 2 },  { 2688, 1 },
    { 3072, 3 },  { 3200, 2 },  { 3456, 3 },  { 4096, 1 },  { 4864, 3 },
    { 5376, 2 },  { 6144, 3 },  { 6528, 4 },  { 6784, 5 },  { 6912, 6 },
    { 8192, 1 },  { 9472, 7 },  { 9728, 6 },  { 10240, 5 }, { 10880, 4 },
    { 12288, 3 }, { 13568, 5 }, { 14336, 7 }, { 16384, 2 }, { 18432, 9 },
    { 19072, 7 }, { 20480, 5 }, { 21760, 8 }, { 24576, 3 }, { 27264, 10 },
    { 28672, 7 }, { 32768, 4 },
};

#define GO_CLASSES (sizeof(go_classes) / sizeof(go_classes[0]))

TEST(the_classes_are_those_of_go)
{
    EXPECT_EQ(GO_CLASSES, TRI_CLASS_COUNT - 1);
    EXPECT_EQ(tri_size_classes[0].bytes, 0);
    for (uint32_t i = 0; i < GO_CLASSES; i++) {
        EXPECT_EQ(tri_size_classes[i + 1].bytes, go_classes[i][0]);
        EXPECT_EQ(tri_size_classes[i + 1].pages, go_classes[i][1]);
    }
}

TEST(every_size_gets_the_smallest_class_that_holds_it)
{
    uint32_t want = 1;
    for (size_t bytes = 1; bytes <= TRI_SMALL_BYTES_MAX; bytes++) {
        while (go_classes[want - 1][0] < bytes)
            want++;
        EXPECT_EQ(tri_size_class_of(bytes), want);
    }
}

TEST(inline_code_finds_the_noscan_kind_of_every_size)
{
    for (size_t bytes = 1; bytes <= TRI_INLINE_BYTES_MAX; bytes++)
        EXPECT_EQ(tri_noscan_kind_by_words[(bytes + 7) / 8],
                  tri_kind_noscan(tri_size_class_of(bytes)));
}

static void
look_up(void *arg)
{
    (void)tri_size_class_of(*(size_t *)arg);
}

TEST(a_size_without_a_class_dies_in_checked_builds)
{
    if (!TRI_CHECKED) {
        test_skip("not a checked build");
        return;
    }
    size_t none = 0;
    size_t large = TRI_SMALL_BYTES_MAX + 1;
    EXPECT_DEATH(look_up, &none, "size class of 0 bytes");
    EXPECT_DEATH(look_up, &large, "size class of 32769 bytes");
}

TEST_MAIN
