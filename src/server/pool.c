/* Workers: claim under the lock, render without it, publish under it, wake without it. */
#include "server/pool.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

/* A client that reads as fast as we render gives the next slot back within this time; parking
 * would cost both sides a trip through the kernel. */
#define WATCH_NS 30000u

/* One place for a worker. A worker whose index is not below `wanted` ends after its chunk. */
struct worker {
    struct pool *pool;
    pthread_t thread;
    uint32_t index;
    struct render_scratch *scratch; /* owned while it runs */
    /* lock */
    enum worker_state { WORKER_NONE, WORKER_RUNS, WORKER_ENDED } state;
};

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct worker workers[POOL_WORKERS_MAX];
    void (*notify)(void *data);
    void *notify_data;
    /* lock */
    uint32_t wanted; /* workers */
    bool any_ended;  /* to be joined */
    uint32_t sleeping;
    struct job *jobs, **jobs_end;
    struct job *finished, **finished_end;
    struct stream *streams; /* all that have readers */
    struct stream *runnable;
    struct reader *notified;
    uint64_t vtime_ns; /* of the stream that was served last: where a newcomer begins */
};

/* ---- lists (pool lock) --------------------------------------------------------------------- */

static void push_job(struct job *job, struct job ***end)
{
    job->next = NULL;
    **end = job;
    *end = &job->next;
}

static void wake_worker(struct pool *p)
{
    if (p->sleeping)
        pthread_cond_signal(&p->work);
}

static void make_runnable(struct pool *p, struct stream *s)
{
    if (s->runnable || s->closed || s->failed)
        return;
    /* A stream that is new or slept does not get to make up for it at the others' cost. */
    if (s->vtime_ns < p->vtime_ns)
        s->vtime_ns = p->vtime_ns;
    s->runnable = true;
    s->next_runnable = p->runnable;
    p->runnable = s;
    wake_worker(p);
}

static void make_unrunnable(struct pool *p, struct stream *s)
{
    if (!s->runnable)
        return;
    struct stream **at = &p->runnable;
    while (*at != s)
        at = &(*at)->next_runnable;
    *at = s->next_runnable;
    s->runnable = false;
}

static void tell_loop(struct pool *p, struct reader *r)
{
    if (r->notified)
        return;
    r->notified = true;
    r->next_notified = p->notified;
    p->notified = r;
    p->notify(p->notify_data);
}

static void forget_news(struct pool *p, struct reader *r)
{
    if (!r->notified)
        return;
    struct reader **at = &p->notified;
    while (*at != r)
        at = &(*at)->next_notified;
    *at = r->next_notified;
    r->notified = false;
}

static void fail_stream(struct pool *p, struct stream *s, int rc)
{
    s->failed = rc;
    make_unrunnable(p, s);
    for (struct reader *r = s->readers; r; r = r->next)
        tell_loop(p, r);
}

static void remove_stream(struct pool *p, struct stream *s)
{
    make_unrunnable(p, s);
    struct stream **at = &p->streams;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
}

/* The stream's room; readers that have failed are told of. */
static uint64_t look(struct pool *p, struct stream *s)
{
    uint64_t room = stream_room(s);
    for (struct reader *r = s->readers; r; r = r->next)
        if (r->failed)
            tell_loop(p, r);
    return room;
}

static bool worth_rendering(const struct stream *s, uint64_t room)
{
    return room >= s->chunk_max || (room > 0 && (s->starved || s->limit - s->claimed <= room));
}

/* ---- one worker ---------------------------------------------------------------------------- */

/* The runnable stream with the least rendering time that has a place for another chunk. */
static struct stream *pick(struct pool *p)
{
    struct stream *best = NULL;
    for (struct stream *s = p->runnable; s; s = s->next_runnable)
        if (!s->watched && s->chunk_count < STREAM_CHUNKS_MAX &&
            (!best || s->vtime_ns < best->vtime_ns))
            best = s;
    if (best && best->vtime_ns > p->vtime_ns)
        p->vtime_ns = best->vtime_ns;
    return best;
}

/* Gives a use up, and frees what left meanwhile. Called with the lock; gives it up for a stream's
 * end. */
static void drop_use(struct pool *p, struct stream *s)
{
    assert(s->uses > 0);
    if (--s->uses)
        return;
    while (s->departed) {
        struct reader *r = s->departed;
        s->departed = r->next;
        reader_free(r);
    }
    if (!s->closed)
        return;
    pthread_mutex_unlock(&p->lock);
    stream_free(s);
    pthread_mutex_lock(&p->lock);
}

/* Looks for room a little longer before the stream parks: at the slowest reader's tail. Called with
 * the lock, gives it up meanwhile. */
static void watch(struct pool *p, struct stream *s)
{
    const struct reader *slowest = stream_slowest(s);
    if (!slowest || s->is_inline || s->chunk_count || !hunch_says_look(&s->watches))
        return;
    s->watched = true;
    uint64_t want = s->limit - s->claimed < s->chunk_max ? s->limit - s->claimed : s->chunk_max;
    uint64_t enough = s->claimed + want - s->ring.slot_count;
    const _Atomic uint64_t *tail = &slowest->seat.page->tail;
    pthread_mutex_unlock(&p->lock);
    uint64_t end = clock_ns() + WATCH_NS;
    bool room = false;
    while (!room && clock_ns() < end)
        for (int i = 0; i < 64 && !room; i++)
            /* Not trusted: stream_room checks what it says before anything follows from it. */
            room = atomic_load_explicit(tail, memory_order_acquire) >= enough;
    pthread_mutex_lock(&p->lock);
    s->watched = false;
    hunch_learn(&s->watches, room);
}

/* The ring is full: leaves the list until a reader, or the loop's sending, makes room. */
static void park(struct pool *p, struct stream *s)
{
    make_unrunnable(p, s);
    s->starved = false; /* without room there is a chunk under way, which will feed it */
    if (s->is_inline || s->claimed >= s->limit)
        return;
    uint64_t wake_at = s->claimed - s->ring.slot_count + s->wake_room;
    ring_park(&s->ring, wake_at);
    s->parked = true;
    /* A reader may have moved its tail before it could see wake_at. */
    look(p, s);
    if (s->tail >= wake_at)
        make_runnable(p, s);
}

static void render_chunk(struct pool *p, struct stream *s, uint64_t room,
                         struct render_scratch *scratch)
{
    struct chunk *c = stream_claim(s, room);
    s->starved = false;
    /* The client is faster than we are: let another worker help. */
    if (room - c->count >= s->wake_room)
        wake_worker(p);
    pthread_mutex_unlock(&p->lock);
    uint64_t start = clock_ns();
    int rc = stream_render(s, c, scratch);
    uint64_t now = clock_ns();

    pthread_mutex_lock(&p->lock);
    s->vtime_ns += (now - start) / (s->reader_count ? s->reader_count : 1);
    s->render_ns += now - start;
    bool moved = false, wake = false;
    if (rc)
        fail_stream(p, s, rc);
    else
        moved = stream_finish(s, c);
    for (struct reader *r = s->readers; r && moved; r = r->next)
        if (r->is_inline)
            tell_loop(p, r);
        else
            wake = wake || seat_waits(&r->seat);
    if (!wake)
        return;
    pthread_mutex_unlock(&p->lock);
    ring_wake(&s->ring);
    pthread_mutex_lock(&p->lock);
}

/* Tens of milliseconds for millions of images, while another worker goes on with the stream. */
static void make_order(struct pool *p, struct stream *s)
{
    wake_worker(p);
    pthread_mutex_unlock(&p->lock);
    uint64_t start = clock_ns();
    stream_make_order(s);
    uint64_t took = clock_ns() - start;
    pthread_mutex_lock(&p->lock);
    s->ordering = false;
    s->vtime_ns += took / (s->reader_count ? s->reader_count : 1);
}

static void serve_stream(struct pool *p, struct stream *s, struct render_scratch *scratch)
{
    s->uses++;
    if (s->parked) {
        ring_park(&s->ring, RING_NOT_PARKED);
        s->parked = false;
    }
    uint64_t room = look(p, s);
    if (!worth_rendering(s, room) && s->claimed < s->limit) {
        watch(p, s);
        room = look(p, s);
    }
    if (!s->closed && !s->failed && worth_rendering(s, room)) {
        render_chunk(p, s, room, scratch);
        if (stream_order_due(s))
            make_order(p, s);
    } else {
        park(p, s);
    }
    drop_use(p, s);
}

static void *work(void *data)
{
    struct worker *self = data;
    struct pool *p = self->pool;
    struct render_scratch *scratch = self->scratch;
    pthread_mutex_lock(&p->lock);
    while (self->index < p->wanted) {
        struct job *job = p->jobs;
        struct stream *s = job ? NULL : pick(p);
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
            serve_stream(p, s, scratch);
        } else {
            p->sleeping++;
            pthread_cond_wait(&p->work, &p->lock);
            p->sleeping--;
        }
    }
    self->state = WORKER_ENDED;
    p->any_ended = true;
    wake_worker(p); /* the wake-up that was ours may have been meant for work */
    pthread_mutex_unlock(&p->lock);
    p->notify(p->notify_data);
    return NULL;
}

/* ---- from the loop ------------------------------------------------------------------------- */

static void want_workers(struct pool *p, uint32_t count)
{
    pthread_mutex_lock(&p->lock);
    p->wanted = count;
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
    struct job *lists[] = {p->finished, p->jobs};
    for (size_t i = 0; i < 2; i++)
        for (struct job *job = lists[i], *next; job; job = next) {
            next = job->next;
            job->done(job);
        }
    assert(!p->streams && !p->notified);
    pool_free(p);
}

void pool_run(struct pool *p, struct job *job)
{
    pthread_mutex_lock(&p->lock);
    push_job(job, &p->jobs_end);
    wake_worker(p);
    pthread_mutex_unlock(&p->lock);
}

struct stream *pool_seat(struct pool *p, struct stream *s, struct reader *r,
                         const struct stream *except)
{
    pthread_mutex_lock(&p->lock);
    struct stream *at = p->streams;
    while (at && (at == except || !stream_can_seat(at, s)))
        at = at->next;
    if (!at && s->ring.header) {
        s->next = p->streams;
        p->streams = s;
        at = s;
    }
    if (at) {
        stream_seat(at, r, clock_ns());
        make_runnable(p, at);
    }
    pthread_mutex_unlock(&p->lock);
    return at;
}

void pool_leave(struct pool *p, struct reader *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&p->lock);
    struct stream *s = r->stream;
    forget_news(p, r);
    stream_unseat(s, r);
    if (s->closed)
        remove_stream(p, s);
    else if (worth_rendering(s, look(p, s)))
        make_runnable(p, s);
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
    reader_free(r);
    if (last)
        stream_free(s);
}

static uint64_t wait_for_room(struct pool *p, struct reader *r, bool starved, bool busy)
{
    pthread_mutex_lock(&p->lock);
    struct stream *s = r->stream;
    s->starved = s->starved || starved;
    if (worth_rendering(s, look(p, s)))
        make_runnable(p, s);
    uint64_t patience = stream_wait(s, r, busy, clock_ns());
    pthread_mutex_unlock(&p->lock);
    return patience;
}

uint64_t pool_kick(struct pool *p, struct reader *r)
{
    return wait_for_room(p, r, true, false);
}

uint64_t pool_patience(struct pool *p, struct reader *r, bool busy)
{
    return wait_for_room(p, r, false, busy);
}

struct progress pool_progress(struct pool *p, struct reader *r)
{
    pthread_mutex_lock(&p->lock);
    const struct stream *s = r->stream;
    struct progress progress = {
        .tail = r->tail,
        .head = s->head < r->limit ? s->head : r->limit,
        .rendered = s->head - s->first,
        .render_ns = s->render_ns,
        .readers = s->reader_count,
        .joined_ns = r->joined_ns,
        .lost_ns = reader_lost_ns(r, clock_ns()),
        .failed = r->failed ? r->failed : s->failed,
    };
    pthread_mutex_unlock(&p->lock);
    return progress;
}

void pool_sent(struct pool *p, struct reader *r, uint64_t tail)
{
    pthread_mutex_lock(&p->lock);
    r->tail = tail;
    struct stream *s = r->stream;
    /* Half a ring at a time: a worker woken for each batch would sleep again after it. */
    uint64_t room = look(p, s);
    if (room >= s->wake_room || (room > 0 && s->limit - s->claimed <= room))
        make_runnable(p, s);
    pthread_mutex_unlock(&p->lock);
}

void pool_dispatch(struct pool *p, void (*news)(struct reader *r))
{
    join_ended(p);
    pthread_mutex_lock(&p->lock);
    struct job *finished = p->finished;
    p->finished = NULL;
    p->finished_end = &p->finished;
    while (p->notified) {
        struct reader *r = p->notified;
        p->notified = r->next_notified;
        r->notified = false;
        /* Only the loop thread frees readers that are told of, so r stays meanwhile. */
        pthread_mutex_unlock(&p->lock);
        news(r);
        pthread_mutex_lock(&p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    for (struct job *job = finished, *next; job; job = next) {
        next = job->next;
        job->done(job);
    }
}
