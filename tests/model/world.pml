/* SPDX-License-Identifier: MIT */
/*
 * tests/model/world.pml: stopping threads, one and all, as Spin sees it: the word
 * of runtime/m.h, claims, blocking calls, and a P that changes hands.
 *
 * Four threads: who stops the world, again and again, and diverts the cache and
 * takes the P in it; sysmon, which stops one (to look at its stack, or to take
 * its P) and takes Ps from blocking calls; and two of the program's, one of which
 * attaches and detaches.  One P, so there is always one who wants it.
 *
 * One step is one access to what others see; what only a lock's holder or the
 * own thread sees goes with the step before.  Names are those of
 * runtime/suspend.c, stw.c, blocking.c, sysmon.c and thread.c.  Left out: time
 * (whoever waits may lose patience at any moment), futexes (a sleeper sees the
 * word change), births, goroutines (sched.pml), weak memory.
 *
 * Safety (run-spin world.pml safety NO_SYSMON, NO_WORLD, and NO_B: three of the
 * four at a time, or there are too many states): in a stopped world no thread runs;
 * a P has one holder (P-1), who alone allocates from its cache, and not while that
 * is diverted; each request is answered once (M-1).  That every stop completes is
 * not shown.
 *
 * Mutants (-DMUTANT_...), in each of which Spin has to find an error:
 *   LEAVE_BSTOP     leave_blocked does not look for BSTOP
 *   BLOCKED_STAYS   the world's stopper takes BLOCKED for stopped
 *   ACK_TWICE       an answer is given when falling asleep, too
 *   NO_CLAIM        stoppers do without the claim (M-1)
 *   EARLY_P         blocking_end takes its P before it runs (BLOCK-1)
 *   HONOUR_OUTSIDE  a section's exit answers outside of one (CRIT-4)
 *   INSTALL_ORDER   m->p is not what is written last (P-3)
 *   NO_RETRY        who was given a P does not look whether it is still there
 *
 * To see how an error comes about:
 *   tests/model/run-spin world.pml safety NO_B MUTANT_LEAVE_BSTOP --replay
 */
#define RUN     0
#define REQ     1
#define STOPPED 2
#define ASLEEP  3
#define BLOCKED 4
#define BSTOP   5

#define W    0 /* stops the world; what P it has does not matter */
#define S    1 /* sysmon */
#define A    2 /* a thread of the program's */
#define B    3 /* one that comes and goes */
#define NONE 4

/* A thread's calls. */
#define IN_BLOCKING 0
#define IN_PLACE    1
#define DETACHED    2

/* enum tri_p_status */
#define P_IDLE    0
#define P_RUNNING 1
#define P_SYSCALL 2

/* struct tri_m */
byte state[4];
bool claim[4];
bool by_world[4]; /* m->waiter: the world's, or sysmon's own */
bool sig[4];      /* the signal is on its way */
bool has[4];      /* m->p */
bool note[4];
bool cache[4]; /* local->cache is the P's */
bool world_holds[4];
bool loses_p[4];
bool owed[4]; /* what the request's maker waits for */

/* The P, and the scheduler's lists. */
byte p_status = P_RUNNING;
byte p_m = A;
bool diverted;
bool p_idle;
bool lock;
bool stopping;
byte m_count = 3;
chan want = [2] of { byte };

bool world_stopped;
byte world_remaining;
byte one_remaining;
bool allocating;

/* ---- the thread's side ---------------------------------------------------- */

inline acknowledge(m)
{
    d_step {
        assert(owed[m]);
        owed[m] = false;
        if
        :: by_world[m] -> assert(world_remaining > 0); world_remaining--
        :: else -> assert(one_remaining > 0); one_remaining--
        fi
    }
}

inline enter_blocked(m)
{
    if
    :: atomic { state[m] == RUN -> state[m] = BLOCKED }
    :: atomic { state[m] == REQ -> state[m] = BSTOP };
        acknowledge(m)
    fi
}

inline leave_blocked(m)
{
    do
    :: atomic { state[m] == BLOCKED -> state[m] = RUN; break }
#ifdef MUTANT_LEAVE_BSTOP
    :: atomic { state[m] == BSTOP -> state[m] = RUN; break }
#else
    :: atomic { state[m] == BSTOP -> state[m] = ASLEEP }
#endif
    :: state[m] == RUN || state[m] == REQ -> break
    od
}

/* come_back: with want_p. */
inline come_back(m)
{
    do
    :: true ->
        atomic { note[m] -> note[m] = false };
        leave_blocked(m);
#ifdef MUTANT_NO_RETRY
        break
#else
        if
        :: has[m] -> break
        :: !has[m]
        fi;
        enter_blocked(m)
#endif
    od
}

inline point_cache(m)
{
    cache[m] = has[m] && !diverted
}

/* tri_m_answer, and stay_stopped in it; up to where the cache is pointed. */
inline answer_once(m)
{
    atomic { state[m] == REQ -> state[m] = STOPPED };
    acknowledge(m);
    if
    :: state[m] != STOPPED
    :: atomic { state[m] == STOPPED -> state[m] = ASLEEP };
#ifdef MUTANT_ACK_TWICE
        acknowledge(m);
#endif
        state[m] != ASLEEP
    fi;
    if
    :: state[m] == BLOCKED || state[m] == BSTOP ->
        come_back(m);
        taken = true
    :: state[m] == RUN || state[m] == REQ
    fi
}

inline answer(m)
{
    do
    :: state[m] == REQ ->
        answer_once(m);
        if
        :: taken -> d_step { taken = false; point_cache(m) }
        :: else
        fi
    :: state[m] != REQ -> break
    od
}

/* on_stop_signal, outside of sections. */
inline handler(m)
{
    atomic { sig[m] -> sig[m] = false };
    answer(m)
}

/* tri_leave, tri_critical_honour.  The signal came inside, or comes later. */
inline leave(m)
{
    atomic {
        if
        :: sig[m] -> sig[m] = false; asked = state[m] == REQ
        :: true
        fi
    }
    do
    :: !asked -> break
    :: asked && state[m] == REQ ->
#ifdef MUTANT_HONOUR_OUTSIDE
        answer_once(m);
        if
        :: taken ->
            d_step { taken = false; fast = has[m] && !diverted };
            if
            :: handler(m)
            :: true
            fi;
            atomic { cache[m] = fast; fast = false }
        :: else
        fi;
#else
        answer(m);
        atomic {
            if
            :: sig[m] -> sig[m] = false /* inside */
            :: true
            fi
        }
#endif
    :: asked && state[m] != REQ -> asked = false
    od
}

/* ---- the stopper's side --------------------------------------------------- */

/* tri_m_request; `blocked`: no answer is owed.  Signals may take their time. */
inline request(m, world, blocked)
{
    d_step {
        assert(state[m] == RUN || state[m] == BLOCKED); /* M-1 */
        by_world[m] = world;
        blocked = state[m] == BLOCKED;
        if
        :: !blocked ->
            state[m] = REQ;
            owed[m] = true;
            sig[m] = true;
            if
            :: world -> world_remaining++
            :: else -> one_remaining++
            fi
#ifdef MUTANT_BLOCKED_STAYS
        :: blocked && world
        :: blocked && !world -> state[m] = BSTOP
#else
        :: blocked -> state[m] = BSTOP
#endif
        fi
    }
}

/* tri_m_release, tri_m_release_without_p: `to` is RUN or BLOCKED. */
inline release(m, to)
{
    if
    :: atomic { state[m] == BSTOP -> state[m] = BLOCKED; claim[m] = false }
    :: state[m] != BSTOP -> d_step { state[m] = to; claim[m] = false }
    fi
}

/* ---- the P ----------------------------------------------------------------- */

#define ONE_HOLDER assert(has[A] + has[B] <= 1)

/* tri_p_install, in two steps: the second is what the thread looks for. */
#ifdef MUTANT_INSTALL_ORDER
#    define INSTALL_FIRST(m)  p_m = m; has[m] = true; ONE_HOLDER
#    define INSTALL_SECOND(m) p_status = P_RUNNING
#else
#    define INSTALL_FIRST(m)  p_m = m; p_status = P_RUNNING
#    define INSTALL_SECOND(m) has[m] = true; ONE_HOLDER
#endif

/* tri_p_uninstall */
inline uninstall(m)
{
    d_step {
        assert(has[m] && p_m == m && p_status == P_RUNNING);
        cache[m] = false;
        has[m] = false;
        p_m = NONE;
        p_status = P_IDLE
    }
}

/* tri_p_hand_off: to who wants it, or into the list. */
inline hand_off(u)
{
    if
    :: atomic { !lock && nempty(want) -> lock = true; want?u; INSTALL_FIRST(u) };
        atomic { INSTALL_SECOND(u); lock = false };
        d_step { note[u] = true; u = NONE }
    :: atomic { !lock && empty(want) -> p_idle = true }
    fi
}

/* tri_m_await_p: tri_m_want_p, tri_m_sleep_for_p. */
inline await_p(m)
{
    if
    :: atomic { !lock && p_idle -> p_idle = false; lock = true; INSTALL_FIRST(m) };
        atomic { INSTALL_SECOND(m); lock = false };
        note[m] = true
    :: atomic { !lock && !p_idle -> want!m }
    fi;
    enter_blocked(m);
    come_back(m);
    point_cache(m)
}

/* ---- the program's threads -------------------------------------------------- */

proctype user(byte m)
{
    byte u = NONE;
    byte call = NONE; /* what it is in */
    bool taken, asked, fast;

    if
    :: m == A
    :: m == B -> goto come
    fi;
loop: /* outside of sections */
    if
    :: handler(m); goto loop
    :: true -> /* allocates; slowly, if the cache is not the P's */
        atomic {
            assert(!world_stopped && state[m] <= REQ);
            assert(has[m] && p_m == m && p_status == P_RUNNING);
            assert(!allocating && (!cache[m] || !diverted));
            if
            :: !cache[m] -> diverted = false; cache[m] = true
            :: else
            fi;
            allocating = true
        }
        atomic {
            assert(!world_stopped && has[m] && p_m == m);
            allocating = false
        }
        goto out
    :: true -> /* tri_blocking_begin */
        d_step { cache[m] = false; has[m] = false; call = IN_BLOCKING };
        p_status = P_SYSCALL
    :: true -> /* tri_wait_in_place */
        d_step { uninstall(m); call = IN_PLACE };
        hand_off(u)
    :: m == B -> /* tri_thread_detach */
        d_step { uninstall(m); call = DETACHED };
        hand_off(u)
    fi;
    enter_blocked(m);
    if
    :: call == DETACHED -> d_step { call = NONE; sig[m] = false }; goto come
    :: call != DETACHED
    fi;
#ifndef MUTANT_EARLY_P
    leave_blocked(m);
#endif
    /* tri_blocking_end */
    if
    :: atomic {
           call == IN_BLOCKING && p_status == P_SYSCALL;
           p_status = P_RUNNING;
           assert(!world_stopped)
       }
        atomic { p_m = m; has[m] = true; ONE_HOLDER; call = NONE };
#ifdef MUTANT_EARLY_P
        leave_blocked(m);
#endif
        point_cache(m);
        goto out
    :: atomic { call == IN_PLACE || p_status != P_SYSCALL -> call = NONE }
    fi;
#ifdef MUTANT_EARLY_P
    leave_blocked(m);
#endif
    goto await;
come: /* tri_thread_adopt: register_thread */
    atomic {
        !lock && !stopping;
        m_count = 4
    }
    leave_blocked(m);
    assert(!world_stopped);
await:
    await_p(m);
out:
    leave(m);
    goto loop
}

/* ---- sysmon ------------------------------------------------------------------ */

/* tri_m_stop_one; it is in a section. */
inline stop_one(m, did)
{
    if
    :: claim[m] -> did = false
    :: atomic {
#ifdef MUTANT_NO_CLAIM
           true;
#else
           !claim[m];
#endif
           claim[m] = true;
           one_remaining = 0;
           request(m, false, did)
       }
        do
        :: did || one_remaining == 0 -> did = true; break
        :: !did && one_remaining != 0 -> /* asked himself, or out of patience */
            if
            :: atomic {
                   state[m] == REQ;
                   state[m] = RUN;
                   owed[m] = false;
                   one_remaining = 0;
                   claim[m] = false
               }
                break
            :: atomic { state[m] != REQ && one_remaining == 0 -> did = true };
                break
            fi
        od
    fi
}

#define STANDS(m)                                                              \
    (state[m] == STOPPED || state[m] == ASLEEP || state[m] == BSTOP)

proctype sysmon()
{
    byte u = NONE;
    byte m = W;
    bool did, taken;

    do
    :: state[S] == REQ -> answer(S) /* tri_m_safe_point */
    :: atomic { p_status == P_SYSCALL -> p_status = P_IDLE; p_m = NONE };
        hand_off(u) /* retake */
    :: true ->
        if
#ifndef NO_WORLD
        :: m = W
#endif
        :: m = A
        :: m_count == 4 -> m = B
        fi;
        stop_one(m, did);
        if
        :: atomic { did && has[m] && p_m == m -> assert(STANDS(m)) };
            atomic { !lock -> uninstall(m); want!m }; /* preempt: detach */
            release(m, BLOCKED);
            hand_off(u)
        :: atomic { did && !(has[m] && p_m == m) -> assert(STANDS(m)) };
            release(m, RUN)
        :: atomic { did && has[m] -> assert(STANDS(m)) }; /* a scan */
            assert(STANDS(m));
            release(m, RUN)
        :: !did
        fi;
        d_step { did = false; m = W }
    :: true -> /* rest */
        enter_blocked(S);
        leave_blocked(S)
    od
}

/* ---- the world's stopper ------------------------------------------------------ */

/* It goes round until who holds a claim gives it up (M-2). */
inline ask(m)
{
    if
    :: atomic {
           m < m_count && !world_holds[m];
#ifndef MUTANT_NO_CLAIM
           !claim[m];
#endif
           claim[m] = true;
           world_holds[m] = true;
           request(m, true, blocked);
           blocked = false
       }
    :: m >= m_count || world_holds[m]
    fi
}

inline let_go(m)
{
    if
    :: !world_holds[m]
    :: world_holds[m] ->
        world_holds[m] = false;
        if
        :: loses_p[m] -> loses_p[m] = false; release(m, BLOCKED)
        :: !loses_p[m] -> release(m, RUN)
        fi
    fi
}

proctype stopper()
{
    byte u = NONE;
    byte counted;
    bool taken, asked, blocked, fast;

    do
    :: handler(W)
    :: true -> /* tri_host_stop_world, in a section */
        atomic { !lock -> stopping = true };
        do
        :: counted == m_count -> break
        :: counted != m_count ->
            atomic { counted = m_count; world_remaining = 1 };
            ask(S);
            ask(A);
            ask(B);
            world_remaining--;
            world_remaining == 0
        od;
        atomic {
            assert(!allocating && !lock && STANDS(S) && STANDS(A));
            assert(m_count == 3 || STANDS(B));
            world_stopped = true;
            counted = 0
        }
        if
        :: true -> /* tri_host_divert_caches */
            d_step { diverted = true; cache[A] = false; cache[B] = false }
        :: p_status == P_RUNNING -> /* tri_world_set_procs */
            atomic {
                u = p_m;
                uninstall(u);
                want!u;
                loses_p[u] = true;
                want?u; /* serve_wanting_locked */
                p_m = u;
                p_status = P_RUNNING;
                has[u] = true;
                note[u] = true;
                u = NONE
            }
        :: true
        fi;
        /* tri_host_start_world */
        d_step { world_stopped = false; stopping = false };
        let_go(S);
        let_go(A);
        let_go(B);
        leave(W)
    od
}

init
{
    atomic {
        state[B] = BLOCKED;
        has[A] = true;
        cache[A] = true;
        run user(A);
#ifndef NO_B
        run user(B);
#endif
#ifdef NO_SYSMON
        state[S] = BLOCKED;
#else
        run sysmon();
#endif
#ifndef NO_WORLD
        run stopper();
#endif
        skip
    }
}
