/* Finding places and charging for them. Does not know who asks, nor what a client is told. */
#include "session/place.h"

#include "config/config.h"
#include "feed/stream.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int place_job_init(struct place_job *j, const struct services *services,
                   void (*run)(struct pool_job *job), void (*done)(struct pool_job *job))
{
    *j = (struct place_job){
        .job = {.run = run, .done = done},
        .services = services,
        .ring_bytes = services->config->ring_bytes,
        .ring_max_bytes = services->config->limits.ring_bytes,
        .place = calloc(1, sizeof *j->place),
    };
    return j->place ? 0 : -ENOMEM;
}

void place_job_close(struct place_job *j)
{
    assert(!j->consumer);
    stream_free(j->stream);
    free(j->place);
}

/* ---- a worker's part ----------------------------------------------------------------------- */

int place_choose_slots(struct place_job *j)
{
    j->stream->fits_cache = j->ring_bytes == 0;
    j->stream->is_summed = j->services->deliveries != NULL;
    uint64_t target = j->ring_bytes ? j->ring_bytes
                                    : stream_cache_share(pool_stream_count(j->services->pool) + 1);
    return stream_choose_slots(j->stream, target, j->ring_max_bytes, &j->slots, &j->err);
}

int place_find(struct place_job *j)
{
    struct pool *pool = j->services->pool;
    assert(j->stream && !j->consumer);
    j->first = j->stream->first;
    struct consumer_options o = {.plan = j->stream->plan,
                                 .is_inline = j->stream->is_inline,
                                 .first = j->first,
                                 .limit = j->limit,
                                 .since_ns = j->since_ns,
                                 .lost_ns = j->lost_ns};
    int rc = consumer_new(&j->consumer, &o, &j->err);
    if (rc)
        return rc;
    if (pool_seat(pool, j->stream, j->consumer, j->except))
        return 0;
    rc = stream_make_ring(j->stream, j->slots, &j->err);
    if (rc)
        goto free_consumer;
    if (pool_seat(pool, j->stream, j->consumer, j->except) == j->stream)
        j->stream = NULL; /* the pool's */
    return 0;

free_consumer:
    consumer_free(j->consumer);
    j->consumer = NULL;
    return rc;
}

/* ---- the loop's part ----------------------------------------------------------------------- */

int place_check_list(const struct services *services, const struct account *account,
                     const struct spec *spec, uint64_t total_bytes, struct err *e)
{
    uint64_t limit = services->config->limits.list_bytes;
    if (total_bytes <= limit)
        return 0;
    char beside[96] = "";
    uint64_t order = account_permutation_cost(spec);
    if (order)
        snprintf(beside, sizeof beside, " and %llu of its order (shuffle takes none)",
                 (unsigned long long)order);
    return err_set(
        e, -E2BIG,
        "a list of %llu bytes%s: limits.list_bytes is %llu bytes for all lists of uid %u",
        (unsigned long long)account_list_cost(spec), beside, (unsigned long long)limit,
        (unsigned)account->uid);
}

/* The place is charged already, so it is in the sums. */
static int check_limits(const struct place_job *j, const struct place *p, struct err *e)
{
    const struct account *a = p->account;
    const struct stream *stream = p->seat.stream;
    uint64_t allowed = j->services->config->limits.ring_bytes_per_user;
    if (account_ring_bytes(a, j->services->pool) > allowed)
        return err_set(e, -E2BIG,
                       "a ring of %llu bytes: limits.ring_bytes_per_user is %llu bytes for all "
                       "rings of uid %u",
                       (unsigned long long)stream_bytes(stream), (unsigned long long)allowed,
                       (unsigned)a->uid);
    if (!stream->plan->list)
        return 0;
    return place_check_list(j->services, a, &stream->plan->spec, account_list_bytes(a), e);
}

struct place *place_admit(struct place_job *j, struct account *account)
{
    if (!j->rc && !j->consumer) /* the job never ran */
        j->rc = err_set(&j->err, -EIO, "the daemon is shutting down");
    if (j->rc)
        return NULL;
    struct place *p = j->place;
    p->consumer = j->consumer;
    p->account = account;
    j->place = NULL;
    j->consumer = NULL;
    account_charge(account, &p->seat, p->consumer->stream);
    j->rc = check_limits(j, p, &j->err);
    if (!j->rc)
        return p;
    place_leave(j->services, p);
    return NULL;
}

void place_drop(struct place_job *j)
{
    pool_leave(j->services->pool, j->consumer);
    j->consumer = NULL;
}

void place_leave(const struct services *services, struct place *p)
{
    if (!p)
        return;
    assert(p->consumer && p->seat.stream == p->consumer->stream);
    account_discharge(p->account, &p->seat);
    pool_leave(services->pool, p->consumer);
    free(p);
}
