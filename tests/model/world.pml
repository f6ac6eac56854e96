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
 * The steps are in world_steps.pml.  Left out: time
 * (whoever waits may lose patience at any moment), futexes (a sleeper sees the
 * word change), births, goroutines (sched.pml), weak memory.
 *
 * Safety (run-spin world.pml safety NO_SYSMON, NO_WORLD, and NO_B: three of the
 * four at a time, or there are too many states): in a stopped world no thread runs;
 * a P has one holder (P-1), who alone allocates from its cache, and not while that
 * is diverted; each request is answered once (M-1); no deadlock.  That every stop
 * completes is the business of world_live.pml.
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
 *   NO_GIVING_UP    who waits for one thread waits on when asked himself (M-2)
 *   CLAIM_OUTSIDE   he stops with the claim in his hands (M-2)
 *   ATTACH_ANYTIME  a thread registers while a stop is on (STW-2)
 *   COUNT_FIRST     `stopping` is set when all are counted (STW-2)
 *   DISINHERITS     who gives a claim up forgets the world's stopper (M-6)
 *
 * To see how an error comes about:
 *   tests/model/run-spin world.pml safety NO_B MUTANT_LEAVE_BSTOP --replay
 */
#include "world_steps.pml"

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
#ifdef MUTANT_ATTACH_ANYTIME
        !lock;
#else
        !lock && !stopping;
#endif
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
            release(m, RUN) /* what it does then is to retake */
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

proctype stopper()
{
    byte u = NONE;
    byte counted;
    bool taken, asked, blocked, fast;

    do
    :: handler(W)
    :: true -> /* tri_host_stop_world, in a section */
#ifndef MUTANT_COUNT_FIRST
        atomic { !lock -> stopping = true };
#endif
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
#ifdef MUTANT_COUNT_FIRST
        atomic { !lock -> stopping = true };
#endif
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
