/* SPDX-License-Identifier: MIT */
/*
 * base/os.h: the operating system: memory, time, futex.  Raw system calls
 * where a signal handler may come by: none of these touches errno, allocates
 * or takes a lock.  Failures are -errno or NULL.
 */
#ifndef TRI_BASE_OS_H
#define TRI_BASE_OS_H

#include "base/atomic.h"
#include "base/compiler.h"

#define TRI_OS_PAGE_BYTES 4096u

/* How much address space to reserve for one purpose: the largest power of two
 * that is at most `most` and at most so many sixteenths of what the limits left
 * this process when it first asked.  Whoever would take what there is, and half
 * of it when refused, leaves nothing to those who come after. */
size_t tri_os_share(size_t most, unsigned sixteenths);
/* Address space without memory: PROT_NONE, no reserve.  Aligned to `align`, a
 * power of two.  NULL when refused. */
TRI_NODISCARD void *tri_os_reserve(size_t bytes, size_t align);
/* Zeroed read-write memory, lazily backed, no swap reserve.  NULL: none. */
TRI_NODISCARD void *tri_os_map(size_t bytes);
/* More of it: what was mapped with so many bytes, NULL with 0, moves there.  NULL:
 * none, and the old stays. */
TRI_NODISCARD void *tri_os_grow(void *start, size_t bytes, size_t more_bytes);
/* Makes a reserved range usable.  0 or -errno. */
TRI_NODISCARD int tri_os_commit(void *start, size_t bytes);
/* Gives pages back; they read as zero when touched again. */
void tri_os_release(void *start, size_t bytes);
void tri_os_unmap(void *start, size_t bytes);
TRI_NODISCARD int tri_os_protect_none(void *start, size_t bytes);
/* Has memory put behind writable pages, without a change to them.  Where the system
 * cannot (Linux 5.14 can), or has none, their first use does. */
void tri_os_populate(void *start, size_t bytes);
/* Advice; failure is ignored. */
void tri_os_huge_pages(void *start, size_t bytes, bool want);
/* Names a mapping in /proc/self/maps ("tricolor: heap"), where possible. */
void tri_os_name(void *start, size_t bytes, const char *name);

/* Copies memory that another thread may unmap meanwhile, by the kernel, which
 * fails where a load would fault.  False: some of it is not there.  Where the
 * kernel is not allowed to (old sandboxes without /proc), a plain copy. */
TRI_NODISCARD bool tri_os_read(void *to, uintptr_t from, size_t bytes);

/* Test hook: makes memory call number n from now fail (0: none). */
extern TRI_ATOMIC(uint32_t) tri_os_fail_countdown;

/* Monotonic nanoseconds. */
int64_t tri_os_now_ns(void);
/* CPU time of the process, and of the thread. */
int64_t tri_os_process_cpu_ns(void);
int64_t tri_os_thread_cpu_ns(void);

/* Sleeps while *word == expected, at most timeout_ns (< 0: for ever).  Returns
 * for any reason; callers loop. */
void tri_futex_wait(TRI_ATOMIC(uint32_t) *word, uint32_t expected,
                    int64_t timeout_ns);
void tri_futex_wake(TRI_ATOMIC(uint32_t) *word, int count);

int tri_os_tid(void);
int tri_os_pid(void);
/* 0 or -errno. */
int tri_os_signal_thread(int tid, int signal);
void tri_os_sleep_ns(int64_t ns);

/* From a counter that needs no system call; seeds. */
uint64_t tri_os_ticks(void);

#endif /* TRI_BASE_OS_H */
