/* SPDX-License-Identifier: MIT */
/* tests/tools/trace_tool.c: `tricolor trace` alone, for tests of the trace that
 * need no runtime. */
#include "tools/trace_main.h"

int
main(int argc, char **argv)
{
    return tricolor_trace_main(argc, argv);
}
