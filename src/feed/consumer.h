/* SPDX-License-Identifier: MIT */
/* feed/consumer.h — one client's place at a stream: its seat, how far it has come, how patient it
 * may be with its neighbours.
 *
 * Sharing never couples: a consumer that waits although its own tail has room waits for a
 * neighbour. That may cost it CONSUMER_STALL_NS at a time, and CONSUMER_GRACE_NS plus one
 * CONSUMER_SHARE-th of its time of reading in all; then it is offered a ring of its own
 * (requests/migrate.c), where the same bytes are rendered again. Where every CPU is taken
 * (cpu_load.h), consumers wait for CPUs and not for each other, and rendering twice would make that
 * worse: there, what counts is what a consumer has waited more than that neighbour which waited
 * least, beyond one CONSUMER_BUSY_SHARE-th of its time, and CONSUMER_BUSY_STALL_NS at a time. Eight
 * equal consumers on two CPUs were seen to differ by a fourth.
 *
 * Threads: made by a worker, then as the groups of the struct say.
 */
#ifndef FEED_CONSUMER_H
#define FEED_CONSUMER_H

#include "feed/inline_sender.h"

#include <stdbool.h>

#define CONSUMER_STALL_NS      UINT64_C(5000000)
#define CONSUMER_GRACE_NS      UINT64_C(50000000)
#define CONSUMER_SHARE         50u
#define CONSUMER_BUSY_STALL_NS UINT64_C(100000000)
#define CONSUMER_BUSY_SHARE    3u

#define CONSUMER_NOT_STALLED UINT64_MAX /* it waits for no neighbour */

struct render_plan;
struct stream;
struct user;

struct consumer {
    /* immutable */
    bool is_inline;
    struct render_plan
        *plan;         /* owned share: what it asked for; the stream's has the same ring_id */
    uint64_t limit;    /* number behind its last batch; tail == limit: it wants nothing more */
    struct user *user; /* whose it is; a use, from its seat on until it is freed */
    /* loop thread; set where it sits down and gets up, with the lock */
    struct stream *stream; /* where it sits */
    void *owner;           /* the session */

    struct seat seat;            /* shm: the page that the client writes; its tail: lock */
    struct inline_sender sender; /* inline */
    /* lock */
    struct consumer *next GUARDED_BY(feed_lock); /* at the stream */
    struct consumer *next_of_user GUARDED_BY(feed_lock);
    /* its part of the workers' time for its stream: which of its user's consumers is next */
    uint64_t vtime_ns GUARDED_BY(feed_lock);
    /* number of the first batch not given back (shm) or not sent (inline) */
    uint64_t tail GUARDED_BY(feed_lock);
    /* of all batches of the stream before it (stream.h), where the stream is summed */
    uint64_t sum GUARDED_BY(feed_lock);
    int failed GUARDED_BY(feed_lock); /* negative: why it had to end */

    /* when it sat down; one that was moved: at its first place */
    uint64_t joined_ns GUARDED_BY(feed_lock);
    /* when it was last seen whether it waits for a neighbour, */
    uint64_t looked_ns GUARDED_BY(feed_lock);
    /* and how long its seat said then that it had waited */
    uint64_t stated_ns GUARDED_BY(feed_lock);
    /* a neighbour keeps it waiting since then; 0: none does */
    uint64_t stalled_since_ns GUARDED_BY(feed_lock);
    /* what they have cost it until looked_ns */
    uint64_t stalled_ns GUARDED_BY(feed_lock);

    struct consumer *next_event GUARDED_BY(feed_lock);
    bool has_event GUARDED_BY(feed_lock); /* in the list of those that the loop looks at */
};

/* What a consumer wants, and what it brings along from another place. */
struct consumer_options {
    struct render_plan *plan; /* the consumer shares it */
    struct user *user;        /* the caller has a use of it */
    bool is_inline;
    uint64_t first, limit;      /* the number of its first batch, and the one behind its last */
    uint64_t since_ns, lost_ns; /* since when it reads; 0: not yet; and what neighbours cost it */
};

/* Errors: -ENOMEM, -EMFILE. */
int consumer_new(struct consumer **out, const struct consumer_options *options, struct err *e);

/* Accepts NULL. The consumer must have left its stream. */
void consumer_free(struct consumer *r);

/* Whether it keeps slots, or wants more. */
static inline bool consumer_is_active(const struct consumer *r) REQUIRES(feed_lock)
{
    return !r->failed && r->tail < r->limit;
}

/* It waits for a neighbour now, or does still. What its seat says that it has waited since the last
 * look counts too: consumers send no message for short waits, only for their sum. */
void consumer_stall_begin(struct consumer *r, uint64_t now_ns) REQUIRES(feed_lock);

/* It was seen not to wait for a neighbour: what it has waited was for something else. */
void consumer_stall_clear(struct consumer *r, uint64_t now_ns) REQUIRES(feed_lock);

/* A batch came. */
void consumer_stall_end(struct consumer *r) REQUIRES(feed_lock);

/* What neighbours have cost it so far. */
uint64_t consumer_lost_ns(const struct consumer *r, uint64_t now_ns) REQUIRES(feed_lock);

/* How much longer a neighbour may keep it waiting; 0: no longer, CONSUMER_NOT_STALLED: none does.
 */
uint64_t consumer_stall_budget_ns(const struct consumer *r, uint64_t now_ns) REQUIRES(feed_lock);

/* The same where every CPU is taken and the luckiest neighbour has lost `least_ns`. */
uint64_t consumer_busy_stall_budget_ns(const struct consumer *r, uint64_t least_ns, uint64_t now_ns)
    REQUIRES(feed_lock);

#endif
