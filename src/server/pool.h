/* server/pool.h — the worker threads, and which stream they render for.
 *
 * A worker takes, in this order: a job (something that the loop must not block on), or a chunk of
 * the runnable stream that has had the least rendering time. A stream whose ring is full leaves
 * the list and asks its client for a message (ring_park); with nothing to do a worker sleeps, so
 * an idle daemon uses no CPU.
 *
 * Threads: every function may be called from the loop thread; workers call back only through
 * `notify`, which must be safe from any thread (uv_async_send is).
 */
#ifndef SERVER_POOL_H
#define SERVER_POOL_H

#include "server/stream.h"

struct pool;

/* Work for a worker that ends up on the loop again. Owns: the caller; it must live until `done`. */
struct job {
    void (*run)(struct job *job);  /* worker thread */
    void (*done)(struct job *job); /* loop thread, from pool_dispatch */
    struct job *next;
};

/* Starts `workers` threads. Errors: -EAGAIN, -ENOMEM. */
int pool_start(struct pool **out, uint32_t workers, void (*notify)(void *data), void *data,
               struct err *e);

/* Ends the workers after what they are at, and frees the pool. Streams must have been closed;
 * jobs that nobody ran are handed to `done` first. */
void pool_stop(struct pool *p);

void pool_run(struct pool *p, struct job *job);

/* From here on workers render for the stream. */
void pool_add(struct pool *p, struct stream *s);

/* The session has ended: rendering stops, and the stream is freed once no worker is in it. */
void pool_remove(struct pool *p, struct stream *s);

/* The client says that it gave slots back. */
void pool_kick(struct pool *p, struct stream *s);

/* How far a stream has come. */
struct progress {
    uint64_t tail;      /* batches given back (shm) or sent (inline) */
    uint64_t head;      /* batches published */
    uint64_t render_ns; /* spent by workers */
    int failed;         /* 0, or why the stream had to end */
};
struct progress pool_progress(struct pool *p, struct stream *s);

/* Inline: batches before `tail` were sent. */
void pool_sent(struct pool *p, struct stream *s, uint64_t tail);

/* After `notify`: calls job->done for finished jobs, and `news` for every stream that failed
 * (s->failed < 0) or, inline, has more to send. Loop thread. */
void pool_dispatch(struct pool *p, void (*news)(struct stream *s));

#endif
