/* SPDX-License-Identifier: MIT */
/* Cuts frames out of a stream of bytes. Does not know what they ask for. */
#include "session/frames.h"

#include "wire/socket.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static void check(const struct frames *f)
{
    assert(f->used <= f->size && f->size <= sizeof f->bytes);
}

ssize_t frames_receive(struct frames *f, int fd)
{
    check(f);
    if (f->size == sizeof f->bytes)
        return -ENOBUFS;
    ssize_t n = socket_receive(fd, f->bytes + f->size, sizeof f->bytes - f->size);
    if (n > 0)
        f->size += (size_t)n;
    check(f);
    return n;
}

int frames_head(const struct frames *f, struct wire_head *h, struct err *e)
{
    if (frames_left(f) < WIRE_HEAD_SIZE)
        return 0;
    int rc = wire_get_head(h, f->bytes + f->used, e);
    if (rc)
        return rc;
    return FRAMES_HEAD;
}

const uint8_t *frames_take(struct frames *f, const struct wire_head *h)
{
    assert(h->body_bytes <= WIRE_REQUEST_MAX);
    if (frames_left(f) < WIRE_HEAD_SIZE + h->body_bytes)
        return NULL;
    const uint8_t *body = f->bytes + f->used + WIRE_HEAD_SIZE;
    f->used += WIRE_HEAD_SIZE + h->body_bytes;
    check(f);
    return body;
}

size_t frames_take_head(struct frames *f, const uint8_t **body)
{
    assert(frames_left(f) >= WIRE_HEAD_SIZE);
    f->used += WIRE_HEAD_SIZE;
    *body = f->bytes + f->used;
    return frames_left(f);
}

void frames_skip(struct frames *f, size_t bytes)
{
    assert(bytes <= frames_left(f));
    f->used += bytes;
}

void frames_compact(struct frames *f)
{
    memmove(f->bytes, f->bytes + f->used, frames_left(f));
    f->size -= f->used;
    f->used = 0;
    check(f);
}
