/* SPDX-License-Identifier: MIT */
/* Limits, seats, claims, and the end of a stream. Does not say who is served (scheduler.c), nor
 * make or free any memory: that is done without the lock. */
#include "feed/seating.h"

#include <assert.h>

/* ---- they come ----------------------------------------------------------------------------- */

/* The limits that would be against one more consumer at the stream. Its ring, where it is for this
 * one, has been claimed. */
static enum seat_result check_limits(const struct seat_wish *w, const struct stream *at)
    REQUIRES(feed_lock)
{
    const struct user *u = w->consumer->user;
    /* One without a list is not refused for others that a smaller limit came after. */
    if (at->plan->list && user_list_bytes(u, at) - w->upload_bytes > w->limits.list_bytes)
        return SEAT_NO_LISTS;
    if (at != w->stream && user_ring_bytes(u, at) > w->limits.ring_bytes)
        return SEAT_NO_RINGS;
    return SEAT_TAKEN;
}

/* The ring is not paid for whole any more, but by those that sit there. */
static void end_claim(struct scheduler *k, struct stream *s) REQUIRES(feed_lock)
{
    struct user *u = s->user;
    if (!u)
        return;
    assert(s->claimed_bytes == stream_bytes(s) && s->claimed_bytes <= u->making_bytes);
    u->making_bytes -= s->claimed_bytes;
    s->user = NULL;
    users_drop(&k->users, u);
}

static void seat(struct scheduler *k, const struct seat_wish *w, struct stream *at, uint64_t now_ns)
    REQUIRES(feed_lock)
{
    struct consumer *r = w->consumer;
    stream_seat(at, r, now_ns);
    user_seat(r->user, r);
    scheduler_wake_consumer(k, r);
    assert(w->upload_bytes <= r->user->upload_bytes);
    r->user->upload_bytes -= w->upload_bytes;
}

enum seat_result scheduler_seat(struct scheduler *k, const struct seat_wish *w, uint64_t now_ns)
{
    struct stream *s = w->stream, *at = k->streams;
    while (at && (at == w->except || !stream_can_seat(at, s)))
        at = at->next;
    enum seat_result rc = check_limits(w, at ? at : s);
    if (rc != SEAT_TAKEN)
        return rc;
    if (!at && !ring_is_whole(&s->ring))
        return SEAT_WANTS_RING;
    seat(k, w, at ? at : s, now_ns);
    if (!at) {
        end_claim(k, s);
        scheduler_add_stream(k, s);
    }
    scheduler_make_runnable(k, at ? at : s);
    return SEAT_TAKEN;
}

enum seat_result scheduler_claim_ring(struct scheduler *k, const struct seat_wish *w,
                                      uint64_t bytes)
{
    struct user *u = w->consumer->user;
    uint64_t has = user_ring_bytes(u, NULL), limit = w->limits.ring_bytes;
    assert(!w->stream->user);
    if (bytes > limit || has > limit - bytes)
        return SEAT_NO_RINGS;
    if (has + u->freeing_bytes > limit - bytes)
        return SEAT_MUST_WAIT;
    u->making_bytes += bytes;
    users_hold(u);
    w->stream->user = u;
    w->stream->claimed_bytes = bytes;
    return SEAT_TAKEN;
}

/* ---- they go ------------------------------------------------------------------------------- */

static void end(struct scheduler *k, struct stream *s) REQUIRES(feed_lock)
{
    s->next = k->ended;
    k->ended = s;
    k->effects.reap = true;
}

struct stream *scheduler_take_ended(struct scheduler *k)
{
    struct stream *s = k->ended;
    if (s)
        k->ended = s->next;
    return s;
}

/* Nobody is at the stream: those that left meanwhile can be freed, and it too where it has ended.
 */
static void reap(struct scheduler *k, struct stream *s) REQUIRES(feed_lock)
{
    assert(s->uses == 0);
    while (s->departed) {
        struct consumer *r = s->departed;
        s->departed = r->next;
        r->next = k->effects.left;
        k->effects.left = r;
        users_drop(&k->users, r->user);
    }
    if (s->closed)
        end(k, s);
}

/* Whoever leaves last pays for the ring until it is freed. */
static void close_stream(struct scheduler *k, struct stream *s, struct user *u) REQUIRES(feed_lock)
{
    s->user = u;
    s->claimed_bytes = stream_bytes(s);
    users_hold(u);
    u->freeing_bytes += s->claimed_bytes;
    scheduler_remove_stream(k, s);
}

void scheduler_leave(struct scheduler *k, struct consumer *r)
{
    struct stream *s = r->stream;
    scheduler_forget_event(k, r);
    user_unseat(r->user, r);
    stream_unseat(s, r);
    if (s->closed)
        close_stream(k, s, r->user);
    else
        scheduler_look_again(k, s);
    r->next = s->departed;
    s->departed = r;
    if (s->uses == 0)
        reap(k, s);
}

void scheduler_drop(struct scheduler *k, struct stream *s)
{
    struct user *u = s->user;
    assert(u && u->making_bytes >= s->claimed_bytes && !s->consumers);
    u->making_bytes -= s->claimed_bytes;
    u->freeing_bytes += s->claimed_bytes;
    end(k, s);
}

void scheduler_end_freeing(struct scheduler *k, struct user *u, uint64_t bytes, uint64_t ns)
{
    uint32_t waiting = k->users.waiting;
    users_end_freeing(&k->users, u, bytes, ns);
    for (; waiting < k->users.waiting; waiting++)
        scheduler_wake_worker(k);
}

void scheduler_drop_use(struct scheduler *k, struct stream *s)
{
    assert(s->uses > 0);
    if (--s->uses == 0)
        reap(k, s);
}
