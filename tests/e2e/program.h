/* tests/e2e/program.h — runs programs as a shell does, fmnistctl above all, and keeps what they
 * say. */
#ifndef TESTS_E2E_PROGRAM_H
#define TESTS_E2E_PROGRAM_H

#include "support/support.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

struct said {
    int status; /* exit status */
    /* standard output and standard error, their beginning where they are longer */
    char text[1 << 17];
};

static inline const char *ctl_path(void)
{
    static char path[512];
    const char *build = getenv("BUILD");
    snprintf(path, sizeof path, "%s/fmnistctl", build ? build : "build");
    return path;
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
