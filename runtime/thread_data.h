/* SPDX-License-Identifier: MIT */
/* runtime/thread_data.h: the thread-local variables of an attached thread. */
#ifndef TRI_RUNTIME_THREAD_DATA_H
#define TRI_RUNTIME_THREAD_DATA_H

#include <stddef.h>
#include <stdint.h>

struct tri_data_range {
    uintptr_t lo;
    uintptr_t hi;
};

/* One block for each library that has any. */
struct tri_thread_data {
    struct tri_data_range *range;
    uint32_t count;
    uint32_t slots;
};

/* By the thread itself, in no section: notes where its variables are.  -ENOMEM. */
int tri_thread_data_note(struct tri_thread_data *data);
/* The thread is stopped, or the caller. */
void tri_thread_data_scan(const struct tri_thread_data *data,
                          void (*scan)(uintptr_t lo, uintptr_t hi, void *arg),
                          void *arg);

#endif /* TRI_RUNTIME_THREAD_DATA_H */
