/* SPDX-License-Identifier: MIT */
/*
 * base/backtrace.c: follows frame pointers (the whole library is built with
 * them).  Each frame is read by a system call that fails where a load would
 * crash, so a smashed stack ends the list instead of the report.  Names: symbol.c.
 */
#include "base/backtrace.h"

#include "base/format.h"
#include "base/os.h"
#include "base/symbol.h"

#define FRAMES_MAX 32

/* A saved frame pointer and the return address above it. */
struct frame {
    uintptr_t next;
    uintptr_t return_address;
};

static void
print_frame(int number, uintptr_t return_address)
{
    tri_print("  #%d %p", number, (void *)return_address);
    tri_symbol_print(return_address - 1); /* the call, not what follows it */
}

TRI_NOINLINE void
tri_backtrace_print(int skip)
{
    uintptr_t at = (uintptr_t)__builtin_frame_address(0);
    for (int i = 0; i < FRAMES_MAX; i++) {
        struct frame frame = { 0 };
        if (at % sizeof(void *) != 0 || !tri_os_read(&frame, at, sizeof(frame))
            || frame.return_address == 0)
            break;
        if (i >= skip)
            print_frame(i - skip, frame.return_address);
        if (frame.next <= at)
            break; /* stacks grow down: anything else is no frame */
        at = frame.next;
    }
}
