/* SPDX-License-Identifier: MIT */
/* tools/trace_files.h: are the files of a trace all there, and whole? */
#ifndef TRICOLOR_TRACE_FILES_H
#define TRICOLOR_TRACE_FILES_H

#include <stdbool.h>
#include <stddef.h>

/*
 * `directory` holds the file metadata.  False, with one line in error[n], where
 * a stream file is missing, is not of the size its index says, or was left out
 * of a channel.
 */
bool trace_files_whole(const char *directory, char *error, size_t n);

#endif /* TRICOLOR_TRACE_FILES_H */
