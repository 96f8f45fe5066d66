/* SPDX-License-Identifier: MIT */
/* Who is served next, and which steps that takes. Claims and publishes; what is done in between
 * without the lock is step.c's. */
#include "feed/turn.h"

#include <assert.h>
#include <errno.h>

bool turn_begin(struct turn *t, struct scheduler *k, uint64_t now_ns)
{
    struct consumer *r = scheduler_next(k, now_ns);
    if (!r)
        return false;
    struct stream *s = r->stream;
    assert(!s->closed && !s->failed);
    users_serve(&k->users, r->user);
    if (r->vtime_ns > r->user->turn_vtime_ns)
        r->user->turn_vtime_ns = r->vtime_ns;
    s->uses++;
    *t = (struct turn){.stream = s, .user = r->user, .end_ns = now_ns + TURN_QUANTUM_NS};
    return true;
}

/* Those that sit at the stream pay; where all have left meanwhile, those that left. */
static void bill(struct stream *s, const struct step *step, const struct outcome *o)
    REQUIRES(feed_lock)
{
    bool watches = step->kind == STEP_WATCH_TAIL || step->kind == STEP_WATCH_SOCKET;
    struct consumer *payers = s->consumers ? s->consumers : s->departed;
    uint64_t count = 0;
    for (struct consumer *r = payers; r; r = r->next)
        count++;
    for (struct consumer *r = payers; r; r = r->next) {
        uint64_t part_ns = (o->end_ns - o->start_ns) / count;
        user_bill(r->user, part_ns);
        r->vtime_ns += watches ? 0 : part_ns;
    }
}

/* ---- rendering ----------------------------------------------------------------------------- */

/* Whether one more worker at the stream is worth its wake-up and its CPU: one that took a
 * consumer's would have that wait for its CPU instead of its batch, which pays where workers wait
 * for the memory anyway. A consumer that sleeps will want its CPU soon, unless rendering takes
 * long. */
static bool is_help_worth(const struct scheduler *k, const struct stream *s) REQUIRES(feed_lock)
{
    if (s->plan->exceeds_cache)
        return true;
    bool slow = s->chunk_ns > TURN_QUANTUM_NS;
    uint32_t taken = k->workers > k->sleeping ? k->workers - k->sleeping : 1;
    for (const struct consumer *r = s->consumers; r && taken < k->cpus; r = r->next)
        taken += !slow || r->is_inline || !seat_waits(&r->seat);
    return taken < k->cpus;
}

static struct step claim(struct scheduler *k, struct stream *s, uint64_t room) REQUIRES(feed_lock)
{
    struct chunk *c = stream_claim(s, room);
    s->starved = false;
    /* The client is faster than we are: let another worker help. */
    if (room >= c->count + s->wake_room && is_help_worth(k, s))
        scheduler_wake_worker(k);
    return (struct step){.kind = STEP_RENDER, .stream = s, .claimed = c, .chunk = *c};
}

static void rendered(struct turn *t, struct scheduler *k, const struct step *step,
                     const struct outcome *o) REQUIRES(feed_lock)
{
    struct stream *s = t->stream;
    uint64_t took_ns = o->end_ns - o->start_ns;
    s->chunk_ns = took_ns;
    if (o->rc < 0) {
        scheduler_fail(k, s, o->rc);
        return;
    }
    if (!o->rc) {
        stream_pause(s, step->claimed, &o->chunk);
        scheduler_unpark(s); /* by another worker, for which the ring was full */
        scheduler_enlist(k, s);
        return;
    }
    t->published |= stream_finish(s, step->claimed);
    t->order_due = stream_order_due(s, &t->order_epoch);
}

/* ---- handing over -------------------------------------------------------------------------- */

bool turn_may_send(const struct stream *s)
{
    const struct consumer *r = s->consumers;
    return s->is_inline && r && !r->failed && inline_sender_is_ready(&r->sender) &&
           r->tail < stream_ready(s, r);
}

static struct inline_run run_of(const struct stream *s, const struct consumer *r)
    REQUIRES(feed_lock)
{
    return (struct inline_run){
        .ring = &s->ring,
        .sample = stream_slot_sample(s),
        .tail = r->tail,
        .head = stream_ready(s, r),
        .skip_bytes = r->sender.sent_bytes,
    };
}

struct step turn_send(struct stream *s)
{
    struct consumer *r = s->consumers;
    r->sender.sending = true;
    return (struct step){.kind = STEP_SEND,
                         .stream = s,
                         .consumer = r,
                         .run = run_of(s, r),
                         .ask_drained = r->sender.idle_since_ns != 0};
}

/* Of a stream that failed the loop sends the rest: once we are not at it, or have found room. */
static void leave_to_loop(struct scheduler *k, struct stream *s) REQUIRES(feed_lock)
{
    if (s->failed)
        scheduler_fail(k, s, s->failed);
}

void turn_sent(struct scheduler *k, struct stream *s, const struct step *step,
               const struct outcome *o)
{
    struct consumer *r = step->consumer;
    inline_sender_begin(&r->sender, o->drained, o->start_ns);
    r->sender.sending = false;
    if (o->sent < 0 && o->sent != -EAGAIN && !r->failed)
        r->failed = (int)o->sent;
    if (o->sent > 0) {
        struct inline_run run = step->run;
        inline_sender_advance(&r->sender, &run, (uint64_t)o->sent);
        r->tail = run.tail;
        stream_note_sum(s, r);
    }
    r->sender.state = o->all ? SENDER_OPEN : SENDER_FULL;
    inline_sender_end(&r->sender, r->tail < r->limit, o->end_ns);
    leave_to_loop(k, s);
}

/* Batches were published: consumers that sleep are woken, and one that is inline is sent them.
 * STEP_NONE: nobody is to be. */
static struct step hand_over(struct turn *t) REQUIRES(feed_lock)
{
    struct stream *s = t->stream;
    bool wake = false;
    t->published = false;
    if (turn_may_send(s))
        return turn_send(s);
    for (struct consumer *r = s->consumers; r && !s->is_inline; r = r->next)
        wake = wake || seat_waits(&r->seat);
    return (struct step){.kind = wake ? STEP_WAKE : STEP_NONE, .stream = s};
}

/* ---- waiting a little ---------------------------------------------------------------------- */

/* Whether other work waits for a worker. */
static bool others_wait(const struct scheduler *k, const struct stream *but) REQUIRES(feed_lock)
{
    const struct stream *s = k->runnable;
    while (s && (s == but || s->watched || stream_is_stuck(s)))
        s = s->next_runnable;
    return s || k->users.waiting;
}

/* Whether there is a consumer to be watched who makes room. */
static bool may_watch(const struct scheduler *k, const struct stream *s, const struct consumer *r)
    REQUIRES(feed_lock)
{
    if (!r || r->failed || s->chunk_count)
        return false;
    return s->is_inline ? r->sender.state == SENDER_FULL && !others_wait(k, s)
                        : s->claimed < s->limit;
}

/* Looks for room a little longer before the stream parks. STEP_NONE: not now. */
static struct step watch(const struct scheduler *k, struct turn *t) REQUIRES(feed_lock)
{
    struct stream *s = t->stream;
    struct consumer *r = s->is_inline ? s->consumers : stream_slowest(s);
    t->watched = true;
    if (!may_watch(k, s, r) || !adaptive_spin_wants(&s->watches))
        return (struct step){.kind = STEP_NONE};
    assert(!s->watched);
    s->watched = true;
    uint64_t want = s->limit - s->claimed < s->chunk_max ? s->limit - s->claimed : s->chunk_max;
    return (struct step){.kind = s->is_inline ? STEP_WATCH_SOCKET : STEP_WATCH_TAIL,
                         .stream = s,
                         .consumer = r,
                         .enough = s->claimed + want - s->ring.window};
}

static void watched(struct scheduler *k, struct stream *s, const struct step *step, bool room)
    REQUIRES(feed_lock)
{
    assert(s->watched);
    s->watched = false;
    adaptive_spin_learn(&s->watches, room);
    if (!room || !s->is_inline)
        return;
    step->consumer->sender.state = SENDER_OPEN;
    leave_to_loop(k, s);
}

/* ---- orders -------------------------------------------------------------------------------- */

/* Before the order: whoever sleeps need not wait for it, and another worker goes on meanwhile. */
static struct step order_step(struct turn *t, struct scheduler *k) REQUIRES(feed_lock)
{
    if (t->published) {
        struct step step = hand_over(t);
        if (step.kind != STEP_NONE)
            return step;
    }
    t->order_due = false;
    scheduler_wake_worker(k);
    return (struct step){.kind = STEP_ORDER,
                         .stream = t->stream,
                         .epoch = t->order_epoch,
                         .wait = !stream_is_ordered(t->stream)};
}

/* Nothing can be claimed before the order is there. STEP_NONE: others see to that. */
static struct step await_order(struct turn *t, struct scheduler *k) REQUIRES(feed_lock)
{
    t->order_due = stream_order_due(t->stream, &t->order_epoch);
    if (t->order_due)
        return order_step(t, k);
    t->left = true;
    return (struct step){.kind = STEP_NONE};
}

static void ordered(struct scheduler *k, const struct step *step, const struct outcome *o)
    REQUIRES(feed_lock)
{
    struct stream *s = step->stream;
    stream_end_order(s, step->epoch, o->rc);
    /* One that is only made ahead is tried again when it is needed. */
    if (o->rc < 0 && step->wait && !s->failed)
        scheduler_fail(k, s, o->rc);
}

/* ---- a turn -------------------------------------------------------------------------------- */

/* The next thing that is worth doing; STEP_NONE: look again. */
static struct step look(struct turn *t, struct scheduler *k) REQUIRES(feed_lock)
{
    struct stream *s = t->stream;
    /* Once more after every step: another worker may have parked it. */
    scheduler_unpark(s);
    scheduler_enlist(k, s);
    uint64_t room = scheduler_look(k, s);
    if (turn_may_send(s))
        return turn_send(s);
    if (!s->closed && !s->failed && (s->paused_count || scheduler_is_worth(s, room)))
        return stream_is_ordered(s) ? claim(k, s, room) : await_order(t, k);
    if (t->published)
        return hand_over(t);
    t->left = s->watched; /* to the worker that looks for room already */
    if (t->left)
        return (struct step){.kind = STEP_NONE};
    if (!t->watched)
        return watch(k, t);
    scheduler_park(k, s);
    t->left = true;
    return (struct step){.kind = STEP_NONE};
}

static bool is_over(const struct turn *t, const struct scheduler *k, uint64_t now_ns)
    REQUIRES(feed_lock)
{
    return t->left ||
           (t->begun && (user_has_job_due(t->user) || t->stream->chunk_count == STREAM_CHUNKS_MAX ||
                         now_ns >= t->end_ns));
}

static struct step next(struct turn *t, struct scheduler *k, uint64_t now_ns) REQUIRES(feed_lock)
{
    struct stream *s = t->stream;
    struct step step;
    assert(s->uses > 0);
    if (t->order_due)
        return order_step(t, k);
    while (!is_over(t, k, now_ns)) {
        t->begun = true;
        step = look(t, k);
        if (step.kind != STEP_NONE)
            return step;
    }
    if (t->published) {
        step = hand_over(t);
        if (step.kind != STEP_NONE)
            return step;
    }
    /* Another worker may have parked it, who knew nothing of what is to be sent now. */
    if (s->is_inline && !t->left)
        scheduler_enlist(k, s);
    user_served(t->user, now_ns);
    scheduler_drop_use(k, s);
    return (struct step){.kind = STEP_END};
}

static bool renders(const struct step *step)
{
    return step->kind == STEP_RENDER || step->kind == STEP_SEND;
}

static bool works(const struct step *step)
{
    return renders(step) || step->kind == STEP_ORDER || step->kind == STEP_WAKE;
}

struct step turn_next(struct turn *t, struct scheduler *k, uint64_t now_ns)
{
    struct step step = next(t, k, now_ns);
    t->step_ns = now_ns;
    if (renders(&step))
        busy_meter_begin(&t->stream->render, now_ns);
    if (works(&step))
        busy_meter_begin(&k->work, now_ns);
    return step;
}

void turn_done(struct turn *t, struct scheduler *k, const struct step *step,
               const struct outcome *o)
{
    struct stream *s = t->stream;
    assert(step->stream == s && o->end_ns >= o->start_ns);
    bill(s, step, o);
    if (renders(step))
        busy_meter_end(&s->render, t->step_ns, o->end_ns - t->step_ns);
    if (works(step))
        busy_meter_end(&k->work, t->step_ns, o->end_ns - t->step_ns);
    switch (step->kind) {
    case STEP_RENDER:
        rendered(t, k, step, o);
        break;
    case STEP_ORDER:
        ordered(k, step, o);
        break;
    case STEP_SEND:
        turn_sent(k, s, step, o);
        break;
    case STEP_WATCH_TAIL:
    case STEP_WATCH_SOCKET:
        watched(k, s, step, o->room);
        break;
    case STEP_WAKE:
        break;
    case STEP_NONE:
    case STEP_END:
        assert(!"nothing has no outcome");
    }
}
