/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_marking.c: stacks that were scanned already, in a cycle held up
 * before static data are (support/marking.h): what is cleared by a channel then, and
 * what the verifier takes for a reference.
 *
 * To see it fail: take the shading out of clear_element (CHAN-2); let the verifier
 * see all registers (SIG-6: leave `verifying` out of scan_context), or take each
 * word that hits an object, or a white one whose neighbour is marked (VERIFY-1, both
 * in is_an_address).
 */
#include <tricolor/tricolor.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/sanitize.h"
#include "runtime/sched.h"
#include "tests/support/collect.h"
#include "tests/support/marking.h"

#define MAGIC UINT64_C(0x600dda7a600dda7a)

struct item {
    struct item *other;
    uint64_t magic;
};
TRI_TYPE(item_type, struct item, other);

static struct item *
make_item(void)
{
    struct item *item = tri_new(&item_type);
    item->magic = MAGIC;
    return item;
}

/* Each test in a process of its own: it chooses what the collector checks. */
struct start {
    void (*fn)(void *arg);
    void *arg;
};

static int
start_main(void *arg)
{
    struct start *start = arg;
    start->fn(start->arg);
    (void)dprintf(2, "all is well");
    abort(); /* a child of EXPECT_DEATH ends so */
}

static void
in_runtime(void *arg)
{
    struct tri_options options = { .procs = 3 };
    setenv("TRI_DEBUG", "gccheckmark=1,clobberfree=1", 1);
    tri_main(start_main, arg, &options);
}

/* ---- CHAN-2 -------------------------------------------------------------------- */

static struct item *holder; /* static data: scanned last */

static void
fill_holder(void *unused)
{
    (void)unused;
    /* Not the first of its span: the cache's base keeps that one alive. */
    for (int i = 0; i < 4; i++)
        make_item();
    struct item *item = make_item();
    TRI_STORE(&holder, item);
    TRI_STORE(&item->other, make_item());
}

static __attribute__((noinline)) void
receive_nothing_into(struct tri_chan *chan, void *element)
{
    EXPECT(!tri_chan_recv(chan, element));
}

/* The stack, which was scanned, takes what only a grey object knew; then the channel
 * clears it there. */
static void
clear_in_grey_object(void *unused)
{
    (void)unused;
    struct tri_chan *chan = tri_chan_make(sizeof(void *), 0);
    apart(fill_holder, NULL);
    tri_chan_close(chan);
    pthread_t thread = begin_marking();
    await_all_but_data();
    struct item *taken = holder->other;
    receive_nothing_into(chan, &holder->other);
    EXPECT(holder->other == NULL);
    end_marking(thread);
    EXPECT(taken->magic == MAGIC);
    EXPECT(holder->magic == MAGIC);
}

TEST(what_a_closed_channel_clears_lives_on_a_black_stack)
{
    struct start start = { clear_in_grey_object, NULL };
    EXPECT_DEATH(in_runtime, &start, "all is well");
}

/* ---- SIG-6, VERIFY-1 -------------------------------------------------------------- */

#if defined(__x86_64__) && !TRI_ASAN && !TRI_TSAN

static volatile uintptr_t hidden; /* its complement */
static volatile int step; /* 1: it spins; 2: show it; 3: shown; 4: leave */
static struct item *kept;

/* Dead, between others that are dead or, with `keep`, after one that lives. */
static void
make_dead(void *keep)
{
    for (int i = 0; i < 4; i++)
        make_item();
    struct item *below = make_item();
    hidden = ~(uintptr_t)make_item();
    make_item();
    EXPECT_EQ(~hidden - (uintptr_t)below, sizeof(struct item));
    if (keep != NULL)
        TRI_STORE(&kept, below);
}

/* Shows ~hidden + offset in one register, which was not there when its stack was
 * scanned. */
#    define SHOW_IN(name, show, clear)                                         \
        static void name(uintptr_t offset)                                     \
        {                                                                      \
            __asm__ volatile("movq %[offset], %%rdx\n\t"                       \
                             "movl $1, %[step]\n"                              \
                             "1:\tpause\n\t"                                   \
                             "cmpl $2, %[step]\n\t"                            \
                             "jne 1b\n\t" show "movl $3, %[step]\n"            \
                             "2:\tpause\n\t"                                   \
                             "cmpl $4, %[step]\n\t"                            \
                             "jne 2b\n\t" clear                                \
                             : [step] "+m"(step)                               \
                             : [hidden] "m"(hidden), [offset] "r"(offset)      \
                             : "rcx", "rdx", "r12", "cc", "memory");           \
        }

SHOW_IN(show_in_r12,
        "movq %[hidden], %%r12\n\t"
        "notq %%r12\n\t"
        "addq %%rdx, %%r12\n\t",
        "xorl %%r12d, %%r12d")
SHOW_IN(show_in_rcx,
        "movq %[hidden], %%rcx\n\t"
        "notq %%rcx\n\t"
        "addq %%rdx, %%rcx\n\t",
        "xorl %%ecx, %%ecx")

struct showing {
    void (*show)(uintptr_t offset);
    uintptr_t offset;
    bool keep;
};

static void
show(void *arg)
{
    struct showing *showing = arg;
    showing->show(showing->offset);
    SET(step, 5);
}

static void
verify_what_is_shown(void *arg)
{
    struct showing *showing = arg;
    apart(make_dead, showing->keep ? arg : NULL);
    tri_go(show, showing);
    while (GET(step) == 0)
        tri_yield();
    pthread_t thread = begin_marking();
    await_all_but_data();
    SET(step, 2);
    while (GET(step) != 3)
        tri_yield();
    end_marking(thread);
    SET(step, 4);
    while (GET(step) != 5)
        tri_yield();
}

static void
expect_verdict(struct showing showing, const char *words)
{
    struct start start = { verify_what_is_shown, &showing };
    EXPECT_DEATH(in_runtime, &start, words);
}

TEST(the_verifier_takes_an_objects_address_in_a_preserved_register)
{
    expect_verdict((struct showing){ .show = show_in_r12 }, "a lost object");
}

TEST(it_does_not_take_one_in_a_register_that_calls_change)
{
    expect_verdict((struct showing){ .show = show_in_rcx }, "all is well");
}

TEST(it_does_not_take_an_address_inside_an_object)
{
    expect_verdict((struct showing){ .show = show_in_r12, .offset = 8 },
                   "all is well");
}

TEST(it_does_not_take_the_end_of_a_marked_object)
{
    expect_verdict((struct showing){ .show = show_in_r12, .keep = true },
                   "all is well");
}

#endif

TEST_MAIN
