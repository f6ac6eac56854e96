/* SPDX-License-Identifier: MIT */
/* tools/trace_daemon.h: LTTng's session daemon: is there one, start one. */
#ifndef TRICOLOR_TRACE_DAEMON_H
#define TRICOLOR_TRACE_DAEMON_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Returns once a session daemon answers, having started one if need be; false,
 * with a line in error[n], if that cannot be had within about 20 seconds.
 *
 * Where neither LTTNG_HOME nor HOME is a directory this user may write, sets
 * LTTNG_HOME, so that the traced program (which reads it too) and the daemon
 * meet; root's daemon does not need it.
 */
bool trace_daemon_ensure(char *error, size_t n);

#endif /* TRICOLOR_TRACE_DAEMON_H */
