/* SPDX-License-Identifier: MIT */
/* session/place.h — a consumer's place at a stream: found by a worker, and paid for by its user.
 *
 * Making memory takes time, so a worker does it, as a job of many steps; requests/open.c and
 * requests/migrate.c say what for. The user is charged for a ring and for its list before they are
 * made, so that they are within its limits at any moment. A place that is found is the session's
 * from place_take on.
 *
 *     place_job_init ─► run, by a worker: place_choose_slots, place_find ─► done, on the loop:
 *     place_take ─► a session's struct place ─► place_leave
 */
#ifndef SESSION_PLACE_H
#define SESSION_PLACE_H

#include "session/account.h"
#include "session/services.h"

/* What the ledger has of a consumer (session/deliveries.h). */
struct delivery {
    uint64_t first;    /* number of its first batch */
    struct taken told; /* of it everything before is in the ledger */
    struct taken sent; /* inline: an older look, until it is told */
};

/* One of a session's places. Loop thread. */
struct place {
    struct consumer *consumer; /* owned, through the pool */
    struct delivery delivery;
};

struct place_job {
    struct pool_job job;
    const struct services *services;
    struct user *user;                   /* a use: who pays */
    uint64_t ring_bytes, ring_max_bytes; /* of the config, which a reload may change */
    struct user_limits limits;           /* likewise */
    _Atomic bool abandoned;              /* by the loop: nobody waits for it */
    /* a worker's, then the loop's */
    struct stream *stream;       /* owned: where the consumer wants to begin */
    const struct stream *except; /* where it may not sit; only compared */
    uint64_t first, limit;       /* the consumer's batches */
    uint64_t since_ns, lost_ns;  /* since when it reads, and what neighbours have cost it */
    uint64_t upload_bytes;       /* charged for a list that came, or is to come */
    uint32_t slots;
    struct consumer *consumer; /* seated, once the job is done without an error */
    struct place *place;       /* owned: where the loop puts it */
    int rc;
    struct err err;
};

/* `run` and `done` are pool.h's. Errors: -ENOMEM. */
int place_job_init(struct place_job *j, const struct services *services, struct account *account,
                   enum job_result (*run)(struct pool_job *job),
                   void (*done)(struct pool_job *job));

/* Gives back whatever the job still has, and what was charged for it. Loop thread. */
void place_job_close(struct place_job *j);

/* Has a worker run it. */
void place_job_start(struct place_job *j);

/* Nobody waits for it: it ends with its next step. */
void place_job_abandon(struct place_job *j);

/* Chooses j->slots for j->stream. Worker. Errors: those of stream_choose_slots. */
int place_choose_slots(struct place_job *j);

/* Seats a consumer at j->stream, or at another one of the same bytes that is near enough: a step of
 * it. What is JOB_DONE is in j->rc: 0, or those of consumer_new and stream_make_ring; -E2BIG with
 * the limit that is against it; -ECANCELED where nobody waits. Worker. */
enum job_result place_find(struct place_job *j);

/* The place that the job found; NULL: none, j->rc and j->err say why. */
struct place *place_take(struct place_job *j);

/* Nobody is there to have the place any more. */
void place_drop(struct place_job *j);

/* The consumer leaves. Accepts NULL. */
void place_leave(const struct services *services, struct place *p);

/* Charges the user for what is made of a selection, until it sits down. Worker. Errors: -E2BIG,
 * with the limit. */
int place_charge_selection(struct place_job *j, uint64_t bytes);

/* Charges the user for the spec's list, which is to come. Errors: -E2BIG, with the limit. */
int place_charge_list(struct place_job *j, const struct spec *spec);

#endif
