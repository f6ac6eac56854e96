/* SPDX-License-Identifier: MIT */
/*
 * tricolor/impl/local.h: what the current thread is, and how it says "do not
 * stop me here".  Not API: included by tricolor.h for its inline paths.
 *
 * This is the one file that reads the runtime's thread-local state (but see TLS-1).
 * A goroutine moves between threads at a switch, and a compiler may keep the
 * address of a thread-local variable in a register across one; so every read
 * goes through volatile asm, which is neither merged nor hoisted.
 *
 *   TLS-1  Thread-local state is reached only through the functions below, but
 *          for what checks and TSan keep for themselves (base/lock.c,
 *          trace/trace.c, runtime/fork.c), where nobody switches; otherwise a
 *          goroutine that moved acts on another thread's state.
 *   TLS-2  What tri_local_get() returns may be kept only inside one critical
 *          section, where no switch can happen; otherwise it is another
 *          thread's.
 *
 * Critical sections.  A signal may suspend a thread in place anywhere but in
 * one.  The low 31 bits of `crit` count nesting; the top bit means "a stop was
 * asked while inside", and whoever leaves the last section honours it.  Enter
 * and leave are one instruction each on x86-64: a handler on the same thread
 * runs before or after it, never in the middle, so no lock prefix is needed.
 * Elsewhere, and under the sanitizers, plain C does it with a second word for
 * the request, because a compiler may split `crit--` around the handler.
 *
 *   CRIT-1  A thread is never stopped between tri_enter and tri_leave;
 *           otherwise the collector sees a half-done allocation or barrier.
 *   CRIT-2  A section is short, never blocks on anything but a runtime lock
 *           (whose holder is in a section too), and calls no user code;
 *           otherwise it delays every pause.
 *   CRIT-3  The section's exit honours a stop asked inside; otherwise the
 *           stopper waits for the next signal, which nobody sends.
 *   CRIT-4  It does so inside a section; otherwise the handler stops it again
 *           while it points `cache` at the P it was given, that P is taken or
 *           diverted meanwhile, and it then points there all the same.
 */
#ifndef TRICOLOR_IMPL_LOCAL_H
#define TRICOLOR_IMPL_LOCAL_H

#include <stdint.h>

#if defined(__GNUC__)
#    define TRI_API         __attribute__((visibility("default")))
#    define TRI_LIKELY(x)   __builtin_expect(!!(x), 1)
#    define TRI_UNLIKELY(x) __builtin_expect(!!(x), 0)
#else
#    error "tricolor needs gcc or clang: its inline paths use GNU extensions"
#endif

/* A function that exists only inlined: no copy of it is ever emitted. */
#ifdef __cplusplus
#    define TRI_FORCED inline __attribute__((always_inline))
#else
#    define TRI_FORCED extern inline __attribute__((always_inline, gnu_inline))
#endif

/* ThreadSanitizer, by gcc's name or clang's. */
#if defined(__SANITIZE_THREAD__)
#    define TRI_CRIT_TSAN 1
#elif defined(__has_feature)
#    if __has_feature(thread_sanitizer)
#        define TRI_CRIT_TSAN 1
#    endif
#endif
#ifndef TRI_CRIT_TSAN
#    define TRI_CRIT_TSAN 0
#endif

/* 1: critical sections in one instruction; 0: portable C, which TSan sees. */
#if defined(__x86_64__) && !TRI_CRIT_TSAN && !defined(TRI_PORTABLE)
#    define TRI_CRIT_ASM 1
#else
#    define TRI_CRIT_ASM 0
#endif

#ifdef __cplusplus
extern "C" {
#endif

struct tri_m;
struct tri_g;

/*
 * The allocation cache of one span kind on one P: a word of free slots.
 * Bit i of `free` set: the slot at base + i * slot_bytes may be handed out.
 * Only the thread that holds the P touches it, inside a critical section
 * (or a stopper, while that thread is stopped).
 */
struct tri_slot_cache {
    uint64_t free;
    uintptr_t base;
    uint64_t slot_bytes;
    uint64_t reserved;
};

#define TRI_KIND_MAX 256

/* The part of a P that inline code sees. */
struct tri_pcache {
    struct tri_slot_cache slot[TRI_KIND_MAX];
    /* Pointer-free objects below 16 bytes share a slot: the next one lies at
     * tiny_block + tiny_offset, aligned, if it ends at tiny_limit or before
     * (0: there is no block, or the slow path is to be taken). */
    uintptr_t tiny_block;
    uint32_t tiny_offset;
    uint32_t tiny_limit;
    uint64_t tiny_count; /* handed out, ever */
};

/*
 * Per thread.  `cache` is never NULL: without a P, and whenever the collector
 * wants the slow path to be taken, it points at tri_cache_none, which has no
 * free slot in any kind.
 */
struct tri_local {
    uint32_t crit;    /* byte 0: see above; the asm below knows the offsets */
    uint32_t pending; /* byte 4: the request, where TRI_CRIT_ASM is 0 */
    struct tri_pcache *cache; /* byte 8 */
    struct tri_m *m;          /* byte 16: NULL: this thread is not attached */
    struct tri_g *g;          /* byte 24: NULL: on the scheduler's stack */
    int *errno_at;            /* this thread's; valid with m */
};

#define TRI_CRIT_ASKED UINT32_C(0x80000000)

extern TRI_API __thread struct tri_local tri_local_state
    __attribute__((tls_model("initial-exec")));
extern TRI_API struct tri_pcache tri_cache_none;

/*
 * The library and the program must agree on the kind of sections, or a stop asked
 * of one is looked for in another word by the other, and never answered.  So each
 * kind has a symbol, of which a library exports its own: a program that was
 * compiled otherwise (-fsanitize=thread, TRI_PORTABLE) does not link.
 */
#if TRI_CRIT_ASM
#    define TRI_CRIT_KIND tri_sections_are_asm
#elif TRI_CRIT_TSAN
#    define TRI_CRIT_KIND tri_sections_are_tsan
#else
#    define TRI_CRIT_KIND tri_sections_are_portable
#endif
extern TRI_API const char TRI_CRIT_KIND;

/* Slow half of tri_leave: the count is 0 (or was) and a stop was asked. */
TRI_API void tri_critical_honour(void);

/* TSan builds: a section is where a stopped world and a running thread meet. */
#if TRI_CRIT_TSAN
TRI_API void tri_critical_tsan_enter(void);
TRI_API void tri_critical_tsan_leave(void);
#else
#    define tri_critical_tsan_enter() ((void)0)
#    define tri_critical_tsan_leave() ((void)0)
#endif

/* The calling thread's state; see TLS-2 for how long it is good. */
TRI_FORCED struct tri_local *
tri_local_get(void)
{
    struct tri_local *local;
#if defined(__x86_64__)
    __asm__ volatile("movq tri_local_state@gottpoff(%%rip), %0\n\t"
                     "addq %%fs:0, %0"
                     : "=r"(local)
                     :
                     : "cc");
#elif defined(__aarch64__)
    uintptr_t off;
    __asm__ volatile("adrp %1, :gottprel:tri_local_state\n\t"
                     "ldr %1, [%1, #:gottprel_lo12:tri_local_state]\n\t"
                     "mrs %0, tpidr_el0\n\t"
                     "add %0, %0, %1"
                     : "=&r"(local), "=&r"(off));
#else
#    error "tricolor runs on x86-64 and aarch64"
#endif
    return local;
}

/* Single fields, one load each: for use outside a section. */
TRI_FORCED struct tri_g *
tri_local_g(void)
{
#if defined(__x86_64__)
    struct tri_g *g;
    __asm__ volatile("movq tri_local_state@gottpoff(%%rip), %0\n\t"
                     "movq %%fs:24(%0), %0"
                     : "=r"(g));
    return g;
#else
    return *(struct tri_g *volatile *)&tri_local_get()->g;
#endif
}

TRI_FORCED struct tri_m *
tri_local_m(void)
{
#if defined(__x86_64__)
    struct tri_m *m;
    __asm__ volatile("movq tri_local_state@gottpoff(%%rip), %0\n\t"
                     "movq %%fs:16(%0), %0"
                     : "=r"(m));
    return m;
#else
    return *(struct tri_m *volatile *)&tri_local_get()->m;
#endif
}

/* The allocation cache of the P this thread holds.  Inside a section only. */
TRI_FORCED struct tri_pcache *
tri_local_cache(void)
{
#if defined(__x86_64__)
    struct tri_pcache *cache;
    __asm__ volatile("movq tri_local_state@gottpoff(%%rip), %0\n\t"
                     "movq %%fs:8(%0), %0"
                     : "=r"(cache)
                     :
                     : "memory");
    return cache;
#else
    return *(struct tri_pcache *volatile *)&tri_local_get()->cache;
#endif
}

TRI_FORCED void
tri_enter(void)
{
#if TRI_CRIT_ASM
    uintptr_t off;
    __asm__("movq tri_local_state@gottpoff(%%rip), %0" : "=r"(off));
    __asm__ volatile("incl %%fs:(%0)" : : "r"(off) : "memory", "cc");
#else
    struct tri_local *local = tri_local_get();
    *(volatile uint32_t *)&local->crit = local->crit + 1;
    __asm__ volatile("" : : : "memory");
    tri_critical_tsan_enter();
#endif
}

TRI_FORCED void
tri_leave(void)
{
#if TRI_CRIT_ASM
    uintptr_t off;
    __asm__("movq tri_local_state@gottpoff(%%rip), %0" : "=r"(off));
    __asm__ goto volatile("decl %%fs:(%0)\n\t"
                          "js %l[asked]"
                          :
                          : "r"(off)
                          : "memory", "cc"
                          : asked);
    return;
asked:
    tri_critical_honour();
#else
    tri_critical_tsan_leave();
    struct tri_local *local = tri_local_get();
    __asm__ volatile("" : : : "memory");
    *(volatile uint32_t *)&local->crit = local->crit - 1;
    __asm__ volatile("" : : : "memory");
    if (TRI_UNLIKELY(*(volatile uint32_t *)&local->pending != 0
                     && local->crit == 0))
        tri_critical_honour();
#endif
}

/* How deep in sections this thread is; 0: it may be stopped here. */
TRI_FORCED uint32_t
tri_critical_depth(void)
{
    struct tri_local *local = tri_local_get();
    return *(volatile uint32_t *)&local->crit & ~TRI_CRIT_ASKED;
}

#ifdef __cplusplus
}
#endif

#endif /* TRICOLOR_IMPL_LOCAL_H */
