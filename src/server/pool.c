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

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work;
    pthread_t *threads;
    uint32_t thread_count;
    void (*notify)(void *data);
    void *notify_data;
    /* lock */
    bool stopping;
    uint32_t sleeping;
    struct job *jobs, **jobs_end;
    struct job *finished, **finished_end;
    struct stream *runnable;
    struct stream *notified;
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

static void tell_loop(struct pool *p, struct stream *s)
{
    if (s->notified || s->closed)
        return;
    s->notified = true;
    s->next_notified = p->notified;
    p->notified = s;
    p->notify(p->notify_data);
}

static void forget_news(struct pool *p, struct stream *s)
{
    if (!s->notified)
        return;
    struct stream **at = &p->notified;
    while (*at != s)
        at = &(*at)->next_notified;
    *at = s->next_notified;
    s->notified = false;
}

static void fail_stream(struct pool *p, struct stream *s, int rc)
{
    s->failed = rc;
    make_unrunnable(p, s);
    tell_loop(p, s);
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

/* Gives a use up; returns whether the stream is the caller's to free (without the lock). */
static bool drop_use(struct stream *s)
{
    assert(s->uses > 0);
    return --s->uses == 0 && s->closed;
}

/* Looks for room a little longer before the stream parks. Called with the lock, gives it up
 * meanwhile. Returns whether the stream is still there. */
static bool watch(struct pool *p, struct stream *s)
{
    s->uses++;
    s->watched = true;
    uint64_t claimed = s->claimed;
    uint32_t slots = s->ring.slot_count;
    uint64_t want = s->limit - claimed < s->chunk_max ? s->limit - claimed : s->chunk_max;
    const _Atomic uint64_t *tail = &s->seat.page->tail;
    pthread_mutex_unlock(&p->lock);
    uint64_t end = clock_ns() + WATCH_NS;
    bool room = false;
    while (!room && clock_ns() < end)
        for (int i = 0; i < 64 && !room; i++)
            /* Not trusted: stream_room checks what it says before anything follows from it. */
            room = atomic_load_explicit(tail, memory_order_acquire) + slots >= claimed + want;
    pthread_mutex_lock(&p->lock);
    s->watched = false;
    if (drop_use(s)) {
        pthread_mutex_unlock(&p->lock);
        stream_free(s);
        pthread_mutex_lock(&p->lock);
        return false;
    }
    return !s->closed;
}

/* The ring is full: leaves the list until the client, or the loop's sending, makes room. */
static void park(struct pool *p, struct stream *s)
{
    make_unrunnable(p, s);
    s->starved = false; /* without room there is a chunk under way, which will feed it */
    if (s->is_inline || s->claimed == s->limit)
        return;
    uint64_t wake_at = s->claimed - s->ring.slot_count + s->wake_room;
    ring_park(&s->ring, wake_at);
    s->parked = true;
    /* The client may have moved its tail before it could see wake_at. */
    int64_t room = stream_room(s);
    if (room < 0)
        fail_stream(p, s, (int)room);
    else if (s->tail >= wake_at)
        make_runnable(p, s);
}

static bool worth_rendering(const struct stream *s, int64_t room)
{
    return room >= s->chunk_max || (room > 0 && s->starved) ||
           (room > 0 && s->limit - s->claimed <= (uint64_t)room);
}

static void render_chunk(struct pool *p, struct stream *s, uint64_t room,
                         struct render_scratch *scratch)
{
    struct chunk *c = stream_claim(s, room);
    s->starved = false;
    s->uses++;
    /* The client is faster than we are: let another worker help. */
    if (room - c->count >= s->wake_room)
        wake_worker(p);
    pthread_mutex_unlock(&p->lock);
    uint64_t start = clock_ns();
    int rc = stream_render(s, c, scratch);
    uint64_t spent = clock_ns() - start;

    pthread_mutex_lock(&p->lock);
    s->vtime_ns += spent;
    s->render_ns += spent;
    bool moved = false;
    if (rc)
        fail_stream(p, s, rc);
    else
        moved = stream_finish(s, c);
    if (moved && s->is_inline)
        tell_loop(p, s);
    pthread_mutex_unlock(&p->lock);

    if (moved && !s->is_inline)
        seat_wake(&s->seat, &s->ring);
    pthread_mutex_lock(&p->lock);
    if (drop_use(s)) {
        pthread_mutex_unlock(&p->lock);
        stream_free(s);
        pthread_mutex_lock(&p->lock);
    }
}

static void serve_stream(struct pool *p, struct stream *s, struct render_scratch *scratch)
{
    if (s->parked) {
        ring_park(&s->ring, RING_NOT_PARKED);
        s->parked = false;
    }
    int64_t room = stream_room(s);
    if (room >= 0 && !worth_rendering(s, room) && !s->is_inline && s->claimed < s->limit &&
        s->chunk_count == 0) {
        if (!watch(p, s))
            return;
        room = s->failed ? 0 : stream_room(s);
    }
    if (room < 0) {
        fail_stream(p, s, (int)room);
    } else if (!s->closed && !s->failed && worth_rendering(s, room)) {
        render_chunk(p, s, (uint64_t)room, scratch);
    } else {
        park(p, s);
    }
}

static void *work(void *data)
{
    struct pool *p = data;
    struct render_scratch *scratch = render_scratch_new();
    pthread_mutex_lock(&p->lock);
    while (!p->stopping) {
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
        } else if (s && scratch) {
            serve_stream(p, s, scratch);
        } else {
            p->sleeping++;
            pthread_cond_wait(&p->work, &p->lock);
            p->sleeping--;
        }
    }
    pthread_mutex_unlock(&p->lock);
    render_scratch_free(scratch);
    return NULL;
}

/* ---- from the loop ------------------------------------------------------------------------- */

static void join_workers(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (uint32_t i = 0; i < p->thread_count; i++)
        pthread_join(p->threads[i], NULL);
}

static void pool_free(struct pool *p)
{
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    free(p->threads);
    free(p);
}

int pool_start(struct pool **out, uint32_t workers, void (*notify)(void *data), void *data,
               struct err *e)
{
    struct pool *p = calloc(1, sizeof *p);
    if (p)
        p->threads = calloc(workers, sizeof *p->threads);
    if (!p || !p->threads) {
        free(p);
        return err_set(e, -ENOMEM, "out of memory");
    }
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    p->jobs_end = &p->jobs;
    p->finished_end = &p->finished;
    p->notify = notify;
    p->notify_data = data;
    /* Signals are the loop thread's. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = 0;
    while (p->thread_count < workers && !rc) {
        rc = pthread_create(&p->threads[p->thread_count], NULL, work, p);
        p->thread_count += !rc;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc) {
        uint32_t started = p->thread_count;
        join_workers(p);
        pool_free(p);
        return err_sys(e, -rc, "starting worker %u of %u", started + 1, workers);
    }
    *out = p;
    return 0;
}

void pool_stop(struct pool *p)
{
    if (!p)
        return;
    join_workers(p);
    assert(!p->runnable && !p->notified);
    for (struct job *job = p->finished, *next; job; job = next) {
        next = job->next;
        job->done(job);
    }
    for (struct job *job = p->jobs, *next; job; job = next) {
        next = job->next;
        job->done(job);
    }
    pool_free(p);
}

void pool_run(struct pool *p, struct job *job)
{
    pthread_mutex_lock(&p->lock);
    push_job(job, &p->jobs_end);
    wake_worker(p);
    pthread_mutex_unlock(&p->lock);
}

void pool_add(struct pool *p, struct stream *s)
{
    pthread_mutex_lock(&p->lock);
    make_runnable(p, s);
    pthread_mutex_unlock(&p->lock);
}

void pool_remove(struct pool *p, struct stream *s)
{
    pthread_mutex_lock(&p->lock);
    make_unrunnable(p, s);
    forget_news(p, s);
    s->closed = true;
    ring_shut(&s->ring);
    bool mine = s->uses == 0;
    pthread_mutex_unlock(&p->lock);
    if (mine)
        stream_free(s);
}

void pool_kick(struct pool *p, struct stream *s)
{
    pthread_mutex_lock(&p->lock);
    s->starved = true;
    make_runnable(p, s);
    pthread_mutex_unlock(&p->lock);
}

struct progress pool_progress(struct pool *p, struct stream *s)
{
    pthread_mutex_lock(&p->lock);
    struct progress progress = {
        .tail = s->tail,
        .head = s->head,
        .render_ns = s->render_ns,
        .failed = s->failed,
    };
    pthread_mutex_unlock(&p->lock);
    return progress;
}

void pool_sent(struct pool *p, struct stream *s, uint64_t tail)
{
    pthread_mutex_lock(&p->lock);
    s->tail = tail;
    if (worth_rendering(s, stream_room(s)))
        make_runnable(p, s);
    pthread_mutex_unlock(&p->lock);
}

void pool_dispatch(struct pool *p, void (*news)(struct stream *s))
{
    pthread_mutex_lock(&p->lock);
    struct job *finished = p->finished;
    p->finished = NULL;
    p->finished_end = &p->finished;
    while (p->notified) {
        struct stream *s = p->notified;
        p->notified = s->next_notified;
        s->notified = false;
        /* Only the loop thread closes streams, so s stays while it is told. */
        pthread_mutex_unlock(&p->lock);
        news(s);
        pthread_mutex_lock(&p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    for (struct job *job = finished, *next; job; job = next) {
        next = job->next;
        job->done(job);
    }
}
