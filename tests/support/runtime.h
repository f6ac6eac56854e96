/* SPDX-License-Identifier: MIT */
/*
 * tests/support/runtime.h: what several tests of the runtime do, each on goroutines.
 */
#ifndef TRI_TESTS_SUPPORT_RUNTIME_H
#define TRI_TESTS_SUPPORT_RUNTIME_H

#include <setjmp.h>
#include <stdbool.h>

#include <tricolor/tricolor.h>

#include "tests/support/test.h"

/* Others get as far as they can by themselves. */
static inline void
let_wait(void)
{
    for (int i = 0; i < 10; i++)
        tri_yield();
    tri_sleep(100 * 1000);
}

static inline void
close_both(const int *pair)
{
    EXPECT_EQ(tri_close(pair[0]), 0);
    EXPECT_EQ(tri_close(pair[1]), 0);
}

/* ---- cases of a select ---- */

static inline struct tri_select_case
receive(struct tri_chan *chan, void *element)
{
    return (struct tri_select_case){ .chan = chan,
                                     .element = element,
                                     .op = TRI_SELECT_RECV };
}

static inline struct tri_select_case
give(struct tri_chan *chan, void *element)
{
    return (struct tri_select_case){ .chan = chan,
                                     .element = element,
                                     .op = TRI_SELECT_SEND };
}

/* ---- misuse ---- */

static __attribute__((unused)) jmp_buf refused;
static const char *refused_because;

static inline void
note_refusal(const char *message)
{
    EXPECT_F(strstr(message, refused_because) != NULL, "%s", message);
    longjmp(refused, 1);
}

/* `call` panics with `words`, and we go on after it. */
#define EXPECT_REFUSAL(call, words)                                            \
    do {                                                                       \
        refused_because = (words);                                             \
        tri_set_panic_handler(note_refusal);                                   \
        if (setjmp(refused) == 0) {                                            \
            call;                                                              \
            EXPECT(!"refused: " #call);                                        \
        }                                                                      \
        tri_set_panic_handler(NULL);                                           \
    } while (0)

#endif /* TRI_TESTS_SUPPORT_RUNTIME_H */
