/* SPDX-License-Identifier: MIT */
/*
 * base/backtrace.h: where a dying thread is, for dying threads: no allocation,
 * no lock, no loader, and no fault on a broken stack.
 */
#ifndef TRI_BASE_BACKTRACE_H
#define TRI_BASE_BACKTRACE_H

#include "base/compiler.h"

/*
 * Writes one line for each caller to standard error: the address, the function
 * and the file; where the file has no symbols, an offset in it that
 * `addr2line -e FILE OFFSET` understands.  `skip` innermost
 * frames are left out.
 */
void tri_backtrace_print(int skip);

#endif /* TRI_BASE_BACKTRACE_H */
