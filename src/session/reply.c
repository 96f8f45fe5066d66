/* SPDX-License-Identifier: MIT */
/* Builds and sends a reply. Does not wait: whoever owns the socket does. */
#include "session/reply.h"

#include "wire/socket.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>

struct reply_body {
    unsigned uses;
    struct wire_buffer made;
};

struct reply_body *reply_body_new(struct wire_buffer *made)
{
    struct reply_body *b = made->failed ? NULL : calloc(1, sizeof *b);
    if (b)
        *b = (struct reply_body){.uses = 1, .made = *made};
    else
        wire_buffer_free(made);
    *made = (struct wire_buffer){0};
    return b;
}

void reply_body_put(struct reply_body *b)
{
    if (!b || --b->uses)
        return;
    wire_buffer_free(&b->made);
    free(b);
}

void reply_begin(struct reply *r, uint16_t type)
{
    assert(r->out.size == 0 && r->sent == 0);
    uint8_t head[WIRE_HEAD_SIZE];
    wire_put_head(head, type, 0);
    wire_add(&r->out, head, sizeof head);
}

int reply_finish(struct reply *r)
{
    if (r->out.failed)
        return -ENOMEM;
    assert(r->out.size >= WIRE_HEAD_SIZE);
    uint16_t type = (uint16_t)(r->out.bytes[4] | r->out.bytes[5] << 8);
    wire_put_head(r->out.bytes, type, (uint32_t)(r->out.size - WIRE_HEAD_SIZE));
    return 0;
}

int reply_share(struct reply *r, uint16_t type, struct reply_body *body)
{
    reply_begin(r, type);
    if (r->out.failed)
        return -ENOMEM;
    wire_put_head(r->out.bytes, type, (uint32_t)body->made.size);
    body->uses++;
    r->shared = body;
    return 0;
}

void reply_lend(struct reply *r, int first_fd, int second_fd)
{
    assert(r->fd_count == 0 && first_fd >= 0 && second_fd >= 0);
    r->fds[0] = first_fd;
    r->fds[1] = second_fd;
    r->fd_count = 2;
}

/* What is left to be sent, in two pieces at most. Returns how many. */
static size_t parts_left(const struct reply *r, struct iovec parts[2])
{
    size_t own = r->out.size, n = 0;
    if (r->sent < own)
        parts[n++] = (struct iovec){r->out.bytes + r->sent, own - r->sent};
    if (r->shared) {
        size_t at = r->sent < own ? 0 : r->sent - own;
        if (at < r->shared->made.size)
            parts[n++] = (struct iovec){r->shared->made.bytes + at, r->shared->made.size - at};
    }
    return n;
}

int reply_send(struct reply *r, int fd)
{
    struct iovec parts[2];
    for (size_t count; (count = parts_left(r, parts));) {
        ssize_t n = r->fd_count ? socket_send_fds(fd, parts[0].iov_base, parts[0].iov_len, r->fds,
                                                  r->fd_count)
                                : socket_send(fd, parts, count);
        if (n < 0)
            return (int)n;
        r->fd_count = 0;
        r->sent += (size_t)n;
    }
    r->out.size = r->sent = 0;
    reply_body_put(r->shared);
    r->shared = NULL;
    return 0;
}

void reply_free(struct reply *r)
{
    reply_body_put(r->shared);
    wire_buffer_free(&r->out);
}
