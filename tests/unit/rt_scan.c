/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_scan.c: what a scan of a goroutine's stack sees of its registers and
 * frames, wherever the goroutine is: running on another thread, parked, in a blocking
 * call, in a critical section, on an attached thread, or not yet run.  Values no other
 * code knows are planted in callee-saved registers, vector registers, the red zone and
 * frames.  While it moves: rt_scan_states; on other stacks: rt_scan_elsewhere.
 *
 * To see it fail: leave out the vector registers in scan_context (SIG-4), start
 * the scan at sp instead of below the red zone, leave m->uc as it is in
 * on_stop_signal (M-3), do not save the caller's registers in tri_blocking_begin
 * (BLOCK-2), or leave out the argument of one that never ran (G-5).
 */
#include <tricolor/tricolor.h>

#include <pthread.h>

#include "base/compiler.h"
#include "gc/host.h"
#include "runtime/sched.h"
#include "tests/support/scan.h"
#include "tests/support/test.h"

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
    tri_enter();
    uint64_t id = tri_current_p()->next_goid - 1; /* the last that it gave */
    tri_leave();
    scan_goroutine(id);
    EXPECT_EQ(GET(ready), 0);
    EXPECT(found[3]);
    while (GET(ready) != 2)
        tri_yield();
    tri_set_procs(procs);
}

int
main(int argc, char **argv)
{
    test_begin(argc, argv);
    struct tri_options options = { .procs = 2 };
    return tri_main(test_run_all, NULL, &options);
}
