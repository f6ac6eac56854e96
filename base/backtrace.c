/* SPDX-License-Identifier: MIT */
/*
 * base/backtrace.c: follows frame pointers (the whole library is built with
 * them).  Each frame is read by a system call that fails where a load would
 * crash, so a smashed stack ends the list instead of the report.  The names
 * come from /proc/self/maps: the loader's own tables are behind a lock that a
 * stopped thread may hold.
 */
#include "base/backtrace.h"

#include "base/format.h"
#include "base/mapping.h"
#include "base/os.h"

#define FRAMES_MAX 32

/* A saved frame pointer and the return address above it. */
struct frame {
    uintptr_t next;
    uintptr_t return_address;
};

static void
print_frame(int number, uintptr_t return_address)
{
    struct tri_mapping mapping;
    /* The call, not what follows it. */
    uintptr_t call = return_address - 1;
    if (tri_mapping_find(call, &mapping) && mapping.path[0] == '/')
        tri_print("  #%d %p %s +0x%lx\n", number, (void *)return_address,
                  mapping.path, call - mapping.start + mapping.offset);
    else
        tri_print("  #%d %p\n", number, (void *)return_address);
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
