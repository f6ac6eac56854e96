/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_scan.c: what a scan of a goroutine's stack sees, wherever the
 * goroutine is: running on another thread, parked, in a blocking call, in a
 * critical section, on an attached thread.  Values no other code knows are
 * planted in callee-saved registers, vector registers, the red zone and frames.
 * To see it fail: leave out the vector registers in scan_context (SIG-4), start
 * the scan at sp instead of below the red zone, or do not save the caller's
 * registers in tri_blocking_begin (BLOCK-2), or only the stack that the stack
 * pointer is on where that is another one (SCAN-1), or not the argument of one that
 * never ran (G-5); take a signal stack for one that the program made (SCAN-2); read
 * such a one in place, or as far as it can be read (SCAN-3); let tri_g_make_runnable
 * or make_running store the state while the collector is active (G-4, G-2).
 */
#include <tricolor/tricolor.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/compiler.h"
#include "gc/host.h"
#include "runtime/sched.h"
#include "tests/support/test.h"

#define GET(variable) __atomic_load_n(&(variable), __ATOMIC_SEQ_CST)
#define SET(variable, value)                                                   \
    __atomic_store_n(&(variable), value, __ATOMIC_SEQ_CST)

enum {
    VALUES = 16
};

/* Derived at run time, so that no constant lies in memory. */
static volatile uint64_t secret = 0x5eed0fca11ab1e00;
static volatile int ready;
static volatile int leave;
static bool found[VALUES];

static TRI_NO_SANITIZE void
look(uintptr_t lo, uintptr_t hi, void *arg)
{
    (void)arg;
    for (uintptr_t at = lo; at + 8 <= hi; at += 8) {
        uint64_t word = *(const volatile uint64_t *)at;
        if (word - secret < VALUES)
            found[word - secret] = true;
    }
}

/* Stacks are scanned while the collector is active, and with it the states of
 * goroutines change otherwise (G-4). */
static void
pretend_active(bool active)
{
    tri_host_stop_world(TRI_STOP_TEST);
    tri_store(tri_atomic_cast(uint32_t, &tri_barrier_on), active);
    tri_host_start_world();
}

/* Scans the goroutine with this id until it can be had. */
static void
scan_goroutine(uint64_t id)
{
    memset(found, 0, sizeof(found));
    size_t at = 0;
    while (tri_g_at(at)->id != id)
        at++;
    pretend_active(true);
    for (;;) {
        tri_enter();
        bool done = tri_host_stack_scan(at, look, NULL);
        tri_leave();
        if (done)
            break;
        tri_yield();
    }
    pretend_active(false);
}

static volatile uint64_t their_id;

static void
start(void (*fn)(void *))
{
    SET(ready, 0);
    SET(leave, 0);
    tri_go(fn, NULL);
    while (GET(ready) == 0)
        tri_yield();
}

static void
stop(void)
{
    SET(leave, 1);
    while (GET(ready) != 2)
        tri_yield();
}

#if defined(__x86_64__) && !TRI_ASAN && !TRI_TSAN

/* Values 0..4 in callee-saved registers, 5 and 6 in xmm15 and xmm3, 7 in the
 * red zone, 8 in a caller-saved register; then spins until `leave`. */
static void
spin_with_values(void *arg)
{
    (void)arg;
    SET(their_id, tri_goid());
    __asm__ volatile("movq %[secret], %%rax\n\t"
                     "movq %%rax, %%rbx\n\t"
                     "leaq 1(%%rax), %%r12\n\t"
                     "leaq 2(%%rax), %%r13\n\t"
                     "leaq 3(%%rax), %%r14\n\t"
                     "leaq 4(%%rax), %%r15\n\t"
                     "leaq 5(%%rax), %%rcx\n\t"
                     "movq %%rcx, %%xmm15\n\t"
                     "leaq 6(%%rax), %%rcx\n\t"
                     "movq %%rcx, %%xmm3\n\t"
                     "leaq 7(%%rax), %%rcx\n\t"
                     "movq %%rcx, -120(%%rsp)\n\t"
                     "leaq 8(%%rax), %%r9\n\t"
                     "xorl %%eax, %%eax\n\t"
                     "xorl %%ecx, %%ecx\n\t"
                     "movl $1, %[ready]\n"
                     "1:\tpause\n\t"
                     "cmpl $0, %[leave]\n\t"
                     "je 1b\n\t"
                     "movq $0, -120(%%rsp)\n\t"
                     "xorl %%r9d, %%r9d\n\t"
                     "pxor %%xmm15, %%xmm15\n\t"
                     "pxor %%xmm3, %%xmm3"
                     : [ready] "=m"(ready)
                     : [secret] "m"(secret), [leave] "m"(leave)
                     : "rax", "rbx", "rcx", "r9", "r12", "r13", "r14", "r15",
                       "xmm3", "xmm15", "cc", "memory");
    SET(ready, 2);
}

TEST(a_running_goroutine_shows_all_its_registers_and_the_red_zone)
{
    start(spin_with_values);
    scan_goroutine(GET(their_id));
    stop();
    for (int i = 0; i <= 8; i++)
        EXPECT_F(found[i], "value %d was not found", i);
}

/* Values 9 in the upper half of ymm14, 10 in the third lane of zmm13, 11 in zmm31,
 * 12 in k5, and nowhere else; each register is a state component of its own. */
static void __attribute__((target("avx512f,avx512bw")))
spin_with_wide_values(void *arg)
{
    (void)arg;
    SET(their_id, tri_goid());
    __asm__ volatile("movq %[secret], %%rax\n\t"
                     "addq $9, %%rax\n\t"
                     "vmovq %%rax, %%xmm1\n\t"
                     "vinserti128 $1, %%xmm1, %%ymm14, %%ymm14\n\t"
                     "incq %%rax\n\t"
                     "vmovq %%rax, %%xmm1\n\t"
                     "vinserti32x4 $3, %%xmm1, %%zmm13, %%zmm13\n\t"
                     "incq %%rax\n\t"
                     "vmovq %%rax, %%xmm31\n\t"
                     "incq %%rax\n\t"
                     "kmovq %%rax, %%k5\n\t"
                     "vpxor %%xmm1, %%xmm1, %%xmm1\n\t"
                     "xorl %%eax, %%eax\n\t"
                     "movl $1, %[ready]\n"
                     "1:\tpause\n\t"
                     "cmpl $0, %[leave]\n\t"
                     "je 1b\n\t"
                     "vpxorq %%zmm31, %%zmm31, %%zmm31\n\t"
                     "kxorq %%k5, %%k5, %%k5\n\t"
                     "vzeroall"
                     : [ready] "=m"(ready)
                     : [secret] "m"(secret), [leave] "m"(leave)
                     : "rax", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5",
                       "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
                       "xmm12", "xmm13", "xmm14", "xmm15", "xmm31", "k5", "cc",
                       "memory");
    SET(ready, 2);
}

TEST(a_running_goroutine_shows_its_wide_registers)
{
    if (!__builtin_cpu_supports("avx512f")
        || !__builtin_cpu_supports("avx512bw")) {
        test_skip("the processor has no AVX-512");
        return;
    }
    start(spin_with_wide_values);
    scan_goroutine(GET(their_id));
    stop();
    for (int i = 9; i <= 12; i++)
        EXPECT_F(found[i], "value %d was not found", i);
}

/* Calls fn with values 0..4 in the callee-saved registers alone. */
static void __attribute__((noinline)) call_with_values(void (*fn)(void))
{
    __asm__ volatile("movq %[secret], %%rax\n\t"
                     "movq %%rax, %%rbx\n\t"
                     "leaq 1(%%rax), %%r12\n\t"
                     "leaq 2(%%rax), %%r13\n\t"
                     "leaq 3(%%rax), %%r14\n\t"
                     "leaq 4(%%rax), %%r15\n\t"
                     "movq %[fn], %%rax\n\t"
                     /* Past our red zone, aligned as a call wants it. */
                     "movq %%rsp, %%rcx\n\t"
                     "subq $256, %%rsp\n\t"
                     "andq $-16, %%rsp\n\t"
                     "pushq %%rcx\n\t"
                     "pushq %%rcx\n\t"
                     "call *%%rax\n\t"
                     "movq (%%rsp), %%rsp"
                     :
                     : [secret] "m"(secret), [fn] "m"(fn)
                     : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9",
                       "r10", "r11", "r12", "r13", "r14", "r15", "cc", "memory",
                       "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
                       "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
                       "xmm13", "xmm14", "xmm15");
}

static void
yield_until_left(void)
{
    SET(ready, 1);
    while (GET(leave) == 0)
        tri_sleep(1000 * 1000);
}

static void
park_with_values(void *arg)
{
    (void)arg;
    SET(their_id, tri_goid());
    call_with_values(yield_until_left);
    SET(ready, 2);
}

TEST(a_parked_goroutine_shows_its_callee_saved_registers)
{
    start(park_with_values);
    for (int i = 0; i < 50; i++) {
        scan_goroutine(GET(their_id));
        for (int v = 0; v <= 4; v++)
            EXPECT_F(found[v], "value %d was not found", v);
        tri_yield();
    }
    stop();
}

static void
block_until_left(void)
{
    tri_blocking_begin();
    SET(ready, 1);
    while (GET(leave) == 0)
        __asm__ volatile("pause");
    tri_blocking_end();
}

static void
block_with_values(void *arg)
{
    (void)arg;
    SET(their_id, tri_goid());
    call_with_values(block_until_left);
    SET(ready, 2);
}

TEST(a_blocked_thread_shows_the_registers_of_its_caller)
{
    start(block_with_values);
    for (int i = 0; i < 50; i++) {
        scan_goroutine(GET(their_id));
        for (int v = 0; v <= 4; v++)
            EXPECT_F(found[v], "value %d was not found", v);
    }
    stop();
}

static void *
attached(void *arg)
{
    EXPECT_EQ(tri_thread_attach(), 0);
    spin_with_values(arg);
    tri_thread_detach();
    return NULL;
}

TEST(an_attached_thread_is_scanned_like_a_goroutine)
{
    SET(ready, 0);
    SET(leave, 0);
    pthread_t thread;
    EXPECT_EQ(pthread_create(&thread, NULL, attached, NULL), 0);
    while (GET(ready) == 0)
        tri_yield();
    scan_goroutine(GET(their_id));
    for (int i = 0; i <= 8; i++)
        EXPECT_F(found[i], "value %d was not found", i);
    SET(leave, 1);
    tri_blocking_begin();
    pthread_join(thread, NULL);
    tri_blocking_end();
}

#endif

/* ---- everywhere: frames ------------------------------------------------------ */

static void
hold_in_section(void *arg)
{
    (void)arg;
    SET(their_id, tri_goid());
    volatile uint64_t words[4];
    for (unsigned i = 0; i < 4; i++)
        words[i] = secret + i;
    SET(ready, 1);
    while (GET(leave) == 0) {
        tri_enter();
        for (int i = 0; i < 1000; i++)
            __asm__ volatile("" : : : "memory");
        tri_leave();
    }
    __asm__ volatile("" : : "r"(words) : "memory");
    for (unsigned i = 0; i < 4; i++)
        words[i] = 0;
    SET(ready, 2);
}

TEST(a_goroutine_in_sections_is_scanned_between_them)
{
    start(hold_in_section);
    for (int n = 0; n < 200; n++) {
        scan_goroutine(GET(their_id));
        for (int i = 0; i < 4; i++)
            EXPECT_F(found[i], "value %d was not found", i);
    }
    stop();
}

/* Runs, parks and is made ready all the time: no moment in which its frames are
 * not seen (G-1). */
static void
flicker(void *arg)
{
    (void)arg;
    SET(their_id, tri_goid());
    volatile uint64_t words[4];
    for (unsigned i = 0; i < 4; i++)
        words[i] = secret + i;
    SET(ready, 1);
    while (GET(leave) == 0)
        tri_yield();
    __asm__ volatile("" : : "r"(words) : "memory");
    for (unsigned i = 0; i < 4; i++)
        words[i] = 0;
    SET(ready, 2);
}

TEST(no_moment_between_running_and_parked_hides_a_frame)
{
    start(flicker);
    for (int n = 0; n < 3000; n++) {
        scan_goroutine(GET(their_id));
        for (int i = 0; i < 4; i++)
            EXPECT_F(found[i], "value %d was not found in scan %d", i, n);
    }
    stop();
}

static volatile uint64_t flicks;

static void
flick_by_yield(void *arg)
{
    (void)arg;
    SET(their_id, tri_goid());
    SET(ready, 1);
    while (GET(leave) == 0) {
        flicks++;
        tri_yield();
    }
    SET(ready, 2);
}

static struct tri_chan *flick_chan;

static void
flick_by_park(void *arg)
{
    (void)arg;
    SET(their_id, tri_goid());
    SET(ready, 1);
    while (GET(leave) == 0) {
        flicks++;
        tri_chan_recv(flick_chan, NULL);
    }
    SET(ready, 2);
}

static void
send_flicks(void *group)
{
    while (GET(ready) != 2) {
        tri_chan_try_send(flick_chan, NULL);
        tri_yield();
    }
    tri_waitgroup_done(group);
}

/* A scanner who takes his time. */
static TRI_NO_SANITIZE void
watch(uintptr_t lo, uintptr_t hi, void *moved)
{
    (void)lo, (void)hi;
    uint64_t before = flicks;
    int64_t end = test_now_ns() + 100000;
    while (test_now_ns() < end)
        ;
    if (flicks != before)
        *(bool *)moved = true;
}

static void
scan_slowly(void)
{
    bool moved = false;
    size_t at = 0;
    while (tri_g_at(at)->id != GET(their_id))
        at++;
    pretend_active(true);
    for (int n = 0; n < 500; n++) {
        tri_enter();
        (void)tri_host_stack_scan(at, watch, &moved);
        tri_leave();
        EXPECT_F(!moved, "it ran while it was scanned, the time %d", n);
        if (n % 8 == 0)
            tri_yield();
    }
    pretend_active(false);
}

TEST(nobody_runs_whose_stack_is_scanned)
{
    struct tri_waitgroup sender = { 0 };
    start(flick_by_yield);
    scan_slowly();
    stop();

    flick_chan = tri_chan_make(0, 0);
    start(flick_by_park);
    tri_waitgroup_add(&sender, 1);
    tri_go(send_flicks, &sender);
    scan_slowly();
    stop();
    tri_waitgroup_wait(&sender);
}

TEST(with_the_world_stopped_every_stack_can_be_had)
{
    start(flicker);
    for (int n = 0; n < 200; n++) {
        memset(found, 0, sizeof(found));
        tri_host_stop_world(TRI_STOP_TEST);
        for (size_t i = 0; i < tri_g_count(); i++)
            EXPECT(tri_host_stack_scan(i, look, NULL));
        tri_host_start_world();
        for (int i = 0; i < 4; i++)
            EXPECT_F(found[i], "value %d was not found in scan %d", i, n);
        tri_yield();
    }
    stop();
}

/* ---- on other stacks ----------------------------------------------------------- */

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
scan_elsewhere(void (*run)(void *stack))
{
    void *stack = malloc(OTHER_STACK_BYTES);
    struct elsewhere elsewhere = { run, stack };
    SET(ready, 0);
    SET(leave, 0);
    pthread_t thread;
    EXPECT_EQ(pthread_create(&thread, NULL, go_elsewhere, &elsewhere), 0);
    while (GET(ready) == 0)
        tri_yield();
    for (int n = 0; n < 100; n++) {
        scan_goroutine(GET(their_id));
        for (int i = 0; i < 4; i++)
            EXPECT_F(found[i], "value %d was not found in scan %d", i, n);
    }
    SET(leave, 1);
    tri_blocking_begin();
    pthread_join(thread, NULL);
    tri_blocking_end();
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

static void
note_argument(void *arg)
{
    EXPECT_EQ((uintptr_t)arg, secret + 3);
    SET(ready, 2);
}

/* On one P, which we keep. */
TEST(the_argument_of_a_goroutine_that_never_ran_is_scanned)
{
    int procs = tri_set_procs(1);
    SET(ready, 0);
    for (int i = 0; i < 100; i++)
        tri_yield(); /* whoever waits to run has its turn */
    tri_go(note_argument, (void *)(secret + 3));
    uint64_t id = tri_load(&tri_sched.next_goid) - 1;
    scan_goroutine(id);
    EXPECT_EQ(GET(ready), 0);
    EXPECT(found[3]);
    while (GET(ready) != 2)
        tri_yield();
    tri_set_procs(procs);
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
    struct elsewhere elsewhere = { run, block };
    SET(ready, 0);
    SET(leave, 0);
    pthread_t thread;
    EXPECT_EQ(pthread_create(&thread, NULL, go_elsewhere, &elsewhere), 0);
    while (GET(ready) == 0)
        tri_yield();
    /* Stopped in place it is on the other stack and says so; at a section's exit
     * nobody knows where that ends. */
    bool always = true;
    for (int n = 0; n < 100; n++) {
        scan_goroutine(GET(their_id));
        always = always && found[5];
    }
    SET(leave, 1);
    tri_blocking_begin();
    pthread_join(thread, NULL);
    tri_blocking_end();
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
    struct elsewhere elsewhere = { on_made_stack, stack };
    SET(ready, 0);
    SET(leave, 0);
    pthread_t thread;
    EXPECT_EQ(pthread_create(&thread, NULL, go_elsewhere, &elsewhere), 0);
    while (GET(ready) == 0)
        tri_yield();
    for (int n = 0; n < 20; n++)
        scan_goroutine(GET(their_id));
    SET(leave, 1);
    tri_blocking_begin();
    pthread_join(thread, NULL);
    tri_blocking_end();
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
