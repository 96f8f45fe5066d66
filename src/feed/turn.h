/* SPDX-License-Identifier: MIT */
/* feed/turn.h — what a worker does for one stream before it looks at the others again: a third of
 * the pool's core, beside feed/scheduler.h and feed/seating.h, and as pure.
 *
 *     turn_begin ───────► the stream that is next (scheduler_next)
 *     ┌► turn_next ─────► one step (STEP_END: the turn is over)
 *     │  step_run, without the lock
 *     └─ turn_done ◄───── what came of it
 *
 * A turn is chunks until the ring is full or TURN_QUANTUM_NS are over. Consumers that sleep are
 * woken once, for all of them; those that look see each. A stream whose ring is full is watched for
 * a moment before it parks.
 *
 * Who pays: all that sit at the stream, each consumer the same part, whoever of them it was served
 * for. So a user that sits at another's ring saves it some, whatever it does beside.
 *
 * Threads: all of it is the feed's lock's, but a struct step is its worker's.
 */
#ifndef FEED_TURN_H
#define FEED_TURN_H

#include "feed/seating.h"

/* How long a worker stays with a stream. Waking a consumer costs both sides as much as rendering a
 * batch; so much later it finds several. */
#define TURN_QUANTUM_NS 100000u

/* One worker at one stream, of which it holds a use. */
struct turn {
    struct stream *stream;
    struct user *user; /* for whose sake; a use of the stream's keeps it */
    uint64_t end_ns;
    bool begun;     /* it has had its first step */
    bool published; /* batches that nobody has been woken for */
    bool watched;   /* it has looked for room a little longer */
    bool left;      /* parked, or watched by another worker */
    bool order_due; /* of order_epoch */
    uint64_t order_epoch;
    uint64_t step_ns; /* when its step began */
};

/* What a worker does without the lock. */
struct step {
    enum step_kind {
        STEP_END,          /* nothing: the turn is over */
        STEP_NONE,         /* nothing; only within turn.c */
        STEP_RENDER,       /* a chunk, or a part of it */
        STEP_ORDER,        /* makes the order of an epoch, or a part of it */
        STEP_WAKE,         /* the ring's readers */
        STEP_SEND,         /* published batches, inline */
        STEP_WATCH_TAIL,   /* looks at a tail until it lets a chunk be claimed */
        STEP_WATCH_SOCKET, /* sleeps until the socket takes more */
    } kind;
    struct stream *stream;
    struct consumer *consumer; /* STEP_SEND, STEP_WATCH_* */
    struct chunk *claimed;     /* STEP_RENDER: its place, which is the lock's, */
    struct chunk chunk;        /* and what was claimed */
    uint64_t epoch;            /* STEP_ORDER, */
    bool wait;                 /* and whether nothing can be done before */
    struct inline_run run;     /* STEP_SEND */
    bool ask_drained;          /* STEP_SEND: whether the client has taken all before it */
    uint64_t enough;           /* STEP_WATCH_TAIL: the tail that does */
};

/* What came of it. */
struct outcome {
    uint64_t start_ns, end_ns;
    int rc; /* STEP_RENDER, STEP_ORDER: whether it is whole, or a negative errno value */
    struct chunk chunk; /* STEP_RENDER: how far it came */
    ssize_t sent;       /* STEP_SEND: bytes, or a negative errno value */
    bool all;           /* STEP_SEND: it took all that it was given */
    bool drained;       /* STEP_SEND: the answer */
    bool room;          /* STEP_WATCH_*: there is */
};

/* The stream of scheduler_next gets a turn. Returns false where there is none. */
bool turn_begin(struct turn *t, struct scheduler *k, uint64_t now_ns) REQUIRES(feed_lock);

struct step turn_next(struct turn *t, struct scheduler *k, uint64_t now_ns) REQUIRES(feed_lock);

void turn_done(struct turn *t, struct scheduler *k, const struct step *step,
               const struct outcome *o) REQUIRES(feed_lock);

/* Sending alone, outside of a turn, too: whether an inline stream has something to be sent that
 * nobody is at, the step that does it, and what came of that. */
bool turn_may_send(const struct stream *s) REQUIRES(feed_lock);
struct step turn_send(struct stream *s) REQUIRES(feed_lock);
void turn_sent(struct scheduler *k, struct stream *s, const struct step *step,
               const struct outcome *o) REQUIRES(feed_lock);

#endif
