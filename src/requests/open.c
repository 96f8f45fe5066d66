/* SPDX-License-Identifier: MIT */
/* Opens streams. Where a consumer sits is session/place.c's; moving it later is migrate.c's. */
#include "requests/open.h"

#include "base/clock.h"
#include "base/container.h"
#include "config/config.h"
#include "feed/stream.h"
#include "fmnist.h"
#include "render/selection.h"
#include "session/admission.h"
#include "session/catalog.h"
#include "wire/socket.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Outcomes of a job that are no errors. */
#define OPEN_WANTS_LIST STREAM_WANTS_LIST

struct open_job {
    struct place_job place;
    struct session_task task;
    struct wire_open request;
    uint32_t image_us;       /* of the config, which a reload may change */
    struct dataset *dataset; /* a use: a reload may remove it meanwhile */
    struct upload *upload;   /* owned; NULL: no list is to come, or it was known */
    /* a worker's */
    const struct index_list *list;     /* a use of the one that came, until the stream has it */
    struct selection *selection;       /* owned: what the spec selects, while it is made */
    const struct index_list *selected; /* a use of it then, until the stream has it */
    bool resolved;                     /* the stream is there, and all that it brought is checked */
};

static struct open_job *job_of(struct session_task *t)
{
    return container_of(t, struct open_job, task);
}

static void free_job(struct open_job *j)
{
    struct render_caches *caches = j->place.services->caches;
    index_list_cache_put(caches->index_lists, j->list);
    index_list_cache_put(caches->index_lists, j->selected);
    selection_free(j->selection);
    upload_free(j->upload);
    render_caches_put_dataset(caches, j->dataset);
    place_job_close(&j->place);
    free(j);
}

/* The session goes without the job. */
static void detach(struct open_job *j)
{
    struct session *s = j->task.session;
    s->task = NULL;
    s->upload = NULL;
    j->task.session = NULL;
}

static void abandon(struct session_task *t)
{
    struct open_job *j = job_of(t);
    bool waits = t->session->upload != NULL; /* for the rest of the list: no worker has it */
    detach(j);
    place_job_abandon(&j->place);
    if (waits)
        free_job(j);
}

/* ---- a worker's part ----------------------------------------------------------------------- */

/* A worker makes an image in one go, and others wait for it. */
static int check_work(struct open_job *j)
{
    uint64_t us = j->place.stream->plan->work_ns / 1000;
    if (us <= j->image_us)
        return 0;
    return err_set(&j->place.err, -E2BIG,
                   "images of about %llu us each, by size and augment: limits.image_us is %u us",
                   (unsigned long long)us, j->image_us);
}

/* What the spec selects is made in the next steps: the user is charged for it as for a list that
 * comes, before there is memory for it. */
static int begin_selection(struct open_job *j)
{
    struct place_job *p = &j->place;
    struct selected what;
    const struct spec *spec = &j->request.spec;
    int rc = selection_find(&what, NULL, spec, j->dataset, &p->err);
    if (!rc)
        rc = selection_new(&j->selection, spec, j->dataset, p->services->caches, &p->err);
    if (rc == SELECTION_WANTS_LIST)
        return OPEN_WANTS_LIST;
    return rc ? rc : place_charge_selection(p, selection_bytes(spec, what.split));
}

/* With the list that came for it, if one did. Returns 0, STREAM_WANTS_LIST or an error. */
static int make_stream(struct open_job *j)
{
    struct place_job *p = &j->place;
    struct stream_options o = {
        .spec = &j->request.spec,
        .dataset = j->dataset,
        .caches = p->services->caches,
        .token = j->request.at_token ? &j->request.token : NULL,
    };
    int rc = stream_new(&p->stream, &o, &p->limit, &p->err);
    if (rc == STREAM_WANTS_SELECTION)
        return begin_selection(j);
    index_list_cache_put(o.caches->index_lists, j->list); /* the stream has it */
    index_list_cache_put(o.caches->index_lists, j->selected);
    j->list = j->selected = NULL;
    return rc ? rc : check_work(j);
}

/* A step: of checking the list that came, of making what is selected, of making the stream, of
 * checking what its list has beside indices. */
static int resolve(struct open_job *j)
{
    struct place_job *p = &j->place;
    struct index_list_cache *lists = p->services->caches->index_lists;
    if (atomic_load(&p->abandoned))
        return -ECANCELED;
    if (!p->stream && j->upload && !j->list) {
        int rc = upload_keep(j->upload, &j->request.spec, lists, &j->list, &p->err);
        return rc < 0 ? rc : 0;
    }
    if (j->selection) {
        int rc = selection_step(j->selection, &j->selected, &p->err);
        if (rc) {
            selection_free(j->selection);
            j->selection = NULL;
        }
        return rc < 0 ? rc : 0;
    }
    if (!p->stream)
        return make_stream(j);
    int rc = render_plan_check(p->stream->plan, &p->err);
    j->resolved = rc > 0;
    return rc < 0 ? rc : 0;
}

static enum job_result run(struct pool_job *job)
{
    struct open_job *j = (struct open_job *)job;
    struct place_job *p = &j->place;
    if (j->resolved)
        return place_find(p);
    p->rc = resolve(j);
    if (!p->rc && j->resolved)
        p->rc = place_choose_slots(p);
    return p->rc ? JOB_DONE : JOB_AGAIN;
}

/* ---- a list that is not known -------------------------------------------------------------- */

static void on_upload_timeout(uv_timer_t *timer)
{
    struct session *s = timer->data;
    struct err e;
    err_set(&e, 0, "nothing more of the list within limits.handshake_ms = %u ms",
            session_services(s)->config->limits.handshake_ms);
    session_close(s, FMNIST_ETIMEDOUT, e.text);
}

static void expect_list(struct session *s)
{
    uint32_t timeout_ms = session_services(s)->config->limits.handshake_ms;
    uv_timer_start(&s->timer, on_upload_timeout, timeout_ms, 0);
}

/* The job then waits with the session until the list has come. */
static int want_list(struct session *s, struct open_job *j)
{
    int rc = place_charge_list(&j->place, &j->request.spec);
    if (rc)
        return rc;
    rc = upload_new(&j->upload, session_services(s)->caches, j->place.upload_bytes, &j->place.err);
    if (rc)
        return rc;
    s->upload = j->upload;
    session_enter(s, SESSION_UPLOADING);
    expect_list(s);
    session_begin_reply(s, WIRE_WANT_LIST);
    session_finish_reply(s);
    return 0;
}

void open_list_came(struct session *s)
{
    assert(s->state == SESSION_UPLOADING);
    if (!upload_is_whole(s->upload)) {
        expect_list(s);
        return;
    }
    uv_timer_stop(&s->timer);
    s->upload = NULL;
    session_enter(s, SESSION_OPENING);
    place_job_start(&job_of(s->task)->place);
}

/* ---- the loop's part ----------------------------------------------------------------------- */

static void fill_opened(struct wire_opened *m, const struct consumer *consumer, uint64_t first)
{
    const struct stream *stream = consumer->stream;
    const struct render_plan *r = consumer->plan;
    *m = (struct wire_opened){
        .sample_count = r->sampler.shard_count,
        .steps = r->sampler.steps,
        .epoch = first / r->sampler.steps,
        .step = first % r->sampler.steps,
        .sample_bytes = r->sample_bytes,
        .batch_size = r->slot_samples,
        .channels = r->spec.channels,
        .height = r->final.height,
        .width = r->final.width,
        .in_channels = r->image.channels,
        .in_height = r->image.height,
        .in_width = r->image.width,
        .views = r->views,
        .float_samples = r->image.form == AUGMENT_FLOATS,
        .slot_count = consumer->is_inline ? 1 : stream->ring.slot_count,
        .label_count = r->split->label_count,
    };
    memcpy(m->digest, r->digest, sizeof m->digest);
    memcpy(m->identity, r->identity, sizeof m->identity);
}

/* Opens the way of an inline consumer's batches. */
static int open_way(struct session *s, struct consumer *consumer, struct err *e)
{
    if (!consumer->is_inline)
        return 0;
    socket_widen(s->fd);
    return inline_sender_init(&consumer->sender, s->fd, e);
}

static void begin_ledger(struct session *s, const struct open_job *j)
{
    s->taker.who = (struct taker_who){.session = s->id,
                                      .uid = s->uid,
                                      .pid = s->pid,
                                      .first = s->first,
                                      .at_token = j->request.at_token != 0};
    deliveries_begin(session_services(s)->deliveries, &s->taker, s->place);
}

static void begin_stream(struct session *s, struct place *place, const struct open_job *j)
{
    uint64_t first = j->place.first;
    uint8_t body[WIRE_OPENED_SIZE];
    struct wire_opened m;
    struct consumer *consumer = place->consumer;
    fill_opened(&m, consumer, first);
    wire_put_opened(body, &m);
    session_own(s, place);
    s->place = place;
    s->first = first;
    s->opened_ns = clock_ns();
    session_enter(s, SESSION_STREAMING);
    begin_ledger(s, j);
    if (!consumer->is_inline)
        reply_lend(&s->reply, consumer->stream->ring.fd, consumer->seat.fd);
    wire_add(session_begin_reply(s, WIRE_OPENED), body, sizeof body);
    session_finish_reply(s);
    session_look(s, consumer);
}

static int open_done_for(struct session *s, struct open_job *j)
{
    struct place_job *p = &j->place;
    struct place *place = place_take(p);
    if (!place)
        return p->rc;
    p->rc = open_way(s, place->consumer, &p->err);
    if (p->rc)
        place_leave(p->services, place);
    else
        begin_stream(s, place, j);
    return p->rc;
}

static void done(struct pool_job *job)
{
    struct open_job *j = (struct open_job *)job;
    struct session *s = j->task.session;
    if (!s) {
        place_drop(&j->place);
        free_job(j);
        return;
    }
    if (j->place.rc == OPEN_WANTS_LIST && !j->upload) {
        int rc = want_list(s, j);
        if (!rc) {
            session_go_on(s);
            return;
        }
        j->place.rc = rc;
    }
    detach(j);
    int rc = open_done_for(s, j);
    if (rc)
        session_close(s, session_code(rc), j->place.err.text);
    free_job(j);
    session_go_on(s);
}

/* What the request says, checked. */
static int take_request(struct open_job *j, const uint8_t *body, size_t size)
{
    int rc = wire_get_open(&j->request, body, size, &j->place.err);
    if (rc)
        return rc;
    struct dataset *dataset =
        catalog_find(j->place.services->catalog, j->request.spec.dataset, &j->place.err);
    if (!dataset)
        return -ENOENT;
    j->dataset = dataset_get(dataset);
    return 0;
}

bool open_request(struct session *s, const uint8_t *body, size_t size)
{
    const struct services *services = session_services(s);
    struct err e;
    if (admission_find_for_stream(s, &e)) {
        session_close(s, FMNIST_ELIMIT, e.text);
        return true;
    }
    struct open_job *j = calloc(1, sizeof *j);
    if (!j || place_job_init(&j->place, services, s->account, run, done)) {
        free(j);
        session_close(s, FMNIST_ENOMEM, "out of memory");
        return true;
    }
    int rc = take_request(j, body, size);
    if (rc) {
        session_close(s, session_code(rc), j->place.err.text);
        free_job(j);
        return true;
    }
    j->image_us = services->config->limits.image_us;
    j->task = (struct session_task){.session = s, .abandon = abandon};
    s->task = &j->task;
    session_enter(s, SESSION_OPENING);
    place_job_start(&j->place);
    return true;
}
