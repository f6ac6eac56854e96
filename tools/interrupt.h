/* SPDX-License-Identifier: MIT */
/* tools/interrupt.h: a last sentence when a signal ends us. */
#ifndef TRICOLOR_TOOLS_INTERRUPT_H
#define TRICOLOR_TOOLS_INTERRUPT_H

#include <sys/types.h>

/*
 * From now on SIGINT, SIGTERM and SIGHUP, unless they are ignored, say `sentence`
 * (which must stay) on standard error before they end us.  Before other threads.
 */
void interrupt_say(const char *sentence);

/*
 * From now on these signals are passed on to the process of interrupt_pass_on,
 * if any, and noted: interrupt_noted is the first one, 0: none.
 */
void interrupt_note(void);
void interrupt_pass_on(pid_t process);
int interrupt_noted(void);
/* Ends us as that signal would have. */
void interrupt_end(void);

#endif /* TRICOLOR_TOOLS_INTERRUPT_H */
