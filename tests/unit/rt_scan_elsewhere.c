/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_scan_elsewhere.c: what a scan sees of a thread that is on a stack not
 * its goroutine's own: a signal's, or one that the program made; and where those end.
 *
 * To see it fail: scan only the stack that the stack pointer is on (SCAN-1), take a
 * signal stack for one that the program made (SCAN-2), or read such a one in place, or
 * as far as it can be read (SCAN-3).
 */
#include <tricolor/tricolor.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/compiler.h"
#include "gc/host.h"
#include "runtime/sched.h"
#include "tests/support/scan.h"
#include "tests/support/test.h"

#ifndef SS_AUTODISARM
#    define SS_AUTODISARM (1U << 31)
#endif

#define OTHER_STACK_BYTES ((size_t)128 << 10)

/* Values 2 and 3 here, wherever that is; stopped in place and in a section. */
static TRI_NO_SANITIZE void
hold_elsewhere(int unused)
{
    (void)unused;
    volatile uint64_t words[2] = { secret + 2, secret + 3 };
    SET(ready, 1);
    while (GET(leave) == 0) {
        for (volatile int i = 0; i < 2000; i++)
            ;
        tri_enter();
        tri_leave();
    }
    __asm__ volatile("" : : "r"(words) : "memory");
    words[0] = words[1] = 0;
}

static void
in_handler(void *stack, int flags)
{
    stack_t other = { .ss_sp = stack,
                      .ss_size = OTHER_STACK_BYTES,
                      .ss_flags = flags };
    stack_t before;
    EXPECT_EQ(sigaltstack(&other, &before), 0);
    struct sigaction action = { .sa_handler = hold_elsewhere,
                                .sa_flags = SA_ONSTACK };
    EXPECT_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    pthread_kill(pthread_self(), SIGUSR1);
    while (GET(leave) == 0)
        ;
    EXPECT_EQ(sigaltstack(&before, NULL), 0);
}

static void
on_alternate_stack(void *stack)
{
    in_handler(stack, 0);
}

static void
on_disarmed_stack(void *stack)
{
    in_handler(stack, (int)SS_AUTODISARM);
}

static void
hold_there(void *unused)
{
    (void)unused;
    hold_elsewhere(0);
}

/* As the program's own coroutines would. */
static void
on_made_stack(void *stack)
{
    void *here;
    tri_context_call_on((char *)stack + OTHER_STACK_BYTES, hold_there, NULL,
                        &here);
}

struct elsewhere {
    void (*run)(void *stack);
    void *stack;
    pthread_t thread;
};

/* Values 0 and 1 in the frame below. */
static void *
go_elsewhere(void *arg)
{
    struct elsewhere *elsewhere = arg;
    EXPECT_EQ(tri_thread_attach(), 0);
    SET(their_id, tri_goid());
    volatile uint64_t words[2] = { secret, secret + 1 };
    elsewhere->run(elsewhere->stack);
    __asm__ volatile("" : : "r"(words) : "memory");
    words[0] = words[1] = 0;
    tri_thread_detach();
    return NULL;
}

static void
begin_elsewhere(struct elsewhere *elsewhere)
{
    SET(ready, 0);
    SET(leave, 0);
    EXPECT_EQ(pthread_create(&elsewhere->thread, NULL, go_elsewhere, elsewhere),
              0);
    while (GET(ready) == 0)
        tri_yield();
}

static void
end_elsewhere(struct elsewhere *elsewhere)
{
    SET(leave, 1);
    tri_blocking_begin();
    pthread_join(elsewhere->thread, NULL);
    tri_blocking_end();
}

static void
scan_elsewhere(void (*run)(void *stack))
{
    void *stack = malloc(OTHER_STACK_BYTES);
    struct elsewhere elsewhere = { .run = run, .stack = stack };
    begin_elsewhere(&elsewhere);
    for (int n = 0; n < 100; n++) {
        scan_goroutine(GET(their_id));
        for (int i = 0; i < 4; i++)
            EXPECT_F(found[i], "value %d was not found in scan %d", i, n);
    }
    end_elsewhere(&elsewhere);
    free(stack);
}

TEST(a_signal_stack_set_after_attaching_is_scanned)
{
    if (TRI_TSAN)
        test_skip("the sanitizer runs handlers with the stop signal blocked");
    else
        scan_elsewhere(on_alternate_stack);
}

TEST(a_signal_stack_that_disarms_itself_is_scanned)
{
    if (TRI_TSAN)
        test_skip("the sanitizer runs handlers with the stop signal blocked");
    else
        scan_elsewhere(on_disarmed_stack);
}

TEST(a_stack_that_the_program_made_is_scanned)
{
    scan_elsewhere(on_made_stack);
}

/* ---- where they end --------------------------------------------------------------- */

enum {
    MADE_BYTES = 128 << 10,
    BOUND_BYTES = 8 << 20 /* what tricolor.h promises to scan of a made stack */
};

/* Above the stack, in the same memory: value 5. */
static void
on_part_of_a_block(void (*run)(void *stack), bool is_found)
{
    uint64_t *block = malloc(OTHER_STACK_BYTES + 4096);
    uint64_t *above = block + OTHER_STACK_BYTES / 8;
    memset(above, 0, 4096);
    above[4] = secret + 5;
    struct elsewhere elsewhere = { .run = run, .stack = block };
    begin_elsewhere(&elsewhere);
    /* Stopped in place it is on the other stack and says so; at a section's exit
     * nobody knows where that ends. */
    bool always = true;
    for (int n = 0; n < 100; n++) {
        scan_goroutine(GET(their_id));
        always = always && found[5];
    }
    end_elsewhere(&elsewhere);
    EXPECT_EQ(always, is_found);
    above[4] = 0;
    free(block);
}

TEST(what_lies_above_a_signal_stack_is_none_of_it)
{
    if (TRI_TSAN) {
        test_skip("the sanitizer runs handlers with the stop signal blocked");
        return;
    }
    on_part_of_a_block(on_alternate_stack, false);
    on_part_of_a_block(on_disarmed_stack, true);
    on_part_of_a_block(on_made_stack, true);
}

static char *
map_stack(size_t bytes)
{
    char *stack = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    EXPECT(stack != MAP_FAILED);
    return stack;
}

static void
scan_made(char *stack)
{
    struct elsewhere elsewhere = { .run = on_made_stack, .stack = stack };
    begin_elsewhere(&elsewhere);
    for (int n = 0; n < 20; n++)
        scan_goroutine(GET(their_id));
    end_elsewhere(&elsewhere);
    for (int i = 0; i < 4; i++)
        EXPECT_F(found[i], "value %d was not found", i);
}

TEST(a_made_stack_ends_where_nothing_can_be_read)
{
    char *stack = map_stack(2 * MADE_BYTES);
    EXPECT_EQ(mprotect(stack + OTHER_STACK_BYTES, 4096, PROT_NONE), 0);
    *(uint64_t *)(void *)(stack + OTHER_STACK_BYTES + 8192) = secret + 5;
    scan_made(stack);
    EXPECT(!found[5]);
    EXPECT_EQ(munmap(stack, 2 * MADE_BYTES), 0);
}

TEST(of_a_made_stack_no_more_than_8_mib_are_scanned)
{
    char *stack = map_stack(2 * BOUND_BYTES);
    *(uint64_t *)(void *)(stack + OTHER_STACK_BYTES + 4096) = secret + 5;
    *(uint64_t *)(void *)(stack + OTHER_STACK_BYTES + BOUND_BYTES) = secret + 6;
    scan_made(stack);
    EXPECT(found[5]);
    EXPECT(!found[6]);
    EXPECT_EQ(munmap(stack, 2 * BOUND_BYTES), 0);
}

/* Two mappings, as after mlock or mprotect of a part. */
TEST(the_end_of_a_mapping_is_not_the_end_of_a_made_stack)
{
    char *stack = map_stack(2 * MADE_BYTES);
    EXPECT_EQ(madvise(stack + OTHER_STACK_BYTES, 4096, MADV_DONTFORK), 0);
    *(uint64_t *)(void *)(stack + OTHER_STACK_BYTES + 8192) = secret + 5;
    scan_made(stack);
    EXPECT(found[5]);
    EXPECT_EQ(munmap(stack, 2 * MADE_BYTES), 0);
}

int
main(int argc, char **argv)
{
    test_begin(argc, argv);
    struct tri_options options = { .procs = 2 };
    return tri_main(test_run_all, NULL, &options);
}
