/* SPDX-License-Identifier: MIT */
/* runtime/signal.h: handlers of the runtime's own (signal.c). */
#ifndef TRI_RUNTIME_SIGNAL_H
#define TRI_RUNTIME_SIGNAL_H

#include <signal.h>

/* A handler that runs at once, on the alternate stack, all signals blocked (SIG-1,
 * SIG-2).  It is not instrumented and calls nothing that is. */
void tri_signal_install(int number, void (*handler)(int number, siginfo_t *info,
                                                    void *context));

#endif /* TRI_RUNTIME_SIGNAL_H */
