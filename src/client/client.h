/* SPDX-License-Identifier: MIT */
/* client/client.h — the library's insides: connections, handles, the last error.
 *
 * Threads: a handle by one thread at a time; the last error is the thread's own.
 */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include "base/adaptive_spin.h"
#include "client/fail.h"
#include "client/fork_guard.h"
#include "fmnist.h"
#include "wire/message.h"

#include <stdbool.h>
#include <stdint.h>

#define SOCKET_PATH_SIZE 108

/* ---- a connection -------------------------------------------------------------------------- */

struct connection {
    int fd; /* owned; -1: closed */
    uint32_t timeout_ms;
    uint8_t head[WIRE_HEAD_SIZE]; /* of the frame being received */
    size_t head_bytes;
    struct adaptive_spin spins; /* whether looking again before sleeping pays */
};

/* Connects and asks for the handshake; connection_welcome receives its answer. With a timeout_ms of
 * 0 neither blocks. A connection that fails is closed, but for FMNIST_ETIMEDOUT of
 * connection_welcome where the fd is still open: call again. */
int connection_greet(struct connection *c, const char *path, uint32_t timeout_ms);
int connection_welcome(struct connection *c);

/* Both. */
int connection_open(struct connection *c, const char *path, uint32_t timeout_ms);
void connection_close(struct connection *c);

/* The same, telling the daemon even where a forked child has the socket too; not in that child. */
void connection_hang_up(struct connection *c, const struct fork_guard *g);

/* Sends one frame, whatever its size. Blocks: at most timeout_ms. */
int connection_send(struct connection *c, uint16_t type, const void *body, uint32_t size);

/* The same from byte *sent of the frame on, which goes on with what was sent: on FMNIST_ETIMEDOUT
 * the rest can be sent later. */
int connection_send_rest(struct connection *c, uint16_t type, const void *body, uint32_t size,
                         size_t *sent, uint32_t timeout_ms);

/* Asks the daemon to look at the tails. A daemon that is gone is the next call's to tell. Returns
 * false where the system had no memory or the socket no room for it: it is to be sent again. Never
 * blocks. */
bool connection_kick(struct connection *c);

/* Receives a frame's head. *fd_count descriptors may come with it; it says how many did. An error
 * frame is taken whole, and becomes this call's result. Errors: FMNIST_ETIMEDOUT with nothing lost
 * (call again), FMNIST_EDEAD, FMNIST_EPROTO. Blocks: at most timeout_ms. */
int connection_head(struct connection *c, uint32_t timeout_ms, struct wire_head *h, int *fds,
                    size_t *fd_count);

/* Receives exactly `size` bytes of a body. Blocks: at most the connection's timeout_ms. */
int connection_body(struct connection *c, void *body, size_t size);

/* The same, taking what is there of the next frame's head in the same system call. Only where no
 * frame that follows brings descriptors: their place is not known yet. */
int connection_batch(struct connection *c, void *body, size_t size);

/* A whole reply but for a batch. */
struct reply {
    uint16_t type;
    uint8_t *body; /* malloc'd, the caller's; NULL on failure */
    size_t size;
    int *fds; /* [fd_room], where descriptors go */
    size_t fd_room, fd_count;
};

/* Receives the reply to what connection_send, which returned `sent`, sent before: a daemon that
 * refuses us says why before it hangs up, and sending may already fail then. `fds` and `fd_room`
 * are the caller's to set. */
int connection_reply(struct connection *c, int sent, struct reply *reply);

/* Sends a request and receives its reply, malloc'd. A request that is left without its reply
 * closes the connection; one that is refused with WIRE_REFUSED has had it. */
int connection_ask(struct connection *c, uint16_t type, const void *body, uint32_t size,
                   uint16_t reply_type, uint8_t **reply, size_t *reply_size);

/* The first stream takes the connection over; what needs one behind that makes another. */
struct fmnist_client {
    struct connection connection;
    struct fork_guard guard;
    char path[SOCKET_PATH_SIZE];
    uint32_t timeout_ms;
    int64_t reconnect_ms; /* of its streams; negative: none */
};

/* How often the next daemon was asked, and what the first one's end was. Of one call of the
 * program, whatever that has to send; zeroed at its start. */
struct next_daemon {
    unsigned asked;
    char why[ERR_TEXT_SIZE];
};

/* Makes a connection where there is none, or where the one that there is has ended. */
int client_connect(struct fmnist_client *client, struct next_daemon *next);

/* Whether *rc is the end of a daemon that took a connection in and did not answer any more, so that
 * the next one is to be asked: one that a service manager keeps the socket for is there soon, and
 * connecting waits for it. Where none is, *rc becomes FMNIST_EDEAD again, with its text, and nobody
 * is asked any more. */
bool client_asks_next(const struct fmnist_client *client, struct next_daemon *n, int *rc);

#endif
