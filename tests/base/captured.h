/* SPDX-License-Identifier: MIT */
/* tests/base/captured.h — what goes to standard error, for the tests of the log. */
#ifndef TESTS_BASE_CAPTURED_H
#define TESTS_BASE_CAPTURED_H

#include "base/io.h"
#include "base/log.h"
#include "support/support.h"

#include <fcntl.h>
#include <regex.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Date, time to the millisecond, and zone. */
#define TIME "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}[+-][0-9]{4}"

/* What libc keeps of the time zone and of a changed environment is no leak of a test. */
static inline void warm_up_libc(void)
{
    setenv("JOURNAL_STREAM", "8:1", 1);
    unsetenv("JOURNAL_STREAM");
    tzset();
}

struct capture {
    int saved;
    const char *path;
};

/* Standard error goes to a file of the test's folder from here on ... */
static inline struct capture capture_begin(void)
{
    struct capture c = {dup(STDERR_FILENO), support_path("stderr")};
    int fd = open(c.path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    dup2(fd, STDERR_FILENO);
    fd_close(&fd);
    return c;
}

/* ... to here. malloc'd text. */
static inline char *capture_end(struct capture *c)
{
    dup2(c->saved, STDERR_FILENO);
    fd_close(&c->saved);
    return support_read(c->path, NULL);
}

static inline void expect_match(const char *text, const char *pattern)
{
    regex_t compiled;
    ck_assert_int_eq(regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB), 0);
    int r = regexec(&compiled, text, 0, NULL, 0);
    regfree(&compiled);
    ck_assert_msg(r == 0, "\"%s\" does not match %s", text, pattern);
}

#endif
