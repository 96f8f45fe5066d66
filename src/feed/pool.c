/* SPDX-License-Identifier: MIT */
/* What the loop and its jobs call. Which stream is served, and how, is scheduler.c's and turn.c's.
 */
#include "feed/pool.h"

#include "base/clock.h"
#include "base/thread.h"
#include "feed/reaper.h"
#include "feed/step.h"
#include "feed/workers.h"
#include "host/cpus.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* ---- start and end ------------------------------------------------------------------------- */

uint32_t pool_workers_for(uint32_t configured)
{
    uint32_t workers = configured ? configured : usable_cpus();
    return workers < WORKERS_MAX ? workers : WORKERS_MAX;
}

uint32_t pool_worker_count(struct pool *p)
{
    return workers_wanted(p);
}

int pool_resize(struct pool *p, uint32_t workers, struct err *e)
{
    return workers_resize(p, workers, e);
}

void pool_dismiss_workers(struct pool *p)
{
    workers_dismiss(p);
}

uint32_t pool_workers_left(struct pool *p)
{
    return workers_left(p);
}

void pool_end_workers(struct pool *p)
{
    workers_end(p);
}

static void pool_free(struct pool *p)
{
    pthread_cond_destroy(&p->ended);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->mutex);
    free(p);
}

int pool_start(struct pool **out, uint32_t workers, void (*notify)(void *data), void *data,
               struct err *e)
{
    struct pool *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(e, -ENOMEM, "out of memory");
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->ended, NULL);
    p->notify = notify;
    p->notify_data = data;
    int rc = reaper_start(p);
    if (rc) {
        thread_error(e, rc, "starting the reaper's thread");
        goto free_pool;
    }
    rc = pool_resize(p, workers, e);
    if (rc)
        goto end_threads;
    *out = p;
    return 0;

end_threads:
    pool_end_workers(p);
    reaper_end(p);
free_pool:
    pool_free(p);
    return rc;
}

/* No worker is left, and no session. */
static void finish_all(struct pool *p)
{
    pool_lock(p);
    struct job_queue finished = p->finished, waiting = users_take_all_jobs(&p->scheduler.users);
    p->finished = (struct job_queue){0};
    pool_unlock(p);
    jobs_finish(&finished);
    jobs_finish(&waiting);
}

/* No thread is left: nobody takes the lock any more. */
static void free_users(struct pool *p) UNGUARDED
{
    assert(!p->scheduler.streams && !p->scheduler.events);
    while (p->scheduler.users.first) {
        struct user *u = p->scheduler.users.first;
        p->scheduler.users.first = u->next;
        assert(u->uses == 0);
        free(u);
    }
}

void pool_stop(struct pool *p)
{
    if (!p)
        return;
    pool_end_workers(p);
    finish_all(p);
    reaper_end(p);
    free_users(p);
    pool_free(p);
}

/* ---- users --------------------------------------------------------------------------------- */

struct user *pool_user_get(struct pool *p, uid_t uid)
{
    struct user *spare = calloc(1, sizeof *spare);
    if (!spare)
        return NULL;
    pool_lock(p);
    struct user *u = users_get(&p->scheduler.users, uid, &spare);
    pool_unlock(p);
    free(spare);
    return u;
}

void pool_user_hold(struct pool *p, struct user *u)
{
    pool_lock(p);
    users_hold(u);
    pool_unlock(p);
}

void pool_user_put(struct pool *p, struct user *u)
{
    if (!u)
        return;
    pool_lock(p);
    users_drop(&p->scheduler.users, u);
    pool_unlock(p);
}

bool pool_charge_upload(struct pool *p, struct user *u, uint64_t bytes, uint64_t beside_bytes,
                        uint64_t limit_bytes)
{
    pool_lock(p);
    bool fits = user_list_bytes(u, NULL) + bytes + beside_bytes <= limit_bytes;
    if (fits)
        u->upload_bytes += bytes;
    pool_unlock(p);
    return fits;
}

void pool_discharge_upload(struct pool *p, struct user *u, uint64_t bytes)
{
    pool_lock(p);
    assert(bytes <= u->upload_bytes);
    u->upload_bytes -= bytes;
    pool_unlock(p);
}

/* ---- from the loop, and from jobs ----------------------------------------------------------- */

void pool_run(struct pool *p, struct user *u, struct pool_job *job)
{
    pool_lock(p);
    users_put_job(&p->scheduler.users, u, job);
    scheduler_wake_worker(&p->scheduler);
    pool_unlock(p);
}

enum seat_result pool_seat(struct pool *p, const struct seat_wish *wish)
{
    pool_lock(p);
    enum seat_result result = scheduler_seat(&p->scheduler, wish, clock_ns());
    pool_unlock(p);
    return result;
}

enum seat_result pool_claim_ring(struct pool *p, const struct seat_wish *wish, uint64_t bytes)
{
    pool_lock(p);
    enum seat_result result = scheduler_claim_ring(&p->scheduler, wish, bytes);
    pool_unlock(p);
    return result;
}

bool pool_is_freeing(struct pool *p, const struct user *u)
{
    pool_lock(p);
    bool freeing = u->freeing_bytes > 0;
    pool_unlock(p);
    return freeing;
}

/* Nobody else has the stream. */
void pool_drop_stream(struct pool *p, struct stream *s) UNGUARDED
{
    if (!s || !s->user) {
        stream_free(s);
        return;
    }
    pool_lock(p);
    scheduler_drop(&p->scheduler, s);
    pool_unlock(p);
}

uint32_t pool_stream_count(struct pool *p)
{
    pool_lock(p);
    uint32_t count = p->scheduler.stream_count;
    pool_unlock(p);
    return count;
}

uint64_t pool_ring_bytes(struct pool *p)
{
    uint64_t bytes = 0;
    pool_lock(p);
    for (const struct stream *s = p->scheduler.streams; s; s = s->next)
        bytes += stream_bytes(s);
    pool_unlock(p);
    return bytes;
}

void pool_leave(struct pool *p, struct consumer *r)
{
    if (!r)
        return;
    /* It may sleep on a ring that goes on without it. Before its slots are anybody else's. */
    seat_shut(&r->seat);
    if (!r->is_inline)
        ring_nudge(&r->stream->ring);
    pool_lock(p);
    scheduler_leave(&p->scheduler, r);
    pool_unlock(p);
}

static uint64_t kick(struct pool *p, struct consumer *r, bool starved, bool busy)
{
    pool_lock(p);
    uint64_t budget_ns = scheduler_kick(&p->scheduler, r, starved, busy, clock_ns());
    pool_unlock(p);
    return budget_ns;
}

uint64_t pool_kick(struct pool *p, struct consumer *r)
{
    return kick(p, r, true, false);
}

uint64_t pool_stall_budget(struct pool *p, struct consumer *r, bool busy)
{
    return kick(p, r, false, busy);
}

struct progress pool_progress(struct pool *p, struct consumer *r)
{
    pool_lock(p);
    const struct stream *s = r->stream;
    uint64_t now_ns = clock_ns();
    struct progress progress = {
        .tail = r->tail,
        .head = stream_ready(s, r),
        .rendered = s->head - s->first,
        .render_ns = busy_meter_at(&s->render, now_ns),
        .now_ns = now_ns,
        .consumers = s->consumer_count,
        .window = s->ring.window,
        .joined_ns = r->joined_ns,
        .lost_ns = consumer_lost_ns(r, now_ns),
        .failed = r->failed ? r->failed : s->failed,
        .blocked = r->is_inline && r->sender.state != SENDER_OPEN,
    };
    pool_unlock(p);
    return progress;
}

struct taken pool_taken(struct pool *p, struct consumer *r, uint64_t least)
{
    pool_lock(p);
    if (!r->is_inline)
        scheduler_look(&p->scheduler, r->stream);
    struct taken taken = {
        .number = r->tail,
        .sum = r->sum,
        .head = stream_ready(r->stream, r),
        .bytes = r->sender.all_bytes - r->sender.sent_bytes,
        .all_bytes = r->sender.all_bytes,
        .reset = r->failed == -ECONNRESET,
        .sending = r->sender.sending,
    };
    if (taken.number < least) {
        const struct stream *s = r->stream;
        assert(!r->is_inline && least <= s->head);
        taken.number = least;
        taken.sum = s->sums ? s->sums[least & s->sums_mask] : 0;
    }
    pool_unlock(p);
    return taken;
}

uint64_t pool_busy_ns(struct pool *p, uint64_t *now_ns)
{
    pool_lock(p);
    *now_ns = clock_ns();
    uint64_t busy_ns = busy_meter_at(&p->scheduler.work, *now_ns);
    pool_unlock(p);
    return busy_ns;
}

struct seat_waited pool_waited(struct pool *p, struct consumer *r, uint64_t now_ns)
{
    bool drained = inline_sender_is_drained(r->sender.fd);
    pool_lock(p);
    struct seat_waited waited = inline_sender_waited(&r->sender, drained, now_ns);
    pool_unlock(p);
    return waited;
}

void pool_writable(struct pool *p, struct consumer *r)
{
    pool_lock(p);
    scheduler_writable(&p->scheduler, r, clock_ns());
    pool_unlock(p);
}

int pool_send_rest(struct pool *p, struct consumer *r)
{
    struct stream *s = r->stream;
    struct outcome o;
    pool_lock(p);
    while (turn_may_send(s)) {
        struct step step = turn_send(s);
        pool_unlock(p);
        step_run(&step, NULL, &o);
        pool_lock(p);
        turn_sent(&p->scheduler, s, &step, &o);
    }
    bool whole = r->failed || (r->tail == stream_ready(s, r) && !r->sender.sending);
    if (whole && !r->failed)
        r->failed = s->failed; /* another worker may publish yet: too late */
    pool_unlock(p);
    return whole ? 0 : -EAGAIN;
}

bool pool_hush(struct pool *p, struct consumer *r)
{
    pool_lock(p);
    bool whole = !r->sender.sending && !r->sender.sent_bytes;
    if (!r->failed)
        r->failed = -ECANCELED;
    pool_unlock(p);
    return whole;
}

void pool_dispatch(struct pool *p, void (*event)(struct consumer *r))
{
    struct consumer *r;
    workers_join_ended(p);
    pool_lock(p);
    struct job_queue finished = p->finished;
    p->finished = (struct job_queue){0};
    while ((r = scheduler_take_event(&p->scheduler))) {
        /* Only the loop thread frees consumers that have an event, so r stays meanwhile. */
        pool_unlock(p);
        event(r);
        pool_lock(p);
    }
    pool_unlock(p);
    jobs_finish(&finished);
}
