/* SPDX-License-Identifier: MIT */
/* feed/pool.h — the worker threads, and what the loop asks of them.
 *
 * A worker takes a step of a job (something that the loop must not block on) or a turn with a
 * stream (feed/turn.h), whichever is next of the user that has had the least of the workers' time
 * (feed/user.h). With nothing to do it sleeps, so an idle daemon uses no CPU.
 *
 * One lock guards streams, consumers and jobs. Nothing foreign happens under it: no system call, no
 * callback. Waking, telling the loop and freeing are collected under it, and done after it.
 *
 * Threads: every function may be called from the loop thread; workers call back only through
 * `notify`, which must be safe from any thread (uv_async_send is).
 */
#ifndef FEED_POOL_H
#define FEED_POOL_H

#include "feed/jobs.h"
#include "feed/seating.h"

struct pool;

/* Starts `workers` threads. Errors: -EAGAIN, -ENOMEM. */
int pool_start(struct pool **out, uint32_t workers, void (*notify)(void *data), void *data,
               struct err *e);

/* Makes it that many workers, 1 .. 256. Those that are too many end between chunks,
 * and pool_dispatch joins them. On an error the old number stays. Errors: -EAGAIN, with text.
 * Blocks: at most for a worker that is about to return. */
int pool_resize(struct pool *p, uint32_t workers, struct err *e);

/* The workers that a config asks for: `configured`, or 0 for as many as there are CPUs. */
uint32_t pool_workers_for(uint32_t configured);

/* How many there are to be. Any thread. */
uint32_t pool_worker_count(struct pool *p);

/* Asks the workers to end after what they are at: a chunk or a job. Each that has ended is told by
 * `notify`, and joined by pool_dispatch; how many are left then. */
void pool_dismiss_workers(struct pool *p);
uint32_t pool_workers_left(struct pool *p);

/* Ends the workers after what they are at: nothing is rendered from then on, so that a consumer
 * that leaves has what it holds for ever. Only pool_leave, pool_dispatch and pool_stop may follow.
 * Blocks: for a chunk or a job. */
void pool_end_workers(struct pool *p);

/* Ends the workers as pool_end_workers, and frees the pool. Sessions must have been closed;
 * every job is handed to `done` first, whether somebody ran it or not. */
void pool_stop(struct pool *p);

/* The user of that id: one use of it, to be put back. NULL: out of memory. */
struct user *pool_user_get(struct pool *p, uid_t uid);

/* One more use of it. */
void pool_user_hold(struct pool *p, struct user *u);

/* Accepts NULL. */
void pool_user_put(struct pool *p, struct user *u);

/* Charges the user for a list of so many bytes that is to come. Returns false where that, with
 * beside_bytes that will follow, would be more than the limit. */
bool pool_charge_upload(struct pool *p, struct user *u, uint64_t bytes, uint64_t beside_bytes,
                        uint64_t limit_bytes);
void pool_discharge_upload(struct pool *p, struct user *u, uint64_t bytes);

/* A worker runs the job, step by step, at the cost of the user. */
void pool_run(struct pool *p, struct user *u, struct pool_job *job);

/* Seats the consumer, whose first batch is w->stream->first: at another stream of the same bytes
 * that is near enough; else at w->stream, once it has a ring. From then on workers render for it.
 * w->stream is the pool's where the consumer sits there, else the caller's still. Any thread. */
enum seat_result pool_seat(struct pool *p, const struct seat_wish *w);

/* Charges the user for the ring that w->stream is to have, before it is made. Any thread. */
enum seat_result pool_claim_ring(struct pool *p, const struct seat_wish *w, uint64_t bytes);

/* Whether rings of the user's are about to be freed. Any thread. */
bool pool_is_freeing(struct pool *p, const struct user *u);

/* Gives a stream back that nobody sits at, and what was claimed for it. Accepts NULL. Any thread.
 */
void pool_drop_stream(struct pool *p, struct stream *s);

/* How many streams there are that somebody reads. Any thread. */
uint32_t pool_stream_count(struct pool *p);

/* Bytes of all rings. Any thread. */
uint64_t pool_ring_bytes(struct pool *p);

/* The consumer leaves its stream. It is freed, and with the last one its stream, once no worker is
 * at them. Accepts NULL. */
void pool_leave(struct pool *p, struct consumer *r);

/* The client says that it gave slots back, or that it waits. Returns how much longer a neighbour
 * may keep it waiting, as consumer_stall_budget_ns. */
uint64_t pool_kick(struct pool *p, struct consumer *r);

/* The same question, without word of the client's; `busy`: by the rule for busy CPUs. */
uint64_t pool_stall_budget(struct pool *p, struct consumer *r, bool busy);

/* How far a consumer has come. */
struct progress {
    uint64_t tail;     /* the first batch not given back (shm) or not sent (inline) */
    uint64_t head;     /* behind the last batch that it can have: published, and before its limit */
    uint64_t rendered; /* batches of the stream, so far */
    uint64_t render_ns; /* spent by workers on them; inline, on sending them, too: */
    uint64_t now_ns;    /* by then */
    uint32_t consumers; /* at the stream */
    uint32_t window;    /* slots that the stream goes round */
    uint64_t joined_ns; /* consumer.h */
    uint64_t lost_ns;   /* consumer_lost_ns */
    int failed;         /* 0, or why the consumer had to end */
    bool blocked;       /* inline: nothing is sent until pool_writable */
};
struct progress pool_progress(struct pool *p, struct consumer *r);

/* What a consumer has given back (shm), or been sent (inline), having looked; what is before
 * `least`, at most the head, it has given back by its own word. */
struct taken {
    uint64_t number;    /* of the first batch that it has not */
    uint64_t sum;       /* of all batches of its stream before it (ledger/sum.h) */
    uint64_t head;      /* as progress.head */
    uint64_t bytes;     /* inline: of the frames of batches before it, */
    uint64_t all_bytes; /* and all that was sent */
    bool reset;         /* inline: the client ended before it took what it was sent */
    bool sending;       /* inline: a worker sends, of which nothing is counted yet */
};
struct taken pool_taken(struct pool *p, struct consumer *r, uint64_t least);

/* Inline: how long the client has waited for batches (feed/inline_sender.h). */
struct seat_waited pool_waited(struct pool *p, struct consumer *r, uint64_t now_ns);

/* How long workers have worked so far, all together, by *now_ns. */
uint64_t pool_busy_ns(struct pool *p, uint64_t *now_ns);

/* Inline: the socket takes more, and what had to come before batches is sent. */
void pool_writable(struct pool *p, struct consumer *r);

/* Inline, of a stream that failed: sends what was published before that, as through a ring it is
 * read. Returns 0: all of it is sent; -EAGAIN: the socket takes no more, or a worker is at it, and
 * an event follows. Loop thread. */
int pool_send_rest(struct pool *p, struct consumer *r);

/* Inline: no batch follows any more. Returns whether the last one ended whole, so that something
 * else may be said. */
bool pool_hush(struct pool *p, struct consumer *r);

/* After `notify`: calls job->done for finished jobs, and `event` for every consumer that failed or
 * whose socket is full. Loop thread. */
void pool_dispatch(struct pool *p, void (*event)(struct consumer *r));

#endif
