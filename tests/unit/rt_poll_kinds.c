/* SPDX-License-Identifier: MIT */
/*
 * tests/unit/rt_poll_kinds.c: files that are neither pipes nor sockets.
 * To see it fail:
 *   POLL-7  leave the blocking section out of call_and_wait in poll_io.c (the one P
 *           sleeps, and has to be taken from it);
 *   connect  begun again after EINTR: leave that out of tri_connect (it spins);
 *   the rest of a file that is cached in part: leave it out of try_vector;
 *   "what read refuses...": take -EINVAL for -EOPNOTSUPP there (it waits for ever),
 *           do not ask whether it refuses(), or leave is_ours out of tri_fd_wait.
 */
#include <tricolor/tricolor.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/poll.h"
#include "runtime/sched.h"
#include "tests/support/collect.h"
#include "tests/support/poll.h"
#include "tests/support/test.h"

static struct tri_waitgroup group;

TEST(a_regular_file_is_read_and_written_whole)
{
    char name[] = "/tmp/rt_poll.XXXXXX";
    static char text[100000], back[200000];
    int fd = mkstemp(name);
    EXPECT(fd >= 0);
    unlink(name);
    memset(text, 'x', sizeof(text));
    EXPECT_EQ(tri_write(fd, text, sizeof(text)), sizeof(text));
    EXPECT_EQ(tri_fd_wait(fd, POLLIN | POLLOUT, -1), POLLIN | POLLOUT);
    EXPECT_EQ(tri_fd_wait(fd, POLLPRI, -1), -EPERM);
    EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
    EXPECT_EQ(tri_read(fd, back, sizeof(back)), sizeof(text));
    EXPECT_EQ(memcmp(text, back, sizeof(text)), 0);
    EXPECT_EQ(tri_read(fd, back, sizeof(back)), 0);
    EXPECT_EQ(tri_close(fd), 0);
}

TEST(a_file_that_is_cached_in_part_is_read_whole)
{
    enum {
        BYTES = 4 << 20
    };
    char name[] = "/var/tmp/rt_poll.XXXXXX";
    int fd = mkstemp(name);
    EXPECT(fd >= 0);
    unlink(name);
    char *text = tri_alloc_noscan(BYTES);
    memset(text, 'x', BYTES);
    EXPECT_EQ(tri_write(fd, text, BYTES), BYTES);
    fsync(fd);
    for (off_t cached = 0; cached <= 40960; cached += 40960) {
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        if (cached > 0)
            EXPECT_EQ(pread(fd, text, (size_t)cached, 0), cached);
        EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
        EXPECT_EQ(tri_read(fd, text, BYTES), BYTES);
    }
    EXPECT_EQ(tri_close(fd), 0);
}

/* Alike: what the system's call refuses at once.  (Old kernels have some of these
 * only waited for: there the answer is another file's.) */
static void
expect_refused(int fd, bool reads, size_t bytes)
{
    char text[8] = "";
    int mode = fcntl(fd, F_GETFL);
    EXPECT_EQ(fcntl(fd, F_SETFL, mode | O_NONBLOCK), 0);
    EXPECT_EQ(reads ? read(fd, text, bytes) : write(fd, text, bytes), -1);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(fcntl(fd, F_SETFL, mode), 0);
    EXPECT_EQ(reads ? tri_read(fd, text, bytes) : tri_write(fd, text, bytes),
              -EINVAL);
}

TEST(what_read_and_write_refuse_is_not_waited_for)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int event = eventfd(0, EFD_CLOEXEC);
    expect_refused(epoll, true, 8);
    expect_refused(epoll, false, 8);
    expect_refused(event, true, 4);
    expect_refused(event, false, 4);
    EXPECT_EQ(tri_close(epoll), 0);
    EXPECT_EQ(tri_close(event), 0);
}

TEST(the_runtimes_epoll_is_no_file_of_the_programs)
{
    int event = eventfd(0, EFD_CLOEXEC);
    EXPECT_EQ(tri_fd_wait(event, POLLIN, 1000), 0); /* it is there */
    int fd = tri_load(&tri_poll.fd);
    char text[8] = "";
    EXPECT(fd >= 0);
    EXPECT_EQ(tri_fd_wait(fd, POLLIN, 1000), -EBADF);
    EXPECT_EQ(tri_close(fd), -EBADF);
    EXPECT(tri_read(fd, text, sizeof(text)) < 0);
    EXPECT(tri_write(fd, text, sizeof(text)) < 0);
    EXPECT_EQ(tri_close(event), 0);
}

static void
read_number(void *arg)
{
    uint64_t number = 0;
    ssize_t got = tri_read(*(int *)arg, &number, sizeof(number));
    EXPECT_EQ(got, sizeof(number));
    EXPECT_EQ(number, 5);
    tri_waitgroup_done(&group);
}

/* It has a position, and no end: epoll knows better. */
TEST(an_event_descriptor_is_waited_for)
{
    uint64_t five = 5;
    int fd = eventfd(0, 0);
    tri_waitgroup_add(&group, 1);
    tri_go(read_number, &fd);
    tri_sleep(2000000);
    EXPECT_EQ(tri_write(fd, &five, sizeof(five)), sizeof(five));
    tri_waitgroup_wait(&group);
    EXPECT_EQ(tri_close(fd), 0);
}

static int terminal;
static TRI_ATOMIC(int) lines;

static void
read_line(void *arg)
{
    char line[100];
    (void)arg;
    EXPECT(tri_read(terminal, line, sizeof(line)) > 0);
    tri_add(&lines, 1);
    tri_waitgroup_done(&group);
}

/* Without the runtime: nobody else has the only P, unless it is taken from us. */
static void
await_event(void)
{
    int64_t end = test_now_ns() + 1000000000;
    while (is_waited_for(terminal) && test_now_ns() < end)
        ;
}

/* Where he who is told has taken it already, there is none. */
static bool
take_line(void)
{
    char line[100];
    int flags = fcntl(terminal, F_GETFL);
    EXPECT_EQ(fcntl(terminal, F_SETFL, flags | O_NONBLOCK), 0);
    ssize_t got = read(terminal, line, sizeof(line));
    EXPECT(got > 0 || (got < 0 && errno == EAGAIN));
    EXPECT_EQ(fcntl(terminal, F_SETFL, flags), 0);
    return got > 0;
}

/* Pseudo terminals have no RWF_NOWAIT.  The reader is woken, and before it has the
 * only P somebody else takes its line: it sleeps in read(2) until the next.  True:
 * nobody had to be stopped for his P meanwhile.  False too if he was quicker. */
static bool
take_its_line(int other)
{
    tri_store(&lines, 0);
    tri_waitgroup_add(&group, 1);
    tri_go(read_line, NULL);
    await_waiter(terminal);
    EXPECT_EQ(write(other, "line\n", 5), 5);
    await_event();
    if (!take_line()) {
        tri_waitgroup_wait(&group);
        return false;
    }
    uint64_t before = tri_load(&tri_sched.switches);
    tri_sleep(5000000);
    for (int i = 0; i < 10; i++)
        tri_sleep(5000000);
    EXPECT_EQ(tri_load(&lines), 0);
    uint64_t after = tri_load(&tri_sched.switches);
    EXPECT_EQ(write(other, "line\n", 5), 5);
    tri_waitgroup_wait(&group);
    return after == before;
}

/* A machine with much else to do may stop any goroutine for 10 ms: until it was
 * left alone once. */
TEST(what_cannot_be_tried_is_waited_for_without_a_p)
{
    terminal = posix_openpt(O_RDWR | O_NOCTTY);
    if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0) {
        test_skip("no pseudo terminals here");
        return;
    }
    int other = open(ptsname(terminal), O_RDWR | O_NOCTTY);
    EXPECT(other >= 0);
    int procs = tri_set_procs(1);
    bool good = false;
    int64_t give_up = test_now_ns() + INT64_C(30000000000);
    while (!good && test_now_ns() < give_up)
        good = take_its_line(other);
    EXPECT(good);
    tri_set_procs(procs);
    EXPECT_EQ(tri_close(terminal), 0);
    EXPECT_EQ(tri_close(other), 0);
}

/* ---- a connection that a signal broke off ---------------------------------------- */

static struct sockaddr_un address = { .sun_family = AF_UNIX };
static volatile int connecting, connected;

static void
on_signal(int number)
{
    (void)number;
}

static void
connect_once(void *unused)
{
    (void)unused;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT(fd >= 0);
    __atomic_store_n(&connecting, gettid(), __ATOMIC_SEQ_CST);
    EXPECT_EQ(tri_connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    __atomic_store_n(&connected, 1, __ATOMIC_SEQ_CST);
    EXPECT_EQ(tri_close(fd), 0);
    tri_waitgroup_done(&group);
}

/* A full backlog makes connect(2) wait, and after a signal nothing is under way. */
TEST(a_connection_that_a_signal_broke_off_is_begun_anew)
{
    enum {
        WAITING_MAX = 16
    };
    int waiting[WAITING_MAX], count = 0, got;
    struct sigaction action = { .sa_handler = on_signal };
    EXPECT_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    (void)snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1,
                   "tricolor-test-%d", getpid());
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    EXPECT_EQ(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    EXPECT_EQ(listen(listener, 0), 0);
    do {
        EXPECT(count < WAITING_MAX);
        waiting[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        got = connect(waiting[count++], (struct sockaddr *)&address,
                      sizeof(address));
    } while (got == 0);
    tri_waitgroup_add(&group, 1);
    tri_go(connect_once, NULL);
    while (__atomic_load_n(&connecting, __ATOMIC_SEQ_CST) == 0)
        tri_sleep(1000000);
    for (int i = 0; i < 10; i++) {
        tri_sleep(5000000);
        EXPECT_EQ(tgkill(getpid(), connecting, SIGUSR1), 0);
    }
    while (__atomic_load_n(&connected, __ATOMIC_SEQ_CST) == 0) {
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0)
            close(fd);
        tri_sleep(1000000);
    }
    tri_waitgroup_wait(&group);
    for (int i = 0; i < count; i++)
        close(waiting[i]);
    EXPECT_EQ(tri_close(listener), 0);
}

RUNTIME_TEST_MAIN
