/* SPDX-License-Identifier: MIT */
/*
 * base/check.c: how the runtime dies.
 *
 * A dying runtime trusts nothing: no allocation, no stdio, no lock, no loader.
 * The backtrace follows frame pointers, and reads each frame by a system call
 * that fails where a load would crash, so that a smashed stack still leaves the
 * sentence that says why.
 */
#include "base/check.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "base/atomic.h"
#include "base/format.h"
#include "base/os.h"
#include "base/syscall.h"

#define FRAMES_MAX    32
#define MESSAGE_BYTES 1024
#define OTHER_DIES_NS (INT64_C(2) * 1000 * 1000 * 1000)

void (*tri_fatal_hook)(void);

/* The thread that dies, 0 while all is well. */
static TRI_ATOMIC(int) dying_tid;

static TRI_ATOMIC(tri_panic_fn) panic_handler;

/* A saved frame pointer and the return address above it. */
struct frame {
    uintptr_t next;
    uintptr_t return_address;
};

static bool
read_frame(uintptr_t at, struct frame *frame)
{
    struct iovec local = { .iov_base = frame, .iov_len = sizeof(*frame) };
    struct iovec remote = { .iov_base = (void *)at, .iov_len = sizeof(*frame) };
    return tri_syscall6(SYS_process_vm_readv, tri_os_pid(), (long)&local, 1,
                        (long)&remote, 1, 0)
        == (long)sizeof(*frame);
}

static TRI_NOINLINE void
print_backtrace(void)
{
    uintptr_t at = (uintptr_t)__builtin_frame_address(0);
    for (int i = 0; i < FRAMES_MAX; i++) {
        struct frame frame;
        if (at % sizeof(void *) != 0 || !read_frame(at, &frame)
            || frame.return_address == 0)
            break;
        tri_print("  #%d %p\n", i, (void *)frame.return_address);
        if (frame.next <= at)
            break; /* stacks grow down: anything else is no frame */
        at = frame.next;
    }
}

/* One thread dies; others that come here meanwhile let it finish, and a death
 * inside the hook ends at once. */
static void
die_once(void)
{
    int nobody = 0;
    int tid = tri_os_tid();
    if (tri_cas(&dying_tid, &nobody, tid))
        return;
    if (nobody != tid)
        tri_os_sleep_ns(OTHER_DIES_NS);
    abort();
}

static TRI_NORETURN void
finish(void)
{
    print_backtrace();
    if (tri_fatal_hook != NULL)
        tri_fatal_hook();
    abort();
}

void
tri_fatal_at(const char *file, int line, const char *format, ...)
{
    tri_enter(); /* nobody shall stop us on the way out */
    char message[MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    (void)tri_vformat(message, sizeof(message), format, args);
    va_end(args);
    die_once();
    tri_print("tricolor: fatal: %s:%d: %s\n", file, line, message);
    finish();
}

tri_panic_fn
tri_panic_handler_swap(tri_panic_fn fn)
{
    return tri_swap(&panic_handler, fn);
}

void
tri_panic(const char *format, ...)
{
    char message[MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    (void)tri_vformat(message, sizeof(message), format, args);
    va_end(args);
    tri_panic_fn handler = tri_load(&panic_handler);
    if (handler != NULL)
        handler(message); /* may leave by longjmp */
    tri_enter();
    die_once();
    tri_print("tricolor: panic: %s\n", message);
    finish();
}
