/* SPDX-License-Identifier: MIT */
/*
 * gc/verify.h: TRI_DEBUG=gccheckmark: at the end of every mark phase, with the
 * world stopped, a second and much simpler marker (depth first, one thread, its
 * own bits) follows everything from the roots again; an object it reaches that
 * the concurrent marker left white is fatal, with the path's last step named.
 *
 * Not seen: what only a stack, static data or a register refers to by a word that
 * VERIFY-1 (verify.c) does not take, such as one into the middle of the object; nor
 * what is only in a register that calls do not preserve (SIG-6, runtime/signal.c).
 * Why: docs/design/stw.md, "Stale words".
 */
#ifndef TRI_GC_VERIFY_H
#define TRI_GC_VERIFY_H

#include <stdint.h>

/* World stopped, marking over, bits not yet swapped. */
void tri_verify_marks(void);

/* Objects compared so far, in all cycles: so that a test can tell that the
 * verifier ran. */
uint64_t tri_verify_objects_total(void);

#endif /* TRI_GC_VERIFY_H */
