/* SPDX-License-Identifier: MIT */
/*
 * tests/model/world_live.pml: that stops end and threads go on, in the steps of
 * world.pml.
 *
 * The world is stopped again and again, each time after everybody moved: sysmon,
 * and each of the program's threads with a P, of which there is one.  So for ever
 * without a stop that is done (the label `progress`) means that one of these is
 * broken, and Spin finds such a cycle, under weak fairness (who can always take a
 * step takes one):
 *   - a stop that was asked is done, though threads compute and never call the
 *     runtime, are in sections, block, are stopped by sysmon, attach and detach;
 *   - once the world is started, its threads run again;
 *   - a thread that wants a P gets it, though another one computes with it.
 *
 * Fairness has to be said where world.pml lets anything happen at any time.  A
 * signal that is there comes before the next instruction of the program.  Who
 * waits for the scheduler's lock gets it.  Who
 * waits for one thread gives up when he is asked himself, and not for impatience.
 * sysmon takes the P of who had it for a while (`ran`), and looks at one stack
 * between two stops.  A stop comes after the one before was felt: without any time
 * between them a thread answers one after the other and never leaves the handler.
 *
 * run-spin world_live.pml progress, with NO_B, with NO_SYSMON (then nobody
 * keeps the P) and with NO_WORLD (then the label is where everybody moved), or there
 * are too many states.  And each with `safety`: a deadlock is no cycle.
 *
 * Mutants (-DMUTANT_...), in each of which Spin has to find a cycle or, in the two
 * of M-2, a deadlock:
 *   HANDLER_LEAVES  the handler does not stop a thread outside of sections
 *   FORGETS         a section's exit forgets the request (CRIT-3)
 *   NO_GIVING_UP    who waits for one thread waits on when asked himself (M-2)
 *   CLAIM_OUTSIDE   he stops with the claim in his hands (M-2)
 *   KEEPS_BSTOP     who was stopped in a blocking call is not let go
 *   NO_WANT         who loses its P in place is not put where it gets one
 *   NO_PREEMPT      nobody takes the P of who computes
 *   NO_RETAKE       nobody takes the P of a blocking call
 *   LET_GO_FIRST    nor of one that sysmon met while it wanted to preempt
 *   IDLE_FIRST      a P that is given up does not go to who wants one
 *
 * It found that who makes short blocking calls only could keep a P for ever
 * (LET_GO_FIRST, NO_RETAKE).
 */
#define LIVE
#include "world_steps.pml"

bool moved[4];
bool ran[4];
bool look = true; /* at a stack, before the next stop */

/* ---- the program's threads -------------------------------------------------- */

proctype user(byte m)
{
    byte u = NONE;
    byte call = NONE;
    bool taken, asked, fast;

    if
    :: m == A
    :: m == B -> goto come
    fi;
loop:
    if
    :: sig[m] -> handler(m); goto loop
    :: atomic {
           !sig[m];
           assert(has[m] && !world_stopped);
           moved[m] = true;
           ran[m] = true
       }
    fi;
    if
#ifndef NO_SYSMON
    :: true -> goto loop /* computes */
    :: true -> goto out  /* calls the runtime */
    :: true -> /* tri_blocking_begin */
        d_step { cache[m] = false; has[m] = false; call = IN_BLOCKING };
        p_status = P_SYSCALL
#endif
#ifndef NO_WORLD
    :: true -> /* tri_wait_in_place */
        d_step { uninstall(m); call = IN_PLACE };
        hand_off(u)
#endif
    :: m == B -> /* tri_thread_detach */
        d_step { uninstall(m); call = DETACHED };
        hand_off(u)
    fi;
    enter_blocked(m);
    if
    :: call == DETACHED -> d_step { call = NONE; sig[m] = false }; goto come
    :: call != DETACHED
    fi;
    leave_blocked(m);
    if
    :: atomic {
           call == IN_BLOCKING && p_status == P_SYSCALL;
           p_status = P_RUNNING
       }
        atomic { p_m = m; has[m] = true; ONE_HOLDER; call = NONE };
        point_cache(m);
        goto out
    :: atomic { call == IN_PLACE || p_status != P_SYSCALL -> call = NONE }
    fi;
    goto await;
come:
    atomic {
        !lock && !stopping;
        m_count = 4
    }
    leave_blocked(m);
await:
    await_p(m);
out:
    leave(m);
    goto loop
}

/* ---- sysmon ------------------------------------------------------------------ */

inline take_p(m)
{
    stop_one(m, did);
    if
    :: atomic { did && has[m] && p_m == m };
#ifdef MUTANT_NO_WANT
        d_step { uninstall(m); ran[m] = false };
#else
        atomic { !lock -> uninstall(m); ran[m] = false; want!m };
#endif
        release(m, BLOCKED);
        hand_off(u)
    :: atomic { did && !(has[m] && p_m == m) };
        if
#ifndef MUTANT_LET_GO_FIRST
        :: atomic { p_status == P_SYSCALL -> p_status = P_IDLE; p_m = NONE };
            release(m, RUN);
            hand_off(u)
#endif
        :: else -> release(m, RUN)
        fi
    :: !did
    fi
}

inline look_at(m)
{
    stop_one(m, did);
    if
    :: did -> release(m, RUN)
    :: !did
    fi
}

/* It loses the P only then. */
#define HAD_ITS_TIME (p_m != NONE && ran[p_m])

proctype sysmon()
{
    byte u = NONE;
    byte m = W;
    bool did, taken;

    do
    :: true ->
#ifndef NO_WORLD
        if
        :: state[S] == REQ -> answer(S) /* tri_m_safe_point */
        :: state[S] != REQ
        fi;
        moved[S] = true;
#endif
        if
#ifndef MUTANT_NO_RETAKE
        :: atomic { p_status == P_SYSCALL -> p_status = P_IDLE; p_m = NONE };
            hand_off(u)
#endif
#ifndef MUTANT_NO_PREEMPT
        :: atomic {
               nempty(want) && p_status == P_RUNNING && HAD_ITS_TIME;
               m = p_m
           }
            take_p(m)
#endif
#ifndef NO_WORLD
        :: look ->
            look = false;
            if
            :: m = W
            :: m = A
            :: m_count == 4 -> m = B
            fi;
            look_at(m)
#endif
        :: else
        fi;
        d_step { did = false; m = W };
#ifndef NO_WORLD
        enter_blocked(S); /* rest */
        leave_blocked(S)
#endif
    od
}

/* ---- the world's stopper ------------------------------------------------------ */

#if defined(NO_SYSMON) || defined(NO_WORLD)
#    define S_MOVED true
#else
#    define S_MOVED moved[S]
#endif
#ifdef NO_B
#    define B_MOVED true
#else
#    define B_MOVED moved[B]
#endif
#define ALL_MOVED (moved[A] && B_MOVED && S_MOVED)
#define FORGET \
    moved[A] = false; moved[B] = false; moved[S] = false; look = true

proctype stopper()
{
    byte u = NONE;
    byte counted;
    bool taken, asked, blocked, fast;

    do
    :: sig[W] -> handler(W)
    :: atomic { !sig[W] && ALL_MOVED -> FORGET };
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
progress:
        atomic { world_stopped = true; counted = 0 };
        if
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
        d_step { world_stopped = false; stopping = false };
        let_go(S);
        let_go(A);
        let_go(B);
        leave(W)
    od
}

/* Without him: only that everybody moves. */
proctype watcher()
{
    do
    :: atomic { ALL_MOVED -> FORGET };
progress:
        skip
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
#ifdef NO_WORLD
        run watcher()
#else
        run stopper()
#endif
    }
}
