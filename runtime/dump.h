/* SPDX-License-Identifier: MIT */
/* runtime/dump.h: who there is, where he stands, and where he was made. */
#ifndef TRI_RUNTIME_DUMP_H
#define TRI_RUNTIME_DUMP_H

#include "runtime/g.h"

/* All goroutines with their stacks, to fd.  The world is stopped, or dies. */
void tri_dump_all(int fd);
/* One line: "created by goroutine 1 at NAME+0x12 (FILE)". */
void tri_dump_origin(int fd, struct tri_g *g);

/* SIGQUIT, asked for by its handler: sysmon calls this now and then. */
void tri_dump_poll(void);
void tri_dump_init(void);
/* The child of a fork dies by SIGQUIT as any process does. */
void tri_dump_in_child(void);

#endif /* TRI_RUNTIME_DUMP_H */
