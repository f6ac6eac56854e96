/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/rt_sequence.c: a store is not done half, wherever the thread is
 * stopped, whatever handler of the program lies over it: in the program and in a
 * library.
 *
 * Each mutator stores 1, 2, 3, ...  While the flag is on, every store goes through
 * the slow path, which notes its number; the flag changes with the world stopped.
 * The first number noted must be the one after the last that has landed when the
 * flag went on, no number may be left out or come twice, and the last noted must be
 * the last landed when it goes off.  A gap is a store that tested "off" and
 * landed under "on".
 *
 * To see it fail: rt_sequence_broken_X, the same program with runtime/rewind.c
 * without one of its halves (TRI_BREAK_X): BAR-1 and SEQ-4 are broken by _rewind, SEQ-5
 * by _older and _elsewhere; ctest expects each to die within a minute.
 *
 * Where there are no sequences (sanitizers), it is the critical sections that are
 * tested (CRIT-1).
 */
#include "tests/support/sequence_stores.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gc/host.h"
#include "runtime/sched.h"
#include "runtime/sequence.h"
#include "tests/support/test.h"

enum {
    MUTATORS = 2, /* one stores in the program, one in the library */
    ALIGN = 4096,
    STACK_BYTES = 256 << 10,
    MAX_HANDLERS = 6 /* at once: their frames must fit a goroutine's stack */
};

/* Aligned, so that a slot tells whose it is. */
static struct mutator {
    void *slots[SEQUENCE_SLOTS];
    uint64_t due;   /* the next number to be noted; 0: the flag is off */
    uint64_t noted; /* how many were */
    uint64_t value;
    int tid;
    sequence_stores_fn *stores;
    void *made_stack; /* to run on; NULL: its own */
} __attribute__((aligned(ALIGN))) mutators[MUTATORS];

uint32_t sequence_flag;
static volatile int leave;
static struct tri_waitgroup group;

static void
note(void **slot, void *value)
{
    struct mutator *mutator =
        (struct mutator *)((uintptr_t)slot & ~(uintptr_t)(ALIGN - 1));
    uint64_t number = (uint64_t)value;
    EXPECT_F(number == mutator->due,
             "store %" PRIu64 " came, %" PRIu64 " was due", number,
             mutator->due);
    mutator->due++;
    mutator->noted++;
}

/* Called in a section. */
void
sequence_store_slow(void **slot, void *value)
{
    note(slot, value);
    __atomic_store_n(slot, value, __ATOMIC_RELEASE);
}

void
sequence_store_again(void **slot, void *value)
{
    tri_enter();
    if (__atomic_load_n(&sequence_flag, __ATOMIC_RELAXED) != 0)
        sequence_store_slow(slot, value);
    else
        __atomic_store_n(slot, value, __ATOMIC_RELEASE);
    tri_leave();
}

static void
store_numbers(void *arg)
{
    struct mutator *mutator = arg;
    while (GET(leave) == 0) {
        SET(mutator->tid, (int)syscall(SYS_gettid));
        mutator->value = mutator->stores(mutator->slots, mutator->value);
    }
    SET(mutator->tid, 0);
}

static void
mutate(void *arg)
{
    store_numbers(arg);
    tri_waitgroup_done(&group);
}

static void *
mutate_attached(void *arg)
{
    struct mutator *mutator = arg;
    void *here;
    EXPECT_EQ(tri_thread_attach(), 0);
    if (mutator->made_stack == NULL)
        store_numbers(mutator);
    else
        tri_context_call_on((char *)mutator->made_stack + STACK_BYTES,
                            store_numbers, mutator, &here);
    tri_waitgroup_done(&group);
    tri_thread_detach();
    return NULL;
}

/* ---- the stopper ------------------------------------------------------------- */

/* World stopped. */
static TRI_NO_SANITIZE void
turn(void)
{
    sequence_flag ^= 1;
    for (int i = 0; i < MUTATORS; i++) {
        struct mutator *mutator = &mutators[i];
        uint64_t landed = 0;
        for (int k = 0; k < SEQUENCE_SLOTS; k++)
            if ((uint64_t)mutator->slots[k] > landed)
                landed = (uint64_t)mutator->slots[k];
        EXPECT_F(sequence_flag != 0 || mutator->due == landed + 1,
                 "store %" PRIu64 " has landed, %" PRIu64 " was due", landed,
                 mutator->due);
        mutator->due = sequence_flag != 0 ? landed + 1 : 0;
    }
}

struct rewound {
    uint64_t newest; /* the code that the stop interrupted */
    uint64_t older;
};

static struct rewound
count_rewound(void)
{
    struct rewound sum = { 0 };
    for (uint32_t i = 0; i < tri_m_count(); i++) {
        sum.newest += tri_m_at(i)->rewind_count;
        sum.older += tri_m_at(i)->rewind_older_count;
    }
    return sum;
}

/* Until each kind that this test is about happened often enough; loaded machines
 * stop threads a hundred times less often. */
static bool
seen_enough(struct rewound before, bool older)
{
    enum {
        ENOUGH = 5
    };
    struct rewound now = count_rewound();
    return !TRI_SEQUENCES
        || (older ? now.older - before.older : now.newest - before.newest)
               >= ENOUGH;
}

static void
stop_and_turn(bool older)
{
    tri_host_stop_world(TRI_STOP_TEST);
    struct rewound before = count_rewound();
    tri_host_start_world();
    int64_t begin = test_now_ns();
    int64_t end = begin + (int64_t)(test_seconds(1) * 1e9);
    int64_t last = begin + INT64_C(60000000000);
    bool enough = false;
    uint64_t stops = 0;
    while (test_now_ns() < end || (!enough && test_now_ns() < last)) {
        tri_host_stop_world(TRI_STOP_TEST);
        turn();
        enough = seen_enough(before, older);
        tri_host_start_world();
        stops++;
        int64_t until = test_now_ns() + (int64_t)test_random_below(20000);
        while (test_now_ns() < until)
            tri_cpu_relax();
    }
    tri_host_stop_world(TRI_STOP_TEST);
    if (sequence_flag != 0)
        turn();
    struct rewound now = count_rewound();
    tri_host_start_world();
    printf("# %" PRIu64 " stops, %" PRIu64 " + %" PRIu64 " of older frames "
           "put back, %" PRIu64 " + %" PRIu64 " stores noted\n",
           stops, now.newest - before.newest, now.older - before.older,
           mutators[0].noted, mutators[1].noted);
    EXPECT(enough);
}

static sequence_stores_fn *
in_library(void)
{
    void *library = dlopen(SEQUENCE_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    EXPECT_F(library != NULL, "%s", dlerror());
    sequence_stores_fn *stores =
        (sequence_stores_fn *)(uintptr_t)dlsym(library, "sequence_stores_so");
    EXPECT(stores != NULL);
    return stores;
}

enum flow {
    GOROUTINES,
    THREADS,
    MADE_STACKS
};

static void
run_mutators(enum flow flow, bool older)
{
    pthread_t thread[MUTATORS];
    SET(leave, 0);
    tri_waitgroup_add(&group, MUTATORS);
    for (int i = 0; i < MUTATORS; i++) {
        struct mutator *mutator = &mutators[i];
        mutator->stores = i == 0 ? SEQUENCE_STORES : in_library();
        mutator->made_stack = flow == MADE_STACKS ? malloc(STACK_BYTES) : NULL;
        if (flow == GOROUTINES)
            tri_go(mutate, mutator);
        else
            EXPECT_EQ(
                pthread_create(&thread[i], NULL, mutate_attached, mutator), 0);
    }
    for (int i = 0; i < MUTATORS; i++)
        while (GET(mutators[i].tid) == 0)
            tri_sleep(1000 * 1000);
    stop_and_turn(older);
    SET(leave, 1);
    tri_waitgroup_wait(&group);
    for (int i = 0; i < MUTATORS && flow != GOROUTINES; i++) {
        tri_blocking_begin();
        pthread_join(thread[i], NULL);
        tri_blocking_end();
        free(mutators[i].made_stack);
    }
}

TEST(a_store_is_not_done_half)
{
    run_mutators(GOROUTINES, false);
}

/* ---- handlers of the program's -------------------------------------------------- */

static volatile int handler_turns;
static volatile int pest_over;
static volatile int second; /* signal that comes behind SIGUSR1; 0: none */
static int64_t sent, begun, ended;

/* So long that the stop often comes while it runs. */
static TRI_NO_SANITIZE void
on_pest(int unused)
{
    (void)unused;
    __atomic_add_fetch(&begun, 1, __ATOMIC_SEQ_CST);
    for (volatile int i = 0; i < handler_turns; i++)
        ;
    __atomic_add_fetch(&ended, 1, __ATOMIC_SEQ_CST);
}

/* The next one waits until the last has begun: a thread that finds a stop and a
 * signal waiting each time it goes on stacks up frames without one step between. */
static bool
may_send(void)
{
    return GET(begun) >= sent && sent - GET(ended) < MAX_HANDLERS;
}

static void
send_to(int tid, int number)
{
    if (tid != 0 && number != 0
        && syscall(SYS_tgkill, getpid(), tid, number) == 0)
        sent++;
}

static void *
send_pests(void *unused)
{
    while (GET(pest_over) == 0) {
        for (int i = 0; i < MUTATORS && may_send(); i++) {
            int tid = GET(mutators[i].tid);
            send_to(tid, SIGUSR1);
            send_to(tid, second);
        }
        usleep(50);
    }
    return unused;
}

static void
handle_pests(int number, int flags, int turns)
{
    struct sigaction action = { .sa_handler = on_pest,
                                .sa_flags = SA_RESTART | flags };
    handler_turns = turns;
    EXPECT_EQ(sigaction(number, &action, NULL), 0);
}

static void
run_under_pests(enum flow flow)
{
    pthread_t pest;
    SET(pest_over, 0);
    sent = GET(ended); /* some were lost with their thread */
    SET(begun, sent);
    EXPECT_EQ(pthread_create(&pest, NULL, send_pests, NULL), 0);
    run_mutators(flow, true);
    SET(pest_over, 1);
    tri_blocking_begin();
    pthread_join(pest, NULL);
    tri_blocking_end();
}

TEST(nor_under_a_handler)
{
    handle_pests(SIGUSR1, 0, 20000);
    run_under_pests(THREADS);
}

TEST(nor_under_a_handler_that_blocks_nothing)
{
    handle_pests(SIGUSR1, SA_NODEFER, 20000);
    run_under_pests(GOROUTINES);
}

TEST(nor_under_one_on_the_signal_stack)
{
    handle_pests(SIGUSR1, SA_ONSTACK, 20000);
    run_under_pests(THREADS);
}

TEST(nor_under_one_on_a_stack_of_the_programs)
{
    handle_pests(SIGUSR1, 0, 20000);
    run_under_pests(MADE_STACKS);
}

TEST(nor_under_one_on_the_signal_stack_above_such)
{
    handle_pests(SIGUSR1, SA_ONSTACK, 20000);
    run_under_pests(MADE_STACKS);
}

/* Two handlers on two stacks, over a store. */
TEST(nor_under_one_over_another)
{
    handle_pests(SIGUSR1, 0, 20000);
    handle_pests(SIGUSR2, SA_ONSTACK, 20000);
    second = SIGUSR2;
    run_under_pests(THREADS);
    second = 0;
}

#if TRI_SEQUENCES

/* libc's return code with a delay before it: what a thread is rarely caught in
 * happens all the time (SEQ-6). */
void slow_return(void);
__asm__(".text\n"
        ".globl slow_return\n"
        ".hidden slow_return\n"
        "slow_return:\n\t"
        "movl $40000, %ecx\n"
        "1:\tdecl %ecx\n\t"
        "jnz 1b\n\t"
        "movl $15, %eax\n\t"
        "syscall\n");

static void
return_slowly(void)
{
    struct {
        void *handler;
        unsigned long flags;
        void (*restorer)(void);
        unsigned long mask;
    } action;
    EXPECT_EQ(syscall(SYS_rt_sigaction, SIGUSR1, NULL, &action, 8), 0);
    action.restorer = slow_return;
    EXPECT_EQ(syscall(SYS_rt_sigaction, SIGUSR1, &action, NULL, 8), 0);
}

TEST(nor_while_a_handler_returns)
{
    handle_pests(SIGUSR1, 0, 1);
    return_slowly();
    run_under_pests(THREADS);
}

#endif

int
main(int argc, char **argv)
{
    test_begin(argc, argv);
    struct tri_options options = { .procs = 3, .gc_percent = -1 };
    return tri_main(test_run_all, NULL, &options);
}
