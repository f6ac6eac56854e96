/* SPDX-License-Identifier: MIT */
/* base/os_linux.c: base/os.h by raw system calls. */
#include "base/os.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <time.h>

#include "base/check.h"
#include "base/syscall.h"

#ifndef PR_SET_VMA
#    define PR_SET_VMA           0x53564d41
#    define PR_SET_VMA_ANON_NAME 0
#endif

/* The kernel returns -4095..-1 for errors. */
#define IS_ERROR(result) ((unsigned long)(result) > -4096ul)

#include "base/sanitize.h"

TRI_ATOMIC(uint32_t) tri_os_fail_countdown;

/* True if the test hook wants this memory call to fail. */
static bool
told_to_fail(void)
{
    /* Relaxed: a test's counter, it publishes nothing. */
    uint32_t left = tri_load_relaxed(&tri_os_fail_countdown);
    while (TRI_UNLIKELY(left != 0)) {
        if (tri_cas_relaxed(&tri_os_fail_countdown, &left, left - 1))
            return left == 1;
    }
    return false;
}

/* Bytes of address space in use; 0: /proc does not tell. */
static size_t
address_space_used(void)
{
    char line[64];
    long file =
        tri_syscall3(SYS_openat, AT_FDCWD, (long)(uintptr_t) "/proc/self/statm",
                     O_RDONLY | O_CLOEXEC);
    if (IS_ERROR(file))
        return 0;
    long length =
        tri_syscall3(SYS_read, file, (long)(uintptr_t)line, (long)sizeof(line));
    (void)tri_syscall3(SYS_close, file, 0, 0);
    size_t pages = 0;
    for (long i = 0; i < length && line[i] >= '0' && line[i] <= '9'; i++)
        pages = pages * 10 + (size_t)(line[i] - '0');
    return pages * TRI_OS_PAGE_BYTES;
}

/* What may still be reserved. */
static size_t
address_space_left(void)
{
    if (TRI_TSAN) /* see is_usable */
        return (size_t)128 << 30;
    struct rlimit64 limit;
    long error = tri_syscall6(SYS_prlimit64, 0, RLIMIT_AS, 0,
                              (long)(uintptr_t)&limit, 0, 0);
    if (IS_ERROR(error) || limit.rlim_cur == RLIM64_INFINITY)
        return (size_t)1 << 46;
    size_t used = address_space_used();
    return limit.rlim_cur > used ? limit.rlim_cur - used : 0;
}

size_t
tri_os_share(size_t most, unsigned sixteenths)
{
    /* Before there is a second thread (tri_main, tri_init). */
    static size_t left;
    if (left == 0)
        left = address_space_left();
    size_t share = left / 16 * sixteenths;
    if (share > most)
        share = most;
    return share == 0 ? 0 : (size_t)1 << (63 - __builtin_clzll(share));
}

/* TSan has shadow for the topmost 1.5 TiB only; elsewhere its own tables lie,
 * so a mapping that the kernel put there counts as refused.  The kernel begins
 * up to 1 TiB below the top and takes its way down, hence the modest share. */
static bool
is_usable(uintptr_t start)
{
    return !TRI_TSAN || start >= UINT64_C(0x7e8000000000);
}

/* NULL when refused. */
static void *
map_private(size_t bytes, int protection)
{
    if (told_to_fail())
        return NULL;
    long start =
        tri_syscall6(SYS_mmap, 0, (long)bytes, protection,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (IS_ERROR(start))
        return NULL;
    if (!is_usable((uintptr_t)start)) {
        (void)tri_syscall3(SYS_munmap, start, (long)bytes, 0);
        return NULL;
    }
    return (void *)start;
}

void *
tri_os_reserve(size_t bytes, size_t align)
{
    TRI_CHECK((align & (align - 1)) == 0, "alignment %zu is no power of two",
              align);
    if (align <= TRI_OS_PAGE_BYTES)
        return map_private(bytes, PROT_NONE);
    size_t asked = bytes + align - TRI_OS_PAGE_BYTES;
    if (asked < bytes)
        return NULL;
    char *raw = map_private(asked, PROT_NONE);
    if (raw == NULL)
        return NULL;

    uintptr_t start = ((uintptr_t)raw + align - 1) & ~(uintptr_t)(align - 1);
    size_t before = start - (uintptr_t)raw;
    size_t after = asked - before - bytes;
    if (before != 0)
        tri_os_unmap(raw, before);
    if (after != 0)
        tri_os_unmap((char *)start + bytes, after);
    return (void *)start;
}

void *
tri_os_map(size_t bytes)
{
    return map_private(bytes, PROT_READ | PROT_WRITE);
}

void *
tri_os_grow(void *start, size_t bytes, size_t more_bytes)
{
    void *more = tri_os_map(more_bytes);
    if (more != NULL && bytes != 0) {
        memcpy(more, start, bytes);
        tri_os_unmap(start, bytes);
    }
    return more;
}

int
tri_os_commit(void *start, size_t bytes)
{
    if (told_to_fail())
        return -ENOMEM;
    return (int)tri_syscall3(SYS_mprotect, (long)start, (long)bytes,
                             PROT_READ | PROT_WRITE);
}

void
tri_os_release(void *start, size_t bytes)
{
    long error =
        tri_syscall3(SYS_madvise, (long)start, (long)bytes, MADV_DONTNEED);
    /* Callers rely on zeroes; locked pages (mlockall) refuse. */
    if (TRI_UNLIKELY(IS_ERROR(error)))
        __builtin_memset(start, 0, bytes);
}

void
tri_os_populate(void *start, size_t bytes)
{
#ifndef MADV_POPULATE_WRITE
#    define MADV_POPULATE_WRITE 23
#endif
    (void)tri_syscall3(SYS_madvise, (long)start, (long)bytes,
                       MADV_POPULATE_WRITE);
}

void
tri_os_unmap(void *start, size_t bytes)
{
    long error = tri_syscall3(SYS_munmap, (long)start, (long)bytes, 0);
    TRI_CHECK(error == 0, "munmap(%p, %zu) failed: error %ld", start, bytes,
              -error);
}

int
tri_os_protect_none(void *start, size_t bytes)
{
    if (told_to_fail())
        return -ENOMEM;
    return (int)tri_syscall3(SYS_mprotect, (long)start, (long)bytes, PROT_NONE);
}

void
tri_os_huge_pages(void *start, size_t bytes, bool want)
{
    (void)tri_syscall3(SYS_madvise, (long)start, (long)bytes,
                       want ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

void
tri_os_name(void *start, size_t bytes, const char *name)
{
    (void)tri_syscall6(SYS_prctl, PR_SET_VMA, PR_SET_VMA_ANON_NAME, (long)start,
                       (long)bytes, (long)name, 0);
}

/* ---- reading what may not be there ---------------------------------------- */

/* Which way tri_os_read goes: 0 process_vm_readv; above, the descriptor of
 * /proc/self/mem plus 1; -1 a plain copy. */
static TRI_ATOMIC(int) read_way;

static bool
read_by_call(void *to, uintptr_t from, size_t bytes, long *result)
{
    struct iovec local = { .iov_base = to, .iov_len = bytes };
    struct iovec remote = { .iov_base = (void *)from, .iov_len = bytes };
    *result = tri_syscall6(SYS_process_vm_readv, tri_os_pid(), (long)&local, 1,
                           (long)&remote, 1, 0);
    return *result != -EPERM && *result != -ENOSYS;
}

/* Instead of `way`, which does not do.  `plainly`: without the file, too. */
static TRI_COLD int
file_instead_of(int way, bool plainly)
{
    long file =
        tri_syscall3(SYS_openat, AT_FDCWD, (long)(uintptr_t) "/proc/self/mem",
                     O_RDONLY | O_CLOEXEC);
    if (IS_ERROR(file) && !plainly)
        tri_fatal("descriptor %d is no longer the runtime's /proc/self/mem, "
                  "which cannot be opened again (error %ld): a program closes "
                  "only descriptors that it opened",
                  way - 1, -file);
    int mine = IS_ERROR(file) ? -1 : (int)file + 1;
    if (tri_cas(&read_way, &way, mine))
        return mine;
    if (mine > 0)
        (void)tri_syscall3(SYS_close, file, 0, 0);
    return way; /* somebody else was first */
}

static long
read_file(int way, void *to, uintptr_t from, size_t bytes)
{
    return tri_syscall6(SYS_pread64, way - 1, (long)(uintptr_t)to, (long)bytes,
                        (long)from, 0, 0);
}

/* Otherwise the program closed the descriptor, and it may be another file's now. */
static bool
has_our_memory(int way)
{
    static const uint64_t known = UINT64_C(0x7472692d6d656d21);
    uint64_t seen = 0;
    return read_file(way, &seen, (uintptr_t)&known, sizeof(seen))
            == (long)sizeof(seen)
        && seen == known;
}

/* What cannot be read must not be mistaken for what cannot be asked for: the memory
 * may hold roots. */
static bool
read_by_file(int way, void *to, uintptr_t from, size_t bytes)
{
    while (read_file(way, to, from, bytes) != (long)bytes) {
        if (has_our_memory(way))
            return false;
        way = file_instead_of(way, false);
    }
    return true;
}

static TRI_NO_SANITIZE void
copy_plainly(char *to, uintptr_t from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        to[i] = ((const volatile char *)from)[i];
}

bool
tri_os_read(void *to, uintptr_t from, size_t bytes)
{
    long result;
    /* Acquire pairs with file_instead_of's CAS; the descriptor is the kernel's. */
    int way = tri_load_acquire(&read_way);
    if (way == 0) {
        if (read_by_call(to, from, bytes, &result))
            return result == (long)bytes;
        /* The kernel was built, or this process confined, without the call. */
        way = file_instead_of(0, true);
    }
    if (way > 0)
        return read_by_file(way, to, from, bytes);
    copy_plainly(to, from, bytes);
    return true;
}

static int64_t
clock_ns(clockid_t clock, bool in_vdso)
{
    struct timespec now = { 0 };
    /* libc's goes through the vDSO, without a system call; TSan wraps it, and
     * its wrapper is not for signal handlers. */
    if (in_vdso && !TRI_TSAN)
        (void)clock_gettime(clock, &now);
    else
        (void)tri_syscall3(SYS_clock_gettime, clock, (long)&now, 0);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t
tri_os_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC, true);
}

int64_t
tri_os_process_cpu_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID, false);
}

int64_t
tri_os_thread_cpu_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID, false);
}

static struct timespec
timespec_of(int64_t ns)
{
    return (struct timespec){ .tv_sec = ns / 1000000000,
                              .tv_nsec = ns % 1000000000 };
}

void
tri_futex_wait(TRI_ATOMIC(uint32_t) *word, uint32_t expected,
               int64_t timeout_ns)
{
    struct timespec timeout = timespec_of(timeout_ns < 0 ? 0 : timeout_ns);
    (void)tri_syscall6(SYS_futex, (long)word, FUTEX_WAIT_PRIVATE,
                       (long)expected, timeout_ns < 0 ? 0 : (long)&timeout, 0,
                       0);
}

void
tri_futex_wake(TRI_ATOMIC(uint32_t) *word, int count)
{
    (void)tri_syscall3(SYS_futex, (long)word, FUTEX_WAKE_PRIVATE, count);
}

int
tri_os_tid(void)
{
    return (int)tri_syscall3(SYS_gettid, 0, 0, 0);
}

int
tri_os_pid(void)
{
    return (int)tri_syscall3(SYS_getpid, 0, 0, 0);
}

int
tri_os_signal_thread(int tid, int signal)
{
    return (int)tri_syscall3(SYS_tgkill, tri_os_pid(), tid, signal);
}

void
tri_os_sleep_ns(int64_t ns)
{
    if (ns <= 0)
        return;
    /* Towards a fixed moment: signals that stop the world cut sleeps short. */
    int64_t now = tri_os_now_ns();
    int64_t until = ns > INT64_MAX - now ? INT64_MAX : now + ns;
    struct timespec deadline = timespec_of(until);
    while (tri_syscall6(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME,
                        (long)&deadline, 0, 0, 0)
           == -EINTR)
        ;
}

uint64_t
tri_os_ticks(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#endif
}
