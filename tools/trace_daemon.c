/* SPDX-License-Identifier: MIT */
/* tools/trace_daemon.c: LTTng's session daemon: is there one, start one. */
#include "tools/trace_daemon.h"

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <lttng/lttng.h>

#define START_SECONDS 20
#define POLL_MS       20

extern char **environ;

static bool
writable_directory(const char *path)
{
    return path != NULL && path[0] == '/' && access(path, W_OK | X_OK) == 0;
}

/* A private directory of this user's below the usual temporary ones. */
static bool
make_home(char *path, size_t bytes)
{
    const char *base = getenv("XDG_RUNTIME_DIR");
    if (!writable_directory(base))
        base = "/tmp";
    snprintf(path, bytes, "%s/tricolor-lttng-%u", base, (unsigned)getuid());
    struct stat status;
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return false;
    /* Somebody else's directory of that name would hand him our socket. */
    return lstat(path, &status) == 0 && S_ISDIR(status.st_mode)
        && status.st_uid == getuid() && (status.st_mode & 077) == 0;
}

static bool
ensure_home(char *error, size_t n)
{
    if (geteuid() == 0 || writable_directory(getenv("LTTNG_HOME"))
        || (getenv("LTTNG_HOME") == NULL && writable_directory(getenv("HOME"))))
        return true;
    char path[PATH_MAX];
    if (!make_home(path, sizeof(path))) {
        snprintf(error, n,
                 "LTTng needs a directory it may write: set LTTNG_HOME to one");
        return false;
    }
    setenv("LTTNG_HOME", path, 1);
    return true;
}

static void
sleep_a_little(void)
{
    struct timespec time = { .tv_nsec = POLL_MS * 1000000L };
    nanosleep(&time, NULL);
}

/* Runs the daemon's starter; it returns when the daemon is ready. */
static bool
start_daemon(char *error, size_t n)
{
    const char *program = getenv("LTTNG_SESSIOND_PATH");
    if (program == NULL || program[0] == '\0')
        program = "lttng-sessiond";
    char *arguments[] = { (char[]){ "lttng-sessiond" },
                          (char[]){ "--daemonize" }, NULL };
    pid_t child;
    int failed = posix_spawnp(&child, program, NULL, NULL, arguments, environ);
    if (failed != 0) {
        snprintf(error, n,
                 "cannot start %s: %s; install LTTng (Debian: lttng-tools "
                 "liblttng-ust1), or run without tracing",
                 program, strerror(failed));
        return false;
    }
    int status = 0;
    pid_t ended = 0;
    for (int ms = 0; ms < START_SECONDS * 1000 && ended == 0; ms += POLL_MS) {
        ended = waitpid(child, &status, WNOHANG);
        if (ended == 0)
            sleep_a_little();
    }
    if (ended == child && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    if (ended == 0) {
        kill(child, SIGTERM);
        waitpid(child, &status, 0);
        snprintf(error, n,
                 "%s did not get ready within %d seconds; start it by hand "
                 "(lttng-sessiond --daemonize) to see why",
                 program, START_SECONDS);
        return false;
    }
    /* Perhaps another process was quicker: then it answers. */
    return true;
}

bool
trace_daemon_ensure(char *error, size_t n)
{
    if (!ensure_home(error, n))
        return false;
    if (lttng_session_daemon_alive() == 1)
        return true;
    if (!start_daemon(error, n))
        return false;
    for (int ms = 0; ms < START_SECONDS * 1000; ms += POLL_MS) {
        if (lttng_session_daemon_alive() == 1)
            return true;
        sleep_a_little();
    }
    snprintf(error, n,
             "LTTng's session daemon does not answer; start it by hand "
             "(lttng-sessiond --daemonize) to see why");
    return false;
}
