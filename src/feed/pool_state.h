/* SPDX-License-Identifier: MIT */
/* feed/pool_state.h — the pool's insides, for the files that make it up: pool_state.c (the lock,
 * and what is done after it), workers.c and reaper.c (threads), pool.c (what others call).
 */
#ifndef FEED_POOL_STATE_H
#define FEED_POOL_STATE_H

#include "feed/jobs.h"
#include "feed/seating.h"

#include <pthread.h>

#define WORKERS_MAX 256u

/* One place for a worker. One whose index is not below the number that is wanted ends after its
 * turn. */
struct worker {
    /* immutable while it runs */
    struct pool *pool;
    pthread_t thread;
    uint32_t index;
    struct render_scratch *scratch; /* owned */
    /* lock */
    enum worker_state { WORKER_NONE, WORKER_RUNS, WORKER_ENDED } state GUARDED_BY(feed_lock);
};

struct pool {
    /* immutable after start */
    void (*notify)(void *data);
    void *notify_data;
    pthread_mutex_t mutex; /* what feed_lock stands for */
    pthread_cond_t work;
    pthread_cond_t ended; /* streams */
    pthread_t reaper;
    struct worker workers[WORKERS_MAX];
    /* lock */
    struct scheduler scheduler;           /* knows how many workers there are to be */
    bool any_ended GUARDED_BY(feed_lock); /* to be joined */
    bool reaper_ends GUARDED_BY(feed_lock);
    struct job_queue finished GUARDED_BY(feed_lock);
};

void pool_lock(struct pool *p) ACQUIRES(feed_lock);

/* And does what was collected under the lock. */
void pool_unlock(struct pool *p) RELEASES(feed_lock);

/* Until there may be something to do. Gives the lock up meanwhile, and then does what was collected
 * under it. */
void pool_sleep(struct pool *p) REQUIRES(feed_lock);

/* The reaper's: until a stream may have ended. */
void pool_await_ended(struct pool *p) REQUIRES(feed_lock);

#endif
