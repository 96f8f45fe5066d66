/* Looking at the flag, and a line in the lock file. Does not lock: that is cache_lock.c's. */
#include "dataset/pulse.h"

#include "base/clock.h"
#include "base/io.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SHOW_NS UINT64_C(200000000)

void pulse_show(int lock, unsigned count)
{
    char line[PULSE_LINE_BYTES + 1];
    snprintf(line, sizeof line, "%10d %10u\n", (int)getpid(), count);
    (void)!pwrite(lock, line, PULSE_LINE_BYTES, 0);
}

void pulse_read(int lock, char line[PULSE_LINE_BYTES + 1])
{
    memset(line, 0, PULSE_LINE_BYTES + 1);
    if (pread_full(lock, line, PULSE_LINE_BYTES, 0) < 0)
        *line = 0;
}

static void show(struct pulse *p)
{
    p->shown_ns = clock_ns();
    pulse_show(p->lock, p->shown++);
}

int pulse_beat(struct pulse *p, struct err *e)
{
    if (p->cancel && atomic_load(p->cancel))
        return err_set(e, -ECANCELED, "it was cancelled");
    if (p->lock >= 0 && clock_ns() - p->shown_ns >= SHOW_NS)
        show(p);
    return 0;
}

void pulse_hold(struct pulse *p, int lock)
{
    p->lock = lock;
    if (lock >= 0)
        show(p);
}
