/* SPDX-License-Identifier: MIT */
/*
 * tools/json_text.h: text of any bytes as a JSON string.
 *
 * File names are bytes, JSON is UTF-8: what is not well-formed, and control
 * characters, become \xNN, and a backslash becomes two, so that the bytes can
 * be had back.
 */
#ifndef TRICOLOR_TOOLS_JSON_TEXT_H
#define TRICOLOR_TOOLS_JSON_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

json_t *json_text(const char *bytes, size_t length);

/* Writes the file anew: whole or not at all.  0 or -errno. */
int json_write_file(const json_t *json, const char *path);

/* NULL: unreadable or not JSON, and one sentence was written to error[n]. */
json_t *json_read_file(const char *path, char *error, size_t n);

#endif /* TRICOLOR_TOOLS_JSON_TEXT_H */
