/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/alloc_page_alloc.c: the radix tree: first fit in tables of cases,
 * and against a model that looks at one page after the other.  No memory behind
 * it: only page numbers.
 * To see it fail: leave `search` where it is in set_free of alloc/page_alloc.c
 * (PAGE-1), or the released bits as they are in set_used (PAGE-3); let
 * tri_page_tree_update stop one level early (PAGE-2).
 */
#include "alloc/page_alloc.h"

#include <stdlib.h>

#include "tests/support/test.h"

#define CHUNK ((size_t)TRI_CHUNK_PAGES)
#define ROOT  ((size_t)TRI_SUM_MAX)

static struct tri_page_alloc alloc;
static void *tables;

/* An allocator for `pages` pages, nothing grown. */
static void
begin(size_t pages)
{
    free(tables);
    size_t bytes = tri_page_alloc_table_bytes(pages);
    tables = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
    EXPECT(tables != NULL);
    memset(tables, 0, bytes);
    tri_page_alloc_init(&alloc, tables, pages);
}

static size_t
take(size_t count)
{
    size_t released = 0;
    return tri_page_alloc_take(&alloc, count, &released);
}

/* Grows chunks [page, page + count) and takes them all. */
static void
grow_used(size_t page, size_t count)
{
    tri_page_alloc_grow(&alloc, page, count);
    while (count > 0) {
        size_t n = count < ROOT ? count : ROOT;
        EXPECT_EQ(take(n), page);
        page += n;
        count -= n;
    }
}

/*
 * One case: at page `base`, `chunks` chunks, all used but for up to four
 * ranges {first, count}; then up to eight takes {count, want}, where want is
 * relative to base or NONE.
 */
#define NONE SIZE_MAX

static const struct take_case {
    const char *name;
    size_t chunks;
    size_t free[4][2];
    size_t takes[8][2];
} take_cases[] = {
    { "one page after the other",
      1,
      { { 0, 512 } },
      { { 1, 0 }, { 1, 1 }, { 1, 2 }, { 1, 3 } } },
    { "64 at a time",
      1,
      { { 0, 512 } },
      { { 64, 0 }, { 64, 64 }, { 64, 128 }, { 1, 192 } } },
    { "65 at a time",
      1,
      { { 0, 512 } },
      { { 65, 0 }, { 65, 65 }, { 1, 130 } } },
    { "a whole chunk", 1, { { 0, 512 } }, { { 512, 0 }, { 1, NONE } } },
    { "more than there is", 1, { { 0, 512 } }, { { 513, NONE }, { 512, 0 } } },
    { "nothing free", 1, { { 0, 0 } }, { { 1, NONE }, { 512, NONE } } },
    { "the last page", 1, { { 511, 1 } }, { { 2, NONE }, { 1, 511 } } },
    { "every hole is tried in order",
      1,
      { { 3, 1 }, { 60, 8 }, { 130, 64 } },
      { { 8, 60 }, { 1, 3 }, { 64, 130 }, { 1, NONE } } },
    { "small ones fill the first hole, large ones pass it",
      1,
      { { 3, 4 }, { 100, 200 } },
      { { 200, 100 }, { 2, 3 }, { 2, 5 }, { 1, NONE } } },
    { "a run over two chunks",
      2,
      { { 511, 2 } },
      { { 3, NONE }, { 2, 511 }, { 1, NONE } } },
    { "a long run over two chunks",
      2,
      { { 300, 400 } },
      { { 401, NONE }, { 400, 300 } } },
    { "two chunks as one", 2, { { 0, 1024 } }, { { 1024, 0 }, { 1, NONE } } },
    { "a run of a chunk between two ends",
      3,
      { { 511, 514 } },
      { { 514, 511 }, { 1, NONE } } },
    { "a run of a chunk and one end",
      3,
      { { 500, 524 } },
      { { 524, 500 }, { 1, NONE } } },
    { "the earlier of two fitting holes",
      9,
      { { 700, 100 }, { 4200, 100 } },
      { { 100, 700 }, { 100, 4200 }, { 1, NONE } } },
    { "a hole in a chunk comes before a run that starts behind it",
      3,
      { { 10, 20 }, { 500, 100 } },
      { { 20, 10 }, { 20, 500 }, { 80, 520 }, { 1, NONE } } },
    { "a run that crosses comes before a hole behind it",
      3,
      { { 500, 20 }, { 600, 30 } },
      { { 20, 500 }, { 30, 600 } } },
    { "many chunks, the last page of all",
      64,
      { { 64 * CHUNK - 1, 1 } },
      { { 2, NONE }, { 1, 64 * CHUNK - 1 } } },
    { "many chunks as one",
      64,
      { { 0, 64 * CHUNK } },
      { { 64 * CHUNK + 1, NONE }, { 64 * CHUNK, 0 } } },
    { "holes that shrink",
      16,
      { { 100, 1000 }, { 2000, 500 }, { 4000, 250 } },
      { { 250, 100 },
        { 500, 350 },
        { 300, 2000 },
        { 250, 850 },
        { 200, 2300 },
        { 250, 4000 },
        { 1, NONE } } },
};

static void
run_take_case(const struct take_case *c, size_t base)
{
    begin(base + c->chunks * CHUNK);
    grow_used(base, c->chunks * CHUNK);
    for (int i = 0; i < 4 && c->free[i][1] != 0; i++)
        tri_page_alloc_free(&alloc, base + c->free[i][0], c->free[i][1]);
    tri_page_alloc_check(&alloc);
    for (int i = 0; i < 8 && c->takes[i][0] != 0; i++) {
        size_t want = c->takes[i][1];
        size_t got = take(c->takes[i][0]);
        EXPECT_F(got == (want == NONE ? NONE : base + want),
                 "%s: take %d of %zu pages at %zu gave %zd, not %zd", c->name,
                 i, c->takes[i][0], base, (ssize_t)(got - base), (ssize_t)want);
        tri_page_alloc_check(&alloc);
    }
}

TEST(takes_are_first_fit_wherever_the_memory_lies)
{
    /* In the first chunk; over a border of level 3, 2, 1, 0. */
    static const size_t bases[] = { 0, 7 * CHUNK, 63 * CHUNK, 511 * CHUNK,
                                    4095 * CHUNK };
    for (size_t i = 0; i < TRI_ARRAY_COUNT(take_cases); i++)
        for (size_t b = 0; b < TRI_ARRAY_COUNT(bases); b++)
            run_take_case(&take_cases[i], bases[b]);
}

TEST(a_run_is_found_across_the_border_of_any_level)
{
    static const size_t borders[] = { 1, 8, 64, 512, 4096, 8192 };
    for (size_t i = 0; i < TRI_ARRAY_COUNT(borders); i++) {
        size_t border = borders[i] * CHUNK;
        for (size_t before = 1; before < 512; before += 73)
            for (size_t after = 1; after < 1024; after += 99) {
                begin(border + 4 * CHUNK);
                grow_used(border - CHUNK, 5 * CHUNK);
                tri_page_alloc_free(&alloc, border - before, before + after);
                EXPECT_EQ(take(before + after + 1), NONE);
                EXPECT_EQ(take(before + after), border - before);
                EXPECT_EQ(take(1), NONE);
            }
    }
}

TEST(runs_longer_than_a_root_entry_are_found)
{
    begin(4 * ROOT);
    tri_page_alloc_grow(&alloc, 0, 4 * ROOT);
    size_t page = take(100);
    EXPECT_EQ(page, 0);
    EXPECT_EQ(take(2 * ROOT + 5), 100);
    EXPECT_EQ(take(2 * ROOT), NONE);
    EXPECT_EQ(take(2 * ROOT - 105), 2 * ROOT + 105);
    EXPECT_EQ(take(1), NONE);
    tri_page_alloc_free(&alloc, 0, 4 * ROOT);
    tri_page_alloc_check(&alloc);
    EXPECT_EQ(take(4 * ROOT), 0);
}

TEST(memory_that_was_never_grown_is_never_handed_out)
{
    begin(ROOT);
    EXPECT_EQ(take(1), NONE);
    tri_page_alloc_grow(&alloc, 10 * CHUNK, CHUNK);
    tri_page_alloc_grow(&alloc, 12 * CHUNK, CHUNK);
    tri_page_alloc_check(&alloc);
    EXPECT_EQ(tri_page_alloc_free_tail(&alloc), CHUNK);
    EXPECT_EQ(take(CHUNK + 1), NONE);
    EXPECT_EQ(take(CHUNK), 10 * CHUNK);
    EXPECT_EQ(take(CHUNK), 12 * CHUNK);
    EXPECT_EQ(take(1), NONE);
    EXPECT_EQ(tri_page_alloc_free_tail(&alloc), 0);
    /* Below what was there: the search goes back. */
    tri_page_alloc_grow(&alloc, 3 * CHUNK, CHUNK);
    tri_page_alloc_grow(&alloc, 11 * CHUNK, CHUNK);
    EXPECT_EQ(take(2), 3 * CHUNK);
    tri_page_alloc_check(&alloc);
}

/* Takes all pages, `size` at a time, and gives them back. */
static void
exhaust(size_t pages, size_t size, bool fresh)
{
    size_t n = pages / size;
    for (size_t k = 0; k < n; k++) {
        size_t released = 0;
        EXPECT_EQ(tri_page_alloc_take(&alloc, size, &released), k * size);
        EXPECT_EQ(released, fresh ? size : 0);
    }
    EXPECT_EQ(take(size), NONE);
    for (size_t k = 0; k < n; k++)
        tri_page_alloc_free(&alloc, k * size, size);
    tri_page_alloc_check(&alloc);
}

TEST(pages_are_handed_out_to_exhaustion_and_again)
{
    static const size_t sizes[] = { 1,   2,   3,   4,   8,    64,
                                    100, 511, 512, 513, 1024, 4095 };
    const size_t pages = 24 * CHUNK;
    for (size_t i = 0; i < TRI_ARRAY_COUNT(sizes); i++) {
        begin(pages);
        tri_page_alloc_grow(&alloc, 0, pages);
        exhaust(pages, sizes[i], true);
        exhaust(pages, sizes[i], false);
    }
}

/* ---- windows -------------------------------------------------------------- */

TEST(a_window_hands_out_the_lowest_run_that_fits)
{
    for (int round = 0; round < 20000; round++) {
        struct tri_page_window window = { .page = 640 };
        window.free = test_random();
        window.free &= ~(test_random() >> test_random_below(64));
        window.released = window.free & test_random();
        uint32_t count = 1 + (uint32_t)test_random_below(16);
        uint64_t run = count == 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
        uint32_t at = 0;
        while (at + count <= 64 && (window.free >> at & run) != run)
            at++;
        struct tri_page_window before = window;
        size_t released = 0;
        size_t page = tri_page_window_take(&window, count, &released);
        if (at + count > 64) {
            EXPECT_EQ(page, NONE);
            EXPECT(memcmp(&window, &before, sizeof(window)) == 0);
            continue;
        }
        EXPECT_EQ(page, 640 + at);
        EXPECT_EQ(released, __builtin_popcountll(before.released & run << at));
        EXPECT(window.free == (before.free & ~(run << at)));
        EXPECT(window.released == (before.released & ~(run << at)));
    }
}

TEST(a_window_takes_the_pages_around_the_lowest_free_one)
{
    begin(4 * CHUNK);
    grow_used(0, 4 * CHUNK);
    struct tri_page_window window;
    EXPECT(!tri_page_alloc_take_window(&alloc, &window));
    EXPECT(window.free == 0);
    tri_page_alloc_free(&alloc, 70, 3);
    tri_page_alloc_free(&alloc, 127, 2);
    tri_page_alloc_free(&alloc, 3 * CHUNK, 512);
    EXPECT(tri_page_alloc_take_window(&alloc, &window));
    EXPECT_EQ(window.page, 64);
    EXPECT(window.free == (UINT64_C(7) << 6 | UINT64_C(1) << 63));
    EXPECT(window.released == 0);
    EXPECT_EQ(take(1), 128);
    EXPECT(tri_page_alloc_take_window(&alloc, &window));
    EXPECT_EQ(window.page, 3 * CHUNK);
    EXPECT(window.free == UINT64_MAX);
    tri_page_alloc_flush_window(&alloc, &window);
    EXPECT(window.free == 0 && window.page == 0);
    tri_page_alloc_check(&alloc);
    EXPECT_EQ(take(512), 3 * CHUNK);
}

/* ---- against a model ------------------------------------------------------- */

#define MODEL_CHUNKS 20
#define MODEL_PAGES  (MODEL_CHUNKS * CHUNK)

enum {
    ABSENT,
    FREE,
    USED,
    WINDOWED
};

static struct {
    uint8_t state[MODEL_PAGES];
    bool released[MODEL_PAGES];
    struct run {
        size_t page;
        size_t count;
    } runs[4096];
    size_t run_count;
    struct tri_page_window window[2];
    size_t base; /* of the model's pages in the allocator */
} model;

static size_t
model_first_fit(size_t count)
{
    size_t run = 0;
    for (size_t i = 0; i < MODEL_PAGES; i++) {
        run = model.state[i] == FREE ? run + 1 : 0;
        if (run == count)
            return model.base + i + 1 - count;
    }
    return NONE;
}

static void
model_keep(size_t page, size_t count)
{
    model.runs[model.run_count++] = (struct run){ page, count };
}

static void
model_take(void)
{
    size_t scale = (size_t)1 << test_random_below(12);
    size_t count = 1 + test_random_below(scale);
    size_t want = model_first_fit(count);
    size_t released = 0;
    EXPECT_EQ(tri_page_alloc_take(&alloc, count, &released), want);
    if (want == NONE)
        return;
    for (size_t i = want - model.base; i < want - model.base + count; i++) {
        released -= model.released[i];
        model.state[i] = USED;
        model.released[i] = false;
    }
    EXPECT_EQ(released, 0);
    model_keep(want, count);
}

/* Frees a run, or one end of it. */
static void
model_free(void)
{
    if (model.run_count == 0)
        return;
    size_t at = test_random_below(model.run_count);
    struct run *run = &model.runs[at];
    size_t count = 1 + test_random_below(run->count);
    if (test_random_below(2) != 0)
        count = run->count;
    size_t page = run->page;
    tri_page_alloc_free(&alloc, page, count);
    memset(&model.state[page - model.base], FREE, count);
    run->page += count;
    run->count -= count;
    if (run->count == 0)
        *run = model.runs[--model.run_count];
}

static void
model_fill_window(struct tri_page_window *window)
{
    size_t first = model_first_fit(1);
    EXPECT_EQ(tri_page_alloc_take_window(&alloc, window), first != NONE);
    if (first == NONE)
        return;
    EXPECT_EQ(window->page, first & ~(size_t)63);
    for (size_t i = 0; i < 64; i++) {
        size_t at = window->page - model.base + i;
        EXPECT_EQ(window->free >> i & 1, model.state[at] == FREE);
        EXPECT_EQ(window->released >> i & 1, model.released[at]);
        if (model.state[at] == FREE)
            model.state[at] = WINDOWED;
        model.released[at] = false;
    }
}

static void
model_window(void)
{
    struct tri_page_window *window = &model.window[test_random_below(2)];
    if (window->free == 0) {
        model_fill_window(window);
        return;
    }
    if (test_random_below(8) == 0) {
        for (size_t i = 0; i < 64; i++)
            if ((window->free >> i & 1) != 0) {
                size_t at = window->page - model.base + i;
                model.state[at] = FREE;
                model.released[at] = (window->released >> i & 1) != 0;
            }
        tri_page_alloc_flush_window(&alloc, window);
        return;
    }
    size_t released = 0;
    size_t count = 1 + test_random_below(16);
    size_t page = tri_page_window_take(window, (uint32_t)count, &released);
    if (page == NONE)
        return;
    for (size_t i = page; i < page + count; i++) {
        EXPECT_EQ(model.state[i - model.base], WINDOWED);
        model.state[i - model.base] = USED;
    }
    model_keep(page, count);
}

static void
model_scavenge(void)
{
    size_t count = 0;
    size_t backed = 0;
    bool more = false;
    size_t highest = MODEL_PAGES;
    while (highest > 0
           && (model.state[highest - 1] != FREE || model.released[highest - 1]))
        highest--;
    size_t max = 1 + test_random_below(600);
    size_t page = tri_page_alloc_take_backed(&alloc, max, SIZE_MAX, &count,
                                             &backed, &more);
    EXPECT(!more);
    EXPECT_EQ(page != NONE, highest != 0);
    if (page == NONE)
        return;
    EXPECT_EQ(page + count, model.base + highest);
    for (size_t i = page - model.base; i < highest; i++) {
        EXPECT_EQ(model.state[i], FREE);
        backed -= !model.released[i];
        model.released[i] = true;
    }
    EXPECT_EQ(backed, 0);
    tri_page_alloc_put_released(&alloc, page, count);
}

static void
model_grow(void)
{
    size_t chunk = test_random_below(MODEL_CHUNKS);
    if (model.state[chunk * CHUNK] != ABSENT)
        return;
    tri_page_alloc_grow(&alloc, model.base + chunk * CHUNK, CHUNK);
    memset(&model.state[chunk * CHUNK], FREE, CHUNK);
    memset(&model.released[chunk * CHUNK], true, CHUNK);
}

static void
model_step(void)
{
    uint64_t what = test_random_below(100);
    if (what < 40 && model.run_count < 4000)
        model_take();
    else if (what < 78)
        model_free();
    else if (what < 90 && model.run_count < 4000)
        model_window();
    else if (what < 97)
        model_scavenge();
    else
        model_grow();
}

TEST(random_steps_give_what_a_page_by_page_model_gives)
{
    static const size_t bases[] = { 0, 4090 * CHUNK, 505 * CHUNK };
    for (size_t b = 0; b < TRI_ARRAY_COUNT(bases); b++) {
        memset(&model, 0, sizeof(model));
        model.base = bases[b];
        begin(model.base + MODEL_PAGES);
        for (int i = 0; i < 12000; i++) {
            model_step();
            if (i % 500 == 0)
                tri_page_alloc_check(&alloc);
        }
        tri_page_alloc_check(&alloc);
    }
}

TEST(a_look_for_backed_pages_stops_when_told_and_goes_on)
{
    begin(100 * CHUNK);
    grow_used(0, 100 * CHUNK);
    tri_page_alloc_free(&alloc, 7, 3);
    size_t count = 0;
    size_t backed = 0;
    bool more = false;
    /* The free ones are in the last of 100 chunks looked at; but what was freed
     * lies low, so the look starts there. */
    EXPECT_EQ(tri_page_alloc_take_backed(&alloc, 5, 1, &count, &backed, &more),
              7);
    EXPECT(count == 3 && backed == 3 && !more);
    tri_page_alloc_free(&alloc, 7, 3);
    tri_page_alloc_free(&alloc, 99 * CHUNK, 1);
    size_t again = take(4);
    EXPECT_EQ(again, NONE);
    /* Taken by a first fit of 1 each: none of 99 * CHUNK's is left. */
    EXPECT_EQ(take(3), 7);
    EXPECT_EQ(take(1), 99 * CHUNK);
    tri_page_alloc_free(&alloc, 7, 3);
    EXPECT_EQ(tri_page_alloc_take_backed(&alloc, 5, 40, &count, &backed, &more),
              NONE);
    EXPECT(more);
    EXPECT_EQ(tri_page_alloc_take_backed(&alloc, 5, 40, &count, &backed, &more),
              NONE);
    EXPECT(more);
    EXPECT_EQ(tri_page_alloc_take_backed(&alloc, 5, 40, &count, &backed, &more),
              7);
    tri_page_alloc_put_released(&alloc, 7, 3);
    EXPECT_EQ(tri_page_alloc_take_backed(&alloc, 5, 40, &count, &backed, &more),
              NONE);
    EXPECT(!more);
}

static void
free_free_pages(void *arg)
{
    (void)arg;
    tri_page_alloc_free(&alloc, 3, 5);
}

TEST(freeing_a_free_page_dies)
{
    begin(CHUNK);
    tri_page_alloc_grow(&alloc, 0, CHUNK);
    EXPECT_EQ(take(7), 0);
    EXPECT_DEATH(free_free_pages, NULL, "double free within 5 pages at 3");
}

TEST_MAIN
