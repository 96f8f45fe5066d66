/* SPDX-License-Identifier: MIT */
/* tests/e2e/terminal.h — fmnistctl on a terminal of its own. */
#ifndef TESTS_E2E_TERMINAL_H
#define TESTS_E2E_TERMINAL_H

#include "e2e/harness.h"
#include "e2e/program.h"

#include <poll.h>
#include <pty.h>
#include <termios.h>

struct terminal {
    int main_fd, program_fd;
    pid_t pid;
    struct termios before;
    size_t bytes;
};

/* words: a shell's, behind fmnistctl's path. */
static inline void terminal_start(struct terminal *t, const char *kind, const char *words)
{
    char command[2048];
    snprintf(command, sizeof command, "exec %s %s", ctl_path(), words);
    ck_assert_int_eq(openpty(&t->main_fd, &t->program_fd, NULL, NULL, NULL), 0);
    ck_assert_int_eq(tcgetattr(t->program_fd, &t->before), 0);
    t->bytes = 0;
    t->pid = fork();
    ck_assert_int_ge(t->pid, 0);
    if (t->pid)
        return;
    setenv("TERM", kind, 1);
    for (int fd = 0; fd < 3; fd++)
        dup2(t->program_fd, fd);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

/* Reads what there is, without waiting; false: nothing. */
static inline bool terminal_read(struct terminal *t, struct said *s)
{
    struct pollfd p = {.fd = t->main_fd, .events = POLLIN};
    if (poll(&p, 1, 0) != 1 || t->bytes == sizeof s->text - 1)
        return false;
    ssize_t n = read(t->main_fd, s->text + t->bytes, sizeof s->text - 1 - t->bytes);
    ck_assert_int_gt(n, 0);
    t->bytes += (size_t)n;
    s->text[t->bytes] = 0;
    return true;
}

/* Takes the program's end; what it wrote is in `s`, and its status as a shell has it. */
static inline void terminal_end(struct terminal *t, struct said *s)
{
    int status;
    struct termios after;
    ck_assert_int_eq(waitpid(t->pid, &status, 0), t->pid);
    s->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    s->text[t->bytes] = 0;
    while (terminal_read(t, s))
        continue;
    ck_assert_int_eq(tcgetattr(t->program_fd, &after), 0);
    ck_assert_uint_eq(after.c_iflag, t->before.c_iflag);
    ck_assert_uint_eq(after.c_oflag, t->before.c_oflag);
    ck_assert_uint_eq(after.c_cflag, t->before.c_cflag);
    ck_assert_uint_eq(after.c_lflag, t->before.c_lflag);
    ck_assert_mem_eq(after.c_cc, t->before.c_cc, sizeof after.c_cc);
    close(t->main_fd);
    close(t->program_fd);
}

#endif
