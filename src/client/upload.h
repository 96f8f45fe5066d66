/* SPDX-License-Identifier: MIT */
/* client/upload.h — asking for a stream, and sending the list that it needs.
 *
 *     open ──► (the daemon does not know the list) want list ──► list, list, … ──► opened
 *          └─► (it does, or there is none) ───────────────────────────────────────► opened
 *
 * Threads: the connection's owner.
 */
#ifndef CLIENT_UPLOAD_H
#define CLIENT_UPLOAD_H

#include "client/client.h"

/* How much of a list was sent. */
struct upload {
    uint64_t numbers; /* in whole frames: of the indices, the lengths, the values */
    size_t bytes;     /* of the frame behind them */
};

/* Sends the list from there on. FMNIST_ETIMEDOUT: call again. Blocks: at most timeout_ms. */
int upload_list(struct connection *c, const struct list *list, struct upload *u,
                uint32_t timeout_ms);

/* What an answer says of the stream. Errors: FMNIST_EPROTO for another answer. */
int upload_opened(const struct reply *reply, struct wire_opened *opened);

/* The daemon's answer to a request; `list` is sent where the daemon wants it, and may be empty.
 * Descriptors come as with connection_reply. A connection without its answer is closed.
 * Blocks: for each part at most timeout_ms, and for the whole list. */
int upload_open(struct connection *c, const struct wire_open *request, const struct list *list,
                struct wire_opened *opened, int fds[2], size_t *fd_count);

#endif
