/* Where a session reads: finding a consumer its place, and moving it away from slower neighbours.
 * Making memory and permutations takes time, so a worker does it, as a job. */
#include "base/bytes.h"
#include "base/clock.h"
#include "server/session_state.h"
#include "wire/socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Finding a place takes some of a worker's time, and the consumer may have gone on meanwhile. */
#define MOVE_PAUSE_NS 20000000u

struct seat_job {
    struct pool_job job;
    struct server *server;
    struct session *session;             /* NULL: it ended meanwhile */
    struct wire_open request;            /* opening */
    struct dataset *dataset;             /* opening: a use */
    struct upload *upload;               /* owned; NULL: no list is to come, or it was known */
    uint64_t ring_bytes, ring_max_bytes; /* of the config, which a reload may change */
    struct stream *stream;               /* where the consumer wants to begin; no ring yet */
    const struct stream *except;         /* moving: where it sits (only compared) */
    uint64_t first, limit;               /* the consumer's batches */
    uint64_t since_ns, lost_ns; /* moving: since when it reads, and what neighbours cost it */
    uint32_t slots;
    struct consumer *consumer; /* the result, seated */
    int rc;
    struct err err;
};

/* A consumer's share of its ring. */
static uint64_t ring_share(const struct server *server, struct consumer *r)
{
    return r ? stream_bytes(r->stream) / pool_progress(server->pool, r).consumers : 0;
}

static uint64_t ring_bytes_of(const struct server *server, uid_t uid)
{
    uint64_t bytes = 0;
    for (const struct session *s = server->sessions; s; s = s->next)
        if (s->uid == uid)
            bytes += ring_share(server, s->consumer) + ring_share(server, s->offered);
    return bytes;
}

static void check_memory(struct seat_job *j)
{
    uint64_t allowed = j->server->config->limits.ring_bytes_per_user;
    uid_t uid = j->session->uid;
    if (ring_bytes_of(j->server, uid) + ring_share(j->server, j->consumer) > allowed)
        j->rc = err_set(&j->err, -E2BIG,
                        "a ring of %llu bytes: limits.ring_bytes_per_user is %llu bytes for all "
                        "rings of uid %u",
                        (unsigned long long)stream_bytes(j->consumer->stream),
                        (unsigned long long)allowed, (unsigned)uid);
    const struct stream *stream = j->consumer->stream;
    if (!j->rc && stream->plan->list)
        j->rc = upload_allowed(j->server, uid, &stream->plan->spec, stream, &j->err);
}

static int slots_for(const struct seat_job *j, uint32_t *slots, struct err *e)
{
    j->stream->fits_cache = j->ring_bytes == 0;
    uint64_t target =
        j->ring_bytes ? j->ring_bytes : stream_cache_share(pool_stream_count(j->server->pool) + 1);
    return stream_choose_slots(j->stream, target, j->ring_max_bytes, slots, e);
}

static int seat(struct seat_job *j)
{
    struct pool *pool = j->server->pool;
    j->first = j->stream->first;
    int rc = consumer_new(&j->consumer, j->stream->is_inline, j->first, j->limit, &j->err);
    if (!rc) {
        j->consumer->joined_ns = j->since_ns;
        j->consumer->stalled_ns = j->lost_ns;
    }
    if (!rc && pool_seat(pool, j->stream, j->consumer, j->except))
        return 0;
    if (!rc)
        rc = stream_make_ring(j->stream, j->slots, &j->err);
    if (!rc && pool_seat(pool, j->stream, j->consumer, j->except) == j->stream)
        j->stream = NULL;
    if (rc) {
        consumer_free(j->consumer);
        j->consumer = NULL;
    }
    return rc;
}

/* With the list that came for it, if one did. */
static int resolve(struct seat_job *j)
{
    struct stream_options o = {
        .spec = &j->request.spec,
        .dataset = j->dataset,
        .caches = &j->server->caches,
        .token = j->request.at_token ? &j->request.token : NULL,
    };
    const struct index_list *list = NULL;
    int rc = j->upload ? upload_keep(j->upload, o.spec, o.caches->index_lists, &list, &j->err) : 0;
    if (!rc)
        rc = stream_new(&j->stream, &o, &j->limit, &j->err);
    index_list_cache_put(o.caches->index_lists, list);
    return rc ? rc : slots_for(j, &j->slots, &j->err);
}

static void run_seat(struct pool_job *job)
{
    struct seat_job *j = (struct seat_job *)job;
    if (!j->stream)
        j->rc = resolve(j);
    if (!j->rc)
        j->rc = seat(j);
    stream_free(j->stream); /* unless the consumer sits at it */
    j->stream = NULL;
}

static struct seat_job *seat_job_new(struct session *s, void (*done)(struct pool_job *job))
{
    struct seat_job *j = calloc(1, sizeof *j);
    if (!j)
        return NULL;
    j->job.run = run_seat;
    j->job.done = done;
    j->server = s->server;
    j->session = s;
    j->ring_bytes = s->server->config->ring_bytes;
    j->ring_max_bytes = s->server->config->limits.ring_bytes;
    return j;
}

static void seat_job_free(struct seat_job *j)
{
    upload_free(j->upload);
    render_caches_put_dataset(&j->server->caches, j->dataset);
    free(j);
}

/* Takes the result. Returns false where the session has ended, or a limit or an error is against
 * it: j->rc and j->err say which. */
static bool seat_job_done(struct seat_job *j)
{
    if (j->session)
        j->session->seating = NULL;
    if (!j->rc && !j->consumer)
        j->rc = err_set(&j->err, -EIO, "the daemon is shutting down");
    if (!j->rc && j->session)
        check_memory(j);
    if (j->session && !j->rc)
        return true;
    stream_free(j->stream);
    pool_leave(j->server->pool, j->consumer);
    return false;
}

static void fill_opened(struct wire_opened *m, const struct consumer *consumer, uint64_t first)
{
    const struct stream *stream = consumer->stream;
    const struct render_plan *r = stream->plan;
    *m = (struct wire_opened){
        .sample_count = r->sampler.shard_count,
        .steps = r->sampler.steps,
        .epoch = first / r->sampler.steps,
        .step = first % r->sampler.steps,
        .image_bytes = r->image_bytes,
        .batch_size = r->slot_samples,
        .channels = r->shape.channels,
        .height = r->shape.height,
        .width = r->shape.width,
        .in_channels = r->shape.in_channels,
        .float_samples = r->shape.float_samples,
        .slot_count = consumer->is_inline ? 1 : stream->ring.slot_count,
    };
    memcpy(m->digest, r->digest, sizeof m->digest);
    memcpy(m->identity, r->identity, sizeof m->identity);
}

static void lend_descriptors(struct session *s, const struct consumer *consumer)
{
    s->out_fds[0] = consumer->stream->ring.fd;
    s->out_fds[1] = consumer->seat.fd;
    s->out_fd_count = 2;
}

/* ---- a list that is not known -------------------------------------------------------------- */

static void on_upload_timeout(uv_timer_t *timer)
{
    struct session *s = timer->data;
    struct err e;
    err_set(&e, 0, "nothing more of the list within limits.handshake_ms = %u ms",
            s->server->config->limits.handshake_ms);
    session_close(s, FMNIST_ETIMEDOUT, e.text);
}

static void expect_list(struct session *s)
{
    uv_timer_start(&s->timer, on_upload_timeout, s->server->config->limits.handshake_ms, 0);
}

/* Once this has succeeded the job is the session's until the list has come. */
static int want_list(struct session *s, struct seat_job *j)
{
    const struct spec *spec = &j->request.spec;
    int rc = upload_allowed(s->server, s->uid, spec, NULL, &j->err);
    if (!rc)
        rc = upload_new(&j->upload, spec, &j->err);
    if (rc)
        return rc;
    s->seating = j;
    s->state = UPLOADING;
    expect_list(s);
    session_begin_reply(s, WIRE_WANT_LIST);
    session_finish_reply(s);
    return 0;
}

void seating_list_came(struct session *s)
{
    if (!upload_is_whole(s->seating->upload)) {
        expect_list(s);
        return;
    }
    uv_timer_stop(&s->timer);
    s->state = OPENING;
    pool_run(s->server->pool, &s->seating->job);
}

struct upload *seating_upload(const struct session *s)
{
    return s->seating ? s->seating->upload : NULL;
}

/* ---- opening ------------------------------------------------------------------------------- */

/* News that came while the consumer had no session yet. */
static void tell_failure(struct session *s, struct consumer *consumer)
{
    if (s->state != CLOSING && pool_progress(s->server->pool, consumer).failed)
        session_event(consumer);
}

/* Opens the way of an inline consumer's batches. */
static bool open_way(struct seat_job *j)
{
    if (!j->consumer->is_inline)
        return true;
    socket_widen(j->session->fd);
    j->rc = inline_sender_init(&j->consumer->sender, j->session->fd, &j->err);
    if (j->rc)
        pool_leave(j->server->pool, j->consumer);
    return j->rc == 0;
}

static void open_done(struct pool_job *job)
{
    struct seat_job *j = (struct seat_job *)job;
    struct session *s = j->session;
    bool seated = seat_job_done(j) && open_way(j);
    if (s && j->rc == -ENODATA && !j->upload) {
        int rc = want_list(s, j);
        if (!rc) {
            session_go_on(s);
            return;
        }
        j->rc = rc;
    }
    if (seated) {
        uint8_t body[WIRE_OPENED_SIZE];
        struct wire_opened m;
        fill_opened(&m, j->consumer, j->first);
        wire_put_opened(body, &m);
        s->consumer = j->consumer;
        s->consumer->owner = s;
        s->first = j->first;
        s->opened_ns = clock_ns();
        s->state = STREAMING;
        if (!s->consumer->is_inline)
            lend_descriptors(s, s->consumer);
        session_begin_reply(s, WIRE_OPENED);
        wire_add(&s->out, body, sizeof body);
        session_finish_reply(s);
        tell_failure(s, s->consumer);
    } else if (s) {
        session_close(s, session_code(j->rc), j->err.text);
    }
    seat_job_free(j);
    if (s)
        session_go_on(s);
}

void seating_open(struct session *s, const uint8_t *body, size_t size)
{
    struct seat_job *j = seat_job_new(s, open_done);
    if (!j) {
        session_close(s, FMNIST_ENOMEM, "out of memory");
        return;
    }
    int rc = wire_get_open(&j->request, body, size, &j->err);
    struct dataset *dataset =
        rc ? NULL : server_dataset(s->server, j->request.spec.dataset, &j->err);
    if (!rc && !dataset)
        rc = -ENOENT;
    if (rc) {
        session_close(s, session_code(rc), j->err.text);
        seat_job_free(j);
        return;
    }
    j->dataset = dataset_get(dataset); /* a reload may remove it meanwhile */
    s->seating = j;
    s->state = OPENING;
    pool_run(s->server->pool, &j->job);
}

/* ---- moving away from a neighbour ---------------------------------------------------------- */

/* The consumer waits where its new place begins, and for a neighbour still. */
static bool wants_to_move(const struct session *s, uint64_t first)
{
    struct pool *pool = s->server->pool;
    return pool_stall_budget(pool, s->consumer, cpu_load_is_full(&s->server->load, clock_ns())) ==
               0 &&
           pool_progress(pool, s->consumer).head == first;
}

static void await_stall_end(struct session *s, uint64_t budget_ns);

static void move_done(struct pool_job *job)
{
    struct seat_job *j = (struct seat_job *)job;
    struct session *s = j->session;
    if (!seat_job_done(j)) {
        if (s) {
            log_info("client %llu stays with slower neighbours: %s", (unsigned long long)s->id,
                     j->err.text);
            s->stays = true;
        }
    } else if (!wants_to_move(s, j->first) || s->out.size) {
        pool_leave(s->server->pool, j->consumer);
        if (s->state != CLOSING)
            await_stall_end(s, pool_stall_budget(s->server->pool, s->consumer, false));
    } else {
        s->offered = j->consumer;
        s->offered->owner = s;
        log_debug("client %llu is offered a ring of its own", (unsigned long long)s->id);
        uint8_t body[8];
        put_le64(body, j->first);
        lend_descriptors(s, s->offered);
        session_begin_reply(s, WIRE_OFFER);
        wire_add(&s->out, body, sizeof body);
        struct stream *old = s->consumer->stream;
        session_finish_reply(s);
        if (s->state != CLOSING)
            ring_nudge(&old->ring);
        tell_failure(s, s->offered);
    }
    seat_job_free(j);
}

static void move(struct session *s)
{
    struct seat_job *j = seat_job_new(s, move_done);
    if (!j)
        return;
    s->moved_ns = clock_ns();
    struct stream *stream = s->consumer->stream;
    struct progress p = pool_progress(s->server->pool, s->consumer);
    if (stream_fork(&j->stream, stream, p.head, &j->err)) {
        seat_job_free(j);
        return;
    }
    j->except = stream;
    j->limit = s->consumer->limit;
    j->since_ns = p.joined_ns;
    j->lost_ns = p.lost_ns;
    j->slots = stream->ring.slot_count;
    s->seating = j;
    pool_run(s->server->pool, &j->job);
}

static void on_stall_budget_end(uv_timer_t *timer);

/* Waits with the client as long as a neighbour may keep it waiting, and then moves it. */
static void await_stall_end(struct session *s, uint64_t budget_ns)
{
    if (budget_ns == CONSUMER_NOT_STALLED || s->seating || s->offered || s->stays)
        return;
    cpu_load_look(&s->server->load, clock_ns());
    if (budget_ns == 0 && cpu_load_is_full(&s->server->load, clock_ns()))
        budget_ns = pool_stall_budget(s->server->pool, s->consumer, true);
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

static void on_stall_budget_end(uv_timer_t *timer)
{
    struct session *s = timer->data;
    await_stall_end(s, pool_stall_budget(s->server->pool, s->consumer, false));
}

void seating_kick(struct session *s)
{
    if (s->offered)
        pool_kick(s->server->pool, s->offered);
    await_stall_end(s, pool_kick(s->server->pool, s->consumer));
}

void seating_leave(struct session *s, enum wire_leave which)
{
    struct consumer *left = which == WIRE_LEAVE_OLD ? s->consumer : s->offered;
    if (left == s->consumer)
        seat_waited_add(&s->waited, &left->seat);
    s->consumer = left == s->consumer ? s->offered : s->consumer;
    s->offered = NULL;
    pool_leave(s->server->pool, left);
}

void seating_end(struct session *s)
{
    struct upload *u = seating_upload(s);
    if (u && !upload_is_whole(u))
        seat_job_free(s->seating); /* it waits for the rest: no worker has it */
    else if (s->seating)
        s->seating->session = NULL;
    pool_leave(s->server->pool, s->offered);
    pool_leave(s->server->pool, s->consumer);
    s->consumer = s->offered = NULL;
}
