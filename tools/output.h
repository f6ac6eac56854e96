/* SPDX-License-Identifier: MIT */
/*
 * tools/output.h: what a command writes is written, or it says that it is not.
 *
 *   OUT-1  A result that did not get to standard output is status 3 and one line,
 *          whichever command printed it: otherwise a full disk passes for a short
 *          result.
 *   OUT-2  A file is whole or not there: it is written as a draft beside its
 *          place, which then takes its name; otherwise half of one passes for a
 *          result.
 */
#ifndef TRICOLOR_TOOLS_OUTPUT_H
#define TRICOLOR_TOOLS_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

/* To be called first in main: a standard stream that is closed stays unusable,
 * instead of being the next file that is opened. */
void output_begin(void);
/* To be called last, with the command's status: that, or after a complaint
 * COMMAND_ENVIRONMENT if it was COMMAND_DONE. */
int output_end(int status);

/* "cannot write PATH: ..." and how to mend it; COMMAND_ENVIRONMENT. */
int output_refused(const char *command, const char *path, int error);

/* Could the file be written?  0 or -errno; what is there stays as it is. */
int output_try(const char *path);

/* The directory is ours until we end; false: somebody else has it. */
bool output_lock(const char *directory);

struct output_file {
    FILE *out;
    const char *path;
    char *draft; /* NULL: a device or a pipe, which is written to in place */
};

/* 0 or -errno.  One at a time: a signal that ends us removes its draft. */
int output_open(struct output_file *file, const char *path);
/* Closes it; it gets its name if `keep` and all was written, else it goes.  0 or
 * -errno; 0 as well if it was not to be kept. */
int output_close(struct output_file *file, bool keep);

#endif /* TRICOLOR_TOOLS_OUTPUT_H */
