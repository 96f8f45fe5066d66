/* SPDX-License-Identifier: MIT */
/* feed/busy_meter.h — how long workers have been at something, those that are at it now included:
 * so that over any stretch of time it is never more than the workers there are. Pure.
 *
 * Threads: whoever guards it. Memory: none.
 */
#ifndef FEED_BUSY_METER_H
#define FEED_BUSY_METER_H

#include <assert.h>
#include <stdint.h>

struct busy_meter {
    uint64_t done_ns;  /* by steps that have ended */
    uint64_t running;  /* steps that have not, */
    uint64_t began_ns; /* and the sum of the times when they began */
};

static inline void busy_meter_begin(struct busy_meter *m, uint64_t now_ns)
{
    m->running++;
    m->began_ns += now_ns;
}

/* A step that began then has taken so long. */
static inline void busy_meter_end(struct busy_meter *m, uint64_t began_ns, uint64_t took_ns)
{
    assert(m->running);
    m->running--;
    m->began_ns -= began_ns;
    m->done_ns += took_ns;
}

/* now_ns: no earlier than any begin. */
static inline uint64_t busy_meter_at(const struct busy_meter *m, uint64_t now_ns)
{
    return m->done_ns + m->running * now_ns - m->began_ns;
}

#endif
