/* SPDX-License-Identifier: MIT */
/*
 * base/option.c: from text to tri_config and tri_debug.
 *
 * Every complaint is one sentence that names the place (the field or the
 * variable), the bad text, and either the nearest valid name or what would be
 * valid.  Nothing is taken over from a string that has any fault.
 */
#include "base/option.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <tricolor/tricolor.h>

#include "base/check.h"
#include "base/format.h"

#define PROCS_MAX       1024
#define STACK_BYTES_MIN (INT64_C(16) << 10)
#define STACK_BYTES_MAX (INT64_C(1) << 30)
#define NAME_BYTES      32 /* no key or word is longer */

/* One row of base/options.def. */
struct debug_key {
    const char *name;
    int64_t *value;
    int64_t initial;
    int64_t min;
    int64_t max;
    const char *words; /* "a|b|c", or NULL: a number */
    const char *what;
};

struct tri_debug_options tri_debug = {
#define TRI_DEBUG_INT(key, first, low, high, text) .key = (first),
#define TRI_DEBUG_WORD(key, first, list, text)     .key = (first),
#include "base/options.def"
#undef TRI_DEBUG_INT
#undef TRI_DEBUG_WORD
};

static const struct debug_key debug_keys[] = {
#define TRI_DEBUG_INT(key, first, low, high, text)                             \
    { #key, &tri_debug.key, (first), (low), (high), NULL, (text) },
#define TRI_DEBUG_WORD(key, first, list, text)                                 \
    { #key, &tri_debug.key, (first), 0, 0, (list), (text) },
#include "base/options.def"
#undef TRI_DEBUG_INT
#undef TRI_DEBUG_WORD
};

static const struct tri_config config_defaults = {
    .procs = 0,
    .gc_percent = 100,
    .memory_limit = INT64_MAX,
    .stack_bytes = 64u << 10,
};

struct tri_config tri_config = {
    .procs = 0,
    .gc_percent = 100,
    .memory_limit = INT64_MAX,
    .stack_bytes = 64u << 10,
};

/* A piece of somebody's string. */
struct slice {
    const char *text;
    size_t length;
};

/* Where complaints go. */
struct complaint {
    char *text;
    size_t bytes;
};

static struct slice
slice_of(const char *text)
{
    return (struct slice){ text, strlen(text) };
}

static bool
slice_is(struct slice slice, const char *text)
{
    return strlen(text) == slice.length
        && memcmp(slice.text, text, slice.length) == 0;
}

/* The piece up to `separator` or the end; *rest is what follows it. */
static struct slice
slice_cut(struct slice slice, char separator, struct slice *rest)
{
    size_t n = 0;
    while (n < slice.length && slice.text[n] != separator)
        n++;
    size_t skip = n < slice.length ? n + 1 : n;
    *rest = (struct slice){ slice.text + skip, slice.length - skip };
    return (struct slice){ slice.text, n };
}

static const char *
variable(const char *name)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): at start, from one thread. */
    return getenv(name);
}

/* %.*s wants an int, and a sentence wants no novel. */
static int
shown(struct slice slice)
{
    return slice.length > 60 ? 60 : (int)slice.length;
}

/* Insertions, deletions, changes and swaps of neighbours between two names. */
static unsigned
distance(struct slice a, struct slice b)
{
    unsigned row[3][NAME_BYTES + 1];
    if (a.length > NAME_BYTES || b.length > NAME_BYTES)
        return NAME_BYTES;
    for (unsigned j = 0; j <= b.length; j++)
        row[1][j] = j;
    for (unsigned i = 1; i <= a.length; i++) {
        unsigned *now = row[(i + 1) % 3];
        unsigned *last = row[i % 3];
        unsigned *older = row[(i + 2) % 3];
        now[0] = i;
        for (unsigned j = 1; j <= b.length; j++) {
            bool same = a.text[i - 1] == b.text[j - 1];
            unsigned best = last[j - 1] + !same;
            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a.text[i - 1] == b.text[j - 2]
                && a.text[i - 2] == b.text[j - 1] && older[j - 2] + 1 < best)
                best = older[j - 2] + 1;
            now[j] = best;
        }
    }
    return row[(a.length + 1) % 3][b.length];
}

/* Digits only, the whole slice; false on anything else and on overflow. */
static bool
parse_int(struct slice slice, int64_t *value)
{
    if (slice.length == 0)
        return false;
    int64_t sum = 0;
    for (size_t i = 0; i < slice.length; i++) {
        char c = slice.text[i];
        if (c < '0' || c > '9' || sum > (INT64_MAX - (c - '0')) / 10)
            return false;
        sum = sum * 10 + (c - '0');
    }
    *value = sum;
    return true;
}

/* What follows the digits of a size -> log2 of its unit, or -1. */
static int
unit_log2(struct slice suffix)
{
    static const struct {
        const char *names[2];
        int log2;
    } units[] = {
        { { "", "b" }, 0 },     { { "k", "kib" }, 10 }, { { "m", "mib" }, 20 },
        { { "g", "gib" }, 30 }, { { "t", "tib" }, 40 },
    };
    char lower[4];
    if (suffix.length >= sizeof(lower))
        return -1;
    for (size_t i = 0; i < suffix.length; i++)
        lower[i] = (char)(suffix.text[i] | 0x20);
    struct slice name = { lower, suffix.length };
    for (size_t i = 0; i < TRI_ARRAY_COUNT(units); i++) {
        if (slice_is(name, units[i].names[0])
            || slice_is(name, units[i].names[1]))
            return units[i].log2;
    }
    return -1;
}

int64_t
tri_parse_bytes(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    int64_t count;
    int log2 = unit_log2(slice_of(text + digits));
    if (log2 < 0 || !parse_int((struct slice){ text, digits }, &count)
        || count > INT64_MAX >> log2)
        return -1;
    return count << log2;
}

static int
unknown_key(struct complaint out, const char *where, struct slice name)
{
    const char *nearest = debug_keys[0].name;
    unsigned least = UINT_MAX;
    for (size_t i = 0; i < TRI_ARRAY_COUNT(debug_keys); i++) {
        unsigned d = distance(name, slice_of(debug_keys[i].name));
        if (d < least) {
            least = d;
            nearest = debug_keys[i].name;
        }
    }
    (void)tri_format(out.text, out.bytes,
                     "%s: unknown key \"%.*s\"; the nearest is \"%s\" "
                     "(TRI_DEBUG=help lists all)",
                     where, shown(name), name.text, nearest);
    return -EINVAL;
}

static int
bad_value(struct complaint out, const char *where, const struct debug_key *key,
          struct slice value)
{
    char allowed[160];
    if (key->words != NULL)
        (void)tri_format(allowed, sizeof(allowed), "one of %s", key->words);
    else if (key->max == INT64_MAX)
        (void)tri_format(
            allowed, sizeof(allowed), "a number from %ld up%s", (long)key->min,
            key->value == &tri_debug.gcstress ? ", or random:SEED" : "");
    else
        (void)tri_format(allowed, sizeof(allowed), "a number from %ld to %ld",
                         (long)key->min, (long)key->max);
    (void)tri_format(out.text, out.bytes,
                     "%s: %s=%.*s is not valid; it takes %s", where, key->name,
                     shown(value), value.text, allowed);
    return -EINVAL;
}

/* The value of one key, or false. */
static bool
parse_debug_value(const struct debug_key *key, struct slice value,
                  int64_t *result)
{
    if (key->words != NULL) {
        struct slice rest = slice_of(key->words);
        for (int64_t i = 0; rest.length > 0; i++) {
            struct slice word = slice_cut(rest, '|', &rest);
            if (word.length == value.length
                && memcmp(word.text, value.text, word.length) == 0) {
                *result = i;
                return true;
            }
        }
        return false;
    }
    static const char random[] = "random:";
    size_t length = sizeof(random) - 1;
    if (key->value == &tri_debug.gcstress && value.length > length
        && memcmp(value.text, random, length) == 0) {
        struct slice seed = { value.text + length, value.length - length };
        if (!parse_int(seed, result) || *result >= TRI_STRESS_RANDOM)
            return false;
        *result |= TRI_STRESS_RANDOM;
        return true;
    }
    return parse_int(value, result) && *result >= key->min
        && *result <= key->max
        && (key->value != &tri_debug.gcstress || *result < TRI_STRESS_RANDOM);
}

static const struct debug_key *
find_key(struct slice name)
{
    for (size_t i = 0; i < TRI_ARRAY_COUNT(debug_keys); i++) {
        if (slice_is(name, debug_keys[i].name))
            return &debug_keys[i];
    }
    return NULL;
}

/* "key=value,key=value" into values[], one per row. */
static int
parse_debug(const char *where, const char *text, int64_t *values,
            struct complaint out)
{
    struct slice rest = slice_of(text);
    while (rest.length > 0) {
        struct slice item = slice_cut(rest, ',', &rest);
        struct slice value;
        struct slice name = slice_cut(item, '=', &value);
        if (item.length == 0)
            continue;
        const struct debug_key *key = find_key(name);
        if (key == NULL)
            return unknown_key(out, where, name);
        if (!parse_debug_value(key, value, &values[key - debug_keys]))
            return bad_value(out, where, key, value);
    }
    return 0;
}

static void
print_help(void)
{
    tri_print(
        "TRI_DEBUG=key=value,... with these keys (default in brackets):\n");
    for (size_t i = 0; i < TRI_ARRAY_COUNT(debug_keys); i++) {
        const struct debug_key *key = &debug_keys[i];
        char value[NAME_BYTES];
        (void)tri_debug_get(i, value, sizeof(value));
        tri_print("  %-15s [%s] %s%s%s%s\n", key->name, value, key->what,
                  key->words != NULL ? " (" : "",
                  key->words != NULL ? key->words : "",
                  key->words != NULL ? ")" : "");
    }
}

const char *
tri_debug_get(size_t i, char *value, size_t bytes)
{
    if (i >= TRI_ARRAY_COUNT(debug_keys))
        return NULL;
    const struct debug_key *key = &debug_keys[i];
    int64_t number = *key->value;
    if (key->words != NULL) {
        struct slice rest = slice_of(key->words);
        struct slice word = slice_cut(rest, '|', &rest);
        for (; number > 0; number--)
            word = slice_cut(rest, '|', &rest);
        (void)tri_format(value, bytes, "%.*s", (int)word.length, word.text);
    } else if (key->value == &tri_debug.gcstress
               && (number & TRI_STRESS_RANDOM) != 0) {
        (void)tri_format(value, bytes, "random:%ld",
                         (long)(number & ~TRI_STRESS_RANDOM));
    } else {
        (void)tri_format(value, bytes, "%ld", (long)number);
    }
    return key->name;
}

static int
out_of_range(struct complaint out, const char *where, const char *text,
             const char *allowed)
{
    (void)tri_format(out.text, out.bytes,
                     "%s: \"%.60s\" is not valid; it takes %s", where, text,
                     allowed);
    return -EINVAL;
}

static int
parse_procs(struct tri_config *config, int field, struct complaint out)
{
    static const char allowed[] = "a number of Ps from 1 to 1024";
    _Static_assert(PROCS_MAX == 1024, "the sentence above names it");
    const char *text = variable("TRI_PROCS");
    char shown_field[NAME_BYTES];
    int64_t value;
    if (field != 0) {
        (void)tri_format(shown_field, sizeof(shown_field), "%d", field);
        if (field < 0 || field > PROCS_MAX)
            return out_of_range(out, "tri_options.procs", shown_field, allowed);
        config->procs = field;
    } else if (text != NULL && text[0] != 0) {
        if (!parse_int(slice_of(text), &value) || value < 1
            || value > PROCS_MAX)
            return out_of_range(out, "TRI_PROCS", text, allowed);
        config->procs = (int)value;
    }
    return 0;
}

static int
parse_gc(struct tri_config *config, int field, struct complaint out)
{
    const char *text = variable("TRI_GC");
    char shown_field[NAME_BYTES];
    int64_t value;
    if (field != 0) {
        (void)tri_format(shown_field, sizeof(shown_field), "%d", field);
        if (field < -1)
            return out_of_range(out, "tri_options.gc_percent", shown_field,
                                "a percentage, or -1 for off");
        config->gc_percent = field;
    } else if (text != NULL && text[0] != 0) {
        if (strcmp(text, "off") == 0)
            value = -1;
        else if (!parse_int(slice_of(text), &value) || value > INT_MAX)
            return out_of_range(out, "TRI_GC", text, "a percentage or \"off\"");
        config->gc_percent = (int)value;
    }
    return 0;
}

static int
parse_memory_limit(struct tri_config *config, int64_t field,
                   struct complaint out)
{
    static const char allowed[] =
        "a size above 0 such as 512MiB or 4g, or \"off\"";
    const char *text = variable("TRI_MEMORY_LIMIT");
    char shown_field[NAME_BYTES];
    if (field != 0) {
        (void)tri_format(shown_field, sizeof(shown_field), "%ld", (long)field);
        if (field < 0)
            return out_of_range(out, "tri_options.memory_limit", shown_field,
                                "bytes, above 0");
        config->memory_limit = field;
    } else if (text != NULL && text[0] != 0) {
        int64_t value =
            strcmp(text, "off") == 0 ? INT64_MAX : tri_parse_bytes(text);
        if (value <= 0)
            return out_of_range(out, "TRI_MEMORY_LIMIT", text, allowed);
        config->memory_limit = value;
    }
    return 0;
}

static int
parse_stack(struct tri_config *config, size_t field, struct complaint out)
{
    static const char allowed[] = "a size from 16KiB to 1GiB";
    const char *text = variable("TRI_STACK");
    char shown_field[NAME_BYTES];
    if (field != 0) {
        (void)tri_format(shown_field, sizeof(shown_field), "%zu", field);
        if (field < STACK_BYTES_MIN || field > STACK_BYTES_MAX)
            return out_of_range(out, "tri_options.stack_bytes", shown_field,
                                allowed);
        config->stack_bytes = field;
    } else if (text != NULL && text[0] != 0) {
        int64_t value = tri_parse_bytes(text);
        if (value < STACK_BYTES_MIN || value > STACK_BYTES_MAX)
            return out_of_range(out, "TRI_STACK", text, allowed);
        config->stack_bytes = (size_t)value;
    }
    return 0;
}

/* An option of three words, the first of which is the default: `field`, or the
 * variable.  Which it is, or -EINVAL. */
static int
parse_word(const char *field, const char *field_name, const char *variable_name,
           const char *const words[3], struct complaint out)
{
    char allowed[64];
    const char *text = field != NULL ? field : variable(variable_name);
    if (text == NULL || text[0] == 0)
        return 0;
    for (int i = 0; i < 3; i++)
        if (strcmp(text, words[i]) == 0)
            return i;
    (void)tri_format(allowed, sizeof(allowed), "%s, %s or %s", words[0],
                     words[1], words[2]);
    return out_of_range(out, field != NULL ? field_name : variable_name, text,
                        allowed);
}

static int
parse_bind(struct tri_config *config, const char *field, struct complaint out)
{
    static const char *const words[] = { "none", "compact", "scatter" };
    int word = parse_word(field, "tri_options.bind", "TRI_BIND", words, out);
    if (word < 0)
        return word;
    config->bind = (enum tri_bind)word;
    return 0;
}

static int
parse_numa(struct tri_config *config, const char *field, struct complaint out)
{
    static const char *const words[] = { "default", "local", "interleave" };
    int word = parse_word(field, "tri_options.numa", "TRI_NUMA", words, out);
    if (word < 0)
        return word;
    config->numa = (enum tri_numa)word;
    return 0;
}

int
/* NOLINTNEXTLINE(readability-non-const-parameter): written through `out`. */
tri_options_parse(const struct tri_options *opt, char *error, size_t bytes)
{
    static const struct tri_options none = { 0 };
    struct complaint out = { error, bytes };
    struct tri_config config = config_defaults;
    int64_t debug[TRI_ARRAY_COUNT(debug_keys)];
    if (opt == NULL)
        opt = &none;
    for (size_t i = 0; i < TRI_ARRAY_COUNT(debug_keys); i++)
        debug[i] = debug_keys[i].initial;

    const char *where = opt->debug != NULL ? "tri_options.debug" : "TRI_DEBUG";
    const char *text = opt->debug != NULL ? opt->debug : variable("TRI_DEBUG");
    if (text != NULL && strcmp(text, "help") == 0) {
        print_help();
        return 1;
    }
    int result = text != NULL ? parse_debug(where, text, debug, out) : 0;
    if (result == 0)
        result = parse_procs(&config, opt->procs, out);
    if (result == 0)
        result = parse_gc(&config, opt->gc_percent, out);
    if (result == 0)
        result = parse_memory_limit(&config, opt->memory_limit, out);
    if (result == 0)
        result = parse_stack(&config, opt->stack_bytes, out);
    if (result == 0)
        result = parse_bind(&config, opt->bind, out);
    if (result == 0)
        result = parse_numa(&config, opt->numa, out);
    if (result != 0)
        return result;

    tri_config = config;
    for (size_t i = 0; i < TRI_ARRAY_COUNT(debug_keys); i++)
        *debug_keys[i].value = debug[i];
    return 0;
}
