/* SPDX-License-Identifier: MIT */
/*
 * gc/type.c: registering types.
 *
 * The first tri_new of a type turns its field list into a bitmap and picks how
 * its objects are laid out: noscan kinds for types without pointers, a span
 * kind of its own layout while there are any left and the type is small, an
 * 8-byte header otherwise.  A type whose one element has a layout (or noscan)
 * kind gets its kind into its state word, and from then on is served inline.
 */
#include "gc/type.h"

#include <errno.h>

#include "base/check.h"
#include "base/lock.h"
#include "base/persist.h"

#define LAYOUT_BYTES_MAX 512u /* 64 words: one mask word */

const struct tri_type_info tri_type_conservative = {
    .name = "conservative",
    .bytes = 8,
    .words = 1,
    .pointer_words = 1,
    .conservative = 1,
};

static struct tri_lock types_lock = TRI_LOCK_INIT(TYPES);

static const char *
copy_name(const char *name)
{
    size_t bytes = strlen(name) + 1;
    char *copy = tri_persist_alloc(bytes, 1);
    return copy == NULL ? "?" : memcpy(copy, name, bytes);
}

/* Panics unless every run of pointer words lies inside the type. */
static void
validate(const struct tri_type *type)
{
    for (size_t i = 0; i < type->field_count; i++) {
        const struct tri_field *field = &type->fields[i];
        size_t end = field->offset + (size_t)field->words * sizeof(void *);
        if (field->offset % sizeof(void *) != 0 || end > type->bytes)
            tri_panic("tri_new: type %s: pointer field %zu at byte %u (%u "
                      "words) is not aligned or lies outside its %zu bytes; "
                      "name only aligned pointer fields in TRI_TYPE",
                      type->name, i, field->offset, field->words, type->bytes);
    }
}

static size_t
last_pointer_word(const struct tri_type *type)
{
    size_t end = 0;
    for (size_t i = 0; i < type->field_count; i++) {
        size_t word = type->fields[i].offset / 8 + type->fields[i].words;
        end = word > end ? word : end;
    }
    return end;
}

static bool
fill_mask(struct tri_type_info *info, const struct tri_type *type)
{
    uint64_t *mask = tri_persist_alloc((info->pointer_words + 63) / 64 * 8, 8);
    if (mask == NULL)
        return false;
    for (size_t i = 0; i < type->field_count; i++) {
        size_t first = type->fields[i].offset / 8;
        for (size_t w = first; w < first + type->fields[i].words; w++)
            mask[w / 64] |= UINT64_C(1) << (w % 64);
    }
    info->mask = mask;
    return true;
}

static uint32_t
pick_layout_kind(const struct tri_type_info *info)
{
    if (info->pointer_words == 0 || info->bytes > LAYOUT_BYTES_MAX)
        return 0;
    return tri_kind_for_layout(tri_size_class_of(info->bytes), info->mask[0]);
}

/* Types of 1 to TRI_TINY_BYTES - 1 pointer-free bytes stay out of line: the
 * tiny allocator packs them. */
static uint32_t
inline_kind(const struct tri_type *type, const struct tri_type_info *info)
{
    if (info->layout_kind != 0)
        return info->layout_kind;
    if (info->pointer_words == 0 && type->bytes >= TRI_TINY_BYTES
        && type->bytes <= TRI_INLINE_BYTES_MAX)
        return tri_kind_noscan(tri_size_class_of(type->bytes));
    return 0;
}

static struct tri_type_info *
make_info(const struct tri_type *type)
{
    struct tri_type_info *info =
        tri_persist_alloc(sizeof(*info), _Alignof(struct tri_type_info));
    if (info == NULL)
        return NULL;
    info->name = copy_name(type->name);
    info->words = type->bytes == 0 ? 1 : (type->bytes + 7) / 8;
    info->bytes = info->words * 8;
    info->pointer_words = last_pointer_word(type);
    if (info->pointer_words != 0 && !fill_mask(info, type))
        return NULL;
    return info;
}

static TRI_COLD const struct tri_type_info *
register_type(const struct tri_type *type)
{
    validate(type);
    struct tri_type_info *info = make_info(type);
    if (info == NULL)
        tri_panic("tri_new: out of memory while registering type %s",
                  type->name);
    info->layout_kind = pick_layout_kind(info);

    tri_lock(&types_lock);
    struct tri_type_state *state = type->state;
    const struct tri_type_info *winner = state->info;
    if (winner == NULL) {
        winner = info;
        /* Releases pair with the acquires in tri_type_info_of and tri_new. */
        tri_store_release(
            tri_atomic_cast(const struct tri_type_info *, &state->info), info);
        tri_store_release(tri_atomic_cast(uint32_t, &state->kind),
                          inline_kind(type, info));
    }
    tri_unlock(&types_lock);
    return winner;
}

const struct tri_type_info *
tri_type_info_of(const struct tri_type *type)
{
    /* Acquire pairs with the release in register_type. */
    const struct tri_type_info *info = tri_load_acquire(
        tri_atomic_cast(const struct tri_type_info *, &type->state->info));
    return TRI_LIKELY(info != NULL) ? info : register_type(type);
}

/* ---- types made at run time ---------------------------------------------- */

static size_t
count_runs(size_t words, const uint64_t *bits)
{
    size_t runs = 0;
    bool before = false;
    for (size_t w = 0; w < words; w++) {
        bool now = (bits[w / 64] >> (w % 64) & 1) != 0;
        runs += now && !before;
        before = now;
    }
    return runs;
}

static void
write_runs(struct tri_field *fields, size_t words, const uint64_t *bits)
{
    size_t n = 0;
    bool before = false;
    for (size_t w = 0; w < words; w++) {
        bool now = (bits[w / 64] >> (w % 64) & 1) != 0;
        if (now && !before)
            fields[n++] = (struct tri_field){ (uint32_t)(w * 8), 0 };
        if (now)
            fields[n - 1].words++;
        before = now;
    }
}

const struct tri_type *
tri_type_make(const char *name, size_t bytes, const uint64_t *pointer_words)
{
    size_t words = bytes / 8; /* a partial last word cannot be a pointer */
    size_t runs = pointer_words == NULL ? 0 : count_runs(words, pointer_words);
    struct {
        struct tri_type type;
        struct tri_type_state state;
        struct tri_field fields[];
    } *made = bytes > UINT32_MAX
                ? NULL
                : tri_persist_alloc(
                    sizeof(*made) + runs * sizeof(struct tri_field), 8);
    if (made == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    if (runs != 0)
        write_runs(made->fields, words, pointer_words);
    made->type.name = name == NULL ? "?" : copy_name(name);
    made->type.bytes = bytes;
    made->type.fields = made->fields;
    made->type.field_count = runs;
    made->type.state = &made->state;
    return &made->type;
}
