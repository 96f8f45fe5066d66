/* A connection's state machine. Does not accept connections (server.c) nor render (pool.c). */
#include "server/session_state.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/io.h"
#include "server/reload.h"
#include "wire/socket.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void on_poll(uv_poll_t *handle, int status, int events);
static void flush(struct session *s);

/* ---- life ---------------------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
    struct session *s = handle->data;
    if (--s->handles)
        return;
    wire_buffer_free(&s->out);
    free(s);
}

/* It has an inline stream. */
static bool is_inline(const struct session *s)
{
    return s->consumer && s->consumer->is_inline;
}

static void unlink_session(struct session *s)
{
    struct session **at = &s->server->sessions;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    s->server->session_count--;
}

void session_end(struct session *s)
{
    if (s->state == CLOSING)
        return;
    s->state = CLOSING;
    unlink_session(s);
    if (is_inline(s))
        shutdown(s->fd, SHUT_RDWR); /* a worker may have it open for a moment more */
    seating_end(s);
    if (s->reload)
        reload_forget(s->reload);
    s->reload = NULL;
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
    if (uv_poll_init(&s->server->loop, &s->pid_poll, s->pid_fd)) {
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
            s->server->config->limits.handshake_ms);
    session_close(s, FMNIST_ETIMEDOUT, e.text);
}

int session_new(struct server *server, int fd, uid_t uid, pid_t pid, struct err *e)
{
    struct session *s = calloc(1, sizeof *s);
    int rc = s ? uv_poll_init(&server->loop, &s->poll, fd) : -ENOMEM;
    if (rc) {
        free(s);
        fd_close(&fd);
        return err_set(e, rc, "taking a client: %s", uv_strerror(rc));
    }
    uv_timer_init(&server->loop, &s->timer);
    s->server = server;
    s->fd = fd;
    s->uid = uid;
    s->pid = pid;
    s->id = ++server->next_session_id;
    s->handles = 2;
    s->poll.data = s->timer.data = s;
    watch_process(s);
    s->next = server->sessions;
    server->sessions = s;
    server->session_count++;
    uv_timer_start(&s->timer, on_handshake_timeout, server->config->limits.handshake_ms, 0);
    flush(s);
    return 0;
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
    case -ENOMEM:
    case -EMFILE:
    case -ENFILE:
        return FMNIST_ENOMEM;
    case -EPROTO:
        return FMNIST_EPROTO;
    }
    return FMNIST_EIO;
}

/* Puts the head before what was added with wire_add since begin_reply. */
void session_begin_reply(struct session *s, uint16_t type)
{
    assert(s->out.size == 0);
    uint8_t head[WIRE_HEAD_SIZE];
    wire_put_head(head, type, 0);
    wire_add(&s->out, head, sizeof head);
}

void session_finish_reply(struct session *s)
{
    if (s->out.failed) {
        session_end(s);
        return;
    }
    uint16_t type = (uint16_t)(s->out.bytes[4] | s->out.bytes[5] << 8);
    wire_put_head(s->out.bytes, type, (uint32_t)(s->out.size - WIRE_HEAD_SIZE));
    flush(s);
}

static void reply_error(struct session *s, int code, const char *text)
{
    /* Behind a reply that is still under way, or in the midst of a batch, there is no place. */
    if (s->out.size || (is_inline(s) && !pool_hush(s->server->pool, s->consumer))) {
        session_end(s);
        return;
    }
    s->end_when_sent = true;
    session_begin_reply(s, WIRE_ERROR);
    wire_add_u32(&s->out, (uint32_t)code);
    wire_add_text(&s->out, text);
    session_finish_reply(s);
}

void session_close(struct session *s, int code, const char *why)
{
    if (s->state == CLOSING)
        return;
    if (why) {
        log_info("client %llu (uid %u, pid %d): %s", (unsigned long long)s->id, (unsigned)s->uid,
                 (int)s->pid, why);
        reply_error(s, code, why);
    }
    session_end(s);
}

/* Sends the reply under way. Returns whether there is none left. */
static bool send_reply(struct session *s)
{
    while (s->out_sent < s->out.size) {
        const uint8_t *at = s->out.bytes + s->out_sent;
        size_t left = s->out.size - s->out_sent;
        struct iovec part = {.iov_base = (void *)at, .iov_len = left};
        ssize_t n = s->out_fd_count ? socket_send_fds(s->fd, at, left, s->out_fds, s->out_fd_count)
                                    : socket_send(s->fd, &part, 1);
        if (n == -EAGAIN)
            return false;
        if (n < 0) {
            session_end(s);
            return false;
        }
        s->out_fd_count = 0;
        s->out_sent += (size_t)n;
    }
    s->out.size = s->out_sent = 0;
    return true;
}

/* Sends what there is to send, and asks the loop for what is to be waited for. */
static void flush(struct session *s)
{
    bool empty = send_reply(s);
    if (s->state == CLOSING)
        return;
    if (empty && s->end_when_sent) {
        session_end(s);
        return;
    }
    /* One request at a time: nothing is read while one is worked on or its reply is under way. */
    bool reading = empty && s->state != OPENING;
    if (empty && is_inline(s))
        empty = !pool_progress(s->server->pool, s->consumer).blocked;
    int events = UV_DISCONNECT | (reading ? UV_READABLE : 0) | (empty ? 0 : UV_WRITABLE);
    int rc = uv_poll_start(&s->poll, events, on_poll);
    if (rc)
        session_end(s);
}

/* ---- requests ------------------------------------------------------------------------------ */

static void handle_hello(struct session *s, const uint8_t *body, size_t size)
{
    struct wire_cursor c = {.at = body, .left = size};
    uint32_t version = wire_take_u32(&c);
    if (c.failed || version != WIRE_VERSION) {
        struct err e;
        err_set(&e, 0, "protocol version %u: this daemon (%s) speaks %u", version, FMNIST_VERSION,
                WIRE_VERSION);
        session_close(s, FMNIST_EPROTO, e.text);
        return;
    }
    uv_timer_stop(&s->timer);
    s->state = IDLE;
    session_begin_reply(s, WIRE_WELCOME);
    wire_add_u32(&s->out, WIRE_VERSION);
    wire_add_text(&s->out, FMNIST_VERSION);
    session_finish_reply(s);
}

static void handle_datasets(struct session *s)
{
    const struct server *server = s->server;
    uint32_t count = 0;
    for (uint32_t i = 0; i < server->config->dataset_count; i++)
        for (int k = 0; k < DATASET_SPLITS; k++)
            count += server->datasets[i]->splits[k].count > 0;
    session_begin_reply(s, WIRE_DATASETS_REPLY);
    wire_add_u32(&s->out, count);
    for (uint32_t i = 0; i < server->config->dataset_count; i++) {
        const struct dataset *d = server->datasets[i];
        for (int k = 0; k < DATASET_SPLITS; k++) {
            const struct dataset_split *split = &d->splits[k];
            struct wire_dataset m = {
                .name = d->name,
                .split = dataset_split_names[k],
                .count = split->count,
                .height = split->height,
                .width = split->width,
                .channels = split->channels,
                .class_count = d->class_count,
                .class_names = d->classes,
            };
            memcpy(m.digest, split->digest, sizeof m.digest);
            if (split->count)
                wire_add_dataset(&s->out, &m);
        }
    }
    session_finish_reply(s);
}

static void handle_status(struct session *s)
{
    char *json = server_status(s->server);
    if (!json) {
        session_close(s, FMNIST_ENOMEM, "out of memory");
        return;
    }
    session_begin_reply(s, WIRE_STATUS_REPLY);
    wire_add_text(&s->out, json);
    free(json);
    session_finish_reply(s);
}

/* The request alone is refused: the session goes on. */
static void refuse(struct session *s, int code, const char *why)
{
    log_info("client %llu (uid %u, pid %d): %s", (unsigned long long)s->id, (unsigned)s->uid,
             (int)s->pid, why);
    session_begin_reply(s, WIRE_REFUSED);
    wire_add_u32(&s->out, (uint32_t)code);
    wire_add_text(&s->out, why);
    session_finish_reply(s);
}

static void reload_done(void *data, int rc, const char *text)
{
    struct session *s = data;
    s->reload = NULL;
    s->state = IDLE;
    if (rc) {
        refuse(s, session_code(rc), text);
    } else {
        session_begin_reply(s, WIRE_RELOADED);
        wire_add_text(&s->out, text);
        session_finish_reply(s);
    }
    session_go_on(s);
}

/* The config is the daemon's own user's and root's. */
static void handle_reload(struct session *s)
{
    if (s->uid != 0 && s->uid != geteuid()) {
        refuse(s, FMNIST_EPERM, "only root and the daemon's own user may reload");
        return;
    }
    s->reload = reload_start(s->server, reload_done, s);
    if (s->reload)
        s->state = OPENING;
    else
        refuse(s, FMNIST_ENOMEM, "out of memory");
}

static void handle_frame(struct session *s, uint16_t type, const uint8_t *body, size_t size)
{
    if (s->state == HELLO && type == WIRE_HELLO)
        handle_hello(s, body, size);
    else if (s->state == IDLE && type == WIRE_DATASETS && size == 0)
        handle_datasets(s);
    else if (s->state == IDLE && type == WIRE_STATUS && size == 0)
        handle_status(s);
    else if (s->state == IDLE && type == WIRE_RELOAD && size == 0)
        handle_reload(s);
    else if (s->state == IDLE && type == WIRE_OPEN)
        seating_open(s, body, size);
    else if (s->state == STREAMING && !s->consumer->is_inline && type == WIRE_KICK && size == 0)
        seating_kick(s);
    else if (s->offered && type == WIRE_LEAVE && size == 4 && get_le32(body) <= WIRE_LEAVE_OFFERED)
        seating_leave(s, get_le32(body));
    else {
        static const char *const states[] = {"before hello", "without a stream",
                                             "while opening a stream", "in a list's place",
                                             "with a stream"};
        struct err e;
        err_set(&e, 0, "frame of type %u with %zu bytes is not expected %s", type, size,
                states[s->state]);
        session_close(s, FMNIST_EPROTO, e.text);
    }
}

/* A frame's head, and what is there of its body; the rest is read straight to its place. Returns
 * the bytes used. */
static size_t take_list(struct session *s, uint32_t body_bytes, const uint8_t *body, size_t size)
{
    struct upload *u = seating_upload(s);
    struct err e;
    if (upload_begin(u, body_bytes, &e)) {
        session_close(s, FMNIST_EPROTO, e.text);
        return 0;
    }
    size_t n = upload_put(u, body, size);
    seating_list_came(s);
    return n;
}

/* Handles every whole frame in the buffer, but none while a reply is under way. */
static void handle_input(struct session *s)
{
    size_t used = 0;
    while (s->state != CLOSING && s->state != OPENING && !s->out.size &&
           s->in_bytes - used >= WIRE_HEAD_SIZE) {
        struct wire_head h;
        struct err e;
        int rc = wire_get_head(&h, s->in + used, &e);
        if (!rc && s->state == UPLOADING && h.type == WIRE_LIST) {
            used += WIRE_HEAD_SIZE;
            used += take_list(s, h.body_bytes, s->in + used, s->in_bytes - used);
            continue;
        }
        if (!rc && h.body_bytes > WIRE_REQUEST_MAX)
            rc = err_set(&e, -EPROTO, "frame of type %u says %u bytes: a request has at most %u",
                         h.type, h.body_bytes, WIRE_REQUEST_MAX);
        if (rc) {
            session_close(s, FMNIST_EPROTO, e.text);
            return;
        }
        if (s->in_bytes - used < WIRE_HEAD_SIZE + h.body_bytes)
            break;
        const uint8_t *body = s->in + used + WIRE_HEAD_SIZE;
        used += WIRE_HEAD_SIZE + h.body_bytes;
        handle_frame(s, h.type, body, h.body_bytes);
    }
    memmove(s->in, s->in + used, s->in_bytes - used);
    s->in_bytes -= used;
}

static void read_input(struct session *s)
{
    size_t room = sizeof s->in - s->in_bytes;
    if (room == 0)
        return; /* frames wait for a reply to be sent */
    struct upload *list = s->state == UPLOADING ? seating_upload(s) : NULL;
    bool in_list = list && list->frame_left;
    ssize_t n =
        in_list ? upload_receive(list, s->fd) : socket_receive(s->fd, s->in + s->in_bytes, room);
    if (n == -EAGAIN)
        return;
    if (n == -EPROTO) {
        session_close(s, FMNIST_EPROTO, "the daemon takes no descriptors");
        return;
    }
    if (n <= 0) {
        session_end(s);
        return;
    }
    if (in_list) {
        seating_list_came(s);
        return;
    }
    s->in_bytes += (size_t)n;
    handle_input(s);
}

void session_go_on(struct session *s)
{
    if (s->state == CLOSING || s->out.size || !s->in_bytes)
        return;
    handle_input(s);
    if (s->state != CLOSING)
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
    if (events & UV_WRITABLE && is_inline(s) && !s->out.size)
        pool_writable(s->server->pool, s->consumer);
    if (s->state != CLOSING)
        flush(s);
    session_go_on(s);
}

/* ---- from outside -------------------------------------------------------------------------- */

void session_event(struct consumer *consumer)
{
    struct session *s = consumer->owner;
    if (!s)
        return; /* it is being seated: what there is comes with that */
    int failed = pool_progress(s->server->pool, consumer).failed;
    if (failed == -EPIPE || failed == -ECONNRESET)
        session_end(s);
    else if (failed == -EPROTO)
        session_close(s, FMNIST_EPROTO, "the client broke its page: its tail went back or ahead");
    else if (failed)
        session_close(s, session_code(failed), strerror(-failed));
    else
        flush(s);
}

struct session *session_next(const struct session *s)
{
    return s->next;
}

void session_stats(const struct session *s, struct session_stats *f)
{
    *f = (struct session_stats){
        .id = s->id,
        .uid = s->uid,
        .pid = s->pid,
        .consumer = s->consumer,
        .upload_bytes = seating_upload(s) ? seating_upload(s)->bytes : 0,
    };
    if (!s->consumer)
        return;
    uint64_t now = clock_ns();
    struct seat_waited w = s->waited;
    if (is_inline(s))
        w = pool_progress(s->server->pool, s->consumer).waited;
    else
        seat_waited_add(&w, &s->consumer->seat);
    f->first = s->first;
    f->stream_ns = now - s->opened_ns;
    f->waited_ns = w.waited_ns < f->stream_ns ? w.waited_ns : f->stream_ns;
    f->waits = w.waits;
}
