/* The threads, the jobs, and what the loop calls. */
#include "feed/pool_state.h"

#include "base/clock.h"
#include "host/cpus.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

static void push_job(struct pool_job *job, struct pool_job ***end)
{
    job->next = NULL;
    **end = job;
    *end = &job->next;
}

static void forget_event(struct pool *p, struct consumer *r)
{
    if (!r->notified)
        return;
    struct consumer **at = &p->notified;
    while (*at != r)
        at = &(*at)->next_notified;
    *at = r->next_notified;
    r->notified = false;
}

/* ---- a worker ------------------------------------------------------------------------------ */

static void *work(void *data)
{
    struct worker *self = data;
    struct pool *p = self->pool;
    struct render_scratch *scratch = self->scratch;
    pthread_mutex_lock(&p->lock);
    while (self->index < p->wanted) {
        struct pool_job *job = p->jobs;
        struct stream *s = job ? NULL : pool_pick(p);
        if (job) {
            p->jobs = job->next;
            if (!p->jobs)
                p->jobs_end = &p->jobs;
            pthread_mutex_unlock(&p->lock);
            job->run(job);
            pthread_mutex_lock(&p->lock);
            push_job(job, &p->finished_end);
            p->notify(p->notify_data);
        } else if (s) {
            pool_serve(p, s, scratch);
        } else {
            p->sleeping++;
            pthread_cond_wait(&p->work, &p->lock);
            p->sleeping--;
        }
    }
    self->state = WORKER_ENDED;
    p->any_ended = true;
    pool_wake_worker(p); /* the wake-up that was ours may have been meant for work */
    pthread_mutex_unlock(&p->lock);
    p->notify(p->notify_data);
    return NULL;
}

/* ---- from the loop ------------------------------------------------------------------------- */

static void want_workers(struct pool *p, uint32_t count)
{
    uint32_t cpus = usable_cpus();
    pthread_mutex_lock(&p->lock);
    p->wanted = count;
    p->cpus = cpus;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
}

static void join_worker(struct worker *w)
{
    pthread_join(w->thread, NULL);
    render_scratch_free(w->scratch);
    w->scratch = NULL;
    w->state = WORKER_NONE;
}

static enum worker_state state_of(struct pool *p, const struct worker *w)
{
    pthread_mutex_lock(&p->lock);
    enum worker_state state = w->state;
    pthread_mutex_unlock(&p->lock);
    return state;
}

/* Joins the workers that have ended: they hold no lock and are about to return. */
static void join_ended(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    bool any = p->any_ended;
    p->any_ended = false;
    pthread_mutex_unlock(&p->lock);
    for (uint32_t i = 0; any && i < POOL_WORKERS_MAX; i++)
        if (state_of(p, &p->workers[i]) == WORKER_ENDED)
            join_worker(&p->workers[i]);
}

void pool_end_workers(struct pool *p)
{
    want_workers(p, 0);
    for (uint32_t i = 0; i < POOL_WORKERS_MAX; i++)
        if (state_of(p, &p->workers[i]) != WORKER_NONE)
            join_worker(&p->workers[i]);
}

static void pool_free(struct pool *p)
{
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* Starts the worker of that place, unless it runs. Returns 0 or a negative errno value. */
static int start_worker(struct pool *p, uint32_t index)
{
    struct worker *w = &p->workers[index];
    enum worker_state state = state_of(p, w);
    if (state == WORKER_RUNS)
        return 0; /* and goes on: it looks at `wanted` under the lock */
    if (state == WORKER_ENDED)
        join_worker(w);
    w->pool = p;
    w->index = index;
    w->scratch = render_scratch_new();
    if (!w->scratch)
        return -ENOMEM;
    w->state = WORKER_RUNS; /* nobody else looks before it does */
    int rc = pthread_create(&w->thread, NULL, work, w);
    if (rc) {
        render_scratch_free(w->scratch);
        w->scratch = NULL;
        w->state = WORKER_NONE;
    }
    return -rc;
}

uint32_t pool_workers_for(uint32_t configured)
{
    uint32_t workers = configured ? configured : usable_cpus();
    return workers < POOL_WORKERS_MAX ? workers : POOL_WORKERS_MAX;
}

uint32_t pool_worker_count(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    uint32_t count = p->wanted;
    pthread_mutex_unlock(&p->lock);
    return count;
}

int pool_resize(struct pool *p, uint32_t workers, struct err *e)
{
    assert(workers >= 1 && workers <= POOL_WORKERS_MAX);
    uint32_t before = p->wanted; /* only this thread writes it */
    want_workers(p, workers);
    /* Signals are the loop thread's. */
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = 0;
    uint32_t i = before < workers ? before : workers;
    for (; i < workers && !rc; i++)
        rc = start_worker(p, i);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!rc)
        return 0;
    want_workers(p, before);
    return err_sys(e, rc, "starting worker %u of %u", i, workers);
}

int pool_start(struct pool **out, uint32_t workers, void (*notify)(void *data), void *data,
               struct err *e)
{
    struct pool *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(e, -ENOMEM, "out of memory");
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    p->jobs_end = &p->jobs;
    p->finished_end = &p->finished;
    p->notify = notify;
    p->notify_data = data;
    int rc = pool_resize(p, workers, e);
    if (rc) {
        pool_end_workers(p);
        pool_free(p);
        return rc;
    }
    *out = p;
    return 0;
}

void pool_stop(struct pool *p)
{
    if (!p)
        return;
    pool_end_workers(p);
    struct pool_job *lists[] = {p->finished, p->jobs};
    for (size_t i = 0; i < 2; i++)
        for (struct pool_job *job = lists[i], *next; job; job = next) {
            next = job->next;
            job->done(job);
        }
    assert(!p->streams && !p->notified);
    pool_free(p);
}

void pool_run(struct pool *p, struct pool_job *job)
{
    pthread_mutex_lock(&p->lock);
    push_job(job, &p->jobs_end);
    pool_wake_worker(p);
    pthread_mutex_unlock(&p->lock);
}

struct stream *pool_seat(struct pool *p, struct stream *s, struct consumer *r,
                         const struct stream *except)
{
    pthread_mutex_lock(&p->lock);
    struct stream *at = p->streams;
    while (at && (at == except || !stream_can_seat(at, s)))
        at = at->next;
    if (!at && s->ring.header) {
        at = s;
        stream_seat(at, r, clock_ns());
        pool_add_stream(p, s);
    } else if (at) {
        stream_seat(at, r, clock_ns());
    }
    if (at)
        pool_make_runnable(p, at);
    pthread_mutex_unlock(&p->lock);
    return at;
}

uint32_t pool_stream_count(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    uint32_t count = p->stream_count;
    pthread_mutex_unlock(&p->lock);
    return count;
}

uint64_t pool_ring_bytes(struct pool *p)
{
    uint64_t bytes = 0;
    pthread_mutex_lock(&p->lock);
    for (const struct stream *s = p->streams; s; s = s->next)
        bytes += stream_bytes(s);
    pthread_mutex_unlock(&p->lock);
    return bytes;
}

uint64_t pool_ring_share(struct pool *p, const struct stream *s)
{
    pthread_mutex_lock(&p->lock);
    uint64_t share = stream_bytes(s) / s->consumer_count;
    pthread_mutex_unlock(&p->lock);
    return share;
}

void pool_leave(struct pool *p, struct consumer *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&p->lock);
    struct stream *s = r->stream;
    forget_event(p, r);
    stream_unseat(s, r);
    if (s->closed)
        pool_remove_stream(p, s);
    else
        pool_look_again(p, s);
    /* It may sleep on a ring that goes on without it. */
    seat_shut(&r->seat);
    ring_nudge(&s->ring);
    bool mine = s->uses == 0;
    if (!mine) {
        r->next = s->departed;
        s->departed = r;
    }
    bool last = s->closed;
    pthread_mutex_unlock(&p->lock);
    if (!mine)
        return;
    consumer_free(r);
    if (last)
        stream_free(s);
}

static uint64_t wait_for_room(struct pool *p, struct consumer *r, bool starved, bool busy)
{
    pthread_mutex_lock(&p->lock);
    struct stream *s = r->stream;
    s->starved = s->starved || starved;
    pool_look_again(p, s);
    uint64_t budget_ns = stream_wait(s, r, busy, clock_ns());
    pthread_mutex_unlock(&p->lock);
    return budget_ns;
}

uint64_t pool_kick(struct pool *p, struct consumer *r)
{
    return wait_for_room(p, r, true, false);
}

uint64_t pool_stall_budget(struct pool *p, struct consumer *r, bool busy)
{
    return wait_for_room(p, r, false, busy);
}

struct progress pool_progress(struct pool *p, struct consumer *r)
{
    pthread_mutex_lock(&p->lock);
    const struct stream *s = r->stream;
    struct progress progress = {
        .tail = r->tail,
        .head = stream_ready(s, r),
        .rendered = s->head - s->first,
        .render_ns = s->render_ns,
        .consumers = s->consumer_count,
        .window = s->ring.window,
        .joined_ns = r->joined_ns,
        .lost_ns = consumer_lost_ns(r, clock_ns()),
        .failed = r->failed ? r->failed : s->failed,
        .blocked = r->is_inline && r->sender.state != SENDER_OPEN,
    };
    if (r->is_inline)
        progress.waited = inline_sender_waited(&r->sender, clock_ns());
    pthread_mutex_unlock(&p->lock);
    return progress;
}

void pool_writable(struct pool *p, struct consumer *r)
{
    pthread_mutex_lock(&p->lock);
    r->sender.state = SENDER_OPEN;
    inline_sender_note(r, clock_ns());
    pool_make_runnable(p, r->stream);
    pthread_mutex_unlock(&p->lock);
}

bool pool_hush(struct pool *p, struct consumer *r)
{
    pthread_mutex_lock(&p->lock);
    bool whole = !r->sender.sending && !r->sender.sent_bytes;
    if (!r->failed)
        r->failed = -ECANCELED;
    pthread_mutex_unlock(&p->lock);
    return whole;
}

void pool_dispatch(struct pool *p, void (*event)(struct consumer *r))
{
    join_ended(p);
    pthread_mutex_lock(&p->lock);
    struct pool_job *finished = p->finished;
    p->finished = NULL;
    p->finished_end = &p->finished;
    while (p->notified) {
        struct consumer *r = p->notified;
        p->notified = r->next_notified;
        r->notified = false;
        /* Only the loop thread frees consumers that are told of, so r stays meanwhile. */
        pthread_mutex_unlock(&p->lock);
        event(r);
        pthread_mutex_lock(&p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    for (struct pool_job *job = finished, *next; job; job = next) {
        next = job->next;
        job->done(job);
    }
}
