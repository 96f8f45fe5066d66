/* SPDX-License-Identifier: MIT */
/* dataset/pulse.h — the beat of a long opening: between two steps of it, each of a few
 * milliseconds, it looks whether it is still wanted, and shows those who wait for its lock that it
 * goes on.
 *
 * Threads: one a pulse; whoever cancels may be any other.
 */
#ifndef DATASET_PULSE_H
#define DATASET_PULSE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct pulse {
    const _Atomic bool *cancel; /* NULL: nobody cancels */
    int lock;                   /* borrowed: the lock file to show it in; -1: none is held */
    unsigned shown;             /* times */
    uint64_t shown_ns;
};

/* Call it between steps. Returns 0, or -ECANCELED with text once *cancel is true. */
int pulse_beat(struct pulse *p, struct err *e);

/* The lock is held from now on (-1: no more). Those who wait learn who holds it. */
void pulse_hold(struct pulse *p, int lock);

#endif
