/* SPDX-License-Identifier: MIT */
/*
 * runtime/stack.c: goroutine stacks out of one large reservation, chunk by
 * chunk, each cut into equal stacks with a guard at the low end.  A stack stays
 * with its goroutine struct for ever (runtime/spawn.c), so there is nothing to
 * look up and nothing to free.
 *
 * Guards are markers in the page table where the kernel has them (6.13): they
 * cost no VMA, so a million stacks are a handful of mappings.  Older kernels:
 * mprotect, up to a budget of mappings, then none.
 */
#include "runtime/stack.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "base/check.h"
#include "base/lock.h"
#include "base/os.h"
#include "base/syscall.h"

#ifndef MADV_GUARD_INSTALL
#    define MADV_GUARD_INSTALL 102
#endif

#define POOL_BYTES       ((size_t)1 << 40)
#define POOL_BYTES_MIN   ((size_t)1 << 25)
#define CHUNK_STACKS_MIN 16u
#define CHUNK_STACKS_MAX 1024u
#define PROTECT_BUDGET   16000 /* of vm.max_map_count's usual 65530 */
#define COLOURS          60u
#define COLOUR_BYTES     64u
#define PAGE             ((size_t)TRI_OS_PAGE_BYTES)

/* Keys: [c] constant after init; [l] lock. */
static struct {
    struct tri_lock lock;
    size_t stack_bytes;        /* [c] guard included */
    uintptr_t base;            /* [c] of the reservation */
    size_t bytes;              /* [c] */
    enum tri_stack_guard kind; /* [l] */
    size_t committed;          /* [l] stacks whose memory is usable */
    size_t used;               /* [l] stacks handed out */
    uint32_t chunk;            /* [l] stacks in the next chunk */
    int protect_left;          /* [l] */
} pool = { .lock = TRI_LOCK_INIT(STACK_POOL) };

enum tri_stack_guard tri_stack_guard_best = TRI_GUARD_MARKERS;
int tri_stack_guard_budget = PROTECT_BUDGET;

size_t
tri_stack_bytes(void)
{
    return pool.stack_bytes;
}

size_t
tri_stack_usable(void)
{
    return pool.stack_bytes - TRI_STACK_GUARD_BYTES
         - (COLOURS - 1) * COLOUR_BYTES;
}

enum tri_stack_guard
tri_stack_guard_kind(void)
{
    return pool.kind;
}

/* Does this kernel know guard markers? */
static bool
markers_work(void)
{
    void *page = tri_os_map(PAGE);
    if (page == NULL)
        return false;
    bool works =
        tri_syscall3(SYS_madvise, (long)page, (long)PAGE, MADV_GUARD_INSTALL)
        == 0;
    tri_os_unmap(page, PAGE);
    return works;
}

int
tri_stack_init(size_t stack_bytes)
{
    stack_bytes = (stack_bytes + PAGE - 1) & ~(PAGE - 1);
    if (stack_bytes < TRI_STACK_BYTES_MIN)
        stack_bytes = TRI_STACK_BYTES_MIN;
    pool.stack_bytes = stack_bytes + TRI_STACK_GUARD_BYTES;
    size_t bytes = tri_os_share(POOL_BYTES, 2);
    void *base = NULL;
    while (base == NULL && bytes >= POOL_BYTES_MIN) {
        base = tri_os_reserve(bytes, PAGE);
        if (base == NULL)
            bytes /= 2;
    }
    if (base == NULL)
        return -ENOMEM;
    pool.base = (uintptr_t)base;
    pool.bytes = bytes;
    pool.chunk = CHUNK_STACKS_MIN;
    bool markers = tri_stack_guard_best == TRI_GUARD_MARKERS && markers_work();
    pool.kind = markers ? TRI_GUARD_MARKERS : TRI_GUARD_MPROTECT;
    pool.protect_left = tri_stack_guard_budget;
    return 0;
}

static uintptr_t
stack_at(size_t i)
{
    return pool.base + i * pool.stack_bytes;
}

/* The low ends of `count` stacks from number `first` on in one call, which costs
 * half of what one for each does; how many bytes it did.  The descriptor is
 * opened each time: the program may close all it does not know. */
static size_t
guard_at_once(size_t first, size_t count)
{
    static struct iovec ends[CHUNK_STACKS_MAX]; /* under the lock */
    long fd = tri_syscall3(SYS_pidfd_open, tri_os_pid(), 0, 0);
    if (fd < 0)
        return 0;
    for (size_t i = 0; i < count; i++)
        ends[i] = (struct iovec){ (void *)stack_at(first + i),
                                  TRI_STACK_GUARD_BYTES };
    long bytes = tri_syscall6(SYS_process_madvise, fd, (long)(uintptr_t)ends,
                              (long)count, MADV_GUARD_INSTALL, 0, 0);
    tri_syscall3(SYS_close, fd, 0, 0);
    return bytes < 0 ? 0 : (size_t)bytes;
}

static void
guard_markers(size_t first, size_t count)
{
    size_t done = guard_at_once(first, count) / TRI_STACK_GUARD_BYTES;
    for (size_t i = first + done; i < first + count; i++) {
        long error =
            tri_syscall3(SYS_madvise, (long)stack_at(i),
                         (long)TRI_STACK_GUARD_BYTES, MADV_GUARD_INSTALL);
        TRI_CHECK(error == 0, "STACK-1: no guard for stack %zu: %ld", i, error);
    }
}

static void
guard_mprotect(size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++) {
        if (pool.protect_left == 0
            || tri_os_protect_none((void *)stack_at(i), TRI_STACK_GUARD_BYTES)
                   != 0) {
            pool.kind = TRI_GUARD_NONE;
            return;
        }
        pool.protect_left--;
    }
}

/* The next chunk becomes usable. */
static bool
commit_locked(void)
{
    size_t first = pool.committed;
    size_t room = pool.bytes / pool.stack_bytes - first;
    size_t count = pool.chunk < room ? pool.chunk : room;
    if (count == 0)
        return false;
    void *start = (void *)stack_at(first);
    if (tri_os_commit(start, count * pool.stack_bytes) != 0)
        return false;
    /* One touched page must not become 2 MiB. */
    tri_os_huge_pages(start, count * pool.stack_bytes, false);
    tri_os_name(start, count * pool.stack_bytes, "tricolor: stacks");
    if (pool.kind == TRI_GUARD_MARKERS)
        guard_markers(first, count);
    else if (pool.kind == TRI_GUARD_MPROTECT)
        guard_mprotect(first, count);
    pool.committed += count;
    if (pool.chunk < CHUNK_STACKS_MAX)
        pool.chunk *= 2;
    return true;
}

bool
tri_stack_alloc(struct tri_stack *stack)
{
    tri_lock(&pool.lock);
    bool ok = pool.used < pool.committed || commit_locked();
    size_t i = ok ? pool.used++ : 0;
    tri_unlock(&pool.lock);
    if (!ok)
        return false;
    stack->lo = stack_at(i) + TRI_STACK_GUARD_BYTES;
    stack->hi = stack_at(i + 1);
    stack->top = stack->hi - (i % COLOURS) * COLOUR_BYTES; /* STACK-2 */
    return true;
}

bool
tri_stack_alloc_big(struct tri_stack *stack, size_t bytes)
{
    bytes = ((bytes + PAGE - 1) & ~(PAGE - 1)) + TRI_STACK_GUARD_BYTES;
    char *start = tri_os_map(bytes);
    if (start == NULL)
        return false;
    tri_os_huge_pages(start, bytes, false);
    if (tri_os_protect_none(start, TRI_STACK_GUARD_BYTES) != 0) {
        tri_os_unmap(start, bytes);
        return false;
    }
    tri_os_name(start, bytes, "tricolor: big stack");
    stack->lo = (uintptr_t)start + TRI_STACK_GUARD_BYTES;
    stack->hi = (uintptr_t)start + bytes;
    stack->top = stack->hi;
    return true;
}

void
tri_stack_give_back_below(const struct tri_stack *stack, uintptr_t sp)
{
    uintptr_t keep = sp & ~(PAGE - 1);
    if (keep > stack->lo)
        tri_os_release((void *)stack->lo, keep - stack->lo);
}

void
tri_stack_give_back(const struct tri_stack *stack)
{
    tri_stack_give_back_below(stack, stack->top - 1);
}
