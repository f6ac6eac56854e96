/* SPDX-License-Identifier: MIT */
/*
 * tricolor.h: the whole API of the Tricolor runtime.
 *
 * Goroutines on a work-stealing scheduler, a concurrent tri-colour collector
 * with precise types, cleanups with an exact Stop, all traced.  It follows
 * Go's runtime; each call names its Go counterpart.
 *
 * Who may call.  Unless its comment says otherwise, every call works from any
 * goroutine and from any thread attached with tri_thread_attach; from anywhere
 * else it panics with one sentence.  No call is for signal handlers.
 *
 * Where a goroutine may change threads.  Only in the calls marked "switches":
 * a C compiler may cache &errno or other thread-local addresses over a call,
 * so treat these as you would treat a thread change.  Every other call, above
 * all allocation, returns on the thread it was called on.
 *
 * Pointers.  The collector finds pointers into the heap, interior ones
 * included, in the stacks and registers of goroutines and attached threads, in
 * the thread-local variables of an attached thread (those of libraries that were
 * loaded when it attached; a goroutine's are its thread's, which changes), in the
 * .data and .bss of the program and its libraries, in ranges registered with
 * tri_root_add, and in the pointer fields of reachable objects.  Not in malloc'ed
 * memory, or a pointer one past the end.  A store of a heap pointer to any of
 * these but a stack or a thread-local variable goes through TRI_STORE.
 *
 * Signals and processes.  SIGURG is the runtime's: leave its handler alone and do
 * not block it in a thread that runs goroutines or is attached, or no pause
 * begins while that thread computes (after a second a line on standard error
 * names it).  A thread may set a signal stack (sigaltstack) or run on a stack of
 * its own making (makecontext): the stack it is on counts, 8 MiB of it at most,
 * and the thread's or goroutine's own.  Others do not while nobody runs on them:
 * what only they refer to needs a root.  A signal stack wants 64 KiB, since the
 * runtime's handler may come on top.  A program whose handlers switch stacks
 * themselves is compiled with TRI_PROTECT_COUNTER.
 *
 * That signal may come in any system call outside of tri_blocking_begin and
 * tri_blocking_end.  Most go on by themselves (SA_RESTART: read, write, wait); those
 * that signal(7) says are never restarted (nanosleep, poll, select, epoll_wait,
 * sem_timedwait, sockets with a timeout) may return EINTR, when the world stops or after
 * some milliseconds in which others wait for the P, so put them between the
 * two, or call them again.  vfork and posix_spawn, in which no signal interrupts the
 * parent until the child has called exec, belong there too, or every pause waits.
 *
 * Handlers of the program run on whatever stack they like, at any moment outside of
 * the runtime's own handler, in a stopped world too if their thread stopped in a
 * blocking call or at the end of a runtime call: so they load and store no heap
 * pointer, and come back (no longjmp out of one).
 *
 * A child of fork() may exec, exit (also by returning from the main goroutine),
 * and do what is safe in a signal handler; any call that needs the runtime's
 * threads panics there.
 *
 * Libraries may be loaded and unloaded at any time.  What a library's static data
 * alone refer to dies with it; what is to live on is taken out of them before
 * dlclose: load it, then TRI_STORE(&slot, NULL).  In a callback of
 * dl_iterate_phdr no call may wait for the collector (tri_gc, tri_cleanup_drain).
 *
 * Libraries loaded into a namespace of their own (dlmopen) are not seen: register
 * their data with tri_root_add.  A goroutine's stack ends in 16 KiB that cannot be
 * touched; a function whose frame is larger may step over them unless the program
 * is compiled with -fstack-clash-protection.  Where they are, mlock and mlockall fail
 * with ENOMEM.
 *
 * Objects are zeroed, never move, and are 8-byte aligned (16 where the size is
 * a multiple of 16 and the type holds no header; see tri_type_make).
 */
#ifndef TRICOLOR_TRICOLOR_H
#define TRICOLOR_TRICOLOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <tricolor/impl/local.h>
#include <tricolor/impl/sequence.h>
#include <tricolor/version.h>

#ifdef __cplusplus
extern "C" {
#endif

static const char *const tri_sections_agree __attribute__((used)) =
    &TRI_CRIT_KIND; /* impl/local.h */

/* Inline here, and an exported symbol of the library too. */
#define TRI_INLINE_API TRI_API inline

/* ---- start and stop ---------------------------------------------------- */

/*
 * Every option has a name here, in the environment and on `tricolor run`'s
 * command line, with one meaning.  A field left 0 (or NULL) takes its value
 * from the environment, and without that its default.  Explicit fields win.
 */
struct tri_options {
    int procs;            /* TRI_PROCS: Ps; default: usable CPUs, followed when
                             affinity (of all threads: taskset -a) or
                             cgroup quota change */
    int gc_percent;       /* TRI_GC: as GOGC; -1 off; default 100 */
    int64_t memory_limit; /* TRI_MEMORY_LIMIT: bytes; default none */
    size_t stack_bytes;   /* TRI_STACK: of a goroutine; default 64 KiB */
    const char *bind;     /* TRI_BIND: which CPU a P's thread runs on: "none",
                             "compact" (neighbours), "scatter" (far apart) */
    const char *numa;     /* TRI_NUMA: from which node the heap's memory comes:
                             "default" (the process's policy), "local" (of
                             who touches it first), "interleave" (all) */
    const char *debug;    /* TRI_DEBUG: "key=value,..."; "help" lists */
};

/*
 * Starts the runtime, runs fn(arg) as the main goroutine, and returns its
 * result once it returns; other goroutines are then abandoned, as in Go (one that
 * computes goes on until it waits or ends), and the runtime may not be
 * started again.  Attached threads may go on: come back from a blocking call,
 * allocate, collect, sleep, wait for each other, detach and end; what they wait
 * for a goroutine or a cleanup to do will never be.  A bad option prints one sentence to
 * standard error and returns 2; what cannot be had (address space, threads) so,
 * too, and 3.  From a plain thread only.  Go: main.main.
 */
TRI_API int tri_main(int (*fn)(void *), void *arg,
                     const struct tri_options *opt);

/*
 * For embedding: starts the runtime and attaches the calling thread.
 * 0; -EINVAL after a bad option (one sentence on standard error), which may be
 * mended and tried again; -ENOMEM, or -EAGAIN where no thread can be had, which
 * may not, since half of it stands; -EALREADY.
 */
TRI_API int tri_init(const struct tri_options *opt);

/* The library's version, "0.1.0". */
TRI_API const char *tri_version(void);

/* ---- types ------------------------------------------------------------- */

/* A run of pointer words in a type: `words` words from byte `offset` on. */
struct tri_field {
    uint32_t offset;
    uint32_t words;
};

/* What the runtime knows of a type after its first use; never freed. */
struct tri_type_info;

struct tri_type_state {
    uint32_t kind; /* span kind for inline allocation; 0: take the slow path */
    uint32_t unused;
    const struct tri_type_info *info;
};

/*
 * Describes an object: made by TRI_TYPE, or by tri_type_make at run time.
 * Must outlive its use in tri_new; live objects do not refer to it.
 */
struct tri_type {
    const char *name;
    size_t bytes;
    const struct tri_field *fields; /* the pointer fields, ascending */
    size_t field_count;
    struct tri_type_state *state;
};

/*
 * Makes a type at run time.  Bit i of pointer_words[i / 64] says that word i
 * (8 bytes) holds a pointer; the array covers `bytes` rounded up to words, and
 * may be NULL for a type without pointers.  Types are never freed, equal calls
 * make distinct types.  NULL, errno ENOMEM, when memory is short.
 */
TRI_API const struct tri_type *tri_type_make(const char *name, size_t bytes,
                                             const uint64_t *pointer_words);

/* ---- allocation -------------------------------------------------------- */
/*
 * Never NULL: when the machine has no more memory the program panics with
 * "out of memory" (as in Go).  A size of 0 gives the address of one shared
 * byte.  May start or help a collection; never switches.
 */

/* Go: new(T).  Inline for small types. */
TRI_INLINE_API void *tri_new(const struct tri_type *type);

/* `count` objects side by side; any of them, and their insides, may be pointed
 * at.  Go: make([]T, count). */
TRI_API void *tri_new_array(const struct tri_type *type, size_t count);

/* Memory that holds no pointers into the heap: never scanned. */
TRI_INLINE_API void *tri_alloc_noscan(size_t bytes);

/* Memory whose every aligned word may be a pointer. */
TRI_API void *tri_alloc_conservative(size_t bytes);

TRI_API void *tri_new_slow(const struct tri_type *type);
TRI_API void *tri_alloc_noscan_slow(size_t bytes);

/* ---- the write barrier ------------------------------------------------- */

/* Not 0 while the collector marks.  Read inside a critical section, or in a
 * sequence, only. */
extern TRI_API uint32_t tri_barrier_on;
/* In a section, while the collector marks. */
TRI_API void tri_store_slow(void **slot, void *value);
/* The store once more, from its test on, in a section of its own (SEQ-2). */
TRI_API void tri_store_again(void **slot, void *value);

/* Indivisible with respect to phase changes: test, record and store lie in one
 * critical section (design: docs/design/barrier.md, BAR-1), or test and store in
 * one restartable sequence (impl/sequence.h). */
TRI_FORCED void
tri_store_pointer(void **slot, void *value)
{
#if TRI_SEQUENCES
    __asm__ goto volatile(
        TRI_SEQUENCE_BEGIN "cmpl $0, %[on]\n\t"
                           "jne %l[slow]\n\t"
                           "movq %[value], %[slot]\n" TRI_SEQUENCE_END
        :
        : [on] "m"(tri_barrier_on), [slot] "m"(*slot), [value] "re"(value)
        : "memory", "cc"
        : slow);
    return;
slow:
    tri_store_again(slot, value);
#else
    tri_enter();
    if (TRI_UNLIKELY(__atomic_load_n(&tri_barrier_on, __ATOMIC_RELAXED) != 0))
        tri_store_slow(slot, value);
    else
        __atomic_store_n(slot, value, __ATOMIC_RELEASE);
    tri_leave();
#endif
}

/*
 * *slot = value, for a slot in a heap object, a global or a registered range.
 * Also a release store: who loads the pointer sees the object's content.
 * Initialising stores into an object nobody else has seen need it too, unless
 * the value stored is NULL.
 */
#define TRI_STORE(slot, value)                                                 \
    do {                                                                       \
        __typeof__(*(slot)) tri_value_ = (value);                              \
        tri_store_pointer((void **)(void *)(slot), (void *)tri_value_);        \
    } while (0)

/* memmove of `bytes` between heap objects (dst may be a global), with the
 * barrier for every aligned word.  Go: typedmemmove. */
TRI_API void tri_copy(void *dst, const void *src, size_t bytes);

/* ---- cleanups, finalizers, weak pointers -------------------------------- */

/* A cleanup's handle.  {0}: a no-op handle.  Copy it freely; it keeps nothing
 * alive.  Go: runtime.Cleanup. */
struct tri_cleanup {
    uint64_t id;
    void *record;
};

/*
 * Once the object that `ptr` points into (anywhere) is unreachable, fn(arg) is
 * called once, on a goroutine of the runtime; the object itself may be gone by
 * then.  `arg` is kept alive, and so must not lead back to the object.  Many
 * cleanups may hang on one object; their order is not specified; at process
 * exit none is run.  A zero-size or static `ptr` gives a no-op handle.
 * Misuse (ptr NULL or not in an object, arg inside the object, fn NULL) panics.
 * Go: runtime.AddCleanup.
 */
TRI_API struct tri_cleanup tri_add_cleanup(void *ptr, void (*fn)(void *),
                                           void *arg);

/* The same with up to 16 bytes of plain data, copied now: nothing to keep
 * alive, nothing to mark, no allocation.  fn gets a copy's address, 8-aligned,
 * good until it returns. */
TRI_API struct tri_cleanup tri_add_cleanup_data(void *ptr,
                                                void (*fn)(const void *),
                                                const void *data, size_t bytes);

/* As tri_add_cleanup, but misuse returns -EINVAL and shortage of memory
 * -ENOMEM; 0 and *cleanup set otherwise. */
TRI_API int tri_try_add_cleanup(struct tri_cleanup *cleanup, void *ptr,
                                void (*fn)(void *), void *arg);

/*
 * Cancels.  True: this call cancelled it, and it never runs.  False: it was
 * queued, running, done or stopped before, or the handle is a no-op.  Safe at
 * any time, from a cleanup too; the object need not be alive.
 * Go: Cleanup.Stop, which tells nothing.
 */
TRI_API bool tri_cleanup_stop(struct tri_cleanup cleanup);

/*
 * Waits until every cleanup queued so far has returned, at most timeout_ns
 * (< 0: for ever).  True: none is pending.  Called from a cleanup, it does not
 * wait for that one.  Switches.
 */
TRI_API bool tri_cleanup_drain(int64_t timeout_ns);

/*
 * When the object is unreachable fn(ptr) is called once and the object is
 * alive again, without finalizer; at most one per object.  ptr must be the
 * object's start.  fn NULL removes.  Go: runtime.SetFinalizer.
 */
TRI_API void tri_set_finalizer(void *ptr, void (*fn)(void *));

/* The object ptr points into is reachable up to here.  Go: KeepAlive. */
TRI_FORCED void
tri_keepalive(const void *ptr)
{
    __asm__ volatile("" : : "r"(ptr) : "memory");
}

/* A pointer that does not keep its object alive.  {NULL} is the zero value.
 * Equal for equal (object, offset), also after the object's death.  Holds a
 * heap pointer: store it with TRI_STORE(&weak.handle, ...).  Go: weak.Pointer. */
struct tri_weak {
    void *handle;
};
TRI_API struct tri_weak tri_weak_make(void *ptr);
/* The pointer, or NULL once the object was found dead. */
TRI_API void *tri_weak_get(struct tri_weak weak);

/* ---- roots -------------------------------------------------------------- */

/* Every aligned word of [start, start + bytes) is a root until removed.
 * Stores of heap pointers into it go through TRI_STORE; what it holds before the
 * call is to be known elsewhere too until the call returns.  A long range is no
 * burden on pauses.  0, -EINVAL, -ENOMEM. */
TRI_API int tri_root_add(void *start, size_t bytes);
/* `start` as it was added.  The collector reads the range no more when the call
 * returns, which takes no cycle to end.  0, or -EINVAL: no such range. */
TRI_API int tri_root_remove(void *start);

/* ---- goroutines ---------------------------------------------------------- */

/*
 * Runs fn(arg) concurrently.  A goroutine ends by returning from fn or by tri_exit,
 * and not by its thread's end: pthread_exit in one panics, and so does a pthread_cancel
 * that finds one on the thread.  An exception that nobody catches in it ends the program
 * (std::terminate), and a longjmp goes to frames of the same goroutine only.
 * Go: go fn(arg).
 */
TRI_API void tri_go(void (*fn)(void *), void *arg);
/* The same on a stack of at least stack_bytes (1 GiB at most; without memory for it
 * the program ends).  For deep recursion: other stacks have what tri_options says, and
 * none grows.  Rounded up to a power of two; kept for the next of its size. */
TRI_API void tri_go_sized(void (*fn)(void *), void *arg, size_t stack_bytes);
/* Lets others run.  Switches.  Go: Gosched. */
TRI_API void tri_yield(void);
/* Sleeps at least ns.  Switches. */
TRI_API void tri_sleep(int64_t ns);
/* Ends the calling goroutine; on the main one, waits for the others for ever.
 * Not from an attached thread.  Go: Goexit, without defers. */
TRI_API void tri_exit(void) __attribute__((noreturn));
/* The calling goroutine's number, from 1, never given twice; the one in the trace.  Not
 * in order of birth: each P takes 16 at a time, as Go's do. */
TRI_API uint64_t tri_goid(void);
/* Stops here if a pause is wanted.  Never needed; makes pauses shorter. */
TRI_API void tri_safepoint(void);
/* Writes every goroutine's state, stack and origin, as they were at one moment, to
 * fd; 0 or -errno.  Those at the same place are one entry.  Frames are followed by
 * frame pointers: build with -fno-omit-frame-pointer to see the program's own.
 * SIGQUIT does the same (TRI_DEBUG=sigquit).  What finds no room, in a pipe that is
 * full, is written when there is some with sigquit=go, and left out with sigquit=die if
 * there is none for two seconds.  Go: pprof's goroutine profile, debug=1. */
TRI_API int tri_dump_goroutines(int fd);

/*
 * Around a call that may block its thread (read, accept, pthread_join...): the
 * P goes to other goroutines.  Between the two no other call of this header,
 * and no heap pointer may be stored anywhere; memory the blocked call uses must
 * be reachable from the caller's frame.  Nesting is allowed.  Does not switch.
 * Go: entersyscall and exitsyscall.
 */
TRI_API void tri_blocking_begin(void);
TRI_API void tri_blocking_end(void);

/* Any pthread: attach, use the API, detach; thread exit detaches by itself.
 * 0; -ENOMEM, or -EAGAIN where no descriptor or thread-specific key can be had, which
 * may be tried again; -EALREADY; -ENXIO before tri_init.  Attach may wait for a P, and
 * for the loader's lock: a library's constructor is not to wait for one that attaches. */
TRI_API int tri_thread_attach(void);
TRI_API void tri_thread_detach(void);

/* ---- files ----------------------------------------------------------------- */
/*
 * Calls that wait for a pipe, a socket or the like: the goroutine waits, its
 * thread goes on with others.  All return -errno where the system's call would
 * return -1; errno is untouched, and a signal does not end them (no -EINTR).
 * All may switch.  The descriptor may be in blocking mode or not: they wait in
 * both, and never change the mode, which other processes may share.  SO_RCVTIMEO
 * and SO_SNDTIMEO do not count: tri_fd_wait has a time limit.
 *
 * A buffer may be a heap object without pointers, and stays alive during the
 * call; an object with pointers may not be read into.
 *
 * In a blocking section instead, with a thread to itself, waits who uses: a
 * regular file that is not cached, or written to; a device that can only be waited
 * for (the goroutine waits until it is ready, then the thread reads); tri_connect
 * and tri_accept on a socket in blocking mode (tri_accept likewise waits first);
 * anything while no epoll descriptor can be had.  No goroutine is held up by that.
 *
 * Goroutines that wait here are no deadlock.  Go: internal/poll, on netpoll.
 */

/* As read(2).  Go: (*poll.FD).Read. */
TRI_API ssize_t tri_read(int fd, void *buffer, size_t bytes);
/* As write(2) on a descriptor in blocking mode: all of it; less only if an error
 * came in between, which the next call tells.  SIGPIPE comes as there.
 * Go: (*poll.FD).Write. */
TRI_API ssize_t tri_write(int fd, const void *buffer, size_t bytes);
/* As accept(2); the new descriptor is closed on exec.  A connection that ended
 * before it was accepted is passed over. */
TRI_API int tri_accept(int fd, struct sockaddr *address, socklen_t *bytes);
/* As connect(2).  Make the socket with SOCK_NONBLOCK, or a thread waits. */
TRI_API int tri_connect(int fd, const struct sockaddr *address,
                        socklen_t bytes);
/* As poll(2) of one descriptor: waits for POLLIN, POLLOUT, POLLPRI or POLLRDHUP,
 * at most timeout_ns (< 0: for ever).  What it is ready for, POLLERR and POLLHUP
 * included; 0: not in time; -EBADF.  Somebody else may use it up meanwhile.
 * -EPERM: a regular file or the like, which is always ready for POLLIN and POLLOUT,
 * and has nothing else to wait for. */
TRI_API int tri_fd_wait(int fd, int events, int64_t timeout_ns);
/*
 * As close(2), and who waits for fd in a call of this section returns with -EBADF,
 * but for those in a blocking section, whom the system does not wake.
 * Close with it what others may be waiting for: after close(2) alone they wait on,
 * until the number is used again, and get their -EBADF then.  A file of the same
 * number that comes later never wakes them otherwise.
 */
TRI_API int tri_close(int fd);

/* ---- channels and synchronisation ---------------------------------------- */
/*
 * All of these are for goroutines and attached threads; waiting switches.
 * Each of the structs is zero-initialised and ready; none holds a heap pointer
 * but the queue of waiters, so it may live anywhere, on the heap too.
 */

/* A heap object: collected when unreachable.  Elements are `element_bytes`
 * wide (0 to 65536; of what is larger, send a pointer), copied in and out;
 * aligned words in them may be heap pointers.  Go: make(chan T, capacity). */
struct tri_chan;
TRI_API struct tri_chan *tri_chan_make(size_t element_bytes, size_t capacity);
/* Panics on a closed channel; NULL blocks for ever. */
TRI_API void tri_chan_send(struct tri_chan *chan, const void *element);
/* False, *element zeroed: closed and drained.  element may be NULL. */
TRI_API bool tri_chan_recv(struct tri_chan *chan, void *element);
TRI_API bool tri_chan_try_send(struct tri_chan *chan, const void *element);
/* True: received, or closed (then *ok is false). */
TRI_API bool tri_chan_try_recv(struct tri_chan *chan, void *element, bool *ok);
TRI_API void tri_chan_close(struct tri_chan *chan);
TRI_API size_t tri_chan_len(const struct tri_chan *chan);
TRI_API size_t tri_chan_cap(const struct tri_chan *chan);

/* One case of a select. */
enum tri_select_op {
    TRI_SELECT_RECV,
    TRI_SELECT_SEND
};
struct tri_select_case {
    struct tri_chan *chan; /* NULL: never ready */
    void *element;         /* received into (or NULL), or sent from */
    enum tri_select_op op;
    bool ok; /* of the case that happened: false, received from a closed one */
};
#define TRI_SELECT_MAX 256

/*
 * Waits until one of the cases can happen, does it, and returns its index; of
 * several that can, each has the same chance.  A channel may be in more than one
 * case, for both directions too; none of them meets another of the same call.
 * Where only NULL channels are left, or no case at all, it blocks for ever.
 * Panics if the case chosen sends on a closed channel, or if there are more than
 * TRI_SELECT_MAX cases; more than 16 cost an allocation where it has to wait.
 * Go: select.
 */
TRI_API size_t tri_select(struct tri_select_case *cases, size_t count);
/* The same without waiting; `count`: at one moment none of them could happen.
 * Go: select with a default. */
TRI_API size_t tri_try_select(struct tri_select_case *cases, size_t count);

/* 16 bytes of state, all zero at first. */
struct tri_mutex {
    uint32_t word;
    uint32_t unused;
    void *waiters;
};
TRI_API void tri_mutex_lock(struct tri_mutex *mutex);
TRI_API bool tri_mutex_trylock(struct tri_mutex *mutex);
TRI_API void tri_mutex_unlock(struct tri_mutex *mutex);

/*
 * Waits until the count is 0.  A group that was waited for is used again when all
 * who waited have returned: to add while they are being woken panics, where it is
 * seen.  Go: sync.WaitGroup.
 */
struct tri_waitgroup {
    int64_t count;
    uint32_t lock;
    uint32_t unused;
    void *waiters;
};
TRI_API void tri_waitgroup_add(struct tri_waitgroup *group, int64_t delta);
TRI_API void tri_waitgroup_done(struct tri_waitgroup *group);
TRI_API void tri_waitgroup_wait(struct tri_waitgroup *group);

/*
 * Many readers or one writer.  A writer that waits keeps new readers out, and
 * readers that wait go before the next writer, so nobody is starved; hence who
 * reads may not ask to read again before he has unlocked.  Any goroutine may
 * unlock what another one locked.  Misuse panics.  Go: sync.RWMutex.
 */
struct tri_rwmutex {
    uint64_t word;
    uint32_t leaving;
    int32_t admitted;
    void *readers;
    void *writers;
    void *next_writer;
};
TRI_API void tri_rwmutex_lock(struct tri_rwmutex *mutex);
TRI_API bool tri_rwmutex_trylock(struct tri_rwmutex *mutex);
TRI_API void tri_rwmutex_unlock(struct tri_rwmutex *mutex);
TRI_INLINE_API void tri_rwmutex_rlock(struct tri_rwmutex *mutex);
TRI_API bool tri_rwmutex_tryrlock(struct tri_rwmutex *mutex);
TRI_INLINE_API void tri_rwmutex_runlock(struct tri_rwmutex *mutex);

/* Perhaps the caller may not.  Counted, and a writer is in the way.  A writer waits,
 * or nobody reads. */
TRI_API void tri_rwmutex_rlock_checked(struct tri_rwmutex *mutex);
TRI_API void tri_rwmutex_rlock_slow(struct tri_rwmutex *mutex);
TRI_API void tri_rwmutex_runlock_slow(struct tri_rwmutex *mutex);
/* The readers' count is below; above is what concerns nobody but writers. */
#define TRI_RWMUTEX_WRITER (UINT64_C(1) << 32)

TRI_INLINE_API void
tri_rwmutex_rlock(struct tri_rwmutex *mutex)
{
    /* An unknown thread and one in a blocking section have no cache.  Others may
     * have none for a while, or lose it just now: either branch does for them. */
    if (TRI_UNLIKELY(tri_local_cache() == &tri_cache_none))
        tri_rwmutex_rlock_checked(mutex);
    /* Acquire pairs with the release of the writer who unlocks. */
    else if (TRI_UNLIKELY((__atomic_fetch_add(&mutex->word, 1, __ATOMIC_ACQUIRE)
                           & TRI_RWMUTEX_WRITER)
                          != 0))
        tri_rwmutex_rlock_slow(mutex);
}

TRI_INLINE_API void
tri_rwmutex_runlock(struct tri_rwmutex *mutex)
{
    /* A guess, which spares a load where nobody else reads; the CAS decides.
     * Release pairs with the acquire of the writer who locks; relaxed: a look. */
    uint64_t word = 1;
    while (TRI_UNLIKELY(
        !__atomic_compare_exchange_n(&mutex->word, &word, word - 1, 0,
                                     __ATOMIC_RELEASE, __ATOMIC_RELAXED))) {
        if ((word & TRI_RWMUTEX_WRITER) != 0 || (uint32_t)word == 0) {
            tri_rwmutex_runlock_slow(mutex);
            return;
        }
    }
}

/*
 * Wait unlocks the mutex, waits to be woken, and locks it again.  Signal wakes
 * the one who has waited longest, broadcast all; the mutex may be held or not.
 * Nobody is woken otherwise, but the condition may be false again: wait in a
 * loop.  Waiting with the mutex not locked panics.  Go: sync.Cond.
 */
struct tri_cond {
    uint64_t waiting;
    void *waiters;
};
TRI_API void tri_cond_wait(struct tri_cond *cond, struct tri_mutex *mutex);
TRI_API void tri_cond_signal(struct tri_cond *cond);
TRI_API void tri_cond_broadcast(struct tri_cond *cond);

/*
 * A number of units, 0 at first; `struct tri_sem sem = TRI_SEM_INIT(3)` has three.
 * First come, first served, so who wants many is not passed by those who want
 * few.  More than TRI_SEM_MAX units panic.
 * Go: golang.org/x/sync/semaphore, without its upper bound.
 */
struct tri_sem {
    uint64_t units;
    void *waiters;
};
#define TRI_SEM_INIT(count)                                                    \
    {                                                                          \
        (count), NULL                                                          \
    }
#define TRI_SEM_MAX UINT64_C(0x7fffffffffffffff)
TRI_API void tri_sem_acquire(struct tri_sem *sem, uint64_t units);
TRI_API bool tri_sem_try_acquire(struct tri_sem *sem, uint64_t units);
TRI_API void tri_sem_release(struct tri_sem *sem, uint64_t units);

/*
 * Calls fn(arg) the first time; whoever comes meanwhile waits until it has
 * returned, so that its work is done when tri_once_do returns.  fn must return
 * (no longjmp out of it, no tri_exit) and not come back to the same once, or it
 * is waited for for ever.  Go: sync.Once.
 */
struct tri_once {
    uint32_t done;
    uint32_t unused;
    struct tri_mutex mutex;
};
TRI_API void tri_once_do_slow(struct tri_once *once, void (*fn)(void *),
                              void *arg);
TRI_FORCED void
tri_once_do(struct tri_once *once, void (*fn)(void *), void *arg)
{
    if (TRI_UNLIKELY(__atomic_load_n(&once->done, __ATOMIC_ACQUIRE) == 0))
        tri_once_do_slow(once, fn, arg);
}

/* ---- collector ----------------------------------------------------------- */

/* A full cycle that starts after the call, swept.  Go: runtime.GC. */
TRI_API void tri_gc(void);
/* These return what was set before. */
TRI_API int tri_set_procs(int procs);                /* < 1: only asks */
TRI_API int tri_set_gc_percent(int percent);         /* -1: off */
TRI_API int64_t tri_set_memory_limit(int64_t bytes); /* < 0: only asks */

/*
 * What a misuse of this API calls, with one sentence.  It must not return; if
 * it does, or is NULL (the default), the sentence goes to standard error and
 * the program aborts.  It may longjmp to a frame of the same goroutine: no
 * runtime state is held.  Returns the one set before.
 */
TRI_API void (*tri_set_panic_handler(void (*fn)(const char *message)))(
    const char *);

/* ---- metrics -------------------------------------------------------------- */

/* Reads one metric by its name ("/gc/cycles/total:gc-cycles"); for histograms
 * see tri_metric_histogram.  0; -ENOENT: no such name; -EINVAL: a histogram.
 * From any thread. */
TRI_API int tri_metric_read(const char *name, double *value);

/* The i-th name, or NULL; the order is stable within a version. */
TRI_API const char *tri_metric_name(size_t i);

/*
 * A histogram: `count` buckets, bucket i holds counts[i] samples in
 * [bounds[i], bounds[i + 1]).  Fills at most `max` buckets, returns how many
 * there are, or -ENOENT, or -EINVAL for a plain number.
 */
TRI_API int tri_metric_histogram(const char *name, uint64_t *counts,
                                 double *bounds, size_t max);

/*
 * Every option as it took effect, one by one: name ("gc", "procs",
 * "gcstress"...) and value as text, until NULL.  The value is written to
 * `value`, cut at `bytes`.
 */
TRI_API const char *tri_option_get(size_t i, char *value, size_t bytes);

#ifdef __cplusplus
}
#endif

#include <tricolor/impl/alloc.h>
#include <tricolor/impl/type.h>

#endif /* TRICOLOR_TRICOLOR_H */
