/* SPDX-License-Identifier: MIT */
/* tests/feed/rig.h — the pool's core without threads: a clock that stands still until a step takes
 * time, streams over a small dataset, and clients that are a store into their page.
 *
 * Every time that a worker would give the lock up the invariants are held and the effects taken.
 */
#ifndef TESTS_FEED_RIG_H
#define TESTS_FEED_RIG_H

#include "feed/turn.h"
#include "fmnist.h"
#include "render/caches.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)

enum { RIG_COUNT = 4096, RIG_TRACE = 256 };

static struct rig {
    struct fake_set set;
    struct render_caches caches;
    struct render_scratch *scratch;
    struct scheduler k;
    struct user *user;         /* whose consumers are made; a use */
    struct user_limits limits; /* of everybody */
    struct pool_job job;       /* rig_put_job's */
    uint64_t now_ns;
    uint64_t free_ns;                        /* what freeing a stream takes */
    uint64_t cost_ns[STEP_WATCH_SOCKET + 1]; /* what a step of each kind takes */
    int render_rc;                           /* what rendering comes to; 0: what it does */
    bool order_again;                        /* steps of orders are never enough */
    uint64_t end_ns;                         /* when it stops in the midst of a chunk */
    enum seat_result seated;                 /* what rig_seat came to */
    uint32_t woken, notified, freed, ended;  /* effects so far */
    char trace[RIG_TRACE];                   /* a letter a step, since rig_forget */
    /* Called in every step, without the lock; NULL: nothing happens meanwhile. */
    void (*meanwhile)(const struct step *step);
} rig;

/* One use of the user of that id. */
static inline struct user *rig_user(uid_t uid)
{
    struct user *spare = calloc(1, sizeof *spare);
    struct user *u = users_get(&rig.k.users, uid, &spare);
    free(spare);
    return u;
}

static inline void rig_setup(void)
{
    support_setup();
    memset(&rig, 0, sizeof rig);
    fake_set_init(&rig.set, RIG_COUNT, 4, 4, 1);
    caches_init(&rig.caches, 1 << 20);
    rig.scratch = render_scratch_new();
    rig.now_ns = 1000 * MS;
    rig.end_ns = UINT64_MAX;
    rig.k.workers = 1;
    rig.k.cpus = 1;
    rig.limits = (struct user_limits){UINT64_MAX, UINT64_MAX};
    rig.user = rig_user(1);
}

/* What a pool does at every unlock. */
static inline void rig_unlock(void)
{
    scheduler_check(&rig.k);
    struct effects e = scheduler_take_effects(&rig.k);
    rig.woken += e.wake;
    rig.notified += e.notify;
    while (e.left) {
        struct consumer *r = e.left;
        e.left = r->next;
        consumer_free(r);
        rig.freed++;
    }
    while (e.forgotten) {
        struct user *u = e.forgotten;
        e.forgotten = u->next;
        free(u);
    }
    for (struct stream *s; e.reap && (s = scheduler_take_ended(&rig.k)); rig.ended++) {
        struct user *u = s->user;
        uint64_t bytes = s->claimed_bytes;
        stream_free(s);
        scheduler_end_freeing(&rig.k, u, bytes, rig.free_ns);
    }
}

/* A job of the user's waits for a worker, and another one takes it. */
static inline void rig_put_job(struct user *u)
{
    users_put_job(&rig.k.users, u, &rig.job);
}

static inline void rig_take_jobs(void)
{
    struct job_queue jobs = users_take_all_jobs(&rig.k.users);
    while (!jobs_are_empty(&jobs))
        jobs_take(&jobs);
}

static inline void rig_leave(struct consumer *r)
{
    seat_shut(&r->seat);
    scheduler_leave(&rig.k, r);
    rig_unlock();
}

static inline void rig_teardown(void)
{
    while (rig.k.streams)
        rig_leave(rig.k.streams->consumers);
    rig_take_jobs();
    users_drop(&rig.k.users, rig.user);
    rig_unlock();
    ck_assert_ptr_null(rig.k.users.first);
    render_scratch_free(rig.scratch);
    caches_free(&rig.caches);
    fake_set_free(&rig.set);
    support_teardown();
}

/* ---- streams and clients ------------------------------------------------------------------- */

/* One of `slots` slots, with one sample a batch. It has no ring where slots is 0. */
static inline struct stream *rig_stream(uint32_t order, uint32_t transport, uint32_t slots)
{
    struct spec spec;
    struct stream *s;
    struct err e;
    uint64_t limit;
    spec_init(&spec);
    strcpy(spec.dataset, "fake");
    spec.batch_size = 1;
    spec.order = order;
    spec.transport = transport;
    struct stream_options o = {.spec = &spec, .dataset = &rig.set.dataset, .caches = &rig.caches};
    ck_assert_msg(stream_new(&s, &o, &limit, &e) == 0, "%s", e.text);
    if (slots)
        ck_assert_int_eq(stream_make_ring(s, slots, &e), 0);
    return s;
}

static inline struct consumer *rig_consumer(bool is_inline, uint64_t first, uint64_t limit)
{
    struct consumer *r;
    struct err e;
    struct consumer_options o = {
        .user = rig.user, .is_inline = is_inline, .first = first, .limit = limit};
    ck_assert_int_eq(consumer_new(&r, &o, &e), 0);
    return r;
}

static inline struct stream *rig_seat(struct stream *s, struct consumer *r,
                                      const struct stream *except)
{
    struct seat_wish wish = {.stream = s, .consumer = r, .except = except, .limits = rig.limits};
    rig.seated = scheduler_seat(&rig.k, &wish, rig.now_ns);
    rig_unlock();
    return r->stream;
}

/* A consumer that wants everything, at a stream of its own. */
static inline struct consumer *rig_open(uint32_t order, uint32_t slots)
{
    struct stream *s = rig_stream(order, FMNIST_SHM, slots);
    struct consumer *r = rig_consumer(false, 0, UINT64_C(1) << 40);
    ck_assert_ptr_eq(rig_seat(s, r, NULL), s);
    return r;
}

/* The client gives everything before `tail` back. */
static inline void rig_release(struct consumer *r, uint64_t tail)
{
    atomic_store(&r->seat.page->tail, tail);
}

/* It sleeps, or wakes up. */
static inline void rig_sleeps(struct consumer *r, bool sleeps)
{
    atomic_store(&r->seat.page->waiting, sleeps);
}

static inline uint64_t rig_wake_at(const struct consumer *r)
{
    return atomic_load(&r->seat.page->wake_at);
}

/* ---- a worker ------------------------------------------------------------------------------ */

static inline void rig_forget(void)
{
    rig.trace[0] = 0;
    rig.woken = rig.notified = 0;
}

static inline bool rig_takes_more(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    return poll(&p, 1, 0) > 0;
}

/* Does the step; it takes what rig.cost_ns says. */
static inline struct outcome rig_do(const struct step *step)
{
    struct outcome o = {.start_ns = rig.now_ns};
    if (step->kind == STEP_SEND)
        o.drained = step->ask_drained && inline_sender_is_drained(step->consumer->sender.fd);
    if (rig.meanwhile)
        rig.meanwhile(step);
    switch (step->kind) {
    case STEP_RENDER:
        o.chunk = step->chunk;
        o.rc = rig.render_rc ? rig.render_rc
                             : stream_render(step->stream, &o.chunk, rig.scratch, rig.end_ns);
        break;
    case STEP_ORDER:
        o.rc = rig.order_again ? 0 : stream_make_order(step->stream, step->epoch, step->wait);
        break;
    case STEP_SEND:
        o.sent = inline_sender_send(step->consumer->sender.fd, &step->run, &o.all);
        break;
    case STEP_WATCH_TAIL:
        o.room = atomic_load(&step->consumer->seat.page->tail) >= step->enough;
        break;
    case STEP_WATCH_SOCKET:
        o.room = rig_takes_more(step->consumer->sender.fd);
        break;
    case STEP_WAKE:
    case STEP_NONE:
    case STEP_END:
        break;
    }
    rig.now_ns += rig.cost_ns[step->kind];
    o.end_ns = rig.now_ns;
    return o;
}

/* The next step of a turn, noted down; what a worker then does without the lock is up to the
 * caller. */
static inline struct step rig_next(struct turn *t)
{
    static const char letters[] = "__ROWSts";
    struct step step = turn_next(t, &rig.k, rig.now_ns);
    size_t n = strlen(rig.trace);
    if (step.kind != STEP_END && n + 1 < sizeof rig.trace) {
        rig.trace[n] = letters[step.kind];
        rig.trace[n + 1] = 0;
    }
    rig_unlock();
    return step;
}

static inline void rig_finish(struct turn *t, const struct step *step)
{
    struct outcome o = rig_do(step);
    turn_done(t, &rig.k, step, &o);
    rig_unlock();
}

/* A whole turn. Returns the stream that had it; NULL: none was runnable. */
static inline struct stream *rig_turn(void)
{
    struct turn t;
    if (!turn_begin(&t, &rig.k, rig.now_ns))
        return NULL;
    struct stream *s = t.stream;
    for (;;) {
        struct step step = rig_next(&t);
        if (step.kind == STEP_END)
            return s;
        rig_finish(&t, &step);
    }
}

#endif
