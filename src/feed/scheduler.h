/* SPDX-License-Identifier: MIT */
/* feed/scheduler.h — the streams and who of them can be served: a third of the pool's core.
 *
 * The others are feed/seating.h, who sits where, and feed/turn.h, what a worker does for one of
 * them. All are pure: they have no thread, clock or lock of their own and make no system call. Time
 * comes in as an argument, and what is to be done for others goes out as struct effects.
 *
 * A stream whose ring is full parks: it leaves the list of those that can be served, and asks its
 * slowest consumer for a message (seat_park), or the loop to watch the socket (inline).
 *
 * Invariant: a runnable stream is neither closed nor failed; and each stream's own
 * (scheduler_check).
 * Threads: all of it is the feed's lock's.
 */
#ifndef FEED_SCHEDULER_H
#define FEED_SCHEDULER_H

#include "feed/stream.h"
#include "feed/user.h"

/* What is to be done as soon as the lock is given up. */
struct effects {
    uint32_t wake;          /* workers that sleep */
    bool notify;            /* the loop: there are events, or jobs have finished */
    bool reap;              /* streams have ended */
    struct consumer *left;  /* by `next`: nobody is at them any more; to be freed */
    struct user *forgotten; /* by `next`: likewise */
};

struct scheduler {
    /* what the pool says of itself */
    uint32_t workers GUARDED_BY(feed_lock);
    uint32_t sleeping GUARDED_BY(feed_lock); /* of them */
    uint32_t cpus GUARDED_BY(feed_lock);     /* that this process may use */
    /* all that workers do, but for looking whether there is room */
    struct busy_meter work GUARDED_BY(feed_lock);

    struct users users GUARDED_BY(feed_lock);
    struct stream *streams GUARDED_BY(feed_lock); /* all that have consumers */
    uint32_t stream_count GUARDED_BY(feed_lock);
    struct stream *runnable GUARDED_BY(feed_lock);
    struct stream *ended GUARDED_BY(feed_lock);    /* by `next`: to be freed */
    struct consumer *events GUARDED_BY(feed_lock); /* those that the loop is to look at */
    struct effects effects GUARDED_BY(feed_lock);
};

/* ---- for the pool: pool.h says what each is for -------------------------------------------- */

/* The client gave slots back, or waits (`starved`). Returns its stall budget, by the rule for busy
 * CPUs or the other. */
uint64_t scheduler_kick(struct scheduler *k, struct consumer *r, bool starved, bool busy,
                        uint64_t now_ns) REQUIRES(feed_lock);

/* Inline: the socket takes more. */
void scheduler_writable(struct scheduler *k, struct consumer *r, uint64_t now_ns)
    REQUIRES(feed_lock);

/* The next one that the loop is to look at; NULL: none. */
struct consumer *scheduler_take_event(struct scheduler *k) REQUIRES(feed_lock);

/* The job that a worker does next; NULL: there is none, or a stream comes before it. */
struct pool_job *scheduler_take_job(struct scheduler *k, uint64_t now_ns) REQUIRES(feed_lock);

/* The consumer for whose sake a stream is served next: one of a runnable stream that has a place
 * for another chunk, the user that has had the least time, and its consumer that has. NULL: none.
 */
struct consumer *scheduler_next(struct scheduler *k, uint64_t now_ns) REQUIRES(feed_lock);

/* Takes the effects so far. */
struct effects scheduler_take_effects(struct scheduler *k) REQUIRES(feed_lock);

/* One of the workers that sleep, if any. */
void scheduler_wake_worker(struct scheduler *k) REQUIRES(feed_lock);

/* Asserts the invariants. Costs as much as stream_check for each stream. */
void scheduler_check(const struct scheduler *k) REQUIRES(feed_lock);

/* ---- for turn.c ---------------------------------------------------------------------------- */

/* Puts the stream on the list of those that can be served, unless it has ended. Returns whether it
 * is on it now and was not. */
bool scheduler_enlist(struct scheduler *k, struct stream *s) REQUIRES(feed_lock);

/* The stream's room; consumers that have failed are told of. */
uint64_t scheduler_look(struct scheduler *k, struct stream *s) REQUIRES(feed_lock);

/* Whether so much room is worth a worker's time. */
bool scheduler_is_worth(const struct stream *s, uint64_t room) REQUIRES(feed_lock);

/* The ring is full: leaves the list until a consumer makes room. */
void scheduler_park(struct scheduler *k, struct stream *s) REQUIRES(feed_lock);

/* Asks no consumer for a message any more. */
void scheduler_unpark(struct stream *s) REQUIRES(feed_lock);

/* The stream has ended: its consumers are told. */
void scheduler_fail(struct scheduler *k, struct stream *s, int rc) REQUIRES(feed_lock);

/* ---- for seating.c ------------------------------------------------------------------------- */

/* There is one stream more, or less: rings that share the cache go round as much of it. */
void scheduler_add_stream(struct scheduler *k, struct stream *s) REQUIRES(feed_lock);
void scheduler_remove_stream(struct scheduler *k, struct stream *s) REQUIRES(feed_lock);

/* A worker is to serve it, unless it has ended. */
void scheduler_make_runnable(struct scheduler *k, struct stream *s) REQUIRES(feed_lock);

/* It wants something, now. */
void scheduler_wake_consumer(const struct scheduler *k, struct consumer *r) REQUIRES(feed_lock);

/* Looks whether there is room, after something that may have moved the tail. */
void scheduler_look_again(struct scheduler *k, struct stream *s) REQUIRES(feed_lock);

/* The loop is not to look at it. */
void scheduler_forget_event(struct scheduler *k, struct consumer *r) REQUIRES(feed_lock);

#endif
