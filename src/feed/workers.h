/* SPDX-License-Identifier: MIT */
/* feed/workers.h — the pool's threads come and go. Threads: the loop thread. */
#ifndef FEED_WORKERS_H
#define FEED_WORKERS_H

#include "feed/pool_state.h"

/* How many there are to be. */
uint32_t workers_wanted(struct pool *p);

/* pool_resize and pool_end_workers (pool.h). */
int workers_resize(struct pool *p, uint32_t workers, struct err *e);
void workers_end(struct pool *p);

/* pool_dismiss_workers. */
void workers_dismiss(struct pool *p);

/* Joins those that were too many. */
void workers_join_ended(struct pool *p);

/* How many run, or have not been joined. */
uint32_t workers_left(struct pool *p);

#endif
