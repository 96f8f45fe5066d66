/* SPDX-License-Identifier: MIT */
/* feed/seating.h — who sits where, what that costs, and the end of a stream: a third of the pool's
 * core, and as pure as feed/scheduler.h.
 *
 *     scheduler_seat ───────► SEAT_TAKEN, at a ring that is near
 *       │ SEAT_WANTS_RING
 *     scheduler_claim_ring    the user is charged for the ring
 *       │ it is made, without the lock
 *     scheduler_seat ───────► SEAT_TAKEN: those that sit there are charged
 *     scheduler_leave         the last one: its user is charged, until
 *       │ the ring is freed, without the lock
 *     scheduler_end_freeing   nobody is
 *
 * Threads: all of it is the feed's lock's.
 */
#ifndef FEED_SEATING_H
#define FEED_SEATING_H

#include "feed/scheduler.h"

/* A consumer that is to sit down. */
struct seat_wish {
    struct stream *stream; /* where it would begin by itself; has no ring, or a whole one */
    struct consumer *consumer;
    const struct stream *except; /* where it may not sit; NULL: anywhere */
    struct user_limits limits;   /* of its user */
    uint64_t upload_bytes; /* charged to the user for the list that it came with: from its seat on
                              it counts as read */
};

enum seat_result {
    SEAT_TAKEN,
    SEAT_WANTS_RING, /* nobody is near: the stream needs a ring first */
    SEAT_MUST_WAIT,  /* a ring of the user's that is being freed keeps it within its limit */
    SEAT_NO_RINGS,   /* a limit is against it */
    SEAT_NO_LISTS,
};

/* Seats the consumer: at another stream of the same bytes that is near enough, or at its own. */
enum seat_result scheduler_seat(struct scheduler *k, const struct seat_wish *w, uint64_t now_ns)
    REQUIRES(feed_lock);

/* Charges the consumer's user for a ring of so many bytes, which w->stream is to have. SEAT_TAKEN:
 * it is charged, until the consumer sits there or the stream is dropped. */
enum seat_result scheduler_claim_ring(struct scheduler *k, const struct seat_wish *w,
                                      uint64_t bytes) REQUIRES(feed_lock);

/* The stream with its claim has ended before anybody sat there. */
void scheduler_drop(struct scheduler *k, struct stream *s) REQUIRES(feed_lock);

/* The consumer gets up. Its seat must have been shut. */
void scheduler_leave(struct scheduler *k, struct consumer *r) REQUIRES(feed_lock);

/* A worker has been at the stream. */
void scheduler_drop_use(struct scheduler *k, struct stream *s) REQUIRES(feed_lock);

/* A stream that has ended, to be freed; NULL: there is none. */
struct stream *scheduler_take_ended(struct scheduler *k) REQUIRES(feed_lock);

/* A stream that was charged to the user is freed, which took so long. */
void scheduler_end_freeing(struct scheduler *k, struct user *u, uint64_t bytes, uint64_t ns)
    REQUIRES(feed_lock);

#endif
