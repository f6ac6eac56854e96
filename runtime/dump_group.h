/* SPDX-License-Identifier: MIT */
/* runtime/dump_group.h: the goroutines of a dump, those alike as one. */
#ifndef TRI_RUNTIME_DUMP_GROUP_H
#define TRI_RUNTIME_DUMP_GROUP_H

#include "runtime/g.h"

#define TRI_DUMP_FRAMES 24
#define TRI_DUMP_IDS    8
#define TRI_DUMP_GROUPS 2048u

enum tri_standing {
    TRI_STANDS_PARKED,
    TRI_STANDS_RUNNABLE,
    TRI_STANDS_RUNNING,
    TRI_STANDS_BLOCKING,
    TRI_STANDS_NEW
};

/* Where a flow stands: the next instruction, and the frame pointer there. */
struct tri_place {
    uintptr_t pc;
    uintptr_t fp;
};

/* Goroutines that differ in their number only. */
struct tri_dump_group {
    uint64_t hash;
    uint64_t count;
    uint64_t id[TRI_DUMP_IDS];
    struct tri_g *g; /* one of them */
    enum tri_standing standing;
    int frames;
    bool cut; /* more frames than we could follow */
    uintptr_t pc[TRI_DUMP_FRAMES];
};

struct tri_dump_groups {
    struct tri_dump_group *table; /* mapped; NULL: no memory */
    size_t count;
    uint16_t order[TRI_DUMP_GROUPS]; /* as they were met */
    uint64_t ungrouped;
    uint64_t live;
};

/* All that live; the calling goroutine stands at `self`.  DUMP-1. */
void tri_dump_gather(struct tri_dump_groups *groups, struct tri_place self);
void tri_dump_forget(struct tri_dump_groups *groups);

#endif /* TRI_RUNTIME_DUMP_GROUP_H */
