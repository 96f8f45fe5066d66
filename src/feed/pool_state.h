/* feed/pool_state.h — the pool's insides, for the files that make it up: pool.c (threads, jobs,
 * what the loop calls), scheduler.c (which stream is served, and how).
 *
 * Threads: every function here is called with the pool's lock; those that give it up meanwhile say
 * so.
 */
#ifndef FEED_POOL_STATE_H
#define FEED_POOL_STATE_H

#include "feed/pool.h"

#include <pthread.h>

/* One place for a worker. A worker whose index is not below `wanted` ends after its turn. */
struct worker {
    struct pool *pool;
    pthread_t thread;
    uint32_t index;
    struct render_scratch *scratch; /* owned while it runs */
    /* lock */
    enum worker_state { WORKER_NONE, WORKER_RUNS, WORKER_ENDED } state;
};

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct worker workers[POOL_WORKERS_MAX];
    void (*notify)(void *data);
    void *notify_data;
    /* lock */
    uint32_t wanted; /* workers */
    uint32_t cpus;   /* that this process may use */
    bool any_ended;  /* to be joined */
    uint32_t sleeping;
    struct pool_job *jobs, **jobs_end;
    struct pool_job *finished, **finished_end;
    struct stream *streams; /* all that have consumers */
    uint32_t stream_count;
    struct stream *runnable;
    struct consumer *notified;
    uint64_t vtime_ns; /* of the stream that was served last: where a newcomer begins */
};

/* One of those that sleep, if any. */
void pool_wake_worker(struct pool *p);

/* Has the loop look at the consumer: it failed, or its socket is full. */
void pool_tell_loop(struct pool *p, struct consumer *r);

void pool_add_stream(struct pool *p, struct stream *s);
void pool_remove_stream(struct pool *p, struct stream *s);

/* Puts the stream on the list of those to be served, unless it has ended. */
void pool_make_runnable(struct pool *p, struct stream *s);

/* The stream's room; consumers that have failed are told of. */
uint64_t pool_look(struct pool *p, struct stream *s);

/* Looks whether there is room, after something that may have moved the tail. */
void pool_look_again(struct pool *p, struct stream *s);

/* The runnable stream with the least rendering time that has a place for another chunk; NULL: none.
 */
struct stream *pool_pick(struct pool *p);

/* One turn: chunks until the ring is full or the time is up. Consumers that sleep are woken once,
 * for all of them; those that look see each. Gives the lock up. */
void pool_serve(struct pool *p, struct stream *s, struct render_scratch *scratch);

#endif
