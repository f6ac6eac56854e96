/* SPDX-License-Identifier: MIT */
/* tools/trace_directory.h: the directory a recording goes to. */
#ifndef TRICOLOR_TRACE_DIRECTORY_H
#define TRICOLOR_TRACE_DIRECTORY_H

#include <stddef.h>

/*
 * Makes `dir` and those above it, empties it of an older recording (a folder
 * `ust`, and nothing else), and returns its absolute path, to be freed.  NULL
 * with a line in error[n]: above all when it holds anything else.
 */
char *trace_directory_make(const char *dir, char *error, size_t n);

#endif /* TRICOLOR_TRACE_DIRECTORY_H */
