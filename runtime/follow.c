/* SPDX-License-Identifier: MIT */
/*
 * runtime/follow.c: as many Ps as the process may use CPUs, also when its affinity
 * or its control group's quota changes while it runs.  Go: updateMaxProcsG (1.25).
 *
 * sysmon looks once a second.  It cannot change the number itself, having no P; a
 * goroutine of the runtime's does, which sleeps until there is something to do.
 *
 *   FOLLOW-1  Only while the number came from the machine: who set it (TRI_PROCS,
 *             tri_options.procs, tri_set_procs) meant it; otherwise a program's
 *             own choice is undone behind its back.  TRI_BIND's places follow
 *             nevertheless (BIND-2).
 *   FOLLOW-2  What was there at the start is noted before sysmon is born, and is
 *             sysmon's from then on; otherwise it compares with nothing, and moves
 *             threads that stand where they should.
 */
#include "base/check.h"
#include "base/option.h"
#include "runtime/bind.h"
#include "runtime/sched.h"
#include "runtime/topology.h"

int64_t tri_follow_period_ns = 1000000000; /* [c] once sysmon runs */

static struct {
    TRI_ATOMIC(uint32_t) on;             /* FOLLOW-1 */
    TRI_ATOMIC(int32_t) wanted;          /* Ps */
    TRI_ATOMIC(struct tri_g *) sleeping; /* the goroutine, parked */
    struct tri_machine seen;             /* sysmon's */
    uint64_t which;                      /* sysmon's: CPUs that places are of */
    int64_t last_ns;                     /* sysmon's */
} follow;

static bool
commit_sleep(struct tri_g *g, void *unused)
{
    (void)unused;
    tri_store(&follow.sleeping, g);
    return true;
}

static void
change_procs(void *unused)
{
    (void)unused;
    for (;;) {
        tri_park(commit_sleep, NULL, "the machine to change");
        tri_world_set_procs_if(tri_load(&follow.wanted), &follow.on);
    }
}

void
tri_follow_note(struct tri_machine now)
{
    follow.seen = now;
    follow.which = now.which;
}

void
tri_follow_start(void)
{
    if (tri_config.procs > 0 || tri_debug.followcpus == 0)
        return;
    tri_store(&follow.on, 1);
    tri_spawn(change_procs, NULL, "CPU follower", 0, NULL);
}

void
tri_follow_no_more(void)
{
    tri_store(&follow.on, 0);
}

void
tri_follow_look(int64_t now_ns)
{
    bool places = tri_bind_wanted() && tri_debug.followcpus != 0;
    if ((tri_load(&follow.on) == 0 && !places)
        || now_ns - follow.last_ns < tri_follow_period_ns)
        return;
    follow.last_ns = now_ns;
    struct tri_machine now = tri_machine_glance();
    if (places && now.which != follow.which) {
        follow.which = now.which;
        tri_bind_again();
    }
    if (tri_load(&follow.on) == 0)
        return;
    TRI_DCHECK(follow.seen.cpus != 0, "FOLLOW-2: there is nothing to compare "
                                      "the machine with");
    if (now.cpus == follow.seen.cpus
        && now.quota_cpus == follow.seen.quota_cpus)
        return;
    /* Taken before it has parked again: next time. */
    struct tri_g *g = tri_swap(&follow.sleeping, NULL);
    if (g == NULL)
        return;
    follow.seen = now;
    tri_store(&follow.wanted, tri_machine_procs(now));
    tri_enter();
    tri_ready(g);
    tri_leave();
}
