/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/rt_million.c: as many goroutines as one likes wait at a gate, at the
 * default vm.max_map_count: what each costs, a collection with all of them, and that
 * all come back and leave their memory.
 *
 *     rt_million     100,000 (2000 under a sanitizer); TRI_MILLION=N: N of them
 *
 * To see it fail: in runtime/stack.c guard by mprotect where there are markers
 * (mappings); let tri_spawn touch a second page of the stack (memory); leave
 * tri_g_trim out of sysmon (memory is not given back).
 */
#include <tricolor/tricolor.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/sanitize.h"
#include "runtime/stack.h"
#include "tests/support/test.h"

#define PAGE 4096.0

enum {
    BYTES_EACH = 4710,     /* 4.6 KiB: a page, and what describes it */
    SLACK_BYTES = 8 << 20, /* whatever it is that grows with nobody */
    MAPPINGS_MORE = 64,
    DEEP_BYTES = 20000
};

static int64_t count;
static struct tri_chan *gate;
static struct tri_waitgroup group;
static int64_t there, right;

static double
resident_bytes(void)
{
    long pages = 0;
    FILE *in = fopen("/proc/self/statm", "re");
    EXPECT(in != NULL);
    EXPECT(fscanf(in, "%*s %ld", &pages) == 1);
    EXPECT(fclose(in) == 0);
    return (double)pages * PAGE;
}

static int
mappings(void)
{
    int lines = 0;
    int c;
    FILE *in = fopen("/proc/self/maps", "re");
    EXPECT(in != NULL);
    while ((c = getc(in)) != EOF)
        lines += c == '\n';
    EXPECT(fclose(in) == 0);
    return lines;
}

struct ticket {
    struct ticket *self;
    int64_t number;
};
TRI_TYPE(ticket_type, struct ticket, self);

/* Its stack alone knows the ticket. */
static void
wait_at_gate(void *arg)
{
    int64_t number = (int64_t)(intptr_t)arg;
    struct ticket *ticket = NULL;
    if (number % 16 == 0) {
        ticket = tri_new(&ticket_type);
        TRI_STORE(&ticket->self, ticket);
        ticket->number = number;
    }
    __atomic_fetch_add(&there, 1, __ATOMIC_RELAXED);
    bool more = tri_chan_recv(gate, NULL);
    if (!more
        && (ticket == NULL
            || (ticket->self == ticket && ticket->number == number)))
        __atomic_fetch_add(&right, 1, __ATOMIC_RELAXED);
    tri_waitgroup_done(&group);
}

static double
gather(void)
{
    int64_t begin = test_now_ns();
    struct tri_chan *chan = tri_chan_make(0, 0);
    TRI_STORE(&gate, chan);
    there = right = 0;
    tri_waitgroup_add(&group, count);
    for (int64_t i = 0; i < count; i++)
        tri_go(wait_at_gate, (void *)(intptr_t)i);
    while (__atomic_load_n(&there, __ATOMIC_RELAXED) != count)
        tri_yield();
    return (double)(test_now_ns() - begin) / 1e9;
}

static void
dismiss(void)
{
    tri_chan_close(gate);
    tri_waitgroup_wait(&group);
    EXPECT_EQ(right, count);
}

static void
go_deep(void *unused)
{
    volatile char deep[DEEP_BYTES];
    (void)unused;
    for (int i = 0; i < DEEP_BYTES; i += 1024)
        deep[i] = 1;
    __atomic_fetch_add(&there, 1, __ATOMIC_RELAXED);
    tri_chan_recv(gate, NULL);
    tri_waitgroup_done(&group);
    __asm__ volatile("" : : "r"(deep) : "memory");
}

TEST(a_crowd_waits_on_few_pages_in_few_mappings_and_comes_back)
{
    bool markers = tri_stack_guard_kind() == TRI_GUARD_MARKERS;
    double before = resident_bytes();
    int mapped = mappings();
    double seconds = gather();
    double each = (resident_bytes() - before) / (double)count;
    int more = mappings() - mapped;
    int64_t begin = test_now_ns();
    tri_gc();
    double collection = (double)(test_now_ns() - begin) / 1e6;
    dismiss();
    double again = gather(); /* the stacks are there */
    dismiss();
    printf("# %lld goroutines in %.2f s, again in %.2f s; %.0f bytes each, "
           "%d more mappings; a collection %.0f ms\n",
           (long long)count, seconds, again, each, more, collection);
    /* A fiber of a sanitizer costs what it costs. */
    if (!TRI_ASAN && !TRI_TSAN)
        EXPECT_F(each <= BYTES_EACH + (double)SLACK_BYTES / (double)count,
                 "%.0f bytes each, more than %d", each, BYTES_EACH);
    if (markers && !TRI_ASAN && !TRI_TSAN)
        EXPECT_F(more <= MAPPINGS_MORE, "%d more mappings", more);
}

/* Five pages each, of which four go. */
TEST(memory_of_deep_stacks_is_given_back)
{
    if (TRI_ASAN || TRI_TSAN) {
        test_skip("the sanitizer's own memory hides it");
        return;
    }
    int64_t deep = count / 10;
    struct tri_chan *chan = tri_chan_make(0, 0);
    TRI_STORE(&gate, chan);
    there = 0;
    double before = resident_bytes();
    tri_waitgroup_add(&group, deep);
    for (int64_t i = 0; i < deep; i++)
        tri_go(go_deep, NULL);
    while (__atomic_load_n(&there, __ATOMIC_RELAXED) != deep)
        tri_yield();
    double high = resident_bytes();
    tri_chan_close(gate);
    tri_waitgroup_wait(&group);
    double grown = high - before;
    EXPECT(grown > (double)deep * 12000);
    /* sysmon does 64 at a time, with a rest of 2 ms while nobody runs: as long as
     * there are fewer, now and then. */
    enum {
        PATIENCE = 1200
    };
    double left = grown, least = grown;
    for (int idle = 0; idle < PATIENCE && left > grown / 4; idle++) {
        tri_sleep(50 * 1000 * 1000);
        left = resident_bytes() - before;
        if (left < least - 1e5) {
            least = left;
            idle = 0;
        }
    }
    printf("# %.0f MB for %lld deep ones, %.0f MB left\n", grown / 1e6,
           (long long)deep, left / 1e6);
    EXPECT_F(left <= grown / 4, "%.0f of %.0f MB were not given back",
             left / 1e6, grown / 1e6);
}

int
main(int argc, char **argv)
{
    test_begin(argc, argv);
    const char *wanted = getenv("TRI_MILLION");
    count = wanted != NULL       ? strtoll(wanted, NULL, 0)
          : TRI_ASAN || TRI_TSAN ? 2000
                                 : 100000;
    struct tri_options options = { .procs = 2 };
    return tri_main(test_run_all, NULL, &options);
}
