/* SPDX-License-Identifier: MIT */
/* Moves consumers. How long a neighbour may keep one waiting is feed/consumer.h's. */
#include "requests/migrate.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "feed/stream.h"
#include "requests/context.h"

#include <assert.h>
#include <stdlib.h>

/* Finding a place takes some of a worker's time, and the consumer may have gone on meanwhile. */
#define MOVE_PAUSE_NS 20000000u

struct migrate_job {
    struct place_job place;
    struct session_task task;
};

static void await_stall_end(struct session *s, uint64_t budget_ns);

static void detach(struct session_task *t)
{
    t->session->task = NULL;
    t->session = NULL;
}

static void abandon(struct session_task *t)
{
    detach(t);
    place_job_abandon(&container_of(t, struct migrate_job, task)->place);
}

static enum job_result run(struct pool_job *job)
{
    return place_find((struct place_job *)job);
}

/* The consumer waits where its new place begins, and for a neighbour still. */
static bool wants_to_move(const struct session *s, uint64_t first)
{
    struct pool *pool = session_services(s)->pool;
    struct consumer *consumer = s->place->consumer;
    bool busy = cpu_load_is_full(&request_context(s)->load, clock_ns());
    return pool_stall_budget(pool, consumer, busy) == 0 &&
           pool_progress(pool, consumer).head == first;
}

static void offer(struct session *s, struct place *place, uint64_t first)
{
    uint8_t body[8];
    struct consumer *consumer = place->consumer;
    struct stream *old = s->place->consumer->stream;
    session_own(s, place);
    s->offered = place;
    deliveries_sit_down(&s->taker, place);
    log_debug("client %llu is offered a ring of its own", (unsigned long long)s->id);
    put_le64(body, first);
    reply_lend(&s->reply, consumer->stream->ring.fd, consumer->seat.fd);
    wire_add(session_begin_reply(s, WIRE_OFFER), body, sizeof body);
    session_finish_reply(s);
    if (s->state != SESSION_CLOSING)
        ring_nudge(&old->ring);
    session_look(s, consumer);
}

static void done_for(struct session *s, struct place_job *p)
{
    struct pool *pool = p->services->pool;
    struct place *place = place_take(p);
    if (!place) {
        log_info("client %llu stays with slower neighbours: %s", (unsigned long long)s->id,
                 p->err.text);
        s->stays = true;
    } else if (!wants_to_move(s, p->first) || reply_is_under_way(&s->reply)) {
        place_leave(p->services, place);
        await_stall_end(s, pool_stall_budget(pool, s->place->consumer, false));
    } else {
        offer(s, place, p->first);
    }
}

static void done(struct pool_job *job)
{
    struct migrate_job *j = (struct migrate_job *)job;
    struct session *s = j->task.session;
    if (s) {
        detach(&j->task);
        done_for(s, &j->place);
    } else {
        place_drop(&j->place);
    }
    place_job_close(&j->place);
    free(j);
}

static void move(struct session *s)
{
    const struct services *services = session_services(s);
    const struct consumer *consumer = s->place->consumer;
    const struct stream *stream = consumer->stream;
    struct progress p = pool_progress(services->pool, s->place->consumer);
    s->moved_ns = clock_ns();
    struct migrate_job *j = calloc(1, sizeof *j);
    if (!j || place_job_init(&j->place, services, s->account, run, done))
        goto free_job;
    if (stream_fork(&j->place.stream, stream, consumer->plan, p.head, &j->place.err))
        goto close_place;
    j->place.except = stream;
    j->place.limit = consumer->limit;
    j->place.since_ns = p.joined_ns;
    j->place.lost_ns = p.lost_ns;
    j->place.slots = stream->ring.slot_count;
    j->task = (struct session_task){.session = s, .abandon = abandon};
    s->task = &j->task;
    place_job_start(&j->place);
    return;

close_place:
    place_job_close(&j->place);
free_job:
    free(j);
}

/* ---- waiting for it ------------------------------------------------------------------------ */

static void on_stall_budget_end(uv_timer_t *timer)
{
    struct session *s = timer->data;
    await_stall_end(s, pool_stall_budget(session_services(s)->pool, s->place->consumer, false));
}

/* Waits with the client as long as a neighbour may keep it waiting, and then moves it. */
static void await_stall_end(struct session *s, uint64_t budget_ns)
{
    assert(s->state == SESSION_STREAMING);
    if (budget_ns == CONSUMER_NOT_STALLED || s->task || s->offered || s->stays)
        return;
    struct cpu_load *load = &request_context(s)->load;
    cpu_load_look(load, clock_ns());
    if (budget_ns == 0 && cpu_load_is_full(load, clock_ns()))
        budget_ns = pool_stall_budget(session_services(s)->pool, s->place->consumer, true);
    uint64_t now = clock_ns(), pause_ends = s->moved_ns + MOVE_PAUSE_NS;
    if (budget_ns == 0 && s->moved_ns && now < pause_ends)
        budget_ns = pause_ends - now;
    if (budget_ns > CONSUMER_STALL_NS)
        budget_ns = CONSUMER_STALL_NS; /* the CPUs may be free by then */
    if (budget_ns == 0)
        move(s);
    else
        uv_timer_start(&s->timer, on_stall_budget_end, (budget_ns + 999999) / 1000000, 0);
}

/* ---- requests ------------------------------------------------------------------------------ */

bool migrate_kick(struct session *s, const uint8_t *body, size_t size)
{
    struct pool *pool = session_services(s)->pool;
    if (s->place->consumer->is_inline)
        return false;
    if (s->offered)
        pool_kick(pool, s->offered->consumer);
    await_stall_end(s, pool_kick(pool, s->place->consumer));
    return true;
}

bool migrate_leave(struct session *s, const uint8_t *body, size_t size)
{
    uint32_t which = get_le32(body);
    if (!s->offered || which > WIRE_LEAVE_OFFERED)
        return false;
    struct place *left = s->offered;
    if (which == WIRE_LEAVE_OLD) {
        left = s->place;
        seat_waited_add(&s->waited, &left->consumer->seat);
        s->place = s->offered;
    }
    s->offered = NULL;
    deliveries_get_up(&s->taker, left);
    place_leave(session_services(s), left);
    return true;
}
