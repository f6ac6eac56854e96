/* SPDX-License-Identifier: MIT */
/*
 * tricolor/impl/type.h: TRI_TYPE, a type described by its pointer fields.
 *
 *     struct node { struct node *left, *right; long key; };
 *     TRI_TYPE(node_type, struct node, left, right);
 *     struct node *n = tri_new(&node_type);
 *
 * A field may be a pointer or an array of pointers, also inside a nested struct
 * ("head.next").  Up to 32 fields; no field: a type without pointers.
 * The type is static: one per translation unit that names it.
 */
#ifndef TRICOLOR_IMPL_TYPE_H
#define TRICOLOR_IMPL_TYPE_H

#ifndef TRICOLOR_TRICOLOR_H
#    error "include <tricolor/tricolor.h>"
#endif

#if defined(__cplusplus)
#    define TRI_STATIC_ASSERT static_assert
#else
#    define TRI_STATIC_ASSERT _Static_assert
#endif

/* One field as a run of words, checked: aligned, and whole words. */
#define TRI_FIELD_(T, field)                                                   \
    {                                                                          \
        (uint32_t) offsetof(T, field),                                         \
            (uint32_t)(sizeof(((T *)0)->field) / sizeof(void *)                \
                       / ((offsetof(T, field) % sizeof(void *)) == 0))         \
    }

#define TRI_FIELDS_0(T)                                                        \
    {                                                                          \
        0, 0                                                                   \
    }
#define TRI_FIELDS_1(T, f)       TRI_FIELD_(T, f)
#define TRI_FIELDS_2(T, f, ...)  TRI_FIELD_(T, f), TRI_FIELDS_1(T, __VA_ARGS__)
#define TRI_FIELDS_3(T, f, ...)  TRI_FIELD_(T, f), TRI_FIELDS_2(T, __VA_ARGS__)
#define TRI_FIELDS_4(T, f, ...)  TRI_FIELD_(T, f), TRI_FIELDS_3(T, __VA_ARGS__)
#define TRI_FIELDS_5(T, f, ...)  TRI_FIELD_(T, f), TRI_FIELDS_4(T, __VA_ARGS__)
#define TRI_FIELDS_6(T, f, ...)  TRI_FIELD_(T, f), TRI_FIELDS_5(T, __VA_ARGS__)
#define TRI_FIELDS_7(T, f, ...)  TRI_FIELD_(T, f), TRI_FIELDS_6(T, __VA_ARGS__)
#define TRI_FIELDS_8(T, f, ...)  TRI_FIELD_(T, f), TRI_FIELDS_7(T, __VA_ARGS__)
#define TRI_FIELDS_9(T, f, ...)  TRI_FIELD_(T, f), TRI_FIELDS_8(T, __VA_ARGS__)
#define TRI_FIELDS_10(T, f, ...) TRI_FIELD_(T, f), TRI_FIELDS_9(T, __VA_ARGS__)
#define TRI_FIELDS_11(T, f, ...) TRI_FIELD_(T, f), TRI_FIELDS_10(T, __VA_ARGS__)
#define TRI_FIELDS_12(T, f, ...) TRI_FIELD_(T, f), TRI_FIELDS_11(T, __VA_ARGS__)
#define TRI_FIELDS_13(T, f, ...) TRI_FIELD_(T, f), TRI_FIELDS_12(T, __VA_ARGS__)
#define TRI_FIELDS_14(T, f, ...) TRI_FIELD_(T, f), TRI_FIELDS_13(T, __VA_ARGS__)
#define TRI_FIELDS_15(T, f, ...) TRI_FIELD_(T, f), TRI_FIELDS_14(T, __VA_ARGS__)
#define TRI_FIELDS_16(T, f, ...) TRI_FIELD_(T, f), TRI_FIELDS_15(T, __VA_ARGS__)
#define TRI_FIELDS_17(T, f, ...) TRI_FIELD_(T, f), TRI_FIELDS_16(T, __VA_ARGS__)
#define TRI_FIELDS_18(T, f, ...) TRI_FIELD_(T, f), TRI_FIELDS_17(T, __VA_ARGS__)
#define TRI_FIELDS_19(T, f, ...) TRI_FIELD_(T, f), TRI_FIELDS_18(T, __VA_ARGS__)
#define TRI_FIELDS_20(T, f, ...) TRI_FIELD_(T, f), TRI_FIELDS_19(T, __VA_ARGS__)
#define TRI_FIELDS_21(T, f, ...) TRI_FIELD_(T, f), TRI_FIELDS_20(T, __VA_ARGS__)
#define TRI_FIELDS_22(T, f, ...) TRI_FIELD_(T, f), TRI_FIELDS_21(T, __VA_ARGS__)
#define TRI_FIELDS_23(T, f, ...) TRI_FIELD_(T, f), TRI_FIELDS_22(T, __VA_ARGS__)
#define TRI_FIELDS_24(T, f, ...) TRI_FIELD_(T, f), TRI_FIELDS_23(T, __VA_ARGS__)
#define TRI_FIELDS_25(T, f, ...) TRI_FIELD_(T, f), TRI_FIELDS_24(T, __VA_ARGS__)
#define TRI_FIELDS_26(T, f, ...) TRI_FIELD_(T, f), TRI_FIELDS_25(T, __VA_ARGS__)
#define TRI_FIELDS_27(T, f, ...) TRI_FIELD_(T, f), TRI_FIELDS_26(T, __VA_ARGS__)
#define TRI_FIELDS_28(T, f, ...) TRI_FIELD_(T, f), TRI_FIELDS_27(T, __VA_ARGS__)
#define TRI_FIELDS_29(T, f, ...) TRI_FIELD_(T, f), TRI_FIELDS_28(T, __VA_ARGS__)
#define TRI_FIELDS_30(T, f, ...) TRI_FIELD_(T, f), TRI_FIELDS_29(T, __VA_ARGS__)
#define TRI_FIELDS_31(T, f, ...) TRI_FIELD_(T, f), TRI_FIELDS_30(T, __VA_ARGS__)
#define TRI_FIELDS_32(T, f, ...) TRI_FIELD_(T, f), TRI_FIELDS_31(T, __VA_ARGS__)

/* How many fields follow the type: TRI_COUNT_(T, a, b) is 2. */
#define TRI_PICK_(t, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13,   \
                  a14, a15, a16, a17, a18, a19, a20, a21, a22, a23, a24, a25,  \
                  a26, a27, a28, a29, a30, a31, a32, n, ...)                   \
    n
#define TRI_COUNT_(...)                                                        \
    TRI_PICK_(__VA_ARGS__, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, \
              19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2,  \
              1, 0, unused)
#define TRI_CAT_(a, b)  a##b
#define TRI_CAT2_(a, b) TRI_CAT_(a, b)

/* TRI_TYPE(name, T, pointer fields...): defines `name`, a struct tri_type. */
#define TRI_TYPE(name, ...)                                                    \
    TRI_TYPE_(name, TRI_COUNT_(__VA_ARGS__), TRI_FIRST_(__VA_ARGS__, 0),       \
              TRI_CAT2_(TRI_FIELDS_, TRI_COUNT_(__VA_ARGS__))(__VA_ARGS__))
#define TRI_FIRST_(T, ...) T
#define TRI_TYPE_(name_, count, T, ...)                                        \
    static struct tri_type_state name_##_state;                                \
    static const struct tri_field name_##_fields[(count) + 1] = {              \
        __VA_ARGS__                                                            \
    };                                                                         \
    static const struct tri_type name_ = { #name_, sizeof(T), name_##_fields,  \
                                           count, &name_##_state }

#endif /* TRICOLOR_IMPL_TYPE_H */
