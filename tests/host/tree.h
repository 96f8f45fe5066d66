/* SPDX-License-Identifier: MIT */
/* tests/host/tree.h — cgroups as the kernel shows them, in the test's own folder. */
#ifndef TESTS_HOST_TREE_H
#define TESTS_HOST_TREE_H

#include "support/support.h"

#include <string.h>
#include <sys/stat.h>

static inline void group(const char *path)
{
    ck_assert_int_eq(mkdir(support_path("%s", path), 0700), 0);
}

static inline void file(const char *path, const char *text)
{
    support_write(support_path("%s", path), text, strlen(text));
}

#endif
