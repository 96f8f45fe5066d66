/* The streams' side of the pool: who is served next, and what one turn does. Claims under the lock,
 * renders without it, publishes under it, wakes or sends without it. */
#include "base/clock.h"
#include "feed/pool_state.h"

#include <assert.h>
#include <poll.h>

/* A client that reads as fast as we render gives the next slot back within this time; parking
 * would cost both sides a trip through the kernel. */
#define WATCH_NS 30000u

/* The same for a full socket, asleep: its client takes the most of it before the kernel tells. The
 * loop would have to be woken and to wake us. */
#define WATCH_SOCKET_NS 200000u

/* How long a worker stays with a stream. Waking a consumer costs both sides as much as rendering a
 * batch; so much later it finds several. */
#define QUANTUM_NS 100000u

/* What a stream that slept may make up for: its consumer's sleep, and the way there and back.
 * Without it, one whose ring is never full gets the share of two that are woken for each turn. */
#define CREDIT_NS 1000000u

/* ---- who can be served --------------------------------------------------------------------- */

void pool_wake_worker(struct pool *p)
{
    if (p->sleeping)
        pthread_cond_signal(&p->work);
}

/* Returns whether it is on the list now and was not. */
static bool enlist(struct pool *p, struct stream *s)
{
    if (s->runnable || s->closed || s->failed)
        return false;
    /* A stream that is new or slept long does not get to make up for it at the others' cost. */
    if (s->vtime_ns + CREDIT_NS < p->vtime_ns)
        s->vtime_ns = p->vtime_ns - CREDIT_NS;
    s->runnable = true;
    s->next_runnable = p->runnable;
    p->runnable = s;
    return true;
}

void pool_make_runnable(struct pool *p, struct stream *s)
{
    if (enlist(p, s))
        pool_wake_worker(p);
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

void pool_tell_loop(struct pool *p, struct consumer *r)
{
    if (r->notified)
        return;
    r->notified = true;
    r->next_notified = p->notified;
    p->notified = r;
    p->notify(p->notify_data);
}

static void fail_stream(struct pool *p, struct stream *s, int rc)
{
    s->failed = rc;
    make_unrunnable(p, s);
    for (struct consumer *r = s->consumers; r; r = r->next)
        pool_tell_loop(p, r);
}

uint64_t pool_look(struct pool *p, struct stream *s)
{
    uint64_t room = stream_room(s);
    for (struct consumer *r = s->consumers; r; r = r->next)
        if (r->failed)
            pool_tell_loop(p, r);
    return room;
}

static bool worth_rendering(const struct stream *s, uint64_t room)
{
    return room >= s->chunk_max || (room > 0 && (s->starved || s->limit - s->claimed <= room));
}

/* ---- a turn -------------------------------------------------------------------------------- */

struct stream *pool_pick(struct pool *p)
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
        struct consumer *r = s->departed;
        s->departed = r->next;
        consumer_free(r);
    }
    if (!s->closed)
        return;
    pthread_mutex_unlock(&p->lock);
    stream_free(s);
    pthread_mutex_lock(&p->lock);
}

/* Looks at the slowest consumer's tail until it lets a chunk be claimed. No lock. */
static bool look_at_tail(const struct consumer *slowest, uint64_t enough)
{
    const _Atomic uint64_t *tail = &slowest->seat.page->tail;
    uint64_t end = clock_ns() + WATCH_NS;
    bool room = false;
    while (!room && clock_ns() < end)
        for (int i = 0; i < 64 && !room; i++)
            /* Not trusted: stream_room checks what it says before anything follows from it. */
            room = atomic_load_explicit(tail, memory_order_acquire) >= enough;
    return room;
}

/* Sleeps until the socket takes more. No lock. */
static bool look_at_socket(const struct consumer *r)
{
    struct pollfd fd = {.fd = r->sender.fd, .events = POLLOUT};
    struct timespec longest = {.tv_nsec = WATCH_SOCKET_NS};
    return ppoll(&fd, 1, &longest, NULL) > 0;
}

/* Whether other work waits for a worker. */
static bool others_wait(const struct pool *p, const struct stream *but)
{
    const struct stream *s = p->runnable;
    while (s && (s == but || s->watched))
        s = s->next_runnable;
    return s || p->jobs;
}

/* Whether there is a consumer to be watched who makes room. */
static bool may_watch(const struct pool *p, const struct stream *s, const struct consumer *r)
{
    if (!r || r->failed || s->chunk_count)
        return false;
    return s->is_inline ? r->sender.state == SENDER_FULL && !others_wait(p, s)
                        : s->claimed < s->limit;
}

/* Looks for room a little longer before the stream parks. Called with the lock, gives it up
 * meanwhile. */
static void watch(struct pool *p, struct stream *s)
{
    struct consumer *r = s->is_inline ? s->consumers : stream_slowest(s);
    if (!may_watch(p, s, r) || !adaptive_spin_wants(&s->watches))
        return;
    s->watched = true;
    uint64_t want = s->limit - s->claimed < s->chunk_max ? s->limit - s->claimed : s->chunk_max;
    uint64_t enough = s->claimed + want - s->ring.window;
    pthread_mutex_unlock(&p->lock);
    bool room = s->is_inline ? look_at_socket(r) : look_at_tail(r, enough);
    pthread_mutex_lock(&p->lock);
    s->watched = false;
    adaptive_spin_learn(&s->watches, room);
    if (room && s->is_inline)
        r->sender.state = SENDER_OPEN;
}

static void unpark(struct stream *s)
{
    if (s->parked)
        seat_park(&s->parked->seat, SEAT_NOT_PARKED);
    s->parked = NULL;
}

/* Has the slowest consumer send a message when half of the ring is free. When that comes another
 * one may be the slowest, and is asked then. */
static void ask_slowest(struct pool *p, struct stream *s)
{
    unpark(s);
    uint64_t wake_at = s->claimed - s->ring.window + s->wake_room;
    while (s->claimed < s->limit && s->tail < wake_at) {
        struct consumer *slowest = stream_slowest(s);
        if (slowest == s->parked)
            return;
        unpark(s);
        seat_park(&slowest->seat, wake_at < slowest->limit ? wake_at : slowest->limit);
        s->parked = slowest;
        /* It may have moved its tail before it could see wake_at. */
        pool_look(p, s);
    }
    if (s->claimed < s->limit)
        pool_make_runnable(p, s);
}

/* The ring is full: leaves the list until a consumer makes room. */
static void park(struct pool *p, struct stream *s)
{
    make_unrunnable(p, s);
    s->starved = false; /* without room there is a chunk under way, which will feed it */
    if (!s->is_inline)
        ask_slowest(p, s);
    else if (s->consumers && s->consumers->sender.state == SENDER_FULL)
        pool_tell_loop(p, s->consumers);
}

void pool_look_again(struct pool *p, struct stream *s)
{
    if (worth_rendering(s, pool_look(p, s)))
        pool_make_runnable(p, s);
    else if (!s->runnable && !s->is_inline)
        ask_slowest(p, s);
}

/* There is one stream more, or less. */
static void share_cache(struct pool *p)
{
    for (struct stream *s = p->streams; s; s = s->next) {
        stream_set_window(s, p->stream_count);
        pool_look_again(p, s);
    }
}

void pool_add_stream(struct pool *p, struct stream *s)
{
    s->next = p->streams;
    p->streams = s;
    p->stream_count++;
    share_cache(p);
}

void pool_remove_stream(struct pool *p, struct stream *s)
{
    make_unrunnable(p, s);
    struct stream **at = &p->streams;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    p->stream_count--;
    share_cache(p);
}

/* Whether one more worker at the stream is worth its wake-up and its CPU: one that took a
 * consumer's would have that wait for its CPU instead of its batch, which pays where workers wait
 * for the memory anyway. A consumer that sleeps will want its CPU soon, unless rendering takes
 * long. */
static bool is_help_worth(const struct pool *p, const struct stream *s)
{
    if (s->plan->exceeds_cache)
        return true;
    bool slow = s->chunk_ns > QUANTUM_NS;
    uint32_t taken = p->wanted > p->sleeping ? p->wanted - p->sleeping : 1;
    for (const struct consumer *r = s->consumers; r && taken < p->cpus; r = r->next)
        taken += !slow || r->is_inline || !seat_waits(&r->seat);
    return taken < p->cpus;
}

/* Returns whether batches were published. */
static bool render_chunk(struct pool *p, struct stream *s, uint64_t room,
                         struct render_scratch *scratch)
{
    struct chunk *c = stream_claim(s, room);
    s->starved = false;
    /* The client is faster than we are: let another worker help. */
    if (room - c->count >= s->wake_room && is_help_worth(p, s))
        pool_wake_worker(p);
    pthread_mutex_unlock(&p->lock);
    uint64_t start = clock_ns();
    int rc = stream_render(s, c, scratch);
    uint64_t now = clock_ns();

    pthread_mutex_lock(&p->lock);
    s->vtime_ns += (now - start) / (s->consumer_count ? s->consumer_count : 1);
    s->render_ns += now - start;
    s->chunk_ns = now - start;
    if (!rc)
        return stream_finish(s, c);
    fail_stream(p, s, rc);
    return false;
}

/* Sends published batches. Called with the lock, gives it up meanwhile. */
static void send_batches(struct pool *p, struct stream *s, struct consumer *r)
{
    uint64_t head = stream_ready(s, r), start = clock_ns();
    r->sender.sending = true;
    inline_sender_note(r, start);
    pthread_mutex_unlock(&p->lock);
    bool all;
    ssize_t n = inline_sender_send(s, r, head, &all);
    uint64_t now = clock_ns();

    pthread_mutex_lock(&p->lock);
    r->sender.sending = false;
    s->vtime_ns += now - start;
    s->render_ns += now - start;
    if (n < 0 && n != -EAGAIN && !r->failed)
        r->failed = (int)n;
    if (n > 0)
        inline_sender_advance(s, r, (uint64_t)n);
    r->sender.state = all ? SENDER_OPEN : SENDER_FULL;
    inline_sender_note(r, now);
}

static bool may_send(const struct stream *s)
{
    return s->is_inline && s->consumers && inline_sender_has_work(s, s->consumers);
}

/* Batches were published: consumers that sleep are woken, and one that is inline is sent them.
 * Called with the lock, gives it up meanwhile. */
static void hand_over(struct pool *p, struct stream *s)
{
    if (s->is_inline) {
        if (may_send(s))
            send_batches(p, s, s->consumers);
        return;
    }
    bool wake = false;
    for (struct consumer *r = s->consumers; r; r = r->next)
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
    pool_wake_worker(p);
    pthread_mutex_unlock(&p->lock);
    uint64_t start = clock_ns();
    stream_make_order(s);
    uint64_t took = clock_ns() - start;
    pthread_mutex_lock(&p->lock);
    s->ordering = false;
    s->vtime_ns += took / (s->consumer_count ? s->consumer_count : 1);
}

void pool_serve(struct pool *p, struct stream *s, struct render_scratch *scratch)
{
    s->uses++;
    bool published = false, watched = false, parked = false;
    uint64_t end = clock_ns() + QUANTUM_NS;
    do {
        /* Once more after everything that gives the lock up: another worker may have parked it. */
        unpark(s);
        enlist(p, s);
        uint64_t room = pool_look(p, s);
        if (may_send(s)) {
            send_batches(p, s, s->consumers);
        } else if (!s->closed && !s->failed && worth_rendering(s, room)) {
            published = render_chunk(p, s, room, scratch) || published;
            if (stream_order_due(s)) {
                if (published)
                    hand_over(p, s);
                published = false;
                make_order(p, s);
            }
        } else if (published) {
            hand_over(p, s);
            published = false;
        } else if (!watched) {
            watch(p, s);
            watched = true;
        } else {
            park(p, s);
            parked = true;
        }
    } while (!parked && !p->jobs && s->chunk_count < STREAM_CHUNKS_MAX && clock_ns() < end);
    if (published)
        hand_over(p, s);
    /* Another worker may have parked it, who knew nothing of what is to be sent now. */
    if (s->is_inline && !parked)
        enlist(p, s);
    drop_use(p, s);
}
