/* SPDX-License-Identifier: MIT */
/* tests/support/test.c: running tests, threads, deaths, random numbers. */
#include "tests/support/test.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 256

static struct test_case *first_case;

static const char *program;
static uint64_t seed;
static double seconds = -1;
static int name_count;
static char **names;

static const char *running = "(none)";
static const char *skip_reason;

static __thread uint64_t random_state;

void
test_register(struct test_case *test)
{
    struct test_case **at = &first_case;
    while (*at != NULL && (*at)->line < test->line)
        at = &(*at)->next;
    test->next = *at;
    *at = test;
}

int64_t
test_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- random numbers ---- */

static uint64_t
mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

void
test_random_seed_thread(uint64_t stream)
{
    random_state = mix(seed ^ mix(stream)) | 1;
}

uint64_t
test_random(void)
{
    if (random_state == 0)
        test_random_seed_thread(0);
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * UINT64_C(0x2545f4914f6cdd1d);
}

uint64_t
test_random_below(uint64_t below)
{
    return (test_random() >> 11) % below;
}

uint64_t
test_seed(void)
{
    return seed;
}

double
test_seconds(double otherwise)
{
    return seconds >= 0 ? seconds : otherwise;
}

/* ---- failing and skipping ---- */

void
test_fail(const char *file, int line, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    /* One write each: other threads may be printing too. */
    (void)dprintf(2, "# %s:%d: %s\n# in %s; again: %s --seed %" PRIu64 " %s\n",
                  file, line, text, running, program, seed, running);
    abort();
}

void
test_skip(const char *reason)
{
    skip_reason = reason;
}

/* ---- running ---- */

static double
number_or_die(const char *flag, const char *text)
{
    char *end = NULL;
    double value = text != NULL ? strtod(text, &end) : 0;
    if (text == NULL || end == text || *end != 0) {
        (void)fprintf(stderr, "%s takes a number\n", flag);
        exit(2);
    }
    return value;
}

void
test_begin(int argc, char **argv)
{
    program = argv[0];
    const char *from = getenv("TRI_TEST_SEED");
    seed = from != NULL ? strtoull(from, NULL, 0)
                        : mix((uint64_t)test_now_ns()) % 1000000;
    from = getenv("TRI_TEST_SECONDS");
    if (from != NULL)
        seconds = number_or_die("TRI_TEST_SECONDS", from);
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i += 2) {
        if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            seed = strtoull(argv[i + 1], NULL, 0);
        } else if (strcmp(argv[i], "--seconds") == 0) {
            seconds = number_or_die(argv[i], argv[i + 1]);
        } else {
            (void)fprintf(stderr,
                          "usage: %s [--seed N] [--seconds N] [NAME...]\n",
                          program);
            exit(2);
        }
    }
    names = argv + i;
    name_count = argc - i;
    /* Deaths are part of the tests: no core files for them. */
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
}

static bool
is_wanted(const struct test_case *test)
{
    for (int i = 0; i < name_count; i++) {
        if (strcmp(names[i], test->name) == 0)
            return true;
    }
    return name_count == 0;
}

int
test_run_all(void *unused)
{
    (void)unused;
    int number = 0;
    int skipped = 0;
    for (struct test_case *test = first_case; test; test = test->next) {
        if (!is_wanted(test))
            continue;
        number++;
        running = test->name;
        skip_reason = NULL;
        test_random_seed_thread(0);
        test->run();
        if (skip_reason != NULL) {
            skipped++;
            (void)printf("ok %d - %s # SKIP %s\n", number, test->name,
                         skip_reason);
        } else {
            (void)printf("ok %d - %s\n", number, test->name);
        }
        (void)fflush(stdout);
    }
    (void)printf("1..%d\n", number);
    (void)fflush(stdout);
    if (number == 0) {
        (void)fprintf(stderr, "%s: no such test\n", program);
        return 2;
    }
    return skipped == number ? 77 : 0;
}

int
test_main(int argc, char **argv)
{
    test_begin(argc, argv);
    return test_run_all(NULL);
}

/* ---- threads ---- */

struct test_thread {
    pthread_t thread;
    pthread_barrier_t *start;
    void (*fn)(int number, void *arg);
    void *arg;
    int number;
};

static void *
thread_main(void *arg)
{
    struct test_thread *self = arg;
    test_random_seed_thread((uint64_t)self->number + 1);
    (void)pthread_barrier_wait(self->start);
    self->fn(self->number, self->arg);
    return NULL;
}

void
test_threads(int count, void (*fn)(int number, void *arg), void *arg)
{
    static struct test_thread threads[THREADS_MAX];
    EXPECT(count > 0 && count <= THREADS_MAX);
    pthread_barrier_t start;
    EXPECT(pthread_barrier_init(&start, NULL, (unsigned)count) == 0);
    for (int i = 0; i < count; i++) {
        threads[i] = (struct test_thread){
            .start = &start, .fn = fn, .arg = arg, .number = i
        };
        EXPECT(
            pthread_create(&threads[i].thread, NULL, thread_main, &threads[i])
            == 0);
    }
    for (int i = 0; i < count; i++)
        EXPECT(pthread_join(threads[i].thread, NULL) == 0);
    EXPECT(pthread_barrier_destroy(&start) == 0);
}

/* ---- deaths ---- */

static size_t
read_all(int fd, char *text, size_t bytes)
{
    size_t length = 0;
    for (;;) {
        char spill[256];
        char *to = length + 1 < bytes ? text + length : spill;
        size_t room = length + 1 < bytes ? bytes - 1 - length : sizeof(spill);
        ssize_t got = read(fd, to, room);
        if (got <= 0)
            break;
        if (to != spill)
            length += (size_t)got;
    }
    text[length] = 0;
    return length;
}

void
test_expect_death(const char *file, int line, void (*fn)(void *), void *arg,
                  const char *words)
{
    int ends[2];
    EXPECT(pipe(ends) == 0);
    (void)fflush(stdout);
    pid_t child = fork();
    EXPECT(child >= 0);
    if (child == 0) {
        (void)dup2(ends[1], 2);
        (void)close(ends[0]);
        (void)close(ends[1]);
        fn(arg);
        _exit(0);
    }
    (void)close(ends[1]);
    char text[8192];
    (void)read_all(ends[0], text, sizeof(text));
    (void)close(ends[0]);
    int status = 0;
    EXPECT(waitpid(child, &status, 0) == child);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
        test_fail(file, line, "did not abort (status %#x), wrote \"%s\"",
                  (unsigned)status, text);
    if (strstr(text, words) == NULL)
        test_fail(file, line, "died without \"%s\", wrote \"%s\"", words, text);
}

static int
status_in_child(void (*fn)(void), bool leaves_core)
{
    struct rlimit no_core = { 0, 0 };
    (void)fflush(NULL);
    pid_t child = fork();
    EXPECT(child >= 0);
    if (child == 0) {
        if (!leaves_core)
            EXPECT_EQ(setrlimit(RLIMIT_CORE, &no_core), 0);
        fn();
        _exit(0);
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return status;
}

void
test_in_child(void (*fn)(void))
{
    int status = status_in_child(fn, true);
    EXPECT_F(status == 0, "the child's status is %#x", (unsigned)status);
}

void
test_killed_in_child(void (*fn)(void), int number)
{
    int status = status_in_child(fn, false);
    EXPECT_F(WIFSIGNALED(status) && WTERMSIG(status) == number,
             "the child's status is %#x; it was to die by signal %d",
             (unsigned)status, number);
}

static int
compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int64_t
test_sort(int64_t *values, size_t count)
{
    if (count == 0)
        return 0;
    qsort(values, count, sizeof(*values), compare);
    return values[count / 2];
}
