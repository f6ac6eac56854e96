/* SPDX-License-Identifier: MIT */
/*
 * runtime/dump_group.c: where each goroutine stands, by its frame pointers, and which
 * of them stand alike: at the same place, for the same reason, and from the same
 * origin.  A wrong frame pointer ends a list of frames and nothing else, since all is
 * read by copies (DUMP-1).
 */
#include "runtime/dump_group.h"

#include "base/os.h"
#include "runtime/sched.h"
#include "runtime/signal.h"

#define SLOTS (2 * TRI_DUMP_GROUPS)

/* ---- where it stands -------------------------------------------------------- */

static struct tri_place
place_of_signal(const ucontext_t *uc)
{
#if defined(__x86_64__)
    uintptr_t fp = (uintptr_t)uc->uc_mcontext.gregs[REG_RBP];
#else
    uintptr_t fp = (uintptr_t)uc->uc_mcontext.regs[29];
#endif
    return (struct tri_place){ tri_signal_pc(uc), fp };
}

/* On a thread: stopped in place, in a call that blocks, or the caller's own. */
static struct tri_place
place_on_thread(const struct tri_m *m, struct tri_place self)
{
    if (m == tri_local_m())
        return self;
    if (m->uc != NULL)
        return place_of_signal(m->uc);
    return (struct tri_place){ m->stopped_pc, m->stopped_fp };
}

static struct tri_place
place_of(struct tri_g *g, struct tri_place self, enum tri_standing *standing)
{
    uint32_t state = tri_load(&g->state) & ~TRI_G_SCAN;
    const struct tri_m *m = g->bound != NULL ? g->bound : tri_load(&g->m);
    *standing = state == TRI_G_WAITING  ? TRI_STANDS_PARKED
              : state == TRI_G_RUNNABLE ? TRI_STANDS_RUNNABLE
                                        : TRI_STANDS_RUNNING;
    if (m != NULL) {
        if (m->blocking_depth != 0)
            *standing = TRI_STANDS_BLOCKING;
        return place_on_thread(m, self);
    }
    if (g->sp == NULL) {
        *standing = TRI_STANDS_NEW;
        return (struct tri_place){ (uintptr_t)g->fn, 0 };
    }
    struct tri_place place;
    if (!tri_context_place(g->sp, &place.pc, &place.fp))
        return (struct tri_place){ 0, 0 };
    return place;
}

static void
follow(struct tri_g *g, struct tri_place place, struct tri_dump_group *group)
{
    uintptr_t at = place.fp;
    group->frames = 0;
    group->cut = false;
    if (place.pc != 0)
        group->pc[group->frames++] = place.pc;
    while (group->frames < TRI_DUMP_FRAMES && at != 0) {
        uintptr_t frame[2];
        if (at % sizeof(uintptr_t) != 0 || at < g->stack.lo
            || at > g->stack.hi - sizeof(frame)
            || !tri_os_read(frame, at, sizeof(frame))) {
            group->cut = true;
            return;
        }
        if (frame[1] == 0 || (frame[0] == 0 && g->bound == NULL))
            return; /* into tri_context_boot */
        group->pc[group->frames++] = frame[1];
        if (frame[0] != 0 && frame[0] <= at)
            group->cut = true;
        at = frame[0] > at ? frame[0] : 0;
    }
}

/* ---- grouping ----------------------------------------------------------------- */

static uint64_t
mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

static uint64_t
hash_of(const struct tri_dump_group *group)
{
    uint64_t hash = mix(group->standing, (uintptr_t)group->g->spawn_pc);
    hash = mix(hash, (uintptr_t)group->g->fn);
    hash = mix(hash, (uintptr_t)group->g->name);
    if (group->standing == TRI_STANDS_PARKED)
        hash = mix(hash, (uintptr_t)group->g->wait_reason);
    for (int i = 0; i < group->frames; i++)
        hash = mix(hash, group->pc[i]);
    return hash | 1;
}

/* Open addressing; false: the table is full. */
static bool
enter(struct tri_dump_groups *all, const struct tri_dump_group *one)
{
    if (all->table == NULL)
        return false;
    for (size_t probe = 0; probe < SLOTS; probe++) {
        size_t slot = (one->hash + probe) % SLOTS;
        struct tri_dump_group *at = &all->table[slot];
        if (at->hash == 0 && all->count < TRI_DUMP_GROUPS) {
            *at = *one;
            all->order[all->count++] = (uint16_t)slot;
        }
        if (at->hash == 0)
            return false;
        if (at->hash == one->hash) {
            if (at->count < TRI_DUMP_IDS)
                at->id[at->count] = one->g->id;
            at->count++;
            return true;
        }
    }
    return false;
}

void
tri_dump_gather(struct tri_dump_groups *all, struct tri_place self)
{
    all->table = tri_os_map(SLOTS * sizeof(*all->table));
    all->count = 0;
    all->ungrouped = 0;
    all->live = 0;
    for (size_t i = 0; i < tri_g_count(); i++) {
        struct tri_g *g = tri_g_at(i);
        if (tri_load(&g->state) == TRI_G_DEAD)
            continue;
        all->live++;
        struct tri_dump_group one = { .g = g };
        struct tri_place place = place_of(g, self, &one.standing);
        follow(g, place, &one);
        one.hash = hash_of(&one);
        if (!enter(all, &one))
            all->ungrouped++;
    }
}

void
tri_dump_forget(struct tri_dump_groups *all)
{
    if (all->table != NULL)
        tri_os_unmap(all->table, SLOTS * sizeof(*all->table));
    all->table = NULL;
}
