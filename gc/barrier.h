/* SPDX-License-Identifier: MIT */
/* gc/barrier.h: the write barrier's buffers; the rules are in barrier.c. */
#ifndef TRI_GC_BARRIER_H
#define TRI_GC_BARRIER_H

struct tri_gc_p;

/* Shades what P's buffer holds and empties it.  By P's holder in a critical
 * section, or a stopper. */
void tri_barrier_flush(struct tri_gc_p *p);

/* Mutations for tests/stress/graph.c: a build with one of these set to 1 loses
 * objects, and that test must notice (gc_broken_* in tests/gc.cmake). */
#ifndef TRI_BREAK_DELETION
#    define TRI_BREAK_DELETION 0
#endif
#ifndef TRI_BREAK_INSERTION
#    define TRI_BREAK_INSERTION 0
#endif
#ifndef TRI_BREAK_BLACK
#    define TRI_BREAK_BLACK 0
#endif

#endif /* TRI_GC_BARRIER_H */
