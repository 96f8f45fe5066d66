/* SPDX-License-Identifier: MIT */
/* tests/ctl/verified.h — runs verify within the test, and holds what it says and returns. */
#ifndef TESTS_CTL_VERIFIED_H
#define TESTS_CTL_VERIFIED_H

#include "ctl/verbs.h"
#include "support/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char said[1 << 18]; /* standard output and standard error of the last run */

static inline void check_verify(const struct invocation *in, int status, const char *text)
{
    int outputs[2] = {dup(STDOUT_FILENO), dup(STDERR_FILENO)};
    int fd = open(support_path("said"), O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    ck_assert(fd >= 0 && outputs[0] >= 0 && outputs[1] >= 0);
    fflush(NULL);
    for (int i = 0; i < 2; i++)
        dup2(fd, STDOUT_FILENO + i);
    int rc = verb_verify(in);
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        dup2(outputs[i], STDOUT_FILENO + i);
        close(outputs[i]);
    }
    ssize_t n = pread(fd, said, sizeof said, 0);
    ck_assert(n >= 0 && (size_t)n < sizeof said);
    said[n] = 0;
    close(fd);
    ck_assert_msg(rc == status && strstr(said, text),
                  "exit status %d, want %d and \"%s\":\n%.1500s", rc, status, text, said);
}

#endif
