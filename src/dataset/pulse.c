/* SPDX-License-Identifier: MIT */
/* Looking at the flag, and a line in the lock file. What the line says is holder.c's. */
#include "dataset/pulse.h"

#include "base/clock.h"
#include "dataset/holder.h"

#include <errno.h>
#include <stdatomic.h>

#define SHOW_NS UINT64_C(200000000)

static void show(struct pulse *p)
{
    p->shown_ns = clock_ns();
    holder_show(p->lock, p->shown++);
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
