/* SPDX-License-Identifier: MIT */
/* tests/faults/started.h — a daemon that nobody waits for: as it starts, with a standard error of
 * the test's choice. */
#ifndef TESTS_FAULTS_STARTED_H
#define TESTS_FAULTS_STARTED_H

#include "support/daemon.h"
#include "support/support.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The end has to come within this, on a machine that has other things to do. */
#define END_MS 20000

/* In the child: becomes the daemon. */
static inline void become_daemon(const char *config, int error_fd)
{
    const char *program = support_program("fmnistd");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (error_fd >= 0)
        dup2(error_fd, STDERR_FILENO);
    else
        close(STDERR_FILENO);
    execl(program, program, "-c", config, (char *)NULL);
    _exit(127);
}

/* A child that SIGTERM waits for until it is the daemon and takes it: before that it would end by
 * it, or have Check's handler end the whole test. */
static inline pid_t fork_for_daemon(void)
{
    sigset_t wait, before;
    sigemptyset(&wait);
    sigaddset(&wait, SIGTERM);
    fflush(NULL);
    sigprocmask(SIG_BLOCK, &wait, &before);
    pid_t pid = fork();
    if (pid)
        sigprocmask(SIG_SETMASK, &before, NULL);
    return pid;
}

static inline pid_t start_daemon(const char *config, int error_fd)
{
    pid_t pid = fork_for_daemon();
    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        become_daemon(config, error_fd);
    return pid;
}

/* Its wait status; fails the test where it does not end within END_MS. Told: by SIGTERM, once. The
 * thread sanitizer keeps a signal for later that comes at an odd moment of the program's, and now
 * and then for ever (gcc 12: one of thirty while the daemon starts; none of 600 without it): where
 * a sanitizer looks on, it is sent again. */
static inline int end_of_one(pid_t pid, bool told)
{
    int status, ended = 0, pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd p = {.fd = pid_fd, .events = POLLIN};
    int slice_ms = told && SANITIZED ? END_MS / 2 : END_MS;
    ck_assert_int_ge(pid_fd, 0);
    for (int ms = 0; !ended && ms < END_MS; ms += slice_ms) {
        if (told)
            kill(pid, SIGTERM);
        ended = poll(&p, 1, slice_ms);
    }
    close(pid_fd);
    if (ended != 1)
        kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(ended == 1, "process %d did not end within %d ms", (int)pid, END_MS);
    return status;
}

static inline int end_of(pid_t pid)
{
    return end_of_one(pid, false);
}

/* It is told to end: its wait status. */
static inline int end_of_told(pid_t pid)
{
    return end_of_one(pid, true);
}

/* It is told to end, and does: in order. */
static inline void end_daemon(pid_t pid)
{
    int status = end_of_told(pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "wait status %#x",
                  (unsigned)status);
}

#endif
