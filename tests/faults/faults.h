/* SPDX-License-Identifier: MIT */
/* tests/faults/faults.h — how often a fault is tried, and telling that it was.
 *
 * Programs here do to a running daemon, or to a client, what trust.md's actors may do, and count
 * what they did. `make test` tries each a few times; scripts/faults --long by the hour. A test that
 * held tells one line, which scripts/faults writes to docs/reliability.md.
 */
#ifndef TESTS_FAULTS_H
#define TESTS_FAULTS_H

#include "support/support.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `brief` times in `make test`, `many` where FAULTS=long. */
static inline unsigned fault_times(unsigned brief, unsigned many)
{
    const char *mode = getenv("FAULTS");
    return mode && strcmp(mode, "long") == 0 ? many : brief;
}

/* The least share of its rate that a reader must keep beside a fault: `brief` in `make test`, whose
 * looks are short and whose machine is busy, `many` where FAULTS=long. A sanitizer gives all work
 * other proportions: there a reader must go on. To be exceeded. */
static inline double fault_share(double brief, double many)
{
    return SANITIZED ? 0 : fault_times(0, 1) ? many : brief;
}

/* The fault `what` was tried so often, and what must hold held: a line of $FAULTS_REPORT, where
 * that is a file. `held` says what was seen, with its figures. */
__attribute__((format(printf, 3, 4))) static inline void
fault_held(const char *what, unsigned long times, const char *held, ...)
{
    const char *path = getenv("FAULTS_REPORT");
    FILE *f = path ? fopen(path, "ae") : NULL;
    char text[400];
    va_list args;
    va_start(args, held);
    vsnprintf(text, sizeof text, held, args);
    va_end(args);
    if (!f)
        return;
    fprintf(f, "%s\t%lu\t%s\n", what, times, text);
    fclose(f);
}

#endif
