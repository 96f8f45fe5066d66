/* SPDX-License-Identifier: MIT */
/* A connection: its life, its input, its replies. Does not accept connections (server/acceptor.c),
 * answer requests (requests/) or render (feed/). */
#include "session/session.h"

#include "base/clock.h"
#include "base/io.h"
#include "config/config.h"
#include "fmnist.h"
#include "session/catalog.h"
#include "session/polls.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void on_poll(uv_poll_t *handle, int status, int events);
static void flush(struct session *s);

/* ---- life ---------------------------------------------------------------------------------- */

/* It has an inline stream. */
static bool is_inline(const struct session *s)
{
    return s->place && s->place->consumer->is_inline;
}

static void check(const struct session *s)
{
    assert(s->state != SESSION_UPLOADING || (s->upload && s->task));
    assert(s->state != SESSION_STREAMING || s->place);
    assert((s->state != SESSION_OPENING && s->state != SESSION_RELOADING) || s->task);
    assert(!s->offered || s->place);
}

void session_enter(struct session *s, enum session_state state)
{
    static const bool may[SESSION_STATES][SESSION_STATES] = {
        [SESSION_HELLO] = {[SESSION_IDLE] = true},
        [SESSION_IDLE] =
            {[SESSION_OPENING] = true, [SESSION_RELOADING] = true, [SESSION_ASKING] = true},
        [SESSION_ASKING] = {[SESSION_IDLE] = true},
        [SESSION_OPENING] = {[SESSION_UPLOADING] = true, [SESSION_STREAMING] = true},
        [SESSION_UPLOADING] = {[SESSION_OPENING] = true},
        [SESSION_RELOADING] = {[SESSION_IDLE] = true},
    };
    assert(may[s->state][state] || (state == SESSION_CLOSING && s->state != SESSION_CLOSING));
    s->state = state;
    check(s);
}

static void on_closed(uv_handle_t *handle)
{
    struct session *s = handle->data;
    assert(s->handles > 0);
    if (--s->handles)
        return;
    reply_free(&s->reply);
    free(s);
}

static void unlink_session(struct session *s)
{
    struct session **at = &s->all->first;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    s->all->count--;
    s->all->reserved -= s->reserved;
    s->account->reserved -= s->reserved;
}

void session_end(struct session *s)
{
    if (s->state == SESSION_CLOSING)
        return;
    session_enter(s, SESSION_CLOSING);
    unlink_session(s);
    deliveries_end(&s->taker);
    if (is_inline(s))
        shutdown(s->fd, SHUT_RDWR); /* a worker may have it open for a moment more */
    if (s->task)
        s->task->abandon(s->task);
    s->task = NULL;
    s->upload = NULL;
    place_leave(session_services(s), s->offered);
    place_leave(session_services(s), s->place);
    s->place = s->offered = NULL;
    account_close(s->account);
    s->account = NULL;
    uv_close((uv_handle_t *)&s->poll, on_closed);
    uv_close((uv_handle_t *)&s->timer, on_closed);
    if (s->pid_fd >= 0)
        uv_close((uv_handle_t *)&s->pid_poll, on_closed);
    fd_close(&s->fd);
    fd_close(&s->pid_fd);
}

static void on_process_end(uv_poll_t *handle, int status, int events)
{
    session_end(handle->data);
}

/* A child that the client forked keeps its socket open, so the client's death makes no hang-up:
 * the process itself is watched. (Nothing is allowed or refused by a process id.) */
static void watch_process(struct session *s)
{
    s->pid_fd = s->pid > 0 ? (int)syscall(SYS_pidfd_open, s->pid, 0) : -1;
    if (s->pid_fd < 0)
        return;
    if (polls_init(session_services(s)->loop, &s->pid_poll, s->pid_fd)) {
        fd_close(&s->pid_fd);
        return;
    }
    s->handles++;
    s->pid_poll.data = s;
    uv_poll_start(&s->pid_poll, UV_READABLE, on_process_end);
}

static void on_handshake_timeout(uv_timer_t *timer)
{
    struct session *s = timer->data;
    struct err e;
    err_set(&e, 0, "no hello within limits.handshake_ms = %u ms",
            session_services(s)->config->limits.handshake_ms);
    session_close(s, FMNIST_ETIMEDOUT, e.text);
}

int session_new(struct session **out, struct sessions *all, const struct session_peer *peer,
                struct err *e)
{
    const struct services *services = all->services;
    int fd = peer->fd, rc = -ENOMEM;
    struct session *s = calloc(1, sizeof *s);
    if (!s)
        goto close_fd;
    s->account = account_open(services->accounts, peer->uid);
    if (!s->account)
        goto free_session;
    rc = polls_init(services->loop, &s->poll, fd);
    if (rc)
        goto close_account;
    uv_timer_init(services->loop, &s->timer);
    s->all = all;
    s->fd = fd;
    s->uid = peer->uid;
    s->pid = peer->pid;
    s->reserved = peer->reserved;
    s->asked_ns = clock_ns();
    s->id = ++all->last_id;
    s->handles = 2;
    s->poll.data = s->timer.data = s;
    watch_process(s);
    s->next = all->first;
    all->first = s;
    all->count++;
    all->reserved += s->reserved;
    s->account->reserved += s->reserved;
    uv_timer_start(&s->timer, on_handshake_timeout, services->config->limits.handshake_ms, 0);
    *out = s;
    flush(s);
    return 0;

close_account:
    account_close(s->account);
free_session:
    free(s);
close_fd:
    fd_close(&fd);
    return err_set(e, rc, "taking a client: %s", uv_strerror(rc));
}

/* ---- replies ------------------------------------------------------------------------------- */

int session_code(int rc)
{
    switch (rc) {
    case -EINVAL:
        return FMNIST_EINVAL;
    case -ENOENT:
        return FMNIST_ENOENT;
    case -ESTALE:
        return FMNIST_ETOKEN;
    case -E2BIG:
        return FMNIST_ELIMIT;
    case -EBUSY:
        return FMNIST_EBUSY;
    case -EAGAIN: /* of starting a thread */
    case -ENOMEM:
    case -EMFILE:
    case -ENFILE:
        return FMNIST_ENOMEM;
    case -EPROTO:
        return FMNIST_EPROTO;
    }
    return FMNIST_EIO;
}

struct wire_buffer *session_begin_reply(struct session *s, uint16_t type)
{
    reply_begin(&s->reply, type);
    return &s->reply.out;
}

void session_finish_reply(struct session *s)
{
    if (reply_finish(&s->reply))
        session_end(s);
    else
        flush(s);
}

void session_reply_with(struct session *s, uint16_t type, struct reply_body *body)
{
    if (reply_share(&s->reply, type, body))
        session_end(s);
    else
        flush(s);
}

/* Limits and memory are the administrator's to look at; what a client asks wrongly is its own. */
static void log_reason(const struct session *s, int code, const char *why)
{
    bool is_short = code == FMNIST_ELIMIT || code == FMNIST_ENOMEM;
    refusals_add(&s->all->refusals, is_short ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, s->uid, code,
                 "client %llu (uid %u, pid %d): %s", (unsigned long long)s->id, (unsigned)s->uid,
                 (int)s->pid, why);
}

static void reply_reason(struct session *s, uint16_t type, int code, const char *why)
{
    struct wire_buffer *body = session_begin_reply(s, type);
    wire_add_u32(body, (uint32_t)code);
    wire_add_text(body, why);
    session_finish_reply(s);
}

void session_refuse(struct session *s, int code, const char *why)
{
    log_reason(s, code, why);
    reply_reason(s, WIRE_REFUSED, code, why);
}

static void reply_error(struct session *s, int code, const char *why)
{
    /* Behind a reply that is still under way, or in the midst of a batch, there is no place. */
    if (reply_is_under_way(&s->reply) ||
        (is_inline(s) && !pool_hush(session_services(s)->pool, s->place->consumer))) {
        session_end(s);
        return;
    }
    s->end_when_sent = true;
    reply_reason(s, WIRE_ERROR, code, why);
}

void session_close(struct session *s, int code, const char *why)
{
    if (s->state == SESSION_CLOSING)
        return;
    if (why) {
        log_reason(s, code, why);
        reply_error(s, code, why);
    }
    session_end(s);
}

/* Nothing is read while a request is worked on. */
static bool is_waiting(const struct session *s)
{
    return s->state == SESSION_OPENING || s->state == SESSION_RELOADING ||
           s->state == SESSION_ASKING;
}

/* Sends what there is to send, and asks the loop for what is to be waited for. */
static void flush(struct session *s)
{
    int rc = reply_send(&s->reply, s->fd);
    if ((rc && rc != -EAGAIN) || (!rc && s->end_when_sent)) {
        session_end(s);
        return;
    }
    bool empty = rc == 0, reading = empty && !is_waiting(s);
    if (empty && is_inline(s))
        empty = !pool_progress(session_services(s)->pool, s->place->consumer).blocked;
    int events = UV_DISCONNECT | (reading ? UV_READABLE : 0) | (empty ? 0 : UV_WRITABLE);
    if (events == s->events)
        return;
    s->events = events;
    rc = uv_poll_start(&s->poll, events, on_poll);
    if (rc)
        session_end(s);
}

/* ---- input --------------------------------------------------------------------------------- */

/* A frame's head, and what is there of its body; the rest is read straight to its place. */
static void take_list(struct session *s, const struct wire_head *h)
{
    struct err e;
    const uint8_t *body;
    size_t there = frames_take_head(&s->in, &body);
    if (upload_begin(s->upload, h->body_bytes, &e)) {
        session_close(s, FMNIST_EPROTO, e.text);
        return;
    }
    frames_skip(&s->in, upload_put(s->upload, body, there));
    s->all->protocol->list_came(s);
}

/* Handles every whole frame that came, but none while a reply is under way. */
static void handle_input(struct session *s)
{
    while (s->state != SESSION_CLOSING && !is_waiting(s) && !reply_is_under_way(&s->reply)) {
        struct wire_head h;
        struct err e;
        int rc = frames_head(&s->in, &h, &e);
        if (rc == 0)
            break;
        if (rc == FRAMES_HEAD && s->state == SESSION_UPLOADING && h.type == WIRE_LIST) {
            take_list(s, &h);
            continue;
        }
        if (rc == FRAMES_HEAD && h.body_bytes > WIRE_REQUEST_MAX)
            rc = err_set(&e, -EPROTO, "frame of type %u says %u bytes: a request has at most %u",
                         h.type, h.body_bytes, WIRE_REQUEST_MAX);
        if (rc < 0) {
            session_close(s, FMNIST_EPROTO, e.text);
            return;
        }
        const uint8_t *body = frames_take(&s->in, &h);
        if (!body)
            break;
        s->asked_ns = clock_ns();
        s->all->protocol->frame(s, h.type, body, h.body_bytes);
    }
    frames_compact(&s->in);
}

static void read_input(struct session *s)
{
    bool in_list = s->state == SESSION_UPLOADING && s->upload->frame_left;
    ssize_t n = in_list ? upload_receive(s->upload, s->fd) : frames_receive(&s->in, s->fd);
    if (n == -EAGAIN || n == -ENOBUFS)
        return; /* frames may wait for a reply to be sent */
    if (n == -EPROTO) {
        session_close(s, FMNIST_EPROTO, "the daemon takes no descriptors");
        return;
    }
    s->taker.reset = n == -ECONNRESET;
    if (n <= 0)
        session_end(s);
    else if (in_list)
        s->all->protocol->list_came(s);
    else
        handle_input(s);
}

void session_go_on(struct session *s)
{
    if (s->state == SESSION_CLOSING || reply_is_under_way(&s->reply) || !frames_left(&s->in))
        return;
    handle_input(s);
    if (s->state != SESSION_CLOSING)
        flush(s);
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct session *s = handle->data;
    if (status < 0 || (events & UV_DISCONNECT && !(events & UV_READABLE))) {
        session_end(s);
        return;
    }
    if (events & UV_READABLE)
        read_input(s);
    if (events & UV_WRITABLE && is_inline(s) && !reply_is_under_way(&s->reply)) {
        pool_writable(session_services(s)->pool, s->place->consumer);
        session_look(s, s->place->consumer);
    }
    if (s->state != SESSION_CLOSING)
        flush(s);
    session_go_on(s);
}

/* ---- its consumer -------------------------------------------------------------------------- */

void session_own(struct session *s, struct place *place)
{
    assert(!place->consumer->owner);
    place->consumer->owner = s;
}

/* Its stream failed. The client is told behind the batches that were published before; inline, that
 * takes until it has read them. */
static void end_stream(struct session *s, struct consumer *consumer, int failed)
{
    struct pool *pool = session_services(s)->pool;
    struct err e;
    if (consumer->is_inline &&
        (reply_is_under_way(&s->reply) || pool_send_rest(pool, consumer) == -EAGAIN)) {
        flush(s);
        return;
    }
    int code = session_code(catalog_tell(consumer->plan->dataset, failed, &e));
    log_reason(s, code, e.text);
    reply_error(s, code, e.text); /* and the end, when that is sent */
}

void session_event(struct consumer *consumer)
{
    struct session *s = consumer->owner;
    if (!s)
        return; /* it is being seated: what there is comes with that */
    int failed = pool_progress(session_services(s)->pool, consumer).failed;
    if (failed == -EPIPE || failed == -ECONNRESET)
        session_end(s);
    else if (failed == -EPROTO)
        session_close(s, FMNIST_EPROTO, "the client broke its page: its tail went back or ahead");
    else if (failed)
        end_stream(s, consumer, failed);
    else
        flush(s);
}

void session_look(struct session *s, struct consumer *consumer)
{
    if (s->state != SESSION_CLOSING && pool_progress(session_services(s)->pool, consumer).failed)
        session_event(consumer);
}

void session_stats(const struct session *s, uint64_t now_ns, struct session_stats *f)
{
    assert(s->place);
    struct seat_waited w = s->waited;
    if (is_inline(s))
        w = pool_waited(session_services(s)->pool, s->place->consumer, now_ns);
    else
        seat_waited_by(&w, &s->place->consumer->seat, now_ns);
    *f = (struct session_stats){.stream_ns = now_ns - s->opened_ns, .waits = w.waits};
    f->waited_ns = w.waited_ns < f->stream_ns ? w.waited_ns : f->stream_ns;
}
