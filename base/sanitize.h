/* SPDX-License-Identifier: MIT */
/*
 * base/sanitize.h: what the sanitizers must be told: that goroutines have
 * stacks of their own, and that stopping a thread orders memory.  Nothing at
 * all in other builds.
 *
 *   SAN-1  tri_san_leave is the last thing before a switch and tri_san_arrive
 *          the first after it; otherwise ASan takes the new stack for an
 *          overflow, and TSan the two flows for one.  Argued, no test: every
 *          test that switches, under asan and tsan.
 */
#ifndef TRI_BASE_SANITIZE_H
#define TRI_BASE_SANITIZE_H

#include "base/compiler.h"

#if defined(__has_feature)
#    if __has_feature(thread_sanitizer)
#        define TRI_TSAN 1
#    endif
#    if __has_feature(address_sanitizer)
#        define TRI_ASAN 1
#    endif
#endif
#if defined(__SANITIZE_THREAD__)
#    define TRI_TSAN 1
#endif
#if defined(__SANITIZE_ADDRESS__)
#    define TRI_ASAN 1
#endif
#ifndef TRI_TSAN
#    define TRI_TSAN 0
#endif
#ifndef TRI_ASAN
#    define TRI_ASAN 0
#endif

/* One flow of control with its stack: a goroutine or a thread's own. */
struct tri_san {
    void *tsan_fiber;
    void *asan_fake;
    const void *stack_lo;
    size_t stack_bytes;
};

#if TRI_TSAN
void *__tsan_get_current_fiber(void);
void *__tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void *fiber);
void __tsan_switch_to_fiber(void *fiber, unsigned flags);
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#endif
#if TRI_ASAN
void __sanitizer_start_switch_fiber(void **fake_save, const void *bottom,
                                    size_t size);
void __sanitizer_finish_switch_fiber(void *fake_save, const void **bottom_old,
                                     size_t *size_old);
void __asan_unpoison_memory_region(const volatile void *address, size_t size);
void __asan_poison_memory_region(const volatile void *address, size_t size);
#endif

/* The calling thread's own flow. */
static inline void
tri_san_thread(struct tri_san *san, const void *stack_lo, size_t stack_bytes)
{
    san->stack_lo = stack_lo;
    san->stack_bytes = stack_bytes;
#if TRI_TSAN
    san->tsan_fiber = __tsan_get_current_fiber();
#endif
}

/* A new flow that will start on the given stack. */
static inline void
tri_san_create(struct tri_san *san, const void *stack_lo, size_t stack_bytes)
{
    san->stack_lo = stack_lo;
    san->stack_bytes = stack_bytes;
    san->asan_fake = NULL;
#if TRI_TSAN
    san->tsan_fiber = __tsan_create_fiber(0);
#endif
}

static inline void
tri_san_destroy(struct tri_san *san)
{
#if TRI_TSAN
    __tsan_destroy_fiber(san->tsan_fiber);
    san->tsan_fiber = NULL;
#endif
#if TRI_ASAN
    __asan_unpoison_memory_region(san->stack_lo, san->stack_bytes);
#endif
    (void)san;
}

/* From `from` to `to`; `dying`: `from` never comes back. */
static inline void
tri_san_leave(struct tri_san *from, struct tri_san *to, int dying)
{
#if TRI_ASAN
    __sanitizer_start_switch_fiber(dying ? NULL : &from->asan_fake,
                                   to->stack_lo, to->stack_bytes);
#endif
#if TRI_TSAN
    __tsan_switch_to_fiber(to->tsan_fiber, 0);
#endif
    (void)from, (void)to, (void)dying;
}

static inline void
tri_san_arrive(struct tri_san *self)
{
#if TRI_ASAN
    __sanitizer_finish_switch_fiber(self->asan_fake, NULL, NULL);
#endif
    (void)self;
}

/* Everything before the release is seen by who acquires the same address. */
static inline void
tri_san_release(void *address)
{
#if TRI_TSAN
    __tsan_release(address);
#endif
    (void)address;
}

static inline void
tri_san_acquire(void *address)
{
#if TRI_TSAN
    __tsan_acquire(address);
#endif
    (void)address;
}

#endif /* TRI_BASE_SANITIZE_H */
