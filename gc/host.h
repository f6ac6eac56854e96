/* SPDX-License-Identifier: MIT */
/*
 * gc/host.h: what the collector needs from whoever runs mutators.
 *
 * runtime/gc_host.c defines these over the scheduler; tests/support/fake_host.c
 * defines them over plain threads, so the collector is tested without one.
 *
 *   HOST-1  While the world is stopped no mutator runs, none is inside a
 *           critical section, and nobody is born or dies; otherwise what the
 *           stopper changes changes under their hands (PHASE-1).
 *   HOST-2  The stopper calls neither malloc nor stdio nor anything that takes
 *           a lock of libc; otherwise he waits for one whose holder he stopped.
 *   HOST-3  A goroutine's stack is scanned only while it cannot run; and no
 *           word of it is lost between "running" and "parked"; otherwise what
 *           it alone refers to is freed.
 */
#ifndef TRI_GC_HOST_H
#define TRI_GC_HOST_H

#include "base/atomic.h"
#include "base/compiler.h"

struct tri_gc_p; /* gc/percpu.h: the collector's part of a P */
struct tri_g;

enum tri_stop_reason {
    TRI_STOP_MARK_START,
    TRI_STOP_MARK_TERM,
    TRI_STOP_WHOLE_CYCLE, /* gcstoptheworld */
    TRI_STOP_PROCS = 4,   /* tri_set_procs; 3 is not used (trace/values.def) */
    TRI_STOP_STATS,
    TRI_STOP_TEST
};

/*
 * Stops every thread but the caller: cooperatively where it can, in place by a
 * signal where it must.  One stopper at a time; others wait their turn
 * (themselves stoppable).  The caller is in no critical section; between stop
 * and start it is in one.  Records time to stop and time stopped.
 */
void tri_host_stop_world(enum tri_stop_reason reason);
void tri_host_start_world(void);
bool tri_host_world_stopped(void);

/* ---- Ps ---- */

int tri_host_proc_count(void);
/* P number i, 0 <= i < tri_host_proc_count().  Stable for the P's life. */
struct tri_gc_p *tri_host_proc(int i);
/* The P this thread holds.  In a critical section; NULL without a P. */
struct tri_gc_p *tri_host_current_p(void);

/*
 * The ragged barrier: runs fn(p, arg) once for every P, at a moment when its
 * holder is in no critical section (running holders are stopped in place one at
 * a time, idle Ps and those in blocking calls by proxy, the caller's own
 * directly).  The caller is in no critical section; fn runs inside one.
 * Go: forEachP.
 */
void tri_host_each_p(void (*fn)(struct tri_gc_p *p, void *arg), void *arg);

/* World stopped: makes P take the slow path of allocation at its next one
 * (points tri_local.cache at tri_cache_none); tri_host_restore_cache, by P's
 * holder in a critical section, ends that. */
void tri_host_divert_caches(void);
void tri_host_restore_cache(void);

/* ---- roots ---- */

/*
 * Before marking: takes the snapshot of goroutines and threads to be scanned.
 * World stopped.  Returns their number.  Those born later start black: all they
 * are given goes through barriers.
 */
size_t tri_host_stacks_snapshot(void);
/*
 * Scans stack number i of the snapshot: calls scan(lo, hi, arg) for every
 * range of words that may hold pointers (stack, registers, vector registers),
 * with that goroutine unable to run.  False: it could not be had just now (its
 * thread is being stopped by somebody else); try again later.  Called by mark
 * workers inside a critical section; also with the world stopped.
 */
bool tri_host_stack_scan(size_t i,
                         void (*scan)(uintptr_t lo, uintptr_t hi, void *arg),
                         void *arg);
/* A hint: that one is next but a few.  Any number. */
void tri_host_stack_soon(size_t i);
/*
 * .data/.bss of the program and its libraries and registered ranges, cut into
 * pieces of at most TRI_ROOT_PIECE_BYTES.  tri_host_roots_refresh() lists them:
 * outside critical sections, world running, and while marking (ROOT-5 in
 * runtime/images.c).  Then piece i is scanned by index: scan() is called for
 * its words, or for copies of them; returns how many bytes that were.
 */
#define TRI_ROOT_PIECE_BYTES ((uintptr_t)64 << 10)
void tri_host_roots_refresh(void);
size_t tri_host_root_count(void);
size_t tri_host_root_scan(size_t i,
                          void (*scan)(uintptr_t lo, uintptr_t hi, void *arg),
                          void *arg);
/* Words of the runtime's own structures that hold heap pointers and are nobody's
 * stack: one root job.  With this runtime there are none, since a goroutine's
 * argument and a channel's hand-off slot lie on stacks; tests have some. */
void tri_host_scan_runtime(void (*scan)(uintptr_t lo, uintptr_t hi, void *arg),
                           void *arg);

/* ---- work ---- */

/* Marking began or found work: wakes idle Ps so that their schedulers ask
 * tri_gc_worker_wanted (gc/gc.h). */
void tri_host_wake_workers(void);
/* A mark worker must return soon: a stop is asked, or others need this P. */
bool tri_host_should_yield(void);
/* Runs fn(arg) on this thread's system stack (goroutine stacks are small).
 * Inside a critical section. */
void tri_host_on_system_stack(void (*fn)(void *), void *arg);

/* A system goroutine: not counted as the program's, never a deadlock. */
void tri_host_go_system(void (*fn)(void *), void *arg, const char *name);

/*
 * Parks the calling system goroutine.  commit(g, arg) runs once it can be made
 * ready by others; if it returns false the goroutine goes on at once.
 */
void tri_host_park(bool (*commit)(struct tri_g *g, void *arg), void *arg,
                   const char *reason);
void tri_host_ready(struct tri_g *g);
struct tri_g *tri_host_current_g(void);
uint64_t tri_host_goid(void); /* 0 on a scheduler stack */
void tri_host_yield(void);
/* Parks for ns: the cleanup pool's keeper, and who waits for a drain. */
void tri_host_sleep(int64_t ns);

/*
 * Waits in place, without switching: the P is handed off, the thread sleeps
 * while *word == expected (at most timeout_ns; < 0: for ever).  For allocation
 * paths (assist, waiting for a cycle).  In no critical section.
 */
void tri_host_wait(TRI_ATOMIC(uint32_t) *word, uint32_t expected,
                   int64_t timeout_ns);
/* Has memory put behind these pages, whatever is in them, in a blocking call.  In no
 * critical section. */
void tri_host_populate(void *start, size_t bytes);
/* P numbers for the trace: -1 without. */
int tri_host_proc_number(void);

#endif /* TRI_GC_HOST_H */
