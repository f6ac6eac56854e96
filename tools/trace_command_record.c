/* SPDX-License-Identifier: MIT */
/*
 * tools/trace_command_record.c: `tricolor trace record -- PROG ARGS...`.
 *
 * The program is forked first and waits: LTTng is told its number, and only
 * then it goes on, so that its first event is there and no other process's.
 * The exit status is the program's; where that is 0, 1 if events were lost.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/option.h"
#include "tools/command.h"
#include "tools/trace_commands.h"
#include "tools/trace_session.h"

#define ERROR_BYTES 512
#define NO_PROGRAM  127 /* what a shell says too */

enum {
    OPTION_EVENTS = 256,
    OPTION_BUFFER,
    OPTION_CHILDREN
};

static const struct option options[] = {
    { "out", required_argument, NULL, 'o' },
    { "events", required_argument, NULL, OPTION_EVENTS },
    { "buffer", required_argument, NULL, OPTION_BUFFER },
    { "children", no_argument, NULL, OPTION_CHILDREN },
    { NULL, 0, NULL, 0 },
};

static volatile sig_atomic_t program_pid;

/* Whoever ends us wants the program ended; the trace is still finished. */
static void
pass_on(int signal)
{
    if (program_pid > 0)
        kill((pid_t)program_pid, signal);
}

static int
take_buffer(struct trace_session_options *session, const char *text)
{
    int64_t bytes = tri_parse_bytes(text);
    if (bytes < 4096 || (bytes & (bytes - 1)) != 0 || bytes > INT64_C(1) << 30)
        return command_usage("trace record",
                             "--buffer '%s' is not a power of two from 4K to "
                             "1G",
                             text);
    session->buffer_bytes = (uint64_t)bytes;
    return COMMAND_DONE;
}

static int
parse(int argc, char **argv, struct trace_session_options *session,
      bool *children)
{
    int option;
    while ((option = command_option(argc, argv, "+:o:", options)) != -1) {
        int status = COMMAND_DONE;
        if (option == 'o')
            session->dir = optarg;
        else if (option == OPTION_EVENTS)
            session->events = optarg;
        else if (option == OPTION_BUFFER)
            status = take_buffer(session, optarg);
        else if (option == OPTION_CHILDREN)
            *children = true;
        else
            status = COMMAND_USAGE;
        if (status != COMMAND_DONE)
            return status;
    }
    char error[ERROR_BYTES];
    if (!trace_events_valid(session->events, error, sizeof(error)))
        return command_usage("trace record", "--events: %s", error);
    if (optind == argc)
        return command_usage("trace record",
                             "which program? tricolor trace record -- PROG "
                             "ARGS...");
    return COMMAND_DONE;
}

/* The child: waits for a byte, then becomes the program. */
static _Noreturn void
become(int gate, char **argv)
{
    char byte;
    ssize_t got;
    do
        got = read(gate, &byte, 1);
    while (got < 0 && errno == EINTR);
    if (got != 1)
        _exit(COMMAND_ENVIRONMENT); /* the session could not be had */
    close(gate);
    execvp(argv[0], argv);
    command_lacks("trace record",
                  "cannot run %s: %s; name a program after the --", argv[0],
                  strerror(errno));
    _exit(NO_PROGRAM);
}

static int
wait_for_program(void)
{
    int status;
    while (waitpid((pid_t)program_pid, &status, 0) < 0)
        if (errno != EINTR)
            return COMMAND_ENVIRONMENT;
    program_pid = 0;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Lets the program go, waits for it, ends the recording. */
static int
record(struct trace_session *session, int gate, const char *dir)
{
    struct trace_result result;
    ssize_t told = write(gate, "", 1);
    close(gate);
    int status = told == 1 ? wait_for_program() : COMMAND_ENVIRONMENT;
    int ended = trace_session_stop(session, &result);
    if (ended != 0)
        return status != 0 ? status : COMMAND_ENVIRONMENT;
    if (status == NO_PROGRAM && result.events == 0)
        return status; /* it has said why */
    fprintf(stderr, "tricolor: %llu events in %s\n",
            (unsigned long long)result.events, dir);
    if (result.events == 0)
        fprintf(stderr, "tricolor: none at all: does the program use the "
                        "library, and is libtricolor-lttng.so beside it?\n");
    return status == 0 && result.discarded > 0 ? COMMAND_FAILED : status;
}

int
trace_command_record(int argc, char **argv)
{
    struct trace_session_options session = { .dir = "trace" };
    bool children = false;
    int status = parse(argc, argv, &session, &children);
    if (status != COMMAND_DONE)
        return status;
    char error[ERROR_BYTES];
    if (!trace_session_prepare(error, sizeof(error)))
        return command_lacks("trace record", "%s", error);
    int gate[2];
    if (pipe(gate) != 0)
        return command_lacks("trace record", "no pipe: %s", strerror(errno));
    pid_t child = fork();
    if (child < 0)
        return command_lacks("trace record", "no process: %s", strerror(errno));
    if (child == 0) {
        close(gate[1]);
        become(gate[0], argv + optind);
    }
    close(gate[0]);
    program_pid = child;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN); /* the terminal sends it to the program as well */
    signal(SIGTERM, pass_on);
    signal(SIGHUP, pass_on);

    session.process = children ? 0 : (int)child;
    struct trace_session *handle =
        trace_session_start_with(&session, error, sizeof(error));
    if (handle == NULL) {
        close(gate[1]);
        wait_for_program();
        return command_lacks("trace record", "%s", error);
    }
    return record(handle, gate[1], session.dir);
}
