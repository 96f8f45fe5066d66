/* SPDX-License-Identifier: MIT */
/* A line in the lock file. Does not lock: that is cache_lock.c's. */
#include "dataset/holder.h"

#include "base/io.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void holder_show(int lock, unsigned count)
{
    char line[HOLDER_LINE_BYTES + 1];
    snprintf(line, sizeof line, "%10d %10u\n", (int)getpid(), count);
    (void)!pwrite(lock, line, HOLDER_LINE_BYTES, 0);
}

void holder_read(int lock, char line[HOLDER_LINE_BYTES + 1])
{
    memset(line, 0, HOLDER_LINE_BYTES + 1);
    if (pread_full(lock, line, HOLDER_LINE_BYTES, 0) < 0)
        *line = 0;
}
