/* SPDX-License-Identifier: MIT */
/* tests/faults/other_user.h — processes of other users, that do something to a daemon of ours.
 *
 * Only root has them: without it they are our own user's. A child says nothing but through what it
 * returns: Check is its parent's.
 */
#ifndef TESTS_OTHER_USER_H
#define TESTS_OTHER_USER_H

#include "e2e/harness.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

/* Whoever they are: nobody has these numbers. */
enum { ALICE = 61001, BOB, CAROL };

static inline bool other_users_can_be(void)
{
    if (geteuid() == 0)
        return true;
    fputs("skipped: only root can be somebody else\n", stderr);
    return false;
}

/* Everybody may connect. */
static inline void let_all_in(const struct daemon *d)
{
    ck_assert(!chmod(support_dir(), 0711) && !chmod(d->socket, 0666));
}

struct other {
    pid_t pid;
    int from; /* what it tells comes here */
};

/* What a child may do with the pipe that its parent reads. */
typedef int other_acts(const struct daemon *d, int to);

static inline void other_start(struct other *o, uid_t uid, const struct daemon *d, other_acts *act)
{
    int ends[2];
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    fflush(NULL);
    pid_t parent = getpid();
    *o = (struct other){.pid = fork(), .from = ends[0]};
    ck_assert_int_ge(o->pid, 0);
    if (o->pid == 0) {
        bool is_other = (geteuid() || (!setgroups(0, NULL) && !setgid(uid) && !setuid(uid))) &&
                        !prctl(PR_SET_PDEATHSIG, SIGKILL) && getppid() == parent;
        _exit(is_other ? act(d, ends[1]) : 100);
    }
    close(ends[1]);
}

/* Waits until it has told so many bytes. */
static inline void other_tells(const struct other *o, void *data, size_t size)
{
    size_t have = 0;
    for (ssize_t n; have < size && (n = read(o->from, (char *)data + have, size - have)) > 0;)
        have += (size_t)n;
    ck_assert_msg(have == size, "the other process ended after %zu bytes of %zu", have, size);
}

/* Returns its exit status. */
static inline int other_wait(struct other *o)
{
    int status;
    ck_assert_int_eq(waitpid(o->pid, &status, 0), o->pid);
    close(o->from);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline void other_kill(struct other *o)
{
    kill(o->pid, SIGKILL);
    other_wait(o);
}

/* ---- for the children ---------------------------------------------------------------------- */

/* Connects, and greets unless it is to be silent. -1: refused, or not let in. */
static inline int other_dials(const struct daemon *d, bool greets)
{
    static const uint8_t hello[12] = {4, 0, 0, 0, 1, 0, 0, 0, PROTOCOL};
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    uint8_t welcome[256];
    memcpy(a.sun_path, d->socket, strlen(d->socket));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a))
        goto give_up;
    if (!greets)
        return fd;
    if (send(fd, hello, sizeof hello, MSG_NOSIGNAL) == sizeof hello &&
        recv(fd, welcome, sizeof welcome, 0) > 8 && welcome[4] == 101)
        return fd;
give_up:
    if (fd >= 0)
        close(fd);
    return -1;
}

#endif
