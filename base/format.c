/* SPDX-License-Identifier: MIT */
/*
 * base/format.c: the formatter of base/format.h.
 *
 * A specification is parsed into a struct, its value is written into a small
 * buffer back to front, and the padding is put around it.  %f is exact: the
 * value's binary fraction is scaled as a 128-bit integer and rounded half to
 * even, as libc does.
 */
#include "base/format.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/syscall.h"

/* Where the output goes; `length` counts what did not fit, too. */
struct sink {
    char *out;
    size_t bytes;
    size_t length;
};

enum size_of_argument {
    SIZE_INT,
    SIZE_CHAR,
    SIZE_SHORT,
    SIZE_LONG,
    SIZE_LONG_LONG,
    SIZE_SIZE,
    SIZE_INTMAX,
    SIZE_PTRDIFF
};

struct spec {
    bool left;
    bool zero;
    int width;
    int precision; /* -1: not given */
    enum size_of_argument size;
    char conversion;
};

__extension__ typedef unsigned __int128 uint128;

/* Digits of the largest double, its fraction, and a sign. */
#define FLOAT_BYTES 336

static void
put(struct sink *sink, char c)
{
    if (sink->length + 1 < sink->bytes)
        sink->out[sink->length] = c;
    sink->length++;
}

/* `text` in its field.  `prefix` characters of it (a sign, "0x") stay in front
 * of zero padding. */
static void
put_field(struct sink *sink, const struct spec *spec, const char *text,
          size_t length, size_t prefix)
{
    size_t width = spec->width > 0 ? (size_t)spec->width : 0;
    size_t padding = width > length ? width - length : 0;
    bool zero = spec->zero && !spec->left;
    if (!spec->left && !zero) {
        for (; padding > 0; padding--)
            put(sink, ' ');
    }
    for (size_t i = 0; i < prefix; i++)
        put(sink, text[i]);
    if (zero) {
        for (; padding > 0; padding--)
            put(sink, '0');
    }
    for (size_t i = prefix; i < length; i++)
        put(sink, text[i]);
    for (; padding > 0; padding--)
        put(sink, ' ');
}

/* Writes `value` to end at `end`; returns its first character. */
static char *
digits_before(char *end, uint64_t value, unsigned base)
{
    do {
        *--end = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    return end;
}

static void
put_integer(struct sink *sink, const struct spec *spec, uint64_t magnitude,
            bool negative)
{
    char buffer[24];
    char *end = buffer + sizeof(buffer);
    unsigned base =
        spec->conversion == 'x' || spec->conversion == 'p' ? 16 : 10;
    char *text = digits_before(end, magnitude, base);
    size_t prefix = 0;
    if (spec->conversion == 'p') {
        *--text = 'x';
        *--text = '0';
        prefix = 2;
    } else if (negative) {
        *--text = '-';
        prefix = 1;
    }
    put_field(sink, spec, text, (size_t)(end - text), prefix);
}

static void
put_string(struct sink *sink, const struct spec *spec, const char *text)
{
    struct spec plain = *spec;
    plain.zero = false;
    if (text == NULL)
        text = "(null)";
    size_t length = 0;
    while ((spec->precision < 0 || length < (size_t)spec->precision)
           && text[length] != 0)
        length++;
    put_field(sink, &plain, text, length, 0);
}

/* Digits of mantissa * 2^exponent (an integer above 2^64), ending at `end`.
 * Long division by ten of a number held in base 2^32. */
static char *
big_digits_before(char *end, uint64_t mantissa, unsigned exponent)
{
    uint32_t limb[34] = { 0 }; /* 1024 bits and a spare */
    unsigned word = exponent / 32;
    uint128 shifted = (uint128)mantissa << (exponent % 32);
    for (unsigned i = 0; i < 3; i++)
        limb[word + i] = (uint32_t)(shifted >> (32 * i));
    unsigned top = word + 3;
    while (top > 0) {
        uint64_t rest = 0;
        for (unsigned i = top; i-- > 0;) {
            rest = rest << 32 | limb[i];
            limb[i] = (uint32_t)(rest / 10);
            rest %= 10;
        }
        *--end = (char)('0' + rest);
        while (top > 0 && limb[top - 1] == 0)
            top--;
    }
    return end;
}

/* The fraction mantissa / 2^shift (below one) in units of 1/scale, rounded half
 * to even; `odd` says whether the digit before it is odd. */
static uint64_t
scaled_fraction(uint64_t mantissa, unsigned shift, uint64_t scale, bool odd)
{
    if (shift > 100)
        return 0; /* far below half a unit */
    uint128 product = (uint128)mantissa * scale;
    uint64_t quotient = (uint64_t)(product >> shift);
    uint128 rest = product - ((uint128)quotient << shift);
    uint128 half = (uint128)1 << (shift - 1);
    bool up = rest > half
           || (rest == half && (scale == 1 ? odd : (quotient & 1) != 0));
    return quotient + up;
}

/* A finite value's digits, ending at `end`. */
static char *
float_before(char *end, uint64_t bits, int precision)
{
    uint64_t mantissa = bits & ((UINT64_C(1) << 52) - 1);
    int exponent = (int)(bits >> 52 & 0x7ff);
    if (exponent != 0)
        mantissa |= UINT64_C(1) << 52;
    else
        exponent = 1;
    exponent -= 1075; /* value = mantissa * 2^exponent */

    uint64_t scale = 1;
    for (int i = 0; i < precision; i++)
        scale *= 10;
    uint64_t whole = 0;
    uint64_t fraction = 0;
    if (exponent < 0) {
        unsigned shift = (unsigned)-exponent;
        whole = shift < 64 ? mantissa >> shift : 0;
        uint64_t below = shift < 64 ? mantissa - (whole << shift) : mantissa;
        fraction = scaled_fraction(below, shift, scale, (whole & 1) != 0);
        if (fraction == scale) {
            whole++;
            fraction = 0;
        }
    }
    if (precision > 0) {
        char *point = end - precision - 1;
        char *start = digits_before(end, fraction, 10);
        while (start > point + 1)
            *--start = '0';
        *point = '.';
        end = point;
    }
    if (exponent >= 0)
        return big_digits_before(end, mantissa, (unsigned)exponent);
    return digits_before(end, whole, 10);
}

static void
put_float(struct sink *sink, const struct spec *spec, double value)
{
    uint64_t bits;
    __builtin_memcpy(&bits, &value, sizeof(bits));
    bool negative = bits >> 63 != 0;
    bits &= ~(UINT64_C(1) << 63);
    int precision = spec->precision;
    if (precision < 0 || precision > 6)
        precision = 6;

    char buffer[FLOAT_BYTES];
    char *end = buffer + sizeof(buffer);
    char *text = end - 3;
    struct spec field = *spec;
    if (bits >= UINT64_C(0x7ff) << 52) {
        const char *word = bits == UINT64_C(0x7ff) << 52 ? "inf" : "nan";
        __builtin_memcpy(text, word, 3);
        field.zero = false;
    } else {
        text = float_before(end, bits, precision);
    }
    if (negative)
        *--text = '-';
    put_field(sink, &field, text, (size_t)(end - text), negative);
}

static const char *
parse_size(const char *at, struct spec *spec)
{
    spec->size = SIZE_INT;
    switch (*at) {
    case 'h':
        at++;
        spec->size = *at == 'h' ? SIZE_CHAR : SIZE_SHORT;
        return *at == 'h' ? at + 1 : at;
    case 'l':
        at++;
        spec->size = *at == 'l' ? SIZE_LONG_LONG : SIZE_LONG;
        return *at == 'l' ? at + 1 : at;
    case 'z':
        spec->size = SIZE_SIZE;
        return at + 1;
    case 'j':
        spec->size = SIZE_INTMAX;
        return at + 1;
    case 't':
        spec->size = SIZE_PTRDIFF;
        return at + 1;
    default:
        return at;
    }
}

static const char *
parse_number(const char *at, int *number)
{
    *number = 0;
    while (*at >= '0' && *at <= '9' && *number < 100000)
        *number = *number * 10 + (*at++ - '0');
    return at;
}

/* A va_list inside a struct may be passed on by address on every machine. */
struct arguments {
    va_list list;
};

/* `at` is behind the '%'; returns what follows the specification. */
static const char *
parse_spec(const char *at, struct spec *spec, struct arguments *arguments)
{
    *spec = (struct spec){ .precision = -1 };
    for (;; at++) {
        if (*at == '-')
            spec->left = true;
        else if (*at == '0')
            spec->zero = true;
        else
            break;
    }
    if (*at == '*') {
        spec->width = va_arg(arguments->list, int);
        at++;
        if (spec->width < 0) {
            spec->left = true;
            spec->width = -spec->width;
        }
    } else {
        at = parse_number(at, &spec->width);
    }
    if (*at == '.') {
        at++;
        if (*at == '*') {
            spec->precision = va_arg(arguments->list, int);
            at++;
        } else {
            at = parse_number(at, &spec->precision);
        }
    }
    at = parse_size(at, spec);
    spec->conversion = *at;
    return *at != 0 ? at + 1 : at;
}

static int64_t
signed_argument(struct arguments *arguments, enum size_of_argument size)
{
    switch (size) {
    case SIZE_CHAR:
        return (signed char)va_arg(arguments->list, int);
    case SIZE_SHORT:
        return (short)va_arg(arguments->list, int);
    case SIZE_INT:
        return va_arg(arguments->list, int);
    default: /* all the others have 64 bits */
        return va_arg(arguments->list, int64_t);
    }
}

static uint64_t
unsigned_argument(struct arguments *arguments, enum size_of_argument size)
{
    switch (size) {
    case SIZE_CHAR:
        return (unsigned char)va_arg(arguments->list, unsigned);
    case SIZE_SHORT:
        return (unsigned short)va_arg(arguments->list, unsigned);
    case SIZE_INT:
        return va_arg(arguments->list, unsigned);
    default:
        return va_arg(arguments->list, uint64_t);
    }
}

_Static_assert(sizeof(long) == 8 && sizeof(ptrdiff_t) == 8
                   && sizeof(intmax_t) == 8,
               "integer arguments have 4 or 8 bytes");

static void
put_argument(struct sink *sink, const struct spec *spec,
             struct arguments *arguments)
{
    switch (spec->conversion) {
    case 'd':
    case 'i': {
        int64_t value = signed_argument(arguments, spec->size);
        uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
        put_integer(sink, spec, magnitude, value < 0);
        break;
    }
    case 'u':
    case 'x':
        put_integer(sink, spec, unsigned_argument(arguments, spec->size),
                    false);
        break;
    case 'p':
        put_integer(sink, spec, (uintptr_t)va_arg(arguments->list, void *),
                    false);
        break;
    case 'c': {
        char c = (char)va_arg(arguments->list, int);
        struct spec plain = *spec;
        plain.zero = false;
        put_field(sink, &plain, &c, 1, 0);
        break;
    }
    case 's':
        put_string(sink, spec, va_arg(arguments->list, const char *));
        break;
    case 'f':
        put_float(sink, spec, va_arg(arguments->list, double));
        break;
    default: /* '%', and what we do not know stands for itself */
        if (spec->conversion != '%')
            put(sink, '%');
        if (spec->conversion != 0)
            put(sink, spec->conversion);
        break;
    }
}

size_t
tri_vformat(char *out, size_t bytes, const char *format, va_list args)
{
    struct sink sink = { .out = out, .bytes = bytes };
    struct arguments arguments;
    va_copy(arguments.list, args);
    while (*format != 0) {
        if (*format != '%') {
            put(&sink, *format++);
            continue;
        }
        struct spec spec;
        format = parse_spec(format + 1, &spec, &arguments);
        put_argument(&sink, &spec, &arguments);
    }
    va_end(arguments.list);
    if (bytes > 0)
        out[sink.length < bytes ? sink.length : bytes - 1] = 0;
    return sink.length;
}

size_t
tri_format(char *out, size_t bytes, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t length = tri_vformat(out, bytes, format, args);
    va_end(args);
    return length;
}

void
tri_print(const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    size_t length = tri_vformat(text, sizeof(text), format, args);
    va_end(args);
    if (length >= sizeof(text))
        length = sizeof(text) - 1;
    /* Nobody to tell when it fails. */
    (void)tri_syscall3(SYS_write, 2, (long)text, (long)length);
}
