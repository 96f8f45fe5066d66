/* SPDX-License-Identifier: MIT */
/* Frames over a socket with time-outs. Does not know streams. */
#include "client/client.h"

#include "base/clock.h"
#include "base/fault_point.h"
#include "base/io.h"
#include "client/unreachable.h"
#include "wire/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SPIN_NS 100000u /* a worker's turn: so often it sends what it rendered */

/* When a call gives up. Its clock starts with the first wait: most calls have none. */
struct deadline {
    uint32_t timeout_ms;
    uint64_t at_ns; /* 0: not started */
};

static uint64_t end_of(struct deadline *d)
{
    if (!d->at_ns)
        d->at_ns = clock_ns() + d->timeout_ms * UINT64_C(1000000);
    return d->at_ns;
}

/* Looks again for a while before it sleeps, where that paid lately: to be woken costs the daemon
 * more than this costs us. */
static bool spin(struct connection *c, short events)
{
    if (!adaptive_spin_wants(&c->spins))
        return false;
    struct pollfd p = {.fd = c->fd, .events = events};
    uint64_t end = clock_ns() + SPIN_NS;
    bool there;
    do
        there = poll(&p, 1, 0) > 0;
    while (!there && (sched_yield(), clock_ns() < end));
    adaptive_spin_learn(&c->spins, there);
    return there;
}

/* Waits until the socket can be read or written. Returns FMNIST_OK also at its end: the call that
 * follows says so. */
static int wait_for(struct connection *c, short events, struct deadline *deadline)
{
    uint64_t end = end_of(deadline);
    if (spin(c, events))
        return FMNIST_OK;
    for (;;) {
        uint64_t now = clock_ns();
        int ms = now >= end ? 0 : (int)((end - now + 999999) / 1000000);
        struct pollfd p = {.fd = c->fd, .events = events};
        int n = poll(&p, 1, ms);
        if (n > 0)
            return FMNIST_OK;
        if (n < 0 && errno != EINTR)
            return fail(FMNIST_EIO, "poll: %s", strerror(errno));
        if (n == 0 && now >= end)
            return fail(FMNIST_ETIMEDOUT, "the daemon did not answer in time");
    }
}

static int dead(void)
{
    return fail(FMNIST_EDEAD, "the daemon closed the connection");
}

/* Where received bytes go. */
struct target {
    void *data;
    size_t size, have;
    size_t ahead; /* bytes of the next frame's head that may come in the same call */
    int *fds;     /* [fd_room] */
    size_t fd_room, fd_count;
};

static ssize_t receive_some(struct connection *c, struct target *t)
{
    void *at = (char *)t->data + t->have;
    size_t left = t->size - t->have;
    if (!t->fd_room) {
        struct iovec parts[] = {{at, left}, {c->head, t->ahead}};
        return socket_receive_parts(c->fd, parts, 2);
    }
    size_t came = t->fd_room - t->fd_count;
    ssize_t n = socket_receive_fds(c->fd, at, left, t->fds + t->fd_count, &came);
    t->fd_count += came;
    return n;
}

/* Whether so many descriptors more would be too many. */
static bool is_full(size_t count)
{
    int fds[2] = {-1, -1};
    bool full = false;
    for (size_t i = 0; i < count && i < 2; i++) {
        fds[i] = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
        full = full || (fds[i] < 0 && errno == EMFILE);
    }
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    return full;
}

static int receive(struct connection *c, struct target *t, uint32_t timeout_ms)
{
    struct deadline deadline = {timeout_ms, 0};
    while (t->have < t->size) {
        ssize_t n = receive_some(c, t);
        if (n == -EAGAIN) {
            int rc = wait_for(c, POLLIN, &deadline);
            if (rc)
                return rc;
            FAULT_POINT("bytes wait");
            continue;
        }
        if (n == -EPROTO && t->fd_room && is_full(t->fd_room))
            return no_descriptors_here(EMFILE);
        if (n == -EPROTO)
            return fail(FMNIST_EPROTO, "descriptors came that were not expected");
        if (n == 0 || n == -ECONNRESET)
            return dead();
        if (n < 0)
            return fail(FMNIST_EIO, "receiving: %s", strerror((int)-n));
        t->have += (size_t)n;
    }
    return FMNIST_OK;
}

static int receive_body(struct connection *c, void *body, size_t size, size_t ahead)
{
    struct target t = {.data = body, .size = size, .ahead = ahead};
    int rc = receive(c, &t, c->timeout_ms);
    c->head_bytes = rc ? 0 : t.have - size;
    /* Half a body cannot be taken up again. */
    if (rc == FMNIST_ETIMEDOUT)
        connection_close(c);
    return rc;
}

int connection_body(struct connection *c, void *body, size_t size)
{
    return receive_body(c, body, size, 0);
}

int connection_batch(struct connection *c, void *body, size_t size)
{
    return receive_body(c, body, size, sizeof c->head);
}

/* The daemon's own words become ours. A code that only a later daemon has is FMNIST_EIO here. */
static int told(const uint8_t *body, size_t size)
{
    struct wire_cursor cursor = {.at = body, .left = size};
    int code = (int)wire_take_u32(&cursor);
    uint32_t length = wire_take_u32(&cursor);
    const char *text = wire_take(&cursor, length);
    if (!text || code >= 0)
        return fail(FMNIST_EPROTO, "error frame that cannot be read");
    return fail(code < FMNIST_EPERM ? FMNIST_EIO : code, "%.*s", (int)length, text);
}

static int take_error(struct connection *c, uint32_t size)
{
    if (size > WIRE_REQUEST_MAX + ERR_TEXT_SIZE)
        return fail(FMNIST_EPROTO, "error frame of %u bytes", size);
    uint8_t body[WIRE_REQUEST_MAX + ERR_TEXT_SIZE];
    int rc = connection_body(c, body, size);
    if (rc)
        return rc;
    rc = told(body, size);
    connection_close(c);
    return rc;
}

int connection_head(struct connection *c, uint32_t timeout_ms, struct wire_head *h, int *fds,
                    size_t *fd_count)
{
    if (c->fd < 0)
        return dead();
    struct target t = {.data = c->head,
                       .size = sizeof c->head,
                       .have = c->head_bytes,
                       .fds = fds,
                       .fd_room = *fd_count};
    int rc = receive(c, &t, timeout_ms);
    c->head_bytes = t.have;
    *fd_count = t.fd_count;
    if (rc)
        return rc;
    c->head_bytes = 0;
    struct err e;
    if (wire_get_head(h, c->head, &e))
        return fail(FMNIST_EPROTO, "%s", e.text);
    return h->type == WIRE_ERROR ? take_error(c, h->body_bytes) : FMNIST_OK;
}

int connection_send_rest(struct connection *c, uint16_t type, const void *body, uint32_t size,
                         size_t *sent, uint32_t timeout_ms)
{
    if (c->fd < 0)
        return dead();
    uint8_t head[WIRE_HEAD_SIZE];
    wire_put_head(head, type, size);
    struct deadline deadline = {timeout_ms, 0};
    while (*sent < sizeof head + size) {
        size_t of_head = *sent < sizeof head ? *sent : sizeof head;
        size_t of_body = *sent - of_head;
        struct iovec parts[] = {{head + of_head, sizeof head - of_head},
                                {size ? (char *)body + of_body : NULL, size - of_body}};
        ssize_t n = socket_send(c->fd, parts, 2);
        if (n == -EAGAIN) {
            int rc = wait_for(c, POLLOUT, &deadline);
            if (rc)
                return rc;
            continue;
        }
        if (n == -EPIPE || n == -ECONNRESET)
            return dead();
        if (n < 0)
            return fail(n == -ENOMEM || n == -ENOBUFS ? FMNIST_ENOMEM : FMNIST_EIO, "sending: %s",
                        strerror((int)-n));
        *sent += (size_t)n;
    }
    return FMNIST_OK;
}

int connection_send(struct connection *c, uint16_t type, const void *body, uint32_t size)
{
    size_t sent = 0;
    return connection_send_rest(c, type, body, size, &sent, c->timeout_ms);
}

bool connection_kick(struct connection *c)
{
    uint8_t head[WIRE_HEAD_SIZE];
    wire_put_head(head, WIRE_KICK, 0);
    struct iovec part = {head, sizeof head};
    /* So few bytes are sent together or not at all. */
    ssize_t n = c->fd < 0 ? 0 : socket_send(c->fd, &part, 1);
    FAULT_POINT("kicked");
    return n != -ENOBUFS && n != -ENOMEM && n != -EAGAIN;
}

int connection_reply(struct connection *c, int sent, struct reply *reply)
{
    if (sent && sent != FMNIST_EDEAD)
        return sent;
    struct wire_head h;
    reply->body = NULL;
    reply->fd_count = reply->fd_room;
    int rc = connection_head(c, c->timeout_ms, &h, reply->fds, &reply->fd_count);
    if (rc)
        return rc;
    if (h.body_bytes > WIRE_REPLY_MAX)
        return fail(FMNIST_EPROTO, "reply of type %u with %u bytes", h.type, h.body_bytes);
    reply->body = malloc(h.body_bytes + 1);
    if (!reply->body)
        return fail(FMNIST_ENOMEM, "out of memory");
    rc = connection_body(c, reply->body, h.body_bytes);
    if (rc) {
        free(reply->body);
        reply->body = NULL;
        return rc;
    }
    reply->body[h.body_bytes] = 0;
    reply->type = h.type;
    reply->size = h.body_bytes;
    return FMNIST_OK;
}

int connection_ask(struct connection *c, uint16_t type, const void *body, uint32_t size,
                   uint16_t reply_type, uint8_t **reply, size_t *reply_size)
{
    struct reply r = {.fds = NULL};
    int rc = connection_reply(c, connection_send(c, type, body, size), &r);
    bool refused = !rc && r.type == WIRE_REFUSED;
    if (refused)
        rc = told(r.body, r.size);
    else if (!rc && r.type != reply_type)
        rc = fail(FMNIST_EPROTO, "reply of type %u, want type %u", r.type, reply_type);
    if (rc) {
        free(r.body);
        r.body = NULL;
    }
    if (rc == FMNIST_EPROTO || (rc && !refused))
        connection_close(c);
    *reply = r.body;
    *reply_size = r.size;
    return rc;
}

static int dial(struct connection *c, const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    _Static_assert(sizeof a.sun_path == SOCKET_PATH_SIZE, "what was checked fits");
    strcpy(a.sun_path, path);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd < 0 && (errno == EMFILE || errno == ENFILE))
        return no_descriptors_here(errno);
    if (c->fd < 0)
        return fail(FMNIST_ENOMEM, "socket: %s", strerror(errno));
    struct deadline deadline = {c->timeout_ms, 0};
    FAULT_POINT("before connect");
    while (connect(c->fd, (struct sockaddr *)&a, sizeof a) < 0) {
        if (errno == EINTR)
            continue;
        /* A full backlog: there is nothing to poll for, so try again. */
        if (errno == EAGAIN && clock_ns() < end_of(&deadline)) {
            poll(NULL, 0, 5);
            continue;
        }
        if (errno == EAGAIN)
            return fail(FMNIST_ETIMEDOUT, "%s: the daemon takes no connections", path);
        return unreachable(path, errno);
    }
    FAULT_POINT("connected");
    return FMNIST_OK;
}

int connection_greet(struct connection *c, const char *path, uint32_t timeout_ms)
{
    *c = (struct connection){.fd = -1, .timeout_ms = timeout_ms};
    int rc = dial(c, path);
    uint8_t version[4] = {WIRE_VERSION};
    if (!rc)
        rc = connection_send(c, WIRE_HELLO, version, sizeof version);
    FAULT_POINT("hello sent");
    if (rc == FMNIST_EDEAD)
        return FMNIST_OK; /* why it hung up is there to be received */
    if (rc)
        connection_close(c);
    return rc;
}

int connection_welcome(struct connection *c)
{
    struct reply r = {.fds = NULL};
    int rc = connection_reply(c, FMNIST_OK, &r);
    if (!rc && r.type != WIRE_WELCOME)
        rc = fail(FMNIST_EPROTO, "reply of type %u, want type %u", r.type, WIRE_WELCOME);
    free(r.body);
    FAULT_POINT("welcomed");
    if (rc && rc != FMNIST_ETIMEDOUT)
        connection_close(c);
    return rc;
}

int connection_open(struct connection *c, const char *path, uint32_t timeout_ms)
{
    int rc = connection_greet(c, path, timeout_ms);
    if (!rc)
        rc = connection_welcome(c);
    if (rc)
        connection_close(c);
    return rc;
}

void connection_hang_up(struct connection *c, const struct fork_guard *g)
{
    if (c->fd >= 0 && !fork_guard_forked(g))
        shutdown(c->fd, SHUT_RDWR);
    FAULT_POINT("shut down, not closed");
    connection_close(c);
}

void connection_close(struct connection *c)
{
    fd_close(&c->fd);
}
