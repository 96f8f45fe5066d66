/* session/place.h — a consumer's place at a stream: found by a worker, and paid for by its user.
 *
 * Making memory and permutations takes time, so a worker does it, as a job; requests/open.c and
 * requests/migrate.c say what for. A place that is found is the session's from place_admit on.
 *
 *     place_job_init ─► run, by a worker: place_choose_slots, place_find ─► done, on the loop:
 *     place_admit ─► a session's struct place ─► place_leave
 */
#ifndef SESSION_PLACE_H
#define SESSION_PLACE_H

#include "session/account.h"
#include "session/services.h"

/* What the ledger has of a consumer (session/deliveries.h). */
struct delivery {
    struct taken told; /* of it everything before is in the ledger */
    struct taken sent; /* inline: an older look, until it is told */
};

/* One of a session's places. Loop thread. */
struct place {
    struct consumer *consumer; /* owned, through the pool */
    struct account *account;   /* that is charged */
    struct account_seat seat;
    struct delivery delivery;
};

struct place_job {
    struct pool_job job;
    const struct services *services;
    uint64_t ring_bytes, ring_max_bytes; /* of the config, which a reload may change */
    /* a worker's, then the loop's */
    struct stream *stream;       /* owned: where the consumer wants to begin; no ring yet */
    const struct stream *except; /* where it may not sit; only compared */
    uint64_t first, limit;       /* the consumer's batches */
    uint64_t since_ns, lost_ns;  /* since when it reads, and what neighbours have cost it */
    uint32_t slots;
    struct consumer *consumer; /* the result, seated */
    struct place *place;       /* owned: where the loop puts it */
    int rc;
    struct err err;
};

/* `run` and `done` are pool.h's. Errors: -ENOMEM. */
int place_job_init(struct place_job *j, const struct services *services,
                   void (*run)(struct pool_job *job), void (*done)(struct pool_job *job));

/* Gives back whatever the job still has. Loop thread. */
void place_job_close(struct place_job *j);

/* Chooses j->slots for j->stream. Worker. Errors: those of stream_choose_slots. */
int place_choose_slots(struct place_job *j);

/* Seats a consumer at j->stream, or at another one of the same bytes that is near enough. Worker.
 * Errors: those of consumer_new and stream_make_ring. */
int place_find(struct place_job *j);

/* Charges the account for the place and holds it against the user's limits. Returns the place; or
 * NULL, where nothing was found or a limit is against it: j->rc and j->err then say why, and the
 * consumer has left. */
struct place *place_admit(struct place_job *j, struct account *account);

/* Nobody is there to have the place any more. */
void place_drop(struct place_job *j);

/* The consumer leaves, and the account is discharged. Accepts NULL. */
void place_leave(const struct services *services, struct place *p);

/* Whether the user, who asks for the spec's list, may have so many bytes of lists in all.
 * Errors: -E2BIG, with the limit. */
int place_check_list(const struct services *services, const struct account *account,
                     const struct spec *spec, uint64_t total_bytes, struct err *e);

#endif
