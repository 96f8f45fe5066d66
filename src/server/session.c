/* A connection's state machine. Does not accept connections (server.c) nor render (pool.c). */
#include "server/session.h"

#include "base/bytes.h"
#include "base/io.h"
#include "wire/message.h"
#include "wire/socket.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum state { HELLO, IDLE, OPENING, STREAMING, CLOSING };

#define INLINE_PARTS 64 /* frames' heads and bodies in one sendmsg */

struct session {
    struct server *server;
    struct session *next;
    uint64_t id;
    uid_t uid;
    pid_t pid;
    int fd;     /* owned */
    int pid_fd; /* owned; -1: the process cannot be watched */
    uv_poll_t poll;
    uv_poll_t pid_poll;
    uv_timer_t timer;
    int handles; /* that libuv has not closed yet */
    enum state state;

    uint8_t in[WIRE_HEAD_SIZE + WIRE_REQUEST_MAX];
    size_t in_bytes;

    struct wire_buffer out; /* the reply under way, head included */
    size_t out_sent;
    int out_fds[2]; /* borrowed from the stream; travel with the first byte */
    size_t out_fd_count;
    bool end_when_sent;

    struct seat_job *seating; /* under way: opening, or moving away from a neighbour */
    struct reader *reader;    /* owned, through the pool; NULL: no stream */
    struct reader *offered;   /* the same, of the ring that the client has been offered */
    bool stays;               /* no memory for a ring of its own */
    uint64_t sent_bytes;      /* inline: of the frame under way, batch reader->tail */
};

/* Finding a reader its place makes memory and permutations: a worker does it. */
struct seat_job {
    struct job job;
    struct server *server;
    struct session *session;  /* NULL: it ended meanwhile */
    struct wire_open request; /* opening */
    const struct dataset *dataset;
    struct stream *stream;       /* where the reader wants to begin; no ring yet */
    const struct stream *except; /* moving: where it sits (only compared) */
    uint64_t first, limit;       /* the reader's batches */
    uint32_t slots;
    struct reader *reader; /* the result, seated */
    int rc;
    struct err err;
};

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

static void unlink_session(struct session *s)
{
    struct session **at = &s->server->sessions;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    s->server->session_count--;
}

static void end(struct session *s)
{
    if (s->state == CLOSING)
        return;
    s->state = CLOSING;
    unlink_session(s);
    if (s->seating)
        s->seating->session = NULL;
    pool_leave(s->server->pool, s->offered);
    pool_leave(s->server->pool, s->reader);
    s->reader = s->offered = NULL;
    uv_close((uv_handle_t *)&s->poll, on_closed);
    uv_close((uv_handle_t *)&s->timer, on_closed);
    if (s->pid_fd >= 0)
        uv_close((uv_handle_t *)&s->pid_poll, on_closed);
    fd_close(&s->fd);
    fd_close(&s->pid_fd);
}

static void on_process_end(uv_poll_t *handle, int status, int events)
{
    end(handle->data);
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

/* Puts the head before what was added with wire_add since begin_reply. */
static void begin_reply(struct session *s, uint16_t type)
{
    assert(s->out.size == 0);
    uint8_t head[WIRE_HEAD_SIZE];
    wire_put_head(head, type, 0);
    wire_add(&s->out, head, sizeof head);
}

static void finish_reply(struct session *s)
{
    if (s->out.failed) {
        end(s);
        return;
    }
    uint16_t type = (uint16_t)(s->out.bytes[4] | s->out.bytes[5] << 8);
    wire_put_head(s->out.bytes, type, (uint32_t)(s->out.size - WIRE_HEAD_SIZE));
    flush(s);
}

static void reply_error(struct session *s, int code, const char *text)
{
    /* Behind a reply that is still under way, or in the midst of a batch, there is no place. */
    if (s->out.size || s->sent_bytes) {
        end(s);
        return;
    }
    s->end_when_sent = true;
    begin_reply(s, WIRE_ERROR);
    wire_add_u32(&s->out, (uint32_t)code);
    wire_add_text(&s->out, text);
    finish_reply(s);
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
    end(s);
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
            end(s);
            return false;
        }
        s->out_fd_count = 0;
        s->out_sent += (size_t)n;
    }
    s->out.size = s->out_sent = 0;
    return true;
}

/* ---- inline batches ------------------------------------------------------------------------ */

/* Gathers the unsent rest of published frames. Returns the number of parts. */
static size_t gather_frames(struct session *s, uint64_t head, struct iovec *parts,
                            uint8_t heads[][WIRE_HEAD_SIZE])
{
    const struct stream *stream = s->reader->stream;
    const struct recipe *r = stream->recipe;
    uint64_t skip = s->sent_bytes;
    size_t n = 0, frames = 0;
    for (uint64_t i = s->reader->tail; i < head && n + 2 <= INLINE_PARTS; i++, frames++) {
        struct slot_header *slot = ring_slot(&stream->ring, i);
        struct slot_layout layout;
        slot_layout_init(&layout, slot->count, r->image_bytes, r->label_bytes);
        wire_put_head(heads[frames], WIRE_BATCH, (uint32_t)layout.bytes);
        if (skip < WIRE_HEAD_SIZE) {
            parts[n++] = (struct iovec){heads[frames] + skip, WIRE_HEAD_SIZE - skip};
            parts[n++] = (struct iovec){slot, layout.bytes};
        } else {
            uint64_t into = skip - WIRE_HEAD_SIZE;
            parts[n++] = (struct iovec){(char *)slot + into, layout.bytes - into};
        }
        skip = 0;
    }
    return n;
}

/* Moves the position behind `n` sent bytes. */
static void advance_frames(struct session *s, uint64_t n)
{
    const struct stream *stream = s->reader->stream;
    uint64_t at = s->reader->tail;
    s->sent_bytes += n;
    while (s->sent_bytes) {
        struct slot_layout layout;
        slot_layout_init(&layout, ring_slot(&stream->ring, at)->count, stream->recipe->image_bytes,
                         stream->recipe->label_bytes);
        if (s->sent_bytes < WIRE_HEAD_SIZE + layout.bytes)
            break;
        s->sent_bytes -= WIRE_HEAD_SIZE + layout.bytes;
        at++;
    }
    if (at != s->reader->tail)
        pool_sent(s->server->pool, s->reader, at);
}

/* Returns whether everything published is sent. */
static bool send_batches(struct session *s)
{
    for (;;) {
        struct progress p = pool_progress(s->server->pool, s->reader);
        if (p.tail == p.head)
            return true;
        struct iovec parts[INLINE_PARTS];
        uint8_t heads[INLINE_PARTS][WIRE_HEAD_SIZE];
        size_t n = gather_frames(s, p.head, parts, heads);
        ssize_t sent = socket_send(s->fd, parts, n);
        if (sent == -EAGAIN)
            return false;
        if (sent < 0) {
            end(s);
            return false;
        }
        advance_frames(s, (uint64_t)sent);
    }
}

/* Sends what there is to send, and asks the loop for what is to be waited for. */
static void flush(struct session *s)
{
    bool empty = send_reply(s);
    if (s->state == CLOSING)
        return;
    if (empty && s->end_when_sent) {
        end(s);
        return;
    }
    /* One request at a time: nothing is read while one is worked on or its reply is under way. */
    bool reading = empty && s->state != OPENING;
    if (empty && s->state == STREAMING && s->reader->is_inline)
        empty = send_batches(s);
    if (s->state == CLOSING)
        return;
    int events = UV_DISCONNECT | (reading ? UV_READABLE : 0) | (empty ? 0 : UV_WRITABLE);
    int rc = uv_poll_start(&s->poll, events, on_poll);
    if (rc)
        end(s);
}

/* ---- opening a stream ---------------------------------------------------------------------- */

static int public_code(int rc)
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
    case -ENOMEM:
    case -EMFILE:
    case -ENFILE:
        return FMNIST_ENOMEM;
    case -EPROTO:
        return FMNIST_EPROTO;
    }
    return FMNIST_EIO;
}

/* A reader's share of its ring. */
static uint64_t ring_share(const struct server *server, struct reader *r)
{
    return r ? stream_bytes(r->stream) / pool_progress(server->pool, r).readers : 0;
}

static uint64_t ring_bytes_of(const struct server *server, uid_t uid)
{
    uint64_t bytes = 0;
    for (const struct session *s = server->sessions; s; s = s->next)
        if (s->uid == uid)
            bytes += ring_share(server, s->reader) + ring_share(server, s->offered);
    return bytes;
}

static void check_memory(struct seat_job *j)
{
    uint64_t allowed = j->server->config->limits.ring_bytes_per_user;
    uid_t uid = j->session->uid;
    if (ring_bytes_of(j->server, uid) + ring_share(j->server, j->reader) > allowed)
        j->rc = err_set(&j->err, -E2BIG,
                        "a ring of %llu bytes: limits.ring_bytes_per_user is %llu bytes for all "
                        "rings of uid %u",
                        (unsigned long long)stream_bytes(j->reader->stream),
                        (unsigned long long)allowed, (unsigned)uid);
}

static int slots_for(const struct seat_job *j, uint32_t *slots, struct err *e)
{
    const struct config *c = j->server->config;
    return stream_choose_slots(j->stream, c->ring_bytes, c->limits.ring_bytes, slots, e);
}

static int seat(struct seat_job *j)
{
    struct pool *pool = j->server->pool;
    j->first = j->stream->first;
    int rc = reader_new(&j->reader, j->stream->is_inline, j->first, j->limit, &j->err);
    if (!rc && pool_seat(pool, j->stream, j->reader, j->except))
        return 0;
    if (!rc)
        rc = stream_make_ring(j->stream, j->slots, &j->err);
    if (!rc && pool_seat(pool, j->stream, j->reader, j->except) == j->stream)
        j->stream = NULL;
    if (rc) {
        reader_free(j->reader);
        j->reader = NULL;
    }
    return rc;
}

static void run_seat(struct job *job)
{
    struct seat_job *j = (struct seat_job *)job;
    if (!j->stream) {
        struct stream_options o = {
            .spec = &j->request.spec,
            .dataset = j->dataset,
            .kitchen = &j->server->kitchen,
            .token = j->request.at_token ? &j->request.token : NULL,
        };
        j->rc = stream_new(&j->stream, &o, &j->limit, &j->err);
        if (!j->rc)
            j->rc = slots_for(j, &j->slots, &j->err);
    }
    if (!j->rc)
        j->rc = seat(j);
    stream_free(j->stream); /* unless the reader sits at it */
    j->stream = NULL;
}

static struct seat_job *seat_job_new(struct session *s, void (*done)(struct job *job))
{
    struct seat_job *j = calloc(1, sizeof *j);
    if (!j)
        return NULL;
    j->job.run = run_seat;
    j->job.done = done;
    j->server = s->server;
    j->session = s;
    return j;
}

/* Takes the result. Returns false where the session has ended, or a limit or an error is against
 * it: j->rc and j->err say which. */
static bool seat_job_done(struct seat_job *j)
{
    if (j->session)
        j->session->seating = NULL;
    if (!j->rc && !j->reader)
        j->rc = err_set(&j->err, -EIO, "the daemon is shutting down");
    if (!j->rc && j->session)
        check_memory(j);
    if (j->session && !j->rc)
        return true;
    stream_free(j->stream);
    pool_leave(j->server->pool, j->reader);
    return false;
}

static void fill_opened(struct wire_opened *m, const struct reader *reader, uint64_t first)
{
    const struct stream *stream = reader->stream;
    const struct recipe *r = stream->recipe;
    *m = (struct wire_opened){
        .sample_count = r->sampler.shard_count,
        .steps = r->sampler.steps,
        .epoch = first / r->sampler.steps,
        .step = first % r->sampler.steps,
        .image_bytes = r->image_bytes,
        .batch_size = r->slot_samples,
        .channels = r->shape.channels,
        .height = r->shape.height,
        .width = r->shape.width,
        .in_channels = r->shape.in_channels,
        .float_samples = r->shape.float_samples,
        .slot_count = reader->is_inline ? 1 : stream->ring.slot_count,
    };
    memcpy(m->digest, r->digest, sizeof m->digest);
    memcpy(m->identity, r->identity, sizeof m->identity);
}

static void lend_descriptors(struct session *s, const struct reader *reader)
{
    s->out_fds[0] = reader->stream->ring.fd;
    s->out_fds[1] = reader->seat.fd;
    s->out_fd_count = 2;
}

static void open_done(struct job *job)
{
    struct seat_job *j = (struct seat_job *)job;
    struct session *s = j->session;
    if (seat_job_done(j)) {
        uint8_t body[WIRE_OPENED_SIZE];
        struct wire_opened m;
        fill_opened(&m, j->reader, j->first);
        wire_put_opened(body, &m);
        s->reader = j->reader;
        s->reader->owner = s;
        s->state = STREAMING;
        if (!s->reader->is_inline)
            lend_descriptors(s, s->reader);
        begin_reply(s, WIRE_OPENED);
        wire_add(&s->out, body, sizeof body);
        finish_reply(s);
    } else if (s) {
        session_close(s, public_code(j->rc), j->err.text);
    }
    free(j);
}

static void handle_open(struct session *s, const uint8_t *body, size_t size)
{
    struct seat_job *j = seat_job_new(s, open_done);
    if (!j) {
        session_close(s, FMNIST_ENOMEM, "out of memory");
        return;
    }
    int rc = wire_get_open(&j->request, body, size, &j->err);
    j->dataset = rc ? NULL : server_dataset(s->server, j->request.spec.dataset);
    if (!rc && !j->dataset)
        rc = err_set(&j->err, -ENOENT, "no dataset \"%s\": see fmnistctl datasets",
                     j->request.spec.dataset);
    if (rc) {
        session_close(s, public_code(rc), j->err.text);
        free(j);
        return;
    }
    s->seating = j;
    s->state = OPENING;
    pool_run(s->server->pool, &j->job);
}

/* ---- moving away from a neighbour ---------------------------------------------------------- */

/* The reader waits where its new place begins, and for a neighbour still. */
static bool wants_to_move(const struct session *s, uint64_t first)
{
    return pool_patience(s->server->pool, s->reader) == 0 &&
           pool_progress(s->server->pool, s->reader).head == first;
}

static void move_done(struct job *job)
{
    struct seat_job *j = (struct seat_job *)job;
    struct session *s = j->session;
    if (!seat_job_done(j)) {
        if (s) {
            log_info("client %llu stays with slower neighbours: %s", (unsigned long long)s->id,
                     j->err.text);
            s->stays = true;
        }
    } else if (!wants_to_move(s, j->first) || s->out.size) {
        pool_leave(s->server->pool, j->reader);
    } else {
        s->offered = j->reader;
        s->offered->owner = s;
        uint8_t body[8];
        put_le64(body, j->first);
        lend_descriptors(s, s->offered);
        begin_reply(s, WIRE_OFFER);
        wire_add(&s->out, body, sizeof body);
        struct stream *old = s->reader->stream;
        finish_reply(s);
        if (s->state != CLOSING)
            ring_nudge(&old->ring);
    }
    free(j);
}

static void move(struct session *s)
{
    struct seat_job *j = seat_job_new(s, move_done);
    if (!j)
        return;
    struct stream *stream = s->reader->stream;
    uint64_t first = pool_progress(s->server->pool, s->reader).head;
    if (stream_fork(&j->stream, stream, first, &j->err)) {
        free(j);
        return;
    }
    j->except = stream;
    j->limit = s->reader->limit;
    j->slots = stream->ring.slot_count;
    s->seating = j;
    pool_run(s->server->pool, &j->job);
}

static void on_patience_end(uv_timer_t *timer);

/* Waits with the client as long as a neighbour may keep it waiting, and then moves it. */
static void be_patient(struct session *s, uint64_t patience_ns)
{
    if (patience_ns == READER_PATIENT || s->seating || s->offered || s->stays)
        return;
    if (patience_ns == 0)
        move(s);
    else
        uv_timer_start(&s->timer, on_patience_end, (patience_ns + 999999) / 1000000, 0);
}

static void on_patience_end(uv_timer_t *timer)
{
    struct session *s = timer->data;
    be_patient(s, pool_patience(s->server->pool, s->reader));
}

static void handle_kick(struct session *s)
{
    if (s->offered)
        pool_kick(s->server->pool, s->offered);
    be_patient(s, pool_kick(s->server->pool, s->reader));
}

static void handle_leave(struct session *s, const uint8_t *body)
{
    struct reader *left = get_le32(body) == WIRE_LEAVE_OLD ? s->reader : s->offered;
    s->reader = left == s->reader ? s->offered : s->reader;
    s->offered = NULL;
    pool_leave(s->server->pool, left);
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
    begin_reply(s, WIRE_WELCOME);
    wire_add_u32(&s->out, WIRE_VERSION);
    wire_add_text(&s->out, FMNIST_VERSION);
    finish_reply(s);
}

static void handle_datasets(struct session *s)
{
    const struct server *server = s->server;
    uint32_t count = 0;
    for (uint32_t i = 0; i < server->config->dataset_count; i++)
        for (int k = 0; k < DATASET_SPLITS; k++)
            count += server->datasets[i]->splits[k].count > 0;
    begin_reply(s, WIRE_DATASETS_REPLY);
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
    finish_reply(s);
}

static void handle_status(struct session *s)
{
    char *json = server_status(s->server);
    if (!json) {
        session_close(s, FMNIST_ENOMEM, "out of memory");
        return;
    }
    begin_reply(s, WIRE_STATUS_REPLY);
    wire_add_text(&s->out, json);
    free(json);
    finish_reply(s);
}

static void handle_frame(struct session *s, uint16_t type, const uint8_t *body, size_t size)
{
    if (s->state == HELLO && type == WIRE_HELLO)
        handle_hello(s, body, size);
    else if (s->state == IDLE && type == WIRE_DATASETS && size == 0)
        handle_datasets(s);
    else if (s->state == IDLE && type == WIRE_STATUS && size == 0)
        handle_status(s);
    else if (s->state == IDLE && type == WIRE_OPEN)
        handle_open(s, body, size);
    else if (s->state == STREAMING && type == WIRE_KICK && size == 0)
        handle_kick(s);
    else if (s->offered && type == WIRE_LEAVE && size == 4 && get_le32(body) <= WIRE_LEAVE_OFFERED)
        handle_leave(s, body);
    else {
        static const char *const states[] = {"before hello", "without a stream",
                                             "while opening a stream", "with a stream"};
        struct err e;
        err_set(&e, 0, "frame of type %u with %zu bytes is not expected %s", type, size,
                states[s->state]);
        session_close(s, FMNIST_EPROTO, e.text);
    }
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
    ssize_t n = socket_receive(s->fd, s->in + s->in_bytes, room);
    if (n == -EAGAIN)
        return;
    if (n == -EPROTO) {
        session_close(s, FMNIST_EPROTO, "the daemon takes no descriptors");
        return;
    }
    if (n <= 0) {
        end(s);
        return;
    }
    s->in_bytes += (size_t)n;
    handle_input(s);
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct session *s = handle->data;
    if (status < 0 || (events & UV_DISCONNECT && !(events & UV_READABLE))) {
        end(s);
        return;
    }
    if (events & UV_READABLE)
        read_input(s);
    if (s->state != CLOSING)
        flush(s);
    if (s->state != CLOSING && !s->out.size && s->in_bytes) {
        handle_input(s);
        if (s->state != CLOSING)
            flush(s);
    }
}

/* ---- from outside -------------------------------------------------------------------------- */

void session_news(struct reader *reader)
{
    struct session *s = reader->owner;
    if (!s)
        return; /* it is being seated: what there is comes with that */
    int failed = pool_progress(s->server->pool, reader).failed;
    if (failed == -EPROTO)
        session_close(s, FMNIST_EPROTO, "the client broke its page: its tail went back or ahead");
    else if (failed)
        session_close(s, public_code(failed), strerror(-failed));
    else
        flush(s);
}

struct session *session_next(const struct session *s)
{
    return s->next;
}

void session_facts(const struct session *s, struct session_facts *f)
{
    *f = (struct session_facts){
        .id = s->id,
        .uid = s->uid,
        .pid = s->pid,
        .reader = s->reader,
    };
}
