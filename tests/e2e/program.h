/* SPDX-License-Identifier: MIT */
/* tests/e2e/program.h — runs programs as a shell does, fmnistctl above all, and keeps what they
 * say: in `said`, where a test does not compare two. */
#ifndef TESTS_E2E_PROGRAM_H
#define TESTS_E2E_PROGRAM_H

#include "support/support.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

struct said {
    int status; /* exit status */
    /* standard output and standard error, their beginning where they are longer */
    char text[1 << 17];
};

static struct said said;

/* It ended with that status, and this is among what it said. */
#define check_said(want, words)                                                             \
    ck_assert_msg(said.status == (want) && strstr(said.text, words),                        \
                  "exit status %d, want %d and \"%s\":\n%.2000s", said.status, want, words, \
                  said.text)

/* It ended with that status, and what it said is one JSON text. */
static inline json_t *said_json(int want)
{
    json_error_t why;
    json_t *j = json_loads(said.text, 0, &why);
    ck_assert_msg(j && said.status == want, "exit status %d, want %d; JSON: %s:\n%.2000s",
                  said.status, want, j ? "whole" : why.text, said.text);
    return j;
}

static inline const char *ctl_path(void)
{
    return support_program("fmnistctl");
}

/* The words are a shell's. */
static inline void run_words(struct said *s, const char *words)
{
    char command[2048 + 16];
    snprintf(command, sizeof command, "exec 2>&1; exec %s", words);
    FILE *f = popen(command, "re");
    ck_assert_ptr_nonnull(f);
    s->text[fread(s->text, 1, sizeof s->text - 1, f)] = 0;
    int status = pclose(f);
    ck_assert_msg(WIFEXITED(status), "%s: wait status %d", command, status);
    s->status = WEXITSTATUS(status);
}

/* fmnistctl with these words. */
static inline void run_ctl(struct said *s, const char *words, ...)
    __attribute__((format(printf, 2, 3)));

static inline void run_ctl(struct said *s, const char *words, ...)
{
    char command[2048];
    int n = snprintf(command, sizeof command, "%s ", ctl_path());
    va_list args;
    va_start(args, words);
    vsnprintf(command + n, sizeof command - (size_t)n, words, args);
    va_end(args);
    run_words(s, command);
}

#endif
