/* SPDX-License-Identifier: MIT */
/* tests/tools/trace_tool.c: `tricolor trace` alone, for tests of the trace that
 * need no runtime. */
#include "tools/output.h"
#include "tools/trace_main.h"

int
main(int argc, char **argv)
{
    output_begin();
    return output_end(tricolor_trace_main(argc, argv));
}
