/* SPDX-License-Identifier: MIT */
/*
 * tools/interrupt.c: a last sentence when a signal ends us.
 *
 * What must be undone outlives us anyway (tools/trace_guard.c ends a recording;
 * drafts never get their name), so a handler has nothing to do but to say what
 * there is, and can do that on any thread: it only writes.
 */
#include "tools/interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

static const char *last_sentence;
static volatile sig_atomic_t passed_to;
static volatile sig_atomic_t noted;

/* On the alternate stack: a goroutine's own may be too small. */
static void
catch_all(void (*handler)(int number))
{
    struct sigaction action = { .sa_handler = handler, .sa_flags = SA_ONSTACK };
    struct sigaction before;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        if (sigaction(signals[i], NULL, &before) == 0
            && before.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
}

static void
say_and_die(int number)
{
    (void)!write(STDERR_FILENO, last_sentence, strlen(last_sentence));
    signal(number, SIG_DFL);
    raise(number);
}

void
interrupt_say(const char *sentence)
{
    last_sentence = sentence;
    catch_all(say_and_die);
}

static void
note_and_pass_on(int number)
{
    if (noted == 0)
        noted = number;
    if (passed_to > 0)
        kill((pid_t)passed_to, number);
}

void
interrupt_note(void)
{
    catch_all(note_and_pass_on);
}

void
interrupt_pass_on(pid_t process)
{
    passed_to = process;
    /* One that came a moment before is for it too. */
    if (process > 0 && noted != 0)
        kill(process, (int)noted);
}

int
interrupt_noted(void)
{
    return (int)noted;
}

void
interrupt_end(void)
{
    signal((int)noted, SIG_DFL);
    raise((int)noted);
}
