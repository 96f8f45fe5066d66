/* SPDX-License-Identifier: MIT */
/* Numbers of the environment. */
#include "server/variable.h"

#include <errno.h>
#include <stdlib.h>

int64_t variable_number(const char *name)
{
    const char *text = getenv(name);
    char *end;
    if (!text || *text < '0' || *text > '9')
        return -1;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    return errno || *end ? -1 : n;
}
