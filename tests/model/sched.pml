/* SPDX-License-Identifier: MIT */
/*
 * tests/model/sched.pml: parking and being made ready, idle Ps and Ms, and
 * scanned stacks, as Spin sees them.
 *
 * The program: a ring of three, around which tokens go for ever.  Goroutine 0
 * gives goroutine 1 a token and computes, keeping its P, until that one ran;
 * goroutine 1 passes it to an attached thread, which passes it back.  So work that
 * waits with a P idle (SCHED-2), or a wake-up that comes before the sleep (PARK-1),
 * stops the ring, and Spin finds a deadlock.  With -DINTRUDER goroutine 1 passes it
 * back itself and yields, goroutine 0 may yield before it computes, and once a stack is
 * scanned or a stale wake-up comes.
 * A thread that is born is one of the idle ones, which plays its part.
 *
 * One step of the model is one access to what others see without a lock; what
 * is touched under a lock only goes with the step before.  Steps are named after
 * the functions of runtime/sched.c, queue.c, wake.c, idle.c, p.c and park.c.  Left
 * out: timers, mark workers, preemption and blocking calls (world.pml), weak memory
 * (runq.cpp).
 *
 * Safety (run-spin sched.pml safety, and with INTRUDER): a goroutine runs on one thread, a P has one
 * holder (P-1), a stack that is scanned does not run (G-1, G-2), nobody touches
 * a stack that he has made findable (PARK-2), and no deadlock.  Liveness
 * (run-spin sched.pml progress INTRUDER): under weak fairness tokens go on.  With
 * -DDEFERS, in the same program without the intruder, any P may put wake-ups off at
 * any moment, and sysmon looks when it likes (SCHED-5).
 *
 * Mutants (-DMUTANT_...), in each of which Spin has to find an error:
 *   COMMIT_EARLY     commit runs before the state is WAITING (PARK-1)
 *   COMMIT_ON_STACK  commit runs on the waiter's own stack (PARK-2)
 *   STATE_EARLY      the state leaves RUNNING before the stack is left (G-1)
 *   RUN_SCANNED      execute does not look at SCAN (G-2)
 *   DROP_SCAN        ready does not carry SCAN along
 *   NO_WAKE          ready does not look for an idle P (SCHED-2)
 *   NO_LOOK          who made his P idle does not look for work (SCHED-2)
 *   NO_LOOK_GIVEN    who hands a P off does not (SCHED-2)
 *   LAST_SPINNER     the last spinner that found work wakes nobody (SCHED-3)
 *   NO_MAKE_UP       sysmon ends the deferring and wakes nobody (SCHED-5)
 *   LOOK_FIRST       it looks for work before it ends it (SCHED-5)
 *   STAY_LISTED      a thread that wakes without a P stays in the list of the idle
 *   NO_NOTE          a wake-up is not remembered, so it may come too early
 *   COUNT_EARLY      who takes from the global queue lowers its count before the rest
 *                    of his share stands in his own (GLOBAL-1)
 * and, in progress mode, where nobody stands still and no token goes on:
 *   NO_SHARE         a P's share of the global queue may be none
 *   THIEF_QUEUES     a thief runs nothing of what he got, and looks again
 *
 * To see how an error comes about:
 *   tests/model/run-spin sched.pml safety TOKENS=1 MUTANT_NO_LOOK --replay
 */
#if defined(INTRUDER) || defined(DEFERS)
#    define PAIR /* goroutine 1 passes it back itself, and yields */
#endif
#define NP    2
#define NM    2 /* scheduling threads: 0 .. NM-1 */
#define BOUND 2 /* the attached thread */
#define NT    3
#define NG    2
#define NONE  15

#ifndef TOKENS
#    define TOKENS 2
#endif

#define RUNNABLE 1
#define RUNNING  2
#define WAITING  3
#define SCAN     4 /* a bit beside the state */

/* Goroutines. */
byte g_state[NG];
byte on_stack[NG]; /* threads that stand on this stack */
bool scanning[NG];

/* Threads. */
byte m_p[NT] = NONE;
bool note[NT];
bool listed[NM];
bool spins[NM]; /* m->spinning */
byte to_be_born;

/* Ps. */
byte p_m[NP] = NONE;
bool p_idle[NP];
byte runnext[NP] = NONE;
byte runq[NP]; /* a bit for each goroutine */
bool turn[NP];  /* p->queue_turn */

#ifdef DEFERS
bool defers[NP];
#    define LEFT_TO_OTHERS(ip) (runq[ip] != 0 || (runnext[ip] != NONE && !defers[ip]))
#else
#    define LEFT_TO_OTHERS(ip) (runq[ip] != 0 || runnext[ip] != NONE)
#endif

/* tri_sched. */
bool lock;
byte queue; /* a bit for each goroutine */
byte queue_count;
byte idle_count;
byte spinning;
byte births;
bool want; /* the attached thread is in the list */

/* The program's semaphores; 0, 1: of the goroutines; 2: of the thread. */
bool s_lock[3];
bool s_wait[3];
byte s_count[3];
bool ran;
bool has_token; /* goroutine 1 */
#ifdef PAIR
bool gave; /* goroutine 0 gave the token, and computes next */
#endif

#define LOCK   atomic { !lock -> lock = true }
#define UNLOCK lock = false

/* tri_m_wake, tri_m_sleep: the futex compares and sleeps in one step. */
#ifdef MUTANT_NO_NOTE
bool asleep[NT];
#    define WAKE(who)        note[who] = asleep[who]
#    define FALL_ASLEEP(who) asleep[who] = true; \
        atomic { note[who] -> note[who] = false; asleep[who] = false }
#else
#    define WAKE(who)        note[who] = true
#    define FALL_ASLEEP(who) atomic { note[who] -> note[who] = false }
#endif

/* ---- who holds which P --------------------------------------------------- */

/* tri_p_install; the order of its stores is the business of world.pml. */
inline install(ip, im)
{
    d_step {
        assert(p_m[ip] == NONE && m_p[im] == NONE && !p_idle[ip]);
        p_m[ip] = im;
        m_p[im] = ip;
    }
}

/* tri_p_uninstall */
inline uninstall(ip, im)
{
    d_step {
        assert(m_p[im] == ip && p_m[ip] == im);
        p_m[ip] = NONE;
        m_p[im] = NONE;
    }
}

/* tri_p_put_idle_locked */
inline put_idle(ip)
{
    d_step {
        assert(p_m[ip] == NONE && !p_idle[ip]);
        p_idle[ip] = true;
        idle_count++;
    }
}

/* tri_p_take_idle_locked; which one does not matter. */
inline take_idle(ip)
{
    d_step {
        if
        :: p_idle[0] -> ip = 0
        :: !p_idle[0] && p_idle[1] -> ip = 1
        :: else -> ip = NONE
        fi;
        if
        :: ip != NONE -> p_idle[ip] = false; idle_count--
        :: else
        fi
    }
}

/* ---- starting Ms ---------------------------------------------------------- */

/* start_locked, and the lock given up: `who` is to be roused, or NONE. */
inline start_locked(ip, spin, who)
{
    d_step {
        if
        :: listed[0] -> who = 0
        :: !listed[0] && listed[1] -> who = 1
        :: else -> who = NONE
        fi;
        if
        :: who != NONE -> listed[who] = false; spins[who] = spin
        :: else
        fi
    }
    if
    :: who != NONE -> atomic { install(ip, who); ip = NONE; UNLOCK }
    :: else ->
        atomic { put_idle(ip); ip = NONE };
        d_step {
            if
            :: spin -> spinning--
            :: else
            fi;
            if
            :: births < idle_count ->
                births++;
                to_be_born++ /* tri_m_start_thread */
            :: else
            fi;
            UNLOCK
        }
    fi
}

inline rouse(who)
{
    if
    :: who != NONE -> WAKE(who)
    :: else
    fi;
    who = NONE
}

/* tri_sched_wake */
inline wake()
{
    if
    :: idle_count == 0
    :: else ->
        if
        :: atomic { spinning == 0 -> spinning = 1 };
            atomic { !lock -> lock = true; take_idle(q) };
            if
            :: q != NONE -> start_locked(q, true, who)
            :: else -> d_step { spinning--; UNLOCK }
            fi;
            rouse(who)
        :: spinning != 0
        fi
    fi
}

/* work_anywhere: one P after the other. */
inline work_anywhere(found)
{
    found = queue_count != 0;
    if
    :: !found -> found = LEFT_TO_OTHERS(0)
    :: else
    fi;
    if
    :: !found -> found = LEFT_TO_OTHERS(1)
    :: else
    fi
}

/* tri_p_hand_off */
inline hand_off(ip)
{
    yes = runnext[ip] != NONE || runq[ip] != 0;
    LOCK;
    yes = yes || queue_count != 0;
    if
    :: want && (!yes || !turn[ip]) ->
        d_step {
            want = false;
            turn[ip] = true;
            install(ip, BOUND);
            UNLOCK;
            ip = NONE
        };
        who = BOUND;
        yes = false
    :: yes && (!want || turn[ip]) ->
        start_locked(ip, false, who);
        yes = false
    :: else ->
        if
        :: atomic { idle_count == 0 && spinning == 0 -> spinning = 1 };
            start_locked(ip, true, who)
        :: idle_count != 0 || spinning != 0 ->
            d_step { put_idle(ip); UNLOCK; ip = NONE };
            yes = true
        fi
    fi;
    rouse(who);
#ifndef MUTANT_NO_LOOK_GIVEN
    if
    :: yes ->
        work_anywhere(yes);
        if
        :: yes -> wake()
        :: else
        fi
    :: else
    fi;
#endif
    yes = false
}

/* ---- making ready --------------------------------------------------------- */

/* tri_g_make_runnable */
inline make_runnable(rg)
{
    d_step {
        assert((g_state[rg] & ~SCAN) == WAITING);
#ifdef MUTANT_DROP_SCAN
        g_state[rg] = RUNNABLE
#else
        g_state[rg] = RUNNABLE | (g_state[rg] & SCAN)
#endif
    }
}

/* tri_ready of a goroutine, on a thread that holds ip: tri_sched_put. */
inline ready(rg, ip)
{
    make_runnable(rg);
#ifdef DEFERS
    if
    :: defers[ip] = true /* tri_defer_begin: earlier, but nobody sees that */
    :: skip
    fi;
#endif
    atomic { q = runnext[ip]; runnext[ip] = rg };
    if
    :: q != NONE -> atomic { runq[ip] = runq[ip] | (1 << q); q = NONE }
    :: else
    fi;
#ifdef DEFERS
    if
    :: runq[ip] == 0 && defers[ip] /* tri_defer_wake */
    :: else -> wake()
    fi
#elif !defined(MUTANT_NO_WAKE)
    wake()
#endif
}

/* tri_ready of the thread: tri_m_want_p. */
inline ready_bound()
{
    atomic {
        !lock;
        take_idle(q);
        if
        :: q != NONE -> install(q, BOUND); q = NONE; who = BOUND
        :: else -> want = true
        fi
    }
    rouse(who)
}

/* The program's: gives a token; true: somebody waited for it. */
inline post(s)
{
    atomic {
        !s_lock[s];
        yes = s_wait[s];
        s_wait[s] = false;
        if
        :: !yes -> s_count[s]++
        :: else
        fi
    }
}

/* Takes one; true: has to wait, and is findable when the lock is given up. */
inline enlist(s)
{
    atomic {
        !s_lock[s];
        yes = s_count[s] == 0;
        if
        :: yes -> s_wait[s] = true; s_lock[s] = true
        :: else -> s_count[s]--
        fi
    }
}

/* ---- the loop of an M ------------------------------------------------------ */

inline stop_spinning()
{
    if
    :: spins[m] ->
        atomic {
            spins[m] = false;
            spinning--;
#ifndef MUTANT_LAST_SPINNER
            yes = spinning == 0
#endif
        }
        if
        :: yes -> yes = false; wake()
        :: else
        fi
    :: else
    fi
}

/* give_to_wanting; true: it was given. */
inline give_to_wanting()
{
    atomic {
        !lock;
        if
        :: want ->
            want = false;
            uninstall(p, m);
            install(p, BOUND);
            p = NONE;
            yes = true
        :: else
        fi
    }
    if
    :: yes -> WAKE(BOUND)
    :: else
    fi
}

/* take_local; by then all that is left is what nobody else adds to. */
inline take_local()
{
    if
    :: runnext[p] != NONE -> g = runnext[p]; runnext[p] = NONE
    :: runnext[p] == NONE && (runq[p] & 1) != 0 ->
        g = 0; runq[p] = runq[p] & ~1
    :: runnext[p] == NONE && runq[p] == 2 -> g = 1; runq[p] = 0
    :: else
    fi
}

/* How many of so many it takes, as the P's share. */
#ifdef MUTANT_NO_SHARE
#    define SHARE(count) ((count) / NP)
#else
#    define SHARE(count) ((count) / NP + 1)
#endif

#define LOWER_COUNT                                                            \
    queue_count = queue_count - (g != NONE -> 1 : 0) - (q != NONE -> 1 : 0)

/* take_global, settle_chains: one to run, and the rest of the share, which it counted
 * before it had the lock, for the local queue.  Who goes first does not matter for
 * one; of two it is goroutine 0, which waits for the other. */
inline take_global()
{
    atomic {
        !lock;
        if
        :: share > 0 && (queue & 1) != 0 -> g = 0; share--; queue = queue & ~1
        :: share > 0 && queue == 2 -> g = 1; share--; queue = 0
        :: share == 1 && queue == 3 -> g = 1; share--; queue = 1
        :: else
        fi;
        if
        :: g == 0 && share > 0 && queue == 2 -> q = 1; queue = 0
        :: else
        fi;
        share = 0;
#ifdef MUTANT_COUNT_EARLY
        LOWER_COUNT
#endif
    }
    if
    :: q != NONE -> runq[p] = runq[p] | (1 << q)
    :: else
    fi;
#ifdef MUTANT_COUNT_EARLY
    q = NONE
#else
    d_step { LOWER_COUNT; q = NONE }
#endif
}

/* steal: the queue first, then even what the owner is about to run. */
inline steal()
{
    if
    :: (runq[1 - p] & 1) != 0 -> g = 0; runq[1 - p] = runq[1 - p] & ~1
    :: runq[1 - p] == 2 -> g = 1; runq[1 - p] = 0
    :: else -> g = runnext[1 - p]; runnext[1 - p] = NONE
    fi
}

/* On the goroutine's stack: it may not be scanned, nor be anybody else's. */
#define ALIVE                                                                  \
    assert(on_stack[g] == 1 && !scanning[g] && m_p[m] == p && p_m[p] == m)

proctype scheduler(byte m)
{
    byte p = NONE;
    byte q = NONE;
    byte g = NONE;
    byte who = NONE;
    byte share;
    bool yes, wanted;

    if
    :: m == 0
    :: else -> goto end_asleep
    fi;

loop: /* tri_sched_loop */
    atomic {
        p = m_p[m];
        if
        :: p == NONE -> stop_spinning(); goto sleep
        :: else
        fi;
        /* find_work */
        wanted = want
    }
    if
    :: wanted && !turn[p] ->
        turn[p] = true;
        give_to_wanting();
        if
        :: yes -> d_step { yes = false; wanted = false }; goto loop
        :: else
        fi
    :: else
    fi;
    atomic {
        take_local();
        if
        :: g != NONE -> goto execute
        :: g == NONE && queue_count == 0
        :: else -> share = SHARE(queue_count); goto global
        fi
    }
    goto none;
global:
    take_global();
    if
    :: g != NONE -> goto execute
    :: else
    fi;
none:
    if
    :: wanted ->
        wanted = false;
        give_to_wanting();
        if
        :: yes -> yes = false; goto loop
        :: else
        fi
    :: else
    fi;
    atomic {
        if
        :: spins[m]
        :: !spins[m] && 2 * spinning < NP - idle_count ->
            spins[m] = true;
            spinning++
        :: else -> goto go_idle
        fi
    }
    atomic {
        steal();
        if
#ifdef MUTANT_THIEF_QUEUES
        :: g != NONE -> runq[p] = runq[p] | (1 << g); g = NONE; goto loop
#else
        :: g != NONE -> goto execute
#endif
        :: else
        fi
    }
go_idle:
    atomic {
        !lock;
        if
        :: queue_count != 0 || want -> goto loop
        :: else
        fi;
        uninstall(p, m);
        put_idle(p);
        p = NONE
    }
    if
    :: spins[m] -> d_step { spins[m] = false; spinning-- }
    :: else
    fi;
#ifndef MUTANT_NO_LOOK
    work_anywhere(yes);
    if
    :: yes ->
        atomic {
            !lock;
            yes = false;
            take_idle(q);
            if
            :: q != NONE -> install(q, m); q = NONE
            :: else -> goto sleep
            fi
        }
        d_step { spins[m] = true; spinning++ };
        goto loop
    :: else
    fi;
#endif

sleep: /* sleep_idle, tri_m_sleep */
    atomic {
        !lock;
#ifndef MUTANT_STAY_LISTED
        assert(m_p[m] == NONE && !listed[m]);
#endif
        listed[m] = true
    }
end_asleep:
    if
    :: FALL_ASLEEP(m)
    :: atomic {
           to_be_born > 0 && listed[m] && !lock;
           to_be_born--;
           births--; /* tri_sched_born */
           take_idle(q);
           if
           :: q != NONE -> listed[m] = false; install(q, m); q = NONE
           :: else -> goto end_asleep
           fi
       }
    fi;
#ifndef MUTANT_STAY_LISTED
    atomic { /* leave_list */
        !lock;
        if
        :: m_p[m] == NONE -> listed[m] = false
        :: else
        fi
    };
#endif
    goto loop;

execute:
    atomic { turn[p] = false; wanted = false };
    stop_spinning();
    /* switch_to */
    assert((g_state[g] & ~SCAN) == RUNNABLE);
#ifdef MUTANT_RUN_SCANNED
    d_step { g_state[g] = RUNNING | (g_state[g] & SCAN); on_stack[g]++ };
#else
    atomic { g_state[g] == RUNNABLE -> g_state[g] = RUNNING; on_stack[g]++ };
#endif
    ALIVE;
    /* The goroutine. */
body:
    if
#ifdef PAIR
    :: g == 0 && !gave ->
#else
    :: g == 0 ->
#endif
        ran = false;
        post(1);
        if
        :: yes -> ready(1, p)
        :: else
        fi;
#ifdef PAIR
        gave = true;
        if
        :: goto yield
        :: yes = false; goto body
        fi
    :: g == 0 && gave ->
#endif
        atomic { ran; ran = false }; /* computes until then */
        ALIVE;
#ifdef PAIR
        gave = false;
#endif
        enlist(0)
    :: g == 1 && has_token ->
        d_step { ran = true; has_token = false };
progress_ring:
#ifdef PAIR
        post(0);
        if
        :: yes -> ready(0, p)
        :: else
        fi;
#else
        post(2);
        if
        :: yes -> ready_bound()
        :: else
        fi;
#endif
        ALIVE;
#ifdef PAIR
yield:  /* tri_yield, settle; put_behind, as if the local queue were full */
        atomic { yes = false; on_stack[g]--; g_state[g] = RUNNABLE };
        atomic { !lock -> queue = queue | (1 << g); queue_count++; g = NONE };
        wake();
        goto loop
#else
        yes = false
#endif
    :: g == 1 && !has_token ->
        has_token = true;
        enlist(1)
    fi;
    if
    :: !yes -> goto body
    :: else -> yes = false
    fi;
    /* tri_park, tri_sched_switch, settle, commit_unlock */
#ifdef MUTANT_COMMIT_EARLY
    on_stack[g]--;
    s_lock[g] = false;
    g_state[g] = WAITING;
#elif defined(MUTANT_COMMIT_ON_STACK)
    g_state[g] = WAITING;
    s_lock[g] = false;
    on_stack[g]--;
#elif defined(MUTANT_STATE_EARLY)
    g_state[g] = WAITING;
    assert(!scanning[g]);
    on_stack[g]--;
    s_lock[g] = false;
#else
    d_step { on_stack[g]--; g_state[g] = WAITING };
    d_step { s_lock[g] = false; g = NONE };
#endif
    g = NONE;
    goto loop
}

/* ---- the attached thread -------------------------------------------------- */

proctype attached()
{
    byte p = NONE;
    byte q = NONE;
    byte who = NONE;
    bool yes;

sleep: /* tri_m_sleep_for_p: come_back */
    FALL_ASLEEP(BOUND);
    if
    :: m_p[BOUND] == NONE -> goto sleep
    :: else
    fi;
    p = m_p[BOUND];
body:
    assert(p_m[p] == BOUND);
    post(0);
    if
    :: yes -> ready(0, p)
    :: else
    fi;
    enlist(2);
    if
    :: !yes -> goto body
    :: else
    fi;
    /* park_bound; commit */
    uninstall(p, BOUND);
    d_step { yes = false; s_lock[2] = false };
    hand_off(p);
    goto sleep
}

/* ---- the others ------------------------------------------------------------ */

/*
 * At any moment, once: a stack is scanned (tri_host_stack_scan; one that runs is
 * the business of world.pml), or a wake-up comes that is left over from a P
 * which was given and taken away again.
 */
proctype intruder()
{
    byte g;

end_intruder:
    if
    :: atomic { WAKE(0); goto end }
    :: atomic { WAKE(1); goto end }
    :: atomic {
           g_state[0] == WAITING || g_state[0] == RUNNABLE;
           g_state[0] = g_state[0] | SCAN;
           scanning[0] = true;
           assert(on_stack[0] == 0)
       }
    :: atomic {
           g_state[1] == WAITING || g_state[1] == RUNNABLE;
           g_state[1] = g_state[1] | SCAN;
           scanning[1] = true;
           assert(on_stack[1] == 0);
           g = 1
       }
    fi;
    d_step { scanning[g] = false; g_state[g] = g_state[g] & ~SCAN; g = 0 };
end:
    skip
}

#ifdef DEFERS
/* tri_defer_look, at any moment, as if the P had never moved. */
inline look(ip)
{
#    ifdef MUTANT_LOOK_FIRST
    yes = runnext[ip] != NONE || runq[ip] != 0;
    defers[ip] = false;
#    else
    defers[ip] = false;
    yes = runnext[ip] != NONE || runq[ip] != 0;
#    endif
#    ifndef MUTANT_NO_MAKE_UP
    if
    :: yes -> wake()
    :: else
    fi;
#    endif
    yes = false
}

proctype sysmon()
{
    byte q = NONE;
    byte who = NONE;
    bool yes;

end_sysmon:
    do
    :: defers[0] -> look(0)
    :: defers[1] -> look(1)
    od
}
#endif

init
{
    atomic {
        g_state[0] = RUNNABLE;
        runnext[0] = 0;
        g_state[1] = WAITING;
        s_wait[1] = true;
        has_token = true;
        s_wait[2] = true;
        m_p[0] = 0;
        p_m[0] = 0;
        p_idle[1] = true;
        idle_count = 1;
        s_count[0] = TOKENS - 1;
        listed[1] = true;
        run scheduler(0);
        run scheduler(1);
#ifdef DEFERS
        run sysmon()
#elif defined(INTRUDER)
        run intruder()
#else
        run attached()
#endif
    }
}
