/* SPDX-License-Identifier: MIT */
/* feed/reaper.h — the thread that frees streams which have ended.
 *
 * Freeing a large ring takes the kernel long (100 ms for 512 MB) and cannot be done in parts, so
 * neither the loop nor a worker waits for it. The time is billed to the user all the same.
 * Threads: the loop thread starts and ends it.
 */
#ifndef FEED_REAPER_H
#define FEED_REAPER_H

#include "feed/pool_state.h"

/* Returns 0 or a negative errno value. */
int reaper_start(struct pool *p);

/* Ends it when everything is freed. Nothing may end afterwards. Blocks: as long as that takes. */
void reaper_end(struct pool *p);

#endif
