/* SPDX-License-Identifier: MIT */
/* Streams and consumers come and go, park and wake. Does not say what is done in a turn (turn.c),
 * nor do it (step.c). */
#include "feed/scheduler.h"

#include <assert.h>

/* ---- effects ------------------------------------------------------------------------------- */

void scheduler_wake_worker(struct scheduler *k)
{
    if (k->effects.wake < k->sleeping)
        k->effects.wake++;
}

static void tell_loop(struct scheduler *k, struct consumer *r) REQUIRES(feed_lock)
{
    if (r->has_event)
        return;
    r->has_event = true;
    r->next_event = k->events;
    k->events = r;
    k->effects.notify = true;
}

void scheduler_forget_event(struct scheduler *k, struct consumer *r)
{
    if (!r->has_event)
        return;
    struct consumer **at = &k->events;
    while (*at != r)
        at = &(*at)->next_event;
    *at = r->next_event;
    r->has_event = false;
}

struct consumer *scheduler_take_event(struct scheduler *k)
{
    struct consumer *r = k->events;
    if (r) {
        assert(r->has_event);
        k->events = r->next_event;
        r->has_event = false;
    }
    return r;
}

struct effects scheduler_take_effects(struct scheduler *k)
{
    struct effects taken = k->effects;
    k->effects = (struct effects){0};
    taken.forgotten = k->users.forgotten;
    k->users.forgotten = NULL;
    return taken;
}

/* ---- who can be served --------------------------------------------------------------------- */

/* One that is new or slept long does not get to make up for it at the others' cost. */
void scheduler_wake_consumer(const struct scheduler *k, struct consumer *r)
{
    struct user *u = r->user;
    users_wake(&k->users, u);
    if (r->vtime_ns + USER_CREDIT_NS < u->turn_vtime_ns)
        r->vtime_ns = u->turn_vtime_ns - USER_CREDIT_NS;
}

bool scheduler_enlist(struct scheduler *k, struct stream *s)
{
    if (s->runnable || s->closed || s->failed)
        return false;
    for (struct consumer *r = s->consumers; r; r = r->next)
        scheduler_wake_consumer(k, r);
    s->runnable = true;
    s->next_runnable = k->runnable;
    k->runnable = s;
    return true;
}

void scheduler_make_runnable(struct scheduler *k, struct stream *s)
{
    if (scheduler_enlist(k, s))
        scheduler_wake_worker(k);
}

static void make_unrunnable(struct scheduler *k, struct stream *s) REQUIRES(feed_lock)
{
    if (!s->runnable)
        return;
    struct stream **at = &k->runnable;
    while (*at != s)
        at = &(*at)->next_runnable;
    *at = s->next_runnable;
    s->runnable = false;
}

static bool comes_before(const struct consumer *a, const struct consumer *b) REQUIRES(feed_lock)
{
    return a->user == b->user ? a->vtime_ns < b->vtime_ns : a->user->vtime_ns < b->user->vtime_ns;
}

/* Whether a worker would find something to do at it that no other one is at. */
static bool can_begin(const struct stream *s) REQUIRES(feed_lock)
{
    return !s->watched && !stream_is_stuck(s) &&
           (s->paused_count || s->chunk_count < STREAM_CHUNKS_MAX);
}

struct consumer *scheduler_next(struct scheduler *k, uint64_t now_ns)
{
    struct consumer *best = NULL;
    for (const struct stream *s = k->runnable; s; s = s->next_runnable)
        for (struct consumer *r = can_begin(s) ? s->consumers : NULL; r; r = r->next)
            if ((!best || comes_before(r, best)) &&
                users_may_serve(&k->users, r->user, k->workers, now_ns))
                best = r;
    return best;
}

struct pool_job *scheduler_take_job(struct scheduler *k, uint64_t now_ns)
{
    if (k->users.waiting == 0)
        return NULL;
    return users_take_job(&k->users, scheduler_next(k, now_ns), k->workers, now_ns);
}

void scheduler_fail(struct scheduler *k, struct stream *s, int rc)
{
    assert(rc < 0);
    s->failed = rc;
    make_unrunnable(k, s);
    for (struct consumer *r = s->consumers; r; r = r->next)
        tell_loop(k, r);
}

uint64_t scheduler_look(struct scheduler *k, struct stream *s)
{
    uint64_t room = stream_room(s);
    for (struct consumer *r = s->consumers; r; r = r->next)
        if (r->failed)
            tell_loop(k, r);
    return room;
}

bool scheduler_is_worth(const struct stream *s, uint64_t room)
{
    return room >= s->chunk_max || (room > 0 && (s->starved || s->limit - s->claimed <= room));
}

/* ---- parking ------------------------------------------------------------------------------- */

void scheduler_unpark(struct stream *s)
{
    if (s->parked)
        seat_park(&s->parked->seat, SEAT_NOT_PARKED);
    s->parked = NULL;
}

/* Has the slowest consumer send a message when half of the ring is free. When that comes another
 * one may be the slowest, and is asked then. */
static void ask_slowest(struct scheduler *k, struct stream *s) REQUIRES(feed_lock)
{
    assert(!s->is_inline && !s->runnable);
    scheduler_unpark(s);
    uint64_t wake_at = s->claimed - s->ring.window + s->wake_room;
    while (s->claimed < s->limit && s->tail < wake_at) {
        struct consumer *slowest = stream_slowest(s);
        if (slowest == s->parked)
            return;
        scheduler_unpark(s);
        seat_park(&slowest->seat, wake_at < slowest->limit ? wake_at : slowest->limit);
        s->parked = slowest;
        /* It may have moved its tail before it could see wake_at. */
        scheduler_look(k, s);
    }
    if (s->claimed < s->limit)
        scheduler_make_runnable(k, s);
}

void scheduler_park(struct scheduler *k, struct stream *s)
{
    make_unrunnable(k, s);
    s->starved = false; /* without room there is a chunk under way, which will feed it */
    if (!s->is_inline)
        ask_slowest(k, s);
    else if (s->consumers && s->consumers->sender.state == SENDER_FULL)
        tell_loop(k, s->consumers);
}

void scheduler_look_again(struct scheduler *k, struct stream *s)
{
    if (scheduler_is_worth(s, scheduler_look(k, s)))
        scheduler_make_runnable(k, s);
    else if (!s->runnable && !s->is_inline)
        ask_slowest(k, s);
}

/* ---- streams ------------------------------------------------------------------------------- */

static void share_cache(struct scheduler *k) REQUIRES(feed_lock)
{
    for (struct stream *s = k->streams; s; s = s->next) {
        stream_set_window(s, k->stream_count);
        scheduler_look_again(k, s);
    }
}

void scheduler_add_stream(struct scheduler *k, struct stream *s)
{
    s->next = k->streams;
    k->streams = s;
    k->stream_count++;
    share_cache(k);
}

void scheduler_remove_stream(struct scheduler *k, struct stream *s)
{
    make_unrunnable(k, s);
    struct stream **at = &k->streams;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    assert(k->stream_count > 0);
    k->stream_count--;
    share_cache(k);
}

uint64_t scheduler_kick(struct scheduler *k, struct consumer *r, bool starved, bool busy,
                        uint64_t now_ns)
{
    struct stream *s = r->stream;
    assert(!r->is_inline);
    s->starved = s->starved || starved;
    scheduler_look_again(k, s);
    return stream_wait(s, r, busy, now_ns);
}

void scheduler_writable(struct scheduler *k, struct consumer *r, uint64_t now_ns)
{
    assert(r->is_inline);
    r->sender.state = SENDER_OPEN;
    if (!r->sender.sending)
        inline_sender_end(&r->sender, r->tail < r->limit, now_ns);
    scheduler_make_runnable(k, r->stream);
}

/* ---- what holds ---------------------------------------------------------------------------- */

/* Everybody that sits is its user's, and what waits for a worker is counted. */
static void check_users(const struct scheduler *k) REQUIRES(feed_lock)
{
    uint32_t sitting = 0, listed = 0, waiting = 0;
    for (const struct stream *s = k->streams; s; s = s->next)
        sitting += s->consumer_count;
    for (const struct user *u = k->users.first; u; u = u->next) {
        for (const struct consumer *r = u->consumers; r; r = r->next_of_user, listed++)
            assert(r->user == u && r->stream);
        waiting += jobs_count(&u->jobs);
        assert(jobs_are_empty(&u->blocked) || u->freeing_bytes);
    }
    assert(sitting == listed && waiting == k->users.waiting);
}

void scheduler_check(const struct scheduler *k)
{
    uint32_t streams = 0, flagged = 0, listed = 0;
    for (const struct stream *s = k->streams; s; s = s->next) {
        stream_check(s);
        assert(!s->closed);
        streams++;
        flagged += s->runnable;
    }
    for (const struct stream *s = k->runnable; s; s = s->next_runnable) {
        assert(s->runnable);
        listed++;
    }
    assert(streams == k->stream_count && flagged == listed);
    for (const struct consumer *r = k->events; r; r = r->next_event)
        assert(r->has_event && r->stream);
    assert(k->effects.wake <= k->sleeping);
    check_users(k);
}
