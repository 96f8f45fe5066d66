/* SPDX-License-Identifier: MIT */
/* session/frames.h — the requests of one client, taken out of its socket's bytes.
 *
 * Shape: bytes[0 .. size) came and are not used; a frame begins at `used`.
 * Invariant: used <= size <= sizeof bytes.
 * Threads: the loop thread.
 */
#ifndef SESSION_FRAMES_H
#define SESSION_FRAMES_H

#include "wire/message.h"

#include <sys/types.h>

struct frames {
    size_t used, size;
    uint8_t bytes[WIRE_HEAD_SIZE + WIRE_REQUEST_MAX];
};

/* Reads what there is room for. Returns what socket_receive does; -ENOBUFS: there is no room. */
ssize_t frames_receive(struct frames *f, int fd);

/* The head of the next frame, whose body may still be on its way. Returns FRAMES_HEAD, or 0 where
 * there is none. Errors: -EPROTO for one that is malformed. */
#define FRAMES_HEAD 1
int frames_head(const struct frames *f, struct wire_head *h, struct err *e);

/* Takes the next frame, whose head is `h`. Returns its body, valid until frames_compact; NULL:
 * there is more to come. */
const uint8_t *frames_take(struct frames *f, const struct wire_head *h);

/* Takes the head alone; what is there of the body follows in *body. Returns how much that is. */
size_t frames_take_head(struct frames *f, const uint8_t **body);

/* So many bytes behind a head that was taken alone are used. */
void frames_skip(struct frames *f, size_t bytes);

/* Makes room of what was used. */
void frames_compact(struct frames *f);

/* Bytes that wait. */
static inline size_t frames_left(const struct frames *f)
{
    return f->size - f->used;
}

#endif
