/* SPDX-License-Identifier: MIT */
/*
 * tests/model/world_steps.pml: the steps of world.pml (safety) and world_live.pml
 * (liveness): what a thread, a stopper and who has the P do to the words that the
 * others see.  Not a model of its own.
 *
 * One step is one access to what others see; what only a lock's holder or the
 * own thread sees goes with the step before.  Names are those of
 * runtime/suspend.c, claim.c, stw.c, blocking.c, sysmon.c and thread.c.
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
bool heir[4];     /* claim is INHERITED */
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
#ifndef MUTANT_HANDLER_LEAVES
    answer(m)
#endif
}

/* tri_leave, tri_critical_honour.  The signal came inside, or comes later. */
inline leave(m)
{
    atomic {
        if
#ifdef MUTANT_FORGETS
        :: sig[m] -> sig[m] = false
#else
        :: sig[m] -> sig[m] = false; asked = state[m] == REQ
#endif
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

/* unclaim: the heir counts on an answer already (M-6). */
inline unclaim(m)
{
    d_step {
        if
        :: !heir[m] -> claim[m] = false
        :: heir[m] ->
            heir[m] = false;
#ifdef MUTANT_DISINHERITS
            claim[m] = false
#else
            by_world[m] = true;
            if
            :: state[m] == RUN ->
                state[m] = REQ;
                owed[m] = true;
                sig[m] = true
            :: state[m] == BLOCKED -> state[m] = BSTOP; world_remaining--
            fi
#endif
        fi
    }
}

/* tri_m_release, tri_m_release_without_p: `to` is RUN or BLOCKED. */
inline release(m, to)
{
    if
#ifdef MUTANT_KEEPS_BSTOP
    :: state[m] == BSTOP
#else
    :: atomic { state[m] == BSTOP -> state[m] = BLOCKED }
#endif
    :: atomic { state[m] != BSTOP -> state[m] = to }
    fi;
    unclaim(m)
}

/* ---- the P ----------------------------------------------------------------- */

/* In the liveness model it is never held between two steps: who waits for it gets
 * it some time, and weak fairness does not say so. */
#ifdef LIVE
#    define TAKE_LOCK skip
#else
#    define TAKE_LOCK lock = true
#endif

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
#ifdef MUTANT_IDLE_FIRST
    :: atomic { !lock -> p_idle = true }
#else
    :: atomic { !lock && nempty(want) -> TAKE_LOCK; want?u; INSTALL_FIRST(u) };
        atomic { INSTALL_SECOND(u); lock = false };
        d_step { note[u] = true; u = NONE }
    :: atomic { !lock && empty(want) -> p_idle = true }
#endif
    fi
}

/* tri_m_await_p: tri_m_want_p, tri_m_sleep_for_p. */
inline await_p(m)
{
    if
    :: atomic { !lock && p_idle -> p_idle = false; TAKE_LOCK; INSTALL_FIRST(m) };
        atomic { INSTALL_SECOND(m); lock = false };
        note[m] = true
    :: atomic { !lock && !p_idle -> want!m }
    fi;
    enter_blocked(m);
    come_back(m);
    point_cache(m)
}

/* ---- who stops one ---------------------------------------------------------- */

/* In the liveness model patience ends only when he is asked himself. */
#ifdef LIVE
#    define LOST_PATIENCE state[S] == REQ
#else
#    define LOST_PATIENCE true
#endif

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
#ifdef MUTANT_CLAIM_OUTSIDE
        :: !did && state[S] == REQ -> answer(S)
#endif
        :: !did && one_remaining != 0 -> /* asked himself, or out of patience */
            if
#ifndef MUTANT_NO_GIVING_UP
            :: atomic {
                   state[m] == REQ && LOST_PATIENCE;
                   state[m] = RUN;
                   owed[m] = false;
                   one_remaining = 0
               }
                unclaim(m);
                break
#endif
            :: atomic { state[m] != REQ && one_remaining == 0 -> did = true };
                break
            fi
        od
    fi
}

/* ---- who stops all ---------------------------------------------------------- */

/* tri_m_request: who holds the claim asks in our name (M-6). */
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
#ifndef MUTANT_NO_CLAIM
    :: atomic {
           m < m_count && !world_holds[m] && claim[m];
           heir[m] = true;
           world_holds[m] = true;
           world_remaining++
       }
#endif
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
