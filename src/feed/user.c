/* SPDX-License-Identifier: MIT */
/* Sums for each user, of time and of memory. Does not know what workers do in that time, nor the
 * limits: whoever asks compares. */
#include "feed/user.h"

#include "feed/stream.h"

#include <assert.h>

/* ---- what it holds ------------------------------------------------------------------------- */

/* What the stream's list takes beside what the user's other consumers read. */
static uint64_t read_cost(const struct user *u, const struct stream *s) REQUIRES(feed_lock)
{
    const struct spec *spec = &s->plan->spec;
    bool has_list = false, has_order = false;
    if (!s->plan->list)
        return 0;
    for (const struct consumer *r = u->consumers; r; r = r->next_of_user) {
        has_list |= r->stream->plan->list == s->plan->list;
        has_order |= r->stream == s;
    }
    return (has_list ? 0 : stream_list_bytes(spec)) + (has_order ? 0 : stream_order_bytes(spec));
}

void user_seat(struct user *u, struct consumer *r)
{
    assert(r->stream);
    u->read_bytes += read_cost(u, r->stream);
    r->next_of_user = u->consumers;
    u->consumers = r;
    users_hold(u);
}

void user_unseat(struct user *u, struct consumer *r)
{
    struct consumer **at = &u->consumers;
    while (*at != r)
        at = &(*at)->next_of_user;
    *at = r->next_of_user;
    uint64_t cost = read_cost(u, r->stream);
    assert(cost <= u->read_bytes);
    u->read_bytes -= cost;
}

static uint64_t share(const struct stream *s, const struct stream *joins) REQUIRES(feed_lock)
{
    return stream_bytes(s) / (s->consumer_count + (s == joins));
}

uint64_t user_ring_bytes(const struct user *u, const struct stream *joins)
{
    uint64_t bytes = u->making_bytes + (joins ? share(joins, joins) : 0);
    for (const struct consumer *r = u->consumers; r; r = r->next_of_user)
        bytes += share(r->stream, joins);
    return bytes;
}

uint64_t user_list_bytes(const struct user *u, const struct stream *joins)
{
    return u->upload_bytes + u->read_bytes + (joins ? read_cost(u, joins) : 0);
}

/* ---- time ---------------------------------------------------------------------------------- */

void user_bill(struct user *u, uint64_t ns)
{
    u->vtime_ns += ns;
    u->owed_ns -= ns < u->owed_ns ? ns : u->owed_ns;
}

void users_wake(const struct users *all, struct user *u)
{
    if (u->vtime_ns + USER_CREDIT_NS < all->vtime_ns)
        u->vtime_ns = all->vtime_ns - USER_CREDIT_NS;
}

bool users_may_serve(const struct users *all, const struct user *u, uint32_t workers,
                     uint64_t now_ns)
{
    if (workers <= 1 || u->workers + 1 < workers)
        return true;
    for (const struct user *other = all->first; other; other = other->next)
        if (other != u && (other->workers || other->served_ns + USER_LINGER_NS > now_ns))
            return false;
    return true;
}

void users_serve(struct users *all, struct user *u)
{
    u->workers++;
    if (u->vtime_ns > all->vtime_ns)
        all->vtime_ns = u->vtime_ns;
}

void user_served(struct user *u, uint64_t now_ns)
{
    assert(u->workers > 0);
    u->workers--;
    u->served_ns = now_ns;
}

/* ---- they come and go ---------------------------------------------------------------------- */

/* Those that nobody knows any more, and that owe the others nothing: where there are no others,
 * everybody. */
static void forget(struct users *all) REQUIRES(feed_lock)
{
    bool others = false;
    for (const struct user *u = all->first; u; u = u->next)
        others |= u->uses > 0;
    for (struct user **at = &all->first; *at;) {
        struct user *u = *at;
        if (u->uses || (others && u->vtime_ns > all->vtime_ns)) {
            at = &u->next;
            continue;
        }
        assert(!u->consumers && jobs_are_empty(&u->jobs) && jobs_are_empty(&u->blocked));
        assert(!u->making_bytes && !u->freeing_bytes && !u->upload_bytes && !u->read_bytes);
        *at = u->next;
        u->next = all->forgotten;
        all->forgotten = u;
    }
}

struct user *users_get(struct users *all, uid_t uid, struct user **spare)
{
    struct user *u = all->first;
    while (u && u->uid != uid)
        u = u->next;
    if (!u) {
        forget(all);
        u = *spare;
        *spare = NULL;
        u->uid = uid;
        u->next = all->first;
        all->first = u;
    }
    users_hold(u);
    return u;
}

void users_drop(struct users *all, struct user *u)
{
    assert(u->uses > 0);
    if (--u->uses == 0)
        forget(all);
}

/* ---- jobs ---------------------------------------------------------------------------------- */

void users_put_job(struct users *all, struct user *u, struct pool_job *job)
{
    users_wake(all, u);
    job->user = u;
    users_hold(u);
    jobs_put(&u->jobs, job);
    all->waiting++;
}

static struct user *next_with_job(struct users *all, uint32_t workers, uint64_t now_ns)
    REQUIRES(feed_lock)
{
    struct user *best = NULL;
    for (struct user *u = all->first; u; u = u->next)
        if (!jobs_are_empty(&u->jobs) && (!best || u->vtime_ns < best->vtime_ns) &&
            users_may_serve(all, u, workers, now_ns))
            best = u;
    return best;
}

struct pool_job *users_take_job(struct users *all, const struct consumer *rival, uint32_t workers,
                                uint64_t now_ns)
{
    struct user *u = next_with_job(all, workers, now_ns);
    if (!u)
        return NULL;
    if (rival && (rival->user == u ? u->owed_ns > 0 : rival->user->vtime_ns < u->vtime_ns))
        return NULL;
    users_serve(all, u);
    all->waiting--;
    return jobs_take(&u->jobs);
}

bool users_end_step(struct users *all, struct pool_job *job, enum job_result result, uint64_t ns,
                    uint64_t now_ns)
{
    struct user *u = job->user;
    user_served(u, now_ns);
    user_bill(u, ns);
    u->owed_ns = ns;
    if (result == JOB_DONE) {
        users_drop(all, u);
        return true;
    }
    if (result == JOB_WAITS && u->freeing_bytes) {
        jobs_put(&u->blocked, job);
        return false;
    }
    jobs_put(&u->jobs, job);
    all->waiting++;
    return false;
}

void users_end_freeing(struct users *all, struct user *u, uint64_t bytes, uint64_t ns)
{
    assert(bytes <= u->freeing_bytes);
    u->freeing_bytes -= bytes;
    user_bill(u, ns);
    while (!jobs_are_empty(&u->blocked)) {
        jobs_put(&u->jobs, jobs_take(&u->blocked));
        all->waiting++;
    }
    users_drop(all, u);
}

static void move_all(struct job_queue *from, struct job_queue *to)
{
    while (!jobs_are_empty(from))
        jobs_put(to, jobs_take(from));
}

struct job_queue users_take_all_jobs(struct users *all)
{
    struct job_queue taken = {0};
    for (struct user *u = all->first; u; u = u->next) {
        move_all(&u->jobs, &taken);
        move_all(&u->blocked, &taken);
    }
    all->waiting = 0;
    for (const struct pool_job *job = taken.first; job; job = job->next)
        users_drop(all, job->user);
    return taken;
}
