/* SPDX-License-Identifier: MIT */
/* session/reply.h — one reply on its way to a client, with the descriptors that it lends.
 *
 * Shape: a frame; the head goes first, and gets the body's length last. A body that many are sent
 * is one piece of memory, behind `out`, which then is the head alone. Invariant: sent <= out.size +
 * shared's size; 0 < out.size: a reply is under way. Threads: the loop thread. Memory: the bytes,
 * and a use of the shared ones; descriptors are the stream's.
 */
#ifndef SESSION_REPLY_H
#define SESSION_REPLY_H

#include "wire/message.h"

/* A body that several replies send. */
struct reply_body;

/* Of what is in `made`, which is empty afterwards. The caller has a use. NULL: out of memory, or
 * `made` has failed. */
struct reply_body *reply_body_new(struct wire_buffer *made);

/* A use less. Accepts NULL. */
void reply_body_put(struct reply_body *b);

struct reply {
    struct wire_buffer out; /* head included */
    struct reply_body *shared;
    size_t sent;
    int fds[2]; /* borrowed; travel with the first byte */
    size_t fd_count;
};

static inline bool reply_is_under_way(const struct reply *r)
{
    return r->out.size > 0;
}

/* Begins a frame, whose body is then added to r->out. None may be under way. */
void reply_begin(struct reply *r, uint16_t type);

/* The body is whole. Errors: -ENOMEM where it could not be built. */
int reply_finish(struct reply *r);

/* The same for a body that others send too. */
int reply_share(struct reply *r, uint16_t type, struct reply_body *body);

/* The next frame carries these. */
void reply_lend(struct reply *r, int first_fd, int second_fd);

/* Sends as much as goes now. Returns 0: all; -EAGAIN: the socket is full; or another negative errno
 * value: the client is gone. */
int reply_send(struct reply *r, int fd);

void reply_free(struct reply *r);

#endif
