/* SPDX-License-Identifier: MIT */
/* feed/step.h — does what a turn wants done, without the lock: renders, orders, wakes, sends,
 * looks. Thread: a worker. */
#ifndef FEED_STEP_H
#define FEED_STEP_H

#include "feed/turn.h"

/* Blocks: for a part of a chunk or of an order; 200 µs for a socket. */
void step_run(const struct step *step, struct render_scratch *scratch, struct outcome *o)
    EXCLUDES(feed_lock);

#endif
