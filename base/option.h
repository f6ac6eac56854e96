/* SPDX-License-Identifier: MIT */
/*
 * base/option.h: every option once (base/options.def), read from three places
 * with one meaning: struct tri_options, the environment, `tricolor run`.
 *
 * After tri_options_parse all values are constant, but for those the API can
 * change (procs, gc percent, memory limit), which their owners keep.
 */
#ifndef TRI_BASE_OPTION_H
#define TRI_BASE_OPTION_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/numa.h"

/* Debug keys, as base/options.def has them: TRI_DEBUG_INT, TRI_DEBUG_WORD. */
struct tri_debug_options {
#define TRI_DEBUG_INT(key, initial, min, max, what) int64_t key;
#define TRI_DEBUG_WORD(key, initial, words, what)   int64_t key;
#include "base/options.def"
#undef TRI_DEBUG_INT
#undef TRI_DEBUG_WORD
};
extern struct tri_debug_options tri_debug;

enum tri_bind {
    TRI_BIND_NONE,
    TRI_BIND_COMPACT,
    TRI_BIND_SCATTER
};

/* TRI_PROCS, TRI_GC, TRI_MEMORY_LIMIT, TRI_STACK, TRI_BIND, TRI_NUMA as asked for;
 * -1/0 = default. */
struct tri_config {
    int procs;            /* 0: from the machine */
    int gc_percent;       /* -1: off */
    int64_t memory_limit; /* INT64_MAX: none */
    size_t stack_bytes;
    enum tri_bind bind;
    enum tri_numa numa;
};
extern struct tri_config tri_config;

struct tri_options;

/*
 * Reads opt (may be NULL), then the environment.  0, or -EINVAL with one
 * sentence (what, where, how to mend it, nearest valid name) in error[bytes].
 * TRI_DEBUG=help: 1, with the list of keys written to standard error.
 */
TRI_NODISCARD int tri_options_parse(const struct tri_options *opt, char *error,
                                    size_t bytes);

/* The i-th debug key as it took effect: its name, and its value as text in
 * value[bytes]; NULL past the last.  For tri_option_get and help. */
const char *tri_debug_get(size_t i, char *value, size_t bytes);

/* "64MiB", "512k", "1073741824" -> bytes; -1: not a size. */
int64_t tri_parse_bytes(const char *text);

/* gcstress=N: N > 0; gcstress=random:SEED: TRI_STRESS_RANDOM set, seed below. */
#define TRI_STRESS_RANDOM (INT64_C(1) << 62)

#endif /* TRI_BASE_OPTION_H */
