/* SPDX-License-Identifier: MIT */
/* The threads: each takes jobs and turns until it is not wanted any more. */
#include "feed/workers.h"

#include "base/clock.h"
#include "base/thread.h"
#include "feed/step.h"
#include "feed/turn.h"
#include "host/cpus.h"

#include <assert.h>
#include <errno.h>

/* ---- a worker ------------------------------------------------------------------------------ */

static void run_job(struct pool *p, struct pool_job *job, uint64_t now_ns) REQUIRES(feed_lock)
{
    busy_meter_begin(&p->scheduler.work, now_ns);
    pool_unlock(p);
    enum job_result result = job->run(job);
    uint64_t end_ns = clock_ns();
    pool_lock(p);
    busy_meter_end(&p->scheduler.work, now_ns, end_ns - now_ns);
    if (!users_end_step(&p->scheduler.users, job, result, end_ns - now_ns, end_ns)) {
        /* Others may not have been for a worker that sleeps, when it looked. */
        if (p->scheduler.users.waiting > 1)
            scheduler_wake_worker(&p->scheduler);
        return;
    }
    jobs_put(&p->finished, job);
    p->scheduler.effects.notify = true;
}

static void serve(struct pool *p, struct turn *t, struct render_scratch *scratch, uint64_t now_ns)
    REQUIRES(feed_lock)
{
    struct outcome o;
    for (;;) {
        struct step step = turn_next(t, &p->scheduler, now_ns);
        if (step.kind == STEP_END)
            break;
        pool_unlock(p);
        step_run(&step, scratch, &o);
        pool_lock(p);
        turn_done(t, &p->scheduler, &step, &o);
        now_ns = o.end_ns;
    }
}

static void *work(void *data)
{
    struct worker *self = data;
    struct pool *p = self->pool;
    pool_lock(p);
    while (self->index < p->scheduler.workers) {
        struct turn turn;
        uint64_t now_ns = clock_ns();
        struct pool_job *job = scheduler_take_job(&p->scheduler, now_ns);
        if (job)
            run_job(p, job, now_ns);
        else if (turn_begin(&turn, &p->scheduler, now_ns))
            serve(p, &turn, self->scratch, now_ns);
        else
            pool_sleep(p);
    }
    self->state = WORKER_ENDED;
    p->any_ended = true;
    /* The wake-up that was ours may have been meant for work. */
    scheduler_wake_worker(&p->scheduler);
    p->scheduler.effects.notify = true;
    pool_unlock(p);
    return NULL;
}

/* ---- workers come and go ------------------------------------------------------------------- */

static void want_workers(struct pool *p, uint32_t count)
{
    uint32_t cpus = usable_cpus();
    pool_lock(p);
    p->scheduler.workers = count;
    p->scheduler.cpus = cpus;
    p->scheduler.effects.wake = p->scheduler.sleeping; /* all look whether they are still wanted */
    pool_unlock(p);
}

static enum worker_state state_of(struct pool *p, const struct worker *w)
{
    pool_lock(p);
    enum worker_state state = w->state;
    pool_unlock(p);
    return state;
}

static void set_state(struct pool *p, struct worker *w, enum worker_state state)
{
    pool_lock(p);
    w->state = state;
    pool_unlock(p);
}

/* It has no thread any more. */
static void clear_worker(struct pool *p, struct worker *w)
{
    render_scratch_free(w->scratch);
    w->scratch = NULL;
    set_state(p, w, WORKER_NONE);
}

static void join_worker(struct pool *p, struct worker *w)
{
    pthread_join(w->thread, NULL);
    clear_worker(p, w);
}

/* They hold no lock and are about to return. */
void workers_join_ended(struct pool *p)
{
    pool_lock(p);
    bool any = p->any_ended;
    p->any_ended = false;
    pool_unlock(p);
    for (uint32_t i = 0; any && i < WORKERS_MAX; i++)
        if (state_of(p, &p->workers[i]) == WORKER_ENDED)
            join_worker(p, &p->workers[i]);
}

void workers_dismiss(struct pool *p)
{
    want_workers(p, 0);
}

uint32_t workers_left(struct pool *p)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        left += state_of(p, &p->workers[i]) != WORKER_NONE;
    return left;
}

void workers_end(struct pool *p)
{
    want_workers(p, 0);
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        if (state_of(p, &p->workers[i]) != WORKER_NONE)
            join_worker(p, &p->workers[i]);
}

/* Starts the worker of that place, unless it runs. Returns 0 or a negative errno value. */
static int start_worker(struct pool *p, uint32_t index)
{
    struct worker *w = &p->workers[index];
    enum worker_state state = state_of(p, w);
    if (state == WORKER_RUNS)
        return 0; /* and goes on: it looks at how many there are to be under the lock */
    if (state == WORKER_ENDED)
        join_worker(p, w);
    w->pool = p;
    w->index = index;
    w->scratch = render_scratch_new();
    if (!w->scratch)
        return -ENOMEM;
    set_state(p, w, WORKER_RUNS);
    int rc = thread_start(&w->thread, "worker", work, w);
    if (rc)
        clear_worker(p, w);
    return rc;
}

uint32_t workers_wanted(struct pool *p)
{
    pool_lock(p);
    uint32_t count = p->scheduler.workers;
    pool_unlock(p);
    return count;
}

int workers_resize(struct pool *p, uint32_t workers, struct err *e)
{
    assert(workers >= 1 && workers <= WORKERS_MAX);
    uint32_t before = workers_wanted(p);
    want_workers(p, workers);
    int rc = 0;
    uint32_t i = before < workers ? before : workers;
    for (; i < workers && !rc; i++)
        rc = start_worker(p, i);
    if (!rc)
        return 0;
    want_workers(p, before);
    return thread_error(e, rc, "starting worker %u of %u", i, workers);
}
