/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/base_option.c: options from the struct and the environment, and
 * the sentence for each mistake.
 * To see it fail: let parse_debug write to tri_debug directly.
 */
#include "base/option.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <tricolor/tricolor.h>

#include "base/check.h"
#include "tests/support/test.h"

static char error[300];

static int
parse_env(const char *name, const char *value)
{
    static const char *const all[] = { "TRI_PROCS",        "TRI_GC",
                                       "TRI_MEMORY_LIMIT", "TRI_STACK",
                                       "TRI_BIND",         "TRI_NUMA",
                                       "TRI_DEBUG" };
    for (size_t i = 0; i < TRI_ARRAY_COUNT(all); i++)
        EXPECT(unsetenv(all[i]) == 0);
    if (name != NULL)
        EXPECT(setenv(name, value, 1) == 0);
    error[0] = 0;
    return tri_options_parse(NULL, error, sizeof(error));
}

TEST(defaults)
{
    EXPECT_EQ(parse_env(NULL, NULL), 0);
    EXPECT_EQ(tri_config.procs, 0);
    EXPECT_EQ(tri_config.gc_percent, 100);
    EXPECT_EQ(tri_config.memory_limit, INT64_MAX);
    EXPECT_EQ(tri_config.stack_bytes, 65536);
    EXPECT_EQ(tri_config.bind, TRI_BIND_NONE);
    EXPECT_EQ(tri_config.numa, TRI_NUMA_DEFAULT);
    EXPECT_EQ(tri_debug.invalidptr, 1);
    EXPECT_EQ(tri_debug.sweep, 0);
}

TEST(each_variable_is_read)
{
    EXPECT_EQ(parse_env("TRI_PROCS", "7"), 0);
    EXPECT_EQ(tri_config.procs, 7);
    EXPECT_EQ(parse_env("TRI_GC", "off"), 0);
    EXPECT_EQ(tri_config.gc_percent, -1);
    EXPECT_EQ(tri_config.procs, 0);
    EXPECT_EQ(parse_env("TRI_GC", "250"), 0);
    EXPECT_EQ(tri_config.gc_percent, 250);
    EXPECT_EQ(parse_env("TRI_MEMORY_LIMIT", "64MiB"), 0);
    EXPECT_EQ(tri_config.memory_limit, 64 << 20);
    EXPECT_EQ(parse_env("TRI_STACK", "256k"), 0);
    EXPECT_EQ(tri_config.stack_bytes, 256 << 10);
    EXPECT_EQ(parse_env("TRI_BIND", "scatter"), 0);
    EXPECT_EQ(tri_config.bind, TRI_BIND_SCATTER);
    EXPECT_EQ(parse_env("TRI_NUMA", "local"), 0);
    EXPECT_EQ(tri_config.numa, TRI_NUMA_LOCAL);
    EXPECT_EQ(parse_env("TRI_NUMA", "interleave"), 0);
    EXPECT_EQ(tri_config.numa, TRI_NUMA_INTERLEAVE);
    EXPECT_EQ(parse_env("TRI_NUMA", "default"), 0);
    EXPECT_EQ(tri_config.numa, TRI_NUMA_DEFAULT);
    EXPECT_EQ(tri_config.bind, TRI_BIND_NONE);
    EXPECT_EQ(parse_env("TRI_DEBUG", "gctrace=1,sweep=stw,,gcstress=12"), 0);
    EXPECT_EQ(tri_debug.gctrace, 1);
    EXPECT_EQ(tri_debug.sweep, 2);
    EXPECT_EQ(tri_debug.gcstress, 12);
    EXPECT_EQ(parse_env("TRI_DEBUG", "gcstress=random:99"), 0);
    EXPECT_EQ(tri_debug.gcstress, TRI_STRESS_RANDOM | 99);
    EXPECT_EQ(tri_debug.gctrace, 0);
    EXPECT_EQ(parse_env("TRI_PROCS", ""), 0);
}

TEST(fields_win_over_the_environment)
{
    EXPECT_EQ(parse_env("TRI_GC", "250"), 0);
    struct tri_options opt = { .procs = 3,
                               .gc_percent = -1,
                               .memory_limit = 12345,
                               .stack_bytes = 32768,
                               .bind = "compact",
                               .numa = "local",
                               .debug = "mark=ring" };
    EXPECT_EQ(setenv("TRI_NUMA", "interleave", 1), 0);
    EXPECT_EQ(tri_options_parse(&opt, error, sizeof(error)), 0);
    EXPECT_EQ(tri_config.procs, 3);
    EXPECT_EQ(tri_config.gc_percent, -1);
    EXPECT_EQ(tri_config.memory_limit, 12345);
    EXPECT_EQ(tri_config.stack_bytes, 32768);
    EXPECT_EQ(tri_config.bind, TRI_BIND_COMPACT);
    EXPECT_EQ(tri_config.numa, TRI_NUMA_LOCAL);
    EXPECT_EQ(tri_debug.mark, 2);
}

static void
complains(const char *name, const char *value, const char *sentence)
{
    EXPECT_EQ(parse_env(NULL, NULL), 0);
    EXPECT_EQ(parse_env(name, value), -EINVAL);
    EXPECT_STR(error, sentence);
    /* Nothing was taken over. */
    EXPECT_EQ(tri_debug.gctrace, 0);
    EXPECT_EQ(tri_config.gc_percent, 100);
}

TEST(mistakes_get_one_sentence_each)
{
    complains("TRI_DEBUG", "gctrace=1,gcstres=1",
              "TRI_DEBUG: unknown key \"gcstres\"; the nearest is \"gcstress\""
              " (TRI_DEBUG=help lists all)");
    complains("TRI_DEBUG", "gctrcae=1",
              "TRI_DEBUG: unknown key \"gctrcae\"; the nearest is \"gctrace\""
              " (TRI_DEBUG=help lists all)");
    complains("TRI_DEBUG", "gctrace=1,sweep=lasy",
              "TRI_DEBUG: sweep=lasy is not valid; it takes one of "
              "lazy|eager|stw");
    complains("TRI_DEBUG", "gctrace=3",
              "TRI_DEBUG: gctrace=3 is not valid; it takes a number from 0 "
              "to 2");
    complains("TRI_DEBUG", "gctrace=1,gcstress=random:x",
              "TRI_DEBUG: gcstress=random:x is not valid; it takes a number "
              "from 0 up, or random:SEED");
    complains("TRI_PROCS", "0",
              "TRI_PROCS: \"0\" is not valid; it takes a number of Ps from 1 "
              "to 1024");
    complains("TRI_GC", "fast",
              "TRI_GC: \"fast\" is not valid; it takes a percentage or "
              "\"off\"");
    complains("TRI_MEMORY_LIMIT", "64MB",
              "TRI_MEMORY_LIMIT: \"64MB\" is not valid; it takes a size above "
              "0 such as 512MiB or 4g, or \"off\"");
    complains("TRI_STACK", "4k",
              "TRI_STACK: \"4k\" is not valid; it takes a size from 16KiB to "
              "1GiB");
    complains("TRI_BIND", "tight",
              "TRI_BIND: \"tight\" is not valid; it takes none, compact or "
              "scatter");
    complains("TRI_NUMA", "1",
              "TRI_NUMA: \"1\" is not valid; it takes default, local or "
              "interleave");
}

TEST(no_input_breaks_the_parser)
{
    static const char alphabet[] = "gctraeswp=,|:0129-%s \xff\n";
    for (int i = 0; i < 50000; i++) {
        char text[100];
        size_t length = test_random_below(sizeof(text));
        for (size_t k = 0; k < length; k++)
            text[k] = alphabet[test_random_below(sizeof(alphabet) - 1)];
        text[length] = 0;
        struct tri_options opt = { .debug = text };
        char small[40];
        int result = tri_options_parse(&opt, small, sizeof(small));
        EXPECT(result == 0 || result == -EINVAL);
        EXPECT(memchr(small, 0, sizeof(small)) != NULL || result == 0);
        (void)tri_parse_bytes(text);
    }
}

TEST(sizes)
{
    EXPECT_EQ(tri_parse_bytes("1073741824"), 1 << 30);
    EXPECT_EQ(tri_parse_bytes("512k"), 512 << 10);
    EXPECT_EQ(tri_parse_bytes("512KiB"), 512 << 10);
    EXPECT_EQ(tri_parse_bytes("3G"), INT64_C(3) << 30);
    EXPECT_EQ(tri_parse_bytes("2TiB"), INT64_C(2) << 40);
    EXPECT_EQ(tri_parse_bytes("17B"), 17);
    EXPECT_EQ(tri_parse_bytes("8388607TiB"), INT64_C(8388607) << 40);
    static const char *const bad[] = { "",           "k",
                                       "-1",         "1kb",
                                       "1 k",        "1.5g",
                                       "8388608TiB", "9223372036854775808",
                                       "1kibi",      "0x10" };
    for (size_t i = 0; i < TRI_ARRAY_COUNT(bad); i++)
        EXPECT_F(tri_parse_bytes(bad[i]) == -1, "\"%s\" was taken", bad[i]);
}

static void
ask_for_help(void *arg)
{
    (void)arg;
    EXPECT_EQ(parse_env("TRI_DEBUG", "help"), 1);
    tri_fatal("end of help");
}

TEST(help_lists_every_key)
{
    char name[64];
    for (size_t i = 0; tri_debug_get(i, name, sizeof(name)) != NULL; i++)
        EXPECT_DEATH(ask_for_help, NULL, tri_debug_get(i, name, sizeof(name)));
    EXPECT_DEATH(ask_for_help, NULL,
                 "[lazy] when spans are swept "
                 "(lazy|eager|stw)");
}

TEST(values_read_back_as_text)
{
    char value[64];
    EXPECT_EQ(parse_env("TRI_DEBUG", "sweep=eager,gcstress=random:5"), 0);
    bool seen = false;
    for (size_t i = 0;; i++) {
        const char *name = tri_debug_get(i, value, sizeof(value));
        if (name == NULL)
            break;
        if (strcmp(name, "sweep") == 0)
            EXPECT_STR(value, "eager");
        if (strcmp(name, "gcstress") == 0) {
            EXPECT_STR(value, "random:5");
            seen = true;
        }
    }
    EXPECT(seen);
}

TEST_MAIN
