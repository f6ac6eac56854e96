/* SPDX-License-Identifier: MIT */
/*
 * tools/output.c: standard output and drafts of files.
 *
 * Commands print and do not look; stdio remembers that a write failed, and it is
 * asked once, at the end.
 */
#include "tools/output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/command.h"

/* ---- standard output ---- */

void
output_begin(void)
{
    /* A write to what is only for reading, and a read of what is only for
     * writing, fails as one of a closed stream does.  Programs we start find it
     * closed again. */
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null",
                        (fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
}

int
output_end(int status)
{
    errno = 0;
    bool flushed = fflush(stdout) == 0;
    const char *why = errno != 0 ? strerror(errno) : "a write failed";
    if (flushed && ferror(stdout) == 0)
        return status;
    command_lacks("",
                  "the results could not be written to standard output: %s; "
                  "send them to a file on a disk with room, or to a program "
                  "that reads them to the end",
                  why);
    return status == COMMAND_DONE ? COMMAND_ENVIRONMENT : status;
}

/* ---- places ---- */

int
output_refused(const char *command, const char *path, int error)
{
    return command_lacks(command,
                         "cannot write %s: %s; name a file in a directory that "
                         "is there, that you may write and that has room",
                         path, strerror(-error));
}

int
output_try(const char *path)
{
    struct stat there;
    if (stat(path, &there) == 0 && S_ISDIR(there.st_mode))
        return -EISDIR;
    if (stat(path, &there) == 0 && !S_ISREG(there.st_mode))
        return access(path, W_OK) == 0 ? 0 : -errno;
    struct output_file file;
    int error = output_open(&file, path);
    return error != 0 ? error : output_close(&file, false);
}

bool
output_lock(const char *directory)
{
    /* Never closed: it ends with us, and with a guard that ends our recording.
     * Where there are no locks, nobody is kept out. */
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

/* ---- drafts ---- */

static const int deadly[] = { SIGINT, SIGTERM, SIGHUP };
#define DEADLY (sizeof(deadly) / sizeof(deadly[0]))

static struct sigaction before[DEADLY];
static const char *volatile draft_open;

static void
remove_draft(int number)
{
    if (draft_open != NULL)
        unlink(draft_open);
    signal(number, SIG_DFL);
    raise(number);
}

/* While there is a draft, who ends us removes it; signals that are ignored stay
 * ignored. */
static void
watch_draft(const char *draft)
{
    struct sigaction action = { .sa_handler = remove_draft };
    sigemptyset(&action.sa_mask);
    draft_open = draft;
    for (size_t i = 0; i < DEADLY; i++)
        if (sigaction(deadly[i], NULL, &before[i]) == 0
            && before[i].sa_handler != SIG_IGN)
            sigaction(deadly[i], &action, NULL);
}

static void
forget_draft(void)
{
    for (size_t i = 0; i < DEADLY; i++)
        sigaction(deadly[i], &before[i], NULL);
    draft_open = NULL;
}

int
output_open(struct output_file *file, const char *path)
{
    struct stat there;
    *file = (struct output_file){ .path = path };
    if (stat(path, &there) == 0 && !S_ISREG(there.st_mode)) {
        file->out = fopen(path, "we");
        return file->out == NULL ? -errno : 0;
    }
    if (asprintf(&file->draft, "%s.%ld.draft", path, (long)getpid()) < 0)
        abort();
    watch_draft(file->draft);
    file->out = fopen(file->draft, "we");
    if (file->out != NULL)
        return 0;
    int error = -errno;
    forget_draft();
    free(file->draft);
    return error;
}

int
output_close(struct output_file *file, bool keep)
{
    errno = 0;
    int error = 0;
    if (fflush(file->out) != 0 || ferror(file->out) != 0) {
        /* The reason is gone if it was an earlier write; it goes anyway, so
         * another one may ask. */
        if (errno == 0 && fputc('\n', file->out) != EOF)
            fflush(file->out);
        error = errno != 0 ? -errno : -EIO;
    }
    if (fclose(file->out) != 0 && error == 0)
        error = -errno;
    if (file->draft != NULL) {
        if (error == 0 && keep && rename(file->draft, file->path) != 0)
            error = -errno;
        if (error != 0 || !keep)
            unlink(file->draft);
        forget_draft();
        free(file->draft);
    }
    return keep ? error : 0;
}
