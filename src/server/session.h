/* server/session.h — one connection: its requests, its replies, its stream.
 *
 *                                     UPLOADING: handshake_ms without a byte
 *                        list unknown ▲ │ whole list
 *                                     │ ▼
 *     HELLO ──hello──► IDLE ──open──► OPENING ──job done──► STREAMING
 *       │ handshake_ms    │ datasets, status, reload           │ kicks, offers (shm),
 *       │                 │                                    │ batches (inline)
 *       └────────── anything wrong: one error frame, then the end ──────────┘
 *
 * A session has at most one reply under way and reads nothing more until that is sent, so a client
 * that sends requests and never reads costs one reply. Whatever a client does wrong ends its own
 * session only.
 *
 * A session that waits for a neighbour at its ring longer than it may (consumer.h) is moved: a
 * worker finds or makes another ring of the same bytes, beginning where the session waits, and the
 * client is offered it (WIRE_OFFER). The session keeps both places until the client says which it
 * left (WIRE_LEAVE), so that no batch which it holds changes.
 *
 * Threads: the loop thread.
 */
#ifndef SERVER_SESSION_H
#define SERVER_SESSION_H

#include "server/server.h"

#include <sys/types.h>

/* Takes over a connected descriptor. Errors: -ENOMEM, -EMFILE; the descriptor is closed then. */
int session_new(struct server *server, int fd, uid_t uid, pid_t pid, struct err *e);

/* Ends the session; what it holds goes back. `why` (may be NULL) is told to the client first, as
 * far as that goes without waiting. */
void session_close(struct session *s, int code, const char *why);

/* News of a session's consumer: it failed, or its socket is full. */
void session_event(struct consumer *consumer);

/* Walking them, for the status. */
struct session *session_next(const struct session *s);

struct session_stats {
    uint64_t id;
    uid_t uid;
    pid_t pid;
    struct consumer *consumer; /* NULL: no stream */
    uint64_t first;            /* the stream's first batch */
    uint64_t stream_ns;        /* since it was opened */
    uint64_t waited_ns; /* of it, that the client waited: as it says (shm), or sender.h says */
    uint64_t waits;
    uint64_t upload_bytes; /* of the list that it sends; 0: it sends none */
};
void session_stats(const struct session *s, struct session_stats *f);

#endif
