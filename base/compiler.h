/* SPDX-License-Identifier: MIT */
/* base/compiler.h: what we ask of gcc and clang beyond C17. */
#ifndef TRI_BASE_COMPILER_H
#define TRI_BASE_COMPILER_H

#include <stddef.h>
#include <stdint.h>

#include <tricolor/impl/local.h>

#define TRI_NORETURN      __attribute__((noreturn))
#define TRI_COLD          __attribute__((cold, noinline))
#define TRI_NOINLINE      __attribute__((noinline))
#define TRI_NODISCARD     __attribute__((warn_unused_result))
#define TRI_PRINTF(f, a)  __attribute__((format(printf, f, a)))
#define TRI_CACHE_ALIGNED __attribute__((aligned(64)))

/* Readers of other threads' stacks and of racing heap words: the sanitizers
 * cannot know that the threads are stopped or that the race is meant. */
#define TRI_NO_SANITIZE                                                        \
    __attribute__((no_sanitize("address", "thread", "undefined"), noinline))

#define TRI_CONTAINER_OF(p, T, member)                                         \
    ((T *)(void *)((char *)(p)-offsetof(T, member)))
#define TRI_ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))

#endif /* TRI_BASE_COMPILER_H */
