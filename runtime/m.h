/* SPDX-License-Identifier: MIT */
/*
 * runtime/m.h: a thread, and the word that says whether it runs.
 *
 *            stopper            thread              thread           stopper
 *   RUN  ------------> REQ ------------> STOPPED ------------> ASLEEP -----> RUN
 *   RUN  --thread--> BLOCKED --stopper--> BSTOP --stopper--> BLOCKED
 *                                         BSTOP --thread, wants back--> ASLEEP
 *   STOPPED, ASLEEP --stopper took its P--> BLOCKED
 *
 * The signal is only a nudge: what is true is in the word.  A late, doubled or
 * stray signal finds no REQ and does nothing.
 *
 *   M-1  REQ, STOPPED, BSTOP are entered, and left, only while somebody holds
 *        the thread's `claim`; otherwise two stoppers release it twice.
 *   M-2  A claim is held only inside a critical section, and whoever waits for
 *        an answer gives up when he is asked to stop himself; otherwise two
 *        stoppers wait for each other.  The world's stopper alone waits on.
 *   M-3  Everything a scanner reads (uc, stopped_sp, regs) is written before
 *        the state becomes STOPPED or BLOCKED (release); otherwise he scans
 *        from where the thread stood at an earlier stop.
 *   M-4  M structs are type-stable; one without a thread is BLOCKED; otherwise
 *        a stopper waits for a thread that is not there.
 *   M-5  `tid` is written before the state first leaves BLOCKED (an M may have
 *        had another thread before), so whoever saw RUN or REQ, and he alone,
 *        may take it for the thread's: a relaxed load, ordered by the state;
 *        otherwise a stop signal goes to a thread that is no longer there.
 *   M-6  The world's stopper does not wait for a claim: he leaves his name, and
 *        its holder asks the thread for him when he is done.  Otherwise the
 *        thread, which may share a CPU with both, runs on until the stopper gets
 *        his turn: a slice of the system's, 4 ms, all others being stopped.
 */
#ifndef TRI_RUNTIME_M_H
#define TRI_RUNTIME_M_H

#include <ucontext.h>

#include <tricolor/tricolor.h>

#include "base/atomic.h"
#include "base/sanitize.h"
#include "runtime/context.h"
#include "runtime/thread_data.h"

enum tri_m_state {
    TRI_M_RUN,
    TRI_M_REQ,
    TRI_M_STOPPED,
    TRI_M_ASLEEP,
    TRI_M_BLOCKED,
    TRI_M_BSTOP
};

/* Of `claim`. */
enum {
    TRI_CLAIM_FREE,
    TRI_CLAIM_HELD,
    TRI_CLAIM_INHERITED /* and goes to the world's stopper, who counts on an
                         * answer (M-6) */
};

struct tri_g;
struct tri_p;

/* What a stopper waits on: answers owed; the top bit says that he sleeps. */
struct tri_stop_wait {
    TRI_ATOMIC(uint32_t) remaining;
    TRI_ATOMIC(int32_t) last_tid; /* who answered last */
};
#define TRI_STOP_SLEEPER UINT32_C(0x80000000)

/* Looks at an M that owes an answer for long (straggler.c). */
struct tri_deaf {
    int tid;         /* of the thread all this is about */
    int64_t last_ns; /* the last look; 0: none */
    int64_t next_ns; /* when its mask is worth a look */
    uint64_t stops;  /* what it had answered by then */
    uint32_t looks;  /* in a row that found the signal blocked */
    bool told;
    bool ended;       /* that, too, was told */
    int64_t since_ns; /* begin of the stop that it does not answer */
    int64_t
        computed_ns; /* by the thread, when it was first seen in a section */
};

/* Keys: [c] constant while the thread lives; [o] its thread, or a stopper while
 * it is stopped; [a] atomic; [k] who holds the claim; [l] scheduler's lock;
 * [w] the world's stopper. */
struct tri_m {
    TRI_ATOMIC(uint32_t) state;   /* [a] the truth */
    TRI_ATOMIC(uint32_t) claim;   /* [a] TRI_CLAIM_*: somebody may stop it */
    struct tri_stop_wait *waiter; /* [k] */
    struct tri_stop_wait *heir;   /* [w] written before the claim tells of it */
    TRI_ATOMIC(struct tri_local *) local; /* [a] NULL until adopted; then [c] */
    TRI_ATOMIC(struct tri_p *) p;         /* [o] */
    TRI_ATOMIC(struct tri_g *) g; /* [o] what it runs; NULL: the scheduler */
    struct tri_g *bound;          /* [c] attached thread: its goroutine */
    void *sched_sp;               /* [o] the scheduler, while g runs */
    struct tri_san san;           /* [o] */
    int index;                    /* [c] */
    TRI_ATOMIC(int) tid;          /* [a] written by its thread: M-5 */

    /* Where its roots are while it is stopped: M-3. */
    ucontext_t *uc;              /* [o] stopped by signal: all registers */
    uintptr_t stopped_sp;        /* [o] else: from here up */
    uintptr_t stopped_fp;        /* [o] for dumps: frame pointer there */
    uintptr_t stopped_pc;        /* [o] the same: next instruction */
    struct tri_saved_regs regs;  /* [o] in a blocking call: the caller's */
    uintptr_t stack_hi;          /* [c] of its own stack */
    uintptr_t stack_lo;          /* [c] */
    struct tri_thread_data data; /* [c] attached: its variables */
    void *alt_own;               /* [c] signal stack we made; NULL: none */
    void *system_call_sp;        /* [o] g's stack while on the system stack */
    uint32_t off_to;             /* [o] state of the g that switches off */

    /* Sleeping, and being given a P (P-2). */
    TRI_ATOMIC(uint32_t) note; /* [a] 1: woken */
    struct tri_m *link;        /* [l] idle list, or the list of who wants */
    struct tri_m *birth_link;  /* stack of threads to be started */
    uint32_t listed;           /* [l] in the idle list */
    uint32_t newborn;          /* [l] its thread is to be started */
    uint32_t places;           /* [o] tri_sched.places when it was bound */
    int on_cpu;                /* [o] the CPU it is bound to; or one of: */
    uint32_t spinning;         /* [o] looks for work: sched.spinning */
    uint32_t left_watch;       /* [o] watched timers until it woke up */
    int64_t watches_ns; /* [o] sleeps until then: TIMER-3; 0: it does not */
    uint32_t blocking_depth;  /* [o] tri_blocking_begin nests */
    struct tri_p *blocking_p; /* [o] the P it left in SYSCALL */
    struct tri_p *leaves_p;   /* [o] the P it parks on; else NULL */
    /* [a] sysmon must leave it its P; written by its own thread. */
    TRI_ATOMIC(uint32_t) no_preempt;
    uint32_t may_lose_p; /* [o] in the scheduler: goes idle without */
    TRI_ATOMIC(uint32_t) populates; /* [a] in a call that needs its CPU */
    uint32_t world_holds; /* [w] its claim is the world's stopper's, now or
                                  * by the time it answers */
    uint32_t loses_p;     /* he took the P: it waits for another */
    TRI_ATOMIC(uint32_t) in_use; /* [a] has a thread */
    struct tri_stop_wait wait;   /* [o] as a stopper of one */
    struct tri_deaf deaf;        /* [k] */

    TRI_ATOMIC(uint64_t) stop_count; /* [a] answers; written by its thread */
    uint64_t defer_count;            /* [o] stops put off by a section */
    /* [a] where the last signal that was put off found it, and how many it had
     * answered; written by its thread. */
    TRI_ATOMIC(uintptr_t) deferred_pc;
    TRI_ATOMIC(uint64_t) deferred_stops;
    uint64_t stray_count;        /* [o] signals that found no request */
    uint64_t rewind_count;       /* [o] stopped inside a sequence (SEQ-4) */
    uint64_t rewind_older_count; /* [o] frames that were (SEQ-5) */
} TRI_CACHE_ALIGNED;

#define TRI_M_UNBOUND  (-1) /* may be bound to one */
#define TRI_M_NOT_OURS (-2) /* may not */
#define TRI_M_MAX      20000

/* The table of all Ms ever made: 0 .. count - 1. */
uint32_t tri_m_count(void);
struct tri_m *tri_m_at(uint32_t i);
/* Threads of the process that are ours. */
uint32_t tri_m_thread_count(void);

/* ---- runtime/suspend.c: the thread's half of the word ---------------------- */

/* Between block and unblock the thread counts as stopped; its
 * roots are where regs/stopped_sp/uc say. */
void tri_m_block(struct tri_m *m);
/* Back to RUN.  With want_p: first waits until it is given a P. */
void tri_m_unblock(struct tri_m *m, bool want_p);
/* Answers a request, if there is one: in the handler, or where all registers
 * are saved above stopped_sp. */
void tri_m_answer(struct tri_m *m);
/* The scheduler's safe point: the same, in a section, with no goroutine. */
void tri_m_safe_point(struct tri_m *m);
/* For dumps: where the calling function returns to, and the frame there. */
#define tri_m_note_place(m)                                                    \
    ((m)->stopped_fp = *(const uintptr_t *)__builtin_frame_address(0),         \
     (m)->stopped_pc = (uintptr_t)__builtin_return_address(0))
/* Always inlined: the handler must not call what is instrumented. */
static inline __attribute__((always_inline)) bool
tri_m_asked(struct tri_m *m)
{
    /* Relaxed: a hint; answering decides with a CAS. */
    return tri_load_relaxed(&m->state) == TRI_M_REQ;
}

/* The section that this thread is in answers a request at its exit.  `local`: its
 * own.  Always inlined, as above. */
static inline __attribute__((always_inline)) void
tri_m_note_request(struct tri_local *local)
{
#if TRI_CRIT_ASM
    *(volatile uint32_t *)&local->crit = local->crit | TRI_CRIT_ASKED;
#else
    *(volatile uint32_t *)&local->pending = 1;
#endif
}

/* Sleeps until woken by tri_m_wake, at most timeout_ns (< 0: for ever). True:
 * woken.  The caller is blocked (tri_m_block). */
bool tri_m_sleep(struct tri_m *m, int64_t timeout_ns);
void tri_m_wake(struct tri_m *m);

/* ---- runtime/claim.c: who stops it; inside a critical section ------------- */

/* The world's stopper: m is asked, now or by who holds its claim (M-6), and has it
 * counted in `wait`, to which the stopper has added one for himself. */
void tri_m_request(struct tri_m *m, struct tri_stop_wait *wait);
/* The claim of one that he has asked is his by now. */
bool tri_m_inherited(struct tri_m *m);
/* Waits until all answered, at most timeout_ns (< 0: for ever); true: they did. */
bool tri_stop_wait_all(struct tri_stop_wait *wait, int64_t timeout_ns);
/* TSan builds: sends the signal once more, if it is still asked (SIG-5). */
void tri_m_nudge(struct tri_m *m);
/* Lets it go on, and drops the claim. */
void tri_m_release(struct tri_m *m);
/* Instead of release, for an M whose P the stopper took: it sleeps until it is
 * given one.  The caller has put it where somebody will. */
void tri_m_release_without_p(struct tri_m *m);
/* Claims and stops one M; false: not now (M-2). */
bool tri_m_stop_one(struct tri_m *m);

/* ---- runtime/straggler.c -------------------------------------------------- */

/* So long a stop waits before it looks for the reason, and again. */
#define TRI_STRAGGLER_NS INT64_C(400000000)
/* The world's stopper: looks at those that owe an answer, to a stop that began then. */
void tri_stragglers_look(int64_t since_ns);
/* He has them all. */
void tri_stragglers_stopped(void);
/* Who holds m's claim, and takes his request back. */
void tri_straggler_given_up(struct tri_m *m);

/* ---- runtime/signal.c ----------------------------------------------------- */

void tri_signal_init(void);
/* The alternate stack of the calling thread; the stop signal unblocked. */
void tri_signal_thread_start(struct tri_m *m);
void tri_signal_thread_end(struct tri_m *m);
void tri_signal_send(struct tri_m *m);
typedef void (*tri_scan_fn)(uintptr_t lo, uintptr_t hi, void *arg);

/* Calls scan for registers and stack of a stopped M's goroutine; returns where
 * the live part of the stack begins. */
uintptr_t tri_signal_scan(struct tri_m *m, struct tri_g *g, tri_scan_fn scan,
                          void *arg);

/* ---- runtime/stack_scan.c --------------------------------------------------- */

/* The words from sp up; `uc`: the frame of the signal that stopped it, or NULL.
 * Returns where the live part of g's own stack begins. */
uintptr_t tri_stack_scan(struct tri_g *g, uintptr_t sp, const ucontext_t *uc,
                         tri_scan_fn scan, void *arg);

#endif /* TRI_RUNTIME_M_H */
