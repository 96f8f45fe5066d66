/* SPDX-License-Identifier: MIT */
/* In the build of scripts/coverage alone: a program's counts are written when it ends, by libgcov,
 * which does not outlive an allocation that fails. What it asks first is the environment: from
 * there on nothing fails. */
#ifdef COVERAGE
#include "faults/inject/page.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

SHOWN char *getenv(const char *name)
{
    size_t n = strlen(name);
    if (!strncmp(name, "GCOV_PREFIX", 11))
        page_leave();
    for (char **one = environ; one && *one; one++)
        if (!strncmp(*one, name, n) && (*one)[n] == '=')
            return *one + n + 1;
    return NULL;
}
#endif
