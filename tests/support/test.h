/* SPDX-License-Identifier: MIT */
/*
 * tests/support/test.h: our test harness.
 *
 *     TEST(a_freed_slot_is_handed_out_again) { ... EXPECT(slot == 3); }
 *     TEST_MAIN
 *
 * A test is a sentence.  EXPECT prints what failed and aborts: from any thread,
 * on any stack, with every other thread's backtrace still there for a debugger.
 * The output is TAP.
 *
 *     PROGRAM [--seed N] [--seconds N] [NAME...]
 *
 * Random tests draw from test_random(), whose seed is printed, with the command
 * that runs the test again, when something fails.  TRI_TEST_SEED and
 * TRI_TEST_SECONDS stand in for the flags.
 *
 * A test of the runtime has a main of its own: test_begin(argc, argv), and then
 * test_run_all as the main goroutine.
 */
#ifndef TRI_TESTS_SUPPORT_TEST_H
#define TRI_TESTS_SUPPORT_TEST_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct test_case {
    const char *name;
    void (*run)(void);
    int line;
    struct test_case *next;
};

void test_register(struct test_case *test);
void test_begin(int argc, char **argv);
/* The status for exit(): 0, all passed; 77, all were skipped.  The argument is
 * not used: it has the type of a goroutine's main. */
int test_run_all(void *unused);
int test_main(int argc, char **argv);

__attribute__((noreturn, format(printf, 3, 4))) void test_fail(
    const char *file, int line, const char *format, ...);

/* Ends the running test as skipped, with the reason: return right after it. */
void test_skip(const char *reason);

#define TEST(sentence)                                                         \
    static void sentence(void);                                                \
    static struct test_case sentence##_case = { #sentence, sentence, __LINE__, \
                                                NULL };                        \
    __attribute__((constructor)) static void sentence##_register(void)         \
    {                                                                          \
        test_register(&sentence##_case);                                       \
    }                                                                          \
    static void sentence(void)

#define TEST_MAIN                                                              \
    int main(int argc, char **argv)                                            \
    {                                                                          \
        return test_main(argc, argv);                                          \
    }

#define EXPECT(condition)                                                      \
    do {                                                                       \
        if (!(condition))                                                      \
            test_fail(__FILE__, __LINE__, "%s", #condition);                   \
    } while (0)

/* EXPECT with a printf message that shows the values. */
#define EXPECT_F(condition, ...)                                               \
    do {                                                                       \
        if (!(condition))                                                      \
            test_fail(__FILE__, __LINE__, __VA_ARGS__);                        \
    } while (0)

/* Integers, compared as int64_t: both values are shown. */
#define EXPECT_EQ(a, b)                                                        \
    do {                                                                       \
        int64_t a_ = (int64_t)(a);                                             \
        int64_t b_ = (int64_t)(b);                                             \
        if (a_ != b_)                                                          \
            test_fail(__FILE__, __LINE__,                                      \
                      "%s is %" PRId64 " (%#" PRIx64 "), not %s, %" PRId64,    \
                      #a, a_, (uint64_t)a_, #b, b_);                           \
    } while (0)

#define EXPECT_STR(a, b)                                                       \
    do {                                                                       \
        const char *a_ = (a);                                                  \
        const char *b_ = (b);                                                  \
        if (strcmp(a_, b_) != 0)                                               \
            test_fail(__FILE__, __LINE__, "%s is \"%s\", not \"%s\"", #a, a_,  \
                      b_);                                                     \
    } while (0)

/* Runs fn(arg) in a child process, which must abort after it wrote `words` to
 * standard error.  To be called while this process has one thread. */
#define EXPECT_DEATH(fn, arg, words)                                           \
    test_expect_death(__FILE__, __LINE__, fn, arg, words)
void test_expect_death(const char *file, int line, void (*fn)(void *),
                       void *arg, const char *words);
/* Runs fn in a child, whose EXPECTs count. */
void test_in_child(void (*fn)(void));
/* The same, and the child is to die by this signal, and leaves no core. */
void test_killed_in_child(void (*fn)(void), int number);

/* Runs fn(number, arg) on `count` threads at once, number = 0..count - 1, all
 * let go together, and waits for them. */
void test_threads(int count, void (*fn)(int number, void *arg), void *arg);

/* Per thread, seeded from the seed and the thread's number in test_threads. */
uint64_t test_random(void);
/* In [0, below). */
uint64_t test_random_below(uint64_t below);
/* Another stream for this thread: tests that run on goroutines. */
void test_random_seed_thread(uint64_t stream);
uint64_t test_seed(void);

/* Variables that goroutines and threads have in common, and a test looks at. */
#define GET(variable) __atomic_load_n(&(variable), __ATOMIC_SEQ_CST)
#define SET(variable, value)                                                   \
    __atomic_store_n(&(variable), value, __ATOMIC_SEQ_CST)

/* Sorts, and returns the middle one; 0: there is none. */
int64_t test_sort(int64_t *values, size_t count);

/* --seconds, or `otherwise`: how long a stress test goes on. */
double test_seconds(double otherwise);
/* Monotonic, ns. */
int64_t test_now_ns(void);

#endif /* TRI_TESTS_SUPPORT_TEST_H */
