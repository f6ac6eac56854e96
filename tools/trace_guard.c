/* SPDX-License-Identifier: MIT */
/* tools/trace_guard.c: a process that ends the recording if we die first. */
#include "tools/trace_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* It must neither hold our caller's pipes open nor die of our terminal. */
static void
detach(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd <= 2 && null >= 0; fd++)
        dup2(null, fd);
    setsid();
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
}

static _Noreturn void
stand_guard(int line, void (*last_will)(void *arg), void *arg)
{
    char byte;
    ssize_t got;
    detach();
    do
        got = read(line, &byte, 1);
    while (got < 0 && errno == EINTR);
    if (got == 0)
        last_will(arg);
    _exit(0);
}

void
trace_guard_post(struct trace_guard *guard, void (*last_will)(void *arg),
                 void *arg)
{
    int line[2];
    guard->process = 0;
    if (pipe2(line, O_CLOEXEC) != 0)
        return;
    pid_t child = fork();
    if (child == 0) {
        close(line[1]);
        stand_guard(line[0], last_will, arg);
    }
    close(line[0]);
    if (child < 0) {
        close(line[1]);
        return;
    }
    guard->process = child;
    guard->line = line[1];
}

void
trace_guard_dismiss(struct trace_guard *guard)
{
    if (guard->process == 0)
        return;
    ssize_t told = write(guard->line, "", 1);
    close(guard->line);
    while (told == 1 && waitpid(guard->process, NULL, 0) < 0 && errno == EINTR)
        ;
    guard->process = 0;
}
