/* SPDX-License-Identifier: MIT */
/* feed/jobs.h — work that the loop must not block on: run by a worker, ended on the loop.
 *
 * Threads: a queue is its owner's.
 */
#ifndef FEED_JOBS_H
#define FEED_JOBS_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct user;

/* What came of a step of a job. Steps are to be short, a few milliseconds at most: workers serve
 * others between them. */
enum job_result {
    JOB_DONE,
    JOB_AGAIN, /* there is more to do */
    JOB_WAITS, /* the same, but not before a ring of the job's user is freed that is about to be */
};

/* Owns: the caller; it must live until `done`. */
struct pool_job {
    enum job_result (*run)(struct pool_job *job); /* worker thread: one step */
    void (*done)(struct pool_job *job);           /* loop thread, from pool_dispatch */
    struct user *user;                            /* who pays for it; set by pool_run */
    struct pool_job *next;
};

/* First in, first out. Zeroed: empty. */
struct job_queue {
    struct pool_job *first, *last;
};

static inline bool jobs_are_empty(const struct job_queue *q)
{
    return !q->first;
}

static inline void jobs_put(struct job_queue *q, struct pool_job *job)
{
    assert(!job->next && job != q->last);
    if (q->first)
        q->last->next = job;
    else
        q->first = job;
    q->last = job;
}

static inline uint32_t jobs_count(const struct job_queue *q)
{
    uint32_t count = 0;
    for (const struct pool_job *job = q->first; job; job = job->next)
        count++;
    return count;
}

/* The queue is not empty. */
static inline struct pool_job *jobs_take(struct job_queue *q)
{
    struct pool_job *job = q->first;
    assert(job);
    q->first = job->next;
    if (!q->first)
        q->last = NULL;
    job->next = NULL;
    return job;
}

/* Calls `done` for all of it; a job may be freed there, or queued again. */
static inline void jobs_finish(struct job_queue *q)
{
    struct job_queue taken = *q;
    *q = (struct job_queue){0};
    while (!jobs_are_empty(&taken)) {
        struct pool_job *job = jobs_take(&taken);
        job->done(job);
    }
}

#endif
