/* SPDX-License-Identifier: MIT */
/* Finding places and charging for them. Does not know who asks, nor what a client is told. */
#include "session/place.h"

#include "config/config.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* A user's limit leaves room for so many rings whose size nobody said. */
#define RINGS_FIT 8u

int place_job_init(struct place_job *j, const struct services *services, struct account *account,
                   enum job_result (*run)(struct pool_job *job), void (*done)(struct pool_job *job))
{
    const struct config *config = services->config;
    struct user *user = account_user(account, services->pool);
    if (!user)
        return -ENOMEM;
    *j = (struct place_job){
        .job = {.run = run, .done = done},
        .services = services,
        .user = user,
        .ring_bytes = config->ring_bytes,
        .ring_max_bytes = config->limits.ring_bytes,
        .limits = {.ring_bytes = config->limits.ring_bytes_per_user,
                   .list_bytes = config->limits.list_bytes},
        .place = calloc(1, sizeof *j->place),
    };
    if (!j->place)
        return -ENOMEM;
    pool_user_hold(services->pool, user);
    return 0;
}

void place_job_close(struct place_job *j)
{
    struct pool *pool = j->services->pool;
    assert(!j->consumer);
    pool_drop_stream(pool, j->stream);
    pool_discharge_upload(pool, j->user, j->upload_bytes);
    pool_user_put(pool, j->user);
    free(j->place);
}

void place_job_start(struct place_job *j)
{
    pool_run(j->services->pool, j->user, &j->job);
}

void place_job_abandon(struct place_job *j)
{
    atomic_store(&j->abandoned, true);
}

/* ---- what is refused ----------------------------------------------------------------------- */

static int refuse_ring(struct place_job *j)
{
    uint64_t bytes = 0;
    struct err e;
    stream_ring_size(j->stream, j->slots, &bytes, &e);
    return err_set(&j->err, -E2BIG,
                   "a ring of %llu bytes: limits.ring_bytes_per_user is %llu bytes for all rings "
                   "of uid %u",
                   (unsigned long long)bytes, (unsigned long long)j->limits.ring_bytes,
                   (unsigned)j->user->uid);
}

static int refuse_list(struct place_job *j, const struct spec *spec)
{
    char beside[96] = "";
    uint64_t order = stream_order_bytes(spec);
    if (order)
        snprintf(beside, sizeof beside, " and %llu of its order (shuffle takes none)",
                 (unsigned long long)order);
    return err_set(
        &j->err, -E2BIG,
        "a list of %llu bytes%s: limits.list_bytes is %llu bytes for all lists of uid %u",
        (unsigned long long)stream_list_bytes(spec), beside,
        (unsigned long long)j->limits.list_bytes, (unsigned)j->user->uid);
}

int place_charge_list(struct place_job *j, const struct spec *spec)
{
    uint64_t bytes = stream_list_bytes(spec);
    assert(!j->upload_bytes);
    if (!pool_charge_upload(j->services->pool, j->user, bytes, stream_order_bytes(spec),
                            j->limits.list_bytes))
        return refuse_list(j, spec);
    j->upload_bytes = bytes;
    return 0;
}

int place_charge_selection(struct place_job *j, uint64_t bytes)
{
    if (!pool_charge_upload(j->services->pool, j->user, bytes, 0, j->limits.list_bytes))
        return err_set(&j->err, -E2BIG,
                       "a selection of which making takes %llu bytes: limits.list_bytes is %llu "
                       "bytes for all lists of uid %u",
                       (unsigned long long)bytes, (unsigned long long)j->limits.list_bytes,
                       (unsigned)j->user->uid);
    j->upload_bytes += bytes;
    return 0;
}

/* ---- a worker's part ----------------------------------------------------------------------- */

int place_choose_slots(struct place_job *j)
{
    j->stream->fits_cache = j->ring_bytes == 0;
    j->stream->is_summed = j->services->deliveries != NULL;
    uint64_t target = j->ring_bytes, share = j->limits.ring_bytes / RINGS_FIT;
    if (!target)
        target = stream_cache_share(pool_stream_count(j->services->pool) + 1);
    if (!j->ring_bytes && target > share)
        target = share;
    return stream_choose_slots(j->stream, target, j->ring_max_bytes, &j->slots, &j->err);
}

static int make_consumer(struct place_job *j)
{
    j->first = j->stream->first;
    struct consumer_options o = {.plan = j->stream->plan,
                                 .user = j->user,
                                 .is_inline = j->stream->is_inline,
                                 .first = j->first,
                                 .limit = j->limit,
                                 .since_ns = j->since_ns,
                                 .lost_ns = j->lost_ns};
    return consumer_new(&j->consumer, &o, &j->err);
}

/* Outcomes of a step that are no errors. */
enum { FOUND, MAKES_RING = RING_GROWS, WANTS_RING, MUST_WAIT };

static int outcome_of(struct place_job *j, enum seat_result result)
{
    switch (result) {
    case SEAT_TAKEN:
        return FOUND;
    case SEAT_WANTS_RING:
        return WANTS_RING;
    case SEAT_MUST_WAIT:
        return MUST_WAIT;
    case SEAT_NO_RINGS:
        return refuse_ring(j);
    case SEAT_NO_LISTS:
        return refuse_list(j, &j->stream->plan->spec);
    }
    return -EIO;
}

static struct seat_wish wish_of(const struct place_job *j)
{
    return (struct seat_wish){.stream = j->stream,
                              .consumer = j->consumer,
                              .except = j->except,
                              .limits = j->limits,
                              .upload_bytes = j->upload_bytes};
}

static int sit_down(struct place_job *j)
{
    struct seat_wish wish = wish_of(j);
    int rc = outcome_of(j, pool_seat(j->services->pool, &wish));
    if (rc != FOUND)
        return rc;
    j->upload_bytes = 0; /* it reads the list now */
    if (j->consumer->stream == j->stream)
        j->stream = NULL; /* the pool's */
    return FOUND;
}

static int claim_ring(struct place_job *j)
{
    struct seat_wish wish = wish_of(j);
    uint64_t bytes;
    int rc = stream_ring_size(j->stream, j->slots, &bytes, &j->err);
    return rc ? rc : outcome_of(j, pool_claim_ring(j->services->pool, &wish, bytes));
}

/* Whether the user is charged for the stream's ring, which is being made. Nobody else has it. */
static bool has_claim(const struct place_job *j) UNGUARDED
{
    return j->stream->user != NULL;
}

/* What the budget has no room for yet it may have soon. */
static int make_ring(struct place_job *j)
{
    int rc = stream_make_ring(j->stream, j->slots, &j->err);
    return rc == -E2BIG && pool_is_freeing(j->services->pool, j->user) ? MUST_WAIT : rc;
}

/* Somebody else's place is taken where there is one; else a ring is claimed, and made. */
static int step(struct place_job *j)
{
    int rc = 0;
    if (atomic_load(&j->abandoned))
        return -ECANCELED;
    if (!j->consumer)
        rc = make_consumer(j);
    if (!rc && !has_claim(j)) {
        rc = sit_down(j);
        if (rc != WANTS_RING)
            return rc;
        rc = claim_ring(j);
    }
    if (!rc)
        rc = make_ring(j);
    return rc ? rc : sit_down(j);
}

enum job_result place_find(struct place_job *j)
{
    assert(j->stream);
    int rc = step(j);
    if (rc == MAKES_RING)
        return JOB_AGAIN;
    if (rc == MUST_WAIT)
        return JOB_WAITS;
    j->rc = rc;
    if (rc) {
        consumer_free(j->consumer);
        j->consumer = NULL;
    }
    pool_drop_stream(j->services->pool, j->stream); /* unless the consumer sits at it */
    j->stream = NULL;
    return JOB_DONE;
}

/* ---- the loop's part ----------------------------------------------------------------------- */

/* It has sat down: its stream is set. The loop is told so by the pool. */
static bool is_seated(const struct place_job *j)
{
    return j->consumer && j->consumer->stream;
}

struct place *place_take(struct place_job *j)
{
    if (!j->rc && !is_seated(j)) /* the job never ran to its end */
        j->rc = err_set(&j->err, -EIO, "the daemon is shutting down");
    if (j->rc) {
        place_drop(j);
        return NULL;
    }
    struct place *p = j->place;
    p->consumer = j->consumer;
    j->place = NULL;
    j->consumer = NULL;
    return p;
}

void place_drop(struct place_job *j)
{
    if (is_seated(j))
        pool_leave(j->services->pool, j->consumer);
    else
        consumer_free(j->consumer);
    j->consumer = NULL;
}

void place_leave(const struct services *services, struct place *p)
{
    if (!p)
        return;
    assert(p->consumer);
    pool_leave(services->pool, p->consumer);
    free(p);
}
