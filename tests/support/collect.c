/* SPDX-License-Identifier: MIT */
/* tests/support/collect.c: see collect.h. */
#include "tests/support/collect.h"

#include <setjmp.h>
#include <stdio.h>

struct errand {
    void (*fn)(void *arg);
    void *arg;
    struct tri_waitgroup done;
};

static void
run_errand(void *arg)
{
    struct errand *errand = arg;
    errand->fn(errand->arg);
    tri_waitgroup_done(&errand->done);
}

void
apart(void (*fn)(void *arg), void *arg)
{
    struct errand errand = { fn, arg, { 0 } };
    tri_waitgroup_add(&errand.done, 1);
    tri_go(run_errand, &errand);
    tri_waitgroup_wait(&errand.done);
}

void
collect(void)
{
    tri_gc();
    EXPECT(tri_cleanup_drain(TEN_SECONDS));
}

/* ---- storms ---- */

struct storm {
    void (*work)(void);
    int workers;
    double seconds;
    struct tri_waitgroup group;
};

static uint32_t over;

bool
storm_is_over(void)
{
    return __atomic_load_n(&over, __ATOMIC_ACQUIRE) != 0;
}

static void
work_in_storm(void *arg)
{
    struct storm *storm = arg;
    storm->work();
    tri_waitgroup_done(&storm->group);
}

static void
collect_in_storm(void *arg)
{
    struct storm *storm = arg;
    while (!storm_is_over())
        tri_gc();
    tri_waitgroup_done(&storm->group);
}

static void
blow(void *arg)
{
    struct storm *storm = arg;
    __atomic_store_n(&over, 0, __ATOMIC_RELEASE);
    tri_waitgroup_add(&storm->group, storm->workers + 1);
    for (int i = 0; i < storm->workers; i++)
        tri_go(work_in_storm, storm);
    tri_go(collect_in_storm, storm);
    tri_sleep((int64_t)(storm->seconds * 1e9));
    __atomic_store_n(&over, 1, __ATOMIC_RELEASE);
    tri_waitgroup_wait(&storm->group);
}

void
storm(void (*work)(void), int workers, double seconds)
{
    struct storm storm = { work, workers, seconds, { 0 } };
    apart(blow, &storm);
}

/* ---- accounts ---- */

int64_t
metric(const char *name)
{
    double value = -1;
    EXPECT_F(tri_metric_read(name, &value) == 0, "no metric %s", name);
    return (int64_t)value;
}

void
expect_balance(void)
{
    EXPECT(tri_cleanup_drain(TEN_SECONDS));
    int64_t added = metric("/gc/cleanups/added:cleanups");
    int64_t stopped = metric("/gc/cleanups/stopped:cleanups");
    int64_t queued = metric("/gc/cleanups/queued:cleanups");
    int64_t executed = metric("/gc/cleanups/executed:cleanups");
    EXPECT_EQ(metric("/gc/cleanups/pending:cleanups"), 0);
    EXPECT_EQ(queued, executed);
    EXPECT_EQ(metric("/gc/cleanups/armed:cleanups"), added - stopped - queued);
}

/* ---- misuse ---- */

static jmp_buf back;
static char said[512];

static void
note_panic(const char *message)
{
    (void)snprintf(said, sizeof(said), "%s", message);
    longjmp(back, 1);
}

void
expect_panic(const char *file, int line, void (*fn)(void *), void *arg,
             const char *words)
{
    void (*before)(const char *) = tri_set_panic_handler(note_panic);
    said[0] = 0;
    if (setjmp(back) == 0)
        fn(arg);
    (void)tri_set_panic_handler(before);
    if (strstr(said, words) == NULL)
        test_fail(file, line, "no panic with \"%s\", but \"%s\"", words, said);
}

int
runtime_test_main(int argc, char **argv, const struct tri_options *opt)
{
    test_begin(argc, argv);
    return tri_main(test_run_all, NULL, opt);
}
