/* SPDX-License-Identifier: MIT */
/*
 * bench/cases/world.c: many goroutines at once: a ring, a fan, a storm of
 * timers, a million that wait, and pauses among ten thousand.
 *
 * Counters that end in "_ns" are rows of their own in bench/compare-go.
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/bench.h"

#define PAGE 4096

/* ---- a ring -------------------------------------------------------------------- */

#define RING 503

struct link {
    struct tri_chan *in, *out;
};

/* Passes the number on, one less; 0 goes round once more, as the end. */
static void
pass_on(void *arg)
{
    const struct link *link = arg;
    int64_t left;
    while (tri_chan_recv(link->in, &left)) {
        int64_t next = left == 0 ? 0 : left - 1;
        tri_chan_send(link->out, &next);
        if (left == 0)
            return;
    }
}

/* A pass is one hop. */
TRI_BENCH(ring, .name = "ring/503")
{
    static struct link links[RING]; /* static data are roots */
    for (int i = 0; i < RING; i++)
        TRI_STORE(&links[i].in, tri_chan_make(sizeof(int64_t), 1));
    for (int i = 0; i < RING; i++)
        TRI_STORE(&links[i].out, links[(i + 1) % RING].in);
    for (int i = 0; i < RING - 1; i++)
        tri_go(pass_on, &links[i]);
    int64_t left = tri_bench_begin(state);
    tri_chan_send(links[0].in, &left);
    /* The last link is ours: we see when it is over. */
    while (tri_chan_recv(links[RING - 1].in, &left) && left > 0) {
        left--;
        tri_chan_send(links[RING - 1].out, &left);
    }
    (void)tri_bench_end(state);
    memset(links, 0, sizeof(links));
}

/* ---- fan-out, fan-in ------------------------------------------------------------ */

#define WORKERS 8

struct fan {
    struct tri_chan *jobs, *results;
};

static void
work(void *arg)
{
    const struct fan *fan = arg;
    int64_t job;
    while (tri_chan_recv(fan->jobs, &job)) {
        job = job * 3 + 1;
        tri_chan_send(fan->results, &job);
    }
    job = -1;
    tri_chan_send(fan->results, &job);
}

static void
hand_out(void *arg)
{
    struct fan *fan = arg;
    int64_t count;
    tri_chan_recv(fan->results, &count); /* how many */
    for (int64_t i = 0; i < count; i++)
        tri_chan_send(fan->jobs, &i);
    tri_chan_close(fan->jobs);
}

/* A pass is a job: handed out, done by one of eight, collected. */
TRI_BENCH(fan, .name = "fan/8")
{
    struct fan fan = { tri_chan_make(sizeof(int64_t), 64),
                       tri_chan_make(sizeof(int64_t), 64) };
    int64_t count = tri_bench_begin(state);
    tri_chan_send(fan.results, &count);
    tri_go(hand_out, &fan);
    while (tri_chan_len(fan.results) != 0)
        tri_yield(); /* until it has read that */
    for (int i = 0; i < WORKERS; i++)
        tri_go(work, &fan);
    int64_t sum = 0, result;
    for (int ended = 0; ended < WORKERS;) {
        tri_chan_recv(fan.results, &result);
        if (result < 0)
            ended++;
        else
            sum += result;
    }
    (void)tri_bench_end(state);
    if (sum != count * (count - 1) / 2 * 3 + count)
        tri_bench_fail(state, "results were lost");
}

/* ---- timers ------------------------------------------------------------------------ */

#define SLEEPERS 100000

struct sleeper {
    struct tri_waitgroup *done;
    int64_t ns;
};

static void
sleep_once(void *arg)
{
    const struct sleeper *sleeper = arg;
    tri_sleep(sleeper->ns);
    tri_waitgroup_done(sleeper->done);
}

/* A pass is one of 100 000 goroutines that sleep 1 to 11 ms at the same time. */
TRI_BENCH(timers, .name = "timer/storm_100k")
{
    struct tri_waitgroup done = { 0 };
    struct sleeper *sleepers =
        tri_alloc_noscan(SLEEPERS * sizeof(struct sleeper));
    for (int64_t i = 0; i < SLEEPERS; i++)
        sleepers[i] =
            (struct sleeper){ &done, 1000000 + i * 7919 % 10000 * 1000 };
    TRI_BENCH_BATCHES(state, SLEEPERS, batch)
    {
        tri_bench_resume(state);
        tri_waitgroup_add(&done, batch);
        for (int64_t i = 0; i < batch; i++)
            tri_go(sleep_once, &sleepers[i]);
        tri_waitgroup_wait(&done);
        tri_bench_pause(state);
    }
    tri_keepalive(sleepers);
}

#define SHORT_SLEEPERS 100
#define SHORT_NS       50000

static void
sleep_often(void *shared, int64_t passes)
{
    (void)shared;
    for (; passes > 0; passes--)
        tri_sleep(SHORT_NS);
}

/* A pass is a sleep of 50 us; a hundred goroutines do nothing else. */
TRI_BENCH(short_sleeps, .name = "timer/short_sleeps/procs:2", .procs = 2,
          .goroutines = SHORT_SLEEPERS)
{
    tri_bench_parallel(state, sleep_often, NULL);
}

/* The same, of one alone: how late it wakes. */
TRI_BENCH(lone_sleep, .name = "timer/lone_sleep/procs:2", .procs = 2)
{
    TRI_BENCH_LOOP(state)
    tri_sleep(SHORT_NS);
}

/* ---- a million that wait -------------------------------------------------------------- */

#define MILLION 1000000

struct crowd {
    int64_t size;
    struct tri_chan *gate;
    struct tri_waitgroup left;
    int64_t there;
};

static void
wait_at_gate(void *arg)
{
    struct crowd *crowd = arg;
    __atomic_fetch_add(&crowd->there, 1, __ATOMIC_RELAXED);
    tri_chan_recv(crowd->gate, NULL);
    tri_waitgroup_done(&crowd->left);
}

static double
resident_bytes(void)
{
    long pages = 0;
    FILE *in = fopen("/proc/self/statm", "re");
    if (in != NULL) {
        if (fscanf(in, "%*s %ld", &pages) != 1)
            pages = 0;
        (void)fclose(in);
    }
    return (double)pages * PAGE;
}

/* Until all of them wait; ns for each. */
static double
gather(struct crowd *crowd)
{
    int64_t begin = tri_bench_now_ns();
    crowd->there = 0;
    crowd->gate = tri_chan_make(0, 0);
    tri_waitgroup_add(&crowd->left, crowd->size);
    for (int64_t i = 0; i < crowd->size; i++)
        tri_go(wait_at_gate, crowd);
    while (__atomic_load_n(&crowd->there, __ATOMIC_RELAXED) != crowd->size)
        tri_yield();
    return (double)(tri_bench_now_ns() - begin) / (double)crowd->size;
}

static void
dismiss(struct crowd *crowd)
{
    tri_chan_close(crowd->gate);
    tri_waitgroup_wait(&crowd->left);
}

/* The machine's bound: as many fresh pages, touched; ns for each. */
static double
touch_pages(int64_t count)
{
    size_t bytes = (size_t)count * PAGE;
    char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        return NAN;
    madvise(at, bytes, MADV_NOHUGEPAGE);
    int64_t begin = tri_bench_now_ns();
    for (size_t i = 0; i < bytes; i += PAGE)
        ((volatile char *)at)[i] = 1;
    double ns = (double)(tri_bench_now_ns() - begin) / (double)count;
    munmap(at, bytes);
    return ns;
}

/* ---- pauses ------------------------------------------------------------------------------ */

#define BLOCKS   960
#define NODES    (1 << 20)
#define STANDING 10000
#define CYCLES   400
#define BUCKETS  1024

struct node {
    struct node *next;
    uint64_t data[7];
};
TRI_TYPE(node_type, struct node, next);

struct pauses {
    uint64_t counts[BUCKETS];
    double bounds[BUCKETS + 1];
    int buckets;
};

static volatile int over;

static void
compute(void *group)
{
    volatile uint64_t x = 0;
    while (__atomic_load_n(&over, __ATOMIC_RELAXED) == 0)
        x++;
    tri_waitgroup_done(group);
}

static void
allocate(void *group)
{
    while (__atomic_load_n(&over, __ATOMIC_RELAXED) == 0)
        tri_keepalive(tri_new(&node_type));
    tri_waitgroup_done(group);
}

static void
read_pauses(const char *name, struct pauses *pauses)
{
    pauses->buckets =
        tri_metric_histogram(name, pauses->counts, pauses->bounds, BUCKETS);
}

/* In ns: the upper end of the bucket in which that part of the samples ends. */
static double
quantile(const struct pauses *before, const struct pauses *after, double part)
{
    uint64_t all = 0, sum = 0;
    for (int i = 0; i < after->buckets; i++)
        all += after->counts[i] - before->counts[i];
    for (int i = 0; i < after->buckets; i++) {
        sum += after->counts[i] - before->counts[i];
        if (sum != 0 && (double)sum >= part * (double)all)
            return after->bounds[i + 1] * 1e9;
    }
    return NAN;
}

static void
tell_pauses(struct tri_bench_state *state, const char *name,
            const struct pauses *before, const struct pauses *after)
{
    static const struct {
        const char *name;
        double part;
    } parts[] = { { "p50", 0.5 }, { "p999", 0.999 }, { "max", 1 } };
    char full[64];
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(full, sizeof(full), "%s_%s_ns", name, parts[i].name);
        tri_bench_counter(state, full, quantile(before, after, parts[i].part));
    }
}

#define CROWD_CYCLES 5

/* The time is that of the first million. */
TRI_BENCH(parked, .name = "goroutine/parked_1M", .once = true,
          .manual_time = true)
{
    struct crowd crowd = { .size = tri_bench_scaled(MILLION) };
    (void)tri_bench_begin(state);
    double touch = touch_pages(crowd.size);
    double before = resident_bytes();
    double first = gather(&crowd);
    tri_bench_set_seconds(state, first * (double)crowd.size / 1e9);
    tri_bench_counter(state, "bytes_each",
                      (resident_bytes() - before) / (double)crowd.size);
    tri_bench_counter(state, "touch_page", touch);
    tri_bench_counter(state, "first_to_touch", first / touch);
    static struct pauses pauses[2];
    read_pauses("/gc/pauses/total:seconds", &pauses[0]);
    int64_t begin = tri_bench_now_ns();
    for (int i = 0; i < CROWD_CYCLES; i++)
        tri_gc();
    tri_bench_counter(state, "collection_ns",
                      (double)(tri_bench_now_ns() - begin) / CROWD_CYCLES);
    read_pauses("/gc/pauses/total:seconds", &pauses[1]);
    tri_bench_counter(state, "pause_p50_ns",
                      quantile(&pauses[0], &pauses[1], 0.5));
    tri_bench_counter(state, "pause_max_ns",
                      quantile(&pauses[0], &pauses[1], 1));
    dismiss(&crowd);
    tri_bench_counter(state, "second_each_ns", gather(&crowd));
    dismiss(&crowd);
    (void)tri_bench_end(state);
}

#define MACHINE_NS INT64_C(2000000000)

struct watch {
    pthread_t thread;
    int64_t longest_ns;
};

/* Does nothing but look at the clock. */
static void *
watch_machine(void *arg)
{
    struct watch *watch = arg;
    int64_t before = tri_bench_now_ns();
    for (int64_t end = before + MACHINE_NS; before < end;) {
        int64_t now = tri_bench_now_ns();
        if (now - before > watch->longest_ns)
            watch->longest_ns = now - before;
        before = now;
    }
    return NULL;
}

/* What no runtime can do better than: how long the system keeps a thread from its
 * CPU, when two compute and nobody else is meant to. */
static void
tell_machine(struct tri_bench_state *state)
{
    struct watch watches[2] = { { .longest_ns = 0 } };
    int64_t longest = 0;
    tri_blocking_begin();
    for (int i = 0; i < 2; i++)
        if (pthread_create(&watches[i].thread, NULL, watch_machine, &watches[i])
            != 0)
            watches[i].thread = 0;
    for (int i = 0; i < 2; i++)
        if (watches[i].thread != 0) {
            pthread_join(watches[i].thread, NULL);
            if (watches[i].longest_ns > longest)
                longest = watches[i].longest_ns;
        }
    tri_blocking_end();
    tri_bench_counter(state, "machine_gap_ns", (double)longest);
}

/* 1 GiB live, 64 MiB of it nodes; 10 000 goroutines wait, one allocates, one
 * never calls the runtime.  The time is that of a collection. */
TRI_BENCH(pauses, .name = "pause/1GiB_10k", .once = true, .manual_time = true)
{
    static struct pauses stopping[2], total[2];
    static void *blocks[BLOCKS];
    static struct node *list;
    struct crowd crowd = { .size = tri_bench_scaled(STANDING),
                           .gate = tri_chan_make(0, 0) };
    int64_t cycles = tri_bench_scaled(CYCLES);
    struct tri_waitgroup group = { 0 };
    for (int64_t i = 0; i < tri_bench_scaled(BLOCKS); i++)
        TRI_STORE(&blocks[i], tri_alloc_noscan((size_t)1 << 20));
    for (int64_t i = 0; i < tri_bench_scaled(NODES); i++) {
        struct node *node = tri_new(&node_type);
        TRI_STORE(&node->next, list);
        TRI_STORE(&list, node);
    }
    tri_waitgroup_add(&crowd.left, crowd.size);
    for (int64_t i = 0; i < crowd.size; i++)
        tri_go(wait_at_gate, &crowd);
    over = 0;
    tri_waitgroup_add(&group, 2);
    tri_go(compute, &group);
    tri_go(allocate, &group);
    tri_gc();
    (void)tri_bench_begin(state);
    read_pauses("/gc/pauses/stopping:seconds", &stopping[0]);
    read_pauses("/gc/pauses/total:seconds", &total[0]);
    int64_t begin = tri_bench_now_ns();
    for (int64_t i = 0; i < cycles; i++)
        tri_gc();
    tri_bench_set_seconds(state, (double)(tri_bench_now_ns() - begin)
                                     / (double)cycles / 1e9);
    read_pauses("/gc/pauses/stopping:seconds", &stopping[1]);
    read_pauses("/gc/pauses/total:seconds", &total[1]);
    (void)tri_bench_end(state);
    __atomic_store_n(&over, 1, __ATOMIC_RELAXED);
    tri_waitgroup_wait(&group);
    dismiss(&crowd);
    tell_machine(state);
    tell_pauses(state, "stopping", &stopping[0], &stopping[1]);
    tell_pauses(state, "total", &total[0], &total[1]);
    memset(blocks, 0, sizeof(blocks));
    list = NULL;
}

/* ---- what those cost a stop who do nothing ---------------------------------------- */

#define IDLE_CYCLES   400
#define BLOCKED       1000
#define PARKED        100000
#define IDLE_LEAST_NS 0.1 /* told when there is no difference */

struct blocked {
    pthread_t thread;
    int read_end;
    int64_t *there;
};

static void *
block(void *arg)
{
    const struct blocked *blocked = arg;
    char byte;
    if (tri_thread_attach() != 0)
        return NULL;
    tri_blocking_begin();
    __atomic_fetch_add(blocked->there, 1, __ATOMIC_RELEASE);
    ssize_t bytes = read(blocked->read_end, &byte, 1);
    tri_blocking_end();
    tri_thread_detach();
    return bytes == 0 ? arg : NULL;
}

/* The time to stop, at the median of some collections. */
static double
stop_ns(void)
{
    static struct pauses before, after;
    int64_t cycles = tri_bench_scaled(IDLE_CYCLES);
    read_pauses("/gc/pauses/stopping:seconds", &before);
    for (int64_t i = 0; i < cycles; i++)
        tri_gc();
    read_pauses("/gc/pauses/stopping:seconds", &after);
    return quantile(&before, &after, 0.5);
}

static double
stop_beside_blocked_ns(int64_t count)
{
    static struct blocked threads[BLOCKED];
    int ends[2];
    int64_t there = 0;
    double ns = NAN;
    if (pipe(ends) != 0)
        return NAN;
    int64_t made = 0;
    for (; made < count; made++) {
        threads[made] =
            (struct blocked){ .read_end = ends[0], .there = &there };
        if (pthread_create(&threads[made].thread, NULL, block, &threads[made])
            != 0)
            break;
    }
    while (__atomic_load_n(&there, __ATOMIC_ACQUIRE) != made)
        tri_yield();
    if (made == count)
        ns = stop_ns();
    (void)close(ends[1]);
    tri_blocking_begin();
    for (int64_t i = 0; i < made; i++)
        pthread_join(threads[i].thread, NULL);
    tri_blocking_end();
    (void)close(ends[0]);
    return ns;
}

static double
each(double with_ns, double without_ns, int64_t count)
{
    double ns = (with_ns - without_ns) / (double)count;
    return ns < IDLE_LEAST_NS ? IDLE_LEAST_NS : ns;
}

/* The time is that of a stop with nobody there but us. */
TRI_BENCH(idle_threads, .name = "pause/idle", .once = true, .manual_time = true)
{
    struct crowd crowd = { .size = tri_bench_scaled(PARKED) };
    int64_t blocked = tri_bench_scaled(BLOCKED);
    (void)tri_bench_begin(state);
    double alone = stop_ns();
    double beside_blocked = stop_beside_blocked_ns(blocked);
    (void)gather(&crowd);
    double beside_parked = stop_ns();
    dismiss(&crowd);
    (void)tri_bench_end(state);
    tri_bench_set_seconds(state, alone / 1e9);
    tri_bench_counter(state, "blocked_thread_ns",
                      each(beside_blocked, alone, blocked));
    tri_bench_counter(state, "parked_goroutine_ns",
                      each(beside_parked, alone, crowd.size));
}
