/* SPDX-License-Identifier: MIT */
/* session/deliveries.h — who has acknowledged what, looked at ten times a second and told to the
 * ledger (scribe/). Workers and clients know nothing of it: a consumer's tail says it all.
 *
 * Acknowledged is
 *     shm      what the client gave back: its tail is past it
 *     inline   what it took off its socket, by what the kernel says is left there; and all that was
 *              sent, where it ended without leaving any
 * where of an inline consumer an older look is told until its socket is seen to be empty.
 *
 * What the scribe has no room for now is told by a later look, in one record: nothing is lost while
 * the session goes on.
 *
 * Threads: the loop thread. Memory: a taker lies in its session. Every function does nothing
 * without a ledger.
 */
#ifndef SESSION_DELIVERIES_H
#define SESSION_DELIVERIES_H

#include "scribe/scribe.h"
#include "session/place.h"

#define DELIVERIES_LOOK_MS 100u

struct deliveries {
    const struct services *services;
    struct scribe *scribe; /* owned */
    struct taker *first;
    uv_timer_t timer; /* runs while there is a taker */
};

/* A session, as the ledger sees it. */
struct taker_who {
    uint64_t session;
    uid_t uid;
    pid_t pid;
    uint64_t first; /* number of its first batch */
    bool at_token;  /* it opened at one */
};

struct taker {
    struct deliveries *all; /* NULL: not in a ledger */
    struct taker *next;
    struct taker_who who;
    struct place *places[2]; /* that it sits at; NULL: none */
    bool in_ledger;          /* its OPEN is */
    bool reset;              /* it ended before it took what it was sent */
    bool ends;
};

/* Opens the ledger. Errors: those of scribe_start. */
int deliveries_start(struct deliveries *d, const struct services *services,
                     const struct scribe_options *o, struct err *e);

/* No taker is left; the loop has to run once more. Accepts what was never started. */
void deliveries_close(struct deliveries *d);

/* Behind the loop's end. Blocks: as scribe_stop. */
void deliveries_stop(struct deliveries *d);

/* t->who has its stream, at this place. Accepts a NULL d. */
void deliveries_begin(struct deliveries *d, struct taker *t, struct place *place);

/* It has one more place; or is about to leave one of two, the first because it went over. */
void deliveries_sit_down(struct taker *t, struct place *place);
void deliveries_get_up(struct taker *t, struct place *place);

/* The session ends: before its socket is shut and its places are left. */
void deliveries_end(struct taker *t);

#endif
