/* SPDX-License-Identifier: MIT */
/* trace/record.c: the in-memory back end. */
#include "trace/record.h"

#include <errno.h>

#include "base/check.h"
#include "base/os.h"

#define REST_NS INT64_C(50000)

_Static_assert(sizeof(struct tri_record) == 64, "one cache line a record");

TRI_ATOMIC(uint32_t) tri_recording;

/* Written while nobody records (REC-1), published by tri_recording. */
static struct tri_record *records;
static size_t records_capacity;
static size_t records_mapped_bytes;

/* How many claims there were, dropped ones included. */
static TRI_ATOMIC(uint64_t) claims;

int
tri_record_start(size_t capacity)
{
    tri_record_stop();
    if (records != NULL)
        tri_os_unmap(records, records_mapped_bytes);
    size_t bytes = capacity * sizeof(struct tri_record);
    bytes = (bytes + TRI_OS_PAGE_BYTES - 1) & ~(size_t)(TRI_OS_PAGE_BYTES - 1);
    records = tri_os_map(bytes);
    if (records == NULL)
        return -ENOMEM;
    tri_os_name(records, bytes, "tricolor: recorder");
    records_mapped_bytes = bytes;
    records_capacity = capacity;
    /* Relaxed: published by the release below. */
    tri_store_relaxed(&claims, 0);
    /* Release pairs with the acquire in trace.c's emitting functions. */
    tri_store_release(&tri_recording, 1);
    tri_trace_recording_changed(true);
    return 0;
}

void
tri_record_stop(void)
{
    /* Relaxed: nothing is published by stopping. */
    tri_store_relaxed(&tri_recording, 0);
    tri_trace_recording_changed(false);
}

void
tri_record_write(enum tri_trace_event event, const uint64_t *fields)
{
    /* Relaxed: the order of claims by one thread is its program order, and a
     * claim that happens after another comes later in the order of the word. */
    uint64_t index = tri_add_relaxed(&claims, 1);
    if (index >= records_capacity)
        return;
    struct tri_record *record = &records[index];
    record->time_ns = tri_os_now_ns();
    record->thread = (int32_t)tri_os_tid();
    for (uint32_t i = 0; i < TRI_TRACE_FIELD_MAX; i++)
        record->field[i] = fields[i];
    /* Release pairs with the acquire in tri_record_get. */
    tri_store_release(&record->event_plus_1, (uint32_t)event + 1);
}

size_t
tri_record_count(void)
{
    /* Acquire: whoever was told that an event happened finds it counted. */
    uint64_t claimed = tri_load_acquire(&claims);
    return claimed < records_capacity ? claimed : records_capacity;
}

size_t
tri_record_dropped(void)
{
    /* Acquire: as above. */
    return tri_load_acquire(&claims) - tri_record_count();
}

const struct tri_record *
tri_record_get(size_t i)
{
    TRI_CHECK(i < tri_record_count(), "record %zu of %zu", i,
              tri_record_count());
    struct tri_record *record = &records[i];
    /* Acquire pairs with the release in tri_record_write.  The writer is in a
     * critical section, so it is running, and at most its time slice away: we
     * sleep, and do not yield (STW-5). */
    while (tri_load_acquire(&record->event_plus_1) == 0)
        tri_os_sleep_ns(REST_NS);
    return record;
}

enum tri_trace_event
tri_record_event(const struct tri_record *record)
{
    /* Relaxed: tri_record_get has waited for it. */
    return (enum tri_trace_event)(tri_load_relaxed(&record->event_plus_1) - 1);
}
