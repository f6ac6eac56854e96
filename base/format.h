/* SPDX-License-Identifier: MIT */
/*
 * base/format.h: printf for places that may not use stdio: stopped worlds,
 * signal handlers, dying processes.  No allocation, no locale, no errno.
 *
 * Understands %d %i %u %x %c %s %p %%, the sizes l ll z j t h hh, flags 0 and -,
 * width, and precision for %s (".*" too); and %f with precision up to 6.
 */
#ifndef TRI_BASE_FORMAT_H
#define TRI_BASE_FORMAT_H

#include <stdarg.h>

#include "base/compiler.h"

/* As snprintf: always ends in a zero byte (bytes > 0), returns the full
 * length, which may be more than was written. */
size_t tri_format(char *out, size_t bytes, const char *format, ...)
    TRI_PRINTF(3, 4);
size_t tri_vformat(char *out, size_t bytes, const char *format, va_list args)
    TRI_PRINTF(3, 0);

/* Formats up to 1023 bytes and writes them to fd 2 with one write(2). */
void tri_print(const char *format, ...) TRI_PRINTF(1, 2);

#endif /* TRI_BASE_FORMAT_H */
