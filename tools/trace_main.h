/* SPDX-License-Identifier: MIT */
/* tools/trace_main.h: `tricolor trace record|check|export`. */
#ifndef TRICOLOR_TRACE_MAIN_H
#define TRICOLOR_TRACE_MAIN_H

/* argv[0] is "trace".  Returns the exit status: 0 done, 1 a check
 * failed, 2 wrong usage, 3 the environment lacks something. */
int tricolor_trace_main(int argc, char **argv);

#endif /* TRICOLOR_TRACE_MAIN_H */
